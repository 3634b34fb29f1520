//! Checks many endpoints concurrently.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::evidence::Evidence;
use super::runner::CheckRunner;
use crate::check::{CheckContext, CustomChecks, Resolvers, Roots};
use crate::engine::{BreakerOptions, Breakers, Clock, Job, Key, Pool, PoolOptions, Shutdown};
use crate::model::{CheckSpec, Endpoint};
use crate::net::{AddressPolicy, Route, descriptors_for_sockets, own_addresses};

/// How to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValidatorOptions {
    /// The timeout of one attempt.
    pub timeout: Duration,
    /// The number of retries after no reply.
    pub retries: u32,
    /// The number of samples of each endpoint.
    pub samples: u32,
    /// The interval at which each endpoint is checked again; `None` checks it once.
    pub(crate) again: Option<Duration>,
    /// The time limit of the whole run. Checks that are unfinished by then are reported as incomplete.
    pub deadline: Option<Duration>,
    /// The number of endpoints to check at once.
    pub concurrency: usize,
    /// How long to cache results of DNS and TLS; `None` caches nothing.
    pub cache_ttl: Option<Duration>,
    /// The checks that a program added.
    pub(crate) custom: CustomChecks,
    /// Whether an endpoint that keeps failing is skipped for a while. A caller with a schedule of its own needs none of it.
    pub(crate) skips_failing: bool,
    /// Which addresses may be contacted.
    pub(crate) addresses: Arc<AddressPolicy>,
}

impl Default for ValidatorOptions {
    /// The defaults of `portolan validate`: a timeout of 3 s, one retry, one sample.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            retries: 1,
            samples: 1,
            again: None,
            deadline: None,
            concurrency: 1024.min(descriptors_for_sockets()),
            cache_ttl: Some(Duration::from_mins(1)),
            custom: CustomChecks::default(),
            skips_failing: true,
            addresses: Arc::default(),
        }
    }
}

/// An endpoint to check.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Identifies the endpoint; the result has the same.
    pub(crate) index: usize,
    pub(crate) endpoint: Endpoint,
    pub(crate) spec: Arc<CheckSpec>,
    pub(crate) route: Route,
    /// The result of the last check, if any.
    pub(crate) previous: Option<Arc<PastCheck>>,
}

/// The result of an earlier check.
#[derive(Debug)]
pub(crate) struct PastCheck {
    pub(crate) evidence: Evidence,
    pub(crate) at: Instant,
}

/// The result of checking an endpoint.
#[derive(Debug)]
pub(crate) struct CheckedEndpoint {
    /// The index of the subject.
    pub(crate) index: usize,
    pub(crate) evidence: Evidence,
}

/// Runs the checks of endpoints.
#[derive(Debug)]
pub(crate) struct EndpointValidator {
    pub(super) runner: CheckRunner,
    pub(super) options: ValidatorOptions,
    pub(super) breakers: Breakers<Key>,
    /// The addresses of this host.
    pub(super) own: Vec<IpAddr>,
    pub(super) deadline: Option<Instant>,
}

/// The number of circuit breakers to keep.
const MAX_BREAKERS: u64 = 65_536;
/// A check that takes longer moves to the slow lane, because most replies come sooner.
const SLOW_AFTER: Duration = Duration::from_millis(100);
/// The capacity of the queues of subjects and of results.
const QUEUE: usize = 1024;

/// The workers, and their results.
#[derive(Debug)]
pub(super) struct ValidationPool {
    pub(super) pool: Pool<Subject, ()>,
    pub(super) results: mpsc::Receiver<CheckedEndpoint>,
}

impl EndpointValidator {
    /// A validator with the root certificates and the resolvers of the system. Must be called within a tokio runtime.
    pub(crate) fn of_system(options: ValidatorOptions) -> Self {
        let resolvers = Arc::new(Resolvers::new(Vec::new(), options.timeout));
        Self::new(options, Arc::new(Roots::of_system(Vec::new())), resolvers)
    }

    /// Must be called within a tokio runtime. The scheduler lag is exact on a runtime with one thread.
    pub(crate) fn new(options: ValidatorOptions, roots: Arc<Roots>, resolvers: Arc<Resolvers>) -> Self {
        let clock = Clock::runtime();
        // After five failures in a row the next call will most likely fail too.
        let mut breaker = BreakerOptions { window: 5, failures: 5, ..BreakerOptions::default() };
        if let Some(interval) = options.again {
            // Notice the recovery within two intervals.
            breaker.recovery = breaker.recovery.min(interval * 2);
        }
        let addresses = Arc::clone(&options.addresses);
        let context = CheckContext { timeout: options.timeout, roots, resolvers, addresses };

        Self {
            runner: CheckRunner::new(context, options.retries, options.cache_ttl, clock.clone()),
            breakers: Breakers::new(breaker, MAX_BREAKERS, clock),
            // Without them, only the latency targets are more generous.
            own: own_addresses().unwrap_or_default(),
            deadline: options.deadline.map(|deadline| Instant::now() + deadline),
            options,
        }
    }

    /// Starts the workers, at least `least` of them.
    pub(super) fn start_workers(self: Arc<Self>, least: usize, shutdown: &Shutdown) -> ValidationPool {
        let concurrency = self.options.concurrency.max(1);
        let normal = concurrency.div_ceil(2);
        let options = PoolOptions {
            min: least.clamp(1, normal),
            max: normal,
            slow: concurrency - normal,
            queue: QUEUE,
            slow_after: SLOW_AFTER,
            ..PoolOptions::default()
        };

        let (sender, results) = mpsc::channel(QUEUE);

        let stopping = shutdown.clone();
        let pool = Pool::tasks(shutdown, options, Clock::runtime(), move |subject: Subject| {
            let (validator, sender, stopping) = (Arc::clone(&self), sender.clone(), stopping.clone());
            async move {
                let mut evidence = validator.check(&subject, &stopping).await;
                validator.run_custom(&subject, &stopping, &mut evidence).await;
                // A receiver that is gone needs no more results.
                let _ = sender.send(CheckedEndpoint { index: subject.index, evidence }).await;
            }
        });
        ValidationPool { pool, results }
    }

    /// Checks all subjects and passes each result to `out` as it arrives, in any order. When `shutdown` stops, unfinished
    /// checks are reported as incomplete.
    pub(crate) async fn run(
        self: Arc<Self>,
        subjects: Vec<Subject>,
        shutdown: &Shutdown,
        mut out: impl FnMut(CheckedEndpoint),
    ) {
        let ValidationPool { pool, mut results } = self.start_workers(subjects.len(), shutdown);
        let total = subjects.len();

        let submit = async {
            for subject in subjects {
                // The pool closes only with the runtime.
                let _ = pool.submit(Job::new(subject), Duration::MAX).await;
            }
        };

        let receive = async {
            for _ in 0..total {
                match results.recv().await {
                    Some(checked) => out(checked),
                    None => break,
                }
            }
        };
        tokio::join!(submit, receive);
        let _ = pool.drain(Duration::from_secs(1)).await;
    }
}
