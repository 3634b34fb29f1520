//! Calls over gRPC while servers die, drain and come: portolan's channel beside tonic's `balance_channel`.
//!
//! `cargo bench --bench grpc --features grpc` runs it; benches/README.md says more.
//!
//! Three servers get 2,000 calls a second, whose start times are planned. After one second a server is killed, after two
//! another one drains, after three a new one comes. Both channels hear of each change at the same time, of the death
//! 100 ms late, as from a registry that checks often. A listener takes the place of the dead server and notes each connection:
//! whatever is sent there, arrives there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

#[path = "../tests/registry/client/grpc_servers.rs"]
mod grpc_servers;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use grpc_servers::{Memory, NAME, Server};
use portolan::client::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::transport::channel::Change;
use tonic::transport::{Channel, Endpoint as Target};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const CALLS_PER_SECOND: u32 = 2_000;
const SECOND: Duration = Duration::from_secs(1);
/// The calls are sent for so long.
const RUN: Duration = Duration::from_secs(4);
/// How much later than the death of a server the registry tells it.
const NEWS_OF_DEATH: Duration = Duration::from_millis(100);
/// A call that takes longer has failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// No connection may be made to a dead server later than this.
const LATEST: Duration = Duration::from_millis(50);

/// What tells a channel of its servers.
enum Membership {
    Registry(Memory),
    Balance(mpsc::Sender<Change<SocketAddr, Target>>),
}

/// A change of the servers.
enum Event<'s> {
    Died(&'s Server),
    Drains(&'s Server),
    Came(&'s Server),
}

impl Membership {
    async fn tell(&self, event: Event<'_>) {
        match self {
            Self::Registry(memory) => memory.0.send_modify(|endpoints| match event {
                Event::Died(server) => endpoints.retain(|at| at.port != Some(server.address.port())),
                Event::Drains(server) => {
                    endpoints.retain(|at| at.port != Some(server.address.port()));
                    endpoints.push(server.draining());
                }
                Event::Came(server) => endpoints.push(server.endpoint()),
            }),
            Self::Balance(sender) => {
                let change = match event {
                    Event::Died(server) | Event::Drains(server) => Change::Remove(server.address),
                    Event::Came(server) => Change::Insert(server.address, target(server.address)),
                };
                sender.send(change).await.unwrap();
            }
        }
    }
}

fn target(address: SocketAddr) -> Target {
    Target::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true)
}

/// What a run showed.
struct Report {
    sent: usize,
    failed: usize,
    /// From the planned start of each call that succeeded, in milliseconds, sorted.
    latencies: Vec<f64>,
    /// When connections arrived at the dead server, after its end.
    arrivals: Vec<Duration>,
    /// Calls that the draining server got later than 50 ms after it began to drain.
    late_on_draining: usize,
    calls_of_new: usize,
}

/// Sends the calls and makes the changes.
async fn run<C>(client: HealthClient<C>, membership: Membership, mut servers: [Server; 3]) -> Report
where
    C: tonic::client::GrpcService<Body> + Clone + Send + 'static,
    C::Error: Into<StdError>,
    C::ResponseBody: tonic::codegen::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error: Into<StdError> + Send,
    C::Future: Send,
{
    let begin = tokio::time::Instant::now();
    let calls = tokio::spawn(send_calls(client, begin));

    sleep_until(begin + SECOND).await;
    let died = Instant::now();
    servers[0].kill();
    let arrivals = Arc::<Mutex<Vec<Duration>>>::default();
    let trap = tokio::spawn(note_connections(servers[0].address, died, Arc::clone(&arrivals)));
    sleep_until(begin + SECOND + NEWS_OF_DEATH).await;
    membership.tell(Event::Died(&servers[0])).await;

    sleep_until(begin + 2 * SECOND).await;
    membership.tell(Event::Drains(&servers[1])).await;
    sleep_until(begin + 2 * SECOND + LATEST).await;
    let on_draining = servers[1].calls();

    sleep_until(begin + 3 * SECOND).await;
    let added = Server::start();
    membership.tell(Event::Came(&added)).await;

    let (sent, failed, mut latencies) = calls.await.unwrap();
    trap.abort();
    latencies.sort_by(f64::total_cmp);
    let arrivals = arrivals.lock().unwrap().clone();
    let late_on_draining = servers[1].calls() - on_draining;
    Report { sent, failed, latencies, arrivals, late_on_draining, calls_of_new: added.calls() }
}

/// Sends each call at its planned time, however long the others take. Returns how many were sent, how many failed, and the
/// latencies.
async fn send_calls<C>(client: HealthClient<C>, begin: tokio::time::Instant) -> (usize, usize, Vec<f64>)
where
    C: tonic::client::GrpcService<Body> + Clone + Send + 'static,
    C::Error: Into<StdError>,
    C::ResponseBody: tonic::codegen::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error: Into<StdError> + Send,
    C::Future: Send,
{
    let failed = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    let gap = SECOND / CALLS_PER_SECOND;
    let mut planned = begin;
    while planned < begin + RUN {
        sleep_until(planned).await;
        let (mut client, failed) = (client.clone(), Arc::clone(&failed));
        calls.spawn(async move {
            let result = timeout(CALL_TIMEOUT, client.check(HealthCheckRequest::default())).await;
            let is_ok = matches!(result, Ok(Ok(_)));
            if !is_ok {
                failed.fetch_add(1, Ordering::SeqCst);
            }
            is_ok.then(|| planned.elapsed().as_secs_f64() * 1e3)
        });
        planned += gap;
    }

    let sent = calls.len();
    let latencies = calls.join_all().await.into_iter().flatten().collect();
    (sent, failed.load(Ordering::SeqCst), latencies)
}

/// Accepts in the place of a dead server, and closes at once.
async fn note_connections(address: SocketAddr, died: Instant, arrivals: Arc<Mutex<Vec<Duration>>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    while let Ok((connection, _)) = listener.accept().await {
        drop(connection);
        arrivals.lock().unwrap().push(died.elapsed());
    }
}

async fn run_portolan() -> Report {
    let servers = [Server::start(), Server::start(), Server::start()];
    let memory = Memory(watch::Sender::new(servers.iter().map(Server::endpoint).collect()));
    let registry = Registry::with_provider(memory.clone()).build();
    let channel = registry.grpc(NAME).unwrap().idempotent();
    channel.resolver().ready().await.unwrap();

    run(HealthClient::new(channel), Membership::Registry(memory), servers).await
}

async fn run_tonic() -> Report {
    let servers = [Server::start(), Server::start(), Server::start()];
    let (channel, sender) = Channel::balance_channel(16);
    let membership = Membership::Balance(sender);
    for server in &servers {
        membership.tell(Event::Came(server)).await;
    }

    run(HealthClient::new(channel), membership, servers).await
}

fn row(name: &str, report: &Report) {
    let at = |permille: usize| {
        let index = report.latencies.len().saturating_sub(1) * permille / 1_000;
        report.latencies.get(index).copied().unwrap_or(f64::NAN)
    };
    let late = report.arrivals.iter().filter(|&&at| at > LATEST).count();
    let last = report.arrivals.iter().max().map_or("-".to_owned(), |last| format!("{:.0}", last.as_secs_f64() * 1e3));
    println!(
        "{name:<24}{:>7}{:>8}{:>10}{late:>9}{last:>9}{:>10}{:>9}{:>9.2}{:>9.2}{:>9.1}",
        report.sent,
        report.failed,
        report.arrivals.len(),
        report.late_on_draining,
        report.calls_of_new,
        at(500),
        at(990),
        at(1_000),
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("gRPC while servers die, drain and come, {}", jiff::Timestamp::now().to_string().get(..16).unwrap_or(""));
    println!("load      {}", load.trim());
    println!(
        "{:<24}{:>7}{:>8}{:>10}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}",
        "", "calls", "failed", "to dead", ">50 ms", "last ms", "draining", "new", "p50 ms", "p99 ms", "max ms"
    );

    for round in 1..=3 {
        let (own, tonic) = runtime.block_on(async { (run_portolan().await, run_tonic().await) });
        row(&format!("portolan, round {round}"), &own);
        row(&format!("tonic, round {round}"), &tonic);

        let late = own.arrivals.iter().filter(|&&at| at > LATEST).count();
        assert_eq!((own.failed, late), (0, 0), "a call failed, or was sent to the dead server");
    }
}
