//! What a database is and holds. Nothing is migrated for it.

use std::path::Path;

use rusqlite::Connection;

use super::fault;
use super::open::{existing, unsigned};
use super::schema::FORMAT;
use crate::store::{StoreError, StoreStatus};

/// The tables that count.
const TABLES: [&str; 3] = ["record", "event", "audit"];

/// Reads what a database is and holds, which no server uses.
///
/// # Errors
/// There is none, or it is damaged, in use, of a newer portolan, or of another program.
pub fn status(path: &Path) -> Result<StoreStatus, StoreError> {
    let (database, format) = existing(path)?;
    read(&database.connection, format).map_err(fault::opening(path))
}

fn read(connection: &Connection, format: u32) -> rusqlite::Result<StoreStatus> {
    let mut status = StoreStatus {
        engine: format!("SQLite {}", rusqlite::version()),
        format,
        newest_format: FORMAT,
        ..StoreStatus::default()
    };
    let number = |sql: &str| connection.query_row(sql, (), |row| row.get(0).map(unsigned));
    status.bytes = number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?);
    if format == 0 {
        return Ok(status);
    }

    let meta = connection.query_row("SELECT last_index, epoch FROM meta", (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    (status.index, status.epoch) = (unsigned(meta.0), meta.1);
    for table in TABLES {
        let exists = number(&format!("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{table}'"))?;
        // The first format has no audit log.
        if exists > 0 {
            status.tables.push((table, number(&format!("SELECT count(*) FROM {table}"))?));
        }
    }
    Ok(status)
}
