//! What a database is and holds. Nothing is migrated for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;
use tokio_postgres::Client;
use tracing::warn;

use super::changes::{members, unsigned};
use super::connect::{Session, connect};
use super::failure::{self, PostgresFailure};
use super::schema::{FORMAT, format};
use super::url::PostgresUrl;
use crate::store::{StoreError, StoreStatus};

/// The tables that count.
const TABLES: [&str; 5] = ["record", "event", "renewal", "audit", "member"];
/// A difference of the clocks that is worth a line, in seconds.
const MAX_CLOCK_DIFFERENCE: f64 = 5.0;
/// How long the reading may take.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
const MEMBERS: &str = "
    SELECT id, name, last_index, checks FROM portolan.member WHERE expires > clock_timestamp() ORDER BY id";

/// Reads what a database is and holds; servers may use it meanwhile.
///
/// # Errors
/// It cannot be reached or read.
pub(super) async fn read(url: &PostgresUrl) -> Result<StoreStatus, StoreError> {
    let session = connect(url, None).await?;
    let read = timeout(READ_TIMEOUT, status(&session)).await;
    let read = read.unwrap_or_else(|_| Err(PostgresFailure::silent(READ_TIMEOUT)));
    read.map_err(|fault| failure::opening(url, Some(fault)))
}

async fn status(session: &Session) -> Result<StoreStatus, PostgresFailure> {
    let client = &session.client;
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'")
        .await?;
    let row =
        client.query_one("SELECT current_setting('server_version'), pg_database_size(current_database())", &[]).await?;
    let version: &str = row.try_get(0)?;
    let mut status = StoreStatus {
        engine: format!("PostgreSQL {version}"),
        newest_format: FORMAT,
        bytes: unsigned(row.try_get(1)?),
        clock_ahead: Some(clock_ahead(client).await?),
        ..StoreStatus::default()
    };
    let Some((format, cluster)) = format(client).await? else { return Ok(status) };
    (status.format, status.cluster) = (format, Some(cluster));

    let meta = client.query_one("SELECT last_index, epoch FROM portolan.meta", &[]).await?;
    (status.index, status.epoch) = (unsigned(meta.try_get(0)?), meta.try_get(1)?);
    for table in TABLES {
        // An older format has fewer tables.
        let exists = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&format!("portolan.{table}")]).await?;
        if !exists.try_get::<_, bool>(0)? {
            continue;
        }
        let count = client.query_one(&format!("SELECT count(*) FROM portolan.{table}"), &[]).await?;
        status.tables.push((table, unsigned(count.try_get(0)?)));
        if table == "member" {
            status.servers = members(&client.query(MEMBERS, &[]).await?)?;
        }
    }
    Ok(status)
}

/// Says so if the clock of the database is not that of this machine. Leases do not suffer: they last as long as the database
/// says, and never until a time of day.
pub(super) async fn compare_clocks(session: &Session, url: &PostgresUrl) -> Result<(), StoreError> {
    let compared = timeout(READ_TIMEOUT, clock_ahead(&session.client)).await;
    let compared = compared.unwrap_or_else(|_| Err(PostgresFailure::silent(READ_TIMEOUT)));
    let ahead = compared.map_err(|fault| failure::opening(url, Some(fault)))?;
    if ahead.abs() > MAX_CLOCK_DIFFERENCE {
        let (seconds, direction) = clock_words(ahead);
        warn!(
            seconds,
            "the clock of the database is {direction} that of this machine: times of events mislead, set both by NTP"
        );
    }
    Ok(())
}

/// The difference of the clock of the database, in whole seconds, and its direction.
fn clock_words(ahead: f64) -> (f64, &'static str) {
    (ahead.abs().round(), if ahead > 0.0 { "ahead of" } else { "behind" })
}

/// How far the clock of the database is before that of this machine, in seconds. The way there and back is not told from a
/// difference.
pub(super) async fn clock_ahead(client: &Client) -> Result<f64, PostgresFailure> {
    let before = since_epoch();
    let row = client.query_one("SELECT extract(epoch FROM clock_timestamp())::float8", &[]).await?;
    let (there, after): (f64, f64) = (row.try_get(0)?, since_epoch());

    Ok(difference(before, there, after))
}

/// How far a time is before the two moments between which it was read. What lies between them is no difference at all.
fn difference(before: f64, there: f64, after: f64) -> f64 {
    if there < before { there - before } else { (there - after).max(0.0) }
}

fn since_epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_or_behind_by_a_number_of_seconds() {
        assert_eq!(clock_words(3_600.4), (3_600.0, "ahead of"));
        assert_eq!(clock_words(-3_599.6), (3_600.0, "behind"));
    }

    #[test]
    fn only_what_is_outside_of_the_two_moments_is_a_difference() {
        assert!(difference(100.0, 100.5, 101.0).abs() < f64::EPSILON);
        assert!((difference(100.0, 3_701.0, 101.0) - 3_600.0).abs() < 1e-9, "ahead");
        assert!((difference(3_700.0, 100.0, 3_701.0) + 3_600.0).abs() < 1e-9, "behind");
    }
}
