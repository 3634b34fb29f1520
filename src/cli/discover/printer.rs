//! Services on their way to the outputs, and what is known of the whole answer in the end.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use crate::cli::hand_to::{self, Hosts};
use crate::cli::outputs::Outputs;
use crate::cli::progress::Bar;
use crate::cli::terminal;
use crate::error::Result;
use crate::model::{
    Addresses, Completeness, DetailLevel, NamespaceScope, PartialError, Ports, ScannedHost, Service, Transport,
};
use crate::output::{DiffContext, DiffScope, Footer};
use crate::source::{Progress, Sink};

/// Writes services down as they come. Nothing is written before the first or the end, so that a source which
/// fails at once leaves standard output empty.
pub(super) struct Printer<'w> {
    outputs: Outputs<'w>,
    closed: Arc<AtomicBool>,
    bar: Bar,
    pub(super) keeps_hosts: bool,
    pub(super) printed: PrintReport,
}

/// What was written, and what went wrong with each file.
pub(super) struct FileReport {
    pub(super) printed: PrintReport,
    pub(super) failures: Vec<Option<io::Error>>,
}

/// What was written, and what could not be seen.
#[derive(Default)]
pub(super) struct PrintReport {
    pub(super) count: usize,
    pub(super) errors: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
    pub(super) notes: Vec<String>,
    /// What became of each host's ports, where a source counts them.
    hosts_scanned: Option<Vec<ScannedHost>>,
    /// What to hand on.
    pub(super) hosts: Hosts,
    /// What differs from an earlier answer.
    pub(super) compared: Arc<DiffContext>,
}

impl<'w> Printer<'w> {
    pub(super) fn new(outputs: Outputs<'w>, closed: Arc<AtomicBool>, bar: Bar) -> Self {
        Self { outputs, closed, bar, keeps_hosts: false, printed: PrintReport::default() }
    }

    /// Whether anything takes more; otherwise the source learns of it.
    fn goes_on(&self) -> ControlFlow<()> {
        if self.outputs.are_open() {
            return ControlFlow::Continue(());
        }
        self.closed.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    }

    /// Writes the end, unless there was nothing to list from.
    pub(super) fn finish(mut self, listed: Result<Completeness>) -> (Result<FileReport>, Option<io::Error>) {
        self.bar.clear();
        if let Ok(completeness) = &listed {
            let PrintReport { errors, limits, hosts_scanned, .. } = &self.printed;
            let (finished, hosts) = (Timestamp::now(), hosts_scanned.as_deref());
            self.outputs.end(&Footer { finished, completeness: *completeness, errors, limits, hosts });
        }
        let (unheard, failures) = self.outputs.into_failures();
        (listed.map(|_| FileReport { printed: self.printed, failures }), unheard)
    }
}

impl Sink for Printer<'_> {
    fn depth(&self) -> DetailLevel {
        self.outputs.depth()
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.outputs.service(&service);
        if self.keeps_hosts {
            hand_to::add(&mut self.printed.hosts, &service);
        }
        let goes_on = self.goes_on();
        self.printed.count += usize::from(goes_on.is_continue());
        goes_on
    }

    fn fault(&mut self, fault: PartialError) {
        self.printed.errors.push(fault);
    }

    fn limit(&mut self, limit: PartialError) {
        self.printed.limits.push(limit);
    }

    fn streams(&self) -> bool {
        self.outputs.streams()
    }

    fn note(&mut self, note: String) {
        self.printed.notes.push(note);
    }

    fn asked(&mut self, within: &NamespaceScope, transport: Transport, addresses: &Addresses, ports: &Ports) {
        let (within, addresses, ports) = (within.clone(), addresses.clone(), ports.clone());
        self.printed.compared.scopes.lock().push(DiffScope { within, transport, addresses, ports });
    }

    fn scanned(&mut self, hosts: Vec<ScannedHost>) {
        self.printed.hosts_scanned = Some(hosts);
    }

    fn progress(&mut self, progress: Progress) {
        let Self { outputs, bar, .. } = self;
        bar.aside(|| outputs.flush());
        self.bar.show(progress);
        // The source learns of it by the flag.
        let _ = self.goes_on();
    }

    fn confirm(&mut self, question: &str) -> bool {
        terminal::ask(question)
    }
}
