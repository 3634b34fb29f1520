//! Which versions a call accepts: one, or a range.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

use crate::model::ParseError;

/// A version, or a range of semantic versions.
///
/// A plain version such as `1.2.0` or `v1.2.0` is matched as it stands, apart from the `v`; it need not be a semantic one. An
/// operator, a comma or a wildcard makes it a range: `^1.2`, `>=1.2, <2`, `1.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionFilter {
    text: String,
    range: Option<VersionReq>,
}

impl VersionFilter {
    /// Whether it accepts a version; `None` if that is not a semantic version and cannot be compared with a range.
    pub(super) fn matches(&self, version: &str) -> Option<bool> {
        let Some(range) = &self.range else { return Some(without_v(version) == without_v(&self.text)) };
        let version = Version::parse(without_v(version)).ok()?;
        Some(range.matches(&version))
    }
}

/// `v1.2.0` without its `v`.
fn without_v(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(number) if number.starts_with(|first: char| first.is_ascii_digit()) => number,
        _ => version,
    }
}

impl FromStr for VersionFilter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const HINT: &str = "write a version such as 1.2.0, or a range such as ^1.2 or '>=1.2, <2'";

        let text = text.trim();
        if text.is_empty() {
            return Err(ParseError::new("the version is empty", HINT));
        }

        let is_wild = |part: &str| matches!(part, "*" | "x" | "X");
        let is_range = text.contains(['^', '~', '<', '>', '=', ',']) || text.split('.').any(is_wild);
        let range = is_range.then(|| VersionReq::parse(text)).transpose();
        let range = range.map_err(|error| ParseError::new(format!("the range is invalid: {error}"), HINT))?;
        Ok(Self { text: text.to_owned(), range })
    }
}

impl fmt::Display for VersionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K4, K10, C35: a plain version is exact, with and without `v`; operators and wildcards make a range; what is not a
    /// semantic version is reported, not matched.
    #[test]
    fn versions_and_ranges() {
        let cases = [
            ("1.2.0", "1.2.0", Some(true)),
            ("1.2.0", "v1.2.0", Some(true)),
            ("v1.2.0", "1.2.0", Some(true)),
            ("1.2", "1.2.0", Some(false)),
            ("1.2.0", "1.2.1", Some(false)),
            ("blue", "blue", Some(true)),
            ("vienna", "ienna", Some(false)),
            ("^1.2", "1.9.3", Some(true)),
            ("^1.2", "v1.2.0", Some(true)),
            ("^1.2", "1.1.9", Some(false)),
            ("^1.2", "2.0.0", Some(false)),
            ("^1.2", "1.3.0-rc.1", Some(false)),
            ("~1.2", "1.3.0", Some(false)),
            (">=1.2, <2", "1.99.0", Some(true)),
            (">=1.2,<2", "2.0.0", Some(false)),
            ("=1.2.0", "1.2.0", Some(true)),
            ("1.*", "1.7.2", Some(true)),
            ("1.2.x", "1.2.9", Some(true)),
            ("*", "3.0.0", Some(true)),
            ("^1.2", "latest", None),
            ("^1.2", "1.2", None),
            ("^1.2", "", None),
        ];
        for (filter, version, expected) in cases {
            let parsed: VersionFilter = filter.parse().unwrap();
            assert_eq!(parsed.matches(version), expected, "{filter} {version:?}");
        }
        for wrong in ["", "  ", "^", ">=", "^1.2.3.4", "1.2 || 2", "<>1", "^a"] {
            let parsed: Result<VersionFilter, _> = wrong.parse();
            assert!(parsed.is_err() || !wrong.contains(['^', '<', '>']), "{wrong:?}");
        }
    }
}
