//! `--fail-on`: the findings that make the command fail.

use crate::clean::clean;
use crate::drift::KINDS;
use crate::error::nearest;
use crate::model::ParseError;

/// The findings that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailOn {
    /// All of them.
    Any,
    /// None of them.
    None,
    /// Those with this code.
    Code(&'static str),
}

/// All codes begin with it.
const PREFIX: &str = "drift-";

impl FailOn {
    /// `any`, `none`, or a code, with or without its prefix.
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        let word = text.trim().to_ascii_lowercase();
        let known = KINDS.iter().find(|kind| short(kind.code) == short(&word));

        match (word.as_str(), known) {
            ("any", _) => Ok(Self::Any),
            ("none", _) => Ok(Self::None),
            (_, Some(kind)) => Ok(Self::Code(kind.code)),
            _ => {
                let codes: Vec<&str> = KINDS.iter().map(|kind| short(kind.code)).collect();
                let hint = match nearest(short(&word), &codes) {
                    Some(near) => format!("did you mean {PREFIX}{near}?"),
                    None => format!("write any, none, or codes among {}", codes.join(", ")),
                };
                Err(ParseError::new(format!("no finding has the code '{}'", clean(text)), hint))
            }
        }
    }

    /// Whether a finding with this code counts.
    pub(super) fn matches(rules: &[Self], code: &str) -> bool {
        rules.iter().any(|rule| match rule {
            Self::Any => true,
            Self::None => false,
            Self::Code(known) => *known == code,
        })
    }
}

/// A code without its prefix.
fn short(code: &str) -> &str {
    code.trim_start_matches(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_lack_its_prefix() {
        let codes = ["drift-stale", "stale", "Any", "none"].map(|text| FailOn::parse(text).unwrap());
        assert_eq!(codes, [FailOn::Code("drift-stale"), FailOn::Code("drift-stale"), FailOn::Any, FailOn::None]);
        assert!(FailOn::matches(&codes[..1], "drift-stale") && !FailOn::matches(&codes[..1], "drift-duplicate"));
        assert!(FailOn::matches(&codes[2..], "drift-duplicate") && !FailOn::matches(&codes[3..], "drift-duplicate"));
        assert_eq!(FailOn::parse("drift-stal").unwrap_err().hint(), "did you mean drift-stale?");
    }
}
