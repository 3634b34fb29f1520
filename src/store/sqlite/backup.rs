//! A consistent copy of the database, written while it is used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::StepResult;

use super::connection::connect;
use super::fault::{self, inaccessible};
use super::open;
use crate::store::StoreError;

/// How many pages are copied at once, between two groups of batches.
const PAGES_PER_STEP: i32 = 128;

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Writes a copy to a new file. `between` runs between the steps and may change the database: the copy has those changes.
/// The file has its name only once it is complete and on the disk.
pub(super) fn write(connection: &Connection, to: &Path, between: impl FnMut()) -> Result<Backup, StoreError> {
    if to.symlink_metadata().is_ok() {
        return Err(StoreError::Exists { path: to.to_owned() });
    }
    open::refuse_leftovers(to)?;
    let partial = partial(to);
    let written = copy(connection, &partial, between).and_then(|()| publish(&partial, to));

    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// `portolan.db.partial` beside the file.
pub(super) fn partial(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

fn copy(connection: &Connection, partial: &Path, mut between: impl FnMut()) -> Result<(), StoreError> {
    let partial = std::path::absolute(partial).map_err(|error| inaccessible(partial, &error))?;
    // What an earlier attempt left.
    let _ = fs::remove_file(&partial);
    File::create_new(&partial).map_err(|error| inaccessible(&partial, &error))?;

    let mut copy = connect(&partial)?;
    let backup = rusqlite::backup::Backup::new(connection, &mut copy).map_err(fault::opening(&partial))?;
    while backup.step(PAGES_PER_STEP).map_err(fault::opening(&partial))? != StepResult::Done {
        between();
    }

    drop(backup);
    copy.close().map_err(|(_, error)| fault::opening(&partial)(error))
}

/// Makes the copy durable, then gives it its name.
pub(super) fn publish(partial: &Path, to: &Path) -> Result<Backup, StoreError> {
    let file = File::open(partial).map_err(|error| inaccessible(partial, &error))?;
    file.sync_all().map_err(|error| inaccessible(partial, &error))?;
    let bytes = file.metadata().map_err(|error| inaccessible(partial, &error))?.len();

    // A hard link fails where a rename would replace a file that came meanwhile.
    fs::hard_link(partial, to).map_err(|error| inaccessible(to, &error))?;
    let _ = fs::remove_file(partial);
    open::sync_folder(to)?;
    Ok(Backup { path: to.to_owned(), bytes })
}
