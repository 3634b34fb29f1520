//! `portolan validate` and `portolan score`.

#[cfg(feature = "serve")]
mod exporter;
mod named;
mod options;
mod reload;
mod score;
mod targets;
mod trust;

#[cfg(feature = "serve")]
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueHint};
use jiff::Timestamp;

#[cfg(feature = "serve")]
use self::exporter::{Exporter, ExporterArgs, ExporterChecks};
pub(super) use self::named::NamedServices;
use self::options::ValidateOptions;
pub(super) use self::options::{parse_score, plain_validator};
pub(super) use self::score::ScoreAgain;
pub(super) use self::targets::{Targets, is_services_file};
pub(super) use self::trust::CheckTrust;

use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::outputs::TableArgs;
#[cfg(feature = "serve")]
use super::watch::Beside;
use super::watch::Watching;
use super::{Global, stderr};
use crate::error::{Error, Result};
#[cfg(feature = "serve")]
use crate::health::Validator;
use crate::health::{CHECKED_PROTOCOLS, LatestHealth, RunSummary, Validation};
use crate::identify::Identification;
use crate::model::CheckSpec;
use crate::output::FormatName;
use crate::source::Source;

/// Check services and score their health; every deduction is explained
///
/// A target is HOST:PORT (or :PORT of this machine), a URL, SOURCE/NAME (such as local/nginx or portolan/web), a services file
/// (TOML or YAML) with or without the name of a service in it, @FILE with a target per line, or - for JSON or NDJSON of another portolan on standard input. The declared protocol,
/// the identified protocol or the port decides which checks run.
///
/// The score starts at 100; findings take points off, and some cap the score. 80 or more is healthy; below 50, a normal
/// client cannot use the service now, and the exit code is 1 (--min-score sets another limit). It is also 1 if a reply does
/// not have the --expect-status. `portolan explain` lists all findings.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan validate https://example.org/health --explain
  portolan validate @hosts.txt --columns address,cert_days --sort cert_days    days until each certificate expires
  portolan validate postgresql://db:5432 redis://cache:6379
  portolan validate services.toml                                   all services of a file
  portolan discover local --json | portolan validate - --min-score 80
  portolan validate https://shop.internal/ --ca ca.pem --expect-body '\"ok\"'
  portolan validate services.toml -o junit=report.xml -o prometheus=health.prom
  portolan validate 10.0.0.5:5432 --samples 20 --evidence seen/ && portolan score seen/*.json")]
pub(super) struct Validate {
    /// HOST:PORT, a URL, SOURCE/NAME, a services file, @FILE with a target per line, or - for standard input
    #[arg(value_name = "TARGET", required = true, value_hint = ValueHint::Hostname)]
    targets: Vec<String>,
    #[command(flatten)]
    spec: CheckSpec,
    #[command(flatten)]
    options: ValidateOptions,
    #[command(flatten)]
    table: TableArgs,
    #[command(flatten)]
    watching: Watching,
    #[cfg(feature = "serve")]
    #[command(flatten)]
    exporter: ExporterArgs,
}

impl Validate {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        check_spec(&self.spec)?;
        let begun = Instant::now();
        let mut targets = Targets::read_within(&self.targets, self.options.deadline, global)?;
        let deadline = self.options.deadline.map(|deadline| deadline.saturating_sub(begun.elapsed()));
        let options = ValidateOptions { deadline, ..self.options.clone() };
        targets.check_grpc(&self.spec)?;
        let generated = Timestamp::now();
        if self.watching.is_asked()? {
            self.prepare_reload(&mut targets, global)?;
        }
        let validated = options.open(&targets, &self.spec, generated)?;
        if self.watching.is_asked()? {
            let latest = Some(LatestHealth::new());
            let validated = Validation { thresholds: self.watching.thresholds(), latest, ..validated };
            return self.watch(&validated, &targets, global);
        }

        let rules = ExitRules::of(generated).with_table(self.table.clone());
        options.list(&validated, &rules, global)
    }

    /// Has services files read again while the targets are watched.
    fn prepare_reload(&self, targets: &mut Targets, global: &Global) -> Result<()> {
        if !global.quiet && !self.watching.is_live(global) {
            targets.files_mut().report();
        }
        #[cfg(feature = "serve")]
        if self.exporter.listen.is_some() {
            targets.files_mut().catch_hangup()?;
        }
        Ok(())
    }

    /// Watches the targets, and serves their metrics if that is requested.
    fn watch(&self, validated: &Validation<'_>, targets: &Targets, global: &Global) -> Result<Exit> {
        let latest = validated.latest.as_ref();
        #[cfg(feature = "serve")]
        {
            let checks = ExporterChecks {
                validator: Validator::of(validated),
                options: validated.options.clone(),
                targets: Arc::clone(targets.status()),
                latest: latest.cloned().unwrap_or_else(LatestHealth::new),
            };
            let exporter = Exporter::open(&self.exporter, checks, global.quiet)?;
            let beside = exporter.as_ref().map(|exporter| exporter as &dyn Beside);
            self.watching.run_beside(validated, (latest, beside), global)
        }

        #[cfg(not(feature = "serve"))]
        {
            let _ = targets;
            self.watching.run_beside(validated, (latest, None), global)
        }
    }
}

/// Certificates below `--min-cert-days` that are named; more are counted.
const MAX_EXPIRING: usize = 20;

fn plural_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// # Errors
/// If the options of a spec contradict each other, or its protocol has no check.
pub(super) fn check_spec(spec: &CheckSpec) -> Result<()> {
    if let Some(check) = spec.check.iter().find(|check| spec.no_check.contains(check)) {
        let why = format!("--check requests {} too", check.as_str());
        return Err(Error::usage("--no-check", why, "leave one of them out"));
    }
    if let Some(protocol) = &spec.protocol {
        let hint = format!("the protocols are {CHECKED_PROTOCOLS}");
        targets::check_protocol(protocol).map_err(|why| Error::usage("--protocol", why, hint))?;
    }
    Ok(())
}

/// Lists and checks the services of a source with default options, apart from the score that each must reach and what the
/// checks trust. Identifies them first if requested.
///
/// # Errors
/// If the source fails.
pub(super) fn all(
    source: &dyn Source,
    (min_score, trust): (Option<u8>, &CheckTrust),
    identify: &IdentifyArgs,
    rules: &ExitRules,
    global: &Global,
) -> Result<Exit> {
    let identified = Identification { source, options: identify.options(), checked: true };
    let source: &dyn Source = if identify.asked { &identified } else { source };
    let options = ValidateOptions { min_score, ..trust.options() };
    let validated = options.open(source, &trust.spec(), Timestamp::now())?;
    options.list(&validated, rules, global)
}

/// Watches and checks the services of a source with default options.
///
/// # Errors
/// If the source fails.
pub(super) fn watch(source: &dyn Source, trust: &CheckTrust, watching: &Watching, global: &Global) -> Result<Exit> {
    let validated = trust.options().open(source, &trust.spec(), Timestamp::now())?;
    let latest = LatestHealth::new();
    let validated = Validation { thresholds: watching.thresholds(), latest: Some(latest), ..validated };
    watching.run_beside(&validated, (validated.latest.as_ref(), None), global)
}

impl ValidateOptions {
    /// Lists the checked services and applies the exit rules.
    fn list(&self, validated: &Validation<'_>, rules: &ExitRules, global: &Global) -> Result<Exit> {
        let mut global = global.clone();
        if self.explain {
            if global.output_on_line || global.json {
                return Err(Error::usage(
                    "--explain",
                    "it is an output format, and another one is requested",
                    "leave one of them out",
                ));
            }
            global.format = FormatName::Explain;
        }

        let mut exit = rules.list(validated, &IdentifyArgs::default(), &global)?;
        let summary = validated.summary.lock();
        if summary.has_failed() {
            exit = exit.max(Exit::ConditionFailed);
        }

        for broken in self.broken_limits(&summary) {
            if !global.quiet {
                stderr::note(&broken);
            }
            exit = exit.max(Exit::ConditionFailed);
        }

        if let Some(unknown) = self.unknown_certificates(&summary) {
            let hint = "add --protocol tls, or write tls://HOST:PORT";
            stderr::failure(&format!("cannot tell whether --min-cert-days holds: {unknown}"), hint);
            exit = exit.max(Exit::Incomplete);
        }

        if summary.is_empty() && (self.min_score.is_some() || self.require_complete) {
            if !global.quiet {
                let option = if self.min_score.is_some() { "--min-score" } else { "--require-complete" };
                stderr::note(&format!("nothing was checked, so {option} fails"));
            }
            exit = exit.max(Exit::ConditionFailed);
        }

        // Also where the source says so in a note: addresses that are unreachable from here are no error of the listing.
        if summary.has_unknown() {
            exit = exit.max(Exit::Incomplete);
        }
        if self.require_complete && summary.incomplete > 0 {
            if !global.quiet {
                let services = if summary.incomplete == 1 { "service" } else { "services" };
                stderr::note(&format!("{} {services} could not be checked completely", summary.incomplete));
            }
            exit = exit.max(Exit::Incomplete);
        }
        Ok(exit)
    }

    /// The limits of single endpoints that do not hold.
    fn broken_limits(&self, summary: &RunSummary) -> Vec<String> {
        let mut broken = Vec::new();
        if self.fail_endpoint
            && let Some((count, first)) = summary.unhealthy_endpoints()
        {
            let endpoints = if count == 1 { "endpoint is" } else { "endpoints are" };
            broken.push(format!("{count} {endpoints} unhealthy, so --fail-endpoint fails: {first}"));
        }
        if let Some(least) = self.min_cert_days {
            let expiring = summary.expiring_within(least.into());
            broken.extend(expiring.iter().take(MAX_EXPIRING).map(|(days, at)| {
                let left = match days {
                    ..0 => format!("expired {} ago", plural_days(-days)),
                    _ => format!("has {} left", plural_days(*days)),
                };
                format!("the certificate of {at} {left}, so --min-cert-days fails")
            }));
            if let Some(more) = expiring.len().checked_sub(MAX_EXPIRING).filter(|more| *more > 0) {
                broken.push(format!("{more} more certificates expire in fewer than {least} days"));
            }
        }

        broken
    }

    /// Why it is unknown whether `--min-cert-days` holds.
    fn unknown_certificates(&self, summary: &RunSummary) -> Option<String> {
        let count = self.min_cert_days.map_or(0, |_| summary.connected_only());
        let endpoints = if count == 1 { "endpoint" } else { "endpoints" };
        (count > 0).then(|| format!("no certificate of {count} {endpoints} was read, only the connection was checked"))
    }
}
