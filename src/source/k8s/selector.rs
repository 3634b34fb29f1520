//! The grammar of selectors, so that one that is none is refused here: no server need be asked for that.
//!
//! It is that of Kubernetes' "Labels and Selectors" and "Field Selectors".

/// Whether a text is a label selector: `app=web,tier!=test,env in (dev,qa),!old,ready`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_labels(text: &str) -> Result<(), String> {
    parts(text)?.into_iter().try_for_each(requirement)
}

/// Whether a text is a field selector: `metadata.name=web,metadata.namespace!=test`. Which fields there are, the server
/// knows.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_fields(text: &str) -> Result<(), String> {
    parts(text)?.into_iter().try_for_each(|part| {
        let (path, _) = part
            .split_once("!=")
            .or_else(|| part.split_once('='))
            .ok_or_else(|| format!("'{part}' compares nothing"))?;
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '[' | ']');
        let path = path.trim();
        if path.is_empty() || !path.chars().all(is_path) {
            Err(format!("'{path}' is no name of a field"))
        } else {
            Ok(())
        }
    })
}

/// What stands between the commas that are not in brackets.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut open, mut from) = (Vec::new(), false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' if open => return Err("there is a ( within brackets".to_owned()),
            ')' if !open => return Err("there is a ) without a (".to_owned()),
            '(' | ')' => open = c == '(',
            ',' if !open => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    if open {
        return Err("there is a ( without a )".to_owned());
    }
    parts.push(text[from..].trim());
    // Nothing at all chooses everything.
    if parts == [""] { Ok(Vec::new()) } else { Ok(parts) }
}

fn requirement(text: &str) -> Result<(), String> {
    if let Some(name) = text.strip_prefix('!') {
        return key(name.trim());
    }
    if let Some((left, values)) = text.split_once('(') {
        let Some(values) = values.strip_suffix(')') else { return Err(format!("'{text}' goes on behind its )")) };
        let mut words = left.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(name), Some("in" | "notin"), None) => {
                key(name)?;
                values.split(',').try_for_each(|one| value(one.trim()))
            }
            _ => Err(format!("'{text}' is not of the form KEY in (VALUE,VALUE)")),
        };
    }
    for operator in ["!=", "==", "="] {
        if let Some((name, one)) = text.split_once(operator) {
            key(name.trim())?;
            return value(one.trim());
        }
    }
    if let Some((name, number)) = text.split_once(['<', '>']) {
        key(name.trim())?;
        return number.trim().parse::<i64>().map(drop).map_err(|_| format!("'{}' is no number", number.trim()));
    }
    key(text)
}

/// `app`, `app.kubernetes.io/name`.
fn key(text: &str) -> Result<(), String> {
    let refuse = || Err(format!("'{text}' is no key of a label"));
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_domain = |prefix: &str| {
        let is_word = |word: &str| {
            let bytes = word.as_bytes();
            !word.starts_with('-')
                && !word.ends_with('-')
                && !word.is_empty()
                && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        };
        prefix.len() <= 253 && prefix.split('.').all(is_word)
    };
    if name.is_empty() || !is_name(name) || !prefix.is_none_or(is_domain) { refuse() } else { Ok(()) }
}

fn value(text: &str) -> Result<(), String> {
    if text.is_empty() || is_name(text) { Ok(()) } else { Err(format!("'{text}' is no value of a label")) }
}

/// At most 63 letters, digits, dashes, underscores and dots, of which the first and the last are letters or digits.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|byte| inner(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_takes_is_taken() {
        for text in [
            "",
            "app=web",
            "app==web,tier!=test",
            "env in (dev, qa),!old",
            "env notin (a)",
            "app.kubernetes.io/name=x",
            "ready",
            "app=",
            "age>3",
            " app = web ",
            "env in (dev,)",
        ] {
            assert_eq!(check_labels(text), Ok(()), "{text}");
        }
        for text in ["", "metadata.name=web", "metadata.namespace!=x,spec.type==ClusterIP", "metadata.name="] {
            assert_eq!(check_fields(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for text in [
            "&&",
            "=web",
            "app=we b",
            "env in dev",
            "env in (dev",
            "env of (dev)",
            "a=b)",
            "a,,b",
            "app=-x",
            "!",
            "A/b/c=d",
            "UP.x/name=a",
            "age>x",
            "app=web app=x",
            "env in (a) x",
        ] {
            assert!(check_labels(text).is_err(), "{text}");
        }
        assert!(check_labels(&"a".repeat(64)).is_err());
        for text in ["metadata.name", "=x", "meta data=x", "a=b,,c=d"] {
            assert!(check_fields(text).is_err(), "{text}");
        }
    }
}
