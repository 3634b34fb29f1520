//! The audit log in its table.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::open::{signed, unsigned};
use super::schema::{AUDIT_HEAD_FORMAT, FORMAT};
use crate::model::AuditHash;
use crate::store::audit::AuditHead;
use crate::store::{AuditPage, AuditRange, Batch, StoredAudit};

/// Stores the records of batches, within their transaction.
pub(super) fn store(connection: &Connection, batches: &[&Batch]) -> rusqlite::Result<()> {
    if batches.iter().all(|batch| batch.audit.is_empty() && batch.forget_audit == 0) {
        return Ok(());
    }
    let mut head = head(connection)?;
    let mut insert =
        connection.prepare_cached("INSERT INTO audit (number, previous, hash, body) VALUES (?1, ?2, ?3, ?4)")?;

    for body in batches.iter().flat_map(|batch| &batch.audit) {
        let record = head.seal(body.clone());
        let (number, previous, hash) = (signed(record.number), record.previous.as_bytes(), record.hash.as_bytes());
        insert.execute(params![number, previous, hash, record.body])?;
    }
    keep_head(connection, head)?;

    let forget = batches.iter().map(|batch| batch.forget_audit).max().unwrap_or_default();
    if forget > 0 {
        connection.prepare_cached("DELETE FROM audit WHERE number <= ?1")?.execute(params![signed(forget)])?;
    }
    Ok(())
}

/// Keeps which record is the last beside the log, so that the removal of the newest ones is noticed.
pub(super) fn keep_head(connection: &Connection, head: AuditHead) -> rusqlite::Result<()> {
    let mut keep = connection.prepare_cached("UPDATE meta SET audit_number = ?1, audit_hash = ?2")?;
    keep.execute(params![signed(head.number), head.hash.as_bytes()]).map(drop)
}

/// The end of the log: the last record that was written, although it may have been removed since.
fn head(connection: &Connection) -> rusqlite::Result<AuditHead> {
    let mut last = connection.prepare_cached(
        "SELECT number, hash FROM (
            SELECT audit_number AS number, audit_hash AS hash, 1 AS is_kept FROM meta WHERE audit_number > 0
            UNION ALL SELECT * FROM (SELECT number, hash, 0 FROM audit ORDER BY number DESC LIMIT 1)
        ) ORDER BY number DESC, is_kept DESC LIMIT 1",
    )?;
    let head = last.query_row((), |row| Ok(AuditHead { number: unsigned(row.get(0)?), hash: hash(row, 1)? }));
    Ok(head.optional()?.unwrap_or(AuditHead::EMPTY))
}

/// Reads records, and how far the log reaches, of the newest format.
pub(super) fn read(connection: &Connection, range: AuditRange) -> rusqlite::Result<AuditPage> {
    read_of_format(connection, range, FORMAT)
}

/// Reads records, and how far the log reaches: to the last record that was written, if the format says which one that is.
pub(super) fn read_of_format(connection: &Connection, range: AuditRange, format: u32) -> rusqlite::Result<AuditPage> {
    let mut records = connection
        .prepare_cached("SELECT number, previous, hash, body FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2")?;
    let max = i64::try_from(range.max).unwrap_or(i64::MAX);
    let records = records.query_map(params![signed(range.after), max], record)?.collect::<rusqlite::Result<_>>()?;

    let mut ends = connection.prepare_cached(
        "SELECT ifnull((SELECT min(number) FROM audit), 0), ifnull((SELECT max(number) FROM audit), 0)",
    )?;
    let (first, last) = ends.query_row((), |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))?;
    let written = if format < AUDIT_HEAD_FORMAT { 0 } else { head(connection)?.number };
    Ok(AuditPage { records, first, last: last.max(written) })
}

fn record(row: &Row<'_>) -> rusqlite::Result<StoredAudit> {
    let number = unsigned(row.get(0)?);
    Ok(StoredAudit { number, previous: hash(row, 1)?, hash: hash(row, 2)?, body: bytes(row, 3)?.to_vec() })
}

/// A hash of another length than it was written with is one that nothing has: the chain finds it.
fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<AuditHash> {
    Ok(AuditHash::from_bytes(bytes(row, column)?).unwrap_or(AuditHash::ZERO))
}

/// The bytes of a column, whatever type it was given since.
fn bytes<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    Ok(row.get_ref(column)?.as_bytes().unwrap_or_default())
}
