//! The tables, and how a database of an older portolan becomes one of this. Servers that start together migrate once.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::connect::Session;
use super::failure::{self, PostgresFailure};
use super::url::PostgresUrl;
use crate::clean::clean;
use crate::store::StoreError;

/// The newest format: each migration makes one of the next number.
pub const FORMAT: u32 = 5;

/// The oldest PostgreSQL that its own project still kept when this was written.
const MIN_VERSION: i32 = 140_000;

/// How long the database may take to say what it is.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long making or migrating the tables may take. PostgreSQL itself gives up a statement after a minute.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(5);

/// The advisory lock of migrations: `portolan` in ASCII.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"portolan");

/// Each of them makes the next format of the one before. A published one never changes.
///
/// The event has the change twice: as clients read it, and as other servers take it over. Renewals of leases are rows of many:
/// each server writes one a second. Compressing them would take longer than writing them.
const MIGRATIONS: [&str; FORMAT as usize] = [
    "
    CREATE TABLE portolan.meta (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        format integer NOT NULL,
        last_index bigint NOT NULL,
        epoch text NOT NULL,
        cluster text NOT NULL
    );
    CREATE TABLE portolan.record (id text PRIMARY KEY, body bytea NOT NULL);
    CREATE TABLE portolan.event (number bigint PRIMARY KEY, body bytea NOT NULL, replica bytea NOT NULL);
    CREATE TABLE portolan.lease (
        id text NOT NULL,
        slot smallint NOT NULL,
        generation bigint NOT NULL,
        expires timestamptz NOT NULL,
        PRIMARY KEY (id, slot)
    ) WITH (fillfactor = 50);
    INSERT INTO portolan.meta (format, last_index, epoch, cluster) VALUES (0, 0, gen_random_uuid()::text, '');
",
    "
    CREATE TABLE portolan.audit (
        number bigint PRIMARY KEY,
        previous bytea NOT NULL,
        hash bytea NOT NULL,
        body bytea NOT NULL
    );
",
    "
    CREATE TABLE portolan.member (
        id text PRIMARY KEY,
        name text NOT NULL,
        last_index bigint NOT NULL,
        checks integer,
        expires timestamptz NOT NULL
    ) WITH (fillfactor = 50);
",
    "
    DROP TABLE portolan.lease;
    CREATE TABLE portolan.renewal (
        server text NOT NULL,
        number bigint NOT NULL,
        at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (server, number)
    );
    ALTER TABLE portolan.renewal ALTER COLUMN body SET STORAGE EXTERNAL;
",
    "
    ALTER TABLE portolan.meta
        ADD COLUMN audit_number bigint NOT NULL DEFAULT 0,
        ADD COLUMN audit_hash bytea NOT NULL DEFAULT '';
    UPDATE portolan.meta SET audit_number = last.number, audit_hash = last.hash
        FROM (SELECT number, hash FROM portolan.audit ORDER BY number DESC LIMIT 1) AS last;
",
];

/// The first format whose servers say that they are there.
const MEMBER_FORMAT: u32 = 3;
/// How long it takes until a server that was killed no longer counts.
const MEMBER_WAIT: Duration = Duration::from_secs(4);
/// The interval at which they are counted.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const OLDER_SERVERS: &str = "
    SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') FROM portolan.member WHERE expires > clock_timestamp()";

const HAS_TABLES: &str = "
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'portolan' AND c.relname = 'meta'
    )";

/// Makes the tables ready for a server of this cluster.
///
/// # Errors
/// The database is too old, of a newer portolan, of another cluster, or refuses.
pub(super) async fn prepare(session: &Session, url: &PostgresUrl, cluster: &str) -> Result<(), StoreError> {
    let client = &session.client;
    let version = within(url, READ_TIMEOUT, version(client)).await?;
    if let Some(cause) = too_old(version) {
        return Err(url.unusable(cause, "PostgreSQL 14 or a later one is needed"));
    }

    // After a failure the connection is closed, and its transaction with it.
    let known = within(url, READ_TIMEOUT, format(client)).await?;
    let (format, owner) = match known.filter(|(format, _)| *format >= FORMAT) {
        Some(known) => known,
        None => within(url, MIGRATION_TIMEOUT, migrate(client, cluster)).await?,
    };
    if format > FORMAT {
        let cause = format!("it has format {format}, and this portolan knows up to {FORMAT}");
        return Err(url.unusable(cause, "use the version of portolan that wrote it, or name another database"));
    }
    if owner != cluster {
        let cause = format!("it belongs to the cluster '{}', not to '{}'", clean(&owner), clean(cluster));
        return Err(url.unusable(cause, "name another database, or give all servers the same --cluster"));
    }
    Ok(())
}

/// Does something with the database, which may fall silent meanwhile.
async fn within<T>(
    url: &PostgresUrl,
    limit: Duration,
    step: impl Future<Output = Result<T, PostgresFailure>>,
) -> Result<T, StoreError> {
    let done = timeout(limit, step).await.unwrap_or_else(|_| Err(PostgresFailure::silent(limit)));
    done.map_err(|fault| failure::opening(url, Some(fault)))
}

/// Why a version cannot be used, as PostgreSQL numbers it.
fn too_old(version: i32) -> Option<String> {
    (version < MIN_VERSION).then(|| format!("it is PostgreSQL {}", version / 10_000))
}

async fn version(client: &Client) -> Result<i32, PostgresFailure> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?;
    Ok(row.try_get(0)?)
}

/// Makes the newest format. Returns its format and the cluster that it belongs to.
async fn migrate(client: &Client, cluster: &str) -> Result<(u32, String), PostgresFailure> {
    client.batch_execute("BEGIN; SET LOCAL statement_timeout = '60s'").await?;
    // Another server may migrate at this moment.
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await?;
    let known = format(client).await?;
    let from = known.map_or(0, |(format, _)| format);
    if (MEMBER_FORMAT..FORMAT).contains(&from) {
        wait_for_older_servers(client).await?;
    }
    if from == 0 {
        client.batch_execute("CREATE SCHEMA IF NOT EXISTS portolan").await?;
    }
    for (format, step) in (1_i32..).zip(MIGRATIONS).skip(from as usize) {
        client.batch_execute(step).await?;
        client.execute("UPDATE portolan.meta SET format = $1", &[&format]).await?;
    }
    client.execute("UPDATE portolan.meta SET cluster = $1 WHERE cluster = ''", &[&cluster]).await?;
    client.batch_execute("COMMIT").await?;

    format(client).await?.ok_or_else(|| PostgresFailure::broken("its tables are gone again"))
}

/// Servers of an older format and of this one would not know of each other's renewals: they never run together.
async fn wait_for_older_servers(client: &Client) -> Result<(), PostgresFailure> {
    let deadline = Instant::now() + MEMBER_WAIT;
    loop {
        let names: String = client.query_one(OLDER_SERVERS, &[]).await?.try_get(0)?;
        if names.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(PostgresFailure::used_by_older(&names));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// The format of the tables and the cluster that they belong to; `None` if there are none.
pub(super) async fn format(client: &Client) -> Result<Option<(u32, String)>, PostgresFailure> {
    // Not `to_regclass`, which may remember from before another server's migration that there is no such table.
    let exists = client.query_one(HAS_TABLES, &[]).await?;
    if !exists.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client.query_one("SELECT format, cluster FROM portolan.meta", &[]).await?;
    let format: i32 = row.try_get(0)?;
    Ok(Some((u32::try_from(format).unwrap_or(u32::MAX), row.try_get(1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_named_and_a_newer_one_is_taken() {
        assert_eq!(too_old(130_022).as_deref(), Some("it is PostgreSQL 13"));
        assert_eq!([140_000, 150_018, 180_001].map(too_old), [None, None, None]);
    }
}
