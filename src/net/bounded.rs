//! A stream with a byte limit and a deadline.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::Deadline;

/// A byte stream: a connection, or TLS inside one.
pub(crate) trait AsyncStream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> AsyncStream for T {}

/// The first bytes received over a connection, for use after its reader failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceivedPrefix(Arc<Mutex<Vec<u8>>>);

impl ReceivedPrefix {
    /// Number of bytes kept: as much as is read of a greeting.
    const MAX_BYTES: usize = 1024;

    /// Whether there are no bytes that were not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Takes the bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }

    fn add(&self, bytes: &[u8]) {
        add_within(&mut self.0.lock(), bytes);
    }
}

/// The first bytes sent over a connection, and the first bytes received after them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentAndReceived(Arc<Mutex<[Vec<u8>; 2]>>);

impl SentAndReceived {
    /// A shorter reply may begin like the request by chance.
    const MIN_ECHO_BYTES: usize = 4;

    /// Whether the peer sends back what it receives.
    pub(crate) fn is_echo(&self) -> bool {
        let [sent, received] = &*self.0.lock();
        is_echo(sent, received)
    }

    /// Whether the reply has more bytes than the request.
    pub(crate) fn has_longer_reply(&self) -> bool {
        let [sent, received] = &*self.0.lock();
        received.len() > sent.len()
    }

    fn add_sent(&self, bytes: &[u8]) {
        let [sent, _] = &mut *self.0.lock();
        add_within(sent, bytes);
    }

    /// A greeting is not a reply: it came before anything was sent.
    fn add_received(&self, bytes: &[u8]) {
        let [sent, received] = &mut *self.0.lock();
        if !sent.is_empty() {
            add_within(received, bytes);
        }
    }
}

/// Whether a reply is the request itself, or the part of it that was read.
pub(crate) fn is_echo(request: &[u8], reply: &[u8]) -> bool {
    let compared = request.len().min(reply.len());
    let enough = compared >= SentAndReceived::MIN_ECHO_BYTES.min(request.len()) && compared > 0;
    enough && request[..compared] == reply[..compared]
}

/// Appends bytes up to the number that is kept.
fn add_within(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = ReceivedPrefix::MAX_BYTES - kept.len().min(ReceivedPrefix::MAX_BYTES);
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// A stream whose reads and writes fail once its bytes or its time are used up. Layers above it (TLS, HTTP/2) need no
/// limits of their own.
pub(crate) struct LimitedStream<S> {
    stream: S,
    /// Bytes that may still be read. One read may exceed them by the size of its buffer.
    left: usize,
    over: Pin<Box<Sleep>>,
    /// `None` once the grace was granted.
    deadline: Option<Deadline>,
    received: ReceivedPrefix,
    exchange: SentAndReceived,
}

impl<S> LimitedStream<S> {
    pub(crate) fn new(stream: S, deadline: Deadline, most: usize) -> Self {
        Self {
            stream,
            left: most,
            over: Box::pin(sleep_until(deadline.instant())),
            deadline: Some(deadline),
            received: ReceivedPrefix::default(),
            exchange: SentAndReceived::default(),
        }
    }

    /// The first bytes received.
    pub(crate) fn received(&self) -> ReceivedPrefix {
        self.received.clone()
    }

    /// The first bytes sent, and those received after them.
    pub(crate) fn exchange(&self) -> SentAndReceived {
        self.exchange.clone()
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.over.as_mut().poll(context).is_ready() {
            match self.deadline.take().and_then(Deadline::grace) {
                Some(grace) => self.over.as_mut().reset(grace.instant()),
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }

        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buf);

        let read = &buf.filled()[before..];
        self.received.add(read);
        self.exchange.add_received(read);
        self.left = self.left.saturating_sub(read.len());

        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);

        if let Poll::Ready(Ok(count)) = written {
            self.exchange.add_sent(&bytes[..count.min(bytes.len())]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
