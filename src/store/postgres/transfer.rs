//! Everything of a database, read as it is at one moment while servers use it, and written to an empty one.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use super::audit;
use super::changes::{contents, signed};
use super::connect::{Session, connect};
use super::failure::{self, PostgresFailure};
use super::schema::{self, FORMAT, format};
use super::url::PostgresUrl;
use crate::store::{AuditPage, AuditRange, Contents, StoreError, StoredAudit};

/// How long one step may take.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);
/// The rows of one statement.
const ROWS: usize = 5_000;

/// Nothing else ends a transaction that takes long: this one may wait for a disk.
const LONG: &str = "SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '120s'";

/// A database that is read as a whole, as it is at one moment. Servers may write to it meanwhile.
#[derive(Debug)]
pub struct PostgresExport {
    url: PostgresUrl,
    session: Session,
}

impl PostgresExport {
    /// Opens a database, and reads everything but its audit log.
    ///
    /// # Errors
    /// It cannot be reached or read, has no registry, or one of another format.
    pub async fn open(url: &PostgresUrl) -> Result<(Self, Contents), StoreError> {
        let export = Self { url: url.clone(), session: connect(url, None).await? };
        let client = &export.session.client;
        let known = export.step(format(client)).await?;
        match known {
            Some((FORMAT, _)) => {}
            Some((other, _)) => {
                let cause = format!("it has format {other}, and this portolan copies format {FORMAT}");
                return Err(
                    url.unusable(cause, "run `portolan db migrate`, or use the version of portolan that wrote it")
                );
            }
            None => return Err(url.unusable("it has no registry", "name the database of a server")),
        }

        let read = export.step(read(client)).await?;
        Ok((export, read))
    }

    /// Reads records of its audit log.
    ///
    /// # Errors
    /// The database is away.
    pub async fn audit(&self, range: AuditRange) -> Result<AuditPage, StoreError> {
        self.step(audit::read(&self.session.client, range)).await
    }

    async fn step<T>(&self, step: impl Future<Output = Result<T, PostgresFailure>>) -> Result<T, StoreError> {
        within_limits(&self.url, step).await
    }
}

async fn read(client: &Client) -> Result<Contents, PostgresFailure> {
    client.batch_execute(LONG).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    contents(client).await
}

/// A database that is being filled. Servers see nothing of it before it is whole.
#[derive(Debug)]
pub struct PostgresImport {
    url: PostgresUrl,
    session: Session,
}

impl PostgresImport {
    /// Makes the tables for a cluster, and begins to fill them.
    ///
    /// # Errors
    /// It cannot be reached or used, or there is something in it.
    pub async fn begin(url: &PostgresUrl, cluster: &str, contents: &Contents) -> Result<Self, StoreError> {
        let session = connect(url, None).await?;
        schema::prepare(&session, url, cluster).await?;
        let import = Self { url: url.clone(), session };

        if let Some(found) = import.step(lock(&import.session.client)).await? {
            return Err(url.unusable(found, "name an empty database; `createdb` creates one"));
        }
        import.step(fill(&import.session.client, contents)).await?;
        Ok(import)
    }

    /// Adds records of the audit log, as they are.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn add_audit(&self, records: &[StoredAudit]) -> Result<(), StoreError> {
        self.step(audit::copy(&self.session.client, records)).await
    }

    /// Makes everything durable, and visible for servers.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn finish(self) -> Result<(), StoreError> {
        let client = &self.session.client;
        self.step(async { Ok(client.batch_execute("COMMIT").await?) }).await
    }

    async fn step<T>(&self, step: impl Future<Output = Result<T, PostgresFailure>>) -> Result<T, StoreError> {
        within_limits(&self.url, step).await
    }
}

async fn within_limits<T>(
    url: &PostgresUrl,
    step: impl Future<Output = Result<T, PostgresFailure>>,
) -> Result<T, StoreError> {
    let done = timeout(STEP_TIMEOUT, step).await.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
    done.map_err(|fault| failure::opening(url, Some(fault)))
}

/// Begins, with the lock of all writers. Returns what is there already, if there is something.
async fn lock(client: &Client) -> Result<Option<String>, PostgresFailure> {
    client.batch_execute(LONG).await?;
    client.batch_execute("BEGIN").await?;
    let meta = client.query_one("SELECT last_index FROM portolan.meta FOR UPDATE", &[]).await?;
    let index: i64 = meta.try_get(0)?;
    let counts = "SELECT (SELECT count(*) FROM portolan.record), (SELECT count(*) FROM portolan.audit)";
    let counts = client.query_one(counts, &[]).await?;
    let (records, audit): (i64, i64) = (counts.try_get(0)?, counts.try_get(1)?);

    let is_empty = index == 0 && records == 0 && audit == 0;
    Ok((!is_empty)
        .then(|| format!("it is not empty: {records} records at index {index}, {audit} records of the audit log")))
}

async fn fill(client: &Client, contents: &Contents) -> Result<(), PostgresFailure> {
    let set = "UPDATE portolan.meta SET last_index = $1, epoch = $2";
    client.execute(set, &[&signed(contents.index), &contents.epoch]).await?;

    for records in contents.records.chunks(ROWS) {
        let ids: Vec<&str> = records.iter().map(|(id, _)| id.as_str()).collect();
        let bodies: Vec<&[u8]> = records.iter().map(|(_, body)| body.as_slice()).collect();
        let insert = "INSERT INTO portolan.record (id, body) SELECT * FROM unnest($1::text[], $2::bytea[])";
        client.execute(insert, &[&ids, &bodies]).await?;
    }
    for events in contents.events.chunks(ROWS) {
        let numbers: Vec<i64> = events.iter().map(|event| signed(event.index)).collect();
        let bodies: Vec<&[u8]> = events.iter().map(|event| event.body.as_slice()).collect();
        let replicas: Vec<&[u8]> = events.iter().map(|event| event.replica.as_slice()).collect();
        let insert = "
            INSERT INTO portolan.event (number, body, replica)
            SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
        client.execute(insert, &[&numbers, &bodies, &replicas]).await?;
    }
    Ok(())
}
