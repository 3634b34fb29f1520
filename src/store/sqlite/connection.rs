//! Connections to a database: how they lock it, and how they keep what they write.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault;
use super::schema::format;
use crate::store::StoreError;

/// Opens a connection. Its first access locks the file for this process alone, until all connections to it are closed. The
/// connections of this process share an index of the log in memory; there is no file with `-shm` after its name.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags_and_vfs(path, flags, c"unix-excl").map_err(fault::opening(path))
}

/// Opens a second connection to a database that is set up, for checkpoints.
pub(super) fn connect_beside(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    make_durable(&connection).and_then(|()| format(&connection)).map_err(fault::opening(path))?;
    Ok(connection)
}

/// Fails at once if another process uses the database.
pub(super) fn refuse_when_busy(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)
}

/// Makes commits durable.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    make_durable(connection)?;
    // A log that grew during a burst does not keep its size.
    connection.pragma_update_and_check(None, "journal_size_limit", 16 * 1024 * 1024, |_| Ok(()))?;

    // A database that cannot be written is refused now.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")
}

fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    refuse_when_busy(connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    // A commit never copies the log into the database: the checkpointer does.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}
