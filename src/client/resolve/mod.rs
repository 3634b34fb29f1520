//! Resolves a service to endpoints for calls: filters, balancing, and passive health.

mod call;
mod changes;
mod counts;
mod ejection;
mod filters;
mod members;
mod pick_set;
mod shared_watch;
mod state;
mod watching;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::filters::EndpointFilters;
use self::state::{ResolverRules, ResolverState};
use crate::balance::{Balancer, PickKey, RoundRobin};
use crate::engine::Clock;
use crate::error::{Error, Result};
use crate::model::{Endpoint, ParseError, PartialError};

pub use call::Call;
pub use changes::{ServiceEvent, ServiceEventKind};
pub use counts::{EndpointCounts, PickError};
pub use ejection::EjectionOptions;
pub(crate) use shared_watch::{SharedWatch, WatchTable};
pub use state::AllUnhealthy;
pub use watching::{CallbackGuard, ServiceWatch};

/// Picks endpoints of a service for calls. Clones are the same resolver.
///
/// Made by [`Registry::resolve`](super::Registry::resolve). It watches the service in the background as long as it exists,
/// together with all other resolvers of that name: a pick never asks the registry.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Following>);

/// The state of a resolver, and the task that keeps it up to date.
#[derive(Debug)]
struct Following {
    state: Arc<ResolverState>,
    task: JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Resolver {
    /// An endpoint for the next call. Waits until the registry has replied for the first time, never for a change. `key` is
    /// `()` except for strategies that hash.
    ///
    /// # Errors
    /// If no endpoint can take a call, with the numbers that each filter left; or if the registry cannot be reached and never
    /// was.
    pub async fn pick<'k>(&self, key: impl Into<PickKey<'k>>) -> Result<Call, PickError> {
        let key = key.into();
        let mut published = self.0.state.published();
        loop {
            published.borrow_and_update();
            match self.0.state.try_pick(key) {
                // The sender is in the state, which this borrows.
                Err(PickError::NotReady { .. }) if published.changed().await.is_ok() => {}
                result => return result,
            }
        }
    }

    /// Waits until the registry has replied for the first time.
    ///
    /// # Errors
    /// If it cannot be reached and never was.
    pub async fn ready(&self) -> Result<(), PickError> {
        let mut published = self.0.state.published();
        loop {
            published.borrow_and_update();
            match self.0.state.set().readiness(self.0.state.service()) {
                // The sender is in the state, which this borrows.
                Err(PickError::NotReady { .. }) if published.changed().await.is_ok() => {}
                result => return result,
            }
        }
    }

    /// An endpoint for the next call, by what is known now. Takes no lock and allocates nothing.
    ///
    /// # Errors
    /// As [`pick`](Self::pick), and [`PickError::NotReady`] before the first reply.
    #[inline]
    pub fn try_pick<'k>(&self, key: impl Into<PickKey<'k>>) -> Result<Call, PickError> {
        self.0.state.try_pick(key.into())
    }

    /// The endpoints that match version, tags and metadata, healthy or not, sorted by address.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.0.state.set().matching.clone()
    }

    /// How many endpoints each filter leaves.
    pub fn counts(&self) -> EndpointCounts {
        self.0.state.set().counts
    }

    /// Why the registry is unreachable now; `None` if it is reachable. Calls go on with its last reply.
    pub fn stale(&self) -> Option<Arc<PartialError>> {
        self.0.state.set().stale.clone()
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        self.0.state.service()
    }

    /// The changes of the endpoints that match version, tags and metadata. Begins with those that are known.
    pub fn watch(&self) -> ServiceWatch {
        ServiceWatch::new(self.0.state.changes(), self.clone())
    }

    /// Calls a function with all endpoints that match version, tags and metadata: when they are first known and after each
    /// change, until the guard is dropped.
    ///
    /// # Errors
    /// Outside a tokio runtime.
    pub fn on_change(&self, callback: impl FnMut(&[Arc<Endpoint>]) + Send + 'static) -> Result<CallbackGuard> {
        Ok(CallbackGuard::spawn(self.watch(), callback, &runtime_for(self.service())?))
    }

    /// The number of watches of this resolver.
    pub fn watches(&self) -> usize {
        self.0.state.watches()
    }
}

/// What a [`Resolver`] is asked for. Without any setting: all healthy endpoints in turn.
#[derive(Debug)]
#[must_use = "a resolver begins with `start`"]
pub struct ResolverBuilder {
    service: String,
    watches: Arc<WatchTable>,
    filters: EndpointFilters,
    balancer: Arc<dyn Balancer>,
    ejection: EjectionOptions,
    on_all_unhealthy: AllUnhealthy,
    clock: Option<Clock>,
    /// The first setting that is invalid.
    problem: Option<Error>,
}

impl ResolverBuilder {
    pub(super) fn new(service: &str, watches: Arc<WatchTable>) -> Self {
        Self {
            service: service.to_owned(),
            watches,
            filters: EndpointFilters::default(),
            balancer: Arc::new(RoundRobin),
            ejection: EjectionOptions::default(),
            on_all_unhealthy: AllUnhealthy::default(),
            clock: None,
            problem: None,
        }
    }

    /// The strategy that picks among the endpoints.
    pub fn balance(mut self, balancer: impl Balancer + 'static) -> Self {
        self.balancer = Arc::new(balancer);
        self
    }

    /// Only instances of this version, or of versions in this range: `1.2.0`, `^1.2`, `>=1.2, <2`.
    pub fn version(mut self, version: &str) -> Self {
        match version.parse() {
            Ok(filter) => self.filters.version = Some(filter),
            Err(error) => self.fail(format!("version '{}'", crate::clean::clean(version)), &error),
        }
        self
    }

    /// Only instances that have this tag. Of several, all.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.filters.tags.push(tag.into());
        self
    }

    /// Only instances that have this value in their metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.metadata.push((key.into(), value.into()));
        self
    }

    /// Prefers instances in this zone. The others get calls too while less than 70 % of the zone can take them.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.filters.zone = Some(zone.into());
        self
    }

    /// Whether only healthy endpoints get calls; on by default.
    pub fn only_healthy(mut self, only_healthy: bool) -> Self {
        self.filters.ignores_health = !only_healthy;
        self
    }

    /// What to do if no endpoint is healthy. By default nothing gets calls.
    pub fn on_all_unhealthy(mut self, policy: AllUnhealthy) -> Self {
        self.on_all_unhealthy = policy;
        self
    }

    /// When an endpoint whose calls fail is left out.
    pub fn ejection(mut self, options: EjectionOptions) -> Self {
        self.ejection = options;
        self
    }

    /// The clock of breakers and latencies, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Begins to watch the service.
    ///
    /// # Errors
    /// If a setting is invalid, the provider cannot list the service, or this is not called in a tokio runtime.
    pub fn start(self) -> Result<Resolver> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let runtime = runtime_for(&self.service)?;
        let shared = self.watches.of(&self.service, &runtime)?;

        // Latencies need an exact clock, which costs more.
        let exact = self.balancer.uses_latency();
        let clock = self.clock.unwrap_or_else(|| if exact { Clock::precise() } else { Clock::coarse() });
        let rules = ResolverRules {
            filters: self.filters,
            balancer: self.balancer,
            ejection: self.ejection,
            on_all_unhealthy: self.on_all_unhealthy,
            clock,
        };

        let state = ResolverState::new(&self.service, rules);
        state.update(&shared.reader().load());
        let task = runtime.spawn(follow(Arc::clone(&state), shared));
        Ok(Resolver(Arc::new(Following { state, task })))
    }

    fn fail(&mut self, what: String, error: &ParseError) {
        let usage = Error::usage(what, error.to_string(), error.hint());
        self.problem.get_or_insert(usage);
    }
}

/// Keeps a resolver up to date, until its task is aborted.
async fn follow(state: Arc<ResolverState>, shared: Arc<SharedWatch>) {
    let (snapshot, mut watch) = shared.reader().watch();
    state.update(&snapshot);
    // The item does not matter: the snapshot is at least as new.
    while watch.next().await.is_some() {
        state.update(&shared.reader().load());
    }
}

/// The runtime of the caller.
fn runtime_for(service: &str) -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        let what = format!("resolver of '{}'", crate::clean::clean(service));
        Error::usage(
            what,
            "it must be called inside a tokio runtime",
            "call it from an async function, as in #[tokio::main]",
        )
    })
}
