//! Cookies within one redirect chain, as a browser keeps them (RFC 6265).

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use url::Url;

/// The cookies that the servers of a chain have set.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(Vec<Cookie>);

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    /// Whether the hosts below `host` get it too.
    with_subdomains: bool,
    path: String,
    /// Whether only https may carry it.
    is_secure: bool,
}

/// As many as browsers keep for one host (RFC 6265, 6.1).
const MAX_COOKIES: usize = 50;
/// The longest cookie with its attributes, as in browsers.
const MAX_COOKIE_BYTES: usize = 4096;

impl CookieJar {
    /// Keeps the cookies of a response from `url`, the values of its `Set-Cookie` headers.
    pub(super) fn store<'v>(&mut self, url: &Url, values: impl Iterator<Item = &'v [u8]>, now: Timestamp) {
        for value in values.filter(|value| value.len() <= MAX_COOKIE_BYTES && value.iter().all(is_sendable)) {
            let Some((cookie, is_over)) = str::from_utf8(value).ok().and_then(|text| parse(text, url, now)) else {
                continue;
            };

            self.0.retain(|old| (&old.name, &old.host, &old.path) != (&cookie.name, &cookie.host, &cookie.path));
            if !is_over && self.0.len() < MAX_COOKIES {
                self.0.push(cookie);
            }
        }
    }

    /// The value of the `Cookie` header for a request of `url`, if there is one.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let mut cookies: Vec<&Cookie> = self.0.iter().filter(|cookie| cookie.belongs_to(url)).collect();
        // Longer paths come first (RFC 6265, 5.4).
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));

        let pairs: Vec<String> = cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    fn belongs_to(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = host == self.host || self.with_subdomains && is_below(host, &self.host);
        let rest = url.path().strip_prefix(self.path.as_str());
        let is_path = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        is_host && is_path && (!self.is_secure || url.scheme() == "https")
    }
}

/// Whether a byte may stand in a header.
fn is_sendable(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Whether a host name is below a domain.
fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.ends_with('.')) && host.trim_matches(['[', ']']).parse::<IpAddr>().is_err()
}

/// A cookie, and whether its time is over; `None` if it is invalid or belongs to another host.
fn parse(text: &str, url: &Url, now: Timestamp) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let host = url.host_str()?;
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        host: host.to_owned(),
        with_subdomains: false,
        path: default_path(url),
        is_secure: false,
    };
    if cookie.name.is_empty() {
        return None;
    }

    let (mut expires, mut max_age) = (None, None);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "secure" => cookie.is_secure = true,
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
            "expires" => expires = date(value).or(expires),
            "domain" if !value.is_empty() => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                // A domain without a dot is a whole top-level domain.
                cookie.with_subdomains = domain.contains('.') && (domain == host || is_below(host, &domain));
                if !cookie.with_subdomains && domain != host {
                    return None;
                }
                cookie.host = domain;
            }
            _ => {}
        }
    }

    let is_over = match max_age {
        Some(seconds) => seconds <= 0,
        None => expires.is_some_and(|expires| expires <= now),
    };
    Some((cookie, is_over))
}

/// The folder of a URL's path (RFC 6265, 5.1.4).
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

/// A date as servers write it: `Thu, 01 Jan 1970 00:00:00 GMT`, or with hyphens. The weekday is not needed.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.split_once(", ").map_or(text, |(_, date)| date).replace('-', " ");
    rfc2822::DateTimeParser::new().parse_timestamp(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `Cookie` header at `to` after a response from `from`.
    fn sent(from: &str, set: &[&str], to: &str) -> Option<String> {
        let mut jar = CookieJar::default();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        jar.store(&Url::parse(from).unwrap(), set.iter().map(|value| value.as_bytes()), now);
        jar.header(&Url::parse(to).unwrap())
    }

    #[test]
    fn cookies_go_where_they_belong() {
        for (from, set, to, expected) in [
            ("http://a.test/", &["s=1"][..], "http://a.test/x", Some("s=1")),
            ("http://a.test/", &["s=1; Path=/; HttpOnly; SameSite=Lax"], "http://a.test:81/", Some("s=1")),
            ("http://a.test/", &["s=1", "t=2"], "http://a.test/", Some("s=1; t=2")),
            ("http://a.test/", &["s=1", "s=2"], "http://a.test/", Some("s=2")),
            ("http://a.test/", &["s=a=b"], "http://a.test/", Some("s=a=b")),
            ("http://a.test/", &["s=1"], "http://b.test/", None),
            ("http://a.test/", &["s=1"], "http://x.a.test/", None),
            ("http://x.a.test/", &["s=1; Domain=.a.test"], "http://y.a.test/", Some("s=1")),
            ("http://x.a.test/", &["s=1; domain=b.test"], "http://b.test/", None),
            ("http://x.test/", &["s=1; domain=test"], "http://y.test/", None),
            ("http://127.0.0.1/", &["s=1; domain=0.0.1"], "http://127.0.0.1/", None),
            ("http://[::1]:8080/", &["s=1"], "http://[::1]/", Some("s=1")),
            ("http://a.test/b/c", &["s=1"], "http://a.test/b/d", Some("s=1")),
            ("http://a.test/b/c", &["s=1"], "http://a.test/bd", None),
            ("http://a.test/", &["s=1; path=/b"], "http://a.test/b/c", Some("s=1")),
            ("http://a.test/b/c", &["s=1; path=/", "t=2"], "http://a.test/b/d", Some("t=2; s=1")),
            ("https://a.test/", &["s=1; Secure"], "https://a.test/", Some("s=1")),
            ("https://a.test/", &["s=1; Secure"], "http://a.test/", None),
            ("http://a.test/", &["s=1", "s=; Max-Age=0"], "http://a.test/", None),
            ("http://a.test/", &["s=1", "s=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "http://a.test/", None),
            ("http://a.test/", &["s=1", "s=; expires=Thu, 01-Jan-1970 00:00:01 GMT"], "http://a.test/", None),
            ("http://a.test/", &["s=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"], "http://a.test/", Some("s=1")),
            ("http://a.test/", &["s=1; Expires=then; Max-Age=60"], "http://a.test/", Some("s=1")),
            ("http://a.test/", &["=1", "s", "", "s=\x01", "s=\u{e9}"], "http://a.test/", None),
        ] {
            assert_eq!(sent(from, set, to).as_deref(), expected, "{from} {set:?} {to}");
        }
    }

    #[test]
    fn a_jar_is_bounded() {
        let many: Vec<String> = (0..1000).map(|n| format!("c{n}=v")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let header = sent("http://a.test/", &many, "http://a.test/").unwrap();
        assert_eq!(header.split("; ").count(), MAX_COOKIES);
        assert_eq!(sent("http://a.test/", &[&format!("s={}", "x".repeat(MAX_COOKIE_BYTES))], "http://a.test/"), None);
    }
}
