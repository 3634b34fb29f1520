//! How a port is reached, and the conversation over one connection to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::{MAX_BYTES, Probes, QUIET, ServerBytes};
use crate::model::{TlsFacts, Transport};
use crate::net::{
    AsyncStream, ConnectError, Connection, ConnectionError, Deadline, OtherNamespace, ReceivedPrefix, StartTls,
    dial_in, start_tls, tls,
};

/// The port under test. Requests contain its name, and differ inside TLS.
#[derive(Clone, Debug)]
pub(crate) struct PortTarget {
    pub(crate) address: SocketAddr,
    /// The outgoing interface, if the address requires one.
    pub(crate) interface: Option<String>,
    /// The network namespace, unless it is portolan's own.
    pub(crate) namespace: Option<Arc<OtherNamespace>>,
    /// The host name, for SNI and HTTP's `Host`.
    pub(crate) host: Option<String>,
    pub(crate) transport: Transport,
    /// The facts of the surrounding TLS session; `None` outside TLS.
    pub(crate) tls: Option<Arc<TlsFacts>>,
}

impl PortTarget {
    pub(crate) fn new(address: SocketAddr, transport: Transport) -> Self {
        Self { address, interface: None, namespace: None, host: None, transport, tls: None }
    }

    /// Bytes that came from this port.
    pub(crate) fn received<'a>(&self, bytes: &'a [u8], reply_to: Option<&'static str>, ended: bool) -> ServerBytes<'a> {
        ServerBytes { bytes, transport: self.transport, reply_to, ended }
    }

    /// The value of HTTP's `Host`: `example.org:8080`.
    pub(crate) fn authority(&self) -> String {
        let port = self.address.port();
        let default_port = if self.tls.is_some() { 443 } else { 80 };
        let host = match (&self.host, self.address) {
            (Some(host), _) => host.clone(),
            (None, SocketAddr::V4(v4)) => v4.ip().to_string(),
            (None, SocketAddr::V6(v6)) => format!("[{}]", v6.ip()),
        };

        if port == default_port { host } else { format!("{host}:{port}") }
    }

    /// The protocol negotiated by ALPN in the surrounding TLS session.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.alpn.as_ref().map(|protocol| protocol.as_raw().as_bytes())
    }

    /// The name for SNI. Addresses are not sent.
    fn server_name(&self) -> ServerName<'static> {
        let name = self.host.clone().and_then(|host| ServerName::try_from(host).ok());
        name.unwrap_or_else(|| ServerName::IpAddress(self.address.ip().into()))
    }
}

/// The identification of one port: its connection budget and its deadline.
pub(super) struct PortSession {
    pub(super) target: PortTarget,
    pub(super) probes: Probes,
    pub(super) deadline: Deadline,
    connections_left: AtomicUsize,
    connected: AtomicBool,
    /// The bytes of the conversation in progress.
    current: Mutex<Option<ReceivedPrefix>>,
}

/// The ALPN offer, unless the port number suggests another protocol.
pub(super) const ANY_ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

impl PortSession {
    pub(super) fn new(target: PortTarget, probes: Probes, deadline: Deadline, connections: usize) -> Self {
        let (connections_left, connected) = (AtomicUsize::new(connections), AtomicBool::new(false));
        Self { target, probes, deadline, connections_left, connected, current: Mutex::new(None) }
    }

    /// Notes the conversation in progress; `None` once it has ended.
    pub(super) fn set_current(&self, received: Option<ReceivedPrefix>) {
        *self.current.lock() = received;
    }

    /// Whether the server has sent something in the conversation in progress.
    pub(super) fn is_in_conversation(&self) -> bool {
        self.current.lock().as_ref().is_some_and(|received| !received.is_empty())
    }

    /// Whether the connections or the time are used up.
    pub(super) fn is_over(&self) -> bool {
        self.connections_left.load(Ordering::Relaxed) == 0 || self.deadline.is_over()
    }

    /// Allows at least one more connection.
    pub(super) fn allow_one_more(&self) {
        self.connections_left.fetch_max(1, Ordering::Relaxed);
    }

    /// Whether any connection succeeded.
    pub(super) fn was_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Opens a connection for a conversation of at most `wait`.
    pub(super) async fn open(&self, wait: Duration) -> Result<Connection, ConnectionError> {
        let budget = &self.connections_left;
        if budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(ConnectionError::TimedOut);
        }
        self.open_uncounted(wait).await
    }

    /// Opens a connection besides those that the budget allows.
    pub(super) async fn open_uncounted(&self, wait: Duration) -> Result<Connection, ConnectionError> {
        let deadline = self.deadline.within(wait);
        let PortTarget { address, interface, namespace, .. } = &self.target;
        let dialled = dial_in(namespace.as_deref(), *address, interface.as_deref(), deadline).await;
        let connected = matches!(dialled, Ok(_) | Err(ConnectError::Reset));
        self.connected.fetch_or(connected, Ordering::Relaxed);
        Ok(Connection::new(dialled?, deadline, MAX_BYTES))
    }

    /// Performs the TLS handshake over a connection.
    pub(super) async fn secure(
        &self,
        peer: Connection,
        alpn: &[&[u8]],
        wait: Duration,
    ) -> Result<(Connection, TlsFacts), tls::HandshakeError> {
        let received = peer.received();
        let deadline = self.deadline.within(wait);
        let offer = tls::ClientOffer { alpn, identity: None };
        let handshake = tls::handshake(peer.into_stream(), self.target.server_name(), offer, deadline).await?;

        // From here on, only bytes inside TLS count.
        received.take();
        Ok((Connection::new(handshake.stream, deadline, MAX_BYTES), handshake.facts))
    }

    /// Opens a connection, requests STARTTLS in the given protocol, and performs the handshake.
    pub(super) async fn upgrade(&self, kind: StartTls, wait: Duration) -> Option<TlsFacts> {
        let mut peer = self.open(wait).await.ok()?;
        start_tls(kind, &mut peer).await.ok()?;
        match self.secure(peer, &[], wait).await {
            Ok((_, facts)) => Some(facts),
            Err(error) if error.is_of_tls() => Some(error.facts()),
            Err(_) => None,
        }
    }
}

/// A conversation over one connection.
pub(crate) struct Talk<'l> {
    /// The server. Its time and bytes are bounded.
    pub(crate) peer: Connection,
    target: &'l PortTarget,
    session: &'l PortSession,
    alpn: &'l [&'l [u8]],
    wait: Duration,
}

impl<'l> Talk<'l> {
    pub(super) fn new(
        session: &'l PortSession,
        target: &'l PortTarget,
        peer: Connection,
        alpn: &'l [&'l [u8]],
        wait: Duration,
    ) -> Self {
        Self { peer, target, session, alpn, wait }
    }

    pub(crate) fn target(&self) -> &'l PortTarget {
        self.target
    }

    /// The raw stream and its deadline, for protocols layered on top.
    pub(crate) fn stream(&mut self) -> (&mut Box<dyn AsyncStream>, Deadline) {
        (self.peer.stream(), self.session.deadline.within(self.wait))
    }

    /// Appends the next bytes. Returns false if no more will come: the server closed the connection, or has been silent
    /// for [`QUIET`] after its first bytes.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    pub(crate) async fn more(&mut self, bytes: &mut Vec<u8>) -> Result<bool, ConnectionError> {
        if bytes.is_empty() {
            return Ok(self.peer.read(bytes).await? > 0);
        }
        self.more_within(QUIET, bytes).await
    }

    /// Appends the next bytes. Returns false if the server closes the connection or sends nothing for this time.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    pub(super) async fn more_within(&mut self, quiet: Duration, bytes: &mut Vec<u8>) -> Result<bool, ConnectionError> {
        let read = timeout(quiet, self.peer.read(bytes)).await.unwrap_or(Ok(0))?;
        Ok(read > 0)
    }

    /// Opens another connection for a further request, inside TLS if this one is.
    ///
    /// # Errors
    /// See [`ConnectionError`]; `TimedOut` also if the connections are used up.
    pub(crate) async fn again(&self) -> Result<Talk<'l>, ConnectionError> {
        let peer = self.session.open(self.wait).await?;
        let peer = match &self.target.tls {
            None => peer,
            Some(_) => self.session.secure(peer, self.alpn, self.wait).await.map_err(|failed| failed.error)?.0,
        };
        Ok(Self { peer, ..*self })
    }
}
