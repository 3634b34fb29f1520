//! Checks each value against what its key takes.

use std::str::FromStr;

use super::given::GivenValues;
use super::keys::{self, KeyKind};
use super::values::truth;
use crate::error::{Result, nearest};
use crate::model::parse_duration;
use crate::server::Strategy;

/// Checks each value against what its key takes.
pub(super) fn check(given: &GivenValues) -> Result<()> {
    for key in keys::KEYS {
        let Some(value) = given.get(key.name) else { continue };
        for text in &value.texts {
            check_kind(key.kind, text).map_err(|(why, hint)| value.by.error(key.name, &value.shown, why, hint))?;
        }
    }
    Ok(())
}

fn check_kind(kind: KeyKind, text: &str) -> Result<(), (String, String)> {
    match kind {
        KeyKind::Text | KeyKind::Url | KeyKind::List if text.is_empty() => {
            Err(("it is empty".to_owned(), "give a value, or leave the key out".to_owned()))
        }
        KeyKind::Text | KeyKind::Secret | KeyKind::Url | KeyKind::List => Ok(()),
        KeyKind::Flag => match truth(text) {
            Some(_) => Ok(()),
            None => Err(("it is neither true nor false".to_owned(), "write true or false".to_owned())),
        },
        KeyKind::Duration => {
            let checked = parse_duration(text);
            checked.map(drop).map_err(|error| (error.to_string(), error.hint().to_owned()))
        }
        KeyKind::DurationOrZero if matches!(text, "0" | "0s") => Ok(()),
        KeyKind::DurationOrZero => check_kind(KeyKind::Duration, text),
        KeyKind::Number(min, max) => {
            let is_inside = text.parse().is_ok_and(|number: u64| (min..=max).contains(&number));
            if is_inside && text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(());
            }
            let why = format!("it is not a whole number from {min} to {max}");
            Err((why, "write digits only".to_owned()))
        }
        KeyKind::Choice(words) if words.contains(&text) => Ok(()),
        KeyKind::Choice(words) => {
            let near = nearest(text, words).map_or_else(String::new, |near| format!("did you mean {near}? "));
            Err(("it is not one of the words".to_owned(), format!("{near}the words are {}", words.join(", "))))
        }
        KeyKind::Strategy => {
            let checked = Strategy::from_str(text);
            checked.map(drop).map_err(|error| (error.to_string(), error.hint().to_owned()))
        }
    }
}
