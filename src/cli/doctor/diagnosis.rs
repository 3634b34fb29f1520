//! What one look found.

use std::fmt::Display;

use serde::Serialize;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DiagnosisState {
    Ok,
    /// It works, with a limit.
    Warn,
    /// It does not work.
    Fail,
    /// It could not be looked at.
    Unknown,
}

impl DiagnosisState {
    /// As people read it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "cannot tell",
        }
    }
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Diagnosis {
    /// What was looked at: `sockets`.
    pub(super) name: &'static str,
    pub(super) state: DiagnosisState,
    pub(super) text: String,
    /// What to do; empty if there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) hint: String,
}

/// A number with its noun: `1 instance`, `2 instances`.
pub(super) fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

impl Diagnosis {
    pub(super) fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: DiagnosisState::Ok, text: text.into(), hint: String::new() }
    }

    pub(super) fn warn(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: DiagnosisState::Warn, text: text.into(), hint: hint.into() }
    }

    pub(super) fn fail(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: DiagnosisState::Fail, text: text.into(), hint: hint.into() }
    }

    pub(super) fn unknown(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: DiagnosisState::Unknown, text: text.into(), hint: hint.into() }
    }
}
