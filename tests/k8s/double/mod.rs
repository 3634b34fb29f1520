//! A Kubernetes API server on a real socket: it behaves like kube-apiserver 1.32, and fails on demand.
//!
//! It speaks TLS by a certificate authority of its own, HTTP/2 where the client offers it and HTTP/1.1 otherwise, knows
//! clients by certificate or bearer token, and serves lists and watches of what a test puts into its store.
// Each test and bench program that takes this in uses a part of it.
#![allow(dead_code, unused_imports)]

mod access;
mod answer;
mod authority;
mod connection;
mod discovery;
mod faults;
mod gzip;
mod kubeconfig;
mod list;
mod proxy;
mod resource;
mod route;
mod selector;
mod status;
mod store;
mod watch;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;

pub use access::{Access, Rights, TOKEN};
pub use authority::Authority;
pub use faults::{Fault, Faults, StopReason};
pub use kubeconfig::Kubeconfig;
pub use resource::Resource;
pub use store::{Store, WatchEvent};

/// The server, which ends when this is dropped.
pub struct Double {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// The state that all connections share.
pub struct Shared {
    pub store: Mutex<Store>,
    pub access: Mutex<Access>,
    pub faults: Mutex<Faults>,
    pub seen: Mutex<Vec<ReceivedRequest>>,
    /// How many connections were accepted.
    pub connections: std::sync::atomic::AtomicUsize,
    /// How many requests came, answered or not.
    pub asked: tokio::sync::watch::Sender<usize>,
    /// Wakes connections that are to close gracefully.
    pub goaway: Notify,
    /// Wakes watches that are to end.
    pub ended: tokio::sync::watch::Sender<u64>,
    pub authority: Authority,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub path: String,
    pub query: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Whether the answer went out compressed.
    pub gzip: bool,
    pub status: u16,
}

impl Double {
    /// An empty cluster on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let authority = Authority::new("the double's CA");
        let access = Mutex::new(Access::default());
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            access,
            faults: Mutex::default(),
            seen: Mutex::default(),
            connections: std::sync::atomic::AtomicUsize::new(0),
            asked: tokio::sync::watch::Sender::new(0),
            goaway: Notify::new(),
            ended: tokio::sync::watch::Sender::new(0),
            authority,
        });
        let mut double = Self { address: ([127, 0, 0, 1], 0).into(), shared, runtime: None };
        double.resume();
        double
    }

    /// Ends the server, with every connection that it has. What it knows stays.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_mins(1));
        }
    }

    /// Starts the server again, where it was.
    pub fn resume(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(connection::accept(listener, Arc::clone(&self.shared)));
        self.runtime = Some(runtime);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap()
    }

    pub fn access(&self) -> MutexGuard<'_, Access> {
        self.shared.access.lock().unwrap()
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults.lock().unwrap()
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<ReceivedRequest> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Waits until so many requests came, answered or not.
    pub fn until_asked(&self, count: usize) {
        let mut asked = self.shared.asked.subscribe();
        let runtime = self.runtime.as_ref().unwrap();
        let came = runtime.block_on(async {
            tokio::time::timeout(Duration::from_mins(1), asked.wait_for(|asked| *asked >= count)).await.is_ok()
        });
        assert!(came, "no request arrives");
    }

    /// Tells every open connection to make its last request, as a server does that is about to end.
    pub fn say_goodbye(&self) {
        self.shared.goaway.notify_waiters();
    }

    /// Ends every watch in good order, as a server does when their time is over: also one that was asked for before, and is
    /// permitted and answered only now.
    pub fn end_watches(&self) {
        self.shared.ended.send_modify(|count| *count += 1);
    }

    /// A kubeconfig that leads here, as an administrator with a bearer token.
    pub fn kubeconfig(&self) -> Kubeconfig {
        Kubeconfig::new(format!("https://{}", self.address), self.authority()).token(TOKEN)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
