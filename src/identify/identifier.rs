//! Identifies services on their way to the output.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use tokio::runtime::Runtime;

use super::notes::{IdentifyNotes, unasked};
use super::reach::{Reach, Reacher};
use crate::engine::{Cancel, Shutdown};
use crate::error::{Error, Result};
use crate::model::{Completeness, PartialError, Service};
use crate::net::{descriptors_for_sockets, runtime};
use crate::probe::{IdentifyPool, IdentifyResult, Intensity, PortTarget, Probes, SkipReason};
use crate::source::{ItemSink, ListContext, ListItem, Progress};

/// How often results are handed on and cancellation is checked.
const STEP: Duration = Duration::from_millis(50);
/// Threads beyond this only wait for each other.
const MAX_THREADS: usize = 4;

/// Identifies the services that pass through.
pub(super) struct Identifier<'s> {
    out: &'s mut dyn ItemSink,
    cancel: Cancel,
    streaming: bool,
    probes: Probes,
    intensity: Intensity,
    /// When it has to be over.
    until: Option<Instant>,
    /// Made for the first service that can be asked; and where its answers come out.
    crew: Option<(IdentifyPool, Receiver<IdentifyResult>, Runtime)>,
    failed: Option<Error>,
    /// Services in the order in which they came, as long as they are not handed on.
    rows: BTreeMap<u64, PendingRow>,
    next: u64,
    notes: IdentifyNotes,
    reacher: Reacher,
}

struct PendingRow {
    service: Service,
    /// How many of its endpoints have not answered yet.
    open: usize,
}

impl<'s> Identifier<'s> {
    pub(super) fn new(
        context: &ListContext,
        out: &'s mut dyn ItemSink,
        probes: Probes,
        intensity: Intensity,
        until: Option<Instant>,
    ) -> Self {
        let (cancel, streaming) = (context.cancel.clone(), context.streaming);
        let (crew, failed, rows, notes) = (None, None, BTreeMap::new(), IdentifyNotes::default());
        let reacher = Reacher::default();
        Self { out, cancel, streaming, probes, intensity, until, crew, failed, rows, next: 0, notes, reacher }
    }

    /// The crew, made when it is first needed: a listing without anything to ask starts no runtime.
    fn crew(&mut self) -> Result<&IdentifyPool> {
        if self.crew.is_none() {
            let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
            let runtime = runtime(threads)?;
            let (sender, answers) = unbounded();
            // Nobody takes answers any more: then it was given up.
            let tell = move |answer| drop(sender.send(answer));
            let crew = {
                let _guard = runtime.enter();
                IdentifyPool::new(&Shutdown::new(), self.probes, self.intensity, descriptors_for_sockets(), tell)
            };
            self.crew = Some((crew, answers, runtime));
        }
        match &self.crew {
            Some((crew, ..)) => Ok(crew),
            None => Err(Error::io("start a runtime", std::io::Error::other("there is none"), "")),
        }
    }

    fn is_closed(&self) -> bool {
        self.cancel.is_set()
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Hands an endpoint to the crew; while that has no room, takes what it knows.
    fn ask(&mut self, key: (u64, usize), asked: &PortTarget) -> Result<()> {
        self.notes.asked += 1;
        while !self.is_closed() && !self.is_over() && !self.crew()?.try_ask(key, asked) {
            self.take(STEP);
        }
        Ok(())
    }

    /// Takes the answers that are there, or come within `wait`.
    fn take(&mut self, mut wait: Duration) {
        while let Some(answer) = self.crew.as_ref().and_then(|(_, answers, _)| answers.recv_timeout(wait).ok()) {
            wait = Duration::ZERO;
            self.notes.answered += 1;
            let (number, _) = answer.key;
            self.put(answer);
            if self.rows.get(&number).is_some_and(|row| row.open == 0) && self.streaming {
                self.hand_on(number);
            }
        }
    }

    fn put(&mut self, IdentifyResult { key: (number, at), identity }: IdentifyResult) {
        let Some(row) = self.rows.get_mut(&number) else { return };
        row.open = row.open.saturating_sub(1);
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
            Err(SkipReason::Local(error)) => self.out.partial_error(unasked(endpoint, &error)),
        }
    }

    /// Gives a service to the output. Nothing more is wanted: then that is seen by the flag.
    fn hand_on(&mut self, number: u64) {
        if let Some(row) = self.rows.remove(&number)
            && self.out.service(row.service).is_break()
        {
            self.cancel.cancel();
        }
    }

    /// Takes a service, and asks its endpoints.
    fn identify(&mut self, service: Service) -> ControlFlow<()> {
        let number = self.next;
        self.next += 1;
        let mut ask = Vec::new();
        for (at, endpoint) in service.endpoints.iter().enumerate() {
            match self.reacher.reach(&service, endpoint) {
                Reach::To(asked) => ask.push((at, asked)),
                Reach::Not(Some(why)) => *self.notes.out_of_reach.entry(why).or_default() += 1,
                Reach::Not(None) => {}
            }
        }

        self.rows.insert(number, PendingRow { service, open: ask.len() });
        if ask.is_empty() && self.streaming {
            self.hand_on(number);
        }

        for (at, asked) in ask {
            if let Err(error) = self.ask((number, at), &asked) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        self.take(Duration::ZERO);
        if self.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// How many will never answer.
    fn lost(&self) -> u64 {
        self.crew.as_ref().map_or(0, |(crew, ..)| crew.lost())
    }

    /// Why not all that was asked is known.
    fn unanswered(&self) -> Option<PartialError> {
        let IdentifyNotes { asked, answered, .. } = self.notes;
        let (why, hint) = match () {
            () if answered == asked => return None,
            () if self.is_closed() => ("it was stopped", "let it come to its end"),
            () if self.is_over() => ("the time given by --deadline is over", "give it more, or ask for less"),
            () => ("asking panicked", "this is a fault of portolan's: please report it"),
        };
        let ports = if asked == 1 { "port" } else { "ports" };
        let what = format!("identify {} of {asked} {ports}", asked - answered);
        Some(PartialError { operation: what, cause: why.into(), hint: hint.into() })
    }

    /// Waits for what was asked, and hands on what is left. Stopped, it hands on what is known.
    ///
    /// # Errors
    /// Where nothing could be asked at all.
    pub(super) fn finish(mut self) -> Result<Completeness> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.take(Duration::ZERO);
        while self.notes.answered + self.lost() < self.notes.asked && !self.is_closed() && !self.is_over() {
            self.take(STEP);
            let found = self.notes.answered;
            self.out.progress(Progress { done: found, total: self.notes.asked, found });
        }
        let unanswered = self.unanswered();
        let complete = unanswered.is_none();
        if let Some(fault) = unanswered {
            self.out.partial_error(fault);
        }
        // What was asked for the rest is dropped.
        self.crew = None;
        for (_, row) in std::mem::take(&mut self.rows) {
            if self.out.service(row.service).is_break() {
                break;
            }
        }
        self.notes.say(&mut *self.out);
        Ok(if complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

impl ItemSink for Identifier<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match item {
            ListItem::Service(service) => self.identify(service),
            ListItem::Progress(_) => {
                self.take(Duration::ZERO);
                self.out.accept(item)
            }
            _ => self.out.accept(item),
        }
    }
}
