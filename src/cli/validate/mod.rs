//! `portolan validate` and `portolan score`.

mod named;
mod options;
mod score;
mod targets;

use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::Timestamp;

pub(super) use self::named::Named;
use self::options::How;
pub(super) use self::options::parse_score;
pub(super) use self::score::ScoreAgain;
pub(super) use self::targets::{Targets, is_services_file};

use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::watch::Watching;
use super::{Global, stderr};
use crate::engine;
use crate::error::{Error, Result};
use crate::health::Validation;
use crate::identify::Identification;
use crate::model::{CheckSpec, Finding, Listing, Service};
use crate::output::FormatName;
use crate::source::{Source, collect};

/// Check services and score their health; every point is explained
///
/// A target is host:port, a URL, SOURCE/NAME (as in local/nginx), a services file (TOML or YAML), or - for what another portolan
/// found, as JSON or NDJSON. The declared protocol, the identified protocol or the port decides which checks run. The score
/// begins at 100; findings take points off, and some cap the score: 80 is healthy, below 50 a normal client cannot use the
/// service now. `portolan explain` has the whole table.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan validate example.org:443 https://example.org/health
  portolan validate https://shop.internal/ --ca ca.pem --expect-body '\"ok\"' --explain
  portolan discover local --json | portolan validate - --min-score 80
  portolan validate services.toml -o junit=report.xml -o prometheus=health.prom
  portolan validate 10.0.0.5:5432 --samples 20 --evidence seen/ && portolan score seen/*.json")]
pub(super) struct Validate {
    /// Target: host:port, URL, SOURCE/NAME, a services file, -
    #[arg(value_name = "TARGET", required = true, value_hint = ValueHint::Hostname)]
    targets: Vec<String>,
    #[command(flatten)]
    ask: CheckSpec,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    watching: Watching,
}

impl Validate {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        self.agree()?;
        let targets = Targets::read(&self.targets, global)?;
        let generated = Timestamp::now();
        let validated = self.how.open(&targets, &self.ask, generated)?;
        if self.watching.is_asked()? {
            let validated = Validation { thresholds: self.watching.thresholds(), ..validated };
            return self.watching.run(&validated, global);
        }
        self.how.list(&validated, &ExitRules::of(generated), global)
    }

    /// # Errors
    /// Flags that contradict each other.
    fn agree(&self) -> Result<()> {
        if let Some(check) = self.ask.check.iter().find(|check| self.ask.no_check.contains(check)) {
            let why = format!("--check asks for {} as well", check.as_str());
            return Err(Error::usage("--no-check", why, "leave one of them out"));
        }
        Ok(())
    }
}

/// Lists what a source knows, each service asked what it is if that is wanted, checked as without any option.
///
/// # Errors
/// As the source says.
pub(super) fn all(source: &dyn Source, identify: &IdentifyArgs, judge: &ExitRules, global: &Global) -> Result<Exit> {
    let identified = Identification { source, options: identify.options(), checked: true };
    let source: &dyn Source = if identify.asked { &identified } else { source };
    let how = How::default();
    let validated = how.open(source, &CheckSpec::default(), Timestamp::now())?;
    how.list(&validated, judge, global)
}

/// Watches what a source knows, checked as without any option.
///
/// # Errors
/// As the source says.
pub(super) fn watch(source: &dyn Source, watching: &Watching, global: &Global) -> Result<Exit> {
    let validated = How::default().open(source, &CheckSpec::default(), Timestamp::now())?;
    watching.run(&Validation { thresholds: watching.thresholds(), ..validated }, global)
}

/// Checks what was named once, each try for at most `limit`; the first service that scores less than `least`, and why.
///
/// # Errors
/// Where it cannot be checked from here.
pub(super) fn shortfall(targets: &Targets, least: u8, limit: Duration) -> Result<Option<String>> {
    // A check may use the whole limit, so that a silent peer gets its own finding instead of our deadline.
    let how = How { timeout: limit, retries: 0, deadline: Some(limit * 2), ..How::default() };
    let validated = how.open(targets, &CheckSpec::default(), Timestamp::now())?;
    let Listing { services, errors, .. } = engine::block_on(collect(&validated))?;
    if services.is_empty() {
        return Ok(Some("there is nothing to check".to_owned()));
    }

    let Some(short) = services.iter().find(|service| !reaches(service, least)) else {
        return Ok(errors.first().map(|error| format!("cannot {}: {}", error.operation, error.cause)));
    };
    let score = |service: &Service| service.health.as_deref().and_then(|health| health.score);
    let healths = short.endpoints.iter().filter_map(|endpoint| endpoint.health.as_deref());
    let worst = healths.min_by_key(|health| health.score);
    let code = worst.and_then(|health| health.findings.first()).map(Finding::code);
    let why = code.or_else(|| worst.and_then(|health| health.hindered.first()).map(String::as_str));
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let whose = if services.len() > 1 { short.name.as_ref().map(|name| format!("{name} ")) } else { None };
    let scored = score(short).map_or_else(|| "has no score".to_owned(), |score| format!("scored {score}"));
    Ok(Some(format!("{}{scored}{why}", whose.unwrap_or_default())))
}

/// Whether a service scores at least `least`, and everything that was requested could be checked.
fn reaches(service: &Service, least: u8) -> bool {
    service.health.as_deref().is_some_and(|health| health.complete && health.score.is_some_and(|score| score >= least))
}

impl How {
    /// Lists what a source knows, checked.
    fn list(&self, validated: &Validation<'_>, judge: &ExitRules, global: &Global) -> Result<Exit> {
        let mut global = global.clone();
        if self.explain {
            if global.output_on_line || global.json {
                return Err(Error::usage(
                    "--explain",
                    "it is for people, and another format is asked for",
                    "leave one of them out",
                ));
            }
            global.format = FormatName::Explain;
        }
        let mut exit = judge.list(validated, &IdentifyArgs::default(), &global)?;
        let verdict = validated.summary.lock();
        if verdict.below > 0 {
            exit = exit.max(Exit::ConditionFailed);
        }
        if verdict.is_empty() && (self.min_score.is_some() || self.require_complete) {
            if !global.quiet {
                let option = if self.min_score.is_some() { "--min-score" } else { "--require-complete" };
                stderr::note(&format!("nothing was checked, so {option} does not hold"));
            }
            exit = exit.max(Exit::ConditionFailed);
        }
        if self.require_complete && verdict.incomplete > 0 {
            if !global.quiet {
                stderr::note(&format!("{} services could not be looked at to the end", verdict.incomplete));
            }
            exit = exit.max(Exit::Incomplete);
        }
        Ok(exit)
    }
}
