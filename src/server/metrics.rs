//! What `/metrics` shows: counters that a request only increments.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::activity::Overdue;
use super::checks::CheckFigures;
use super::dns::DnsCounters;
use super::gate::Full;
use super::histogram::Times;
use crate::model::HealthState;

/// The methods that are counted apart; others share the last place.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "other"];
/// The statuses that are counted apart; others share the last place.
const STATUSES: [u16; 14] = [200, 201, 204, 400, 403, 404, 405, 408, 409, 413, 415, 500, 503, 507];
/// The requests of one route.
#[derive(Debug)]
pub(super) struct RouteStats {
    path: &'static str,
    counts: [[AtomicU64; STATUSES.len() + 1]; METHODS.len()],
    times: Times,
}

impl RouteStats {
    fn new(path: &'static str) -> Self {
        Self { path, counts: Default::default(), times: Times::default() }
    }

    pub(super) fn add(&self, method: &Method, status: StatusCode, time: Duration) {
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len());
        self.counts[method][status].fetch_add(1, Ordering::Relaxed);
        self.times.add(time);
    }
}

/// All metrics of a server.
#[derive(Debug)]
pub(super) struct Metrics {
    routes: Vec<Arc<RouteStats>>,
    refused: [AtomicU64; 2],
    overdue: [AtomicU64; 4],
    accept_errors: AtomicU64,
    pub(super) commits: Times,
    pub(super) writes: AtomicU64,
    pub(super) rejected_writes: AtomicU64,
    pub(super) failed_commits: AtomicU64,
    /// Without a valid key or token, or without the permission.
    pub(super) refused_requests: AtomicU64,
    /// Above the limit of a key or an address.
    pub(super) limited_requests: AtomicU64,
    pub(super) heartbeats: AtomicU64,
    pub(super) picks: AtomicU64,
    pub(super) event_streams: AtomicI64,
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
    pub(super) connections: u64,
    pub(super) uptime: Duration,
}

impl Metrics {
    pub(super) fn new(paths: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            routes: paths.iter().map(|path| Arc::new(RouteStats::new(path))).collect(),
            refused: Default::default(),
            overdue: Default::default(),
            accept_errors: AtomicU64::new(0),
            commits: Times::default(),
            writes: AtomicU64::new(0),
            rejected_writes: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
            refused_requests: AtomicU64::new(0),
            limited_requests: AtomicU64::new(0),
            heartbeats: AtomicU64::new(0),
            picks: AtomicU64::new(0),
            event_streams: AtomicI64::new(0),
            event_resets: AtomicU64::new(0),
            checks: CheckFigures::default(),
            dns: DnsCounters::default(),
        })
    }

    /// The counters of the route with this path; `None` if it is not in the list that the metrics were made of.
    pub(super) fn route(&self, path: &str) -> Option<Arc<RouteStats>> {
        self.routes.iter().find(|route| route.path == path).cloned()
    }

    pub(super) fn connection_refused(&self, full: Full) {
        self.refused[full as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connection_overdue(&self, overdue: Overdue) {
        self.overdue[overdue as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn accept_failed(&self) {
        self.accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// The text of the metrics.
    pub(super) fn text(self: &Arc<Self>, gauges: Gauges) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Reading { metrics: Arc::clone(self), gauges }));
        let mut text = String::new();
        // Writing to a String never fails.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// The metrics at one moment.
#[derive(Debug)]
struct Reading {
    metrics: Arc<Metrics>,
    gauges: Gauges,
}

/// No metric has exemplars.
type NoExemplar<'e> = Option<&'e Exemplar<Labels<'e>, u64>>;
type Labels<'l> = Vec<(&'l str, &'l str)>;

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, gauges) = (&self.metrics, &self.gauges);
        let states = ["healthy", "degraded", "unhealthy", "unknown"];

        gauge(&mut encoder, "portolan_index", "Index of the last change", gauges.index)?;
        gauge(&mut encoder, "portolan_services", "Registered services", gauges.services)?;
        let by_state: Vec<_> = states.into_iter().zip(gauges.instances).collect();
        labelled(&mut encoder, MetricType::Gauge, "portolan_instances", "Registered instances", "state", &by_state)?;
        gauge(
            &mut encoder,
            "portolan_guarded_services",
            "Services under the mass failure guard",
            gauges.guarded_services,
        )?;
        gauge(&mut encoder, "portolan_queued_writes", "Writes that wait for the store", gauges.queued_writes)?;
        gauge(&mut encoder, "portolan_connections", "Open connections", gauges.connections)?;
        gauge(&mut encoder, "portolan_uptime_seconds", "Seconds since the start", gauges.uptime.as_secs())?;
        let streams = u64::try_from(metrics.event_streams.load(Ordering::Relaxed)).unwrap_or(0);
        gauge(&mut encoder, "portolan_event_streams", "Open event streams", streams)?;

        for (name, help, count) in [
            ("portolan_writes", "Writes that were acknowledged", &metrics.writes),
            ("portolan_rejected_writes", "Writes that the rules rejected", &metrics.rejected_writes),
            (
                "portolan_refused_requests",
                "Requests without a valid key, token or permission",
                &metrics.refused_requests,
            ),
            ("portolan_limited_requests", "Requests above the limit of a key or an address", &metrics.limited_requests),
            ("portolan_failed_commits", "Batches that the store could not keep", &metrics.failed_commits),
            ("portolan_heartbeats", "Heartbeats that were taken", &metrics.heartbeats),
            ("portolan_picks", "Answers of discover that named an instance", &metrics.picks),
            ("portolan_event_resets", "Event streams that began with the whole set", &metrics.event_resets),
            ("portolan_accept_errors", "Failed accepts", &metrics.accept_errors),
        ] {
            counter(&mut encoder, name, help, count)?;
        }

        let refused: Vec<_> = ["all", "address"].into_iter().zip(values(&metrics.refused)).collect();
        let help = "Connections refused because of a limit";
        labelled(&mut encoder, MetricType::Counter, "portolan_refused_connections", help, "limit", &refused)?;
        let overdue: Vec<_> =
            ["first_byte", "head", "idle", "write"].into_iter().zip(values(&metrics.overdue)).collect();
        let help = "Connections closed because of a time limit";
        labelled(&mut encoder, MetricType::Counter, "portolan_overdue_connections", help, "limit", &overdue)?;

        let help = "Time of a commit of the store";
        let mut commits =
            encoder.encode_descriptor("portolan_commit_duration_seconds", help, None, MetricType::Histogram)?;
        let (sum, buckets) = metrics.commits.read();
        commits.encode_histogram::<Labels<'_>>(sum, buckets.iter().map(|(_, count)| count).sum(), &buckets, None)?;

        self.encode_checks(&mut encoder)?;
        self.encode_dns(&mut encoder)?;
        self.encode_requests(&mut encoder)
    }
}

impl Reading {
    fn encode_checks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let checks = &self.metrics.checks;
        for (name, help, value) in [
            ("portolan_checks_scheduled", "Checks that the server runs at an interval", &checks.scheduled),
            ("portolan_checks_in_flight", "Checks that run", &checks.in_flight),
            ("portolan_checks_waiting", "Checks that are due and wait for room", &checks.waiting),
        ] {
            gauge(encoder, name, help, value.load(Ordering::Relaxed))?;
        }

        let states = HealthState::ALL.map(HealthState::as_str);
        let results: Vec<_> = states.into_iter().zip(values(&checks.results)).collect();
        let help = "Finished checks by result; unknown could not run";
        labelled(encoder, MetricType::Counter, "portolan_checks", help, "result", &results)?;
        for (name, help, count) in [
            ("portolan_refused_checks", "Checks whose address the server does not contact", &checks.refused),
            ("portolan_excused_checks", "Failed checks that do not count, because the server stalled", &checks.excused),
            ("portolan_demanded_checks", "Checks that a client asked for", &checks.demanded),
            (
                "portolan_check_stalls",
                "Times at which the health monitor did not run for a second or more",
                &checks.stalls,
            ),
        ] {
            counter(encoder, name, help, count)?;
        }

        let name = "portolan_check_duration_seconds";
        let mut times = encoder.encode_descriptor(name, "Time of a check", None, MetricType::Histogram)?;
        let (sum, buckets) = checks.times.read();
        times.encode_histogram::<Labels<'_>>(sum, buckets.iter().map(|(_, count)| count).sum(), &buckets, None)
    }

    fn encode_dns(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (dns, counter_type) = (&self.metrics.dns, MetricType::Counter);
        labelled(encoder, counter_type, "portolan_dns_queries", "DNS queries", "transport", &dns.queries())?;
        labelled(encoder, counter_type, "portolan_dns_replies", "DNS replies", "code", &dns.replies())?;
        dns.others().into_iter().try_for_each(|(name, help, count)| counter(encoder, name, help, count))
    }

    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by route, method and status";
        let mut requests = encoder.encode_descriptor("portolan_http_requests", help, None, MetricType::Counter)?;
        for route in &self.metrics.routes {
            for (method, counts) in METHODS.iter().zip(&route.counts) {
                for (at, count) in counts.iter().enumerate() {
                    let count = count.load(Ordering::Relaxed);
                    if count == 0 {
                        continue;
                    }
                    let status = STATUSES.get(at).map_or_else(|| "other".to_owned(), u16::to_string);
                    let labels = vec![("route", route.path), ("method", *method), ("status", status.as_str())];
                    requests.encode_family(&labels)?.encode_counter(&count, NoExemplar::None)?;
                }
            }
        }

        let help = "Time from the head of a request to the head of its answer";
        let name = "portolan_http_request_duration_seconds";
        let mut times = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for route in &self.metrics.routes {
            let (sum, buckets) = route.times.read();
            let count = buckets.iter().map(|(_, count)| count).sum();
            if count > 0 {
                let labels = vec![("route", route.path)];
                times.encode_family(&labels)?.encode_histogram::<Labels<'_>>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

fn values<const N: usize>(counts: &[AtomicU64; N]) -> [u64; N] {
    counts.each_ref().map(|count| count.load(Ordering::Relaxed))
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, count: &AtomicU64) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    metric.encode_counter(&count.load(Ordering::Relaxed), NoExemplar::None)
}

fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let is_counter = matches!(kind, MetricType::Counter);
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (value, count) in values {
        let labels = vec![(label, *value)];
        let mut of_value = metric.encode_family(&labels)?;
        if is_counter {
            of_value.encode_counter(count, NoExemplar::None)?;
        } else {
            of_value.encode_gauge(count)?;
        }
    }
    Ok(())
}

/// Asserts at compile time that label sets are what the encoder takes.
const _: fn() = || {
    fn is_label_set<L: EncodeLabelSet>() {}
    is_label_set::<Labels<'static>>();
};
