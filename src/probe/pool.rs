//! Many ports at once: a pool, gentle to each host, in which those that only cost time hold nobody up.

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
use super::{Intensity, PortTarget, Probes};
use crate::engine::{Clock, Job, Pool, PoolOptions, Shutdown, SubmitError};
use crate::model::{Identity, Transport};

/// What became of one port.
#[derive(Debug)]
pub(crate) struct IdentifyResult {
    /// What it was handed in with.
    pub(crate) key: (u64, usize),
    /// What speaks there; `None` where silence says nothing.
    pub(crate) identity: Result<Option<Identity>, SkipReason>,
}

struct Work {
    key: (u64, usize),
    asked: PortTarget,
}

/// Identifies ports, many at once.
pub(crate) struct IdentifyPool {
    pool: Pool<Work, ()>,
}

/// So many ports of one host are asked at once. Enough to be quick, and no more than a browser with a few tabs does.
const PER_HOST: usize = 32;
/// What takes longer than this only waits: it costs its host nothing, and makes room for others.
const QUICK: Duration = Duration::from_millis(500);
/// So many are asked at once, and so many more only wait.
const BUSY: usize = 128;
const WAITING: usize = 512;

impl IdentifyPool {
    /// A crew whose work ends with `shutdown`, and which tells `tell` each answer. It has `sockets` descriptors at most. To be
    /// called within a runtime.
    pub(crate) fn new(
        shutdown: &Shutdown,
        probes: Probes,
        intensity: Intensity,
        sockets: usize,
        tell: impl Fn(IdentifyResult) + Send + Sync + 'static,
    ) -> Self {
        let (hosts, tell) = (Arc::new(Hosts::default()), Arc::new(tell));
        let max = BUSY.min(sockets / 2).max(1);
        let options = PoolOptions {
            max,
            slow: WAITING.min(sockets.saturating_sub(max)),
            slow_after: QUICK,
            ..PoolOptions::default()
        };
        let pool = Pool::tasks(shutdown, options, Clock::runtime(), move |work: Work| {
            let (hosts, tell) = (Arc::clone(&hosts), Arc::clone(&tell));
            async move { tell(hosts.work(work, probes, intensity).await) }
        });
        Self { pool }
    }

    /// Hands a port in. False: there are as many as may wait, and some must be taken out first.
    pub(crate) fn try_ask(&self, key: (u64, usize), asked: &PortTarget) -> bool {
        let job = Job::new(Work { key, asked: asked.clone() });
        !matches!(self.pool.try_submit(job), Err(SubmitError { .. }))
    }

    /// How many ports will never be answered for, because asking them panicked.
    pub(crate) fn lost(&self) -> u64 {
        self.pool.stats().panicked
    }
}

/// How many ports of each host are being asked.
#[derive(Default)]
struct Hosts(Mutex<HashMap<HostKey, Arc<Semaphore>>>);

/// An address, and the network namespace that it is in: each has a 127.0.0.1 of its own.
type HostKey = (IpAddr, Option<u64>);

impl Hosts {
    async fn work(&self, work: Work, probes: Probes, intensity: Intensity) -> IdentifyResult {
        let Work { key, asked } = work;
        let host = (asked.address.ip(), asked.namespace.as_ref().map(|namespace| namespace.identity.inode));
        let turns = Arc::clone(self.0.lock().entry(host).or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))));
        let mut turn = Some(turns.acquire_owned().await);
        let mut asking = pin!(async {
            match asked.transport {
                Transport::Udp => identify_udp(asked, probes, intensity).await,
                _ => identify(asked, probes, intensity).await.map(Some),
            }
        });
        let identity = match timeout(QUICK, &mut asking).await {
            Ok(identity) => identity,
            Err(_) => {
                turn = None;
                asking.await
            }
        };
        drop(turn);
        self.forget(host);
        IdentifyResult { key, identity }
    }

    /// Lets go of a host that nobody asks.
    fn forget(&self, host: HostKey) {
        let mut hosts = self.0.lock();
        if hosts.get(&host).is_some_and(|turns| Arc::strong_count(turns) == 1) {
            hosts.remove(&host);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::probe::{Probe, ServerBytes};

    struct Panics;

    impl Probe for Panics {
        fn word(&self) -> &'static str {
            "panics"
        }

        fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
            panic!("a test's own");
        }
    }

    #[tokio::test]
    async fn a_port_whose_asking_panics_is_told_of() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let greet = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.writable().await.unwrap();
            stream.try_write(b"hello\r\n").unwrap();
            stream
        });
        let answered = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&answered);
        let tell = move |_| tell.store(true, Ordering::SeqCst);
        let crew = IdentifyPool::new(&Shutdown::new(), Probes::and(vec![Box::new(Panics)]), Intensity::Light, 16, tell);
        assert!(crew.try_ask((0, 0), &PortTarget::new(address, Transport::Tcp)));
        let lost = async {
            while crew.lost() == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), lost).await.expect("the pool tells of it");
        assert!(!answered.load(Ordering::SeqCst));
        drop(greet.await);
    }
}
