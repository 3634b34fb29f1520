//! Servers that a test writes itself, which count connections.

use std::future::Future;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A runtime with servers on it; they end with it.
pub struct Peers {
    runtime: Runtime,
}

/// One of them.
pub struct Peer {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Peer {
    /// How many connections came so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Peers {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime }
    }

    /// A server at a free port of 127.0.0.1 that does this with each connection.
    pub fn serve<F>(&self, each: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Peer
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.serve_at(([127, 0, 0, 1], 0).into(), each)
    }

    /// The same at an address of the test's choice.
    pub fn serve_at<F>(&self, at: SocketAddr, each: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Peer
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = self.runtime.block_on(TcpListener::bind(at)).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(each(stream));
            }
        });
        Peer { address, accepted }
    }
}

/// Never answers, and never hangs up before the other end does.
pub async fn mute(stream: TcpStream) {
    let mut byte = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut byte) {
            Ok(0) => break,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            _ => {}
        }
    }
}

/// A short delay of a slow server; not a wait of the test.
pub async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// portolan with these arguments; the settings of the user who runs the test are ignored.
pub fn portolan(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Starts it with its outputs piped.
pub fn start(arguments: &[&str]) -> Child {
    portolan(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    portolan(arguments).output().unwrap()
}

/// What it says of one port of 127.0.0.1: the `service` of its endpoint.
pub fn identified(peer: &Peer, more: &[&str]) -> Value {
    let (ip, port) = (peer.address.ip().to_string(), peer.address.port().to_string());
    let arguments = [&["scan", &ip, "-p", &port, "--identify", "--json"], more].concat();
    let output = run(&arguments);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(document["complete"], true, "{document}");
    document["items"][0]["endpoints"][0]["service"].clone()
}
