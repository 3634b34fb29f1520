//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use tracing::{error, info};

use super::access::AccessControl;
use super::audit::AuditLog;
use super::checks::Checks;
use super::contact::Contact;
use super::gate::Gate;
use super::import_board::ImportBoard;
use super::limits::RateLimits;
use super::log_level::LogLevel;
use super::metrics::{DriftFigures, Gauges, InstanceFigures, Metrics, PickCount, ServiceCount};
use super::own_node::OwnNode;
use super::recent_changes::RecentChanges;
use super::refusal_log::RefusalLog;
use super::ring::Ring;
use super::settings::{LiveSettings, ServerSettings};
use super::store_probe::{ProbeResult, StoreProbe};
use super::tls::ServerTls;
use super::view::View;
use super::write_queue::WriteQueue;
use super::written_lists::WrittenLists;
use crate::engine::Shutdown;
use crate::model::{DRIFT_KINDS, HealthState};
use crate::registry::AgentState;

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
    pub(super) audit: AuditLog,
    pub(super) rates: RateLimits,
    /// How many more refusals the log takes.
    pub(super) refusals: Arc<RefusalLog>,
    pub(super) log: Arc<LogLevel>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) gate: Arc<Gate>,
    /// What the health monitor found, and how it is reached.
    pub(super) checks: Checks,
    /// What clients of Eureka's API fetch in place of everything.
    pub(super) eureka_changes: RecentChanges,
    /// Long lists that many clients fetch.
    pub(super) lists: WrittenLists,
    /// The state of the imports.
    pub(super) imports: ImportBoard,
    pub(super) shutdown: Shutdown,
    /// What this server is in Consul's catalog.
    pub(super) own_node: Arc<OwnNode>,
    /// What the store is, for people: `SQLite file /var/lib/portolan/registry.db`.
    pub(super) store: String,
    /// Tries whether the store takes writes.
    pub(super) probe: StoreProbe,
    /// Identifies the history that the indexes belong to.
    pub(super) epoch: ArcSwap<String>,
    /// How old what is in memory may be.
    pub(super) contact: Contact,
    pub(super) started: Instant,
    pub(super) started_at: Timestamp,
    /// Whether the store kept the last batch, or answered the last probe since.
    pub(super) is_store_well: AtomicBool,
    /// When the store failed last, unless it kept something since.
    pub(super) store_failed: Mutex<Option<Instant>>,
    /// The certificate of its listeners; `None`: they speak plain HTTP.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// The connection to Redis, if there is one to make.
    #[cfg(feature = "redis")]
    pub(super) redis: Option<Arc<super::redis_link::RedisLink>>,
}

/// After a write that failed, a probe alone does not make the server ready for so long.
const RECOVERY_TIME: Duration = Duration::from_secs(5);

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

    /// Notes that the store kept something.
    pub(super) fn note_store_kept(&self) {
        if !self.is_store_well.swap(true, Ordering::Relaxed) {
            *self.store_failed.lock() = None;
            info!("the store keeps writes again");
        }
    }

    /// Notes that the store did not keep something.
    pub(super) fn note_store_failed(&self, error: &str) {
        *self.store_failed.lock() = Some(Instant::now());
        if self.is_store_well.swap(false, Ordering::Relaxed) {
            error!(error, "the store cannot keep writes; reads continue");
        }
    }

    /// Tries the store. A store that failed and takes writes again makes the server ready, also without a write meanwhile.
    pub(super) async fn probe_store(&self) -> ProbeResult {
        let mut result = self.probe.result().await;
        // A disk that has room for the few bytes of a probe may have none for a write.
        let failed = *self.store_failed.lock();
        if result.error.is_none() && failed.is_some_and(|failed| failed.elapsed() < RECOVERY_TIME) {
            result.error = Some("a write failed a moment ago".to_owned());
            return result;
        }
        match &result.error {
            Some(error) => self.note_store_failed(error),
            None => self.note_store_kept(),
        }

        result
    }

    /// The registry, without the limits of a caller.
    pub(super) fn unscoped_view(&self) -> Arc<View> {
        self.unscoped.load_full()
    }

    /// The number of writes that wait for the store.
    pub(super) fn queued_writes(&self) -> usize {
        self.unscoped_writes.len()
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
            max_queued_writes: self.settings.size_limits.queued_writes as u64,
            connections: self.gate.open() as u64,
            max_connections: self.live.load().connections as u64,
            written_lists: self.lists.written(),
            database_connections: self.probe.store().connections().map(|open| open as u64),
            uptime: self.started.elapsed(),
            is_store_well: self.is_store_well.load(Ordering::Relaxed),
            is_ready: self.is_ready(),
        }
    }

    /// The metrics as Prometheus reads them.
    pub(super) fn metrics_text(&self) -> String {
        self.metrics.text(self.gauges(), self.instance_figures())
    }

    /// Figures that take a look at each instance: 5 ms for 100,000 of them.
    fn instance_figures(&self) -> InstanceFigures {
        let view = self.unscoped_view();
        let mut figures = InstanceFigures {
            picks: self.settings.has_compat_metrics.then(Vec::new),
            drift: drift_figures(&view),
            imports: self.imports.states(),
            certificate_expires: self.tls.as_ref().and_then(|tls| tls.expires()),
            ..InstanceFigures::default()
        };
        for service in view.services() {
            let mut count = ServiceCount { key: service.key.clone(), instances: [0; HealthState::ALL.len()] };
            for instance in service.list() {
                count.instances[instance.instance.health as usize] += 1;
                let lease = instance.instance.lease.as_ref();
                figures.leases += u64::from(lease.is_some());
                figures.expired_leases += u64::from(lease.is_some_and(|lease| lease.expired));
                if let Some(picks) = &mut figures.picks {
                    let (service, instance_id) = (service.key.name.to_string(), instance.instance.id.to_string());
                    let count = instance.counters.picks.load(Ordering::Relaxed);
                    picks.push(PickCount { service, instance: instance_id, count });
                }
            }
            if figures.services.len() < self.settings.max_service_metrics {
                figures.services.push(count);
            } else {
                figures.unlisted_services += 1;
            }
        }

        figures
    }
}

/// What agents report. Every known code has a count, so that one that comes and goes is a rise and a fall.
fn drift_figures(view: &View) -> DriftFigures {
    let mut figures = DriftFigures::default();
    let codes = DRIFT_KINDS.iter().map(|kind| (kind.code, 0));
    figures.present.extend(codes.clone());
    figures.unknown.extend(codes);

    for host in view.snapshot.hosts() {
        let (agent, counts) = match host.record.agent {
            AgentState::Reporting => (0, &mut figures.present),
            AgentState::Silent => (1, &mut figures.unknown),
        };
        figures.agents[agent] += 1;
        for (code, count) in host.record.counts() {
            // A newer agent may know more; a label has few values, whatever agents send.
            let known = DRIFT_KINDS.iter().find(|kind| kind.code == code).map_or(OTHER_CODE, |kind| kind.code);
            *counts.entry(known).or_default() += count;
        }
    }
    figures
}

/// The code of findings that this version does not know.
const OTHER_CODE: &str = "other";
