//! Why a field of a document cannot be used, and what to write instead.

use serde::Serialize;

/// A field that cannot be used: which one, why, and what to write instead. An HTTP reply holds these three texts, and a
/// command prints them.
///
/// ```
/// use portolan::model::Registration;
///
/// let problem = Registration::from_json(br#"{"name": "web", "adress": "10.0.0.5"}"#).unwrap_err();
/// assert_eq!(problem.to_string(), "adress: there is no such field");
/// assert_eq!(problem.hint, "did you mean address?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field}{separator}{message}", separator = if field.is_empty() { "" } else { ": " })]
pub struct Problem {
    /// The path of the field: `health_check.config.path`. Empty if it is the document as a whole.
    pub field: String,
    /// The cause, in one line.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Problem {
    /// A problem with a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: hint.into() }
    }

    /// The same problem with a field inside of `outer`.
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = if self.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.field) };
        self
    }
}
