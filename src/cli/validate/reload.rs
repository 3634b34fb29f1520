//! Reads the services files of a watch again: when one of them changes, and on SIGHUP while metrics are served.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use signal_hook::consts::SIGHUP;
use tokio::time::{MissedTickBehavior, interval};

use crate::clean::clean;
use crate::cli::file_stamps::{FileStamp, stamps};
use crate::cli::stderr;
use crate::error::{Error, Result};
use crate::model::{PartialError, Service, Update, UpdateSink};

/// The interval at which the files are looked at.
const FILE_INTERVAL: Duration = Duration::from_millis(500);

/// The targets of a watch now, and what became of the last reading of their files.
#[derive(Debug)]
pub(in crate::cli) struct ReloadStatus(Mutex<LastReload>);

#[derive(Debug)]
struct LastReload {
    services: Arc<[Service]>,
    is_successful: bool,
    /// When the present services were read.
    succeeded: Timestamp,
}

impl ReloadStatus {
    /// Services that were read just now.
    pub(super) fn new(services: &[Service]) -> Arc<Self> {
        let last = LastReload { services: services.into(), is_successful: true, succeeded: Timestamp::now() };
        Arc::new(Self(Mutex::new(last)))
    }

    /// The services that are checked now.
    pub(super) fn services(&self) -> Arc<[Service]> {
        Arc::clone(&self.0.lock().services)
    }

    /// Whether the last reading succeeded, and when one succeeded last.
    #[cfg(feature = "serve")]
    pub(super) fn last(&self) -> (bool, Timestamp) {
        let last = self.0.lock();
        (last.is_successful, last.succeeded)
    }

    fn replace(&self, services: &[Service]) {
        *self.0.lock() = LastReload { services: services.into(), is_successful: true, succeeded: Timestamp::now() };
    }

    fn fail(&self) {
        self.0.lock().is_successful = false;
    }
}

/// What a watch checks besides the services of its files, and where it says what became of them.
#[derive(Clone, Copy)]
pub(super) struct OtherTargets<'t> {
    pub(super) services: &'t [Service],
    pub(super) faults: &'t [PartialError],
    pub(super) status: &'t ReloadStatus,
}

impl OtherTargets<'_> {
    /// What a watch reports of these services.
    pub(super) fn updates(self, services: Vec<Service>) -> Vec<Update> {
        let faults = self.faults.iter().cloned().map(Update::PartialError);
        std::iter::once(Update::Reset(services)).chain(faults).collect()
    }
}

/// Reads the services with some names from files; without names, all.
type ReadFiles = fn(files: &[String], names: &[String]) -> Result<Vec<Service>>;

/// The files of targets, and what has them read again.
#[derive(Clone, Debug)]
pub(super) struct TargetFiles {
    files: Vec<String>,
    /// Only the services with these names; empty: all.
    names: Vec<String>,
    read: ReadFiles,
    /// The stamps of the files before they were read.
    stamps: Vec<FileStamp>,
    /// Set by SIGHUP.
    hangup: Option<Arc<AtomicBool>>,
    /// Whether standard error is free for reports.
    reports: bool,
}

impl TargetFiles {
    /// Files that had these stamps before they were read.
    pub(super) fn new(files: Vec<String>, names: Vec<String>, read: ReadFiles, stamps: Vec<FileStamp>) -> Self {
        Self { files, names, read, stamps, hangup: None, reports: false }
    }

    /// Reports each reading on standard error from now on.
    pub(super) fn report(&mut self) {
        self.reports = true;
    }

    /// Reads the files on SIGHUP too, which no longer ends the process.
    ///
    /// # Errors
    /// The operating system does not let the signal be caught.
    #[cfg(feature = "serve")]
    pub(super) fn catch_hangup(&mut self) -> Result<()> {
        let flag = Arc::<AtomicBool>::default();
        let caught = signal_hook::flag::register(SIGHUP, Arc::clone(&flag));
        caught.map_err(|error| Error::io("catch SIGHUP", error, "look for a sandbox that forbids it"))?;
        self.hangup = Some(flag);
        Ok(())
    }

    fn takes_hangup(&self) -> bool {
        self.hangup.as_ref().is_some_and(|flag| flag.swap(false, Ordering::Relaxed))
    }

    /// Feeds the services of the files, and the others, whenever the files change. What cannot be read changes nothing.
    pub(super) async fn follow(&self, others: OtherTargets<'_>, feed: &mut dyn UpdateSink) -> Infallible {
        if self.files.is_empty() && self.hangup.is_none() {
            return std::future::pending().await;
        }
        let mut ticks = interval(FILE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut known, mut last) = (self.stamps.clone(), self.stamps.clone());

        loop {
            ticks.tick().await;
            let now = stamps(&self.files);
            // A file that is being written changes again: it is read once it rests.
            let is_changed = now != known && now == last;
            last.clone_from(&now);
            if !is_changed && !self.takes_hangup() {
                continue;
            }

            known = now;
            let services = (self.read)(&self.files, &self.names).map(|mut services| {
                services.extend_from_slice(others.services);
                services
            });
            self.finish(services, others, feed);
        }
    }

    fn finish(&self, services: Result<Vec<Service>>, others: OtherTargets<'_>, feed: &mut dyn UpdateSink) {
        let files = clean(&self.files.join(", "));
        match services {
            Ok(services) => {
                others.status.replace(&services);
                if self.reports {
                    stderr::note(&format!("read {files} again: {}", count(services.len())));
                }
                feed.apply(others.updates(services));
            }
            Err(error) => {
                others.status.fail();
                let kept = count(others.status.services().len());
                if self.reports {
                    stderr::failure(&format!("{error}; the previous {kept} stay in use"), error.hint());
                }
                feed.mark_stale(PartialError::from(&error));
            }
        }
    }
}

fn count(services: usize) -> String {
    format!("{services} service{}", if services == 1 { "" } else { "s" })
}
