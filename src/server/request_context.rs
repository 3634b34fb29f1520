//! What the server knows of a request beside the request itself.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access::ClientCertificate;
use super::gate::OpenConnection;
use super::request_id::RequestId;

/// Where a request comes from, and its id. Routes read it as an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// The address of the client.
    pub(super) peer: SocketAddr,
    /// The certificate of the connection, if the client has one.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    pub(super) id: RequestId,
    /// The connection that it came on.
    pub(super) connection: Option<Arc<OpenConnection>>,
}

impl RequestContext {
    /// Notes that the caller is known: its connection is not one of a stranger.
    pub(super) fn note_caller(&self) {
        if let Some(connection) = &self.connection {
            connection.admit();
        }
    }
}
