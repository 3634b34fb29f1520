//! A store in one SQLite file, for one server.
//!
//! One thread writes. It takes what is queued, stores it in one transaction, and acknowledges all of it after the COMMIT, which
//! returns when the disk has it: write-ahead log, `synchronous=FULL`. A second thread copies the log into the database. The file
//! is locked for as long as it is open, so that a second server fails at once.

mod audit;
mod backup;
mod checkpointer;
mod checkpoints;
mod commit;
mod committer;
mod connection;
mod database;
mod fault;
mod log_size;
mod open;
mod rows;
mod schema;
mod status;
mod stray_log;
mod transfer;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use super::{AuditPage, AuditRange, Batch, Commit, Contents, Pending, Store, StoreError};
pub use backup::Backup;
pub use open::check;
pub use schema::FORMAT;
pub use status::status;
pub use transfer::{SqliteExport, SqliteImport};
use writer::{StoreRequest, Writer};

/// The most requests that wait. Each caller waits for its own, so this is a bound of the callers.
const MAX_QUEUED: usize = 2 * 1024;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    /// `None` once it is closed.
    requests: Option<Sender<StoreRequest>>,
    writer: Option<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens a database, or makes one where there is none, and reads everything that it holds. It keeps the last
    /// `max_events` events.
    ///
    /// # Errors
    /// The file is used by another process, damaged, of a newer portolan, not a database, or inaccessible.
    pub fn open(path: &Path, max_events: u64) -> Result<(Self, Contents), StoreError> {
        let (database, contents, rows) = open::open(path)?;
        backup::remove_downloads(database.path());
        let (requests, receiver) = crossbeam_channel::bounded(MAX_QUEUED);
        let writer = Writer::new(database, (contents.index, rows), max_events)?;

        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| StoreError::Inaccessible { path: path.to_owned(), cause: error.to_string() })?;
        Ok((Self { path: path.to_owned(), requests: Some(requests), writer: Some(writer) }, contents))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the thread while callers still hold the store.
    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.requests = None;
    }

    /// Sends a request with a channel for its result, and does not wait.
    fn begin(&self, request: impl FnOnce(oneshot::Sender<Result<u64, StoreError>>) -> StoreRequest) -> Commit {
        let (sender, receiver) = oneshot::channel();
        let Some(requests) = &self.requests else { return Pending::done(Err(StoreError::Closed)) };

        match requests.try_send(request(sender)) {
            Ok(()) => Pending(receiver),
            Err(error) => Pending::done(Err(refused(&error))),
        }
    }

    /// Sends a request with a channel for its result, and waits for that.
    fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> StoreRequest,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests.try_send(request(sender)).map_err(|error| refused(&error))?;

        receiver.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

fn refused(error: &TrySendError<StoreRequest>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Overloaded,
        TrySendError::Disconnected(_) => StoreError::Closed,
    }
}

impl Store for Sqlite {
    fn append(&self, batch: Batch) -> Commit {
        self.begin(|sender| StoreRequest::Append(batch, sender))
    }

    fn probe(&self) -> Commit {
        self.begin(StoreRequest::Probe)
    }

    fn audit(&self, range: AuditRange) -> Pending<AuditPage> {
        let (sender, receiver) = oneshot::channel();
        let Some(requests) = &self.requests else { return Pending::done(Err(StoreError::Closed)) };

        match requests.try_send(StoreRequest::Audit(range, sender)) {
            Ok(()) => Pending(receiver),
            Err(error) => Pending::done(Err(refused(&error))),
        }
    }

    fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        self.ask(|sender| StoreRequest::Backup(to.to_owned(), sender))
    }

    fn snapshot(&self) -> Result<File, StoreError> {
        backup::nameless(&self.path, |copy| self.backup(copy))
    }

    fn check(&self) -> Result<(), StoreError> {
        self.ask(StoreRequest::Check)
    }
}

/// Closing stores what is queued.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // Its panics are its own; there is nothing left to tell them.
            let _ = writer.join();
        }
    }
}
