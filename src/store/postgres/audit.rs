//! The audit log in its table. All servers write to one chain.

use tokio_postgres::{Client, Row};

use super::fault::Fault;
use super::news::{signed, unsigned};
use crate::model::AuditHash;
use crate::store::audit::AuditHead;
use crate::store::{AuditPage, AuditRange, Batch, StoredAudit};

const HEAD: &str = "SELECT number, hash FROM portolan.audit ORDER BY number DESC LIMIT 1";
const INSERT: &str = "
    INSERT INTO portolan.audit (number, previous, hash, body)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])";
const FORGET: &str = "DELETE FROM portolan.audit WHERE number <= $1";
const READ: &str = "SELECT number, previous, hash, body FROM portolan.audit WHERE number > $1 ORDER BY number LIMIT $2";
const ENDS: &str = "
    SELECT coalesce((SELECT min(number) FROM portolan.audit), 0), coalesce((SELECT max(number) FROM portolan.audit), 0)";

/// Stores the records of a batch, within its transaction: the lock of `meta` keeps other servers from continuing the chain.
pub(super) async fn store(client: &Client, batch: &Batch) -> Result<(), Fault> {
    if batch.audit.is_empty() && batch.forget_audit == 0 {
        return Ok(());
    }
    let last = client.query_opt(HEAD, &[]).await?;
    let mut head = match &last {
        Some(row) => AuditHead { number: unsigned(row.try_get(0)?), hash: hash(row, 1)? },
        None => AuditHead::EMPTY,
    };

    let records: Vec<StoredAudit> = batch.audit.iter().map(|body| head.seal(body.clone())).collect();
    copy(client, &records).await?;
    if batch.forget_audit > 0 {
        client.execute(FORGET, &[&signed(batch.forget_audit)]).await?;
    }
    Ok(())
}

/// Stores records as they were numbered and sealed elsewhere.
pub(super) async fn copy(client: &Client, records: &[StoredAudit]) -> Result<(), Fault> {
    let numbers: Vec<i64> = records.iter().map(|record| signed(record.number)).collect();
    let previous: Vec<&[u8]> = records.iter().map(|record| record.previous.as_bytes()).collect();
    let hashes: Vec<&[u8]> = records.iter().map(|record| record.hash.as_bytes()).collect();
    let bodies: Vec<&[u8]> = records.iter().map(|record| record.body.as_slice()).collect();
    client.execute(INSERT, &[&numbers, &previous, &hashes, &bodies]).await?;
    Ok(())
}

/// Reads records, and how far the log reaches.
pub(super) async fn read(client: &Client, range: AuditRange) -> Result<AuditPage, Fault> {
    let max = i64::try_from(range.max).unwrap_or(i64::MAX);
    let rows = client.query(READ, &[&signed(range.after), &max]).await?;
    let ends = client.query_one(ENDS, &[]).await?;

    let records: Result<Vec<StoredAudit>, Fault> = rows.iter().map(record).collect();
    Ok(AuditPage { records: records?, first: unsigned(ends.try_get(0)?), last: unsigned(ends.try_get(1)?) })
}

fn record(row: &Row) -> Result<StoredAudit, Fault> {
    let number = unsigned(row.try_get(0)?);
    Ok(StoredAudit { number, previous: hash(row, 1)?, hash: hash(row, 2)?, body: row.try_get(3)? })
}

/// A hash of another length than it was written with is one that nothing has: the chain finds it.
fn hash(row: &Row, column: usize) -> Result<AuditHash, Fault> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Ok(AuditHash::from_bytes(&bytes).unwrap_or(AuditHash::ZERO))
}
