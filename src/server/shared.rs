//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::access::AccessControl;
use super::checks::Checks;
use super::cluster::Contact;
use super::gate::Gate;
use super::metrics::{Gauges, Metrics};
use super::own_node::OwnNode;
use super::ring::Ring;
use super::settings::{LiveSettings, ServerSettings};
use super::view::View;
use super::write_queue::WriteQueue;
use crate::engine::Shutdown;
use crate::model::HealthState;

/// What all requests share.
pub(super) struct ServerState {
    pub(super) settings: ServerSettings,
    /// Those that can change, as they are now.
    pub(super) live: ArcSwap<LiveSettings>,
    /// The registry as no caller sees it: handlers use their `Access`.
    pub(super) unscoped: ArcSwap<View>,
    pub(super) ring: Ring,
    /// Writes that no caller's scope was held against: handlers use their `Access`.
    pub(super) unscoped_writes: WriteQueue,
    pub(super) access: Arc<AccessControl>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) gate: Arc<Gate>,
    /// What the health monitor found, and how it is reached.
    pub(super) checks: Checks,
    pub(super) shutdown: Shutdown,
    /// What this server is in Consul's catalog.
    pub(super) own_node: Arc<OwnNode>,
    /// What the store is, for people: `SQLite file /var/lib/portolan/registry.db`.
    pub(super) store: String,
    /// Identifies the history that the indexes belong to.
    pub(super) epoch: ArcSwap<String>,
    /// How old what is in memory may be.
    pub(super) contact: Contact,
    pub(super) started: Instant,
    pub(super) started_at: Timestamp,
    /// Whether the store kept the last batch.
    pub(super) is_store_well: AtomicBool,
    pub(super) has_tls: bool,
}

/// What a handler takes.
pub(super) type App = Arc<ServerState>;

impl ServerState {
    /// Whether it can do everything that it is there for.
    pub(super) fn is_ready(&self) -> bool {
        !self.shutdown.is_stopping() && self.is_store_well.load(Ordering::Relaxed) && !self.contact.is_lost()
    }

    /// Identifies the history that the indexes belong to.
    pub(super) fn epoch(&self) -> Arc<String> {
        self.epoch.load_full()
    }

    /// The registry, without the limits of a caller.
    pub(super) fn unscoped_view(&self) -> Arc<View> {
        self.unscoped.load_full()
    }

    /// The index of the last change.
    pub(super) fn index(&self) -> u64 {
        self.unscoped.load().index()
    }

    /// The figures of this moment.
    pub(super) fn gauges(&self) -> Gauges {
        let view = self.unscoped.load();
        let snapshot = &view.snapshot;
        let all = if snapshot.is_all_protected() { view.service_count() } else { 0 };
        Gauges {
            index: view.index(),
            services: view.service_count() as u64,
            instances: HealthState::ALL.map(|state| view.count_of(state) as u64),
            guarded_services: snapshot.protected_services().count().max(all) as u64,
            queued_writes: self.unscoped_writes.len() as u64,
            connections: self.gate.open() as u64,
            uptime: self.started.elapsed(),
        }
    }
}
