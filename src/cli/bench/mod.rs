//! `portolan bench`: an honest load generator for registries.

mod http;
mod latencies;
mod load;
mod report;
mod requests;
mod scenario;
mod target;
mod watchers;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};

use self::load::{LoadOptions, LoadOutcome, LoadPace, send_load};
use self::report::BenchReport;
use self::requests::Fleet;
use self::scenario::{Scenario, ScenarioName};
use self::target::LoadTarget;
use self::watchers::{WatchFigures, Watchers, WriteLog};
use super::exit::Exit;
use super::signals::Stop;
use super::{Global, stderr, stdout};
use crate::engine::LoadPlan;
use crate::error::{Error, Result};
use crate::model::{ParseError, SCHEMA, parse_duration};
use crate::output::{self, FormatName};

const EXAMPLES: &str = "\
Examples:
  portolan bench discover            1,000 requests/s for 10 s
  portolan bench register --rate 5000 --duration 30s
  portolan bench watch --rate 100 --watchers 1000 --json
  portolan bench discover --server consul://127.0.0.1:8500 -o csv
  portolan bench discover --closed   as many as the server answers";

/// Measure the latency of a registry under load
///
/// Sends requests on a fixed schedule, and measures each latency from the scheduled time: while the server stalls, the
/// requests that are due wait, and that wait counts. (A client that measures from the moment it sends hides such a stall.)
/// SEND DELAY shows how late requests were sent because all connections were waiting for replies or this machine was busy.
///
/// Registers instances of its own service, checks one reply before it measures, and removes the instances at the end. The
/// server is `portolan serve` or a Consul agent. The token comes from PORTOLAN_TOKEN or CONSUL_HTTP_TOKEN.
///
/// Exits with 3 if a request failed or could not be sent.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    /// Send requests of this kind (discover, register, heartbeat, watch or checks)
    #[arg(value_enum, value_name = "SCENARIO")]
    scenario: ScenarioName,
    /// Measure this server: http://HOST:PORT or consul://HOST:PORT [default: PORTOLAN_REGISTRY, else http://127.0.0.1:7440]
    #[arg(long, visible_alias = "registry", value_name = "URL", help_heading = "Server")]
    server: Option<String>,
    /// Send N requests a second
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Load")]
    rate: u32,
    /// Send each request as soon as the previous one is answered, to measure the maximum throughput
    #[arg(long, conflicts_with = "rate", help_heading = "Load")]
    closed: bool,
    /// Measure for this long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = "Load")]
    duration: Duration,
    /// Send requests for this long before measuring; 0 for none
    #[arg(long, value_name = "TIME", value_parser = parse_warm_up, default_value = "1s", help_heading = "Load")]
    warm_up: Duration,
    /// Use N connections
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Load")]
    connections: u16,
    /// Register N instances first [default: 10; 100 for heartbeat, 1 for watch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), help_heading = "Load")]
    instances: Option<u32>,
    /// Let N clients watch, for the scenario watch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Load")]
    watchers: u16,
    /// Set the maximum time for a reply
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = "Load")]
    timeout: Duration,
    /// Run on this processor only, to leave the others to the server
    #[arg(long, value_name = "NUMBER", help_heading = "Load")]
    cpu: Option<usize>,
}

fn parse_warm_up(text: &str) -> Result<Duration, ParseError> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// How long the server may take until all watchers watch.
const WATCH_GUARD: Duration = Duration::from_mins(1);

/// The format of the report.
fn report_format(global: &Global) -> Result<FormatName> {
    match global.format {
        FormatName::Csv if global.output_on_line => Ok(FormatName::Csv),
        _ => Ok(if global.wants_json("portolan bench")? { FormatName::Json } else { FormatName::Table }),
    }
}

impl Bench {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let format = report_format(global)?;
        let target = LoadTarget::choose(self.server.as_deref(), |name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })?;
        if let Some(cpu) = self.cpu {
            pin(cpu)?;
        }

        let stop = Stop::listen()?;
        let mut scenario = self.scenario(&target);
        let (measured, sent) = match scenario.prepare(&stop) {
            Ok(()) => self.measure(&mut scenario, &target, (&stop, global.quiet)),
            Err(error) => (Err(error), 0),
        };
        let cleaned = scenario.clean(sent);
        let report = measured?;

        stdout::with_stdout(Some(&stop), |out| match format {
            FormatName::Json => output::write_value(out, &report),
            FormatName::Csv => report.write_csv(out),
            _ => report.write_text(out),
        })?;
        cleaned?;
        let exit = if report.is_complete() { Exit::Done } else { Exit::Incomplete };
        Ok(stop.requested().unwrap_or(exit))
    }

    fn scenario<'t>(&self, target: &'t LoadTarget) -> Scenario<'t> {
        let instances = self.instances.map_or_else(|| self.scenario.default_instances(), u64::from);
        let instances = if self.scenario == ScenarioName::Register { 0 } else { instances };
        // Consul renews a check, not a lease.
        let has_checks = match self.scenario {
            ScenarioName::Checks => true,
            ScenarioName::Heartbeat => target.dialect == target::Dialect::Consul,
            _ => false,
        };
        let service = format!("portolan-bench-{}", uuid::Uuid::new_v4().simple());
        let fleet = Fleet::new(service, target.dialect, (has_checks, self.scenario == ScenarioName::Register));
        Scenario::new(self.scenario, fleet, instances, (target, self.timeout))
    }

    fn pace(&self) -> LoadPace {
        if self.closed {
            return LoadPace::Closed { warm_up: self.warm_up, duration: self.duration };
        }
        LoadPace::Open(LoadPlan::new(self.rate, self.warm_up, self.duration))
    }

    /// The report, and how many requests were sent, with those of the warm-up.
    fn measure(
        &self,
        scenario: &mut Scenario<'_>,
        target: &LoadTarget,
        (stop, quiet): (&Stop, bool),
    ) -> (Result<BenchReport>, u64) {
        let pace = self.pace();
        let watching = match self.watch(scenario, target, stop) {
            Ok(watching) => watching,
            Err(error) => return (Err(error), 0),
        };
        if !quiet {
            stderr::note(&format!("sending {} to {}", self.scenario.as_str(), target.shown()));
        }

        let options =
            LoadOptions { target, pace, connections: usize::from(self.connections), timeout: self.timeout, stop };
        let outcome = send_load(scenario, options);
        let sent = outcome.as_ref().map_or(0, |outcome| outcome.next_number);
        let figures = watching.map(|(log, watchers)| {
            log.finish(&watchers, sent);
            log.figures(&watchers, |number| matches!(pace, LoadPace::Open(plan) if plan.is_measured(number)))
        });
        let report = outcome.and_then(|outcome| {
            scenario.verify(outcome.latencies.figures().count, sent)?;
            Ok(self.report(target, scenario.instances, &outcome, figures.transpose()?))
        });
        (report, sent)
    }

    /// Starts the watchers of the scenario `watch`.
    fn watch(
        &self,
        scenario: &mut Scenario<'_>,
        target: &LoadTarget,
        stop: &Stop,
    ) -> Result<Option<(Arc<WriteLog>, Watchers)>> {
        if self.scenario != ScenarioName::Watch {
            return Ok(None);
        }
        let LoadPace::Open(plan) = self.pace() else {
            return Err(Error::usage(
                "--closed",
                "the scenario watch needs a fixed request rate",
                "leave it out, and give --rate",
            ));
        };
        let log = WriteLog::new(usize::try_from(plan.requests()).unwrap_or(0));
        scenario.log = Some(Arc::clone(&log));
        let count = usize::from(self.watchers);
        let watchers = watchers::start(count, (target, &scenario.fleet), &log, (stop, WATCH_GUARD))?;

        Ok(Some((log, watchers)))
    }

    fn report(
        &self,
        target: &LoadTarget,
        instances: u64,
        outcome: &LoadOutcome,
        watched: Option<WatchFigures>,
    ) -> BenchReport {
        let latency = outcome.latencies.figures();
        let failed: u64 = outcome.errors.values().sum();
        let seconds = outcome.elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a request rate has few digits")]
        let answered_per_second = if seconds > 0.0 { latency.count as f64 / seconds } else { 0.0 };

        BenchReport {
            schema: SCHEMA,
            scenario: self.scenario.as_str(),
            server: target.shown(),
            r#loop: if self.closed { "closed" } else { "open" },
            rate: (!self.closed).then_some(self.rate),
            warm_up_ms: millis(self.warm_up),
            duration_ms: millis(self.duration),
            connections: usize::from(self.connections),
            instances,
            watchers: if watched.is_some() { usize::from(self.watchers) } else { 0 },
            planned: outcome.planned,
            answered: latency.count,
            failed,
            unsent: outcome.planned.map_or(0, |planned| planned.saturating_sub(latency.count + failed)),
            errors: outcome.errors.clone(),
            answered_per_second,
            latency,
            send_delay: outcome.send_delays.figures(),
            first_watcher: watched.map(|figures| figures.first),
            last_watcher: watched.map(|figures| figures.last),
        }
    }
}

/// Runs this program on one processor.
fn pin(cpu: usize) -> Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(refused(cpu, "there is no such processor".to_owned()));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| refused(cpu, error.to_string()))
}

fn refused(cpu: usize, why: String) -> Error {
    Error::usage(format!("--cpu {cpu}"), why, "`nproc` shows how many there are, from 0 on")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
