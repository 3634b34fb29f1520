//! Relays before a server: one lets a test act at the moment of a certain request, one lets certain requests fail.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What happens before a request goes on. Taken by the first one that fits.
type BeforeRequest = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Passes bytes on in both directions, until it is dropped.
pub struct Relay {
    pub address: SocketAddr,
    replies: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Before the first request for `path` goes on, `before` runs; it may block.
    pub async fn start(server: SocketAddr, path: &'static str, before: impl FnOnce() + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let before: BeforeRequest = Arc::new(Mutex::new(Some(Box::new(before))));
        let replies = Arc::<Mutex<Vec<u8>>>::default();
        let seen = Arc::clone(&replies);

        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
                connections.spawn(pass_requests(client_in, server_out, path, Arc::clone(&before)));
                connections.spawn(pass_replies(server_in, client_out, Arc::clone(&seen)));
            }
        });
        Self { address, replies, task }
    }

    /// Everything that the server replied.
    pub fn replies(&self) -> String {
        String::from_utf8_lossy(&self.replies.lock().unwrap()).into_owned()
    }

    /// Whether a text was among the replies.
    pub fn has_replied(&self, text: &str) -> bool {
        self.replies().contains(text)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, path: &'static str, before: BeforeRequest) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let request = String::from_utf8_lossy(&buffer[..length]);
        if request.starts_with(&format!("POST {path} ")) {
            let act = before.lock().unwrap().take();
            tokio::task::spawn_blocking(|| act.into_iter().for_each(|act| act())).await.unwrap();
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn pass_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Passes requests without a body on, and answers those for a certain path itself while they are to fail.
pub struct FailingRelay {
    pub address: SocketAddr,
    is_failing: Arc<AtomicBool>,
}

impl FailingRelay {
    pub fn start(server: SocketAddr, path: &'static str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_failing = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&is_failing);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let fails = Arc::clone(&fails);
                thread::spawn(move || pass_or_fail(client, server, path, &fails));
            }
        });
        Self { address, is_failing }
    }

    /// From now on, requests for the path fail, or no longer.
    pub fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::SeqCst);
    }
}

fn pass_or_fail(
    mut client: std::net::TcpStream,
    server: SocketAddr,
    path: &str,
    is_failing: &AtomicBool,
) -> io::Result<()> {
    let mut server = std::net::TcpStream::connect(server)?;
    let (mut replies, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut replies, &mut to_client);
        to_client.shutdown(std::net::Shutdown::Both)
    });

    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = client.read(&mut buffer)?;
        request.extend_from_slice(&buffer[..length]);
        if length == 0 {
            return server.shutdown(std::net::Shutdown::Both);
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }

        let is_for_path = request.starts_with(format!("GET {path}").as_bytes());
        if is_for_path && is_failing.load(Ordering::SeqCst) {
            client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nfail")?;
        } else {
            server.write_all(&request)?;
        }
        request.clear();
    }
}
