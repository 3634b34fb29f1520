//! Values as Go's standard library reads them.

use std::time::Duration;

/// The nanoseconds of a duration such as `1h30m`, `1.5s`, `-100ms` or `0`. The unit is required.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }

    let mut nanos: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = rest.get(..digits).filter(|number| number.bytes().any(|byte| byte.is_ascii_digit()))?;
        let number: f64 = number.parse().ok()?;
        let after = rest.get(digits..)?;
        let (unit, size) = UNITS.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        nanos += number * size;
        rest = after.get(unit.len()..)?;
    }

    // Go's durations end after 292 years.
    let is_short = nanos < 9.2e18;
    #[allow(clippy::cast_possible_truncation, reason = "the bound is checked")]
    is_short.then_some(if is_negative { -(nanos as i64) } else { nanos as i64 })
}

/// Units with their nanoseconds. A unit that begins another stands behind it.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// The duration of nanoseconds; nothing that is not positive.
pub(super) fn positive(nanos: i64) -> Option<Duration> {
    u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}

/// A truth value.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("10s", Some(10_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("100ms", Some(100_000_000)),
            ("5us", Some(5_000)),
            ("5µs", Some(5_000)),
            ("7ns", Some(7)),
            ("1", None),
            ("", None),
            ("-", None),
            ("s", None),
            (".s", None),
            ("1x", None),
            ("1s2", None),
            ("1 s", None),
            ("9999999h", None),
        ] {
            assert_eq!(parse_duration(text), nanos, "{text}");
        }
    }
}
