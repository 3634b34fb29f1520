//! `portolan db backup`

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::copy::copy;
use super::place::{Database, DatabasePlace};
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr};
use crate::error::Result;
use crate::net::runtime;

/// Write a backup of a database to a new SQLite file
///
/// The backup of PostgreSQL is the database as it is at one moment, also while servers write to it. The backup is complete and on
/// the disk when the command ends, or not there. To restore it, start a server with that file (--data), or copy it to an empty
/// PostgreSQL database with `portolan db copy`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan db backup registry-backup.db
  portolan db backup registry-backup.db --database postgresql://portolan@db1/registry
  portolan db backup registry-backup.db --config serve.yaml")]
pub(super) struct Backup {
    /// Write the backup to this file, which must not exist
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Back up this one: a file, or postgresql://HOST/NAME [default: the database of a server with these settings]
    #[arg(long, value_name = "DATABASE", value_hint = ValueHint::AnyPath)]
    database: Option<String>,
}

impl Backup {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let from = Database::choose(self.database.as_deref(), global.config.as_ref())?;
        let to = Database { place: DatabasePlace::File(self.file.clone()), cluster: from.cluster.clone() };
        let copied = runtime(1)?.block_on(copy(&from, &to))?;
        if !global.quiet {
            stderr::note(&copied.to_text(&from, &to));
        }
        Ok(Exit::Done)
    }
}
