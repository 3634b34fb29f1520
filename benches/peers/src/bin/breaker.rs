//! The closed breaker beside recloser and failsafe: one call that succeeds, on one shared breaker.

use std::hint::black_box;
use std::time::Duration;

use failsafe::CircuitBreaker;
use portolan::engine::{Breaker, BreakerOptions, Clock, Outcome};
use portolan_peers::{Row, machine, per_operation, print};

const OPERATIONS: usize = 500_000;
const ROUNDS: usize = 31;
const HOUR: Duration = Duration::from_secs(3600);

trait Peer: Sync {
    /// One call; false if it was not let through.
    fn call(&self, succeeds: bool) -> bool;
}

impl Peer for Breaker {
    #[inline]
    fn call(&self, succeeds: bool) -> bool {
        match self.permit() {
            Ok(permit) => {
                permit.record(if black_box(succeeds) { Outcome::Success } else { Outcome::Failure });
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
    vec![
        ("portolan", Box::new(Breaker::new(options, Clock::coarse()))),
        ("recloser", Box::new(recloser::Recloser::custom().closed_len(40).open_wait(HOUR).build())),
        ("failsafe, consecutive failures", Box::new(Failsafe(failsafe::Config::new().failure_policy(row).build()))),
        ("failsafe, default", Box::new(Failsafe(failsafe::Config::new().build()))),
    ]
}

fn main() {
    machine();
    peers().iter().for_each(|(name, peer)| check(name, &**peer));
    let peers = peers();
    let mut rows: Vec<Row> = peers.iter().map(|(name, _)| Row::new(name, 4)).collect();
    for _ in 0..ROUNDS {
        for ((_, peer), row) in peers.iter().zip(&mut rows) {
            for (column, (threads, failing)) in [(1, 0), (2, 0), (1, 32), (2, 32)].into_iter().enumerate() {
                row.columns[column].push(per_operation(threads, OPERATIONS, |_| {
                    for n in 1..=OPERATIONS {
                        assert!(peer.call(failing == 0 || n % failing != 0), "it opened");
                    }
                }));
            }
        }
    }
    let heads = ["1 thread", "2 threads", "1 thread, 3% fail", "2 threads, 3% fail"];
    print("ns of processor time per call of a closed breaker, median (ratio to the first) least", &heads, &rows);
}
