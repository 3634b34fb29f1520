//! Checks many endpoints concurrently.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::address_slots::AddressSlots;
use super::evidence::Evidence;
use super::runner::CheckRunner;
use crate::check::{CheckContext, CustomChecks, Resolvers, Roots};
use crate::engine::{BreakerOptions, Breakers, Clock, Job, Key, Pool, PoolOptions, Shutdown};
use crate::model::{Address, CheckSpec, Endpoint, LocalDetail, Service};
use crate::net::{AddressPolicy, HttpProxy, Route, descriptors_for_sockets, own_addresses};

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
    /// Whether only a few endpoints of one address and port are checked at once, so that no server is slow because of these
    /// checks. A caller with a schedule of its own needs none of it.
    pub(crate) limits_bursts: bool,
    /// Whether findings may quote the body of a reply: not where others than those who named the target read them.
    pub(crate) shows_bodies: bool,
    /// Whether the TLS check also offers each older version alone.
    pub(crate) offers_older_tls: bool,
    /// Whether programs get the whole environment of this process: not that of a server, which holds its secrets.
    pub(crate) shares_environment: bool,
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
            limits_bursts: true,
            shows_bodies: true,
            offers_older_tls: true,
            shares_environment: true,
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

impl Subject {
    /// An endpoint of a service, through `via` if there is a proxy. Rules of the firewall that publish a port mostly do not
    /// apply to connections of this machine, so the socket at the other end is checked.
    pub(crate) fn of_service(
        index: usize,
        (service, endpoint): (&Service, &Endpoint),
        spec: &Arc<CheckSpec>,
        via: Option<&Arc<dyn HttpProxy>>,
    ) -> Self {
        let (spec, route) = (Arc::clone(spec), Route::of(via, service, endpoint));
        let local = service.detail.downcast_ref::<LocalDetail>().filter(|_| via.is_none());
        let (endpoint, route) = match local {
            Some(local) if local.is_published() => match local.own_end() {
                None => (endpoint.clone(), Route::Closed(UNKNOWN_END)),
                Some(end) => (at_end(endpoint, end), route),
            },
            Some(_) if is_bound_elsewhere(endpoint) => (endpoint.clone(), Route::Closed(OTHER_INTERFACE)),
            _ => (endpoint.clone(), route),
        };

        Self { index, endpoint, spec, route, previous: None }
    }
}

const UNKNOWN_END: &str = "firewall rules forward it elsewhere, and no process here is known to serve it";

const OTHER_INTERFACE: &str = "it is bound to an interface through which this machine does not reach itself";

/// Whether a listener of this machine takes only what comes in through one interface. What this machine sends itself comes
/// through `lo`.
fn is_bound_elsewhere(endpoint: &Endpoint) -> bool {
    let interface = endpoint.interface.as_ref().filter(|interface| interface.as_raw() != "lo");
    interface.is_some() && endpoint.zone().is_none()
}

/// The same endpoint at the other end of a published port.
fn at_end(endpoint: &Endpoint, end: SocketAddr) -> Endpoint {
    let there = Endpoint::new(Address::Ip(end.ip()), Some(end.port()), endpoint.transport);
    let (address, port, port_service) = (there.address, there.port, there.port_service);
    Endpoint { address, port, port_service, interface: None, ..endpoint.clone() }
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
    pub(super) slots: AddressSlots,
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
    /// A validator with the root certificates and the resolvers of the system. `ca`: a file of further root certificates.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn of_system(options: ValidatorOptions, ca: Option<&Path>) -> Result<Self, String> {
        let resolvers = Arc::new(Resolvers::new(Vec::new(), options.timeout));
        let roots = ca.map_or_else(|| Ok(Roots::of_system(Vec::new())), Roots::beside_system)?;
        Ok(Self::new(options, Arc::new(roots), resolvers))
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
        let &ValidatorOptions { timeout, shows_bodies, offers_older_tls, shares_environment, .. } = &options;
        let context =
            CheckContext { timeout, roots, resolvers, addresses, shows_bodies, offers_older_tls, shares_environment };
        // Without them, only the latency targets are more generous.
        let own = own_addresses().unwrap_or_default();

        Self {
            runner: CheckRunner::new(context, options.retries, options.cache_ttl, clock.clone()),
            breakers: Breakers::new(breaker, MAX_BREAKERS, clock),
            slots: AddressSlots::new(own.clone()),
            own,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OwnerLookup, SocketState, Transport};
    use crate::source::Local;

    /// A listener of this process, as a rule of a firewall would publish it.
    fn published(to: &str, owner: OwnerLookup) -> Service {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let local = Local { ports: Some([port].into_iter().collect()), tcp: true, ..Local::default() };
        let mut service = local.listing().unwrap().services.remove(0);
        (service.detail.state, service.detail.owner) = (SocketState::Published, owner);
        service.detail.forwards_to = vec![to.parse().unwrap()];
        service.endpoints = vec![Endpoint::new(Address::Ip([0, 0, 0, 0].into()), Some(8080), Transport::Tcp)];
        service.erase()
    }

    #[test]
    fn a_published_port_is_checked_at_its_end_or_not_at_all() {
        let checked = |to: &str, owner: OwnerLookup| {
            let service = published(to, owner);
            let subject = Subject::of_service(0, (&service, &service.endpoints[0]), &Arc::default(), None);
            (subject.endpoint.to_string(), matches!(subject.route, Route::Closed(_)))
        };
        assert_eq!(checked("172.17.0.2:80", OwnerLookup::Known), ("172.17.0.2:80".to_owned(), false));
        assert_eq!(checked("0.0.0.0:9090", OwnerLookup::Known), ("127.0.0.1:9090".to_owned(), false));
        assert_eq!(checked("[::]:9090", OwnerLookup::Known), ("[::1]:9090".to_owned(), false));
        for owner in [OwnerLookup::NotAsked, OwnerLookup::NoPermission, OwnerLookup::Pending] {
            assert_eq!(checked("10.77.0.9:80", owner), ("0.0.0.0:8080".to_owned(), true), "another machine");
        }
    }
}
