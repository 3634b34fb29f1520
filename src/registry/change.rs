//! What a command changed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DocumentChange, InstanceRecord};
use crate::model::RegisteredInstance;

/// What came of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The changes, in the order of their indexes. A renewal has none, and neither has a repeated registration.
    pub changes: Vec<Change>,
    /// The changes of documents, in the order of their indexes, which are between those of the instances.
    pub documents: Vec<DocumentChange>,
    /// What the sender should know, one line each.
    pub warnings: Vec<String>,
    /// What the operator should know.
    pub notices: Vec<Notice>,
}

impl Outcome {
    /// Adds what came of a further command.
    pub(super) fn append(&mut self, later: Self) {
        self.changes.extend(later.changes);
        self.documents.extend(later.documents);
        self.warnings.extend(later.warnings);
        self.notices.extend(later.notices);
    }
}

/// A change of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number. The next change has the next number.
    pub index: u64,
    /// Whether the instance came, changed or went.
    pub kind: ChangeKind,
    /// Why.
    pub cause: Cause,
    /// When.
    pub at: Timestamp,
    /// The fields that differ: `health`, `status`. Empty unless it is an update.
    pub changed: Vec<&'static str>,
    /// The instance after the change; of a removed one, what it was last.
    pub instance: RegisteredInstance,
    /// The same as it is stored.
    pub record: Arc<InstanceRecord>,
}

/// Whether an instance came, changed or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It was there before.
    Updated,
    /// It is gone.
    Removed,
}

impl ChangeKind {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Removed => "removed",
        }
    }
}

/// Why an instance changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It was registered.
    Registered,
    /// It was deregistered.
    Deregistered,
    /// Its lease was renewed after it had expired, or with another report.
    Renewed,
    /// Its lease expired.
    LeaseExpired,
    /// It was unhealthy for too long.
    UnhealthyTooLong,
    /// Its operator changed its status or its weight.
    Operator,
    /// A check changed its state, or had no result in time.
    Check,
    /// Its node went down or came back.
    Node,
    /// Its service splits its traffic in another way.
    Traffic,
}

impl Notice {
    /// The `NAMESPACE/NAME` of the service that it is about; `None` is everything.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::GuardStarted { service, .. } | Self::GuardEnded { service, .. } => {
                Some(&**service).filter(|service| service.contains('/'))
            }
            Self::ClockGap { .. } => None,
        }
    }
}

impl Cause {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Deregistered => "deregistered",
            Self::Renewed => "renewed",
            Self::LeaseExpired => "lease-expired",
            Self::UnhealthyTooLong => "unhealthy-too-long",
            Self::Operator => "operator",
            Self::Check => "check",
            Self::Node => "node",
            Self::Traffic => "traffic",
        }
    }
}

/// What the operator should know: a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// Too many instances failed at once: none of them is removed.
    #[error("{failed} of {total} instances of {service} failed within one ttl: removals are suspended")]
    GuardStarted {
        /// `NAMESPACE/NAME`; `the registry` is everything.
        service: Arc<str>,
        /// How many failed.
        failed: usize,
        /// Out of how many.
        total: usize,
    },
    /// It is over: enough of them recovered, or it lasted as long as it may.
    #[error("removals of {service} are no longer suspended: {reason}")]
    GuardEnded {
        /// `NAMESPACE/NAME`; `the registry` is everything.
        service: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// The process did not run for some time, so that it could not take renewals.
    #[error("this process did not run for {seconds} s: every lease gets one full ttl again")]
    ClockGap {
        /// How long.
        seconds: u64,
    },
}
