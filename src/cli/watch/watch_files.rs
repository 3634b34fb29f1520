//! The files of `-o FORMAT=FILE`: each holds the whole listing, and is replaced when that changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::catalog::{Reader, Snapshot};
use crate::clean::clean;
use crate::cli::atomic_file::AtomicFile;
use crate::cli::outputs::OutputSpec;
use crate::error::{Error, Result, plain};
use crate::health::LatestHealth;
use crate::model::{Completeness, Filters, PartialError, Service};
use crate::output::{Footer, FormatName, RenderOptions};

/// Changes within this time are written together: a deployment is many events.
const SETTLE_TIME: Duration = Duration::from_millis(100);
/// How often a file of metrics is replaced at most for results that change nothing else.
const METRICS_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which a file is tried again that could not be written.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The files that a watch keeps up to date.
pub(super) struct WatchFiles {
    files: Vec<WatchFile>,
    reader: Reader,
    page: RenderOptions,
    filters: Filters,
    /// The last results of checks, which metrics show before they are confirmed, and what notices new ones.
    latest: Option<(Arc<LatestHealth>, watch::Receiver<()>)>,
    /// When the files are to be written next.
    due: Option<Instant>,
}

/// A file, and what it holds.
struct WatchFile {
    format: FormatName,
    path: PathBuf,
    written: Option<Vec<u8>>,
    has_failed: bool,
}

impl WatchFiles {
    /// The files of the command line. Nothing is written until the source has listed everything once.
    ///
    /// # Errors
    /// A file that cannot be replaced.
    pub(super) fn new(specs: &[OutputSpec], reader: Reader, page: RenderOptions, filters: Filters) -> Result<Self> {
        let mut files = Vec::new();
        for OutputSpec { format, file } in specs {
            let Some(path) = file else { continue };
            check(*format, path)?;
            files.push(WatchFile { format: *format, path: path.clone(), written: None, has_failed: false });
        }
        Ok(Self { files, reader, page, filters, latest: None, due: None })
    }

    /// Files of metrics have these results, and follow them.
    pub(super) fn with_latest(mut self, latest: Option<&Arc<LatestHealth>>) -> Self {
        let has_metrics = self.files.iter().any(|file| file.format == FormatName::Prometheus);
        self.latest = latest.filter(|_| has_metrics).map(|latest| (Arc::clone(latest), latest.subscribe()));
        self
    }

    /// Something was reported.
    pub(super) fn note_change(&mut self) {
        if !self.files.is_empty() && self.due.is_none() {
            self.due = Some(Instant::now() + SETTLE_TIME);
        }
    }

    /// Waits until the files are to be written. Safe to cancel.
    pub(super) async fn due(&mut self) {
        loop {
            let is_idle = self.due.is_none();
            tokio::select! {
                () = sleep_until_some(self.due) => return,
                () = next_result(&mut self.latest), if is_idle => self.due = Some(Instant::now() + METRICS_INTERVAL),
            }
        }
    }

    /// Writes what changed, if the source has listed everything. Returns what could not be written, once for each file.
    pub(super) fn write(&mut self) -> Vec<PartialError> {
        self.due = None;
        let snapshot = self.reader.load();
        // Half a listing would look like services that are gone.
        if !snapshot.is_synced() {
            return Vec::new();
        }

        let latest = self.latest.as_ref().map(|(latest, _)| latest.services());
        let mut errors = Vec::new();
        for file in &mut self.files {
            let latest = latest.as_deref().filter(|_| file.format == FormatName::Prometheus);
            let Err(error) = file.write(&snapshot, latest, self.page, &self.filters) else {
                file.has_failed = false;
                continue;
            };
            self.due = Some(Instant::now() + RETRY_INTERVAL);
            if !std::mem::replace(&mut file.has_failed, true) {
                errors.push(file.error(&error));
            }
        }
        errors
    }

    /// Writes what is not yet written, at the end of a watch.
    pub(super) fn write_rest(&mut self) -> Vec<PartialError> {
        if self.due.is_some() { self.write() } else { Vec::new() }
    }
}

impl WatchFile {
    fn write(
        &mut self,
        snapshot: &Snapshot,
        latest: Option<&[Arc<Service>]>,
        page: RenderOptions,
        filters: &Filters,
    ) -> io::Result<()> {
        let content = self.render(snapshot, latest, page, filters)?;
        // A program that watches the file would read it for nothing.
        if self.written.as_ref() == Some(&content) {
            return Ok(());
        }
        let mut file = AtomicFile::create(&self.path)?;
        io::Write::write_all(&mut file, &content)?;
        file.commit()?;
        self.written = Some(content);
        Ok(())
    }

    fn render(
        &self,
        snapshot: &Snapshot,
        latest: Option<&[Arc<Service>]>,
        page: RenderOptions,
        filters: &Filters,
    ) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let now = Timestamp::now();
        let mut format = self.format.open(&mut content, RenderOptions { generated: now, ..page })?;
        match latest {
            Some(latest) => latest.iter().try_for_each(|service| format.service(service))?,
            None => snapshot.services().iter().try_for_each(|service| format.service(service))?,
        }
        let errors = snapshot.stale().map_or(&[][..], std::slice::from_ref);
        let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };

        format.end(&Footer { errors, ..Footer::new(now, completeness, filters) })?;
        format.flush()?;
        drop(format);

        Ok(content)
    }

    fn error(&self, error: &io::Error) -> PartialError {
        let operation = format!("write '{}'", clean(&self.path.to_string_lossy()));
        PartialError { operation, cause: plain(error), hint: "the old file stays; it is tried again".to_owned() }
    }
}

async fn sleep_until_some(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Waits for the next result of a check; forever if none will come.
async fn next_result(latest: &mut Option<(Arc<LatestHealth>, watch::Receiver<()>)>) {
    if let Some((_, results)) = latest
        && results.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Refuses a file that cannot be replaced again and again.
fn check(format: FormatName, path: &Path) -> Result<()> {
    let word = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let option = format!("--output '{word}={}'", clean(&path.to_string_lossy()));
    if path.as_os_str().is_empty() {
        return Err(Error::usage(
            option,
            "the file name is missing",
            "write it after the =, as in -o json=result.json",
        ));
    }
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let why = "a watch replaces its files, and this is not a regular file";
        return Err(Error::usage(option, why, "name a file, or leave it out and redirect the output"));
    }

    // The draft is removed at once: this finds a missing directory before the watch begins.
    AtomicFile::create(path).map(drop).map_err(|error| {
        let why = if error.kind() == io::ErrorKind::NotFound {
            "its directory does not exist".to_owned()
        } else {
            plain(&error)
        };
        Error::usage(option, why, "name a file in a directory that you can write to")
    })
}
