//! The closed breaker beside recloser, failsafe and tower-resilience: one call that succeeds, on one shared breaker.
//!
//! tower-resilience wraps services and so is asynchronous: each thread drives a clone of it, which shares its state, by
//! a runtime of its own that is entered once for all calls.

use std::hint::black_box;
use std::time::Duration;

use failsafe::CircuitBreaker;
use portolan::engine::{Breaker, BreakerOptions, CallOutcome, Clock};
use portolan_peers::{Counting, Row, allocations, machine, per_operation, print};
use tower::Service;
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OPERATIONS: usize = 500_000;
/// Eleven, because tower-resilience's two threads take seconds per round.
const ROUNDS: usize = 11;
const HOUR: Duration = Duration::from_secs(3600);

trait Peer: Sync {
    /// One call; false if it was not let through.
    fn call(&self, succeeds: bool) -> bool;

    /// Many calls, of which every one that `failing` divides fails; 0: none. They are all let through.
    fn calls(&self, operations: usize, failing: usize) {
        for n in 1..=operations {
            assert!(self.call(succeeds(n, failing)), "it opened");
        }
    }
}

fn succeeds(n: usize, failing: usize) -> bool {
    failing == 0 || n % failing != 0
}

impl Peer for Breaker {
    #[inline]
    fn call(&self, succeeds: bool) -> bool {
        match self.permit() {
            Ok(permit) => {
                permit.record(if black_box(succeeds) { CallOutcome::Success } else { CallOutcome::Failure });
                true
            }
            Err(_) => false,
        }
    }
}

fn work(succeeds: bool) -> Result<(), ()> {
    if black_box(succeeds) { Ok(()) } else { Err(()) }
}

impl Peer for recloser::Recloser {
    fn call(&self, succeeds: bool) -> bool {
        !matches!(recloser::Recloser::call(self, || work(succeeds)), Err(recloser::Error::Rejected))
    }
}

struct Failsafe<B>(B);

impl<B: CircuitBreaker + Sync> Peer for Failsafe<B> {
    fn call(&self, succeeds: bool) -> bool {
        !matches!(self.0.call(|| work(succeeds)), Err(failsafe::Error::Rejected))
    }
}

/// tower-resilience's breaker around `S`.
struct Tower<S>(S);

impl<S> Tower<S>
where
    S: Service<bool, Response = (), Error = CircuitBreakerError<()>> + Clone + Sync,
{
    async fn one(service: &mut S, succeeds: bool) -> bool {
        // An open breaker may refuse here or there.
        if std::future::poll_fn(|context| service.poll_ready(context)).await.is_err() {
            return false;
        }
        !matches!(service.call(succeeds).await, Err(CircuitBreakerError::OpenCircuit))
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }
}

impl<S> Peer for Tower<S>
where
    S: Service<bool, Response = (), Error = CircuitBreakerError<()>> + Clone + Sync,
{
    fn call(&self, succeeds: bool) -> bool {
        Self::block_on(Self::one(&mut self.0.clone(), succeeds))
    }

    fn calls(&self, operations: usize, failing: usize) {
        let mut service = self.0.clone();
        Self::block_on(async {
            for n in 1..=operations {
                assert!(Self::one(&mut service, succeeds(n, failing)).await, "it opened");
            }
        });
    }
}

/// Every candidate must let calls through while they succeed, and none once they have failed for long.
fn check(name: &str, peer: &dyn Peer) {
    assert!((0..100).all(|_| peer.call(true)), "{name} refused a healthy call");
    for _ in 0..5000 {
        peer.call(false);
    }
    assert!(!peer.call(true), "{name} did not open");
}

fn peers() -> Vec<(&'static str, Box<dyn Peer>)> {
    let options = BreakerOptions { window: 40, failures: 20, recovery: HOUR, trials: 1 };
    let row = failsafe::failure_policy::consecutive_failures(20, failsafe::backoff::constant(HOUR));
    let tower = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(40);
    let tower = tower.minimum_number_of_calls(40).wait_duration_in_open(HOUR).build().unwrap();
    let tower = tower.layer_fn(tower::service_fn(|succeeds| std::future::ready(work(succeeds))));
    vec![
        ("portolan", Box::new(Breaker::new(options, Clock::coarse()))),
        ("recloser", Box::new(recloser::Recloser::custom().closed_len(40).open_wait(HOUR).build())),
        ("failsafe, consecutive failures", Box::new(Failsafe(failsafe::Config::new().failure_policy(row).build()))),
        ("failsafe, default", Box::new(Failsafe(failsafe::Config::new().build()))),
        ("tower-resilience", Box::new(Tower(tower))),
    ]
}

fn main() {
    machine();
    peers().iter().for_each(|(name, peer)| check(name, &**peer));
    let peers = peers();
    let mut rows: Vec<Row> = peers.iter().map(|(name, _)| Row::new(name, 4)).collect();
    for ((_, peer), row) in peers.iter().zip(&mut rows) {
        let before = allocations();
        peer.calls(OPERATIONS, 0);
        row.note = format!("{:.2}", (allocations() - before) as f64 / OPERATIONS as f64);
    }
    for _ in 0..ROUNDS {
        for ((_, peer), row) in peers.iter().zip(&mut rows) {
            for (column, (threads, failing)) in [(1, 0), (2, 0), (1, 32), (2, 32)].into_iter().enumerate() {
                row.columns[column].push(per_operation(threads, OPERATIONS, |_| peer.calls(OPERATIONS, failing)));
            }
        }
    }
    let heads = ["1 thread", "2 threads", "1 thread, 3% fail", "2 threads, 3% fail"];
    let title = "ns of processor time per call of a closed breaker, median (ratio to the first) least; last: allocations per call";
    print(title, &heads, &rows);
}
