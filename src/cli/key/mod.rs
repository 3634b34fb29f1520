//! `portolan key`: the API keys of a server.

mod create;
mod file;
mod list;
mod revoke;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::create::Create;
use self::file::KeyFile;
use self::list::List;
use self::revoke::Revoke;
use super::Global;
use super::exit::Exit;
use crate::error::Result;

/// Create, list and revoke the API keys of `portolan serve`
///
/// A server with --auth admits only callers with a key or a token. Keys are stored as hashes in a file in the state
/// directory; a running server reads a changed file within a second.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct KeyArgs {
    /// Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]
    #[arg(long, value_name = "FILE", global = true)]
    keys_file: Option<PathBuf>,
    #[command(subcommand)]
    command: KeyCommand,
}

const EXAMPLES: &str = "\
Examples:
  portolan key create --name deploy --role operator
  portolan key create --name shop --role operator --service shop- --expires 90d
  portolan key list
  portolan key revoke 3f9c0a1b2c3d";

#[derive(Debug, Subcommand)]
enum KeyCommand {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

impl KeyArgs {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let file = KeyFile::choose(self.keys_file.as_ref(), global.config.as_ref())?;
        match &self.command {
            KeyCommand::Create(create) => create.run(&file, global),
            KeyCommand::List(list) => list.run(&file, global),
            KeyCommand::Revoke(revoke) => revoke.run(&file, global),
        }
    }
}
