//! Copying the log into the database, and what follows from a disk that fails meanwhile.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tracing::{info, warn};

use super::fault;
use super::log_size::{LogSize, copy_log, truncate_log};
use crate::clean::clean;
use crate::error::plain;
use crate::store::StoreError;

/// How long after a failed checkpoint the next one begins, except on a full disk.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often the thread copies what came while it copied, before it leaves the rest to the writer.
const MAX_PASSES: u32 = 3;

/// The checkpoints of a database. The thread and the writer take turns with it.
pub(super) struct Checkpoints {
    path: PathBuf,
    /// Why the last one failed; `None`: it did not.
    failure: Option<CheckpointFailure>,
}

struct CheckpointFailure {
    cause: FailureCause,
    at: Instant,
    /// Whether pages that were copied before may be lost. The kernel reports a failed write once, to whatever waits for the disk
    /// next, and takes the page for written from then on. Only the log has it for certain.
    is_suspect: bool,
}

/// Why the log cannot be copied.
enum FailureCause {
    Full,
    Other(String),
}

impl Checkpoints {
    /// Those of the database with this path.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), failure: None }
    }

    /// Copies what the log has, and waits for the disk. What comes meanwhile is copied too, until little of it is left.
    pub(super) fn catch_up(&mut self, connection: &Connection, file: &File, now: Instant) {
        for _ in 0..MAX_PASSES {
            let is_done = LogSize::read(connection).is_ok_and(|size| size.rest() == 0);
            if is_done || self.is_suspect() || !self.may_retry(now) {
                return;
            }

            let copied = copy_log(connection).map_err(|error| FailureCause::of(&error));
            // SQLite waits for the disk only if nothing came meanwhile. Otherwise the writer would have to, for all of it.
            let synced = copied.and_then(|()| file.sync_data().map_err(|error| FailureCause::Other(plain(&error))));
            self.note(synced, now);
        }
    }

    /// Copies all that the log has, while nothing is written.
    ///
    /// # Errors
    /// It cannot be copied, or could not a moment ago.
    pub(super) fn copy(&mut self, connection: &Connection, now: Instant) -> Result<(), StoreError> {
        if !self.is_suspect() && self.may_retry(now) {
            self.note(copy_log(connection).map_err(|error| FailureCause::of(&error)), now);
        }
        self.result()
    }

    /// Copies all that the log has, while nothing is written, and gives the room of the log back to the disk.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(super) fn truncate(&mut self, connection: &Connection, now: Instant) -> Result<(), StoreError> {
        if !self.is_suspect() {
            self.note(truncate_log(connection).map_err(|error| FailureCause::of(&error)), now);
        }
        self.result()
    }

    /// Whether only the log is certain to have everything, so that all of it must be copied again.
    pub(super) fn is_suspect(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.is_suspect)
    }

    /// Whether the last one failed because the disk was full.
    pub(super) fn is_disk_full(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| matches!(failure.cause, FailureCause::Full))
    }

    /// Whether the last failure, if there was one, is long enough ago. A disk may have room again at any time.
    pub(super) fn may_retry(&self, now: Instant) -> bool {
        let is_over = |failure: &CheckpointFailure| now.saturating_duration_since(failure.at) >= RETRY_INTERVAL;
        self.is_disk_full() || self.failure.as_ref().is_none_or(is_over)
    }

    /// Nothing of the log counts as copied any more.
    pub(super) fn begin_anew(&mut self) {
        if let Some(failure) = &mut self.failure {
            failure.is_suspect = false;
        }
    }

    fn result(&self) -> Result<(), StoreError> {
        match self.failure.as_ref().map(|failure| &failure.cause) {
            None => Ok(()),
            Some(FailureCause::Full) => Err(StoreError::Full),
            Some(FailureCause::Other(cause)) => Err(StoreError::Failed { cause: cause.clone() }),
        }
    }

    /// Keeps a result, and logs the first failure and the recovery.
    fn note(&mut self, result: Result<(), FailureCause>, now: Instant) {
        let before = self.failure.take();
        match result {
            Ok(()) if before.is_none() => {}
            Ok(()) => info!(database = self.database(), "the log is copied into the database again"),
            Err(cause) => {
                if before.is_none() {
                    let (database, cause) = (self.database(), cause.text());
                    warn!(database, cause, "cannot copy the log into the database; it grows until a retry succeeds");
                }
                let is_suspect = !matches!(cause, FailureCause::Full);
                self.failure = Some(CheckpointFailure { cause, at: now, is_suspect });
            }
        }
    }

    /// The database, for the log of the server.
    fn database(&self) -> String {
        clean(&self.path.to_string_lossy())
    }
}

impl FailureCause {
    fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Other(fault::plain(error)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Full => "no space is left on the disk".to_owned(),
            Self::Other(text) => clean(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::fd::OwnedFd;

    use super::super::connection::{connect, set_up};
    use super::*;

    /// A file that never gets to a disk.
    fn unsyncable() -> File {
        File::from(OwnedFd::from(io::pipe().unwrap().0))
    }

    #[test]
    fn after_a_failure_of_the_disk_nothing_is_copied_until_the_database_is_opened_anew() {
        let folder = std::env::temp_dir().join(format!("portolan-checkpoints-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.db");
        std::fs::write(&path, "").unwrap();
        let connection = connect(&path).unwrap();
        set_up(&connection).unwrap();
        let grow = "CREATE TABLE IF NOT EXISTS t (body BLOB); INSERT INTO t VALUES (zeroblob(100000))";
        connection.execute_batch(grow).unwrap();
        let rest = || LogSize::read(&connection).unwrap().rest();
        let (mut checkpoints, now) = (Checkpoints::new(&path), Instant::now());
        assert!(rest() > 20);

        checkpoints.catch_up(&connection, &unsyncable(), now);
        assert_eq!(rest(), 0, "it is copied, and may be lost");
        connection.execute_batch(grow).unwrap();
        let refused = Err(StoreError::Failed { cause: "Invalid argument".to_owned() });
        let later = now + RETRY_INTERVAL;
        for at in [now, later] {
            assert_eq!(checkpoints.copy(&connection, at), refused);
            assert_eq!(checkpoints.truncate(&connection, at), refused);
        }
        assert!(checkpoints.is_suspect() && !checkpoints.may_retry(now) && checkpoints.may_retry(later));
        assert!(rest() > 20, "the log keeps what it has");

        checkpoints.begin_anew();
        assert_eq!(checkpoints.copy(&connection, now), refused, "not yet");
        assert_eq!(checkpoints.copy(&connection, later), Ok(()));
        assert_eq!(rest(), 0);
        checkpoints.catch_up(&connection, &File::open(&path).unwrap(), later);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
