//! A source that checks the services of another source before it passes them on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::evidence_files::EvidenceFiles;
use super::run_summary::RunSummary;
use super::{
    CheckedEndpoint, EndpointMonitor, EndpointValidator, Evidence, LatestHealth, Subject, ThresholdRules, Thresholds,
    ValidatorOptions, aggregate, columns, set_health,
};
use crate::check::{Resolvers, Roots};
use crate::engine::{Cancel, Retry, Shutdown};
use crate::error::Result;
use crate::model::{CheckSpec, Column, Completeness, DeclaredDetail, Service, UpdateSink};
use crate::net::{HttpProxy, runtime};
use crate::source::{
    ChannelSink, ItemSink, ListContext, ListFuture, ListItem, Progress, RECONNECT, Source, WatchFuture, after_check,
    keep_watching,
};

/// A source, and how to check its services.
pub(crate) struct Validation<'s> {
    pub(crate) source: &'s dyn Source,
    pub(crate) options: ValidatorOptions,
    /// The spec of every service; a service's own declarations have precedence.
    pub(crate) spec: CheckSpec,
    /// Codes of findings that do not count.
    pub(crate) ignored: Vec<String>,
    pub(crate) evidence: Option<EvidenceFiles>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolvers: Arc<Resolvers>,
    /// How many checks confirm a change in a watch.
    pub(crate) thresholds: Thresholds,
    /// Sends HTTP checks through a proxy, if the user wants that.
    pub(crate) via: Option<Arc<dyn HttpProxy>>,
    /// Where a watch keeps each result, whether or not it is confirmed.
    pub(crate) latest: Option<Arc<LatestHealth>>,
    pub(crate) summary: Mutex<RunSummary>,
    /// Notes of the source on check results, each with its number of services.
    pub(crate) source_notes: Mutex<BTreeMap<&'static str, usize>>,
}

/// Default interval of checks in a watch: the same as a kubelet's.
const INTERVAL: Duration = Duration::from_secs(10);
/// The least interval between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

impl Source for Validation<'_> {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        columns::beside(self.source.columns())
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(self.source)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let start = Instant::now();
            let mut buffer = BufferedSink { out, services: Vec::new() };
            let completeness = self.source.list(context, &mut buffer).await?;
            let BufferedSink { out, services } = buffer;

            let left = self.deadline().map(|deadline| deadline.saturating_sub(start.elapsed()));
            let checked = self.check(services, left, (context, out))?;
            Ok(if checked == Completeness::Complete { completeness } else { checked })
        })
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    /// Watches the source and checks its services at an interval, even while the source is unreachable.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let (mut sink, messages) = ChannelSink::new(feed.detail_level());
            let (thresholds, ignored) = (self.thresholds, self.ignored.clone());
            let rules = ThresholdRules { thresholds, ignored, via: self.via.clone() };

            let check_interval = interval.unwrap_or_else(|| self.interval());
            let options = ValidatorOptions { again: Some(check_interval), ..self.options.clone() };
            let spec = Arc::new(self.common_spec());
            let monitor = EndpointMonitor::new(self.endpoint_validator(options), spec, rules, check_interval);
            let monitor = monitor.with_latest(self.latest.clone());
            let checks = async {
                if let Some(via) = &self.via {
                    via.connect().await;
                }
                monitor.run(messages, feed).await;
            };

            tokio::select! {
                error = keep_watching(self.source, interval, RECONNECT, Retry::random_seed(), &mut sink) => Err(error),
                () = checks => Ok(()),
            }
        })
    }
}

impl Validation<'_> {
    /// The spec of every service, with the findings that are ignored everywhere.
    fn common_spec(&self) -> CheckSpec {
        let mut spec = self.spec.clone();
        spec.limits.ignore.extend(self.ignored.iter().cloned());
        spec
    }

    fn endpoint_validator(&self, options: ValidatorOptions) -> EndpointValidator {
        EndpointValidator::new(options, Arc::clone(&self.roots), Arc::clone(&self.resolvers))
    }

    /// Checks services and passes them on, within the time that the source has `left`.
    fn check(
        &self,
        services: Vec<Service>,
        left: Option<Duration>,
        (context, out): (&ListContext, &mut dyn ItemSink),
    ) -> Result<Completeness> {
        let deadline = left.into_iter().chain(self.options.deadline).min();
        let options = ValidatorOptions { deadline, ..self.options.clone() };
        // One thread: its scheduler lag is known exactly, and it sustains more checks than a host has ephemeral ports.
        let runtime = runtime(0)?;
        let mut pending = PendingServices::new(services, &self.common_spec());
        let subjects = pending.subjects(self.via.as_ref());

        runtime.block_on(async {
            let shutdown = Shutdown::new();
            let validator = Arc::new(self.endpoint_validator(options));
            shutdown.spawn(stop_on_cancel(context.cancel.clone(), shutdown.clone()));
            let (streams, total) = (context.streaming, subjects.len() as u64);
            if let Some(via) = self.via.as_ref().filter(|_| total > 0) {
                tokio::select! {
                    () = via.connect() => {}
                    () = shutdown.stopping() => {}
                    () = sleep_if_some(deadline) => {}
                }
            }

            let mut last_progress = Instant::now();
            let checks = validator.run(subjects, &shutdown, |checked| {
                if let Some(at) = pending.record(checked)
                    && streams
                {
                    self.emit(&mut pending, at, out);
                }
                if last_progress.elapsed() >= PROGRESS_INTERVAL {
                    last_progress = Instant::now();
                    out.progress(Progress { done: pending.done, total, found: pending.complete });
                }
            });
            checks.await;
            // Ends the task that watches for the cancellation.
            shutdown.abort();
        });

        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        Ok(self.finish(pending, out))
    }

    /// Emits the remaining services, in order, and the summary.
    fn finish(&self, mut pending: PendingServices, out: &mut dyn ItemSink) -> Completeness {
        for at in 0..pending.entries.len() {
            self.emit(&mut pending, at, out);
        }
        if let Some(files) = &self.evidence {
            files.faults().into_iter().for_each(|fault| out.partial_error(fault));
        }

        let summary = self.summary.lock();
        summary.notes().into_iter().for_each(|note| out.note(note));
        for (text, count) in &*self.source_notes.lock() {
            out.note(format!("{count} of them {text}"));
        }

        let faults = summary.faults();
        let is_complete = faults.is_empty() && !summary.has_unknown();
        for fault in faults {
            out.partial_error(fault);
        }
        if is_complete { Completeness::Complete } else { Completeness::Incomplete }
    }

    /// Scores a service by its evidence and emits it, unless that was done before.
    fn emit(&self, pending: &mut PendingServices, at: usize, out: &mut dyn ItemSink) {
        let Some(PendingEntry { mut service, evidence, spec, .. }) = pending.entries[at].take() else { return };
        let ignored = spec.limits.ignore.clone();
        set_health(&mut service, evidence.iter().map(Option::as_ref), &ignored);
        if let Some(text) = after_check(&mut service) {
            aggregate(&mut service);
            *self.source_notes.lock().entry(text).or_default() += 1;
        }

        let mut summary = self.summary.lock();
        summary.require_score(&mut service, spec.limits.min_score);
        summary.count(&service, &evidence);
        summary.count_excused(evidence.iter().flatten().flat_map(Evidence::excused_by));
        for (endpoint, evidence) in service.endpoints.iter().zip(&evidence) {
            if let Some(evidence) = evidence {
                summary.count_blocked(endpoint, evidence, &spec);
            }
            summary.count_connected_only(&service, endpoint, &spec);
            summary.count_missed(&service, endpoint, &spec);
        }
        drop(summary);

        if let Some(files) = &self.evidence {
            files.write(&service, &evidence, &ignored, spec.limits.min_score);
        }
        // The source has ended, so there is nothing to stop.
        let _ = out.service(service);
    }
}

/// Waits for this time; forever without one.
async fn sleep_if_some(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Stops the run when the listing is cancelled.
async fn stop_on_cancel(cancel: Cancel, shutdown: Shutdown) {
    cancel.cancelled().await;
    shutdown.stop();
}

/// Services whose checks are in progress.
struct PendingServices {
    entries: Vec<Option<PendingEntry>>,
    /// The service and the endpoint of each subject.
    places: Vec<(usize, usize)>,
    /// Endpoints that were checked.
    done: u64,
    /// Services whose endpoints all were checked.
    complete: u64,
}

struct PendingEntry {
    service: Service,
    spec: Arc<CheckSpec>,
    evidence: Vec<Option<Evidence>>,
    missing: usize,
}

impl PendingServices {
    fn new(services: Vec<Service>, spec: &CheckSpec) -> Self {
        let spec = Arc::new(spec.clone());
        let entries = services.into_iter().map(|service| Some(PendingEntry::new(service, &spec))).collect();
        Self { entries, places: Vec::new(), done: 0, complete: 0 }
    }

    fn subjects(&mut self, via: Option<&Arc<dyn HttpProxy>>) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            for (which, endpoint) in entry.service.endpoints.iter().enumerate() {
                let place = (&entry.service, endpoint);
                subjects.push(Subject::of_service(self.places.len(), place, &entry.spec, via));
                self.places.push((at, which));
            }
        }

        subjects
    }

    /// Records a result. If it is the last one of a service, returns the service.
    fn record(&mut self, checked: CheckedEndpoint) -> Option<usize> {
        self.done += 1;
        let (at, which) = *self.places.get(checked.index)?;
        let entry = self.entries[at].as_mut()?;
        entry.evidence[which] = Some(checked.evidence);
        entry.missing = entry.missing.saturating_sub(1);

        let is_complete = entry.missing == 0;
        self.complete += u64::from(is_complete);
        is_complete.then_some(at)
    }
}

impl PendingEntry {
    fn new(service: Service, common: &Arc<CheckSpec>) -> Self {
        let declared = service.detail.downcast_ref::<DeclaredDetail>();
        let spec = declared.map_or_else(|| Arc::clone(common), |declared| Arc::new(common.over(&declared.ask)));
        let missing = service.endpoints.len();
        Self { evidence: vec![None; missing], service, spec, missing }
    }
}

/// Buffers services and passes everything else on.
struct BufferedSink<'a> {
    out: &'a mut dyn ItemSink,
    services: Vec<Service>,
}

impl ItemSink for BufferedSink<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        let ListItem::Service(service) = item else { return self.out.accept(item) };
        self.services.push(service);
        ControlFlow::Continue(())
    }
}
