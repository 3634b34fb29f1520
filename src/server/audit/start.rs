//! What the audit log says when a server starts.

use jiff::Timestamp;

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
    audit.note("start", "", format!("portolan {}, {authentication}", env!("CARGO_PKG_VERSION")));

    // A log that cannot be read says so where it is read.
    let last = last_time(audit).await.unwrap_or_default();
    for change in access.key_changes_since(last) {
        audit.note(change.action, &change.target, change.detail);
    }
}

/// The time of the last record.
async fn last_time(audit: &AuditLog) -> Result<Option<Timestamp>, StoreError> {
    let end = audit.read(AuditRange { after: 0, max: 0 }).await?;
    let page = audit.read(AuditRange { after: end.last.saturating_sub(1), max: 1 }).await?;

    let entry = page.records.last().and_then(|record| serde_json::from_slice::<AuditEntry>(&record.body).ok());
    Ok(entry.map(|entry| entry.time))
}
