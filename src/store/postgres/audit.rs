//! The audit log in its table. All servers write to one chain.

use tokio_postgres::{Client, Row};

use super::changes::{signed, unsigned};
use super::failure::PostgresFailure;
use crate::model::AuditHash;
use crate::store::audit::AuditHead;
use crate::store::{AuditPage, AuditRange, StoredAudit};

/// The last record that was written, although it may have been removed since.
pub(super) const HEAD: &str = "
    SELECT number, hash FROM (
        SELECT audit_number AS number, audit_hash AS hash, true AS is_kept FROM portolan.meta WHERE audit_number > 0
        UNION ALL (SELECT number, hash, false FROM portolan.audit ORDER BY number DESC LIMIT 1)
    ) AS heads ORDER BY number DESC, is_kept DESC LIMIT 1";
/// Which record is the last is kept beside the log, so that the removal of the newest ones is noticed.
pub(super) const INSERT: &str = "
    WITH head AS (
        UPDATE portolan.meta SET audit_number = ($1::bigint[])[cardinality($1::bigint[])],
            audit_hash = ($3::bytea[])[cardinality($3::bytea[])]
        WHERE cardinality($1::bigint[]) > 0
    )
    INSERT INTO portolan.audit (number, previous, hash, body)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])";
pub(super) const FORGET: &str = "DELETE FROM portolan.audit WHERE number <= $1";
const READ: &str = "SELECT number, previous, hash, body FROM portolan.audit WHERE number > $1 ORDER BY number LIMIT $2";
const ENDS: &str = "
    SELECT coalesce((SELECT min(number) FROM portolan.audit), 0),
        greatest(coalesce((SELECT max(number) FROM portolan.audit), 0), (SELECT audit_number FROM portolan.meta))";

/// The end of the log, from a row of number and hash; without one the log is empty.
pub(super) fn head(row: Option<&Row>) -> Result<AuditHead, PostgresFailure> {
    match row {
        Some(row) => Ok(AuditHead { number: unsigned(row.try_get(0)?), hash: hash(row, 1)? }),
        None => Ok(AuditHead::EMPTY),
    }
}

/// Records as the columns of `unnest`.
#[derive(Debug)]
pub(super) struct AuditColumns<'r> {
    pub(super) numbers: Vec<i64>,
    pub(super) previous: Vec<&'r [u8]>,
    pub(super) hashes: Vec<&'r [u8]>,
    pub(super) bodies: Vec<&'r [u8]>,
}

impl<'r> AuditColumns<'r> {
    pub(super) fn of(records: &'r [StoredAudit]) -> Self {
        Self {
            numbers: records.iter().map(|record| signed(record.number)).collect(),
            previous: records.iter().map(|record| record.previous.as_bytes()).collect(),
            hashes: records.iter().map(|record| record.hash.as_bytes()).collect(),
            bodies: records.iter().map(|record| record.body.as_slice()).collect(),
        }
    }
}

/// Stores records as they were numbered and sealed elsewhere.
pub(super) async fn copy(client: &Client, records: &[StoredAudit]) -> Result<(), PostgresFailure> {
    let AuditColumns { numbers, previous, hashes, bodies } = AuditColumns::of(records);
    client.execute(INSERT, &[&numbers, &previous, &hashes, &bodies]).await?;
    Ok(())
}

/// Reads records, and how far the log reaches.
pub(super) async fn read(client: &Client, range: AuditRange) -> Result<AuditPage, PostgresFailure> {
    let max = i64::try_from(range.max).unwrap_or(i64::MAX);
    // First: a record that comes in between is not one that is missing.
    let ends = client.query_one(ENDS, &[]).await?;
    let rows = client.query(READ, &[&signed(range.after), &max]).await?;

    let records: Result<Vec<StoredAudit>, PostgresFailure> = rows.iter().map(record).collect();
    Ok(AuditPage { records: records?, first: unsigned(ends.try_get(0)?), last: unsigned(ends.try_get(1)?) })
}

fn record(row: &Row) -> Result<StoredAudit, PostgresFailure> {
    let number = unsigned(row.try_get(0)?);
    Ok(StoredAudit { number, previous: hash(row, 1)?, hash: hash(row, 2)?, body: row.try_get(3)? })
}

/// A hash of another length than it was written with is one that nothing has: the chain finds it.
fn hash(row: &Row, column: usize) -> Result<AuditHash, PostgresFailure> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Ok(AuditHash::from_bytes(&bytes).unwrap_or(AuditHash::ZERO))
}
