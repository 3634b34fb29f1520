//! A source whose services are checked before they are handed on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::evidence_files::EvidenceFiles;
use super::run_summary::RunSummary;
use super::{
    CheckedEndpoint, EndpointMonitor, EndpointValidator, Evidence, Subject, ThresholdRules, Thresholds,
    ValidatorOptions, columns, judge, weigh,
};
use crate::check::{Resolvers, Roots};
use crate::engine::{Cancel, Retry, Shutdown};
use crate::error::Result;
use crate::model::{CheckSpec, Column, Completeness, DeclaredDetail, Service, UpdateSink};
use crate::net::{HttpProxy, Route, runtime};
use crate::source::{
    AfterCheck, ChannelSink, CheckProxy, ItemSink, ListContext, ListFuture, ListItem, Progress, RECONNECT, Source,
    WatchFuture, keep_watching,
};

/// A source, and how what it finds is checked.
pub(crate) struct Validation<'s> {
    pub(crate) source: &'s dyn Source,
    pub(crate) options: ValidatorOptions,
    /// What to ask every service, beside what it declares itself.
    pub(crate) ask: CheckSpec,
    /// Findings that do not count.
    pub(crate) ignored: Vec<String>,
    pub(crate) evidence: Option<EvidenceFiles>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolvers: Arc<Resolvers>,
    /// When a watch believes what it sees.
    pub(crate) thresholds: Thresholds,
    /// Sends HTTP checks in this host's place, where the user wants that.
    pub(crate) via: Option<Arc<dyn HttpProxy>>,
    /// What came of it.
    pub(crate) summary: Mutex<RunSummary>,
    /// What sources say of what came of it, and of how many services.
    pub(crate) said: Mutex<BTreeMap<&'static str, usize>>,
}

/// Default interval of checks in a watch: the same as a kubelet's.
const INTERVAL: Duration = Duration::from_secs(10);
/// Progress is reported at most this often.
const TICK: Duration = Duration::from_millis(100);

impl Source for Validation<'_> {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        columns::beside(self.source.columns())
    }

    fn deadline(&self) -> Option<Duration> {
        self.source.deadline()
    }

    fn proxy(&self) -> Option<CheckProxy> {
        self.source.proxy()
    }

    fn after_check(&self) -> Option<AfterCheck> {
        self.source.after_check()
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let begun = Instant::now();
            let mut gathered = BufferedSink { out, services: Vec::new() };
            let completeness = self.source.list(context, &mut gathered).await?;
            let BufferedSink { out, services } = gathered;
            let left = self.deadline().map(|deadline| deadline.saturating_sub(begun.elapsed()));
            let checked = self.check(services, left, (context, out))?;
            Ok(if checked == Completeness::Complete { completeness } else { checked })
        })
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    /// Watches what the source has, and looks at it again and again, also while the source cannot be asked.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let (mut relay, heard) = ChannelSink::new(feed.detail_level());
            let (thresholds, ignored) = (self.thresholds, self.ignored.clone());
            let after_check = self.source.after_check();
            let rules = ThresholdRules { thresholds, ignored, via: self.via.clone(), after_check };
            let every = interval.unwrap_or_else(|| self.interval());
            let options = ValidatorOptions { again: Some(every), ..self.options.clone() };
            let monitor = EndpointMonitor::new(self.validator(options), Arc::new(self.ask.clone()), rules, every);
            let looking = async {
                if let Some(via) = &self.via {
                    via.connect().await;
                }
                monitor.run(heard, feed).await;
            };
            tokio::select! {
                error = keep_watching(self.source, interval, RECONNECT, Retry::random_seed(), &mut relay) => Err(error),
                () = looking => Ok(()),
            }
        })
    }
}

impl Validation<'_> {
    fn validator(&self, options: ValidatorOptions) -> EndpointValidator {
        EndpointValidator::new(options, Arc::clone(&self.roots), Arc::clone(&self.resolvers))
    }

    /// Checks services and hands them on, all within the time that the source has `left`.
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
        let mut board = PendingServices::new(services, &self.ask);
        let subjects = board.subjects(self.via.as_ref());
        runtime.block_on(async {
            let shutdown = Shutdown::new();
            let validator = Arc::new(self.validator(options));
            shutdown.spawn(end_with(context.cancel.clone(), shutdown.clone()));
            let (streams, total) = (context.streaming, subjects.len() as u64);
            if let Some(via) = self.via.as_ref().filter(|_| total > 0) {
                let over = async {
                    match deadline {
                        Some(deadline) => tokio::time::sleep(deadline).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = via.connect() => {}
                    () = shutdown.stopping() => {}
                    () = over => {}
                }
            }
            let mut said = Instant::now();
            let running = validator.run(subjects, &shutdown, |judged| {
                if let Some(at) = board.take(judged)
                    && streams
                {
                    self.hand_over(&mut board, at, out);
                }
                if said.elapsed() >= TICK {
                    said = Instant::now();
                    out.progress(Progress { done: board.done, total, found: board.whole });
                }
            });
            // The runtime ends with this, and what watches it too.
            running.await;
            shutdown.abort();
        });
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        Ok(self.finish(board, out))
    }

    /// Hands over what is left, in order, and says what came of it all.
    fn finish(&self, mut board: PendingServices, out: &mut dyn ItemSink) -> Completeness {
        for at in 0..board.entries.len() {
            self.hand_over(&mut board, at, out);
        }
        if let Some(files) = &self.evidence {
            files.faults().into_iter().for_each(|fault| out.partial_error(fault));
        }
        let summary = self.summary.lock();
        summary.notes().into_iter().for_each(|note| out.note(note));
        for (text, count) in &*self.said.lock() {
            out.note(format!("{count} of them {text}"));
        }
        let incomplete = summary.faults();
        let completeness = if incomplete.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
        for fault in incomplete {
            out.partial_error(fault);
        }
        completeness
    }

    /// Judges a service by its evidence and hands it over, if that was not done before.
    fn hand_over(&self, board: &mut PendingServices, at: usize, out: &mut dyn ItemSink) {
        let Some(PendingEntry { mut service, evidence, ask, .. }) = board.entries[at].take() else { return };
        judge(&mut service, evidence.iter().map(Option::as_ref), &self.ignored);
        if let Some(text) = self.source.after_check().and_then(|after_check| after_check(&mut service)) {
            weigh(&mut service);
            *self.said.lock().entry(text).or_default() += 1;
        }
        let mut summary = self.summary.lock();
        summary.count(&service);
        summary.count_saved(evidence.iter().flatten().flat_map(Evidence::saved_by));
        evidence.iter().flatten().for_each(|evidence| summary.count_blocked(evidence, &ask));
        drop(summary);
        if let Some(files) = &self.evidence {
            files.write(&service, &evidence, &self.ignored);
        }
        // The source has ended; there is nothing more to stop.
        let _ = out.service(service);
    }
}

/// Ends the run when nothing more is wanted.
async fn end_with(cancel: Cancel, shutdown: Shutdown) {
    cancel.cancelled().await;
    shutdown.stop();
}

/// Services on their way.
struct PendingServices {
    entries: Vec<Option<PendingEntry>>,
    /// The service and the endpoint of each subject.
    places: Vec<(usize, usize)>,
    done: u64,
    whole: u64,
}

struct PendingEntry {
    service: Service,
    ask: Arc<CheckSpec>,
    evidence: Vec<Option<Evidence>>,
    missing: usize,
}

impl PendingServices {
    fn new(services: Vec<Service>, ask: &CheckSpec) -> Self {
        let common = Arc::new(ask.clone());
        let entry = |service: Service| {
            let declared = service.detail.downcast_ref::<DeclaredDetail>();
            let ask = declared.map_or_else(|| Arc::clone(&common), |declared| Arc::new(common.over(&declared.ask)));
            let missing = service.endpoints.len();
            Some(PendingEntry { evidence: vec![None; missing], service, ask, missing })
        };
        Self { entries: services.into_iter().map(entry).collect(), places: Vec::new(), done: 0, whole: 0 }
    }

    fn subjects(&mut self, via: Option<&Arc<dyn HttpProxy>>) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            for (which, endpoint) in entry.service.endpoints.iter().enumerate() {
                subjects.push(Subject {
                    index: self.places.len(),
                    endpoint: endpoint.clone(),
                    ask: Arc::clone(&entry.ask),
                    way: Route::of(via, &entry.service, endpoint),
                    before: None,
                });
                self.places.push((at, which));
            }
        }
        subjects
    }

    /// Takes in what was seen of an endpoint; says which service is now whole, if one is.
    fn take(&mut self, judged: CheckedEndpoint) -> Option<usize> {
        self.done += 1;
        let (at, which) = *self.places.get(judged.index)?;
        let entry = self.entries[at].as_mut()?;
        entry.evidence[which] = Some(judged.evidence);
        entry.missing = entry.missing.saturating_sub(1);
        let whole = entry.missing == 0;
        self.whole += u64::from(whole);
        whole.then_some(at)
    }
}

/// Keeps services, and passes everything else on.
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
