//! Watches one service by blocking queries.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::acl::CONSUL;
use super::api::{ConsulApi, ServiceReply};
use super::pace::{QueryPause, next_index};
use crate::engine::Retry;
use crate::model::Service;
use crate::net::registry_http::RegistryFailure;
use crate::source::RECONNECT;

/// A query is given up after this many failures in a row.
pub(super) const MAX_FAILURES: u32 = 3;
/// An empty reply for a service that the catalog still has is believed after this many in a row.
const MAX_EMPTY: u32 = 3;
const EMPTY_PAUSE: Duration = Duration::from_secs(1);
/// The pause before the next query while the token may read nothing.
const HIDDEN_PAUSE: Duration = Duration::from_secs(10);

/// What is known of a watched service.
#[derive(Debug)]
pub(super) struct ServiceWatch {
    /// Tells the watch of a service apart from that of its predecessor of the same name.
    pub(super) generation: u64,
    index: u64,
    pace: QueryPause,
    failures: u32,
    empty: u32,
    has_instances: bool,
    /// Whether an error of it was reported, and still holds.
    is_faulty: bool,
    seed: u64,
}

/// The next query of a service.
pub(super) struct ServiceQuery {
    pub(super) name: String,
    generation: u64,
    index: u64,
    pause: Duration,
    wait: Duration,
    /// Whether an empty reply is compared with the catalog.
    doubts_empty: bool,
}

/// Its outcome.
pub(super) struct ServiceOutcome {
    pub(super) name: String,
    pub(super) generation: u64,
    reply: Result<ServiceReply, RegistryFailure>,
    took: Duration,
    /// What the catalog says, if the reply was doubted.
    catalog: Option<InCatalog>,
}

/// What the catalog says of a service that has no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InCatalog {
    /// It has the service.
    Present,
    Absent,
    /// It no longer has Consul's own service, so it may hide others too.
    Hidden,
}

/// What an outcome means for the set.
#[derive(Debug)]
pub(super) enum QueryChange {
    Unchanged,
    /// The service in its current state.
    Present(Box<Service>),
    Gone,
    /// It has no instance, while the catalog has it: not believed yet.
    Doubtful,
    /// The query failed, and is sent again.
    Failed(RegistryFailure),
    /// It failed too often.
    Lost(RegistryFailure),
}

impl ServiceWatch {
    pub(super) fn new(generation: u64, index: u64, has_instances: bool) -> Self {
        let seed = Retry::random_seed();
        Self {
            generation,
            index,
            pace: QueryPause::default(),
            failures: 0,
            empty: 0,
            has_instances,
            is_faulty: false,
            seed,
        }
    }

    /// Notes that an error of it is reported.
    pub(super) fn report_fault(&mut self) {
        self.is_faulty = true;
    }

    /// Whether an error of it was reported, which holds no longer: once for each.
    pub(super) fn take_fault(&mut self) -> bool {
        std::mem::take(&mut self.is_faulty)
    }

    /// The first query.
    pub(super) fn first(&self, name: &str, wait: Duration) -> ServiceQuery {
        self.query(name, Duration::ZERO, wait)
    }

    fn query(&self, name: &str, pause: Duration, wait: Duration) -> ServiceQuery {
        let (name, generation, index) = (name.to_owned(), self.generation, self.index);
        ServiceQuery { name, generation, index, pause, wait, doubts_empty: self.has_instances }
    }

    /// Interprets an outcome, and returns the next query.
    pub(super) fn advance(&mut self, outcome: ServiceOutcome, wait: Duration) -> (QueryChange, ServiceQuery) {
        let ServiceOutcome { name, reply, took, catalog, .. } = outcome;
        let reply = match reply {
            Ok(reply) => reply,
            Err(failure) => {
                self.failures += 1;
                self.index = 0;
                let is_lost = self.failures >= MAX_FAILURES && failure.is_outage();
                let pause = RECONNECT.wait(&mut self.seed, self.failures);
                let verdict = if is_lost { QueryChange::Lost(failure) } else { QueryChange::Failed(failure) };
                return (verdict, self.query(&name, pause, wait));
            }
        };

        self.failures = 0;
        let is_new = reply.index != self.index || reply.index == 0;
        let pause = self.pace.pause(took, reply.index != self.index);
        self.index = next_index(self.index, reply.index);
        let verdict = match reply.service {
            Some(service) => {
                (self.has_instances, self.empty) = (true, 0);
                if is_new { QueryChange::Present(Box::new(service)) } else { QueryChange::Unchanged }
            }
            None if !self.has_instances => QueryChange::Unchanged,
            None if catalog == Some(InCatalog::Hidden) => {
                self.index = 0;
                return (QueryChange::Doubtful, self.query(&name, HIDDEN_PAUSE, wait));
            }
            None if catalog == Some(InCatalog::Present) && self.empty + 1 < MAX_EMPTY => {
                self.empty += 1;
                self.index = 0;
                return (QueryChange::Doubtful, self.query(&name, EMPTY_PAUSE, wait));
            }
            None => {
                (self.has_instances, self.empty) = (false, 0);
                QueryChange::Gone
            }
        };
        (verdict, self.query(&name, pause, wait))
    }
}

impl ServiceQuery {
    /// Sends the query when it is its turn. `had_consul`: whether the catalog had Consul's own service.
    pub(super) async fn run(self, api: &ConsulApi, turns: &Semaphore, had_consul: bool) -> ServiceOutcome {
        sleep(self.pause).await;
        // It is never closed.
        let _turn = turns.acquire().await;
        let begun = Instant::now();
        let mut reply = api.service(&self.name, self.index, self.wait).await;
        let took = begun.elapsed();

        let mut in_catalog = None;
        if self.doubts_empty && matches!(&reply, Ok(reply) if reply.service.is_none()) {
            match api.catalog(0, Duration::ZERO).await {
                Ok(catalog) if had_consul && !catalog.services.contains_key(CONSUL) => {
                    in_catalog = Some(InCatalog::Hidden);
                }
                Ok(catalog) if api.is_in(&catalog, &self.name) => in_catalog = Some(InCatalog::Present),
                Ok(_) => in_catalog = Some(InCatalog::Absent),
                Err(failure) => reply = Err(failure),
            }
        }
        ServiceOutcome { name: self.name, generation: self.generation, reply, took, catalog: in_catalog }
    }
}
