//! What the audit log says when a server starts.

use jiff::Timestamp;
use tracing::warn;

use super::AuditLog;
use crate::model::AuditEntry;
use crate::server::access::AccessControl;
use crate::store::{AuditRange, StoreError};

/// Records the start, and what became of the API keys since the last record: `portolan key` also works while no server runs.
pub(in crate::server) async fn note_start(audit: &AuditLog, access: &AccessControl) {
    if !audit.is_on() {
        return;
    }
    let authentication = if access.is_on() { "authentication on" } else { "authentication off" };
    // A log that cannot be read says so where it is read.
    let end = end(audit).await.unwrap_or_default();
    let missing = end.missing.map_or_else(String::new, |number| {
        warn!(record = number, "the newest records of the audit log are missing: `portolan audit verify` says which");
        format!("; record {number}, the last one that was written, is missing")
    });
    audit.note("start", "", format!("portolan {}, {authentication}{missing}", env!("CARGO_PKG_VERSION")));

    for change in access.key_changes_since(end.time) {
        audit.note(change.action, &change.target, change.detail);
    }
}

/// How the log ends.
#[derive(Default)]
struct LogEnd {
    /// The time of the last record, if it is there.
    time: Option<Timestamp>,
    /// The number of the last record that was written, if it is missing.
    missing: Option<u64>,
}

async fn end(audit: &AuditLog) -> Result<LogEnd, StoreError> {
    let end = audit.read(AuditRange { after: 0, max: 0 }).await?;
    let page = audit.read(AuditRange { after: end.last.saturating_sub(1), max: 1 }).await?;

    let entry = page.records.last().and_then(|record| serde_json::from_slice::<AuditEntry>(&record.body).ok());
    let is_missing = end.last > 0 && page.records.is_empty();
    Ok(LogEnd { time: entry.map(|entry| entry.time), missing: is_missing.then_some(end.last) })
}
