//! `--fix`: the commands that mend the findings, and those that are carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::fail_on::FailOn;
use super::registries::NamedRegistry;
use super::report;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::signals::Stop;
use crate::cli::{Global, stderr, stdout};
use crate::drift::{Confirmation, Drift, DriftItem, DriftLook, MAX_REMOVED_PERCENT, Removal, plan_removals};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::net::runtime;

/// The time between the two looks before anything is removed.
const RECHECK_DELAY: Duration = Duration::from_secs(1);

/// What was done.
struct FixResult {
    look: DriftLook,
    items: Vec<DriftItem>,
    removed: Vec<Removal>,
    withheld: Vec<Removal>,
    failures: Vec<Error>,
}

/// Prints the commands; with `yes` carries out those that may be.
pub(super) fn run(
    drift: &Drift,
    registries: &[NamedRegistry],
    (yes, fail_on): (bool, &[FailOn]),
    global: &Global,
) -> Result<Exit> {
    if global.wants_json("portolan drift --fix")? {
        return Err(Error::usage("--json", "--fix prints commands", "leave one of them out"));
    }

    let stop = Stop::listen()?;
    let runtime = runtime(0)?;
    let fixed = runtime.block_on(stop.cancel().run_until_cancelled(fix(drift, registries, yes)));
    // A resolver may block a thread for a long time: do not wait for it.
    runtime.shutdown_background();
    let Some(fixed) = fixed else { return Ok(stop.requested().unwrap_or(Exit::Interrupted)) };
    let fixed = fixed?;

    let remaining = fixed.remaining();
    stdout::with_stdout(None, |out| {
        for removal in &fixed.removed {
            writeln!(out, "deregistered {}", clean(&removal.instance))?;
        }
        remaining.iter().filter(|item| !yes || !is_automatic(item)).try_for_each(|item| write_command(out, item))
    })?;

    let exit = fixed.report(global.quiet);
    let is_failed = remaining.iter().filter_map(|item| item.code()).any(|code| FailOn::matches(fail_on, code));
    Ok(if is_failed { exit.max(Exit::ConditionFailed) } else { exit })
}

/// Whether `--yes` removes what a finding is about: if it did not, it says why.
fn is_automatic(item: &DriftItem) -> bool {
    item.removal.as_ref().is_some_and(|removal| removal.automatic)
}

async fn fix(drift: &Drift, registries: &[NamedRegistry], yes: bool) -> Result<FixResult> {
    let (look, items) = drift.look().await?;
    if !yes {
        return Ok(FixResult { look, items, removed: Vec::new(), withheld: Vec::new(), failures: Vec::new() });
    }

    // A service that is restarted does not listen for a moment.
    let mut confirmation = Confirmation::default();
    confirmation.add(items, &BTreeSet::new(), Timestamp::now());
    sleep(RECHECK_DELAY).await;
    let (look, items) = drift.look().await?;
    let items = confirmation.add(items, &BTreeSet::new(), Timestamp::now());

    let plan = plan_removals(&look.input, &items);
    let (mut removed, mut failures) = (Vec::new(), Vec::new());
    for removal in plan.permitted {
        let Some(registry) = registries.get(removal.registry) else { continue };
        let (service, instance) = removal.target();
        match registry.registry.remove(&service, &instance).await {
            // It is gone in either case.
            Ok(_) => removed.push(removal),
            Err(error) => failures.push(error),
        }
    }
    Ok(FixResult { look, items, removed, withheld: plan.withheld, failures })
}

impl FixResult {
    /// The findings that nothing was done about.
    fn remaining(&self) -> Vec<&DriftItem> {
        self.items.iter().filter(|item| item.finding.is_some() && !self.has_removed(item)).collect()
    }

    /// Whether the instance of a finding was removed.
    fn has_removed(&self, item: &DriftItem) -> bool {
        let Some(removal) = &item.removal else { return false };
        self.removed.iter().any(|removed| {
            (removal.registry, &removal.instance, &removal.key) == (removed.registry, &removed.instance, &removed.key)
        })
    }

    /// Reports on standard error what was not done, and why.
    fn report(&self, quiet: bool) -> Exit {
        let is_incomplete = report(&self.look.errors) || !self.look.is_complete();
        let mut exit = if is_incomplete { Exit::Incomplete } else { Exit::Done };
        for error in &self.failures {
            stderr::error(error);
            exit = exit.max(Exit::from(error)).max(Exit::Incomplete);
        }

        for removal in self.withheld.iter().filter(|_| !quiet) {
            let service = clean(&removal.service.1);
            stderr::note(&format!(
                "{} stays: --yes removes at most {MAX_REMOVED_PERCENT} % of the instances of {service}",
                clean(&removal.instance)
            ));
        }
        exit
    }
}

/// The finding as a comment, and the command.
fn write_command(out: &mut (dyn std::io::Write + Send), item: &DriftItem) -> std::io::Result<()> {
    let Some(finding) = &item.finding else { return Ok(()) };
    writeln!(out, "# {}", finding.to_string().replace("  ", ": "))?;
    match &item.detail.command {
        Some(command) => writeln!(out, "{command}"),
        None => writeln!(out, "# {}", finding.hint()),
    }
}
