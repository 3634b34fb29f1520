//! `portolan deregister`: removes instances from a registry, also those that other programs registered.

use clap::Args;

use super::exit::Exit;
use super::registry::RegistryOptions;
use super::services::{InstanceSelection, report_errors, report_missing};
use super::{Global, stderr};
use crate::error::{Error, Result};

const EXAMPLES: &str = "\
Examples:
  portolan deregister 6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11  one instance
  portolan deregister web --yes   all instances of a service
  portolan deregister web-1 --registry consul://127.0.0.1:8500";

/// Remove instances from a registry
///
/// Asks for confirmation if several instances have the name, unless --yes is given. A program that maintains its own
/// registration, such as `portolan register`, registers again. With Consul, only the agent that an instance is registered
/// with can remove it.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. Exits with 1 if there is no such instance.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Deregister {
    /// Ids of instances, or names of services, which stand for all their instances; NAMESPACE/NAME if several namespaces have the name
    #[arg(value_name = "ID|NAME", required = true)]
    words: Vec<String>,
    /// Remove all instances of a name without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Deregister {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if global.wants_json("portolan deregister")? {
            return Err(Error::usage("--json", "portolan deregister prints no list", "leave it out"));
        }

        self.registry.run(async |registry| {
            let listing = self.registry.list(registry.services()).await?;
            let selection = InstanceSelection::of(&listing, &self.words);
            let mut exit = report_errors(&listing).max(report_missing(&selection));
            if !selection.is_confirmed("Deregister", self.yes) {
                let hint = "answer y at the terminal, add --yes, or name the instances by their ids";
                stderr::failure("nothing was deregistered: it was not confirmed", hint);
                return Ok(exit.max(Exit::ConditionFailed));
            }

            let mut leased = 0;
            for chosen in &selection.chosen {
                let was_there = registry.remove(chosen.service, chosen.instance).await?;
                if !was_there {
                    stderr::failure(&format!("{chosen} is no longer registered"), "list the services again");
                    exit = exit.max(Exit::ConditionFailed);
                } else if !global.quiet {
                    stderr::note(&format!("deregistered {chosen}"));
                    leased += usize::from(chosen.instance.lease.is_some_and(|lease| !lease.expired));
                }
            }
            if let count @ 1.. = leased {
                let had = if count == 1 { "it had".to_owned() } else { format!("{count} of them had") };
                stderr::note(&format!("{had} a lease that a client renews: a client that still runs registers again"));
            }
            Ok(exit)
        })
    }
}
