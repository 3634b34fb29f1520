//! A connection to a peer, and how it fails.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bounded::{AsyncStream, LimitedStream, ReceivedPrefix, SentAndReceived};
use super::{ConnectError, Deadline, describe_tls_error};
use crate::clean::Untrusted;

/// Why an exchange with a peer failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The host refused the connection: no program listens.
    #[error("connection refused")]
    Refused,
    /// No route to the peer, or a router reported it unreachable.
    #[error("unreachable")]
    Unreachable,
    /// The deadline passed.
    #[error("no reply in time")]
    TimedOut,
    /// The peer closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The peer reset the connection.
    #[error("the connection was reset")]
    Reset,
    /// The reply is longer than is read.
    #[error("the reply is too long")]
    TooLong,
    /// The reply violates the protocol.
    #[error("the reply {0}")]
    Garbled(&'static str),
    /// The peer declined the request.
    #[error("it {0}")]
    Declined(&'static str),
    /// The peer declined the request, in its own words.
    #[error("it refuses: {0}")]
    Refuses(Untrusted),
    /// A TLS error.
    #[error("{}", describe_tls_error(.0))]
    Tls(#[source] Box<rustls::Error>),
    /// A local failure: it says nothing about the peer.
    #[error("{0}")]
    Local(#[source] io::Error),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, FileTooLarge, NotConnected, TimedOut, UnexpectedEof,
        };

        match error.kind() {
            TimedOut => Self::TimedOut,
            FileTooLarge => Self::TooLong,
            UnexpectedEof => Self::Closed,
            ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected => Self::Reset,
            _ => match error.downcast::<rustls::Error>() {
                Ok(error) => Self::Tls(Box::new(error)),
                Err(error) => Self::Local(error),
            },
        }
    }
}

impl From<ConnectError> for ConnectionError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::TimedOut => Self::TimedOut,
            ConnectError::Refused => Self::Refused,
            ConnectError::Unreachable => Self::Unreachable,
            ConnectError::Reset => Self::Reset,
            ConnectError::Local(error) => Self::Local(error),
        }
    }
}

/// A connection to a peer. Its deadline and its byte limit cover the whole connection, including layers on top.
pub(crate) struct Connection {
    stream: Box<dyn AsyncStream>,
    received: ReceivedPrefix,
    exchange: SentAndReceived,
    /// Bytes that were given back.
    unread: Vec<u8>,
}

impl Connection {
    /// A connection over `stream` that reads at most `most` bytes.
    pub(crate) fn new(stream: impl AsyncStream + 'static, deadline: Deadline, most: usize) -> Self {
        let bounded = LimitedStream::new(stream, deadline, most);
        let (received, exchange) = (bounded.received(), bounded.exchange());
        Self { received, exchange, stream: Box::new(bounded), unread: Vec::new() }
    }

    /// The first bytes received, below any TLS: at most 1 KiB.
    pub(crate) fn received(&self) -> ReceivedPrefix {
        self.received.clone()
    }

    /// The first bytes sent and the first bytes received after them, below any TLS.
    pub(crate) fn exchange(&self) -> SentAndReceived {
        self.exchange.clone()
    }

    /// The stream, for a layer on top.
    pub(crate) fn into_stream(self) -> Box<dyn AsyncStream> {
        self.stream
    }

    /// The stream, for a temporary layer on top.
    pub(crate) fn stream(&mut self) -> &mut Box<dyn AsyncStream> {
        &mut self.stream
    }

    /// Gives back bytes, which the next read returns first.
    pub(crate) fn unread(&mut self, bytes: Vec<u8>) {
        self.unread = bytes;
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Waits for bytes and appends them to `into`; returns 0 at the end. A TLS stream that ends without close_notify
    /// has ended.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, ConnectionError> {
        if !self.unread.is_empty() {
            into.append(&mut self.unread);
            return Ok(into.len());
        }

        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer).await {
            Ok(read) => {
                into.extend_from_slice(&buffer[..read]);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Appends to `into` until `done` or until it has `most` bytes. Returns whether it is done; if not, the peer
    /// ended or sent too much.
    ///
    /// # Errors
    /// See [`ConnectionError`]; the bytes read until then are in `into`.
    pub(crate) async fn read_until(
        &mut self,
        into: &mut Vec<u8>,
        most: usize,
        mut done: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<bool, ConnectionError> {
        loop {
            if done(into) {
                return Ok(true);
            }
            if into.len() >= most || self.read(into).await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Appends to `into` until it has at least `length` bytes.
    ///
    /// # Errors
    /// See [`ConnectionError`]; `Closed` if the peer ends earlier.
    pub(crate) async fn fill(&mut self, into: &mut Vec<u8>, length: usize) -> Result<(), ConnectionError> {
        let whole = self.read_until(into, length, |bytes| bytes.len() >= length).await?;
        if whole { Ok(()) } else { Err(ConnectionError::Closed) }
    }
}
