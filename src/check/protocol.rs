//! What a server says when it is asked in its own protocol whether it is well. Nothing is logged into, nothing changed.

use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Finding, Group};

findings! { Group::App;
    UNWELL = "protocol-unwell", cap 30, "Asked in its own protocol, the server says that it is not well, or nothing of sense.",
        "look at the service's own log";
}

/// What asking showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// `redis`, `postgresql`.
    pub(crate) protocol: String,
    /// How long the answer took, in microseconds.
    pub(crate) us: u64,
    pub(crate) answer: Answer,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// It is well.
    Well,
    /// It is not; the text is what it says.
    Unwell(String),
    /// Nothing.
    TimedOut,
}

impl Seen {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let protocol = &self.protocol;
        let finding = match &self.answer {
            Answer::Well => None,
            Answer::Unwell(what) => Some(UNWELL.seen(format!("{protocol}: {what}"))),
            Answer::TimedOut => Some(UNWELL.seen(format!("{protocol}: no answer in time"))),
        };
        finding.into_iter().collect()
    }

    /// Whether no answer came at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answer == Answer::TimedOut
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}
