//! Validates selectors, so that an invalid one fails without a request.
//!
//! The grammar is that of Kubernetes' "Labels and Selectors" and "Field Selectors".

/// Whether a text is a label selector: `app=web,tier!=test,env in (dev,qa),!old,ready`.
///
/// # Errors
/// Describes the error.
pub(super) fn check_labels(text: &str) -> Result<(), String> {
    parts(text)?.into_iter().try_for_each(requirement)
}

/// Whether a text is a field selector: `metadata.name=web,metadata.namespace!=test`. Only the server knows the fields.
///
/// # Errors
/// Describes the error.
pub(super) fn check_fields(text: &str) -> Result<(), String> {
    parts(text)?.into_iter().try_for_each(|part| {
        let (path, _) = part
            .split_once("!=")
            .or_else(|| part.split_once('='))
            .ok_or_else(|| format!("'{part}' has no operator"))?;

        let path = path.trim();
        if path.is_empty() || !path.chars().all(is_path_char) {
            Err(format!("'{path}' is not a field name"))
        } else {
            Ok(())
        }
    })
}

/// Splits a selector at the commas outside parentheses.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut open, mut from) = (Vec::new(), false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' if open => return Err("it contains a ( within parentheses".to_owned()),
            ')' if !open => return Err("it contains a ) without a (".to_owned()),
            '(' | ')' => open = c == '(',
            ',' if !open => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }

    if open {
        return Err("it contains a ( without a )".to_owned());
    }

    parts.push(text[from..].trim());
    // An empty selector selects everything.
    if parts == [""] { Ok(Vec::new()) } else { Ok(parts) }
}

fn requirement(text: &str) -> Result<(), String> {
    if let Some(name) = text.strip_prefix('!') {
        return key(name.trim());
    }

    if let Some((left, values)) = text.split_once('(') {
        let Some(values) = values.strip_suffix(')') else { return Err(format!("'{text}' continues after its )")) };
        let mut words = left.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(name), Some("in" | "notin"), None) => {
                key(name)?;
                values.split(',').try_for_each(|one| value(one.trim()))
            }
            _ => Err(format!("'{text}' does not have the form KEY in (VALUE,VALUE)")),
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
        return number.trim().parse::<i64>().map(drop).map_err(|_| format!("'{}' is not a number", number.trim()));
    }

    key(text)
}

/// `app`, `app.kubernetes.io/name`.
fn key(text: &str) -> Result<(), String> {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_valid = !name.is_empty() && is_name(name) && prefix.is_none_or(is_domain);
    if is_valid { Ok(()) } else { Err(format!("'{text}' is not a label key")) }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_domain_label)
}

fn is_domain_label(label: &str) -> bool {
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_domain_byte)
}

fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '[' | ']')
}

fn value(text: &str) -> Result<(), String> {
    if text.is_empty() || is_name(text) { Ok(()) } else { Err(format!("'{text}' is not a label value")) }
}

/// At most 63 letters, digits, dashes, underscores and dots; the first and the last are letters or digits.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= 63
        && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && text.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_selectors_pass() {
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
    fn invalid_selectors_fail() {
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
