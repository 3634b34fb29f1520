//! What is shown has no secrets: the one place that takes them out of targets, URLs, connection strings, headers,
//! variables and options, whatever error, log or file they are in.
//!
//! It looks at texts, because most secrets reach an error inside one. It rather masks too much than too little, and never
//! the host of a target, which the reader needs.

use std::borrow::Cow;

/// What replaces a secret in everything that is shown.
pub(crate) const MASK: &str = "***";

/// Ends of names whose values are secrets, in lower case and without `-`, `_` and `.`: `PGPASSWORD`, `X-Auth-Token`.
const SECRET_ENDS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secrets",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "subscriptionkey",
    "jwt",
    "signature",
    "credential",
    "credentials",
];
/// Whole names of the same kind that are too short to be ends of others.
const SECRET_NAMES: [&str; 6] = ["pass", "pw", "authorization", "cookie", "setcookie", "proxyauthorization"];
/// Parameters of a query that are secrets there only: elsewhere they are words of a sentence, as in `KEY=VALUE`.
const SECRET_PARAMETERS: [&str; 6] = ["key", "sig", "auth", "session", "sessionid", "sid"];
/// Whole names whose values follow a colon: headers. Others do so only with a dash, as in `X-Api-Key`.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "apikey"];
/// Schemes of the Authorization header (RFC 9110, 11.6.2), before their credentials.
const AUTHORIZATION_SCHEMES: [&str; 4] = ["bearer ", "basic ", "digest ", "negotiate "];
/// Shorter words after a scheme are part of a sentence.
const MIN_CREDENTIALS: usize = 4;

/// A text without the secrets in it.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    if !may_have_secret(text) {
        return Cow::Borrowed(text);
    }
    let text = without_urls(text);
    let text = without_user_info(&text);
    let text = without_assignments(&text);
    let text = without_headers(&text);
    let text = without_credentials(&text);
    Cow::Owned(without_tokens(&text).into_owned())
}

/// A target, a URL or another value as a whole, without its secrets: blanks in it do not end it.
pub(crate) fn redacted_url(text: &str) -> Cow<'_, str> {
    match url(text) {
        Cow::Borrowed(text) => redacted(text),
        Cow::Owned(text) => Cow::Owned(redacted(&text).into_owned()),
    }
}

/// A path whose query has no secrets.
pub(crate) fn redacted_query(tail: &str) -> Cow<'_, str> {
    let Some((path, query)) = tail.split_once('?') else { return Cow::Borrowed(tail) };
    if !query.split('&').any(is_secret_parameter) {
        return Cow::Borrowed(tail);
    }
    let parameters: Vec<String> = query.split('&').map(redacted_parameter).collect();
    Cow::Owned(format!("{path}?{}", parameters.join("&")))
}

/// Whether a closer look is worth it: most texts have none of these.
fn may_have_secret(text: &str) -> bool {
    text.contains(['@', '=', ':']) || has_token(text) || find_scheme(text).is_some()
}

/// A URL without its user, its password and the secrets of its query.
fn url(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);

    // A password with an unescaped slash reaches beyond what a parser takes for the host.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_host = authority.ends_with(']')
        || !authority.contains(char::is_whitespace) && port.bytes().all(|byte| byte.is_ascii_digit());
    let at = authority.rfind('@').or_else(|| if is_host { None } else { rest.rfind('@') });
    // One slash too many, or too few, moves the host into the path.
    let at = at.or_else(|| rest.rfind('@').filter(|at| authority.is_empty() && rest[..*at].contains(':')));
    // Without any @, it may be the beginning of a URL that something else cut.
    let at = at.map(|at| rest[at + 1..].rfind('@').filter(|_| !is_host).map_or(at, |more| at + 1 + more));

    let after = at.map_or(authority, |at| rest.get(at..end).unwrap_or(&rest[at..]));
    let tail = if at.is_some_and(|at| at >= end) { "" } else { tail };
    let tail = redacted_query(tail);
    if at.is_none() && matches!(tail, Cow::Borrowed(_)) {
        return Cow::Borrowed(url);
    }
    Cow::Owned(format!("{scheme}://{}{after}{tail}", if at.is_some() { MASK } else { "" }))
}

fn is_secret_parameter(parameter: &str) -> bool {
    let name = parameter.split_once('=').map_or("", |(name, _)| name);
    is_secret_name(name) || SECRET_PARAMETERS.contains(&normalized(name).as_str())
}

fn redacted_parameter(parameter: &str) -> String {
    match parameter.split_once('=').filter(|_| is_secret_parameter(parameter)) {
        // What follows the value belongs to the sentence around the URL.
        Some((name, value)) => {
            let after = value.find(['#', '\'', '"', ' ']).map_or("", |at| &value[at..]);
            format!("{name}={MASK}{after}")
        }
        None => parameter.to_owned(),
    }
}

/// Whether a name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = normalized(name);
    SECRET_NAMES.contains(&name.as_str()) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

fn normalized(name: &str) -> String {
    let name = if name.contains('%') { unescaped(name) } else { name.to_owned() };
    // `user[password]` is a field of a form.
    name.to_ascii_lowercase().replace(['-', '_', '.', '[', ']'], "")
}

/// The name in a query (RFC 3986, 2.1).
fn unescaped(name: &str) -> String {
    let pairs = url::form_urlencoded::parse(name.as_bytes());
    pairs.map(|(name, _)| name.into_owned()).collect()
}

/// Masks the secrets of each URL in a text. A URL ends at its closing quote, or at a blank.
fn without_urls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = word_start(&rest[..at], "+-.");
        let quote = rest[..start].chars().next_back().filter(|&quote| is_quote(quote));
        let end = at + url_length(&rest[at..], quote);

        shown.push_str(&rest[..start]);
        shown.push_str(&url(&rest[start..end]));
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// Where the word that a text ends with begins: letters, digits, and some other characters.
fn word_start(text: &str, others: &str) -> usize {
    let kept = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || others.contains(c));
    kept.len()
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// How far a URL reaches, from its `://`.
fn url_length(text: &str, quote: Option<char>) -> usize {
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    match quote.and_then(|quote| text.find(quote)) {
        // A password may hold the quote itself.
        Some(close) if close < blank => {
            let host = text[..blank].rfind('@').filter(|at| *at > close);
            host.map_or(close, |at| host_end(text, at, blank))
        }
        Some(close) => close,
        None => blank,
    }
}

/// Where the host after an `@` ends.
fn host_end(text: &str, at: usize, blank: usize) -> usize {
    let host = &text[at..blank];
    at + host.find(|c: char| is_quote(c)).unwrap_or(host.len())
}

/// Masks `user:password@` in front of a host without a scheme: `u:pw@db:5432`, `u:pw@tcp(db:3306)/shop`.
fn without_user_info(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|word| masked_user(word).unwrap_or_else(|| word.to_owned())).collect()
}

fn masked_user(word: &str) -> Option<String> {
    let at = word.rfind('@').filter(|_| !word.contains("://"))?;
    let before = &word[..at];
    // What an option or a quote begins is not part of the user.
    let start = before.find(|c: char| is_quote(c) || matches!(c, '(' | '='));
    let start = start.filter(|&start| !before[..start].contains(':')).map_or(0, |start| start + 1);
    let user = &before[start..];
    let has_password = (user.contains(':') && !user.ends_with(MASK)) || is_oracle_user(user, &word[at + 1..]);
    has_password.then(|| format!("{}{MASK}{}", &word[..start], &word[at..]))
}

/// Whether this is the user of Oracle's `scott/tiger@db:1521/shop`. A digest of an image stands behind an `@` too, but has no
/// port.
fn is_oracle_user(user: &str, place: &str) -> bool {
    let Some((name, password)) = user.split_once('/') else { return false };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#'));
    let port = place.split_once(':').map_or("", |(_, port)| port);
    let end = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
    let has_port = (1..=5).contains(&end) && !port[end..].starts_with(char::is_alphanumeric);
    is_name && !password.is_empty() && has_port
}

/// Masks the value of each `name=value` whose name says that it is a secret, with quotes and blanks as in TOML, libpq's
/// connection strings and shells.
fn without_assignments(text: &str) -> String {
    masked_after(text, '=', |name, _| is_secret_name(name), |value, _| value_length(value))
}

/// Masks the values of headers, and of quoted names as in JSON: `Authorization: Bearer x`, `"password":"x"`.
fn without_headers(text: &str) -> String {
    masked_after(text, ':', is_secret_header, |value, is_quoted| match is_quoted {
        _ if value.starts_with(is_quote) => value_length(value),
        true => bare_length(value),
        false => header_length(value),
    })
}

/// The length of a value without quotes behind a quoted name, as in YAML; 0 if a sentence goes on: `'token': not found`.
fn bare_length(value: &str) -> usize {
    let length = value_length(value);
    let is_whole = value[length..].chars().next().is_none_or(|next| matches!(next, '\n' | ',' | '}' | '"' | '\''));
    if is_whole { length } else { 0 }
}

fn is_secret_header(name: &str, is_quoted: bool) -> bool {
    let is_header = name.contains('-') && !name.starts_with('-') || SECRET_HEADERS.contains(&normalized(name).as_str());
    is_secret_name(name) && (is_header || is_quoted)
}

/// A header's value reaches to the quote around the header, or to the end of the line.
fn header_length(value: &str) -> usize {
    value.find(|c: char| is_quote(c) || c == '\n').unwrap_or(value.len())
}

/// Masks the values after a separator. `is_secret`: of a name, and whether quotes close before the separator; `length`: of
/// the value that a text begins with.
fn masked_after(
    text: &str,
    separator: char,
    is_secret: impl Fn(&str, bool) -> bool,
    length: impl Fn(&str, bool) -> usize,
) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(separator) {
        let (name, is_quoted) = name_before(&rest[..at]);
        let after = &rest[at + separator.len_utf8()..];
        let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
        let value = &after[blanks..];
        let end = at + separator.len_utf8() + blanks;

        // `${API_KEY:-default}` names a variable, and has no value of it.
        let is_variable = rest[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').ends_with("${");
        let is_masked = is_secret(name, is_quoted) && !value.starts_with(MASK) && !is_variable;
        let masked = if is_masked { length(value, is_quoted) } else { 0 };
        shown.push_str(&rest[..end]);
        if masked > 0 {
            shown.push_str(MASK);
        }
        rest = &rest[end + masked..];
    }
    shown.push_str(rest);
    shown
}

/// The name that a text ends with, and whether it stands in quotes.
fn name_before(text: &str) -> (&str, bool) {
    let trimmed = text.trim_end_matches([' ', '\t']);
    let name = trimmed.trim_end_matches(['"', '\'']);
    let start = word_start(name, "_-.");
    // A longer text in quotes that ends with such a name, such as a path, is no name.
    let is_quoted = name.len() < trimmed.len() && name[..start].ends_with(['"', '\'']);
    (&name[start..], is_quoted)
}

/// The length of a value: to its closing quote, or to what separates it from the next.
fn value_length(value: &str) -> usize {
    match value.chars().next() {
        Some(quote) if is_quote(quote) => closing_quote(&value[1..], quote).map_or(value.len(), |close| close + 2),
        Some(_) => value.find([' ', '\t', '\n', '&', ';', ',', ')', '\'', '"', '#']).unwrap_or(value.len()),
        None => 0,
    }
}

/// The next quote that no backslash escapes.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        closes.then_some(at)
    })
}

/// Masks the credentials after `Bearer`, `Basic` and the like, wherever they stand.
fn without_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(end) = find_scheme(rest) {
        let (before, after) = rest.split_at(end);
        shown.push_str(before);
        let length = after.find(|c: char| c.is_whitespace() || is_quote(c) || ",;".contains(c)).unwrap_or(after.len());
        let word = &after[..length];
        // A word of a sentence is lower case and has no digit.
        let is_secret = length >= MIN_CREDENTIALS && word.contains(|c: char| !c.is_ascii_lowercase());
        shown.push_str(if is_secret { MASK } else { word });
        rest = &after[length..];
    }
    shown.push_str(rest);

    shown
}

/// The end of the first name of an authorization scheme that begins a word.
fn find_scheme(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let found = AUTHORIZATION_SCHEMES
        .iter()
        .flat_map(|scheme| lower.match_indices(scheme).map(|(at, scheme)| (at, at + scheme.len())).collect::<Vec<_>>());
    let begins = |at: usize| !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    found.filter(|&(at, _)| begins(at)).map(|(_, end)| end).min()
}

/// Masks what is a secret by its form: JSON web tokens, and portolan's own API keys, whose id stays.
pub(crate) fn without_tokens(text: &str) -> Cow<'_, str> {
    if !has_token(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(rest.len());
        shown.push_str(&masked_token(&rest[..word]));
        let next = rest[word..].chars().next().map_or(0, char::len_utf8);
        shown.push_str(&rest[word..word + next]);
        rest = &rest[word + next..];
    }
    Cow::Owned(shown)
}

/// Whether there is the beginning of an API key or a JSON web token.
fn has_token(text: &str) -> bool {
    text.contains("ptl_") || text.contains("eyJ")
}

fn masked_token(word: &str) -> Cow<'_, str> {
    if word.starts_with("eyJ") && word.split('.').count() == 3 {
        return Cow::Borrowed(MASK);
    }
    match word.strip_prefix("ptl_").and_then(|rest| rest.split_once('_')) {
        Some((id, secret)) if !secret.is_empty() => Cow::Owned(format!("ptl_{id}_{MASK}")),
        _ => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests;
