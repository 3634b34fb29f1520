//! What the writer records beside the commands that it carries out.

use jiff::Timestamp;
use tracing::{error, warn};

use super::{AuditLog, AuditQueues};
use crate::model::AuditEntry;

/// The ticks of the writer between two looks for records that are too old.
const RETENTION_TICKS: u64 = 60;
/// The most entries that wait for a store that keeps nothing at present.
const MAX_ENTRIES: usize = 4_096;

/// Entries that are stored with the next batch.
pub(in crate::server) struct PendingAudit {
    queues: AuditQueues,
    pub(in crate::server) entries: Vec<AuditEntry>,
    ticks: u64,
    /// Whether more records are too many than could be removed last time.
    has_more: bool,
}

impl PendingAudit {
    pub(in crate::server) fn new(queues: AuditQueues) -> Self {
        Self { queues, entries: Vec::new(), ticks: 0, has_more: false }
    }

    /// Takes what waits, and once a minute looks for records that are too old. Called once a second.
    pub(in crate::server) async fn gather(&mut self, log: &AuditLog, now: Timestamp) {
        self.entries.extend(self.queues.take(log));
        let surplus = self.entries.len().saturating_sub(MAX_ENTRIES);
        if surplus > 0 {
            self.entries.truncate(MAX_ENTRIES);
            log.omit(surplus as u64);
        }

        self.ticks += 1;
        let is_due = self.has_more || self.ticks.is_multiple_of(RETENTION_TICKS);
        // What is to be removed is not stored yet.
        let is_removing = self.entries.iter().any(|entry| entry.anchor.is_some());
        if !log.is_on() || !is_due || is_removing {
            return;
        }
        match log.surplus(now).await {
            Ok(Some(removal)) => {
                if removal.young > 0 && !self.has_more {
                    let young = removal.young;
                    warn!(
                        young,
                        "the audit log grows so fast that records are removed before monitoring.audit.min_age"
                    );
                }
                self.has_more = removal.has_more;
                self.entries.push(AuditLog::removal(removal, now));
            }
            Ok(None) => self.has_more = false,
            Err(failure) => error!(error = %failure, "cannot look for old records in the audit log"),
        }
    }

    /// The last record that is removed with the next batch; 0 removes none. The entry that says so is stored with it.
    pub(in crate::server) fn forget(&self) -> u64 {
        let anchors = self.entries.iter().filter_map(|entry| entry.anchor);
        anchors.map(|anchor| anchor.through).max().unwrap_or_default()
    }

    /// The batch is stored.
    pub(in crate::server) fn kept(&mut self) {
        self.entries.clear();
    }
}
