//! The audit log as a store keeps it: records that are numbered and chained when they are stored.

use crate::model::AuditHash;

/// A stored record of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAudit {
    /// Its number; the first one has 1.
    pub number: u64,
    /// The hash of the record before.
    pub previous: AuditHash,
    /// Its own hash.
    pub hash: AuditHash,
    /// Its canonical line.
    pub body: Vec<u8>,
}

/// Which records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRange {
    /// Those with greater numbers.
    pub after: u64,
    /// At most so many.
    pub max: usize,
}

/// Records that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The records.
    pub records: Vec<StoredAudit>,
    /// The number of the first record of the whole log; 0 if it is empty.
    pub first: u64,
    /// The number of the last record that was written; 0 if there was none. Without a record of that number, the newest ones
    /// were removed.
    pub last: u64,
}

/// The end of the log, which the next record continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AuditHead {
    /// The number of the last record; 0 if there is none.
    pub(super) number: u64,
    /// Its hash.
    pub(super) hash: AuditHash,
}

impl AuditHead {
    /// The head of an empty log.
    pub(super) const EMPTY: Self = Self { number: 0, hash: AuditHash::ZERO };

    /// Continues the log with a record.
    pub(super) fn seal(&mut self, body: Vec<u8>) -> StoredAudit {
        let (previous, number) = (self.hash, self.number + 1);
        let hash = AuditHash::of(previous, number, &body);

        *self = Self { number, hash };
        StoredAudit { number, previous, hash, body }
    }
}
