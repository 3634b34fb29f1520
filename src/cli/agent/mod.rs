//! `portolan agent`: registers what listens on this host, and reports where host and registry disagree.

mod reporter;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueHint};
use futures_util::future::join;

use self::reporter::Reporter;
use super::Global;
use super::announce::{self, Announcer};
use super::drift::{read_allow, source_of};
use super::exit::Exit;
use super::registry::RegistryOptions;
use super::signals::Stop;
use crate::client::Registry;
use crate::drift::{Drift, HostFilter, HostLookup, RegistrySource};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{DriftReport, ParseError, parse_duration};
use crate::net::runtime;
use crate::source::{Local, Source};

const EXAMPLES: &str = "\
Examples:
  portolan agent --rules /etc/portolan/agent.toml --registry portolan://registry:7440
  portolan agent --registry portolan://registry:7440 --allow drift.allow   only report
  PORTOLAN_TOKEN=ptl_... portolan agent --registry https://registry:7440 --host web1";

/// Register what listens on this host, and report where host and registry disagree
///
/// Runs until it gets a signal. The agent registers each listener that the --rules match, with this host as its node, keeps
/// it registered while it listens, and deregisters it when it stops listening or the agent ends. The file of --rules is
/// that of `portolan local --register`. Every --interval, the agent compares the sockets of this host with the registry, as
/// `portolan drift --host local` does, and reports the findings that two comparisons in a row confirm. `portolan drift
/// --fleet` shows the findings of all hosts. If an agent sends no report for three intervals, its findings become unknown.
///
/// The registry is a server that `portolan serve` runs. If it has authentication, the agent needs a key for its host, from
/// `portolan key create --role agent --host NAME`, in PORTOLAN_TOKEN.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct AgentArgs {
    /// Register what the rules of this TOML file match, for as long as it listens
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registration")]
    rules: Option<PathBuf>,
    /// Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one
    /// per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Filters")]
    allow: Option<PathBuf>,
    /// Set the name of this host, which its registrations have as their node [default: the host name]
    #[arg(long, value_name = "NAME", value_parser = host_name, help_heading = "Targets")]
    host: Option<String>,
    /// Compare and report at this interval; from 1s to 1h
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "10s", help_heading = "Timing")]
    interval: Duration,
    /// Only connect, without identifying what replies
    #[arg(long, help_heading = "Timing")]
    connect_only: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl AgentArgs {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let hint = "leave it out; `portolan drift --fleet --json` lists the findings";
        global.refuse_json("portolan agent", "prints no list", hint)?;
        let registry = self.registry.open()?;
        if registry.provider() != "portolan" {
            let why = "it accepts no reports from agents: only `portolan serve` does";
            let hint = "name one, as in --registry portolan://127.0.0.1:7440; `portolan local --register` needs none";
            return Err(Error::usage(format!("registry {}", registry.provider()), why, hint));
        }
        let host = self.host.clone().map_or_else(own_name, Ok)?;
        let announcer = self.announcer(&registry, &host, global)?;
        let drift = self.drift(&registry, &host)?;

        let stop = Stop::listen()?;
        let runtime = runtime(0)?;
        let worked = runtime.block_on(async {
            let reporter = Reporter::new(registry.server()?, drift, (host, self.interval), global.quiet);
            work(announcer, reporter, &stop.cancel().child()).await
        });
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        worked?;
        Ok(stop.requested().unwrap_or(Exit::Interrupted))
    }

    fn announcer(&self, registry: &Registry, host: &str, global: &Global) -> Result<Option<Announcer>> {
        let Some(file) = &self.rules else { return Ok(None) };
        let rules = announce::read(file, "--rules")?;
        Ok(Some(Announcer::new(registry.clone(), rules, global.quiet).on_node(host)))
    }

    fn drift(&self, registry: &Registry, host: &str) -> Result<Drift> {
        let allow = self.allow.as_deref().map(read_allow).transpose()?;
        let hosts = registry.server()?.hosts();
        let of_host: HostLookup = Arc::new(move |host| Arc::new(hosts(host)) as Arc<dyn Source>);
        let source = RegistrySource { of_host: Some(of_host), ..source_of(registry)? };
        Ok(Drift::new(vec![source])
            .hosts(vec![HostFilter::Local])
            .nodes(vec![host.to_owned()])
            .allow(allow.unwrap_or_default())
            .identify(!self.connect_only))
    }
}

/// Registers and reports until it is cancelled, or until this host cannot be watched.
async fn work(announcer: Option<Announcer>, mut reporter: Reporter, end: &Cancel) -> Result<()> {
    let announcing = async {
        let Some(mut announcer) = announcer else { return Ok(()) };
        let source: Arc<dyn Source> = Arc::new(Local::default());
        let followed = announcer.follow(source, end).await;
        announcer.end().await;
        if followed.is_err() {
            end.cancel();
        }
        followed
    };

    let (announced, ()) = join(announcing, reporter.run(end)).await;
    announced
}

/// The host name of this machine.
fn own_name() -> Result<String> {
    let name = Local::default().host().and_then(|host| host.name).map(|name| name.as_raw().to_owned());
    let name = name.unwrap_or_default();
    host_name(&name).map_err(|error| {
        Error::usage(format!("the host name '{name}'"), error.to_string(), "name this host with --host")
    })
}

fn host_name(text: &str) -> std::result::Result<String, ParseError> {
    checked(DriftReport { host: text.to_owned(), ..sample() }).map(|report| report.host)
}

fn interval(text: &str) -> std::result::Result<Duration, ParseError> {
    let interval = parse_duration(text)?;
    checked(DriftReport { interval, ..sample() }).map(|report| report.interval)
}

/// A report that a registry takes.
fn checked(report: DriftReport) -> std::result::Result<DriftReport, ParseError> {
    match report.problem() {
        Some(problem) => Err(ParseError::new(problem.message, problem.hint)),
        None => Ok(report),
    }
}

fn sample() -> DriftReport {
    let interval = crate::model::MIN_REPORT_INTERVAL;
    DriftReport { host: "host".to_owned(), interval, gaps: Vec::new(), findings: Vec::new() }
}
