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
use crate::net::{Route, descriptors_for_sockets, own_addresses};

/// How to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValidatorOptions {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often to retry an endpoint that does not reply.
    pub retries: u32,
    /// How many times to check each endpoint.
    pub samples: u32,
    /// How often each endpoint is checked again, so that there is a history to judge; `None`: it is not.
    pub(crate) again: Option<Duration>,
    /// When the whole run must be over. What was not checked by then says so.
    pub deadline: Option<Duration>,
    /// The most endpoints to check at once.
    pub concurrency: usize,
    /// How long to remember replies of DNS and TLS; `None` remembers nothing.
    pub cache_ttl: Option<Duration>,
    /// The checks that a program added.
    pub(crate) custom: CustomChecks,
}

impl Default for ValidatorOptions {
    /// As `portolan validate` without options: 3 s for each attempt, one retry, one sample.
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
        }
    }
}

/// An endpoint to check.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its place among all; it comes back with the answer.
    pub(crate) index: usize,
    pub(crate) endpoint: Endpoint,
    pub(crate) ask: Arc<CheckSpec>,
    pub(crate) way: Route,
    /// What was seen of it before, where that is known.
    pub(crate) before: Option<Arc<PastCheck>>,
}

/// What was seen of an endpoint at an earlier look.
#[derive(Debug)]
pub(crate) struct PastCheck {
    pub(crate) evidence: Evidence,
    pub(crate) at: Instant,
}

/// What was seen of an endpoint.
#[derive(Debug)]
pub(crate) struct CheckedEndpoint {
    /// The subject's.
    pub(crate) index: usize,
    pub(crate) evidence: Evidence,
}

/// Runs the checks of endpoints.
#[derive(Debug)]
pub(crate) struct EndpointValidator {
    pub(super) asking: CheckRunner,
    pub(super) options: ValidatorOptions,
    pub(super) breakers: Breakers<Key>,
    pub(super) own: Vec<IpAddr>,
    pub(super) over: Option<Instant>,
}

/// The most circuit breakers kept at once.
const MAX_BREAKERS: u64 = 65_536;
/// Where others wait, a look that has taken so long is slow, and makes room for them: most answers come sooner.
const SLOW_AFTER: Duration = Duration::from_millis(100);
/// The most results that wait to be taken.
const QUEUE: usize = 1024;

/// The workers, and their results.
#[derive(Debug)]
pub(super) struct ValidationPool {
    pub(super) pool: Pool<Subject, ()>,
    pub(super) answers: mpsc::Receiver<CheckedEndpoint>,
}

impl EndpointValidator {
    /// To be called within a tokio runtime. Where that has one thread, what it is late by is known exactly.
    pub(crate) fn new(options: ValidatorOptions, roots: Arc<Roots>, resolvers: Arc<Resolvers>) -> Self {
        let clock = Clock::runtime();
        // Failures in a row, half as many as make a sample: what failed so often will go on.
        let mut breaker = BreakerOptions { window: 5, failures: 5, ..BreakerOptions::default() };
        if let Some(interval) = options.again {
            // Who is looked at often is not left alone for long: that it is back is news too.
            breaker.recovery = breaker.recovery.min(interval * 2);
        }
        let kit = CheckContext { timeout: options.timeout, roots, resolvers };
        Self {
            asking: CheckRunner::new(kit, options.retries, options.cache_ttl, clock.clone()),
            breakers: Breakers::new(breaker, MAX_BREAKERS, clock),
            // Without them everything is only a little further away.
            own: own_addresses().unwrap_or_default(),
            over: options.deadline.map(|deadline| Instant::now() + deadline),
            options,
        }
    }

    /// Gets workers ready, `least` of them at once.
    pub(super) fn crew(self: Arc<Self>, least: usize, shutdown: &Shutdown) -> ValidationPool {
        let at_once = self.options.concurrency.max(1);
        let normal = at_once.div_ceil(2);
        let options = PoolOptions {
            min: least.clamp(1, normal),
            max: normal,
            slow: at_once - normal,
            queue: QUEUE,
            slow_after: SLOW_AFTER,
            ..PoolOptions::default()
        };
        let (sender, answers) = mpsc::channel(QUEUE);
        let stopping = shutdown.clone();
        let pool = Pool::tasks(shutdown, options, Clock::runtime(), move |subject: Subject| {
            let (validator, sender, stopping) = (Arc::clone(&self), sender.clone(), stopping.clone());
            async move {
                let mut evidence = validator.look(&subject, &stopping).await;
                validator.run_custom(&subject, &stopping, &mut evidence).await;
                // A receiver that is gone needs no more results.
                let _ = sender.send(CheckedEndpoint { index: subject.index, evidence }).await;
            }
        });
        ValidationPool { pool, answers }
    }

    /// Looks at all of them; each answer goes to `out` as it comes, in whatever order. Stops early when `shutdown` does:
    /// what was not looked at until then says so.
    pub(crate) async fn run(
        self: Arc<Self>,
        subjects: Vec<Subject>,
        shutdown: &Shutdown,
        mut out: impl FnMut(CheckedEndpoint),
    ) {
        let ValidationPool { pool, mut answers } = self.crew(subjects.len(), shutdown);
        let total = subjects.len();
        let feeding = async {
            for subject in subjects {
                // The pool closes only with the runtime.
                let _ = pool.submit(Job::new(subject), Duration::MAX).await;
            }
        };
        let listening = async {
            for _ in 0..total {
                match answers.recv().await {
                    Some(judged) => out(judged),
                    None => break,
                }
            }
        };
        tokio::join!(feeding, listening);
        let _ = pool.drain(Duration::from_secs(1)).await;
    }
}
