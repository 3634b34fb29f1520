//! One transaction for everything that waits.

use rusqlite::{Connection, ErrorCode, params};

use super::audit;
use super::checkpointer::Checkpointer;
use super::open::signed;
use super::rows::{CommittedRows, RowChanges, Rows};
use crate::store::{Batch, Write};

/// Stores batches in one transaction. If any of them cannot be stored, none is. On a full disk it copies the log into the
/// database, which gives back the log's room, and tries once more.
pub(super) fn commit(
    connection: &Connection,
    checkpointer: &Checkpointer,
    batches: &[&Batch],
    max_events: u64,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let mut stored = transact(connection, batches, max_events, rows);
    let is_full = stored.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DiskFull));
    if is_full && checkpointer.truncate(connection).is_ok() {
        stored = transact(connection, batches, max_events, rows);
    }

    rows.adopt(stored?);
    Ok(())
}

/// Writes what is there already, as a commit does: up to the disk.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    let written = connection.execute_batch("BEGIN IMMEDIATE; UPDATE meta SET last_index = last_index; COMMIT");
    if written.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    written
}

fn transact(
    connection: &Connection,
    batches: &[&Batch],
    max_events: u64,
    rows: &Rows,
) -> rusqlite::Result<CommittedRows> {
    let mut changes = rows.changes();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let stored = store(connection, batches, max_events, &mut changes);
    let stored = stored.and_then(|()| connection.execute_batch("COMMIT"));

    // Some errors have ended the transaction already.
    if stored.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    stored.map(|()| changes.committed())
}

fn store(
    connection: &Connection,
    batches: &[&Batch],
    max_events: u64,
    rows: &mut RowChanges<'_>,
) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO record (number, id, body) VALUES (?1, ?2, ?3)")?;
    let mut remove = connection.prepare_cached("DELETE FROM record WHERE number = ?1")?;
    let mut event = connection.prepare_cached("INSERT INTO event (number, body) VALUES (?1, ?2)")?;

    for batch in batches {
        for write in &batch.writes {
            match write {
                Write::Put { id, body } => put.execute(params![rows.put(id), &**id, body])?,
                Write::Remove { id } => match rows.remove(id) {
                    Some(number) => remove.execute(params![number])?,
                    None => 0,
                },
            };
        }
        for stored in &batch.events {
            event.execute(params![signed(stored.index), stored.body])?;
        }
    }

    audit::store(connection, batches)?;

    let Some(index) = batches.last().map(|batch| batch.index()) else { return Ok(()) };
    let mut meta = connection.prepare_cached("UPDATE meta SET last_index = ?1")?;
    meta.execute(params![signed(index)])?;
    let mut prune = connection.prepare_cached("DELETE FROM event WHERE number <= ?1")?;
    prune.execute(params![signed(index.saturating_sub(max_events))])?;
    Ok(())
}
