//! What the server knows of a request beside the request itself.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access::ClientCertificate;
use super::request_id::RequestId;

/// Where a request comes from, and its id. Routes read it as an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// The address of the client.
    pub(super) peer: SocketAddr,
    /// The certificate of the connection, if the client has one.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    pub(super) id: RequestId,
}
