//! Where results go: standard output, and a file for each `-o FORMAT=FILE`.

mod asked;
mod files;

use std::io::{self, Write};
use std::sync::Arc;

pub(super) use self::asked::{AskedParser, DiffScope};
pub(super) use self::files::Files;
use super::baseline::Baseline;
use crate::error::{Error, Result};
use crate::model::{DetailLevel, Service};
use crate::output::{Changes, Delivery, DiffContext, Footer, Format, FormatName, RenderOptions};

/// All that results are written to. A place that takes no more is left alone, and the others go on.
pub(super) struct Outputs<'w> {
    sheets: Vec<OutputTarget<'w>>,
    page: RenderOptions,
    /// Standard output tells what changed, which is read of everything.
    compares: bool,
}

/// A format on its way to a place.
struct OutputTarget<'w> {
    name: FormatName,
    /// What to open the format on with the first that is written; then that is taken.
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
    /// Standard output alone, which is opened with the first that is written to it.
    fn of_stdout(name: FormatName, page: RenderOptions, out: &'w mut (dyn Write + Send)) -> Self {
        Self { sheets: vec![OutputTarget { name, out: Some(out), format: None, failure: None }], page, compares: false }
    }

    /// Lets standard output tell what changed, and nothing else.
    ///
    /// # Errors
    /// Where its format has no place for that.
    pub(super) fn compare(&mut self, old: Baseline, shared: Arc<DiffContext>) -> Result<()> {
        let Some(stdout) = self.sheets.first_mut() else { return Ok(()) };
        let Some(out) = stdout.out.take() else { return Ok(()) };
        let changes = Changes::new(stdout.name, out, old.items, shared, self.page.generated);
        let why = "what changed is not written in this format";
        let hint = "choose table, json, ndjson or name; files may have any";
        stdout.format = Some(Box::new(changes.ok_or_else(|| Error::usage("--diff", why, hint))?));
        self.compares = true;
        Ok(())
    }

    /// Opens a file beside it.
    ///
    /// # Errors
    /// What the writer says: a full disk often shows with the first bytes.
    fn add(&mut self, name: FormatName, out: &'w mut (dyn Write + Send)) -> io::Result<()> {
        let mut format = name.open(out, self.file_page())?;
        format.flush()?;
        self.sheets.push(OutputTarget { name, out: None, format: Some(format), failure: None });
        Ok(())
    }

    /// A file is no terminal.
    fn file_page(&self) -> RenderOptions {
        RenderOptions { width: None, color: false, ..self.page }
    }

    /// The most that any of the formats shows.
    pub(super) fn depth(&self) -> DetailLevel {
        let deepest = self.sheets.iter().map(|sheet| sheet.name.depth()).max();
        deepest.filter(|_| !self.compares).unwrap_or(DetailLevel::Full)
    }

    /// Whether all of them are read line by line; what is read as a whole wants its order.
    pub(super) fn streams(&self) -> bool {
        !self.compares && self.sheets.iter().all(|sheet| sheet.name.read() == Delivery::ByLine)
    }

    /// Whether any still takes what is written.
    pub(super) fn are_open(&self) -> bool {
        self.sheets.iter().any(|sheet| sheet.failure.is_none())
    }

    pub(super) fn service(&mut self, service: &Service) {
        self.each(|format| format.service(service));
    }

    pub(super) fn end(&mut self, end: &Footer<'_>) {
        self.each(|format| format.end(end));
    }

    /// Lets what was written so far be seen; a file is not seen before its end.
    pub(super) fn flush(&mut self) {
        let page = self.page;
        if let Some(stdout) = self.sheets.first_mut().filter(|stdout| stdout.format.is_some()) {
            stdout.write(page, Format::flush);
        }
    }

    /// What went wrong: at standard output, and at each file.
    pub(super) fn into_failures(self) -> (Option<io::Error>, Vec<Option<io::Error>>) {
        let mut failures = self.sheets.into_iter().map(|sheet| sheet.failure);
        (failures.next().flatten(), failures.collect())
    }

    fn each(&mut self, write: impl Fn(&mut (dyn Format + 'w)) -> io::Result<()>) {
        self.sheets.iter_mut().for_each(|sheet| sheet.write(self.page, &write));
    }
}
