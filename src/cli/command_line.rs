//! The command line as reports name it: without secrets.

use std::env;

use crate::clean::{MASK, redacted_url};

/// Parts of the names of options whose values may be secrets.
const SECRET_OPTIONS: [&str; 7] = ["body", "header", "key", "password", "proxy-auth", "secret", "token"];

/// `portolan scan 10.0.0.5 -p 22`
pub(super) fn shown() -> String {
    let words: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    shown_words(&words)
}

fn shown_words(words: &[String]) -> String {
    let mut shown = String::from("portolan");
    let mut is_secret = false;

    for word in words {
        let name = word.strip_prefix("--");
        let has_secret = name.is_some_and(|name| SECRET_OPTIONS.iter().any(|secret| name.contains(secret)));
        let text = match (is_secret, has_secret, word.split_once('=')) {
            (true, ..) => MASK.to_owned(),
            (false, true, Some((option, _))) => format!("{option}={MASK}"),
            _ => redacted_url(word).into_owned(),
        };

        is_secret = !is_secret && has_secret && !word.contains('=');
        shown.push(' ');
        shown.push_str(&quoted(&text));
    }
    shown
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.:/@%+[]".contains(c) || c == '*';
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        let words = ["scan", "http://u:pw@h/", "--header", "X-Key: abc", "--token=abc", "--body", "abc", "-o", "a b"]
            .map(str::to_owned);
        let shown = shown_words(&words);
        assert!(!shown.contains("pw") && !shown.contains("abc"), "{shown}");
        assert!(shown.starts_with("portolan scan ") && shown.ends_with(" -o 'a b'"), "{shown}");
    }
}
