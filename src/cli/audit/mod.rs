//! `portolan audit`: who changed what in a registry, and whether the record of it is whole.

mod list;
mod pages;
mod verify;

use clap::{Args, Subcommand};

use self::list::AuditList;
use self::verify::Verify;
use super::Global;
use super::exit::Exit;
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  portolan audit                                   the last 100 records
  portolan audit --since 1h --who deploy
  portolan audit --all -o ndjson > audit.ndjson    export all of it
  portolan audit verify                            find changed and missing records
  portolan audit verify audit.ndjson";

/// Read the audit log of a registry that `portolan serve` runs: who did what, when, from where, with which result
///
/// The oldest record comes first. If the server has authentication, the key or token needs the role admin, without a scope.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Audit {
    #[command(flatten)]
    list: AuditList,
    #[command(subcommand)]
    action: Option<AuditAction>,
}

#[derive(Debug, Subcommand)]
enum AuditAction {
    Verify(Verify),
}

impl Audit {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        match &self.action {
            Some(AuditAction::Verify(verify)) => verify.run(global),
            None => self.list.run(global),
        }
    }
}
