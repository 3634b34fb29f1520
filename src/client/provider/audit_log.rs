//! The audit log of a registry of portolan's own.

use serde::Deserialize;

use crate::model::{AuditRecord, Timestamp};

/// Which records of the audit log are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Only records with greater numbers.
    pub after: u64,
    /// Start this many records before the end.
    pub last: Option<u64>,
    /// Only records from this time on.
    pub since: Option<Timestamp>,
    /// Only records whose `who` contains this text.
    pub who: Option<String>,
}

impl AuditQuery {
    /// The records whose numbers are greater than `after`.
    pub fn after(after: u64) -> Self {
        Self { after, ..Self::default() }
    }
}

/// A part of the audit log, the oldest record first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AuditPart {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// The number of the first record of the whole log; 0 if it is empty.
    pub first: u64,
    /// The number of its last record.
    pub last: u64,
    /// What [`AuditQuery::after`] continues with; `None` at the end of the log.
    pub next: Option<u64>,
}
