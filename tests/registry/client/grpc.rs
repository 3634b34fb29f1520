//! gRPC over a resolver, with real servers: one is killed, one drained, one added, while calls go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, pending};
use portolan::client::{GrpcChannel, Provider, Registry, ServiceEvent, ServiceEventKind, ServiceWatch};
use portolan::model::{Address, Column, Completeness, Instance, Lifecycle, RawDetail, Transport, Update, UpdateSink};
use portolan::source::{ItemSink, ListContext, ListFuture, WatchFuture};
use portolan::{Endpoint, Service, Source};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// After this long without an event the test hangs.
const HANG: Duration = Duration::from_mins(2);
const NAME: &str = "users";

/// A registry in memory: what it lists is set by the test.
#[derive(Clone, Debug)]
struct Memory(watch::Sender<Vec<Endpoint>>);

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
struct Server {
    address: SocketAddr,
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
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));

        let service = HealthServer::new(Counting(Arc::clone(&calls)));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, calls, runtime: Some(runtime) }
    }

    fn endpoint(&self) -> Endpoint {
        let address = Address::Ip(self.address.ip());
        let instance = Instance { id: self.address.to_string(), serving: true, ..Instance::default() };
        let endpoint = Endpoint::new(address, Some(self.address.port()), Transport::Tcp);
        Endpoint { instance: Some(Box::new(instance)), ..endpoint }
    }

    fn draining(&self) -> Endpoint {
        let mut endpoint = self.endpoint();
        endpoint.instance.as_mut().unwrap().lifecycle = Lifecycle::Draining;
        endpoint
    }

    /// All connections break, and the port refuses.
    fn kill(&mut self) {
        // A runtime must not end within another one.
        let runtime = self.runtime.take().unwrap();
        std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
    }

    fn calls(&self) -> usize {
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

async fn next_event(watch: &mut ServiceWatch) -> ServiceEvent {
    timeout(HANG, watch.next()).await.expect("the watch tells the change").unwrap()
}

/// Waits until `is_so`.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(HANG, waiting).await.expect("it happens");
}

/// Calls in the background, until it is dropped.
struct Callers {
    done: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    fn start(channel: &GrpcChannel, count: usize) -> Self {
        let callers = Self { done: Arc::default(), failed: Arc::default(), stop: Arc::default() };
        for _ in 0..count {
            let mut client = HealthClient::new(channel.clone());
            let (done, failed, stop) =
                (Arc::clone(&callers.done), Arc::clone(&callers.failed), Arc::clone(&callers.stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match client.check(HealthCheckRequest::default()).await {
                        Ok(_) => done.fetch_add(1, Ordering::SeqCst),
                        Err(_) => failed.fetch_add(1, Ordering::SeqCst),
                    };
                }
            });
        }
        callers
    }

    /// Waits for so many more calls.
    async fn more(&self, count: usize) {
        let goal = self.done.load(Ordering::SeqCst) + count;
        until(|| self.done.load(Ordering::SeqCst) >= goal || self.failed.load(Ordering::SeqCst) > 0).await;
        assert_eq!(self.failed.load(Ordering::SeqCst), 0, "calls that may be repeated never fail");
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// H17, H19, and issue 19: no idempotent call fails, and none is sent to a server once the watch has told that it is gone or
/// drains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_servers_die_drain_and_come() {
    let mut servers = [Server::start(), Server::start(), Server::start()];
    let memory = Memory(watch::Sender::new(servers.iter().map(Server::endpoint).collect()));
    let registry = Registry::with_provider(memory.clone()).build();
    let channel = registry.grpc("discovery:///users").unwrap().idempotent();
    channel.resolver().ready().await.unwrap();
    let mut changes = channel.resolver().watch();
    while !matches!(next_event(&mut changes).await.kind, ServiceEventKind::Synced { .. }) {}

    let callers = Callers::start(&channel, 8);
    callers.more(300).await;
    assert!(servers.iter().all(|server| server.calls() > 50), "each server gets its share");

    // Killed: the registry does not know it yet.
    servers[0].kill();
    callers.more(300).await;
    memory.0.send_replace(servers[1..].iter().map(Server::endpoint).collect());
    let event = next_event(&mut changes).await;
    assert!(
        matches!(&event.kind, ServiceEventKind::Removed(gone) if *gone.to_string() == servers[0].address.to_string())
    );

    // Whatever is sent to its address now would arrive here.
    let trap = TcpListener::bind(servers[0].address).await.unwrap();
    callers.more(300).await;
    let sent = tokio::select! {
        biased;
        _ = trap.accept() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!sent, "a call went to the dead server after the watch had told its end");

    memory.0.send_replace(vec![servers[1].draining(), servers[2].endpoint()]);
    let event = next_event(&mut changes).await;
    assert!(matches!(&event.kind, ServiceEventKind::Updated { endpoint, .. } if !endpoint.is_usable()), "{event:?}");
    // Calls that were picked before may still arrive: at most one for each caller.
    let before = servers[1].calls();
    callers.more(300).await;
    assert!(servers[1].calls() <= before + 8, "the draining server got {} calls", servers[1].calls() - before);

    let added = Server::start();
    memory.0.send_replace(vec![servers[2].endpoint(), added.endpoint()]);
    until(|| added.calls() > 50).await;
    callers.more(100).await;
}

/// Without `idempotent`, a call is sent once: its failure is that of the caller.
#[tokio::test]
async fn a_call_that_may_not_be_repeated_is_sent_once() {
    let mut server = Server::start();
    let memory = Memory(watch::Sender::new(vec![server.endpoint()]));
    let registry = Registry::with_provider(memory.clone()).build();
    let mut client = HealthClient::new(registry.grpc("users").unwrap());
    client.check(HealthCheckRequest::default()).await.unwrap();
    server.kill();
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(server.calls(), 1, "{status:?}");

    memory.0.send_replace(Vec::new());
    let resolver = registry.resolve(NAME).start().unwrap();
    until(|| resolver.counts().named == 0).await;
    let status = HealthClient::new(registry.grpc("users").unwrap()).check(HealthCheckRequest::default()).await;
    let status = status.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::Unavailable, "no endpoint of users: 0 named, 0 usable")
    );
}

/// C27: what is not on this machine is not called in plain text, unless that is allowed.
#[tokio::test]
async fn other_machines_are_not_called_in_plain_text_by_default() {
    let far = Endpoint::new(Address::Ip([192, 0, 2, 1].into()), Some(50_051), Transport::Tcp);
    let registry = Registry::with_provider(Memory(watch::Sender::new(vec![far]))).build();
    let mut client = HealthClient::new(registry.grpc("users").unwrap());
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(status.message().starts_with("192.0.2.1:50051 is on another machine"), "{status:?}");
}
