//! Where a check looks, and how it gets there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::resolvers::Resolvers;
use super::roots::Roots;
use crate::model::CheckSpec;
use crate::net::{AsyncStream, Connection, ConnectionError, Deadline, Route, StartTls, dial, start_tls, tls};

/// Why a check could not look, for a reason on this side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LocalFailure(pub(crate) String);

impl LocalFailure {
    /// What failed on this side, in one sentence without a full stop.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What a look comes to.
pub(crate) type CheckResult<T> = Result<T, LocalFailure>;

/// Where to look, and what to ask there.
#[derive(Clone, Debug)]
pub(crate) struct CheckTarget {
    pub(crate) address: SocketAddr,
    /// The interface that leads there, where only one does.
    pub(crate) interface: Option<String>,
    /// The name that it is asked by.
    pub(crate) name: Option<String>,
    pub(crate) layer: Layer,
    /// Whether gRPC is spoken there.
    pub(crate) grpc: bool,
    /// The word for what is spoken there.
    pub(crate) protocol: Option<String>,
    pub(crate) ask: Arc<CheckSpec>,
    /// How quick connecting and answering should be.
    pub(crate) goals: LatencyTargets,
    /// Who asks in this host's place, and where.
    pub(crate) way: Route,
}

/// What lies between the connection and what is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Plain,
    Tls,
    /// TLS that begins when it is asked for.
    StartTls(StartTls),
}

/// How quick something should be, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencyTargets {
    pub(crate) connect_us: u64,
    pub(crate) answer_us: u64,
}

/// What looks share.
#[derive(Clone, Debug)]
pub(crate) struct CheckContext {
    /// How long one look may take.
    pub(crate) timeout: Duration,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolvers: Arc<Resolvers>,
}

/// The most bytes that are read of one connection: a body of 1 MiB, its head, and what frames them.
const MAX_BYTES: usize = (1 << 20) + (256 << 10);

/// A connection, and what its peer agreed to speak inside TLS.
pub(crate) struct CheckConnection {
    pub(crate) stream: Box<dyn AsyncStream>,
    pub(crate) alpn: Option<Vec<u8>>,
}

impl CheckTarget {
    /// The name that TLS asks for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, ConnectionError> {
        match &self.name {
            Some(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ConnectionError::Declined("has no name for TLS"))
            }
            None => Ok(ServerName::IpAddress(self.address.ip().into())),
        }
    }

    /// What the `Host` of HTTP says.
    pub(crate) fn host(&self) -> String {
        let port = self.address.port();
        let usual = if self.layer == Layer::Plain { 80 } else { 443 };
        let host = match &self.name {
            Some(name) => name.clone(),
            None if self.address.is_ipv6() => format!("[{}]", self.address.ip()),
            None => self.address.ip().to_string(),
        };
        if port == usual { host } else { format!("{host}:{port}") }
    }

    /// A connection in plain text, up to where TLS begins.
    pub(crate) async fn connect(&self, deadline: Deadline) -> Result<Connection, ConnectionError> {
        let stream = dial(self.address, self.interface.as_deref(), deadline).await?;
        let mut peer = Connection::new(stream, deadline, MAX_BYTES);
        if let Layer::StartTls(kind) = self.layer {
            start_tls(kind, &mut peer).await?;
        }
        Ok(peer)
    }

    /// A connection to what is spoken there, through TLS if that lies between.
    pub(crate) async fn line(&self, alpn: &[&[u8]], deadline: Deadline) -> Result<CheckConnection, ConnectionError> {
        let peer = self.connect(deadline).await?;
        if self.layer == Layer::Plain {
            return Ok(CheckConnection { stream: peer.into_stream(), alpn: None });
        }
        let shaken = tls::handshake(peer.into_stream(), self.server_name()?, alpn, deadline).await;
        let tls::Handshake { stream, facts, .. } = shaken.map_err(|error| error.error)?;
        let alpn = facts.alpn.map(|word| word.as_raw().as_bytes().to_vec());
        Ok(CheckConnection { stream: Box::new(stream), alpn })
    }
}

/// What went wrong with a peer, unless it went wrong here.
///
/// # Errors
/// When it did.
pub(crate) fn peers_fault(error: ConnectionError) -> CheckResult<ConnectionError> {
    match error {
        ConnectionError::Local(error) => Err(LocalFailure(error.to_string())),
        error => Ok(error),
    }
}
