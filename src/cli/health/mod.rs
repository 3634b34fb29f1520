//! `portolan health`: what the health monitor of a registry server found, and checks at once.

mod text;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::registry::RegistryOptions;
use super::{Global, stderr, stdout, terminal};
use crate::clean::clean;
use crate::client::{HealthReport, HealthRequest, InstanceHealth, Registry};
use crate::error::Result;
use crate::model::{HealthState, SCHEMA};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  portolan health check web   check all instances of a service now
  portolan health check --all --json
  portolan health show web    what the last checks found
  portolan health show shop/web --server http://registry:7440";
const SHOW_EXAMPLES: &str = "\
Examples:
  portolan health show web   all instances of a service
  portolan health show 6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11
  portolan health show shop/web --server http://registry:7440";

/// Check the instances of a registry that `portolan serve` runs, or show what its checks found
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Health {
    #[command(subcommand)]
    command: HealthCommand,
}

#[derive(Debug, Subcommand)]
enum HealthCommand {
    Check(HealthCheck),
    Show(HealthShow),
}

/// Run the checks of instances now, on the server, and print the results
///
/// The server waits up to 60 s for them. A result counts for the thresholds like any other. An instance without checks has only
/// the state of its lease and its own report.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. Exits with 1 if an instance is unhealthy or there is no such instance,
/// and with 3 if a check did not finish.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct HealthCheck {
    /// The id of an instance, or the name of a service, as in web or NAMESPACE/web
    #[arg(value_name = "ID|NAME", required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Check every instance
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Show the health of an instance or a service: the states of its checks, the findings, and past results
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. Exits with 1 if there is no such instance.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
struct HealthShow {
    /// The id of an instance, or the name of a service, as in web or NAMESPACE/web
    #[arg(value_name = "ID|NAME")]
    name: String,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Serialize)]
struct HealthDocument<'r> {
    schema: &'static str,
    items: &'r [InstanceHealth],
    /// Whether every check ended, and every instance is listed.
    complete: bool,
}

impl Health {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        match &self.command {
            HealthCommand::Check(check) => check.run(global),
            HealthCommand::Show(show) => show.run(global),
        }
    }
}

impl HealthCheck {
    fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan health check")?;
        let request = self.name.as_deref().map_or(HealthRequest::CheckAll, HealthRequest::Check);
        self.registry.run(async |registry| {
            let Some(report) = ask(&registry, request).await? else { return Ok(Exit::ConditionFailed) };
            print(&report, json, false, global.quiet)?;
            Ok(exit(&report))
        })
    }
}

impl HealthShow {
    fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan health show")?;
        self.registry.run(async |registry| {
            let Some(report) = ask(&registry, HealthRequest::Show(&self.name)).await? else {
                return Ok(Exit::ConditionFailed);
            };
            print(&report, json, true, global.quiet)?;
            Ok(Exit::Done)
        })
    }
}

/// What the server says; `None` if it has no such instance, which is reported.
async fn ask(registry: &Registry, request: HealthRequest<'_>) -> Result<Option<HealthReport>> {
    let report = registry.health(request).await?;
    if let (None, HealthRequest::Show(name) | HealthRequest::Check(name)) = (&report, request) {
        let text = format!("no instance has the id {0}, and no service the name {0}", clean(name));
        stderr::failure(&text, "`portolan services list` shows the names, `portolan services get NAME` the ids");
    }
    Ok(report)
}

fn print(report: &HealthReport, json: bool, with_details: bool, quiet: bool) -> Result<()> {
    let width = terminal::stdout_width();
    let written = stdout::with_stdout(None, |out| {
        if json {
            let complete = report.finished && report.omitted == 0;
            let document = HealthDocument { schema: SCHEMA, items: &report.instances, complete };
            output::write_value(out, &document).map(|()| Vec::new())
        } else {
            text::write(out, report, with_details, width)
        }
    })?;
    terminal::note_hidden(&written.filter(|_| !quiet).unwrap_or_default());
    Ok(())
}

fn exit(report: &HealthReport) -> Exit {
    if !report.finished {
        stderr::failure("some checks did not finish within 60 s", "show them later with `portolan health show`");
        return Exit::Incomplete;
    }
    let is_unhealthy = report.instances.iter().any(|instance| instance.health == HealthState::Unhealthy);
    if is_unhealthy { Exit::ConditionFailed } else { Exit::Done }
}
