//! `portolan db`: the databases of registry servers, without a server.

mod backup;
mod copy;
mod fault;
mod migrate;
mod place;
mod source;
mod status;
mod target;

use clap::{Args, Subcommand};

use self::backup::Backup;
use self::copy::Copy;
use self::migrate::Migrate;
use self::place::Database;
use self::status::Status;
use super::Global;
use super::exit::Exit;
use super::serve::DataPlace;
use crate::error::Result;

/// Inspect, migrate, back up and copy the databases of `portolan serve`
///
/// A database is the SQLite file of one server, or the PostgreSQL database of several. None of these commands needs a
/// running server. They cannot open a file that a server uses, but they can open a PostgreSQL database while servers write
/// to it.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Db {
    #[command(subcommand)]
    command: DbCommand,
}

const EXAMPLES: &str = "\
Examples:
  portolan db status
  portolan db status postgresql://portolan@db1/registry
  portolan db backup backup.db
  portolan db copy registry.db postgresql://portolan@db1/registry";

#[derive(Debug, Subcommand)]
enum DbCommand {
    Status(Status),
    Migrate(Migrate),
    Backup(Backup),
    Copy(Copy),
}

/// Creates or migrates the tables of the database of servers in this cluster.
///
/// # Errors
/// It cannot be opened, or there is none.
pub(super) fn migrate((data, cluster): (DataPlace, String), global: &Global) -> Result<Exit> {
    migrate::migrate_tables(&Database::of(data, cluster)?, global)
}

impl Db {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        match &self.command {
            DbCommand::Status(status) => status.run(global),
            DbCommand::Migrate(migrate) => migrate.run(global),
            DbCommand::Backup(backup) => backup.run(global),
            DbCommand::Copy(copy) => copy.run(global),
        }
    }
}
