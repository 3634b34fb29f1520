//! Identifies services on their way to the output.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use tokio::runtime::Runtime;

use super::notes::{IdentifyNotes, local_error};
use super::reach::{Reach, Reacher};
use crate::engine::{Cancel, Shutdown};
use crate::error::{Error, Result};
use crate::model::{Completeness, PartialError, Service};
use crate::net::{descriptors_for_sockets, runtime};
use crate::probe::{IdentifyPool, IdentifyResult, PortBudget, PortTarget, Probes, SkipReason};
use crate::source::{ItemSink, ListContext, ListItem, Progress};

/// How often results are passed on and cancellation is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// More threads only wait for each other.
const MAX_THREADS: usize = 4;

/// Identifies the services that pass through.
pub(super) struct Identifier<'s> {
    out: &'s mut dyn ItemSink,
    cancel: Cancel,
    streaming: bool,
    probes: Probes,
    budget: PortBudget,
    /// When identification has to end.
    until: Option<Instant>,
    /// Created for the first service that can be probed, with the channel of its results.
    pool: Option<(IdentifyPool, Receiver<IdentifyResult>, Runtime)>,
    failed: Option<Error>,
    /// Services that are not passed on yet, in the order in which they arrived.
    rows: BTreeMap<u64, PendingRow>,
    next: u64,
    notes: IdentifyNotes,
    reacher: Reacher,
}

struct PendingRow {
    service: Service,
    /// How many of its endpoints have no result yet.
    pending: usize,
}

impl<'s> Identifier<'s> {
    pub(super) fn new(
        context: &ListContext,
        out: &'s mut dyn ItemSink,
        probes: Probes,
        budget: PortBudget,
        until: Option<Instant>,
    ) -> Self {
        let (cancel, streaming) = (context.cancel.clone(), context.streaming);
        let (pool, failed, rows, notes) = (None, None, BTreeMap::new(), IdentifyNotes::default());
        let reacher = Reacher::default();
        Self { out, cancel, streaming, probes, budget, until, pool, failed, rows, next: 0, notes, reacher }
    }

    /// The pool, created on first use: a listing without anything to probe starts no runtime.
    fn pool(&mut self) -> Result<&IdentifyPool> {
        if self.pool.is_none() {
            let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
            let runtime = runtime(threads)?;
            let (sender, results) = unbounded();
            let pool = {
                let _guard = runtime.enter();
                // Sending fails only after identification was abandoned.
                IdentifyPool::new(
                    &Shutdown::new(),
                    self.probes,
                    self.budget,
                    descriptors_for_sockets(),
                    move |result| drop(sender.send(result)),
                )
            };
            self.pool = Some((pool, results, runtime));
        }

        match &self.pool {
            Some((pool, ..)) => Ok(pool),
            None => Err(Error::io("start a runtime", std::io::Error::other("there is none"), "")),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_set()
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Passes an endpoint to the pool; collects results while that is full.
    fn probe(&mut self, key: (u64, usize), target: &PortTarget) -> Result<()> {
        self.notes.started += 1;
        while !self.is_cancelled() && !self.is_over() && !self.pool()?.try_ask(key, target) {
            self.collect(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Collects the results that are ready or arrive within `timeout`.
    fn collect(&mut self, mut timeout: Duration) {
        while let Some(result) = self.pool.as_ref().and_then(|(_, results, _)| results.recv_timeout(timeout).ok()) {
            timeout = Duration::ZERO;
            self.notes.finished += 1;
            let (number, _) = result.key;
            self.record(result);
            if self.rows.get(&number).is_some_and(|row| row.pending == 0) && self.streaming {
                self.pass_on(number);
            }
        }
    }

    fn record(&mut self, IdentifyResult { key: (number, at), identity }: IdentifyResult) {
        let Some(row) = self.rows.get_mut(&number) else { return };
        row.pending = row.pending.saturating_sub(1);
        let Some(endpoint) = row.service.endpoints.get_mut(at) else { return };

        match identity {
            Ok(Some(identity)) => {
                self.notes.count(endpoint, row.service.detail.netns(), &identity);
                endpoint.identity = Some(Box::new(identity));
            }
            Ok(None) => {}
            Err(SkipReason::Spared) => {
                self.notes.spared.extend(endpoint.port);
            }
            Err(SkipReason::Gone) => self.notes.gone += 1,
            Err(SkipReason::Local(error)) => self.out.partial_error(local_error(endpoint, &error)),
        }
    }

    /// Passes a service to the output. Cancels if the output wants no more.
    fn pass_on(&mut self, number: u64) {
        if let Some(row) = self.rows.remove(&number)
            && self.out.service(row.service).is_break()
        {
            self.cancel.cancel();
        }
    }

    /// Starts to identify a service.
    fn identify(&mut self, service: Service) -> ControlFlow<()> {
        let number = self.next;
        self.next += 1;
        let mut targets = Vec::new();
        for (at, endpoint) in service.endpoints.iter().enumerate() {
            match self.reacher.reach(&service, endpoint) {
                Reach::To(target) => targets.push((at, target)),
                Reach::Not(Some(why)) => *self.notes.out_of_reach.entry(why).or_default() += 1,
                Reach::Not(None) => {}
            }
        }

        self.rows.insert(number, PendingRow { service, pending: targets.len() });
        if targets.is_empty() && self.streaming {
            self.pass_on(number);
        }

        for (at, target) in targets {
            if let Err(error) = self.probe((number, at), &target) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        self.collect(Duration::ZERO);
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// How many probes will never have a result.
    fn lost(&self) -> u64 {
        self.pool.as_ref().map_or(0, |(pool, ..)| pool.lost())
    }

    /// Why some endpoints have no result.
    fn unanswered(&self) -> Option<PartialError> {
        let IdentifyNotes { started, finished, .. } = self.notes;
        let (why, hint) = match () {
            () if finished == started => return None,
            () if self.is_cancelled() => ("it was stopped", "let it run to its end"),
            () if self.is_over() => ("the --deadline has passed", "allow more time, or select fewer services"),
            () => ("a probe panicked", "this is a bug in portolan; please report it"),
        };
        let ports = if started == 1 { "port" } else { "ports" };
        let what = format!("identify {} of {started} {ports}", started - finished);
        Some(PartialError { operation: what, cause: why.into(), hint: hint.into() })
    }

    /// Waits for the remaining results and passes on the remaining services. When cancelled, it passes them on as they are.
    ///
    /// # Errors
    /// If no probe could be started at all.
    pub(super) fn finish(mut self) -> Result<Completeness> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.collect(Duration::ZERO);
        while self.notes.finished + self.lost() < self.notes.started && !self.is_cancelled() && !self.is_over() {
            self.collect(POLL_INTERVAL);
            let found = self.notes.finished;
            self.out.progress(Progress { done: found, total: self.notes.started, found });
        }

        let unanswered = self.unanswered();
        let complete = unanswered.is_none();
        if let Some(fault) = unanswered {
            self.out.partial_error(fault);
        }
        // Ends the probes that still run.
        self.pool = None;
        for (_, row) in std::mem::take(&mut self.rows) {
            if self.out.service(row.service).is_break() {
                break;
            }
        }
        self.notes.report(&mut *self.out);
        Ok(if complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

impl ItemSink for Identifier<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match item {
            ListItem::Service(service) => self.identify(service),
            ListItem::Progress(_) => {
                self.collect(Duration::ZERO);
                self.out.accept(item)
            }
            _ => self.out.accept(item),
        }
    }
}
