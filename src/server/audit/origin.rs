//! Where a request comes from, for the audit log.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Extensions;
use jiff::Timestamp;

use crate::model::AuditEntry;
use crate::server::PeerAddress;
use crate::server::access::Caller;
use crate::server::request_id::RequestId;

/// What a caller is called that did not prove who it is.
const STRANGER: &str = "anonymous";

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(in crate::server) struct Origin {
    /// `None`: it did not prove who it is.
    caller: Option<Arc<Caller>>,
    from: Option<SocketAddr>,
    request: Option<RequestId>,
}

impl Origin {
    /// The origin of a request with these extensions.
    pub(in crate::server) fn of(caller: Option<Arc<Caller>>, extensions: &Extensions) -> Self {
        let from = extensions.get::<PeerAddress>().map(|PeerAddress(peer)| *peer);
        Self { caller, from, request: extensions.get::<RequestId>().cloned() }
    }

    /// The address of the client.
    pub(in crate::server) fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    /// The id of the request.
    pub(in crate::server) fn request(&self) -> Option<&str> {
        self.request.as_ref().map(RequestId::as_str)
    }

    /// Who it is.
    pub(in crate::server) fn who(&self) -> &str {
        self.caller.as_ref().map_or(STRANGER, |caller| &caller.name)
    }

    /// An entry about something that was done now.
    pub(in crate::server) fn entry(&self, action: &'static str, result: &str) -> AuditEntry {
        let mut entry = AuditEntry::new(Timestamp::now(), self.who(), action, result);
        entry.from = self.from.map(|from| from.to_string());
        entry.request = self.request.as_ref().map(RequestId::to_string);
        entry
    }
}
