//! Opening a database: what it is, whether it is whole, and what it holds.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connection::set_up;
use super::database::Database;
use super::fault::{self, inaccessible};
use super::rows::Rows;
use super::schema::{APPLICATION_ID, FORMAT, format, migrate};
use super::stray_log;
use crate::store::{Contents, StoreError, StoredEvent};

/// Opens a database for a server.
pub(super) fn open(path: &Path) -> Result<(Database, Contents, Rows), StoreError> {
    let path = absolute(path)?;
    let log = stray_log::log_of(&path);
    open_whole(&path, log.as_deref()).map_err(|error| stray_log::name_log(error, log.as_deref()))
}

/// A database that is refused keeps its `log`, and stays as it is.
fn open_whole(path: &Path, log: Option<&Path>) -> Result<(Database, Contents, Rows), StoreError> {
    let is_new = prepare(path)?;
    let database = Database::open(path, log)?;
    let connection = &database.connection;
    // A foreign database is left as it is, so nothing is written before this.
    let format = identify(path, connection)?;
    log.map_or(Ok(()), |log| stray_log::refuse_foreign(path, connection, log))?;
    set_up(connection).map_err(fault::opening(path))?;
    migrate(connection, format).map_err(fault::opening(path))?;

    verify(path, connection, "quick_check")?;
    let (contents, rows) = read(connection).map_err(fault::opening(path))?;
    if is_new {
        sync_folder(path)?;
    }
    is_consistent(path, &contents)?;

    stray_log::release(path, connection)?;
    Ok((database, contents, rows))
}

/// Checks a database that no server uses: every page, and that everything belongs together.
///
/// # Errors
/// It is damaged, in use, or not a database.
pub fn check(path: &Path) -> Result<Contents, StoreError> {
    if !path.exists() {
        return Err(StoreError::Inaccessible { path: path.to_owned(), cause: "there is no such file".to_owned() });
    }

    let (database, contents, _) = open(path)?;
    verify(path, &database.connection, "integrity_check")?;
    Ok(contents)
}

/// Opens a database that exists, and leaves it as it is. Returns its format, 0 if it is empty.
pub(super) fn existing(path: &Path) -> Result<(Database, u32), StoreError> {
    if !path.exists() {
        return Err(StoreError::Inaccessible { path: path.to_owned(), cause: "there is no such file".to_owned() });
    }
    let path = absolute(path)?;
    let log = stray_log::log_of(&path);
    prepare(&path)?;
    let database = Database::open(&path, log.as_deref())?;
    let connection = &database.connection;
    let format = identify(&path, connection).map_err(|error| stray_log::name_log(error, log.as_deref()))?;
    log.map_or(Ok(()), |log| stray_log::refuse_foreign(&path, connection, &log))?;
    Ok((database, format))
}

/// SQLite takes a path that begins with `file:` for a URL; an absolute one never does.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(|error| inaccessible(path, &error))
}

/// Makes the file if there is none, readable by its owner alone. Returns whether it did.
pub(super) fn prepare(path: &Path) -> Result<bool, StoreError> {
    let is_folder = fs::metadata(path).is_ok_and(|data| data.is_dir());
    if is_folder {
        return Err(StoreError::Inaccessible { path: path.to_owned(), cause: "it is a directory".to_owned() });
    }
    let is_other = fs::metadata(path).is_ok_and(|data| !data.is_file());
    if is_other {
        return Err(StoreError::Foreign { path: path.to_owned(), detail: "it is not a regular file" });
    }

    // An existing file is left to SQLite: closing it here would give up the locks that this process may hold on it.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(inaccessible(path, &error)),
    }
}

/// # Errors
/// Beside a new database lies the log of an old one, which SQLite would apply to it.
pub(super) fn refuse_leftovers(path: &Path) -> Result<(), StoreError> {
    let beside = ["-wal", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    match beside.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(StoreError::Leftover { path }),
        None => Ok(()),
    }
}

/// Refuses a database of another program or of a newer portolan. Returns its format.
fn identify(path: &Path, connection: &Connection) -> Result<u32, StoreError> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fault::opening(path))?;
    let format = format(connection).map_err(fault::opening(path))?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_master", (), |row| row.get(0))
        .map_err(fault::opening(path))?;

    let is_empty = tables == 0 && application == 0 && format == 0;
    if !is_empty && application != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned(), detail: "it is a database of another program" });
    }
    if format > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), format, known: FORMAT });
    }
    Ok(format)
}

/// Lets SQLite check its pages.
pub(super) fn verify(path: &Path, connection: &Connection, check: &str) -> Result<(), StoreError> {
    let said: rusqlite::Result<String> = connection.query_row(&format!("PRAGMA {check}(1)"), (), |row| row.get(0));

    match said {
        Ok(said) if said == "ok" => Ok(()),
        Ok(said) => {
            let detail = said.lines().next_back().unwrap_or_default().to_owned();
            Err(StoreError::Damaged { path: path.to_owned(), detail })
        }
        Err(error) => Err(fault::opening(path)(error)),
    }
}

fn read(connection: &Connection) -> rusqlite::Result<(Contents, Rows)> {
    let (index, epoch) = meta(connection)?;
    let mut rows = Rows::default();
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let mut stored = connection.prepare("SELECT number, id, body FROM record")?;
    let mut stored = stored.query(())?;
    while let Some(row) = stored.next()? {
        let id: String = row.get(1)?;
        rows.enter(&id, row.get(0)?);
        records.push((id, row.get(2)?));
    }
    records.sort_unstable();

    Ok((Contents { index, epoch, records, events: events(connection)? }, rows))
}

/// Reads everything but the audit log, in the columns that every format has.
pub(super) fn contents(path: &Path, connection: &Connection) -> Result<Contents, StoreError> {
    verify(path, connection, "quick_check")?;
    let contents = read_any_format(connection).map_err(fault::opening(path))?;
    is_consistent(path, &contents)?;
    Ok(contents)
}

fn read_any_format(connection: &Connection) -> rusqlite::Result<Contents> {
    let (index, epoch) = meta(connection)?;
    let mut records = connection.prepare("SELECT id, body FROM record")?;
    let records = records.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut records: Vec<(String, Vec<u8>)> = records.collect::<rusqlite::Result<_>>()?;
    records.sort_unstable();

    Ok(Contents { index, epoch, records, events: events(connection)? })
}

/// The index of the last change, and the epoch.
fn meta(connection: &Connection) -> rusqlite::Result<(u64, String)> {
    connection.query_row("SELECT last_index, epoch FROM meta", (), |row| Ok((unsigned(row.get(0)?), row.get(1)?)))
}

fn events(connection: &Connection) -> rusqlite::Result<Vec<StoredEvent>> {
    let mut events = connection.prepare("SELECT number, body FROM event ORDER BY number")?;
    let events = events.query_map((), |row| Ok(StoredEvent::new(unsigned(row.get(0)?), row.get(1)?)))?;
    events.collect()
}

/// An index is far below the largest number that SQLite has.
pub(super) fn signed(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The events are dense and end at the index.
fn is_consistent(path: &Path, contents: &Contents) -> Result<(), StoreError> {
    let Some(first) = contents.events.first() else { return Ok(()) };
    let is_dense = contents.events.iter().zip(first.index..).all(|(event, index)| event.index == index);
    let last = contents.events.last().map_or(0, |event| event.index);
    if is_dense && last == contents.index {
        return Ok(());
    }

    let detail = format!("its events end at {last} or have a gap, and its index is {}", contents.index);
    Err(StoreError::Damaged { path: path.to_owned(), detail })
}

/// Makes the names of new files in the folder of this one durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| inaccessible(folder, &error))
}
