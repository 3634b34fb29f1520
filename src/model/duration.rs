//! Durations as users write them.

use std::borrow::Cow;
use std::time::Duration;

use super::ParseError;

/// The longest duration that any option takes.
const MAX_DURATION: Duration = Duration::from_hours(365 * 24);

/// Parses `500ms`, `2s`, `1m 30s`, or plain seconds such as `2` and `0.5`: more than zero, at most a year.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(portolan::model::parse_duration("1m 30s")?, Duration::from_secs(90));
/// assert_eq!(portolan::model::parse_duration("0.5")?, Duration::from_millis(500));
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
///
/// # Errors
/// A text that is not a duration, a duration of zero or less, or one that is longer than a year.
pub fn parse_duration(text: &str) -> Result<Duration, ParseError> {
    const HINT: &str = "write one as 500ms, 2s, 1m or 7d; a plain number is seconds";
    match seconds(text).or_else(|| with_units(text)) {
        None => Err(ParseError::new("it is not a duration", in_lower_case(text).map_or(HINT.into(), Cow::Owned))),
        Some(duration) if duration.is_zero() => Err(ParseError::new("it must be longer than zero", HINT)),
        Some(duration) if duration > MAX_DURATION => Err(ParseError::new("it is longer than a year", HINT)),
        Some(duration) => Ok(duration),
    }
}

/// What to write instead of a duration whose units are in upper case, as in `2S`; `M` may mean minutes, months or megabytes.
fn in_lower_case(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_duration = lower != text && parse_duration(&lower).is_ok();
    is_duration.then(|| format!("write {lower}: units are in lower case, and m is minutes"))
}

/// `2`, `0.5`: digits with at most one point between them, so neither `inf`, `1e3` nor a sign.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = [whole, fraction].into_iter().all(is_digits);

    if is_number { Duration::try_from_secs_f64(text.parse().ok()?).ok() } else { None }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn with_units(text: &str) -> Option<Duration> {
    // A day of 24 hours and a week of seven days, which the library leaves to calendars.
    for (unit, seconds) in [('d', 86_400), ('w', 7 * 86_400)] {
        if let Some(number) = text.strip_suffix(unit).filter(|number| is_digits(number)) {
            return Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?));
        }
    }
    Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_with_units_and_plain_seconds_are_read() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1m 30s", 90_000),
            ("1.5s", 1_500),
            ("2", 2_000),
            ("0.5", 500),
            ("0.001", 1),
            ("31536000", 31_536_000_000),
            ("90d", 90 * 86_400_000),
            ("1w", 7 * 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "-1", "-1s", "+1", "1.", ".5", "1e3", "inf", "nan", "1 2", "2y", "soon", "1.2.3"] {
            let error = parse_duration(text).expect_err(text);
            assert_eq!(error.to_string(), "it is not a duration", "{text}");
        }
        for text in ["0", "0.0", "0s", "0ms"] {
            assert_eq!(parse_duration(text).expect_err(text).to_string(), "it must be longer than zero", "{text}");
        }
        for (text, hint) in [("2S", "write 2s: "), ("500MS", "write 500ms: "), ("1M 30S", "write 1m 30s: ")] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.hint().starts_with(hint), "{text}: {}", error.hint());
        }
        assert_eq!(parse_duration("31536001").unwrap_err().to_string(), "it is longer than a year");
    }
}
