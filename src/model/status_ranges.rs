//! Ranges of HTTP statuses: `200`, `2xx`, `200-299,304`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ParseError;

/// The HTTP statuses that are expected.
///
/// ```
/// use portolan::model::StatusRanges;
/// let expected: StatusRanges = "2xx,304".parse().unwrap();
/// assert!(expected.contains(204) && expected.contains(304) && !expected.contains(301));
/// assert!(StatusRanges::default().contains(399));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusRanges(Vec<(u16, u16)>);

impl StatusRanges {
    /// Whether a status is expected.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (first..=last).contains(&&status))
    }
}

impl Default for StatusRanges {
    /// The default: 200 to 399.
    fn default() -> Self {
        Self(vec![(200, 399)])
    }
}

impl FromStr for StatusRanges {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let ranges: Option<Vec<_>> = text.split(',').map(|range| parse_range(range.trim())).collect();
        ranges.map(Self).ok_or_else(|| {
            ParseError::new(
                "it is not a list of HTTP statuses from 100 to 599",
                "write statuses as 200, 200-299, 2xx or 2xx,304",
            )
        })
    }
}

fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());

    text.parse::<u16>().ok().filter(|status| digits && (100..=599).contains(status))
}

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(hundred), _) => (status(&format!("{hundred}00"))?, status(&format!("{hundred}99"))?),
        (None, Some((first, last))) => (status(first)?, status(last)?),
        (None, None) => (status(text)?, status(text)?),
    };
    (first <= last).then_some((first, last))
}

impl fmt::Display for StatusRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, (first, last))| {
            let comma = if at > 0 { "," } else { "" };
            if first == last { write!(f, "{comma}{first}") } else { write!(f, "{comma}{first}-{last}") }
        })
    }
}

impl TryFrom<String> for StatusRanges {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<StatusRanges> for String {
    fn from(ranges: StatusRanges) -> Self {
        ranges.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for (text, shown) in [("200", "200"), ("2xx", "200-299"), ("200-204, 304", "200-204,304")] {
            assert_eq!(text.parse::<StatusRanges>().unwrap().to_string(), shown);
        }
        for text in ["", "20", "600", "99", "2xx,", "299-200", "2x", "xx", "+200", "200-", "2xx-3xx"] {
            assert!(text.parse::<StatusRanges>().is_err(), "{text}");
        }
    }
}
