//! How a port is reached, and the conversation over one connection to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::{MAX_BYTES, Probes, QUIET, ServerBytes};
use crate::model::{TlsFacts, Transport};
use crate::net::{
    AsyncStream, ConnectError, Connection, ConnectionError, Deadline, OtherNamespace, StartTls, dial_in, start_tls, tls,
};

/// What a question is put to: questions name it, and are put differently inside TLS.
#[derive(Clone, Debug)]
pub(crate) struct PortTarget {
    /// Where.
    pub(crate) address: SocketAddr,
    /// The interface that it is reached through, if it must be a certain one.
    pub(crate) interface: Option<String>,
    /// The network namespace that it is in, where that is not one's own.
    pub(crate) namespace: Option<Arc<OtherNamespace>>,
    /// The name that it was asked for by: for SNI and HTTP's `Host`.
    pub(crate) host: Option<String>,
    /// How it is spoken to.
    pub(crate) transport: Transport,
    /// What the TLS around it showed; `None` outside of TLS.
    pub(crate) inside: Option<Arc<TlsFacts>>,
}

impl PortTarget {
    pub(crate) fn new(address: SocketAddr, transport: Transport) -> Self {
        Self { address, interface: None, namespace: None, host: None, transport, inside: None }
    }

    /// What it said.
    pub(crate) fn said<'a>(&self, bytes: &'a [u8], to: Option<&'static str>, ended: bool) -> ServerBytes<'a> {
        ServerBytes { bytes, transport: self.transport, to, ended }
    }

    /// `example.org:8080`, as HTTP's `Host` has it.
    pub(crate) fn authority(&self) -> String {
        let port = self.address.port();
        let usual = if self.inside.is_some() { 443 } else { 80 };
        let host = match (&self.host, self.address) {
            (Some(host), _) => host.clone(),
            (None, SocketAddr::V4(v4)) => v4.ip().to_string(),
            (None, SocketAddr::V6(v6)) => format!("[{}]", v6.ip()),
        };
        if port == usual { host } else { format!("{host}:{port}") }
    }

    /// The protocol that TLS agreed on inside (ALPN).
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.inside.as_ref()?.alpn.as_ref().map(|word| word.as_raw().as_bytes())
    }

    /// The name for SNI; an address is not sent.
    fn server_name(&self) -> ServerName<'static> {
        let named = self.host.clone().and_then(|host| ServerName::try_from(host).ok());
        named.unwrap_or_else(|| ServerName::IpAddress(self.address.ip().into()))
    }
}

/// A port, for as long as it is being identified.
pub(super) struct PortSession {
    pub(super) asked: PortTarget,
    pub(super) probes: Probes,
    /// When all of it is over.
    pub(super) deadline: Deadline,
    /// How many more connections may be made.
    left: AtomicUsize,
    connected: AtomicBool,
}

/// What is offered to a TLS server, where the port's number does not say what is inside.
pub(super) const ANY_ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

impl PortSession {
    pub(super) fn new(asked: PortTarget, probes: Probes, deadline: Deadline, connections: usize) -> Self {
        Self { asked, probes, deadline, left: AtomicUsize::new(connections), connected: AtomicBool::new(false) }
    }

    /// Whether nothing more may be asked.
    pub(super) fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0 || self.deadline.is_over()
    }

    /// Allows one more connection, if that was the last.
    pub(super) fn allow_one_more(&self) {
        self.left.fetch_max(1, Ordering::Relaxed);
    }

    /// Whether there was any connection.
    pub(super) fn was_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Connects once more, for a conversation of at most `wait`.
    pub(super) async fn open(&self, wait: Duration) -> Result<Connection, ConnectionError> {
        let deadline = self.deadline.within(wait);
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Err(ConnectionError::TimedOut);
        }
        let PortTarget { address, interface, namespace, .. } = &self.asked;
        let dialled = dial_in(namespace.as_deref(), *address, interface.as_deref(), deadline).await;
        let connected = matches!(dialled, Ok(_) | Err(ConnectError::Reset));
        self.connected.fetch_or(connected, Ordering::Relaxed);
        let stream = dialled?;
        Ok(Connection::new(stream, deadline, MAX_BYTES))
    }

    /// Shakes hands over a connection.
    pub(super) async fn secure(
        &self,
        peer: Connection,
        alpn: &[&[u8]],
        wait: Duration,
    ) -> Result<(Connection, TlsFacts), tls::HandshakeError> {
        let heard = peer.received();
        let deadline = self.deadline.within(wait);
        let shaken = tls::handshake(peer.into_stream(), self.asked.server_name(), alpn, deadline).await?;
        // What is heard from here on is what is said inside.
        heard.take();
        Ok((Connection::new(shaken.stream, deadline, MAX_BYTES), shaken.facts))
    }

    /// Connects once more, asks for TLS in the words of a protocol, and shakes hands.
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
    /// The other end: its time and its bytes are bounded.
    pub(crate) peer: Connection,
    asked: &'l PortTarget,
    line: &'l PortSession,
    alpn: &'l [&'l [u8]],
    wait: Duration,
}

impl<'l> Talk<'l> {
    pub(super) fn new(
        line: &'l PortSession,
        asked: &'l PortTarget,
        peer: Connection,
        alpn: &'l [&'l [u8]],
        wait: Duration,
    ) -> Self {
        Self { peer, asked, line, alpn, wait }
    }

    /// Whom this talks to.
    pub(crate) fn asked(&self) -> &'l PortTarget {
        self.asked
    }

    /// The stream itself, for what is layered upon it, and until when.
    pub(crate) fn stream(&mut self) -> (&mut Box<dyn AsyncStream>, Deadline) {
        (self.peer.stream(), self.line.deadline.within(self.wait))
    }

    /// Appends what comes next to `bytes`. False: nothing more comes, because the peer ended or has been silent for
    /// [`QUIET`] after it had said something.
    ///
    /// # Errors
    /// As [`ConnectionError`] says.
    pub(crate) async fn more(&mut self, bytes: &mut Vec<u8>) -> Result<bool, ConnectionError> {
        let read = if bytes.is_empty() {
            self.peer.read(bytes).await?
        } else {
            timeout(QUIET, self.peer.read(bytes)).await.unwrap_or(Ok(0))?
        };
        Ok(read > 0)
    }

    /// One more connection to the same, inside TLS if this one is, for a second question.
    ///
    /// # Errors
    /// As [`ConnectionError`] says; `TimedOut` also if there have been enough connections.
    pub(crate) async fn again(&self) -> Result<Talk<'l>, ConnectionError> {
        let peer = self.line.open(self.wait).await?;
        let peer = match &self.asked.inside {
            None => peer,
            Some(_) => self.line.secure(peer, self.alpn, self.wait).await.map_err(|failed| failed.error)?.0,
        };
        Ok(Self { peer, ..*self })
    }
}
