//! A failure that leaves a result incomplete.

use std::error::Error as _;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A part that could not be read, while the rest went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialError {
    /// What failed, as an operation on something: `list UDP sockets`.
    #[serde(rename = "what")]
    pub operation: String,
    /// Why it failed, in the words of the side that refused.
    #[serde(rename = "why")]
    pub cause: String,
    /// What to try.
    #[serde(default)]
    pub hint: String,
}

impl From<&Error> for PartialError {
    /// The same text, for an error of one part while the rest goes on.
    fn from(error: &Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("cannot ").unwrap_or(&text);
        let (operation, cause) = match error.source() {
            // "(os error 24)" means nothing to a user.
            Some(cause) => (text, cause.to_string().split(" (os error").next().unwrap_or_default().to_owned()),
            None => text.split_once(": ").map_or((text, String::new()), |(what, why)| (what, why.to_owned())),
        };
        Self { operation: operation.to_owned(), cause, hint: error.hint().to_owned() }
    }
}
