//! The values of keys, read by their kind.

use std::time::Duration;

use super::given::{GivenBy, GivenValues};
use crate::error::Error;
use crate::model::parse_duration;

/// What a truth value says.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn flag(given: &GivenValues, key: &str) -> bool {
    given.text(key).and_then(truth).unwrap_or(false)
}

pub(super) fn number(given: &GivenValues, key: &str) -> Option<u64> {
    given.text(key)?.parse().ok()
}

/// A duration that was checked before; zero if it is not set.
pub(super) fn duration(given: &GivenValues, key: &str) -> Duration {
    given.text(key).and_then(|text| parse_duration(text).ok()).unwrap_or_default()
}

pub(super) fn written(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// An error about the value of a key, at the place where it was given.
pub(super) fn wrong(given: &GivenValues, key: &str, why: &str, hint: &str) -> Error {
    match given.get(key) {
        Some(value) => value.by.error(key, &value.shown, why, hint),
        None => GivenBy::Flag("the default").error(key, given.text(key).unwrap_or_default(), why, hint),
    }
}

/// An error about the first of these keys that was given.
pub(super) fn wrong_of(given: &GivenValues, keys: &[&str], why: &str, hint: &str) -> Error {
    let key = keys.iter().find(|key| given.get(key).is_some()).unwrap_or(&keys[0]);
    wrong(given, key, why, hint)
}
