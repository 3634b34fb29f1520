//! Watches Consul: one blocking query for the names in the catalog, and one for each service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::api::{Catalog, ConsulApi};
use super::pace::{QueryPause, next_index};
use super::service_watch::{MAX_FAILURES, QueryChange, ServiceOutcome, ServiceQuery, ServiceWatch};
use super::{CONCURRENCY, Consul, LIST, acl, part, read_service};
use crate::engine::Retry;
use crate::error::Result;
use crate::model::{PartialError, ServiceId, Update, UpdateSink};
use crate::net::registry_http::RegistryFailure;
use crate::source::RECONNECT;
use crate::source::name_filter::NameFilter;

/// Queries that wait at the same time. An agent accepts 200 connections from one address.
const MAX_WAITING: usize = 100;
/// How long a query waits for a change.
const WAIT: Duration = Duration::from_mins(1);
/// With more services than [`MAX_WAITING`], each gets its turn after about this time.
const ROUND: Duration = Duration::from_secs(15);
/// The interval of a request that shows whether a silent agent still replies.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// A suspicious catalog is read again after this time, and believed after so many in a row.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
const MAX_DOUBTS: u32 = 3;

/// Begins with everything, and ends with the connection.
pub(super) async fn watch(options: &Consul, feed: &mut dyn UpdateSink) -> Result<()> {
    let filter = options.filter()?;
    let api = ConsulApi::new(options)?;
    let turns = Semaphore::new(MAX_WAITING);
    let mut watch = Watch::begin(options, &filter, &api, feed).await?;

    let mut services: FuturesUnordered<BoxFuture<'_, ServiceOutcome>> = FuturesUnordered::new();
    let mut names = catalog_query(&api, watch.catalog_index, Duration::ZERO).boxed();
    let mut probe = probe(&api).boxed();
    loop {
        for query in std::mem::take(&mut watch.queries) {
            services.push(query.run(&api, &turns, watch.has_consul).boxed());
        }

        tokio::select! {
            (catalog, took) = &mut names => {
                let pause = watch.take_catalog(catalog, took, feed).await?;
                names = catalog_query(&api, watch.catalog_index, pause).boxed();
            }
            Some(outcome) = services.next() => watch.take_service(outcome, feed)?,
            failed = &mut probe => {
                failed.map_err(|failure| failure.into_error(LIST))?;
                probe = self::probe(&api).boxed();
            }
        }
    }
}

/// The catalog. An empty one is read again: a server that has just started may not have its own service yet.
///
/// # Errors
/// It cannot be read, or Consul hides all services.
async fn first_catalog(api: &ConsulApi) -> Result<Catalog> {
    let mut doubts = 0;
    loop {
        let catalog = api.catalog(0, Duration::ZERO).await.map_err(|failure| failure.into_error(LIST))?;
        if !catalog.services.is_empty() || doubts == MAX_DOUBTS {
            return Ok(catalog);
        }
        if acl::may_hide(api, &catalog).await {
            return Err(acl::refused());
        }
        doubts += 1;
        sleep(DOUBT_PAUSE).await;
    }
}

async fn catalog_query(api: &ConsulApi, index: u64, pause: Duration) -> (Result<Catalog, RegistryFailure>, Duration) {
    sleep(pause).await;
    let begun = Instant::now();
    (api.catalog(index, WAIT).await, begun.elapsed())
}

/// A query that waits looks the same while the agent is dead. Fails if the agent does not reply twice in a row.
async fn probe(api: &ConsulApi) -> Result<(), RegistryFailure> {
    sleep(PROBE_INTERVAL).await;
    if matches!(api.has_leader().await, Ok(true)) {
        return Ok(());
    }
    sleep(DOUBT_PAUSE).await;
    if api.has_leader().await? { Ok(()) } else { Err(api.no_leader()) }
}

struct Watch<'a> {
    options: &'a Consul,
    filter: &'a NameFilter,
    api: &'a ConsulApi,
    catalog_index: u64,
    catalog_pace: QueryPause,
    catalog_failures: u32,
    doubts: u32,
    /// Whether the catalog ever had Consul's own service.
    has_consul: bool,
    services: BTreeMap<String, ServiceWatch>,
    generation: u64,
    /// Queries to send.
    queries: Vec<ServiceQuery>,
    is_stale: bool,
    seed: u64,
}

impl<'a> Watch<'a> {
    /// Reads everything once.
    ///
    /// # Errors
    /// Nothing can be read.
    async fn begin(
        options: &'a Consul,
        filter: &'a NameFilter,
        api: &'a ConsulApi,
        feed: &mut dyn UpdateSink,
    ) -> Result<Self> {
        let catalog = first_catalog(api).await?;
        let mut watch = Self {
            options,
            filter,
            api,
            catalog_index: catalog.index,
            catalog_pace: QueryPause::default(),
            catalog_failures: 0,
            doubts: 0,
            has_consul: catalog.services.contains_key(acl::CONSUL),
            services: BTreeMap::new(),
            generation: 0,
            queries: Vec::new(),
            is_stale: false,
            seed: Retry::random_seed(),
        };
        let updates = watch.read_all(options.selected(&catalog, filter)).await?;
        feed.apply(updates);
        Ok(watch)
    }

    async fn read_all(&mut self, names: Vec<String>) -> Result<Vec<Update>> {
        let api = self.api;
        let requests = names.into_iter().map(|name| async move { (api.service(&name, 0, Duration::ZERO).await, name) });
        let mut replies = stream::iter(requests).buffered(CONCURRENCY);

        let (mut found, mut errors, mut failures) = (Vec::new(), Vec::new(), 0);
        while let Some((reply, name)) = replies.next().await {
            match reply {
                Ok(reply) => {
                    failures = 0;
                    self.add(name, reply.index, reply.service.is_some());
                    found.extend(reply.service);
                }
                Err(failure) => {
                    failures = if failure.is_outage() { failures + 1 } else { 0 };
                    if failures == MAX_FAILURES {
                        return Err(failure.into_error(LIST));
                    }
                    errors.push(Update::PartialError(part(failure, &name)));
                    self.add(name, 0, false).report_fault();
                }
            }
        }
        drop(replies);

        let wait = self.wait();
        self.queries = self.services.iter().map(|(name, service)| service.first(name, wait)).collect();
        Ok(std::iter::once(Update::Reset(found)).chain(errors).collect())
    }

    fn add(&mut self, name: String, index: u64, has_instances: bool) -> &mut ServiceWatch {
        self.generation += 1;
        let service = ServiceWatch::new(self.generation, index, has_instances);
        self.services.entry(name).insert_entry(service).into_mut()
    }

    /// How long each query waits: the more services, the shorter.
    fn wait(&self) -> Duration {
        let count = self.services.len();
        if count <= MAX_WAITING {
            return WAIT;
        }
        let share = u32::try_from(count / MAX_WAITING).unwrap_or(u32::MAX).saturating_add(1);
        (ROUND / share).max(Duration::from_secs(1))
    }

    fn id(&self, name: &str) -> ServiceId {
        self.api.service_id(name)
    }

    /// Applies the names of the catalog. Returns the pause before the next query.
    async fn take_catalog(
        &mut self,
        catalog: Result<Catalog, RegistryFailure>,
        took: Duration,
        feed: &mut dyn UpdateSink,
    ) -> Result<Duration> {
        let catalog = match catalog {
            Ok(catalog) => catalog,
            Err(failure) => {
                self.catalog_failures += 1;
                if self.catalog_failures >= MAX_FAILURES || failure.is_refusal() {
                    return Err(failure.into_error(LIST));
                }
                return Ok(RECONNECT.wait(&mut self.seed, self.catalog_failures));
            }
        };
        self.catalog_failures = 0;
        if self.is_doubtful(&catalog).await {
            self.mark_stale(PartialError::from(&acl::refused()), feed);
            self.catalog_index = 0;
            return Ok(DOUBT_PAUSE * self.doubts.clamp(1, 10));
        }

        let pause = self.catalog_pace.pause(took, catalog.index != self.catalog_index);
        self.catalog_index = next_index(self.catalog_index, catalog.index);
        self.has_consul |= catalog.services.contains_key(acl::CONSUL);
        let removed = self.set_names(self.options.selected(&catalog, self.filter).into_iter().collect());
        self.apply(removed, feed);
        Ok(pause)
    }

    /// Whether a catalog lost what every catalog has: Consul's own service, or everything. A token that was revoked shows it
    /// as empty.
    async fn is_doubtful(&mut self, catalog: &Catalog) -> bool {
        let lost_consul = self.has_consul && !catalog.services.contains_key(acl::CONSUL);
        let lost_all = catalog.services.is_empty() && !self.services.is_empty();
        if !lost_consul && !lost_all {
            self.doubts = 0;
            return false;
        }

        self.doubts += 1;
        let is_believed = self.doubts >= MAX_DOUBTS && self.api.has_acls().await == Some(false);
        if is_believed {
            (self.doubts, self.has_consul) = (0, false);
        }
        !is_believed
    }

    /// Watches these services from now on. Returns the removal of the others.
    fn set_names(&mut self, names: BTreeSet<String>) -> Vec<Update> {
        let gone: Vec<String> = self.services.keys().filter(|name| !names.contains(*name)).cloned().collect();
        let mut removed: Vec<Update> = gone.iter().map(|name| Update::Remove(self.id(name))).collect();
        for name in gone {
            let service = self.services.remove(&name);
            if service.is_some_and(|mut service| service.take_fault()) {
                removed.push(Update::Recovered(read_service(&name)));
            }
        }

        let wait = self.wait();
        for name in names {
            if !self.services.contains_key(&name) {
                self.add(name.clone(), 0, false);
                self.queries.extend(self.services.get(&name).map(|service| service.first(&name, wait)));
            }
        }
        removed
    }

    /// # Errors
    /// The agent fails.
    fn take_service(&mut self, outcome: ServiceOutcome, feed: &mut dyn UpdateSink) -> Result<()> {
        let (name, wait) = (outcome.name.clone(), self.wait());
        let id = self.id(&name);
        // A service that is gone since then.
        let Some(service) = self.services.get_mut(&name).filter(|service| service.generation == outcome.generation)
        else {
            return Ok(());
        };

        let (verdict, query) = service.advance(outcome, wait);
        self.queries.push(query);
        let mut updates = Vec::new();
        match verdict {
            QueryChange::Unchanged => {}
            QueryChange::Present(service) => updates.push(Update::Upsert(*service)),
            QueryChange::Gone => updates.push(Update::Remove(id)),
            QueryChange::Doubtful => {
                self.mark_stale(doubt(&name), feed);
                return Ok(());
            }
            QueryChange::Failed(failure) if failure.is_outage() => return Ok(()),
            QueryChange::Failed(failure) => {
                service.report_fault();
                feed.apply_derived(vec![Update::PartialError(part(failure, &name))]);
                return Ok(());
            }
            QueryChange::Lost(failure) => return Err(failure.into_error(LIST)),
        }

        if service.take_fault() {
            updates.push(Update::Recovered(read_service(&name)));
        }
        if !updates.is_empty() {
            self.apply(updates, feed);
        }
        Ok(())
    }

    fn apply(&mut self, updates: Vec<Update>, feed: &mut dyn UpdateSink) {
        if !updates.is_empty() || self.is_stale {
            self.is_stale = false;
            feed.apply(updates);
        }
    }

    fn mark_stale(&mut self, error: PartialError, feed: &mut dyn UpdateSink) {
        if !std::mem::replace(&mut self.is_stale, true) {
            feed.mark_stale(error);
        }
    }
}

fn doubt(name: &str) -> PartialError {
    PartialError {
        operation: format!("read the service '{}' of Consul", crate::clean::clean(name)),
        cause: "Consul replies with no instance, while its catalog has the service".to_owned(),
        hint: "see the logs of Consul".to_owned(),
    }
}
