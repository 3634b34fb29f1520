//! `portolan sync`: copies the services of one registry to another, one way.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueHint};
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::exit::Exit;
use super::registry::open_url;
use super::signals::Stop;
use super::{Global, stderr, stdout};
use crate::clean::{clean, redacted};
use crate::client::{EventStream, Registry, SkippedInstance, SyncOutcome, SyncPlan, watch};
use crate::error::{Error, Result};
use crate::model::{Completeness, Listing, PartialError, Registration, SCHEMA, Service, parse_duration};
use crate::net::runtime;
use crate::output;
use crate::source::Source;

const EXAMPLES: &str = "\
Examples:
  portolan sync consul: portolan: --dry-run   print what would change
  portolan sync consul://10.0.0.5:8500 portolan:  copy all services
  portolan sync k8s: consul: shop/web cart    only these services
  portolan sync consul: portolan: --watch     and keep the copies up to date";

/// How much of the present copies may change at once without --yes.
const MAX_CHANGED_PERCENT: usize = 20;
/// Changes within this time are copied together: a deployment is many events.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// The interval at which a failed copy is tried again, and at which a registry is listed that reports no changes.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which the target is compared again: it may have lost copies.
const COMPARE_INTERVAL: Duration = Duration::from_mins(1);

/// Copy the services of one registry to another
///
/// Prints each change and makes it: + adds, ~ changes, - removes an instance. Copies the instances that take calls, with
/// their address, version, tags, metadata, weight, node and zone; not their leases, and only checks of a services file. An instance that stops
/// taking calls is removed from TO until it takes them again. Each copy has the metadata `synced_from`, and portolan
/// changes and removes only such copies: what programs registered in TO themselves stays.
///
/// If more than 20 % of the copies would change or be removed, portolan changes nothing without --yes. If a part of FROM
/// cannot be read, it removes nothing. A registry is a URL, as in consul://127.0.0.1:8500, etcd://127.0.0.1:2379,
/// portolan://127.0.0.1:7440, dns://10.0.0.53/example.com, k8s:NAMESPACE or file:services.toml; a plain consul: takes the
/// address from Consul's own variables.
///
/// Exits with 1 if it changed nothing because --yes was missing, and with 3 if a part could not be read or written.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sync {
    /// Copy from this registry
    #[arg(value_name = "FROM", value_hint = ValueHint::Url)]
    from: String,
    /// Copy to this registry: of `portolan serve`, Consul or etcd
    #[arg(value_name = "TO", value_hint = ValueHint::Url)]
    to: String,
    /// Copy only these services: NAME, or NAMESPACE/NAME [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Mark the copies with this name for FROM [default: the name of its provider]
    ///
    /// Needed if TO has copies from two registries of the same kind: portolan leaves copies with another name alone.
    #[arg(long = "as", value_name = "LABEL")]
    label: Option<String>,
    /// Print what would change, and change nothing
    #[arg(long, conflicts_with = "watch")]
    dry_run: bool,
    /// Allow a change of more than 20 % of the copies at once
    #[arg(short, long)]
    yes: bool,
    /// Keep running, and copy each change
    #[arg(short, long)]
    watch: bool,
    /// Set the maximum time for one reply of a registry
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    timeout: Duration,
}

/// Both registries.
struct SyncTask<'a> {
    options: &'a Sync,
    label: String,
    from: Registry,
    to: Registry,
    global: &'a Global,
    wants_json: bool,
}

/// What became of one comparison.
struct ComparisonOutcome {
    exit: Exit,
    problems: Vec<SyncProblem>,
}

/// An error of a comparison, with its hint. A watch says the same ones once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SyncProblem {
    text: String,
    hint: String,
}

impl Sync {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let wants_json = global.wants_json("portolan sync")?;
        if wants_json && self.watch {
            return Err(Error::usage("--json", "--watch prints lines", "leave one of them out"));
        }
        let (from, to) = (open_url(&self.from)?, open_url(&self.to)?);
        let label = self.label.clone().unwrap_or_else(|| from.provider().to_owned());
        if from.provider() == to.provider() && from.place() == to.place() && from.place().is_some() {
            let shown = clean(&redacted(&self.to));
            return Err(Error::usage(format!("'{shown}' as FROM and TO"), "they are the same registry", "name two"));
        }

        let stop = Stop::listen()?;
        let task = SyncTask { options: self, label, from, to, global, wants_json };
        let runtime = runtime(0)?;
        let exit = runtime.block_on(async {
            let done = stop.cancel().run_until_cancelled(task.run()).await;
            done.unwrap_or_else(|| Ok(self.ended(stop.requested())))
        });
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        exit
    }

    /// Ctrl-C is the normal way to end a watch, not an interruption.
    fn ended(&self, stopped: Option<Exit>) -> Exit {
        match stopped {
            Some(Exit::Interrupted) | None if self.watch => Exit::Done,
            stopped => stopped.unwrap_or(Exit::Interrupted),
        }
    }
}

impl From<&PartialError> for SyncProblem {
    fn from(error: &PartialError) -> Self {
        Self { text: format!("cannot {}: {}", error.operation, error.cause), hint: error.hint.clone() }
    }
}

impl SyncTask<'_> {
    async fn run(&self) -> Result<Exit> {
        if !self.options.watch {
            let compared = self.compare().await?;
            compared.problems.iter().for_each(report);
            return Ok(compared.exit);
        }

        let mut events = self.from.source().ok().map(|source: Arc<dyn Source>| watch(source, None));
        let mut reported = Vec::new();
        loop {
            let problems = match self.compare().await {
                Ok(compared) => compared.problems,
                Err(error) => vec![SyncProblem { text: error.to_string(), hint: error.hint().to_owned() }],
            };
            if problems != reported {
                problems.iter().for_each(report);
            }
            let is_well = problems.is_empty() && events.is_some();
            reported = problems;
            until_changed(&mut events, if is_well { COMPARE_INTERVAL } else { RETRY_INTERVAL }).await;
        }
    }

    /// Compares both registries once, and makes the copies equal.
    async fn compare(&self) -> Result<ComparisonOutcome> {
        let (original, target) = (self.listed(&self.from, &self.options.from), self.listed(&self.to, &self.options.to));
        let (original, target) = tokio::try_join!(original, target)?;
        let mut problems: Vec<SyncProblem> =
            original.errors.iter().chain(&target.errors).map(SyncProblem::from).collect();
        let is_complete = [&original, &target].iter().all(|listing| listing.completeness == Completeness::Complete);
        let mut exit = if is_complete { Exit::Done } else { Exit::Incomplete };

        let plan = SyncPlan::new(&self.label, &original, &target);
        // A watch says only what changes.
        if !(self.options.watch && plan.is_empty()) {
            self.print(&plan)?;
        }
        problems.extend(original.services.iter().filter_map(unchecked));
        problems.extend(plan.skipped.iter().map(|skipped| SyncProblem {
            text: format!("cannot copy {} at {}: {}", skipped.service, skipped.address, skipped.reason),
            hint: "register it in TO by hand, or name the services to copy".to_owned(),
        }));
        if self.options.dry_run || plan.is_empty() {
            return Ok(ComparisonOutcome { exit, problems });
        }
        let percent = plan.changed_percent();
        if percent > MAX_CHANGED_PERCENT && !self.options.yes {
            let limit = format!("more than {MAX_CHANGED_PERCENT} %");
            let text = format!("nothing was changed: {percent} % of the copies would be changed or removed, {limit}");
            problems.push(SyncProblem { text, hint: "if that is right, add --yes".to_owned() });
            return Ok(ComparisonOutcome { exit: exit.max(Exit::ConditionFailed), problems });
        }

        let outcome = plan.apply(&self.to).await;
        problems.extend(outcome.errors.iter().map(SyncProblem::from));
        if !self.global.quiet {
            stderr::note(&summary(&outcome));
        }
        if !outcome.errors.is_empty() {
            exit = exit.max(Exit::Incomplete);
        }
        Ok(ComparisonOutcome { exit, problems })
    }

    /// The services of a registry; those with the wanted names.
    async fn listed(&self, registry: &Registry, shown: &str) -> Result<Listing> {
        let limit = self.options.timeout;
        let listing = timeout(limit, self.list(registry)).await;
        listing.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                what: format!("list the services of {} within {} s", clean(&redacted(shown)), limit.as_secs_f64()),
                why: "it did not reply".to_owned(),
                hint: "check its address, or wait longer with --timeout".to_owned(),
            })
        })
    }

    async fn list(&self, registry: &Registry) -> Result<Listing> {
        if self.options.names.is_empty() {
            return registry.services().await;
        }
        let mut all = Listing::default();
        for name in &self.options.names {
            let named = registry.services_named(name).await?;
            all.services.extend(named.services);
            all.errors.extend(named.errors);
            if named.completeness == Completeness::Incomplete {
                all.completeness = Completeness::Incomplete;
            }
        }

        Ok(all)
    }

    fn print(&self, plan: &SyncPlan) -> Result<()> {
        if self.wants_json {
            let document = PlanDocument::of(plan);
            return stdout::with_stdout(None, |out| output::write_value(out, &document)).map(drop);
        }

        stdout::with_stdout(None, |out| {
            for (sign, copies) in [('+', &plan.add), ('~', &plan.change)] {
                for copy in copies {
                    writeln!(out, "{sign} {} {}", shown_name(copy), clean(&copy.place()))?;
                }
            }
            for stale in &plan.remove {
                writeln!(out, "- {} {}", stale.service(), stale.endpoint())?;
            }
            let counts = [plan.add.len(), plan.change.len(), plan.remove.len(), plan.unchanged];
            let [add, change, remove, unchanged] = counts;
            writeln!(out, "{add} to add, {change} to change, {remove} to remove, {unchanged} unchanged")
        })
        .map(drop)
    }
}

/// The check of a services file that TO cannot run.
fn unchecked(service: &Service) -> Option<SyncProblem> {
    let option = service.declared_checks().err()?;
    let text = format!("cannot copy the check of {}: a registry cannot check with its {option}", service.id);
    Some(SyncProblem {
        text,
        hint: "its copies have no check; give it one without that option, in a second file".to_owned(),
    })
}

fn report(problem: &SyncProblem) {
    stderr::failure(&problem.text, &problem.hint);
}

/// Waits until the registry reports changes and they have settled, or for this long.
async fn until_changed(events: &mut Option<EventStream>, pause: Duration) {
    let Some(stream) = events else { return sleep(pause).await };
    let event = tokio::select! {
        event = stream.next() => event,
        () = sleep(pause) => return,
    };

    match event {
        Some(Ok(_)) => {
            sleep(SETTLE_TIME).await;
            while let Some(Some(Ok(_))) = stream.next().now_or_never() {}
        }
        // The watch has ended: from here on the registry is listed again and again.
        Some(Err(_)) | None => {
            *events = None;
            sleep(pause).await;
        }
    }
}

fn shown_name(copy: &Registration) -> String {
    match copy.namespace.as_deref() {
        Some(namespace) => clean(&format!("{namespace}/{}", copy.name)),
        None => clean(&copy.name),
    }
}

fn summary(outcome: &SyncOutcome) -> String {
    let SyncOutcome { added, changed, removed, errors, not_tried } = outcome;
    let failed = if errors.is_empty() { String::new() } else { format!(", {} failed", errors.len()) };
    let rest = if *not_tried == 0 { String::new() } else { format!(", {not_tried} not tried") };
    format!("{added} added, {changed} changed, {removed} removed{failed}{rest}")
}

/// The JSON of a plan.
#[derive(Serialize)]
struct PlanDocument<'p> {
    schema: &'static str,
    add: &'p [Registration],
    change: &'p [Registration],
    remove: Vec<Removal<'p>>,
    unchanged: usize,
    skipped: &'p [SkippedInstance],
}

#[derive(Serialize)]
struct Removal<'p> {
    id: &'p str,
    service: &'p str,
    endpoint: String,
}

impl<'p> PlanDocument<'p> {
    fn of(plan: &'p SyncPlan) -> Self {
        let removals = plan.remove.iter().map(|stale| Removal {
            id: stale.id(),
            service: stale.service().as_raw(),
            endpoint: stale.endpoint().to_string(),
        });

        Self {
            schema: SCHEMA,
            add: &plan.add,
            change: &plan.change,
            remove: removals.collect(),
            unchanged: plan.unchanged,
            skipped: &plan.skipped,
        }
    }
}
