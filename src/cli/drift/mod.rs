//! `portolan drift`: what is registered, what listens, what replies, and where they disagree.

mod fail_on;
mod fix;
#[cfg(feature = "registry")]
mod fleet;
mod registries;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};

use self::fail_on::FailOn;
use self::registries::NamedRegistry;
#[cfg(feature = "registry")]
pub(super) use self::registries::source_of;
use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::outputs::TableArgs;
use super::watch::Watching;
use super::{Global, stderr};
use crate::clean::clean;
use crate::drift::{AllowList, Drift, HostFilter};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::parse_duration;
use crate::net::read_file;

const EXAMPLES: &str = "\
Examples:
  portolan drift consul://127.0.0.1:8500   one registry against this machine
  portolan drift consul: etcd: --file services.toml  several registries
  portolan drift --allow drift.allow       the registry by DISCOVERY_PROVIDER
  portolan drift consul: dns://127.0.0.1:8600/service.consul
  portolan drift consul: --fail-on not-listening,loopback-only -o junit=drift.xml
  portolan drift consul: --group-by finding --counts how many of each kind
  portolan drift consul: --watch --lines   each drift as it begins and ends
  portolan drift consul: --fix             print the commands that fix it
  portolan drift --fleet portolan://registry:7440  what the agents of all hosts report";

/// Compare registries with what listens on this machine and what replies
///
/// Prints one line per finding: what is wrong, what holds the port, since when, and the command to type. A registry is a
/// URL, as in consul://127.0.0.1:8500, etcd://127.0.0.1:2379, portolan://127.0.0.1:7440, dns://10.0.0.53/example.com,
/// k8s:NAMESPACE or file:services.toml; a plain consul: takes the address from Consul's own variables. Without REGISTRY,
/// DISCOVERY_PROVIDER and the variables of that provider select it; if they are not set, it is the one on this machine, at
/// 127.0.0.1:7440. In DNS, portolan looks up the names that the other registries have.
///
/// Connects once to each registered TCP address, and identifies what replies where a registration declares its protocol.
/// What portolan cannot see, such as the sockets of other hosts and hidden owners, is never a finding; it counts as `cannot
/// tell`. A registration declares its process, unit or container in metadata with these names (labels in a services file).
///
/// With --fleet, portolan does not examine this machine: the findings are those that `portolan agent` reports on each host.
///
/// Exits with 1 if there is a finding (see --fail-on), and with 3 if a registry could not be read; the others are still
/// compared.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DriftArgs {
    /// Compare these registries, as in consul://127.0.0.1:8500 [default: from the DISCOVERY_* variables, else
    /// portolan://127.0.0.1:7440]
    #[arg(value_name = "REGISTRY", value_hint = ValueHint::Url)]
    registries: Vec<String>,
    /// Compare the services of this file too; short for file:FILE, can be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Targets")]
    file: Vec<PathBuf>,
    /// Compare only the registrations of this host: `local`, or a node, name or address; can be repeated [default: all]
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname, help_heading = "Targets")]
    host: Vec<String>,
    /// List the findings of all hosts, which their agents report to the REGISTRY: one that `portolan serve` runs
    #[cfg(feature = "registry")]
    #[arg(long, conflicts_with_all = ["file", "node", "allow", "connect_only", "fix"], help_heading = "Targets")]
    fleet: bool,
    /// Treat this node name as this machine, in addition to its host name; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Targets")]
    node: Vec<String>,
    /// Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one
    /// per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Filters")]
    allow: Option<PathBuf>,
    /// Also list addresses that agree, and those that cannot be judged
    #[arg(long, help_heading = "Filters")]
    all: bool,
    /// Exit with 1 only for these findings: any, none, or codes, as in drift-not-listening or not-listening
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = FailOn::parse, default_value = "any", help_heading = "Output")]
    fail_on: Vec<FailOn>,
    /// Only connect, without identifying what replies
    #[arg(long, help_heading = "Timing")]
    connect_only: bool,
    /// Set the maximum duration of one connection
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s", help_heading = "Timing")]
    timeout: Duration,
    /// Print the commands that fix the findings, instead of the findings
    #[arg(long, conflicts_with = "watch", help_heading = "Output")]
    fix: bool,
    /// With --fix, deregister duplicates and instances that do not listen: at most 20 % of a service
    ///
    /// Two comparisons must agree. portolan changes nothing else: it only prints the other commands.
    #[arg(long, requires = "fix", help_heading = "Output")]
    yes: bool,
    #[command(flatten)]
    table: TableArgs,
    #[command(flatten)]
    watching: Watching,
}

/// The longest file of allowed listeners.
const MAX_ALLOW_BYTES: usize = 1 << 20;

impl DriftArgs {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let watches = self.watching.is_asked()?;
        #[cfg(feature = "registry")]
        if self.fleet {
            return self.run_fleet(watches, global);
        }
        let registries = registries::open(&self.registries, &self.file)?;
        let drift = self.drift(&registries)?;
        if self.fix {
            return fix::run(&drift, &registries, (self.yes, &self.fail_on), global);
        }
        if watches {
            return self.watching.without_checks()?.run(&drift, global);
        }

        let exit = self.rules().list(&drift, &IdentifyArgs::default(), global)?;
        let is_failed = drift.counts().findings.keys().any(|code| FailOn::matches(&self.fail_on, code));
        Ok(if is_failed { exit.max(Exit::ConditionFailed) } else { exit })
    }

    /// Lists what the agents report.
    #[cfg(feature = "registry")]
    fn run_fleet(&self, watches: bool, global: &Global) -> Result<Exit> {
        let [url, rest @ ..] = self.registries.as_slice() else {
            return self.list_fleet(&super::registry::RegistryOptions::of_url(None).open()?, watches, global);
        };
        if !rest.is_empty() {
            let why = "--fleet reads the reports of one server";
            return Err(Error::usage(
                "REGISTRY",
                why,
                "name one, as in portolan drift --fleet portolan://127.0.0.1:7440",
            ));
        }
        self.list_fleet(&super::registry::RegistryOptions::of_url(Some(url.clone())).open()?, watches, global)
    }

    #[cfg(feature = "registry")]
    fn list_fleet(&self, registry: &crate::client::Registry, watches: bool, global: &Global) -> Result<Exit> {
        let fleet = fleet::Fleet::new(registry.server()?, self.host.clone(), self.all);
        if watches {
            return self.watching.without_checks()?.run(&fleet, global);
        }

        let exit = self.rules().list(&fleet, &IdentifyArgs::default(), global)?;
        let is_failed = fleet.counts().findings.keys().any(|code| FailOn::matches(&self.fail_on, code));
        Ok(if is_failed { exit.max(Exit::ConditionFailed) } else { exit })
    }

    fn rules(&self) -> ExitRules {
        ExitRules::counting("finding").with_table(self.table.clone())
    }

    fn drift(&self, registries: &[NamedRegistry]) -> Result<Drift> {
        let allow = self.allow.as_deref().map(read_allow);

        let sources = registries.iter().map(NamedRegistry::source).collect();
        Ok(Drift::new(sources)
            .hosts(self.host.iter().map(|host| HostFilter::of(host)).collect())
            .nodes(self.node.clone())
            .allow(allow.transpose()?.unwrap_or_default())
            .connect_timeout(self.timeout)
            .identify(!self.connect_only)
            .show_all(self.all))
    }
}

/// Reads the file of `--allow`.
///
/// # Errors
/// It cannot be read, or a line of it is none.
pub(super) fn read_allow(path: &Path) -> Result<AllowList> {
    let shown = path.to_string_lossy();
    let what = format!("read {}", clean(&shown));
    let text = read_file(path, MAX_ALLOW_BYTES, &Cancel::new(), None)
        .map_err(|error| Error::io(what, error, "name a text file with --allow"))?;
    AllowList::parse(&shown, &String::from_utf8_lossy(&text))
}

/// Reports what could not be read. Returns whether there is anything.
fn report(errors: &[crate::model::PartialError]) -> bool {
    errors.iter().for_each(stderr::fault);
    !errors.is_empty()
}
