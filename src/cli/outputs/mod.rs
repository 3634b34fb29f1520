//! Destinations of results: standard output and the files of `-o FORMAT=FILE`.

mod files;
mod spec;
mod table_args;

use std::io::{self, Write};
use std::sync::Arc;

pub(super) use self::files::Files;
pub(super) use self::spec::{OutputSpec, OutputSpecParser};
pub(super) use self::table_args::{SortOrder, TableArgs};
use crate::error::{Error, Result};
use crate::model::{Address, DetailLevel, Service, ServiceId, Transport};
use crate::output::{
    Changes, Delivery, DiffContext, Footer, Format, FormatName, OldListing, RenderOptions, TableLayout,
};

/// All destinations of results. A destination that fails is skipped from then on; the others continue.
pub(super) struct Outputs<'w> {
    targets: Vec<OutputTarget<'w>>,
    page: RenderOptions,
    layout: TableLayout,
    /// The order that was asked for, and the services until the last one has arrived.
    sorted: Option<(SortOrder, Vec<Service>)>,
    /// Standard output shows changes, which needs full detail.
    compares: bool,
    /// Services that arrive as they are found, for the formats that are read as a whole; `None` if they arrive sorted.
    kept: Option<Vec<Service>>,
}

/// A format and its destination.
struct OutputTarget<'w> {
    name: FormatName,
    /// The writer, until the format opens on it with the first service.
    out: Option<&'w mut (dyn Write + Send)>,
    format: Option<Box<dyn Format + 'w>>,
    failure: Option<io::Error>,
}

impl<'w> OutputTarget<'w> {
    fn write(
        &mut self,
        page: RenderOptions,
        layout: &TableLayout,
        write: impl FnOnce(&mut (dyn Format + 'w)) -> io::Result<()>,
    ) {
        if self.failure.is_none() {
            self.failure = self.open(page, layout).and_then(write).err();
        }
    }

    fn open(&mut self, page: RenderOptions, layout: &TableLayout) -> io::Result<&mut (dyn Format + 'w)> {
        if let Some(out) = self.out.take() {
            self.format = Some(self.name.open_laid_out(out, page, layout)?);
        }
        self.format.as_deref_mut().ok_or_else(|| io::Error::other("the output could not be opened"))
    }
}

/// The order of endpoints: address, port, transport.
type EndpointPlace = (Address, Option<u16>, Transport);

/// The order of services: network namespace, address, port, transport.
fn place(service: &Service) -> (String, Option<EndpointPlace>, ServiceId) {
    let namespace = service.detail.netns().map(|netns| netns.to_string()).unwrap_or_default();
    let endpoint = service.endpoints.first();
    let place = endpoint.map(|endpoint| (endpoint.address.clone(), endpoint.port, endpoint.transport));
    (namespace, place, service.id.clone())
}

impl<'w> Outputs<'w> {
    /// Standard output alone. Its format opens with the first service.
    fn of_stdout(name: FormatName, page: RenderOptions, layout: TableLayout, out: &'w mut (dyn Write + Send)) -> Self {
        Self {
            targets: vec![OutputTarget { name, out: Some(out), format: None, failure: None }],
            page,
            layout,
            sorted: None,
            compares: false,
            kept: None,
        }
    }

    /// Sorts the services, whatever order they arrive in.
    pub(super) fn sort_by(&mut self, order: SortOrder) {
        self.sorted = Some((order, Vec::new()));
    }

    /// Makes standard output show only changes.
    ///
    /// # Errors
    /// If its format cannot show changes.
    pub(super) fn compare(&mut self, old: OldListing, shared: Arc<DiffContext>) -> Result<()> {
        let Some(stdout) = self.targets.first_mut() else { return Ok(()) };
        let Some(out) = stdout.out.take() else { return Ok(()) };
        let changes = Changes::new(stdout.name, out, old, shared, self.page);
        let why = "--diff cannot write this format";
        let hint = "choose table, json, ndjson, html or name; files may use any format";
        stdout.format = Some(Box::new(changes.ok_or_else(|| Error::usage("--diff", why, hint))?));
        self.compares = true;
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// If the format's header cannot be written: a full disk often shows with the first bytes.
    fn add(&mut self, name: FormatName, out: &'w mut (dyn Write + Send)) -> io::Result<()> {
        // Neither the width of the terminal nor its note on hidden columns concerns a file.
        let layout = self.layout.of_file();
        let mut format = name.open_laid_out(out, self.file_page(), &layout)?;
        format.flush()?;
        self.targets.push(OutputTarget { name, out: None, format: Some(format), failure: None });
        Ok(())
    }

    /// Rendering options of a file, which is not a terminal.
    fn file_page(&self) -> RenderOptions {
        RenderOptions { width: None, color: false, links: false, ..self.page }
    }

    /// The highest detail level that any of the formats needs.
    pub(super) fn depth(&self) -> DetailLevel {
        let deepest = self.targets.iter().map(|target| target.name.depth()).max();
        let needs_detail = self.compares || self.layout.needs_detail() || self.sorted.is_some();
        deepest.filter(|_| !needs_detail).unwrap_or(DetailLevel::Full)
    }

    /// Whether services are written as they are found: if all formats are read line by line, or if one is and the order of
    /// the others, which is by address if `sorts_by_address`, can be restored at the end.
    pub(super) fn streams(&mut self, sorts_by_address: bool) -> bool {
        if self.sorted.is_some() {
            return false;
        }
        let by_line = (0..self.targets.len()).filter(|&at| self.is_by_line(at)).count();
        let mixed = by_line > 0 && by_line < self.targets.len();
        self.kept = (mixed && sorts_by_address).then(Vec::new);
        by_line == self.targets.len() || self.kept.is_some()
    }

    /// Whether a target is read line by line. A document is read as a whole and must be sorted, and so are changes.
    fn is_by_line(&self, at: usize) -> bool {
        let compares = self.compares && at == 0;
        !compares && self.targets.get(at).is_some_and(|target| target.name.read() == Delivery::ByLine)
    }

    /// Whether any destination still accepts output.
    pub(super) fn are_open(&self) -> bool {
        self.targets.iter().any(|target| target.failure.is_none())
    }

    pub(super) fn service(&mut self, service: &Service) {
        if let Some((_, services)) = &mut self.sorted {
            services.push(service.clone());
            return;
        }
        let Some(kept) = &mut self.kept else { return self.each(|format| format.service(service)) };
        kept.push(service.clone());
        self.write_to(true, service);
    }

    /// Lets the comparison with an earlier listing know of a port that is not listed.
    pub(super) fn unanswered(&mut self, service: &Service) {
        if let Some(stdout) = self.targets.first_mut().filter(|_| self.compares) {
            stdout.write(self.page, &self.layout, |format| format.unanswered(service));
        }
    }

    /// Writes a service to the targets that are read line by line, or to the others.
    fn write_to(&mut self, by_line: bool, service: &Service) {
        let page = self.page;
        for at in 0..self.targets.len() {
            if self.is_by_line(at) == by_line
                && let Some(target) = self.targets.get_mut(at)
            {
                target.write(page, &self.layout, |format| format.service(service));
            }
        }
    }

    pub(super) fn end(&mut self, end: &Footer<'_>) {
        if let Some((order, services)) = self.sorted.take() {
            for service in &order.sorted(&self.page, services) {
                self.each(|format| format.service(service));
            }
        }
        let mut kept = self.kept.take().unwrap_or_default();
        kept.sort_by_cached_key(place);
        for service in &kept {
            self.write_to(false, service);
        }
        self.each(|format| format.end(end));
    }

    /// Flushes standard output, and the files that are read line by line: they can be followed while they grow. Other files
    /// become visible only at their end.
    pub(super) fn flush(&mut self) {
        let page = self.page;
        for at in 0..self.targets.len() {
            let is_shown = at == 0 || self.is_by_line(at);
            if let Some(target) = self.targets.get_mut(at).filter(|target| is_shown && target.format.is_some()) {
                target.write(page, &self.layout, Format::flush);
            }
        }
    }

    /// The errors of standard output and of each file.
    pub(super) fn into_failures(self) -> (Option<io::Error>, Vec<Option<io::Error>>) {
        let mut failures = self.targets.into_iter().map(|target| target.failure);
        (failures.next().flatten(), failures.collect())
    }

    fn each(&mut self, write: impl Fn(&mut (dyn Format + 'w)) -> io::Result<()>) {
        self.targets.iter_mut().for_each(|target| target.write(self.page, &self.layout, &write));
    }
}
