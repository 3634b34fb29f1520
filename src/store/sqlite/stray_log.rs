//! The log of another database, left beside a file that took its place. SQLite would merge it into that file.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault;
use crate::store::StoreError;

/// The write-ahead log of a database, unless it is empty.
pub(super) fn log_of(path: &Path) -> Option<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let log = PathBuf::from(name);
    fs::metadata(&log).is_ok_and(|data| data.len() > 0).then_some(log)
}

/// Keeps a log apart from its database until [`release`], also when the connection is closed.
pub(super) fn hold_back(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop).map_err(fault::opening(path))
}

/// Lets SQLite merge the log.
pub(super) fn release(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop).map_err(fault::opening(path))
}

/// Refuses a log of another history than the file has by itself. A copy of a database has a history of its own, so that its
/// epoch differs. What cannot be read without the log has nothing to compare.
pub(super) fn refuse_foreign(path: &Path, connection: &Connection, log: &Path) -> Result<(), StoreError> {
    match (epoch_without_log(path), epoch(connection).ok()) {
        (Some(alone), Some(with_log)) if alone != with_log => {
            Err(StoreError::StrayLog { path: path.to_owned(), log: log.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The epoch that the file has by itself.
fn epoch_without_log(path: &Path) -> Option<String> {
    let mut url = url::Url::from_file_path(path).ok()?;
    // SQLite reads no log of a file that cannot change.
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    epoch(&Connection::open_with_flags(url.as_str(), flags).ok()?).ok()
}

fn epoch(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT epoch FROM meta", (), |row| row.get(0))
}

/// Names the log that was read with a damaged database: it may be the cause.
pub(super) fn name_log(error: StoreError, log: Option<&Path>) -> StoreError {
    match (error, log) {
        (StoreError::Damaged { path, detail }, Some(log)) => {
            let detail = format!("{detail} (read with its log {})", log.display());
            StoreError::Damaged { path, detail }
        }
        (error, _) => error,
    }
}
