//! `portolan services update`: takes instances out of service, and back.

use clap::{Args, ValueEnum};

use super::report_errors;
use super::selection::{InstanceSelection, report_missing};
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr};
use crate::client::InstanceChange;
use crate::error::Result;
use crate::model::OperatorStatus;

const EXAMPLES: &str = "\
Examples:
  portolan services update 6c1f… --status draining   no new calls
  portolan services update web --status maintenance --yes
  portolan services update --node web1 --status maintenance --reason 'patch day' --yes
  portolan services update 6c1f… --status up --weight 5";

/// Change the status or the weight of registered instances
///
/// A status holds until it is changed again, even if the instance renews its lease or registers again. Only registries that
/// `portolan serve` runs can do this. Exits with 1 if there is no such instance.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Update {
    /// Ids of instances, or names of services, which stand for all their instances; NAMESPACE/NAME if several namespaces have the name
    #[arg(value_name = "ID|NAME", required_unless_present = "node")]
    words: Vec<String>,
    /// Change only instances on this node; without ID|NAME, all of them
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Set whether the instance takes calls
    #[arg(long, value_enum, value_name = "STATUS", required_unless_present = "weight")]
    status: Option<StatusName>,
    /// Give the reason, which `portolan services list` and `get`, `portolan health show` and the audit log show
    #[arg(long, value_name = "TEXT", requires = "status")]
    reason: Option<String>,
    /// Set the share of the calls, relative to the other instances; 0 for none
    #[arg(long, value_name = "N")]
    weight: Option<u16>,
    /// Change all instances of a name or a node without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StatusName {
    /// It takes calls, if it is healthy
    Up,
    /// It finishes its calls, and takes no new ones
    Draining,
    /// It is out of service
    Maintenance,
}

impl StatusName {
    fn status(self) -> OperatorStatus {
        match self {
            Self::Up => OperatorStatus::Up,
            Self::Draining => OperatorStatus::Draining,
            Self::Maintenance => OperatorStatus::Maintenance,
        }
    }
}

impl Update {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        global.refuse_json("portolan services update", "prints no list", "leave it out")?;
        let change = InstanceChange {
            status: self.status.map(StatusName::status),
            reason: self.reason.clone(),
            weight: self.weight,
        };

        self.registry.run(async |registry| {
            let listing = self.registry.list(registry.services()).await?;
            let selection = match &self.node {
                Some(node) => InstanceSelection::on_node(&listing, &self.words, node),
                None => InstanceSelection::of(&listing, &self.words),
            };
            let mut exit = report_errors(&listing).max(report_missing(&selection));
            if !selection.is_confirmed("Change", self.yes) {
                let hint = "answer y at the terminal, add --yes, or name the instances by their ids";
                stderr::failure("nothing was changed: it was not confirmed", hint);
                return Ok(exit.max(Exit::ConditionFailed));
            }

            for chosen in &selection.chosen {
                let is_known = registry.change(chosen.instance, change.clone()).await?;
                if !is_known {
                    stderr::failure(&format!("{chosen} is no longer registered"), "list the services again");
                    exit = exit.max(Exit::ConditionFailed);
                } else if !global.quiet {
                    stderr::note(&format!("changed {chosen}"));
                }
            }
            Ok(exit)
        })
    }
}
