//! The other end of a connection, and how talking to it can go wrong.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bounded::{AsyncStream, Bounded, ReceivedPrefix};
use super::{ConnectError, Deadline};

/// Why a peer told no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The host refuses: nobody listens.
    #[error("connection refused")]
    Refused,
    /// Somebody says that there is no way to it.
    #[error("unreachable")]
    Unreachable,
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// It closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// It reset the connection.
    #[error("the connection was reset")]
    Reset,
    /// It sent more than is read.
    #[error("the answer is too long")]
    TooLong,
    /// What it sent is not what the protocol allows.
    #[error("the answer {0}")]
    Garbled(&'static str),
    /// It does not do what it was asked for.
    #[error("it {0}")]
    Declined(&'static str),
    /// What TLS says.
    #[error("{0}")]
    Tls(#[source] Box<rustls::Error>),
    /// This machine failed: it says nothing of the peer.
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

/// The other end of a connection. Its deadline and its most bytes are those of the whole connection, and hold for
/// whatever is layered upon it.
pub(crate) struct Connection {
    stream: Box<dyn AsyncStream>,
    heard: ReceivedPrefix,
    /// What was read and given back.
    unread: Vec<u8>,
}

impl Connection {
    /// The other end of `stream`, of which at most `most` bytes are read.
    pub(crate) fn new(stream: impl AsyncStream + 'static, deadline: Deadline, most: usize) -> Self {
        let bounded = Bounded::new(stream, deadline, most);
        Self { heard: bounded.heard(), stream: Box::new(bounded), unread: Vec::new() }
    }

    /// The first bytes that came, below any TLS: at most 1 KiB.
    pub(crate) fn heard(&self) -> ReceivedPrefix {
        self.heard.clone()
    }

    /// The stream, for what is layered upon it.
    pub(crate) fn into_stream(self) -> Box<dyn AsyncStream> {
        self.stream
    }

    /// The stream, for what is layered upon it for a while.
    pub(crate) fn stream(&mut self) -> &mut Box<dyn AsyncStream> {
        &mut self.stream
    }

    /// Gives back what was read: it will be read again, before anything else.
    pub(crate) fn unread(&mut self, bytes: Vec<u8>) {
        self.unread = bytes;
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// As [`ConnectionError`] says.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Appends what there is to `into`, waiting for something; 0 is the end. TLS that ends without saying so is an end.
    ///
    /// # Errors
    /// As [`ConnectionError`] says.
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

    /// Appends to `into` until it is `done` or has at least `most` bytes. Returns whether it is done; if not, the peer
    /// ended or said too much.
    ///
    /// # Errors
    /// As [`ConnectionError`] says; what was read until then is in `into`.
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

    /// Appends to `into` until it holds `length` bytes; more may come along.
    ///
    /// # Errors
    /// As [`ConnectionError`] says; `Closed` if the peer ends before.
    pub(crate) async fn fill(&mut self, into: &mut Vec<u8>, length: usize) -> Result<(), ConnectionError> {
        let whole = self.read_until(into, length, |bytes| bytes.len() >= length).await?;
        if whole { Ok(()) } else { Err(ConnectionError::Closed) }
    }
}
