//! Hostile peers, on loopback at ports of their own. Each counts what it sees, so that tests assert from its side too.
// Each test program that takes this in uses a part of it.
#![allow(dead_code)]

pub mod dns;
pub mod grpc;
pub mod http;
pub mod tcp;
pub mod tls;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a peer has seen.
#[derive(Debug, Default)]
pub struct PeerCounts {
    accepts: AtomicUsize,
    heard: AtomicU64,
    said: AtomicU64,
    /// Connections that the other side closed in order.
    closed: AtomicUsize,
    /// Connections that the other side reset, which it also does by closing them before it has read everything.
    reset: AtomicUsize,
}

/// A peer, until it is dropped.
pub struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    seen: Arc<PeerCounts>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Listens at a port of its own, and does this with each connection. Must be called in a runtime.
    pub fn new<F, W>(name: &'static str, behave: F) -> Self
    where
        F: Fn(Connection) -> W + Send + 'static,
        W: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let listener = TcpListener::from_std(listener).expect("inside a runtime");
        let seen = Arc::new(PeerCounts::default());
        let counts = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counts.accepts.fetch_add(1, Ordering::Relaxed) + 1;
                let done = behave(Connection { stream, number, seen: Arc::clone(&counts) });
                let counts = Arc::clone(&counts);
                tokio::spawn(async move {
                    let how = if done.await.is_ok() { &counts.closed } else { &counts.reset };
                    how.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        Self { name, address, seen, task }
    }

    /// How many connections it accepted.
    pub fn accepts(&self) -> usize {
        self.seen.accepts.load(Ordering::Relaxed)
    }

    /// How many bytes it sent.
    pub fn said(&self) -> u64 {
        self.seen.said.load(Ordering::Relaxed)
    }

    /// How many bytes it received.
    pub fn heard(&self) -> u64 {
        self.seen.heard.load(Ordering::Relaxed)
    }

    /// How many connections are over: closed in order, and reset.
    pub fn over(&self) -> (usize, usize) {
        (self.seen.closed.load(Ordering::Relaxed), self.seen.reset.load(Ordering::Relaxed))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that counts its bytes.
pub struct Connection {
    pub stream: TcpStream,
    /// Which one of its peer this is, from 1.
    pub number: usize,
    seen: Arc<PeerCounts>,
}

impl Connection {
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.write_all(bytes.as_ref()).await
    }

    /// What comes next; nothing at the end.
    pub async fn hear(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 * 1024];
        let length = self.read(&mut buffer).await?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Reads until the other side closes.
    pub async fn wait(mut self) -> io::Result<()> {
        while !self.hear().await?.is_empty() {}
        Ok(())
    }

    /// Ends with a reset.
    pub fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, into);
        self.seen.heard.fetch_add((into.filled().len() - before) as u64, Ordering::Relaxed);
        outcome
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = outcome {
            self.seen.said.fetch_add(length as u64, Ordering::Relaxed);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
