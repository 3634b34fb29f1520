//! Which versions a query accepts.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::ParseError;

/// One version, or a range of versions.
///
/// | text | accepts |
/// |---|---|
/// | `1.2.0`, `v1.2.0`, `blue` | this version, with or without `v` |
/// | `^1.2`, `~1.2`, `>=1, <2`, `=1.2` | the range, by semantic versioning |
/// | `1.*`, `1.2.x`, `*` | any version that begins so |
///
/// ```
/// use portolan::model::VersionRequirement;
///
/// let range: VersionRequirement = "^1.2".parse()?;
/// assert!(range.accepts("1.4.0") && range.accepts("v1.2") && !range.accepts("2.0.0"));
/// let exact: VersionRequirement = "1.2.0".parse()?;
/// assert!(exact.accepts("v1.2.0") && !exact.accepts("1.2.1"));
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionRequirement {
    text: String,
    /// `None` if exactly this text is required.
    range: Option<VersionReq>,
}

const HINT: &str = "write one version as 1.2.0, or a range as ^1.2, ~1.2, '>=1, <2' or 1.*";

impl VersionRequirement {
    /// Whether a version is accepted. A range accepts nothing that is not a version.
    pub fn accepts(&self, version: &str) -> bool {
        match &self.range {
            Some(range) => parse_version(version).is_some_and(|version| range.matches(&version)),
            None => bare(&self.text) == bare(version),
        }
    }

    /// Whether it is a range, which can be compared with versions only.
    pub fn is_range(&self) -> bool {
        self.range.is_some()
    }

    /// Whether a version can be compared with it: a range needs a version by semantic versioning.
    pub fn can_compare(&self, version: &str) -> bool {
        !self.is_range() || parse_version(version).is_some()
    }

    /// The text that it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The version in a text: `1.2.0`, with or without `v`; missing numbers are 0.
pub(super) fn parse_version(text: &str) -> Option<Version> {
    let text = bare(text);
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let padding = match numbers.bytes().filter(|byte| *byte == b'.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };

    let (numbers, rest) = text.split_at(numbers.len());
    Version::parse(&format!("{numbers}{padding}{rest}")).ok()
}

/// A version without the `v` that some write before it.
fn bare(version: &str) -> &str {
    let rest = version.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    rest.unwrap_or(version)
}

/// Whether a text is meant as a range.
fn looks_like_range(text: &str) -> bool {
    let begins_with_number = bare(text).starts_with(|c: char| c.is_ascii_digit());

    text.starts_with(['^', '~', '>', '<', '=', '*'])
        || text.contains([',', ' ', '|'])
        || begins_with_number && text.split('.').any(|part| matches!(part, "*" | "x" | "X"))
}

impl FromStr for VersionRequirement {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            return Err(ParseError::new("it is not a version", HINT));
        }
        if !looks_like_range(text) {
            return Ok(Self { text: text.to_owned(), range: None });
        }
        if text.contains('|') {
            return Err(ParseError::new("a range cannot have alternatives", HINT));
        }

        let range = VersionReq::parse(&comparators(text));
        let range = range.map_err(|_| ParseError::new("it is not a range of versions", HINT))?;
        Ok(Self { text: text.to_owned(), range: Some(range) })
    }
}

/// The comparators of a range, separated by commas: `>=1 <2` is `>=1,<2`, but `>= 1` is one.
fn comparators(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        let follows_operator = joined.ends_with(['<', '>', '=', '~', '^']);
        if !joined.is_empty() && !follows_operator {
            joined.push(',');
        }

        let digits = part.trim_start_matches(['<', '>', '=', '~', '^']);
        joined.push_str(&part[..part.len() - digits.len()]);
        joined.push_str(bare(digits));
    }

    joined
}

impl fmt::Display for VersionRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for VersionRequirement {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<VersionRequirement> for String {
    fn from(requirement: VersionRequirement) -> Self {
        requirement.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_accepts_what_it_says() {
        let cases: [(&str, &[&str], &[&str]); 13] = [
            ("1.2.0", &["1.2.0", "v1.2.0"], &["1.2.1", "1.2", "1.2.0-rc1", ""]),
            ("v1.2.0", &["1.2.0", "v1.2.0", "V1.2.0"], &["2.0.0"]),
            ("1.2", &["1.2", "v1.2"], &["1.2.0", "1.3"]),
            ("blue", &["blue"], &["green", "vblue"]),
            ("^1.2", &["1.2", "1.2.0", "1.9.9", "v1.3.0", "1.3.0+build"], &["1.1.9", "2.0.0", "blue", ""]),
            ("~1.2", &["1.2.9"], &["1.3.0"]),
            (">=1,<2", &["1.0.0", "1.9.9"], &["2.0.0", "0.9.9"]),
            (">=1 <2", &["1.0.0", "1.9.9"], &["2.0.0"]),
            (">= 1.2, < 2", &["1.2.0"], &["1.1.0", "2"]),
            ("=1.2.3", &["1.2.3", "v1.2.3"], &["1.2.4"]),
            ("1.*", &["1.0.0", "1.9"], &["2.0.0"]),
            ("1.2.x", &["1.2.7"], &["1.3.0"]),
            ("*", &["0.0.1", "9"], &["blue"]),
        ];

        for (text, accepted, refused) in cases {
            let requirement: VersionRequirement = text.parse().unwrap();
            for version in accepted {
                assert!(requirement.accepts(version), "{text} accepts {version}");
            }
            for version in refused {
                assert!(!requirement.accepts(version), "{text} refuses {version}");
            }
        }
    }

    #[test]
    fn what_is_not_a_range_is_refused_with_the_forms() {
        for text in ["", " ", ">=", "^blue", ">=1,<", "1.2 || 2", "1..*", "~>1.2", "a\u{7}b"] {
            let error = text.parse::<VersionRequirement>().expect_err(text);
            assert!(error.hint().contains("^1.2"), "{text}");
        }
    }
}
