//! `portolan db migrate`

use clap::{Args, ValueHint};

use super::fault::fault;
use super::place::{Database, DatabasePlace};
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr};
use crate::error::Result;
use crate::net::runtime;
#[cfg(feature = "postgres")]
use crate::store::Postgres;
use crate::store::{FORMAT, Sqlite, StoreError, status};

/// Create the tables of a database, or migrate those of an older portolan
///
/// A server does the same when it starts. Run this beforehand as a database user that may create tables, so that the user
/// of the servers need not. Stop the servers of the older portolan first: nothing is migrated while one of them runs, and
/// afterwards they cannot start again. Back up first: the only way back is a backup.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan db migrate
  portolan db migrate postgresql://admin@db1/registry
  portolan db migrate registry.db")]
pub(super) struct Migrate {
    /// Migrate this database: a file, or postgresql://HOST/NAME [default: the one in the server's settings]
    #[arg(value_name = "DATABASE", value_hint = ValueHint::AnyPath)]
    database: Option<String>,
}

impl Migrate {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        migrate_tables(&Database::choose(self.database.as_deref(), global.config.as_ref())?, global)
    }
}

/// Creates or migrates the tables of a database, and says which.
///
/// # Errors
/// It cannot be opened, or written to.
pub(super) fn migrate_tables(database: &Database, global: &Global) -> Result<Exit> {
    let migrated = runtime(1)?.block_on(migrate(database));
    let (before, after) = migrated.map_err(|error| fault(&database.shown(), &error))?;
    if !global.quiet {
        let shown = database.shown();
        stderr::note(&match before {
            0 => format!("{shown} has its tables now, in format {after}"),
            _ if before == after => format!("{shown} has format {after} already"),
            _ => format!("{shown} was migrated from format {before} to {after}"),
        });
    }
    Ok(Exit::Done)
}

/// Returns the formats before, 0 for none, and after.
#[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a file is not waited for"))]
async fn migrate(database: &Database) -> std::result::Result<(u32, u32), StoreError> {
    match &database.place {
        DatabasePlace::File(path) => {
            let before = if path.exists() { status(path)?.format } else { 0 };
            Sqlite::open(path, u64::MAX).map(drop)?;
            Ok((before, FORMAT))
        }
        #[cfg(feature = "postgres")]
        DatabasePlace::Postgres(url) => Postgres::migrate(url, &database.cluster).await,
    }
}
