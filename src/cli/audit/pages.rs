//! The audit log of a server, part by part.

use crate::client::{AuditPart, AuditQuery, Registry};
use crate::error::Result;

/// The parts of the log that are still to be read.
pub(super) struct Pages<'r> {
    registry: &'r Registry,
    query: Option<AuditQuery>,
}

impl<'r> Pages<'r> {
    pub(super) fn new(registry: &'r Registry, query: AuditQuery) -> Self {
        Self { registry, query: Some(query) }
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// If the registry cannot be reached, or refuses.
    pub(super) async fn next(&mut self) -> Result<Option<AuditPart>> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let part = self.registry.audit(&query).await?;

        if let Some(after) = part.next {
            // The end moves while it is read.
            self.query = Some(AuditQuery { after, last: None, ..query });
        }
        Ok(Some(part))
    }
}
