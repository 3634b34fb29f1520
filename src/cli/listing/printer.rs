//! Passes services to the outputs and collects the totals for the end of the listing.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::command_line;
use crate::cli::hand_to::{self, Hosts};
use crate::cli::outputs::Outputs;
use crate::cli::progress::Bar;
use crate::cli::terminal;
use crate::engine::Cancel;
use crate::error::Result;
use crate::model::{Completeness, DetailLevel, Finding, PartialError, ScannedHost, Service, Severity};
use crate::output::{DiffContext, Footer};
use crate::source::{ItemSink, KnownPorts, ListContext, ListItem, Progress, Source};

/// Writes services as they arrive. Nothing is written before the first service or the end, so that standard output stays
/// empty if the source fails at once.
pub(super) struct Printer<'w> {
    outputs: Outputs<'w>,
    cancel: Cancel,
    bar: Bar,
    pub(super) keeps_hosts: bool,
    /// The end of the listing, unless that is now.
    pub(super) finished: Option<Timestamp>,
    pub(super) printed: PrintReport,
}

/// What was written, and the error of each file.
pub(super) struct FileReport {
    pub(super) printed: PrintReport,
    pub(super) failures: Vec<Option<io::Error>>,
}

/// What was written, and what could not be read.
#[derive(Default)]
pub(super) struct PrintReport {
    pub(super) count: usize,
    pub(super) errors: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
    pub(super) notes: Vec<String>,
    /// Port counts of each host, if the source counts them.
    hosts_scanned: Option<Vec<ScannedHost>>,
    /// Hosts that did not reply to host discovery.
    absent_hosts: u64,
    /// Hosts for `--hand-to`.
    pub(super) hosts: Hosts,
    /// The findings of services and endpoints, by severity.
    pub(super) findings: BTreeMap<Severity, usize>,
    /// Differences from an earlier result.
    pub(super) compared: Arc<DiffContext>,
}

impl<'w> Printer<'w> {
    pub(super) fn new(outputs: Outputs<'w>, cancel: Cancel, bar: Bar) -> Self {
        Self { outputs, cancel, bar, keeps_hosts: false, finished: None, printed: PrintReport::default() }
    }

    /// What the source should list.
    pub(super) fn context(&mut self, source: &dyn Source, known_ports: Arc<KnownPorts>) -> ListContext {
        ListContext {
            detail_level: self.outputs.depth(),
            cancel: self.cancel.clone(),
            streaming: self.outputs.streams(source.sorts_by_address()),
            confirm: Some(Arc::new(terminal::ask)),
            known_ports,
        }
    }

    /// Cancels the source if no output accepts more.
    fn control_flow(&self) -> ControlFlow<()> {
        if self.outputs.are_open() {
            return ControlFlow::Continue(());
        }
        self.cancel.cancel();
        ControlFlow::Break(())
    }

    fn print(&mut self, service: &Service) -> ControlFlow<()> {
        self.outputs.service(service);
        if self.keeps_hosts {
            hand_to::add(&mut self.printed.hosts, service);
        }
        for finding in findings_of(service) {
            *self.printed.findings.entry(finding.severity()).or_default() += 1;
        }
        let flow = self.control_flow();
        self.printed.count += usize::from(flow.is_continue());
        flow
    }

    /// Shows the progress, and everything found until now.
    fn show(&mut self, progress: Progress) {
        let Self { outputs, bar, .. } = self;
        bar.aside(|| outputs.flush());
        self.bar.show(progress);
        // The source notices by the token.
        let _ = self.control_flow();
    }

    /// Writes the footer, unless the listing failed.
    pub(super) fn finish(
        mut self,
        listed: Result<Completeness>,
        source: &dyn Source,
    ) -> (Result<FileReport>, Option<io::Error>) {
        self.bar.clear();
        if let Ok(completeness) = &listed {
            let PrintReport { errors, limits, hosts_scanned, compared, .. } = &self.printed;
            let (coverage, args) = (compared.coverage.lock().clone(), command_line::shown());
            let (finished, hosts) = (self.finished.unwrap_or_else(Timestamp::now), hosts_scanned.as_deref());
            let is_full = self.outputs.depth() == DetailLevel::Full;
            let host = is_full.then(|| source.host()).flatten();
            let completeness = *completeness;
            let filters = &source.filters();
            self.outputs.end(&Footer {
                finished,
                completeness,
                errors,
                limits,
                hosts,
                absent_hosts: self.printed.absent_hosts,
                coverage: &coverage,
                args: &args,
                host: host.as_ref(),
                filters,
            });
        }

        let (stdout_error, failures) = self.outputs.into_failures();
        (listed.map(|_| FileReport { printed: self.printed, failures }), stdout_error)
    }
}

/// The findings of a service, from its source and from checks.
fn findings_of(service: &Service) -> impl Iterator<Item = &Finding> {
    let healths = service.endpoints.iter().filter_map(|endpoint| endpoint.health.as_deref());
    service.findings.iter().chain(healths.flat_map(|health| &health.findings))
}

impl ItemSink for Printer<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        let PrintReport { errors, limits, notes, hosts_scanned, .. } = &mut self.printed;
        match item {
            ListItem::Service(service) => return self.print(&service),
            ListItem::Unanswered(service) => self.outputs.unanswered(&service),
            ListItem::Progress(progress) => self.show(progress),
            ListItem::PartialError(error) => errors.push(error),
            ListItem::MissingPermission(error) => limits.push(error),
            ListItem::Note(note) => notes.push(note),
            ListItem::Coverage(coverage) => self.printed.compared.coverage.lock().push(coverage),
            ListItem::Hosts(hosts) => *hosts_scanned = Some(hosts),
            ListItem::AbsentHosts(count) => self.printed.absent_hosts += count,
        }
        ControlFlow::Continue(())
    }
}
