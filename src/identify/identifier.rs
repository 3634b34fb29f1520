//! Services on their way to the output, each asked what it is.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use tokio::runtime::Runtime;

use super::notes::{IdentifyNotes, unasked};
use super::reach::{Reach, Reacher};
use crate::engine::Shutdown;
use crate::error::{Error, Result};
use crate::model::{
    Addresses, Completeness, DetailLevel, NamespaceScope, PartialError, Ports, ScannedHost, Service, Transport,
};
use crate::net::{descriptors_for_sockets, runtime};
use crate::probe::{IdentifyPool, IdentifyResult, Intensity, PortTarget, Probes, SkipReason};
use crate::source::{Progress, Sink};

/// How often what was found is handed on, and whether somebody wants to stop is looked at.
const STEP: Duration = Duration::from_millis(50);
/// Threads beyond this only wait for each other.
const MAX_THREADS: usize = 4;

/// Asks the services that come by.
pub(super) struct Identifier<'s> {
    out: &'s mut dyn Sink,
    closed: Arc<AtomicBool>,
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
    told: IdentifyNotes,
    reacher: Reacher,
}

struct PendingRow {
    service: Service,
    /// How many of its endpoints have not answered yet.
    open: usize,
}

impl<'s> Identifier<'s> {
    pub(super) fn new(out: &'s mut dyn Sink, probes: Probes, intensity: Intensity, until: Option<Instant>) -> Self {
        let closed = out.closed();
        let (crew, failed, rows, told) = (None, None, BTreeMap::new(), IdentifyNotes::default());
        let reacher = Reacher::default();
        Self { out, closed, probes, intensity, until, crew, failed, rows, next: 0, told, reacher }
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
        self.closed.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Hands an endpoint to the crew; while that has no room, takes what it knows.
    fn ask(&mut self, key: (u64, usize), asked: &PortTarget) -> Result<()> {
        self.told.asked += 1;
        while !self.is_closed() && !self.is_over() && !self.crew()?.try_ask(key, asked) {
            self.take(STEP);
        }
        Ok(())
    }

    /// Takes the answers that are there, or come within `wait`.
    fn take(&mut self, mut wait: Duration) {
        while let Some(answer) = self.crew.as_ref().and_then(|(_, answers, _)| answers.recv_timeout(wait).ok()) {
            wait = Duration::ZERO;
            self.told.answered += 1;
            let (number, _) = answer.key;
            self.put(answer);
            if self.rows.get(&number).is_some_and(|row| row.open == 0) && self.out.streams() {
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
                self.told.count(endpoint, row.service.detail.netns(), &identity);
                endpoint.identity = Some(Box::new(identity));
            }
            Ok(None) => {}
            Err(SkipReason::Spared) => {
                self.told.spared.extend(endpoint.port);
            }
            Err(SkipReason::Gone) => self.told.gone += 1,
            Err(SkipReason::Local(error)) => self.out.fault(unasked(endpoint, &error)),
        }
    }

    /// Gives a service to the output. Nothing more is wanted: then that is seen by the flag.
    fn hand_on(&mut self, number: u64) {
        if let Some(row) = self.rows.remove(&number)
            && self.out.service(row.service).is_break()
        {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// How many will never answer.
    fn lost(&self) -> u64 {
        self.crew.as_ref().map_or(0, |(crew, ..)| crew.lost())
    }

    /// Why not all that was asked is known.
    fn unanswered(&self) -> Option<PartialError> {
        let IdentifyNotes { asked, answered, .. } = self.told;
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
        while self.told.answered + self.lost() < self.told.asked && !self.is_closed() && !self.is_over() {
            self.take(STEP);
            let found = self.told.answered;
            self.out.progress(Progress { done: found, total: self.told.asked, found });
        }
        let unanswered = self.unanswered();
        let complete = unanswered.is_none();
        if let Some(fault) = unanswered {
            self.out.fault(fault);
        }
        // What was asked for the rest is dropped.
        self.crew = None;
        for (_, row) in std::mem::take(&mut self.rows) {
            if self.out.service(row.service).is_break() {
                break;
            }
        }
        self.told.say(&mut *self.out);
        Ok(if complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

impl Sink for Identifier<'_> {
    fn depth(&self) -> DetailLevel {
        self.out.depth()
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        let number = self.next;
        self.next += 1;
        let mut ask = Vec::new();
        for (at, endpoint) in service.endpoints.iter().enumerate() {
            match self.reacher.reach(&service, endpoint) {
                Reach::To(asked) => ask.push((at, asked)),
                Reach::Not(Some(why)) => *self.told.out_of_reach.entry(why).or_default() += 1,
                Reach::Not(None) => {}
            }
        }
        self.rows.insert(number, PendingRow { service, open: ask.len() });
        if ask.is_empty() && self.out.streams() {
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

    fn fault(&mut self, fault: PartialError) {
        self.out.fault(fault);
    }

    fn limit(&mut self, limit: PartialError) {
        self.out.limit(limit);
    }

    fn streams(&self) -> bool {
        self.out.streams()
    }

    fn scanned(&mut self, hosts: Vec<ScannedHost>) {
        self.out.scanned(hosts);
    }

    fn asked(&mut self, within: &NamespaceScope, transport: Transport, addresses: &Addresses, ports: &Ports) {
        self.out.asked(within, transport, addresses, ports);
    }

    fn note(&mut self, note: String) {
        self.out.note(note);
    }

    fn progress(&mut self, progress: Progress) {
        self.take(Duration::ZERO);
        self.out.progress(progress);
    }

    fn confirm(&mut self, question: &str) -> bool {
        self.out.confirm(question)
    }
}
