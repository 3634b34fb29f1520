//! `${VAR}` and `${VAR:-default}` in the texts of a services file.

use std::ffi::OsString;

use super::Problem;
use crate::clean::{MASK, clean};

/// Reads a variable of the environment.
pub type Variable = fn(&str) -> Option<OsString>;

/// A text whose variables were replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpandedText {
    pub(crate) text: String,
    /// The same text with `***` in place of each value of a variable.
    pub(crate) masked: String,
}

/// Replaces the variables of a text. `$${` stands for `${`.
///
/// # Errors
/// A variable that is not set and has no default, and anything else between the braces.
pub(crate) fn expand(text: &str, variable: Option<Variable>) -> Result<ExpandedText, Problem> {
    let mut expanded = ExpandedText::default();
    let mut rest = text;

    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            expanded.push(&format!("{before}${{"));
            rest = after;
            continue;
        }

        let (inside, after) = after.split_once('}').ok_or_else(|| Problem::new("${ is not closed by }", HINT))?;
        expanded.push(before);
        expanded.replace(inside, variable)?;
        rest = after;
    }

    expanded.push(rest);
    Ok(expanded)
}

/// The variables of a text that are not set and have no default. What is wrong otherwise is found by [`expand`].
pub(super) fn unset_variables(text: &str, variable: Option<Variable>) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        rest = after;
        if before.ends_with('$') {
            continue;
        }
        let Some((name, after)) = after.split_once('}') else { break };
        rest = after;
        if is_name(name) && value(name, variable).is_none() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

fn value(name: &str, variable: Option<Variable>) -> Option<String> {
    variable.and_then(|variable| variable(name)).and_then(|value| value.into_string().ok())
}

const HINT: &str = "write ${VAR} or ${VAR:-default}; $${ stands for ${ itself";

impl ExpandedText {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.masked.push_str(text);
    }

    /// Adds the value of what stands between the braces.
    fn replace(&mut self, inside: &str, variable: Option<Variable>) -> Result<(), Problem> {
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, value)| (name, Some(value)));
        if !is_name(name) {
            return Err(Problem::new(format!("'{}' is not the name of a variable", clean(name)), HINT));
        }

        match (value(name, variable), default) {
            (Some(value), None) => self.push_secret(&value),
            (Some(value), Some(_)) if !value.is_empty() => self.push_secret(&value),
            (_, Some(default)) => self.push(default),
            (None, None) => {
                let hint = format!("set it, or write ${{{name}:-default}}");
                return Err(Problem::new(format!("the variable {name} is not set"), hint));
            }
        }
        Ok(())
    }

    fn push_secret(&mut self, value: &str) {
        self.text.push_str(value);
        self.masked.push_str(MASK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<OsString> {
        match name {
            "TOKEN" => Some("s3cret".into()),
            "EMPTY" => Some("".into()),
            _ => None,
        }
    }

    /// The values are those of a POSIX shell.
    #[test]
    fn variables_are_replaced_as_in_a_shell() {
        for (text, value, masked) in [
            ("Bearer ${TOKEN}", "Bearer s3cret", "Bearer ***"),
            ("${TOKEN:-x}/${NONE:-x}", "s3cret/x", "***/x"),
            ("${EMPTY}|${EMPTY:-d}", "|d", "***|d"),
            ("${NONE:-}", "", ""),
            ("a$b $TOKEN $${TOKEN} 100%", "a$b $TOKEN ${TOKEN} 100%", "a$b $TOKEN ${TOKEN} 100%"),
        ] {
            let expanded = expand(text, Some(variable)).unwrap();
            assert_eq!((expanded.text.as_str(), expanded.masked.as_str()), (value, masked), "{text}");
        }
        for (text, why) in [
            ("${NONE}", "the variable NONE is not set"),
            ("${", "${ is not closed by }"),
            ("${}", "'' is not the name of a variable"),
            ("${a b}", "'a b' is not the name of a variable"),
        ] {
            assert_eq!(expand(text, Some(variable)).unwrap_err().why, why, "{text}");
        }
        assert!(expand("${TOKEN}", None).is_err(), "a library reads no environment by itself");
    }
}
