//! Everything of a database, read from one that no server uses, and written to a new one.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::backup::{partial, publish, uncopied};
use super::connection::connect;
use super::database::Database;
use super::open::{self, prepare, signed};
use super::schema::{AUDIT_FORMAT, migrate};
use super::{Backup, audit, fault};
use crate::store::audit::AuditHead;
use crate::store::{AuditPage, AuditRange, Contents, StoreError, StoredAudit};

/// A database that is read as a whole, of this or an older format. It stays as it is, and no server can use it meanwhile.
#[derive(Debug)]
pub struct SqliteExport {
    path: PathBuf,
    database: Database,
    format: u32,
}

impl SqliteExport {
    /// Opens a database, and reads everything but its audit log.
    ///
    /// # Errors
    /// There is none, or it is empty, damaged, in use, of a newer portolan, or of another program.
    pub fn open(path: &Path) -> Result<(Self, Contents), StoreError> {
        let (database, format) = open::existing(path)?;
        if format == 0 {
            return Err(StoreError::Unusable {
                database: path.display().to_string(),
                cause: "it has no registry".to_owned(),
                hint: "name the database of a server",
            });
        }

        let contents = open::contents(path, &database.connection)?;
        Ok((Self { path: path.to_owned(), database, format }, contents))
    }

    /// Reads records of its audit log.
    ///
    /// # Errors
    /// The database is damaged.
    pub fn audit(&self, range: AuditRange) -> Result<AuditPage, StoreError> {
        if self.format < AUDIT_FORMAT {
            return Ok(AuditPage::default());
        }
        audit::read_of_format(&self.database.connection, range, self.format).map_err(fault::opening(&self.path))
    }
}

/// A new database that is being written. It has its name only when it is complete and on the disk; dropped before, nothing
/// is left of it.
#[derive(Debug)]
pub struct SqliteImport {
    path: PathBuf,
    partial: PathBuf,
    connection: Option<Connection>,
}

impl SqliteImport {
    /// Begins a new file with these contents.
    ///
    /// # Errors
    /// There is such a file, or it cannot be written.
    pub fn begin(path: &Path, contents: &Contents) -> Result<Self, StoreError> {
        Self::start(path, contents).map_err(|error| uncopied(error, None, path))
    }

    fn start(path: &Path, contents: &Contents) -> Result<Self, StoreError> {
        let path = open::absolute(path)?;
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Exists { path });
        }
        open::refuse_leftovers(&path)?;
        let partial = partial(&path);
        // What an earlier attempt left.
        let _ = fs::remove_file(&partial);
        prepare(&partial)?;

        let mut import = Self { path, partial, connection: None };
        let connection = connect(&import.partial)?;
        fill(&connection, contents).map_err(fault::opening(&import.partial))?;
        import.connection = Some(connection);
        Ok(import)
    }

    /// Adds records of the audit log, as they are.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn add_audit(&mut self, records: &[StoredAudit]) -> Result<(), StoreError> {
        let Some(connection) = &self.connection else { return Err(StoreError::Closed) };
        let added = add_audit(connection, records).map_err(fault::opening(&self.partial));
        added.map_err(|error| uncopied(error, None, &self.path))
    }

    /// Makes it durable, and gives it its name.
    ///
    /// # Errors
    /// It cannot be written, or there is such a file meanwhile.
    pub fn finish(mut self) -> Result<Backup, StoreError> {
        self.end().map_err(|error| uncopied(error, None, &self.path))
    }

    fn end(&mut self) -> Result<Backup, StoreError> {
        let connection = self.connection.take().ok_or(StoreError::Closed)?;
        connection.execute_batch("COMMIT").map_err(fault::opening(&self.partial))?;
        connection.close().map_err(|(_, error)| fault::opening(&self.partial)(error))?;
        publish(&self.partial, &self.path)
    }
}

impl Drop for SqliteImport {
    fn drop(&mut self) {
        self.connection = None;
        let _ = fs::remove_file(&self.partial);
    }
}

/// Makes the tables, and fills them in a transaction that stays open.
fn fill(connection: &Connection, contents: &Contents) -> rusqlite::Result<()> {
    migrate(connection, 0)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let index = signed(contents.index);
    connection.execute("UPDATE meta SET last_index = ?1, epoch = ?2", params![index, contents.epoch])?;

    let mut record = connection.prepare("INSERT INTO record (id, body) VALUES (?1, ?2)")?;
    for (id, body) in &contents.records {
        record.execute(params![id, body])?;
    }
    let mut event = connection.prepare("INSERT INTO event (number, body) VALUES (?1, ?2)")?;
    for stored in &contents.events {
        event.execute(params![signed(stored.index), stored.body])?;
    }
    Ok(())
}

fn add_audit(connection: &Connection, records: &[StoredAudit]) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO audit (number, previous, hash, body) VALUES (?1, ?2, ?3, ?4)")?;
    for record in records {
        let (previous, hash) = (record.previous.as_bytes(), record.hash.as_bytes());
        insert.execute(params![signed(record.number), previous, hash, record.body])?;
    }
    let last = records.last().map(|record| AuditHead { number: record.number, hash: record.hash });
    last.map_or(Ok(()), |head| audit::keep_head(connection, head))
}
