//! Resolvers over a registry in memory. Time is paused: nothing waits for real.

mod balancing;
mod ejection;
mod sets;
mod watches;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;

use super::fake::{FakeRegistry, endpoint, service, unready, with};
use super::{AllUnhealthy, EjectionOptions, PickError, Registry, Resolver, ServiceEventKind, ServiceWatch};
use crate::balance::{ConsistentHash, LeastConnections, PeakEwma};
use crate::engine::{CallOutcome, ManualClock};
use crate::error::Error;
use crate::model::{Endpoint, Lifecycle};

const CART: &str = "cart";
/// Longer than any wait in these tests; passes at once, because time is paused.
const LONG: Duration = Duration::from_mins(10);

fn open() -> (FakeRegistry, Registry) {
    let fake = FakeRegistry::default();
    let registry = Registry::with_provider(fake.clone()).build();
    (fake, registry)
}

fn places(endpoints: &[Arc<Endpoint>]) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

/// What the next calls go to, each ended with a success.
fn picks(resolver: &Resolver, calls: usize) -> BTreeMap<String, usize> {
    let mut picks = BTreeMap::new();
    for _ in 0..calls {
        let call = resolver.try_pick(()).unwrap();
        *picks.entry(call.endpoint().to_string()).or_default() += 1;
        call.done(true);
    }
    picks
}

/// Waits until the resolver has seen what the registry says.
async fn settled(resolver: &Resolver, mut is_so: impl FnMut(&Resolver) -> bool) {
    let waiting = async {
        while !is_so(resolver) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, waiting).await.expect("the resolver follows the registry");
}
