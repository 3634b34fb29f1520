//! Why a text that a user wrote cannot be used, and what to write instead.

use std::borrow::Cow;

/// A text that does not parse: the cause, and a hint with the right spelling.
///
/// ```
/// let error = "80-22".parse::<portolan::model::Ports>().unwrap_err();
/// assert_eq!((error.to_string().as_str(), error.hint()), ("the range runs backwards", "write 22-80"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct ParseError {
    cause: Cow<'static, str>,
    hint: Cow<'static, str>,
}

impl ParseError {
    /// An error with its cause and what to write instead.
    pub fn new(cause: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: cause.into(), hint: hint.into() }
    }

    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
