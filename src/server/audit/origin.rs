//! Where a request comes from, for the audit log.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::AuditEntry;
use crate::server::access::Caller;
use crate::server::request_context::RequestContext;
use crate::server::request_id::RequestId;

/// What a caller is called that did not prove who it is.
pub(super) const STRANGER: &str = "anonymous";

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(in crate::server) struct Origin {
    /// `None`: it did not prove who it is.
    caller: Option<Arc<Caller>>,
    from: Option<SocketAddr>,
    request: Option<RequestId>,
}

impl Origin {
    /// The origin of a request.
    pub(in crate::server) fn new(caller: Option<Arc<Caller>>, context: &RequestContext) -> Self {
        Self { caller, from: Some(context.peer), request: Some(context.id.clone()) }
    }

    /// The origin of a request in tests: no caller, no address, no id.
    #[cfg(test)]
    pub(in crate::server) fn unknown() -> Self {
        Self { caller: None, from: None, request: None }
    }

    /// The address of the client.
    pub(in crate::server) fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    /// The id of the request.
    pub(in crate::server) fn request(&self) -> Option<String> {
        self.request.as_ref().map(RequestId::to_string)
    }

    /// Who it is.
    pub(in crate::server) fn who(&self) -> &str {
        self.caller.as_ref().map_or(STRANGER, |caller| &caller.name)
    }

    /// An entry about something that was done now.
    pub(in crate::server) fn entry(&self, action: &'static str, result: &str) -> AuditEntry {
        let mut entry = AuditEntry::new(Timestamp::now(), self.who(), action, result);
        entry.from = self.from.map(|from| from.to_string());
        entry.request = self.request();
        entry
    }
}
