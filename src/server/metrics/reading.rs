//! The metrics at one moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::encode::{count_of, counter, gauge, histogram, labelled, values};
use super::{Gauges, InstanceFigures, Metrics, compat, process, requests};
use crate::model::HealthState;
use crate::server::handshake::HandshakeFailure;
use crate::server::import_board::ImportState;

/// A figure of an import; the time is that since the start.
type ImportFigure = fn(&ImportState, Duration) -> u64;

/// The metrics at one moment.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) metrics: Arc<Metrics>,
    pub(super) gauges: Gauges,
    pub(super) instances: InstanceFigures,
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_registry(&mut encoder)?;
        self.encode_drift(&mut encoder)?;
        self.encode_imports(&mut encoder)?;
        self.encode_writes(&mut encoder)?;
        self.encode_connections(&mut encoder)?;
        self.encode_checks(&mut encoder)?;
        self.encode_dns(&mut encoder)?;

        let names = ["portolan_http_requests", "portolan_http_request_duration_seconds"];
        requests::encode(&mut encoder, &self.metrics.routes, names)?;
        self.encode_server(&mut encoder)?;
        process::encode(&mut encoder)?;
        if self.instances.picks.is_some() { compat::encode(&mut encoder, &self.metrics, self.gauges) } else { Ok(()) }
    }
}

impl Reading {
    /// What is registered.
    fn encode_registry(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (gauges, instances) = (&self.gauges, &self.instances);
        gauge(encoder, "portolan_index", "Index of the last change", gauges.index)?;
        gauge(encoder, "portolan_services", "Registered services", gauges.services)?;
        let by_state: Vec<_> = HealthState::ALL.map(HealthState::as_str).into_iter().zip(gauges.instances).collect();
        labelled(encoder, MetricType::Gauge, "portolan_instances", "Registered instances", "state", &by_state)?;
        self.encode_services(encoder)?;
        gauge(encoder, "portolan_leases", "Instances with a lease", instances.leases)?;
        let help = "Instances whose lease has expired, and that are still listed";
        gauge(encoder, "portolan_expired_leases", help, instances.expired_leases)?;
        let help = "Services under the mass failure guard";
        gauge(encoder, "portolan_guarded_services", help, gauges.guarded_services)?;
        self.metrics.changes.encode(encoder)
    }

    /// The instances of each service. The number of services is limited: each has a time series for each state.
    fn encode_services(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Registered instances of each service";
        let mut family = encoder.encode_descriptor("portolan_service_instances", help, None, MetricType::Gauge)?;
        for service in &self.instances.services {
            for (state, count) in HealthState::ALL.map(HealthState::as_str).into_iter().zip(service.instances) {
                let key = &service.key;
                let labels = vec![("namespace", &*key.namespace), ("service", &*key.name), ("state", state)];
                family.encode_family(&labels)?.encode_gauge(&count)?;
            }
        }

        let help = "Services that portolan_service_instances leaves out (monitoring.metrics.max_services)";
        gauge(encoder, "portolan_unlisted_services", help, self.instances.unlisted_services)
    }

    /// What agents report of their hosts.
    fn encode_drift(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let drift = &self.instances.drift;
        let help = "Findings of hosts whose agents report";
        let present: Vec<_> = drift.present.iter().map(|(code, count)| (*code, *count)).collect();
        labelled(encoder, MetricType::Gauge, "portolan_drift", help, "code", &present)?;
        let help = "Findings of hosts whose agents are silent: whether they still apply is unknown";
        let unknown: Vec<_> = drift.unknown.iter().map(|(code, count)| (*code, *count)).collect();
        labelled(encoder, MetricType::Gauge, "portolan_drift_unknown", help, "code", &unknown)?;
        let agents: Vec<_> = ["reporting", "silent"].into_iter().zip(drift.agents).collect();
        labelled(encoder, MetricType::Gauge, "portolan_drift_agents", "Hosts with an agent", "state", &agents)
    }

    /// The services of other registries.
    fn encode_imports(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (imports, uptime) = (&self.instances.imports, self.gauges.uptime);
        let families: [(&str, &str, ImportFigure); 6] = [
            ("portolan_import_up", "Whether the whole source of the import can be read", |import, _| {
                u64::from(import.is_up())
            }),
            (
                "portolan_import_age_seconds",
                "Seconds since the last reply of a source that cannot be read; 0 while it can",
                ImportState::age,
            ),
            ("portolan_import_faults", "Parts of the source that cannot be read at present", |import, _| {
                import.faults as u64
            }),
            ("portolan_import_instances", "Instances of the import in the registry", |import, _| {
                import.instances as u64
            }),
            (
                "portolan_import_held_instances",
                "Instances that the source no longer lists, but that stay because more than half disappeared at once",
                |import, _| import.held as u64,
            ),
            (
                "portolan_import_skipped_instances",
                "Instances of the source that cannot be registered here",
                |import, _| import.skipped as u64,
            ),
        ];
        for (name, help, figure) in families {
            let values: Vec<_> = imports.iter().map(|import| (import.name.as_str(), figure(import, uptime))).collect();
            labelled(encoder, MetricType::Gauge, name, help, "import", &values)?;
        }

        Ok(())
    }

    /// Writes, and what becomes of them.
    fn encode_writes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, gauges) = (&self.metrics, &self.gauges);
        gauge(encoder, "portolan_queued_writes", "Writes that wait for the store", gauges.queued_writes)?;
        let help = "Maximum number of writes that wait for the store";
        gauge(encoder, "portolan_max_queued_writes", help, gauges.max_queued_writes)?;
        for (name, help, count) in [
            ("portolan_writes", "Acknowledged writes, without heartbeats", &metrics.writes),
            ("portolan_heartbeats", "Accepted heartbeats", &metrics.heartbeats),
            ("portolan_rejected_writes", "Writes and heartbeats that the rules rejected", &metrics.rejected_writes),
            ("portolan_failed_commits", "Batches that the store failed to keep", &metrics.failed_commits),
        ] {
            counter(encoder, name, help, read(count))?;
        }

        let help = "Whether the store kept the last batch or answered the last probe";
        gauge(encoder, "portolan_store_healthy", help, u64::from(gauges.is_store_well))?;
        if let Some(open) = gauges.database_connections {
            gauge(encoder, "portolan_database_connections", "Open connections to the database", open)?;
        }
        histogram(encoder, "portolan_commit_duration_seconds", "Time of a commit of the store", &metrics.commits)
    }

    /// Connections and event streams, and what was refused.
    fn encode_connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, gauges) = (&self.metrics, &self.gauges);
        gauge(encoder, "portolan_connections", "Open connections", gauges.connections)?;
        gauge(encoder, "portolan_max_connections", "Maximum number of open connections", gauges.max_connections)?;
        gauge(encoder, "portolan_event_streams", "Open event streams", metrics.event_streams.count())?;
        let help = "Changes that were not yet sent to the slowest event stream";
        gauge(encoder, "portolan_event_stream_max_lag", help, metrics.event_streams.max_lag())?;
        for (name, help, count) in [
            ("portolan_event_resets", "Event streams that started with the whole set", &metrics.event_resets),
            (
                "portolan_refused_requests",
                "Requests without a valid key, token or permission, outside the scope, or by a page of another site",
                &metrics.refused_requests,
            ),
            ("portolan_limited_requests", "Requests above the limit of a key or an address", &metrics.limited_requests),
            ("portolan_picks", "Replies of discover that named an instance", &metrics.picks),
            ("portolan_accept_errors", "Failed accepts", &metrics.accept_errors),
            (
                "portolan_evicted_connections",
                "Connections closed on a full server because others needed their room",
                &metrics.evicted,
            ),
        ] {
            counter(encoder, name, help, read(count))?;
        }

        let help = "Lists of the whole registry that were written, each for all clients that fetch it";
        counter(encoder, "portolan_written_lists", help, gauges.written_lists)?;
        let refused: Vec<_> = ["all", "address"].into_iter().zip(values(&metrics.refused)).collect();
        let help = "Connections refused because of a limit";
        labelled(encoder, MetricType::Counter, "portolan_refused_connections", help, "limit", &refused)?;
        let limits = ["first_byte", "head", "idle", "write"];
        let overdue: Vec<_> = limits.into_iter().zip(values(&metrics.overdue)).collect();
        let help = "Connections closed because of a time limit";
        labelled(encoder, MetricType::Counter, "portolan_overdue_connections", help, "limit", &overdue)?;
        let failed: Vec<_> = HandshakeFailure::NAMES.into_iter().zip(values(&metrics.failed_handshakes)).collect();
        let help = "TLS handshakes that failed; closed means that the client left";
        labelled(encoder, MetricType::Counter, "portolan_failed_handshakes", help, "reason", &failed)
    }

    fn encode_checks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let checks = &self.metrics.checks;
        for (name, help, value) in [
            ("portolan_checks_scheduled", "Checks that the server runs at an interval", &checks.scheduled),
            ("portolan_checks_in_flight", "Checks that run", &checks.in_flight),
            ("portolan_checks_waiting", "Checks that are due and wait for room", &checks.waiting),
        ] {
            gauge(encoder, name, help, read(value))?;
        }
        let late = Duration::from_millis(read(&checks.late_ms)).as_secs_f64();
        gauge(encoder, "portolan_check_late_seconds", "How long the next due check has been waiting", late)?;

        let help = "Finished checks by kind and result; unknown could not run";
        let mut finished = encoder.encode_descriptor("portolan_checks", help, None, MetricType::Counter)?;
        for (kind, result, count) in checks.finished() {
            count_of(&mut finished, &vec![("kind", kind), ("result", result)], count)?;
        }
        for (name, help, count) in [
            ("portolan_refused_checks", "Checks whose address the server does not contact", &checks.refused),
            ("portolan_excused_checks", "Failed checks that do not count because the server stalled", &checks.excused),
            ("portolan_demanded_checks", "Checks that a client requested", &checks.demanded),
            ("portolan_check_stalls", "How often the health monitor did not run for a second or more", &checks.stalls),
        ] {
            counter(encoder, name, help, read(count))?;
        }
        histogram(encoder, "portolan_check_duration_seconds", "Time of a check", &checks.times)
    }

    fn encode_dns(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (dns, counter_type) = (&self.metrics.dns, MetricType::Counter);
        labelled(encoder, counter_type, "portolan_dns_queries", "DNS queries", "transport", &dns.queries())?;
        labelled(encoder, counter_type, "portolan_dns_replies", "DNS replies", "code", &dns.replies())?;
        dns.others().into_iter().try_for_each(|(name, help, count)| counter(encoder, name, help, read(count)))
    }

    /// The server itself.
    fn encode_server(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Whether the server can take reads and writes";
        gauge(encoder, "portolan_ready", help, u64::from(self.gauges.is_ready))?;
        if let Some(expires) = self.instances.certificate_expires {
            let help = "When the certificate of the server expires, in seconds since 1970";
            gauge(encoder, "portolan_certificate_expiry_timestamp_seconds", help, expires)?;
        }
        gauge(encoder, "portolan_uptime_seconds", "Seconds since the start", self.gauges.uptime.as_secs())?;
        let help = "The version of the server, as a label";
        let version = [(env!("CARGO_PKG_VERSION"), 1)];
        labelled(encoder, MetricType::Gauge, "portolan_build_info", help, "version", &version)
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
