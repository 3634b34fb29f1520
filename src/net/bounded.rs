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

    /// Takes the bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }

    fn add(&self, bytes: &[u8]) {
        let mut prefix = self.0.lock();
        let room = Self::MAX_BYTES - prefix.len().min(Self::MAX_BYTES);
        prefix.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A stream whose reads and writes fail once its bytes or its time are used up. Layers above it (TLS, HTTP/2) need no
/// limits of their own.
pub(crate) struct Bounded<S> {
    stream: S,
    /// Bytes that may still be read. One read may exceed them by the size of its buffer.
    left: usize,
    over: Pin<Box<Sleep>>,
    /// `None` once the grace was granted.
    deadline: Option<Deadline>,
    received: ReceivedPrefix,
}

impl<S> Bounded<S> {
    pub(crate) fn new(stream: S, deadline: Deadline, most: usize) -> Self {
        Self {
            stream,
            left: most,
            over: Box::pin(sleep_until(deadline.instant())),
            deadline: Some(deadline),
            received: ReceivedPrefix::default(),
        }
    }

    /// The first bytes received.
    pub(crate) fn received(&self) -> ReceivedPrefix {
        self.received.clone()
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

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }

        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buf);

        let read = &buf.filled()[before..];
        self.received.add(read);
        self.left = self.left.saturating_sub(read.len());

        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
