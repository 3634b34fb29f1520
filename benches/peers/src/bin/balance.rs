//! Picking one of ten endpoints: `Resolver::try_pick` and the pickers below it beside tower's power of two choices and, with
//! `--features pingora`, pingora's selection.
//!
//! A pick of a resolver ends with its guard, which counts the calls in flight. tower's `Balance` belongs to one task, so that
//! each thread has one; its services reply at once. Its figure includes their call, because it picks while it gets ready.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use portolan::balance::{Backend, Backends, Balancer, ConsistentHash, P2c, PeakEwma, PickKey, Picker, RoundRobin};
use portolan::client::{Provider, Registry, Resolver};
use portolan::engine::Clock;
use portolan::model::{Address, Column, Completeness, Instance, RawDetail, Transport, Update, UpdateSink};
use portolan::source::{ItemSink, ListContext, ListFuture, WatchFuture};
use portolan::{Endpoint, Service as Listed, Source};
use portolan_peers::{Counting, Row, allocations, machine, per_operation, print};
use tokio::runtime::{Builder, Runtime};
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OPERATIONS: usize = 500_000;
const ROUNDS: usize = 15;
/// The endpoints to pick from.
const ENDPOINTS: u16 = 10;
const FIRST_PORT: u16 = 8_000;
/// Different keys of calls; a power of two.
const KEYS: usize = 1 << 12;

/// Something that picks an endpoint.
trait Candidate: Sync {
    /// The port of the endpoint for the n-th call.
    fn pick(&self, n: usize) -> u16;

    fn picks(&self, operations: usize) {
        for n in 0..operations {
            black_box(self.pick(n));
        }
    }
}

fn addresses() -> impl Iterator<Item = SocketAddr> {
    (0..ENDPOINTS).map(|n| SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + n)))
}

/// The keys of calls, such as sessions.
struct Keys(Vec<String>);

impl Keys {
    fn new() -> Self {
        Self((0..KEYS).map(|n| format!("session-{n:08}")).collect())
    }

    fn at(&self, n: usize) -> &[u8] {
        self.0[n % KEYS].as_bytes()
    }
}

/// A registry that always lists the same endpoints.
#[derive(Clone, Debug)]
struct Fixed;

impl Provider for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn source(&self, _service: &str) -> portolan::Result<Arc<dyn Source>> {
        Ok(Arc::new(Self))
    }
}

impl Source for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, _out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async { Ok(Completeness::Complete) })
    }

    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async {
            let endpoints = addresses().map(endpoint).collect();
            let service = Listed::new("fixed/web", "fixed", endpoints, RawDetail(serde_json::Value::Null));
            let service = Listed { name: Some("web".into()), ..service }.erase();
            feed.apply(vec![Update::Reset(vec![service])]);
            std::future::pending().await
        })
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    let instance = Instance { id: address.to_string(), serving: true, ..Instance::default() };
    let endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), Transport::Tcp);
    Endpoint { instance: Some(Box::new(instance)), ..endpoint }
}

/// A resolver, and whether its calls have keys.
struct Resolving(Resolver, Option<Keys>);

impl Resolving {
    fn by(runtime: &Runtime, balancer: impl Balancer + 'static, keys: Option<Keys>) -> Box<dyn Candidate> {
        let resolver = runtime.block_on(async {
            let registry = Registry::with_provider(Fixed).build();
            let resolver = registry.resolve("web").balance(balancer).start().unwrap();
            resolver.ready().await.unwrap();
            resolver
        });
        Box::new(Self(resolver, keys))
    }
}

impl Candidate for Resolving {
    #[inline]
    fn pick(&self, n: usize) -> u16 {
        let key = self.1.as_ref().map_or(PickKey::None, |keys| PickKey::Bytes(keys.at(n)));
        let call = self.0.try_pick(key).unwrap();
        let port = call.endpoint().port.unwrap();
        call.done(true);
        port
    }
}

/// A picker alone: without a guard, and without the set that changes.
struct Picking(Box<dyn Picker>, Option<Keys>);

impl Picking {
    fn by(balancer: impl Balancer, keys: Option<Keys>) -> Box<dyn Candidate> {
        let backends = addresses().map(|address| Backend::new(address.to_string(), 1)).collect();
        Box::new(Self(balancer.picker(&Backends::new(backends, Clock::coarse())), keys))
    }
}

impl Candidate for Picking {
    #[inline]
    fn pick(&self, n: usize) -> u16 {
        let key = self.1.as_ref().map_or(PickKey::None, |keys| PickKey::Bytes(keys.at(n)));
        FIRST_PORT + u16::try_from(self.0.pick(key).unwrap()).unwrap()
    }
}

/// What a fair pick costs at the least that outlives the set it is from: one atomic addition for the turn, and two for the
/// shared endpoint.
struct Floor {
    endpoints: Vec<Arc<u16>>,
    calls: AtomicUsize,
}

impl Floor {
    fn new() -> Self {
        let endpoints = addresses().map(|address| Arc::new(address.port())).collect();
        Self { endpoints, calls: AtomicUsize::new(0) }
    }
}

impl Candidate for Floor {
    #[inline]
    fn pick(&self, _n: usize) -> u16 {
        let turn = self.calls.fetch_add(1, Ordering::Relaxed) % self.endpoints.len();
        *black_box(Arc::clone(&self.endpoints[turn]))
    }
}

/// A service that replies with its port.
struct Replies(u16);

impl Service<()> for Replies {
    type Response = u16;
    type Error = Infallible;
    type Future = std::future::Ready<Result<u16, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::ready(Ok(self.0))
    }
}

type Counted = PendingRequests<Replies>;
type TowerBalance = Balance<ServiceList<Vec<Counted>>, ()>;

/// tower's power of two choices by calls in flight.
struct TowerP2c;

impl TowerP2c {
    fn balance() -> TowerBalance {
        let services = addresses().map(|to| PendingRequests::new(Replies(to.port()), CompleteOnResponse::default()));
        Balance::new(ServiceList::new::<()>(services.collect()))
    }

    async fn one(balance: &mut TowerBalance) -> u16 {
        std::future::poll_fn(|context| balance.poll_ready(context)).await.unwrap();
        balance.call(()).await.unwrap()
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }
}

impl Candidate for TowerP2c {
    fn pick(&self, _n: usize) -> u16 {
        Self::block_on(Self::one(&mut Self::balance()))
    }

    fn picks(&self, operations: usize) {
        let mut balance = Self::balance();
        Self::block_on(async {
            for _ in 0..operations {
                black_box(Self::one(&mut balance).await);
            }
        });
    }
}

#[cfg(feature = "pingora")]
mod pingora {
    use pingora_load_balancing::LoadBalancer;
    use pingora_load_balancing::selection::{BackendIter, BackendSelection, Consistent, FNVHash, Random, RoundRobin};

    use super::{Candidate, Keys, addresses};

    /// How many candidates pingora tries until it finds a healthy one.
    const MAX_ITERATIONS: usize = 16;

    struct Selecting<S: BackendSelection>(LoadBalancer<S>, Keys);

    impl<S> Candidate for Selecting<S>
    where
        S: BackendSelection<Config = ()> + Send + Sync + 'static,
        S::Iter: BackendIter,
    {
        #[inline]
        fn pick(&self, n: usize) -> u16 {
            let backend = self.0.select(self.1.at(n), MAX_ITERATIONS).unwrap();
            backend.addr.as_inet().unwrap().port()
        }
    }

    fn by<S>() -> Box<dyn Candidate>
    where
        S: BackendSelection<Config = ()> + Send + Sync + 'static,
        S::Iter: BackendIter,
    {
        Box::new(Selecting(LoadBalancer::<S>::try_from_iter(addresses()).unwrap(), Keys::new()))
    }

    pub(super) fn candidates() -> Vec<(&'static str, Box<dyn Candidate>)> {
        vec![
            ("pingora, round robin", by::<RoundRobin>()),
            ("pingora, random", by::<Random>()),
            ("pingora, FNV hash", by::<FNVHash>()),
            ("pingora, consistent (ketama)", by::<Consistent>()),
        ]
    }
}

fn candidates(runtime: &Runtime) -> Vec<(&'static str, Box<dyn Candidate>)> {
    #[allow(unused_mut)]
    let mut candidates: Vec<(&'static str, Box<dyn Candidate>)> = vec![
        ("try_pick, round_robin", Resolving::by(runtime, RoundRobin, None)),
        ("try_pick, p2c", Resolving::by(runtime, P2c, None)),
        ("try_pick, peak_ewma", Resolving::by(runtime, PeakEwma, None)),
        ("try_pick, consistent_hash", Resolving::by(runtime, ConsistentHash, Some(Keys::new()))),
        ("picker, round_robin", Picking::by(RoundRobin, None)),
        ("picker, p2c", Picking::by(P2c, None)),
        ("picker, consistent_hash", Picking::by(ConsistentHash, Some(Keys::new()))),
        ("floor: a turn and a shared endpoint", Box::new(Floor::new())),
        ("tower, p2c with its call", Box::new(TowerP2c)),
    ];
    #[cfg(feature = "pingora")]
    candidates.extend(pingora::candidates());
    candidates
}

/// Every candidate must use every endpoint, and no other.
fn check(name: &str, candidate: &dyn Candidate) {
    let mut ports: Vec<u16> = (0..2_000).map(|n| candidate.pick(n)).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.iter().copied().eq(addresses().map(|address| address.port())), "{name} picked {ports:?}");
}

fn main() {
    machine();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let candidates = candidates(&runtime);
    candidates.iter().for_each(|(name, candidate)| check(name, &**candidate));

    let mut rows: Vec<Row> = candidates.iter().map(|(name, _)| Row::new(name, 2)).collect();
    for ((_, candidate), row) in candidates.iter().zip(&mut rows) {
        let before = allocations();
        candidate.picks(OPERATIONS);
        row.note = format!("{:.2}", (allocations() - before) as f64 / OPERATIONS as f64);
    }
    for _ in 0..ROUNDS {
        for ((_, candidate), row) in candidates.iter().zip(&mut rows) {
            for (column, threads) in [1, 2].into_iter().enumerate() {
                row.columns[column].push(per_operation(threads, OPERATIONS, |_| candidate.picks(OPERATIONS)));
            }
        }
    }
    let title =
        "ns of processor time per pick of one of 10, median (ratio to the first) least; last: allocations per pick";
    print(title, &["1 thread", "2 threads"], &rows);
}
