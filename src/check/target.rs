//! The endpoint under check, and the connection to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::resolvers::Resolvers;
use super::roots::Roots;
use super::scale::micros;
use crate::model::CheckSpec;
use crate::net::tls::{self, ClientOffer, HandshakeError};
use crate::net::{
    AddressPolicy, AsyncStream, Connection, ConnectionError, Deadline, Route, StartTls, TlsIdentity, dial, start_tls,
};

/// A failure on this side: the check could not run, which says nothing about the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LocalFailure(pub(crate) String);

impl LocalFailure {
    /// What failed on this side, in one sentence without a full stop.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The result of running a check.
pub(crate) type CheckResult<T> = Result<T, LocalFailure>;

/// The endpoint under check.
#[derive(Clone, Debug)]
pub(crate) struct CheckTarget {
    pub(crate) address: SocketAddr,
    /// The outgoing interface, if the address requires one.
    pub(crate) interface: Option<String>,
    /// The host name, for SNI, HTTP's `Host` and the certificate.
    pub(crate) name: Option<String>,
    pub(crate) layer: Layer,
    /// Whether the endpoint speaks gRPC.
    pub(crate) grpc: bool,
    /// The application protocol: `redis`, `h2c`.
    pub(crate) protocol: Option<String>,
    pub(crate) spec: Arc<CheckSpec>,
    pub(crate) latency: LatencyTargets,
    /// Whether HTTP requests go directly or through a proxy.
    pub(crate) route: Route,
}

/// The transport security between the connection and the application protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Plain,
    Tls,
    /// The connection starts in plain text and upgrades on request.
    StartTls(StartTls),
}

/// Upper limits of good latency, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencyTargets {
    pub(crate) connect_us: u64,
    pub(crate) answer_us: u64,
}

/// Shared by all checks of a run.
#[derive(Clone, Debug)]
pub(crate) struct CheckContext {
    /// Limit for one run of one check.
    pub(crate) timeout: Duration,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolvers: Arc<Resolvers>,
    /// Which addresses may be contacted.
    pub(crate) addresses: Arc<AddressPolicy>,
    /// Whether findings may quote the body of a reply.
    pub(crate) shows_bodies: bool,
    /// Whether the TLS check also offers each older version alone, on connections that it breaks off.
    pub(crate) offers_older_tls: bool,
    /// Whether a program gets the whole environment of this process.
    pub(crate) shares_environment: bool,
}

/// Limit for reading from one connection: a body of 8 MiB, its head, and the framing.
const MAX_BYTES: usize = 10 << 20;

/// An open connection to the application protocol.
pub(crate) struct CheckConnection {
    pub(crate) stream: Box<dyn AsyncStream>,
    /// The protocol negotiated by ALPN.
    pub(crate) alpn: Option<Vec<u8>>,
    /// The duration of the TLS handshake, in microseconds.
    pub(crate) tls_us: Option<u64>,
}

impl CheckTarget {
    /// The name for SNI and certificate verification.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, ConnectionError> {
        match &self.name {
            Some(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ConnectionError::Declined("has no valid TLS name"))
            }
            None => Ok(ServerName::IpAddress(self.address.ip().into())),
        }
    }

    /// The value of HTTP's `Host`.
    pub(crate) fn host(&self) -> String {
        let port = self.address.port();
        let default_port = if self.layer == Layer::Plain { 80 } else { 443 };
        let host = match &self.name {
            Some(ip) if ip.contains(':') => format!("[{ip}]"),
            Some(name) => name.clone(),
            None if self.address.is_ipv6() => format!("[{}]", self.address.ip()),
            None => self.address.ip().to_string(),
        };

        if port == default_port { host } else { format!("{host}:{port}") }
    }

    /// Connects in plain text, up to the point where TLS starts.
    pub(crate) async fn connect(&self, deadline: Deadline) -> Result<Connection, ConnectionError> {
        let stream = dial(self.address, self.interface.as_deref(), deadline).await?;
        let mut peer = Connection::new(stream, deadline, MAX_BYTES);
        if let Layer::StartTls(kind) = self.layer {
            start_tls(kind, &mut peer).await?;
        }
        Ok(peer)
    }

    /// Connects to the application protocol, through TLS if the layer requires it.
    pub(crate) async fn open(&self, alpn: &[&[u8]], deadline: Deadline) -> Result<CheckConnection, ConnectionError> {
        let peer = self.connect(deadline).await?;
        if self.layer == Layer::Plain {
            return Ok(CheckConnection { stream: peer.into_stream(), alpn: None, tls_us: None });
        }

        let start = Instant::now();
        let handshake = self.handshake(peer, alpn, deadline).await;
        let tls::Handshake { stream, facts, .. } = handshake.map_err(|failed| failed.error)?;
        let alpn = facts.alpn.map(|protocol| protocol.as_raw().as_bytes().to_vec());
        Ok(CheckConnection { stream: Box::new(stream), alpn, tls_us: Some(micros(start.elapsed())) })
    }

    /// Performs the TLS handshake, with the client certificate if one is configured.
    pub(crate) async fn handshake(
        &self,
        peer: Connection,
        alpn: &[&[u8]],
        deadline: Deadline,
    ) -> Result<tls::Handshake<Box<dyn AsyncStream>>, HandshakeError> {
        let name = self.server_name().map_err(HandshakeError::before)?;
        let identity = self.identity().map_err(HandshakeError::before)?;
        let offer = ClientOffer { alpn, identity: identity.as_ref() };
        tls::handshake(peer.into_stream(), name, offer, deadline).await
    }

    /// The client certificate. The files are read for each handshake, because certificates are renewed.
    fn identity(&self) -> Result<Option<TlsIdentity>, ConnectionError> {
        let Some(cert) = &self.spec.cert else { return Ok(None) };
        let identity = TlsIdentity::read(cert, self.spec.key.as_deref());
        identity
            .map(Some)
            .map_err(|cause| ConnectionError::Local(io::Error::other(format!("client certificate: {cause}"))))
    }
}

/// Separates failures of the peer from failures on this side.
///
/// # Errors
/// If the failure is local.
pub(crate) fn peer_failure(error: ConnectionError) -> CheckResult<ConnectionError> {
    match error {
        ConnectionError::Local(error) => Err(LocalFailure(error.to_string())),
        error => Ok(error),
    }
}
