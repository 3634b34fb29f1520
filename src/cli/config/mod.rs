//! `portolan config`: the user's settings, and the configurations that a registry keeps for services.

#[cfg(feature = "registry")]
mod history;
#[cfg(feature = "registry")]
mod read;
mod show;
#[cfg(feature = "registry")]
mod write;

use clap::{Args, Subcommand};

use super::Global;
use super::exit::Exit;
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  portolan config show               portolan's own settings, with their origin
  portolan config put web web.json   store a configuration in the registry
  portolan config get web --watch    print it, and again after each change
  portolan config rollback web 2     make version 2 the current one again";

/// Show portolan's settings, or read and write configurations that a registry keeps for services
///
/// `show` is about the settings of portolan itself. The other commands use a registry that `portolan serve` runs: without
/// --registry, DISCOVERY_PROVIDER and the variables of that provider select it; if they are not set, it is the one on this
/// machine, at 127.0.0.1:7440.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Show),
    #[cfg(feature = "registry")]
    List(read::ConfigList),
    #[cfg(feature = "registry")]
    Get(read::Get),
    #[cfg(feature = "registry")]
    Put(write::Put),
    #[cfg(feature = "registry")]
    Delete(write::Delete),
    #[cfg(feature = "registry")]
    History(history::ConfigHistory),
    #[cfg(feature = "registry")]
    Diff(history::Diff),
    #[cfg(feature = "registry")]
    Rollback(write::Rollback),
}

impl Config {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        match &self.action {
            Action::Show(show) => show.run(global),
            #[cfg(feature = "registry")]
            Action::List(list) => list.run(global),
            #[cfg(feature = "registry")]
            Action::Get(get) => get.run(global),
            #[cfg(feature = "registry")]
            Action::Put(put) => put.run(global),
            #[cfg(feature = "registry")]
            Action::Delete(delete) => delete.run(global),
            #[cfg(feature = "registry")]
            Action::History(history) => history.run(global),
            #[cfg(feature = "registry")]
            Action::Diff(diff) => diff.run(global),
            #[cfg(feature = "registry")]
            Action::Rollback(rollback) => rollback.run(global),
        }
    }
}
