//! A consistent copy of the database, written while it is used.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::StepResult;
use uuid::Uuid;

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
    written.map_err(|error| uncopied(error, connection.path(), to))
}

/// `portolan.db.partial` beside the file.
pub(super) fn partial(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

/// Runs `write` with a name beside the database that nothing else has, and opens what it wrote. The file has no name any more
/// then: the disk has its room back once it is closed.
pub(super) fn nameless(
    database: &Path,
    write: impl FnOnce(&Path) -> Result<Backup, StoreError>,
) -> Result<File, StoreError> {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(format!(".download-{}", Uuid::new_v4()));
    let copy = open::absolute(database)?.with_file_name(name);

    write(&copy)?;
    let opened = File::open(&copy).map_err(|error| uncopied(inaccessible(&copy, &error), None, &copy));
    let _ = fs::remove_file(&copy);
    opened
}

/// Removes the copies that a server left which was killed while it made them. Only one server has the database open.
pub(super) fn remove_downloads(database: &Path) {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name()) else { return };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();

    for entry in entries.filter(|entry| is_download(&entry.file_name(), name)) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Whether this is the name that [`nameless`] gives, or that of a file that SQLite has beside it.
fn is_download(name: &OsStr, database: &OsStr) -> bool {
    let rest = name.to_str().zip(database.to_str()).and_then(|(name, database)| name.strip_prefix(database));
    let id = rest.and_then(|rest| rest.strip_prefix(".download-"));
    id.and_then(|id| id.split('.').next()).is_some_and(|id| id.parse::<Uuid>().is_ok())
}

fn copy(connection: &Connection, partial: &Path, mut between: impl FnMut()) -> Result<(), StoreError> {
    let partial = open::absolute(partial)?;
    // What an earlier attempt left.
    let _ = fs::remove_file(&partial);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
    made.map_err(|error| inaccessible(&partial, &error))?;

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

/// Why a copy is not written: a new file is not a database that cannot be opened, and what is damaged is the one that is read.
pub(super) fn uncopied(error: StoreError, from: Option<&str>, to: &Path) -> StoreError {
    match (error, from) {
        (StoreError::Inaccessible { cause, .. }, _) => StoreError::Uncopied { path: to.to_owned(), cause },
        (StoreError::Damaged { detail, .. }, Some(from)) => StoreError::Damaged { path: PathBuf::from(from), detail },
        (error, _) => error,
    }
}
