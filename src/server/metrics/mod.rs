//! What `/metrics` shows: counters that a request only increments, and figures of the moment.

mod changes;
mod compat;
mod encode;
mod process;
mod reading;
mod requests;
mod streams;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

use self::changes::ChangeCounts;
pub(super) use self::compat::PickCount;
pub(super) use self::process::resident_bytes;
use self::reading::Reading;
pub(super) use self::requests::RouteStats;
pub(super) use self::streams::{OpenStream, OpenStreams};
use super::activity::Overdue;
use super::checks::CheckFigures;
use super::dns::DnsCounters;
use super::gate::Full;
use super::handshake::HandshakeFailure;
use super::histogram::Times;
use super::import_board::ImportState;
use super::service_key::ServiceKey;
use crate::model::HealthState;

/// All metrics of a server.
#[derive(Debug)]
pub(super) struct Metrics {
    routes: Vec<Arc<RouteStats>>,
    refused: [AtomicU64; 2],
    evicted: AtomicU64,
    overdue: [AtomicU64; 4],
    failed_handshakes: [AtomicU64; HandshakeFailure::COUNT],
    accept_errors: AtomicU64,
    pub(super) commits: Times,
    /// Changes that were published.
    pub(super) changes: ChangeCounts,
    /// Commands of clients that were acknowledged, without heartbeats.
    pub(super) writes: AtomicU64,
    pub(super) rejected_writes: AtomicU64,
    pub(super) failed_commits: AtomicU64,
    /// Without a valid key or token, or without the permission.
    pub(super) refused_requests: AtomicU64,
    /// Above the limit of a key or an address.
    pub(super) limited_requests: AtomicU64,
    pub(super) heartbeats: AtomicU64,
    pub(super) picks: AtomicU64,
    pub(super) event_streams: OpenStreams,
    pub(super) event_resets: AtomicU64,
    pub(super) checks: CheckFigures,
    pub(super) dns: DnsCounters,
}

/// Figures that are read when they are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauges {
    pub(super) index: u64,
    pub(super) services: u64,
    /// Instances by state: healthy, degraded, unhealthy, unknown.
    pub(super) instances: [u64; 4],
    pub(super) guarded_services: u64,
    pub(super) queued_writes: u64,
    pub(super) max_queued_writes: u64,
    pub(super) connections: u64,
    pub(super) max_connections: u64,
    pub(super) written_lists: u64,
    /// Open connections to the database; `None` if it is a file.
    pub(super) database_connections: Option<u64>,
    pub(super) uptime: Duration,
    pub(super) is_store_well: bool,
    pub(super) is_ready: bool,
}

/// Figures that take a look at each instance.
#[derive(Clone, Debug, Default)]
pub(super) struct InstanceFigures {
    /// Instances with a lease.
    pub(super) leases: u64,
    /// Those of them whose lease has expired, and that are still listed.
    pub(super) expired_leases: u64,
    /// The instances of the first services by name, as many as the settings say.
    pub(super) services: Vec<ServiceCount>,
    /// How many services are left out of them.
    pub(super) unlisted_services: u64,
    /// What agents report.
    pub(super) drift: DriftFigures,
    /// The imports, in the order of the settings.
    pub(super) imports: Vec<ImportState>,
    /// When the certificate of the listeners expires, in seconds since the epoch; `None` without one.
    pub(super) certificate_expires: Option<i64>,
    /// `None`: not under the older names.
    pub(super) picks: Option<Vec<PickCount>>,
}

/// The instances of a service.
#[derive(Clone, Debug)]
pub(super) struct ServiceCount {
    pub(super) key: ServiceKey,
    /// By state: healthy, degraded, unhealthy, unknown.
    pub(super) instances: [u64; HealthState::ALL.len()],
}

/// What agents report, by code.
#[derive(Clone, Debug, Default)]
pub(super) struct DriftFigures {
    /// Findings of hosts whose agents report.
    pub(super) present: BTreeMap<&'static str, u64>,
    /// Those of hosts whose agents are silent.
    pub(super) unknown: BTreeMap<&'static str, u64>,
    /// Hosts by the state of their agent: reporting, silent.
    pub(super) agents: [u64; 2],
}

impl Metrics {
    pub(super) fn new<'p>(paths: impl IntoIterator<Item = &'p &'static str>) -> Arc<Self> {
        Arc::new(Self {
            routes: paths.into_iter().map(|path| Arc::new(RouteStats::new(path))).collect(),
            refused: Default::default(),
            evicted: AtomicU64::new(0),
            overdue: Default::default(),
            failed_handshakes: Default::default(),
            accept_errors: AtomicU64::new(0),
            commits: Times::default(),
            changes: ChangeCounts::default(),
            writes: AtomicU64::new(0),
            rejected_writes: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
            refused_requests: AtomicU64::new(0),
            limited_requests: AtomicU64::new(0),
            heartbeats: AtomicU64::new(0),
            picks: AtomicU64::new(0),
            event_streams: OpenStreams::default(),
            event_resets: AtomicU64::new(0),
            checks: CheckFigures::default(),
            dns: DnsCounters::default(),
        })
    }

    /// The counters of the route with this path; `None` if it is not in the list that the metrics were made of.
    pub(super) fn route(&self, path: &str) -> Option<Arc<RouteStats>> {
        self.routes.iter().find(|route| route.path() == path).cloned()
    }

    pub(super) fn connection_refused(&self, full: Full) {
        self.refused[full as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that gave way to others.
    pub(super) fn connections_evicted(&self, count: usize) {
        self.evicted.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn connection_overdue(&self, overdue: Overdue) {
        self.overdue[overdue as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn handshake_failed(&self, reason: HandshakeFailure) {
        self.failed_handshakes[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn accept_failed(&self) {
        self.accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// The text of the metrics.
    pub(super) fn text(self: &Arc<Self>, gauges: Gauges, instances: InstanceFigures) -> String {
        let mut registry = Registry::default();
        let picks = instances.picks.clone();
        registry.register_collector(Box::new(Reading { metrics: Arc::clone(self), gauges, instances }));

        let mut text = String::new();
        // Writing to a String never fails.
        let _ = prometheus_text::encode(&mut text, &registry);
        if let Some(picks) = picks {
            let _ = compat::write_picks(&mut text, &picks);
        }
        text
    }
}
