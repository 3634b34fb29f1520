//! Identifies many ports concurrently, bounded overall and per host. Slow ports move to a separate lane.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::identify::{SkipReason, identify};
use super::udp::identify_udp;
use super::{PortBudget, PortTarget, Probes};
use crate::engine::{Clock, Job, Pool, PoolOptions, Shutdown, SubmitError};
use crate::model::{Identity, Transport};

/// The result for one port.
#[derive(Debug)]
pub(crate) struct IdentifyResult {
    /// The key that the port was submitted with.
    pub(crate) key: (u64, usize),
    /// The identity; `None` for a silent UDP port.
    pub(crate) identity: Result<Option<Identity>, SkipReason>,
}

struct PortJob {
    key: (u64, usize),
    target: PortTarget,
}

/// Identifies many ports concurrently.
pub(crate) struct IdentifyPool {
    pool: Pool<PortJob, ()>,
}

/// Concurrent ports per host: enough to be fast, and no more than a browser with a few tabs opens.
const MAX_PER_HOST: usize = 32;
/// A port that takes longer than this is only waiting: it no longer counts against its host and moves to the slow lane.
const SLOW_AFTER: Duration = Duration::from_millis(500);
/// Concurrent ports in the fast lane and in the slow lane.
const MAX_FAST: usize = 128;
const MAX_SLOW: usize = 512;

impl IdentifyPool {
    /// A pool that ends with `shutdown`, passes each result to `report`, and uses at most `sockets` descriptors. Must be
    /// called within a tokio runtime.
    pub(crate) fn new(
        shutdown: &Shutdown,
        probes: Probes,
        budget: PortBudget,
        sockets: usize,
        report: impl Fn(IdentifyResult) + Send + Sync + 'static,
    ) -> Self {
        let max = MAX_FAST.min(sockets / 2).max(1);
        let options = PoolOptions {
            max,
            slow: MAX_SLOW.min(sockets.saturating_sub(max)),
            slow_after: SLOW_AFTER,
            ..PoolOptions::default()
        };

        let (hosts, report) = (Arc::new(HostLimits::default()), Arc::new(report));
        let pool = Pool::tasks(shutdown, options, Clock::runtime(), move |job: PortJob| {
            let (hosts, report) = (Arc::clone(&hosts), Arc::clone(&report));
            async move { report(hosts.identify(job, probes, budget).await) }
        });

        Self { pool }
    }

    /// Submits a port. Returns false if the queue is full; take results and try again.
    pub(crate) fn try_ask(&self, key: (u64, usize), target: &PortTarget) -> bool {
        let job = Job::new(PortJob { key, target: target.clone() });
        !matches!(self.pool.try_submit(job), Err(SubmitError { .. }))
    }

    /// The number of ports that will have no result because their identification panicked.
    pub(crate) fn lost(&self) -> u64 {
        self.pool.stats().panicked
    }
}

/// Limits the concurrent ports of each host.
#[derive(Default)]
struct HostLimits(Mutex<HashMap<HostKey, Arc<Semaphore>>>);

/// An address and its network namespace: each namespace has its own 127.0.0.1.
type HostKey = (IpAddr, Option<u64>);

impl HostLimits {
    async fn identify(&self, job: PortJob, probes: Probes, budget: PortBudget) -> IdentifyResult {
        let PortJob { key, target } = job;
        let host = (target.address.ip(), target.namespace.as_ref().map(|namespace| namespace.identity.inode));
        let permits = Arc::clone(self.0.lock().entry(host).or_insert_with(|| Arc::new(Semaphore::new(MAX_PER_HOST))));
        let permit = permits.acquire_owned().await;

        let mut identification = pin!(async {
            match target.transport {
                Transport::Udp => identify_udp(target, probes, budget).await,
                _ => identify(target, probes, budget).await.map(Some),
            }
        });
        let identity = match timeout(SLOW_AFTER, &mut identification).await {
            Ok(identity) => {
                drop(permit);
                identity
            }
            Err(_) => {
                drop(permit);
                identification.await
            }
        };

        self.forget(host);
        IdentifyResult { key, identity }
    }

    /// Drops the limit of a host that has no ports in progress.
    fn forget(&self, host: HostKey) {
        let mut hosts = self.0.lock();
        if hosts.get(&host).is_some_and(|permits| Arc::strong_count(permits) == 1) {
            hosts.remove(&host);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::probe::{Intensity, Probe, ServerBytes};

    struct PanickingProbe;

    impl Probe for PanickingProbe {
        fn protocol(&self) -> &'static str {
            "panics"
        }

        fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
            panic!("expected by the test");
        }
    }

    #[tokio::test]
    async fn a_panic_counts_as_a_lost_port() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let greet = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.writable().await.unwrap();
            stream.try_write(b"hello\r\n").unwrap();
            stream
        });

        let reported = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&reported);
        let probes = Probes::and(vec![Box::new(PanickingProbe)]);
        let pool =
            IdentifyPool::new(&Shutdown::new(), probes, PortBudget::new(Intensity::Light, None), 16, move |_| {
                flag.store(true, Ordering::SeqCst);
            });
        assert!(pool.try_ask((0, 0), &PortTarget::new(address, Transport::Tcp)));

        let lost = async {
            while pool.lost() == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), lost).await.expect("the pool counts the lost port");
        assert!(!reported.load(Ordering::SeqCst));
        drop(greet.await);
    }
}
