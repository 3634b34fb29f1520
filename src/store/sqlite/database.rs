//! The database that a process has to itself: its connection, and what keeps others away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connection::{connect, refuse_when_busy, set_up};
use super::fault::{self, inaccessible};
use super::stray_log;
use crate::store::StoreError;

/// The databases that this process has open, by device and inode. The lock on the file is one of the process: it keeps other
/// processes away, and not a second store of this one.
static OPEN: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// A database that no other process uses, and nothing else in this one.
///
/// The kernel gives up the locks that a process has on a file with the first descriptor of it that is closed, so the fields are
/// dropped in this order.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    file: Arc<File>,
    _claim: Claim,
    path: PathBuf,
}

impl Database {
    /// Opens a database that exists. Its `log`, if it has one, is copied into it only once both are known to belong together.
    pub(super) fn open(path: &Path, log: Option<&Path>) -> Result<Self, StoreError> {
        let claim = Claim::take(path)?;
        let connection = connect(path)?;
        log.map_or(Ok(()), |_| stray_log::hold_back(path, &connection))?;
        refuse_when_busy(&connection).map_err(fault::opening(path))?;
        // Only now: the message of SQLite says more of a file that cannot be opened.
        let file = File::open(path).map_err(|error| inaccessible(path, &error))?;

        Ok(Self { connection, file: Arc::new(file), _claim: claim, path: path.to_owned() })
    }

    /// The absolute path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file without its log.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Opens the connection anew, which takes nothing of the log for copied. The other connections must be closed.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        // Until the new connection is there, nothing can be stored.
        let nothing = Connection::open_in_memory().map_err(fault::opening(&self.path))?;
        self.keep_log();
        let _ = std::mem::replace(&mut self.connection, nothing).close();

        let connection = connect(&self.path)?;
        set_up(&connection).map_err(fault::opening(&self.path))?;
        self.connection = connection;
        Ok(())
    }

    /// Closes the connection, and copies the log into the database.
    pub(super) fn close(self) {
        // What is in the log is durable as it is. The file goes after the connection.
        let _ = self.connection.close();
    }

    /// Keeps the log as it is when the connection is closed.
    pub(super) fn keep_log(&self) {
        // A connection that refuses this copies nothing either.
        let _ = stray_log::hold_back(&self.path, &self.connection);
    }
}

/// The right of this process to open a database.
#[derive(Debug)]
struct Claim((u64, u64));

impl Claim {
    fn take(path: &Path) -> Result<Self, StoreError> {
        let data = fs::metadata(path).map_err(|error| inaccessible(path, &error))?;
        let file = (data.dev(), data.ino());
        if OPEN.lock().insert(file) { Ok(Self(file)) } else { Err(StoreError::Locked { path: path.to_owned() }) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        OPEN.lock().remove(&self.0);
    }
}
