//! Destinations of results: standard output and the files of `-o FORMAT=FILE`.

mod files;
mod spec;

use std::io::{self, Write};
use std::sync::Arc;

pub(super) use self::files::Files;
pub(super) use self::spec::{OutputSpec, OutputSpecParser};
use crate::error::{Error, Result};
use crate::model::{DetailLevel, Service};
use crate::output::{Changes, Delivery, DiffContext, Footer, Format, FormatName, OldListing, RenderOptions};

/// All destinations of results. A destination that fails is skipped from then on; the others continue.
pub(super) struct Outputs<'w> {
    targets: Vec<OutputTarget<'w>>,
    page: RenderOptions,
    /// Standard output shows changes, which needs full detail.
    compares: bool,
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
    fn write(&mut self, page: RenderOptions, write: impl FnOnce(&mut (dyn Format + 'w)) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = self.open(page).and_then(write).err();
        }
    }

    fn open(&mut self, page: RenderOptions) -> io::Result<&mut (dyn Format + 'w)> {
        if let Some(out) = self.out.take() {
            self.format = Some(self.name.open(out, page)?);
        }
        self.format.as_deref_mut().ok_or_else(|| io::Error::other("the output could not be opened"))
    }
}

impl<'w> Outputs<'w> {
    /// Standard output alone. Its format opens with the first service.
    fn of_stdout(name: FormatName, page: RenderOptions, out: &'w mut (dyn Write + Send)) -> Self {
        Self {
            targets: vec![OutputTarget { name, out: Some(out), format: None, failure: None }],
            page,
            compares: false,
        }
    }

    /// Makes standard output show only changes.
    ///
    /// # Errors
    /// If its format cannot show changes.
    pub(super) fn compare(&mut self, old: OldListing, shared: Arc<DiffContext>) -> Result<()> {
        let Some(stdout) = self.targets.first_mut() else { return Ok(()) };
        let Some(out) = stdout.out.take() else { return Ok(()) };
        let changes = Changes::new(stdout.name, out, old, shared, self.page.generated);
        let why = "--diff cannot write this format";
        let hint = "choose table, json, ndjson or name; files may use any format";
        stdout.format = Some(Box::new(changes.ok_or_else(|| Error::usage("--diff", why, hint))?));
        self.compares = true;
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// If the format's header cannot be written: a full disk often shows with the first bytes.
    fn add(&mut self, name: FormatName, out: &'w mut (dyn Write + Send)) -> io::Result<()> {
        let mut format = name.open(out, self.file_page())?;
        format.flush()?;
        self.targets.push(OutputTarget { name, out: None, format: Some(format), failure: None });
        Ok(())
    }

    /// Rendering options of a file, which is not a terminal.
    fn file_page(&self) -> RenderOptions {
        RenderOptions { width: None, color: false, ..self.page }
    }

    /// The highest detail level that any of the formats needs.
    pub(super) fn depth(&self) -> DetailLevel {
        let deepest = self.targets.iter().map(|target| target.name.depth()).max();
        deepest.filter(|_| !self.compares).unwrap_or(DetailLevel::Full)
    }

    /// Whether all formats are read line by line. A document is read as a whole and must be sorted.
    pub(super) fn streams(&self) -> bool {
        !self.compares && self.targets.iter().all(|target| target.name.read() == Delivery::ByLine)
    }

    /// Whether any destination still accepts output.
    pub(super) fn are_open(&self) -> bool {
        self.targets.iter().any(|target| target.failure.is_none())
    }

    pub(super) fn service(&mut self, service: &Service) {
        self.each(|format| format.service(service));
    }

    pub(super) fn end(&mut self, end: &Footer<'_>) {
        self.each(|format| format.end(end));
    }

    /// Flushes standard output. Files become visible only at their end.
    pub(super) fn flush(&mut self) {
        let page = self.page;
        if let Some(stdout) = self.targets.first_mut().filter(|stdout| stdout.format.is_some()) {
            stdout.write(page, Format::flush);
        }
    }

    /// The errors of standard output and of each file.
    pub(super) fn into_failures(self) -> (Option<io::Error>, Vec<Option<io::Error>>) {
        let mut failures = self.targets.into_iter().map(|target| target.failure);
        (failures.next().flatten(), failures.collect())
    }

    fn each(&mut self, write: impl Fn(&mut (dyn Format + 'w)) -> io::Result<()>) {
        self.targets.iter_mut().for_each(|target| target.write(self.page, &write));
    }
}
