//! gRPC servers that count their calls, and a registry in memory that lists them. The tests and the bench of channels use
//! both.
// Each of them uses a part.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, pending};
use portolan::client::Provider;
use portolan::model::{Address, Column, Completeness, Instance, Lifecycle, RawDetail, Transport, Update, UpdateSink};
use portolan::source::{ItemSink, ListContext, ListFuture, WatchFuture};
use portolan::{Endpoint, Service, Source};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// The name of the service in [`Memory`].
pub const NAME: &str = "users";

/// A registry in memory: what it lists is set by the test.
#[derive(Clone, Debug)]
pub struct Memory(pub watch::Sender<Vec<Endpoint>>);

impl Provider for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn source(&self, _service: &str) -> portolan::Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Source for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, _out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async { Ok(Completeness::Complete) })
    }

    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async {
            let mut endpoints = self.0.subscribe();
            loop {
                let now = endpoints.borrow_and_update().clone();
                let detail = RawDetail(serde_json::Value::Null);
                let service = Service::new("memory/users", "memory", now, detail);
                let service = Service { name: Some(NAME.into()), ..service }.erase();
                feed.apply(vec![Update::Reset(vec![service])]);
                if endpoints.changed().await.is_err() {
                    return Ok(());
                }
            }
        })
    }
}

/// A server that counts its calls, on a runtime of its own, so that it can be killed with all its connections.
pub struct Server {
    pub address: SocketAddr,
    calls: Arc<AtomicUsize>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Counting(Arc<AtomicUsize>);

#[tonic::async_trait]
impl Health for Counting {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        // Some calls are in flight at any moment.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(pending().boxed()))
    }
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// With TLS.
    pub fn start_tls(identity: Identity) -> Self {
        Self::start_with(Some(ServerTlsConfig::new().identity(identity)))
    }

    fn start_with(tls: Option<ServerTlsConfig>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));

        let service = HealthServer::new(Counting(Arc::clone(&calls)));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let builder = tonic::transport::Server::builder();
            let mut builder = match tls {
                Some(tls) => builder.tls_config(tls).unwrap(),
                None => builder,
            };
            builder.add_service(service).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, calls, runtime: Some(runtime) }
    }

    pub fn endpoint(&self) -> Endpoint {
        let address = Address::Ip(self.address.ip());
        let instance = Instance { id: self.address.to_string(), serving: true, ..Instance::default() };
        let endpoint = Endpoint::new(address, Some(self.address.port()), Transport::Tcp);
        Endpoint { instance: Some(Box::new(instance)), ..endpoint }
    }

    pub fn draining(&self) -> Endpoint {
        let mut endpoint = self.endpoint();
        endpoint.instance.as_mut().unwrap().lifecycle = Lifecycle::Draining;
        endpoint
    }

    /// All connections break, and the port refuses.
    pub fn kill(&mut self) {
        // A runtime must not end within another one.
        let runtime = self.runtime.take().unwrap();
        std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
