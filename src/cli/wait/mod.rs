//! `portolan wait TARGET…`: waits until the targets accept connections, are healthy, or are gone.

mod status;
mod target;
mod tries;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::SignedDuration;
use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use tokio::time::Instant;

use self::status::StatusLine;
use self::target::Target;
use self::tries::{TryLog, TryOutcome, TryStep, begin};
use super::exit::Exit;
use super::signals::Stop;
use super::validate::{self, NamedServices, Targets, check_spec, plain_validator};
use super::{Global, stderr};
use crate::client::{Readiness, readiness, retry};
use crate::error::{Error, Result};
use crate::health::Validator;
use crate::model::{CheckSpec, Health, Listing, PartialError, parse_duration};
use crate::net::runtime;
#[cfg(feature = "k8s")]
use crate::source::K8sVia;
use crate::source::{Source, collect};

const EXAMPLES: &str = "\
Examples:
  portolan wait db:5432                          until it accepts connections
  portolan wait db:5432 cache:6379 -- ./server   then run the server
  portolan wait http://127.0.0.1:8080/health     until the page is healthy
  portolan wait db:5432 --min-score 80           until the database reports that it is healthy
  portolan wait postgresql://user:pw@db/shop     the same; portolan never logs in
  portolan wait --gone 127.0.0.1:8080            until the old one has stopped
  portolan wait k8s/shop/web                     until the service and its endpoints are healthy
  portolan wait /run/app.sock --timeout 5 || exit  a Unix-domain socket";

/// Wait until every target accepts connections, then exit or run a command
///
/// A target is HOST:PORT, such as db:5432, [::1]:80 or [fe80::1%eth0]:80, or a Unix-domain socket of any type: its path,
/// unix:///run/app.sock, or @name for an abstract name. portolan connects and closes the connection at once; it sends no
/// data. It resolves host names again for each attempt, and any of their addresses counts. Attempts are at most 0.1 s apart
/// at first and at most 1 s later; the last one is at the end of the time limit.
///
/// URLs, connection strings (postgresql, mysql, mongodb, redis, amqp, kafka, nats, mqtt and others) and services files
/// (.toml, .yaml) are checked like `portolan validate` checks them, until each service scores 80, or N with --min-score N.
/// The same holds for SOURCE/NAME, a service of a source, such as k8s/shop/web or local/nginx; the source is listed again
/// for each attempt. With --min-score or an option under Requests, every target is checked. A reply that requires
/// credentials (401, 403) is not healthy unless --expect-status or --min-score accepts it. Passwords in connection strings
/// are neither used nor shown, except those of http and https, which are sent.
///
/// Exits with 1 when the time is up, without running the command; with 127 if the command does not exist, and with 126 if
/// it cannot be run.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [::1] is an address")]
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Wait {
    /// HOST:PORT, a socket, a URL or connection string, a services file or SOURCE/NAME
    #[arg(required = true, value_name = "TARGET", value_parser = Target::parse)]
    targets: Vec<Target>,
    /// Wait until no target accepts connections or is listed by its source; a host name that does not resolve counts as not
    /// gone
    #[arg(long)]
    gone: bool,
    /// Check the targets and wait until each service scores at least N
    #[arg(long, value_name = "N", value_parser = validate::parse_score, conflicts_with = "gone")]
    min_score: Option<u8>,
    /// Wait at most this time for all targets
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    timeout: Duration,
    /// Trust the certificates in this file (PEM) instead of the system's roots
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    ca: Option<PathBuf>,
    /// Send the HTTP checks of k8s/NAME through the API server, for endpoints unreachable from here
    #[cfg(feature = "k8s")]
    #[arg(long, value_enum, value_name = "WAY")]
    via: Option<K8sVia>,
    /// Run this command, in place of portolan, once every target is ready
    #[arg(last = true, value_name = "CMD", value_hint = clap::ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
    #[command(flatten)]
    spec: CheckSpec,
}

/// The score of a healthy service.
const HEALTHY: u8 = 80;
/// The number of targets.
const MAX_TARGETS: usize = 256;
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// The time limit of an attempt. A check may take longer: a new one then starts beside it, because a server that was restarted
/// meanwhile replies only to that.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// The interval at which the line at the terminal is drawn.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);
/// The hint for a service that its source does not list.
const UNLISTED: &str = "check the name: `portolan discover SOURCE` lists them; or wait longer with --timeout";
/// The hint if a target is not gone.
const STILL_THERE: &str = "check what runs there, or wait longer with --timeout";

/// What to wait for.
enum Condition {
    /// The target accepts connections.
    Accepts,
    /// The source lists services, and each scores enough.
    Scores(Arc<dyn Source>, Least),
    /// The source lists no service.
    Unlisted(Arc<dyn Source>),
}

/// The score that each service must reach.
struct Least {
    score: u8,
    /// Whether a reply that requires credentials is enough, because the user set the score.
    takes_refusal: bool,
}

/// A target, its condition, and its attempts so far.
struct WaitTarget {
    target: Target,
    condition: Condition,
    tries: Mutex<TryLog>,
}

impl WaitTarget {
    /// Makes one attempt of at most `limit` and records its outcome.
    async fn attempt(&self, limit: Duration, validator: &Validator) -> TryOutcome {
        begin(&self.tries, TryStep::Check);
        let outcome = match &self.condition {
            Condition::Accepts => self.target.connect(limit, &self.tries).await,
            Condition::Scores(source, least) => {
                score(Arc::clone(source), least, &validator.within(limit), &self.target).await
            }
            Condition::Unlisted(source) => match collect(&**source).await {
                Ok(listing) if listing.services.is_empty() => unlisted(&listing.errors),
                Ok(_) => TryOutcome::Listed,
                Err(error) => failed_listing(&error),
            },
        };

        self.tries.lock().unwrap_or_else(PoisonError::into_inner).add(outcome.clone());
        outcome
    }

    /// Makes attempts until one succeeds or the time is up.
    async fn wait(&self, is_ready: fn(&TryOutcome) -> bool, timeout: Duration, validator: &Validator) -> bool {
        let waited = retry((timeout, PAUSE), |left| async move {
            let outcome = match self.condition {
                Condition::Scores(..) => self.patient_attempt(is_ready, left, validator).await,
                _ => self.attempt(left.min(TRY_TIMEOUT), validator).await,
            };
            if is_ready(&outcome) { Ok(()) } else { Err(()) }
        });
        waited.await.is_ok()
    }

    /// An attempt that may take all that is left, and beside it a new one now and then while there is no reply.
    async fn patient_attempt(
        &self,
        is_ready: fn(&TryOutcome) -> bool,
        left: Duration,
        validator: &Validator,
    ) -> TryOutcome {
        let mut patient = pin!(self.attempt(left, validator));

        loop {
            tokio::select! {
                outcome = &mut patient => return outcome,
                () = tokio::time::sleep(TRY_TIMEOUT) => {}
            }
            tokio::select! {
                outcome = &mut patient => return outcome,
                outcome = self.attempt(left.min(TRY_TIMEOUT), validator) => {
                    if is_ready(&outcome) {
                        return outcome;
                    }
                }
            }
        }
    }
}

/// Lists the services of a source and checks them.
async fn score(source: Arc<dyn Source>, least: &Least, validator: &Validator, target: &Target) -> TryOutcome {
    match collect(&validator.validated(source)).await {
        Err(error) => failed_listing(&error),
        Ok(listing) if listing.services.is_empty() && matches!(target, Target::Named(_)) => unlisted(&listing.errors),
        Ok(listing) => match readiness(&listing, least.score) {
            Readiness::Healthy => {
                let refusal = refusal(&listing).filter(|_| !least.takes_refusal);
                match refusal {
                    Some(refusal) => TryOutcome::Unhealthy(refusal),
                    None if has_health(&listing, Health::is_of_connection_only) => TryOutcome::ConnectedOnly,
                    None if has_health(&listing, Health::reports_failure) => TryOutcome::ReportsFailure,
                    None => TryOutcome::Accepts,
                }
            }
            Readiness::ReportedReady => TryOutcome::ReportedReady,
            Readiness::Short(cause) => TryOutcome::Unhealthy(cause),
        },
    }
}

/// Whether the health of an endpoint is so.
fn has_health(listing: &Listing, is_so: fn(&Health) -> bool) -> bool {
    let mut endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    endpoints.any(|endpoint| endpoint.health.as_deref().is_some_and(is_so))
}

/// What requires credentials: the service replies, but not to a request like this.
fn refusal(listing: &Listing) -> Option<String> {
    let endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    let healths = endpoints.filter_map(|endpoint| endpoint.health.as_deref());
    let refused = healths.filter(|health| health.findings.iter().any(|finding| finding.code() == "http-auth-required"));
    let status = refused.map(|health| health.figures.http_status.unwrap_or(401)).next()?;
    Some(format!("replies with {status} (credentials required)"))
}

fn failed_listing(error: &Error) -> TryOutcome {
    match error {
        // Without its namespace there is no service.
        Error::NotFound { .. } => TryOutcome::Unlisted,
        error => TryOutcome::Unknown(error.to_string()),
    }
}

/// The source lists no such service. It may be in a part that could not be read.
fn unlisted(errors: &[PartialError]) -> TryOutcome {
    match errors.first() {
        Some(PartialError { operation, cause, .. }) => TryOutcome::Unknown(format!("cannot {operation}: {cause}")),
        None => TryOutcome::Unlisted,
    }
}

impl Wait {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let targets: Vec<Target> = self.targets.iter().flat_map(Target::split).collect();
        if targets.len() > MAX_TARGETS {
            let why = format!("there are more than {MAX_TARGETS}");
            return Err(Error::usage("these targets", why, "run `portolan wait` several times"));
        }
        self.check_via(&targets)?;
        check_spec(&self.spec)?;
        let validator = plain_validator(self.ca.as_deref(), &self.spec)?;

        let waits = targets.into_iter().map(|target| self.wait_for(target, global)).collect::<Result<Vec<_>>>()?;

        let stop = Stop::listen()?;
        let runtime = runtime(0)?;
        let exit = runtime.block_on(self.wait_for_all(&waits, &validator, &stop, global.quiet));
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        match exit {
            Exit::Done => self.exec_command(),
            exit => Ok(exit),
        }
    }

    /// # Errors
    /// If --via has no target to apply to.
    #[cfg(feature = "k8s")]
    fn check_via(&self, targets: &[Target]) -> Result<()> {
        let has_k8s = targets.iter().any(|target| matches!(target, Target::Named(word) if word.starts_with("k8s/")));
        if self.via.is_some() && !has_k8s {
            return Err(Error::usage(
                "--via",
                "no target is k8s/NAME",
                "leave it out, or name a target as k8s/shop/web",
            ));
        }
        Ok(())
    }

    #[cfg(not(feature = "k8s"))]
    fn check_via(&self, _targets: &[Target]) -> Result<()> {
        Ok(())
    }

    /// The options of a source of that name.
    #[cfg(feature = "k8s")]
    fn source_options(&self, word: &str) -> Vec<String> {
        use clap::ValueEnum;

        let way = self.via.filter(|_| word.starts_with("k8s/")).and_then(|via| via.to_possible_value());
        way.map(|way| format!("--via={}", way.get_name())).into_iter().collect()
    }

    #[cfg(not(feature = "k8s"))]
    fn source_options(&self, _word: &str) -> Vec<String> {
        Vec::new()
    }

    /// Waits for all targets, and reports each.
    async fn wait_for_all(&self, waits: &[WaitTarget], validator: &Validator, stop: &Stop, quiet: bool) -> Exit {
        let start = Instant::now();
        let is_ready = if self.gone { TryOutcome::is_gone } else { TryOutcome::is_ready };

        let mut waiting: FuturesUnordered<_> = waits
            .iter()
            .enumerate()
            .map(async |(number, wait)| (number, wait.wait(is_ready, self.timeout, validator).await))
            .collect();
        let mut left: Vec<usize> = (0..waits.len()).collect();
        let mut status = StatusLine::new(quiet, format_limit(self.timeout));
        let mut redraw = tokio::time::interval(STATUS_INTERVAL);
        let mut failed = Vec::new();

        while !left.is_empty() {
            tokio::select! {
                biased;
                () = stop.cancel().cancelled() => {
                    status.clear();
                    return stop.requested().unwrap_or(Exit::Interrupted);
                }
                Some((number, is_ready)) = waiting.next() => {
                    left.retain(|&other| other != number);
                    if !is_ready {
                        failed.push(number);
                    } else if !quiet {
                        status.aside(|| self.report_success(&waits[number], start.elapsed()));
                    }
                }
                _ = redraw.tick(), if status.is_shown() => {
                    status.draw(start.elapsed(), left.iter().map(|&number| &waits[number]));
                }
            }
        }

        status.clear();
        failed.sort_unstable();
        for &number in &failed {
            self.report_failure(&waits[number]);
        }
        if failed.is_empty() { Exit::Done } else { Exit::ConditionFailed }
    }

    /// The score that the target must reach; `None` if it only has to accept connections or to be gone.
    fn least(&self, target: &Target) -> Option<u8> {
        let is_checked = matches!(target, Target::Checked(_)) || (matches!(target, Target::Named(_)) && !self.gone);
        self.min_score.or_else(|| (is_checked || self.has_requests()).then_some(HEALTHY))
    }

    /// Whether the command line says what to check. A client certificate alone says how.
    fn has_requests(&self) -> bool {
        CheckSpec { cert: None, key: None, ..self.spec.clone() } != CheckSpec::default()
    }

    /// How to wait for a target.
    ///
    /// # Errors
    /// If the target cannot be checked, or cannot be gone.
    fn wait_for(&self, target: Target, global: &Global) -> Result<WaitTarget> {
        let scores = |source: Arc<dyn Source>, score| {
            Condition::Scores(source, Least { score, takes_refusal: self.min_score.is_some() })
        };
        let condition = match (self.least(&target), &target) {
            (_, _) if self.gone && self.has_requests() => {
                return Err(refused(&target, "--gone sends no request", "leave --gone or the options of requests out"));
            }
            (least, Target::Named(word)) => {
                let named = Arc::new(NamedServices::parse(word, &self.source_options(word), global)?);
                least.map_or_else(|| Condition::Unlisted(named.clone()), |least| scores(named.clone(), least))
            }
            (None, _) => Condition::Accepts,
            (Some(_), Target::Checked(_)) if self.gone => {
                let hint = "write it as HOST:PORT";
                return Err(refused(&target, "--gone does not apply to a URL or a services file", hint));
            }
            (Some(_), Target::Socket(_)) => {
                let hint = "leave --min-score and the options of requests out";
                return Err(refused(&target, "a socket path cannot be checked", hint));
            }
            (Some(least), target) => {
                let targets = Targets::read(&[target.word()], global)?;
                targets.check_grpc(&self.spec)?;
                scores(Arc::new(targets), least)
            }
        };

        Ok(WaitTarget { target, condition, tries: Mutex::default() })
    }

    fn report_success(&self, WaitTarget { target, tries, .. }: &WaitTarget, elapsed: Duration) {
        let tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match (self.least(target), tries.last()) {
            (None, _) if self.gone => "is gone".to_owned(),
            (None, _) => "accepts connections".to_owned(),
            (Some(_), Some(TryOutcome::ReportedReady)) => {
                "is ready according to its source (unreachable from here)".to_owned()
            }
            (Some(_), Some(TryOutcome::ConnectedOnly)) if self.spec.protocol.is_none() => {
                "accepts connections (tcp only: no URL or --protocol says what else to check)".to_owned()
            }
            (Some(_), Some(TryOutcome::ReportsFailure)) => {
                "replies with a success, but its body reports a failure (--expect-json /status=UP makes that count)"
                    .to_owned()
            }
            (Some(_), _) if self.min_score.is_none() => "is healthy".to_owned(),
            (Some(least), _) => format!("scores at least {least}"),
        };

        stderr::note(&format!("{target} {state} after {:.1} s", elapsed.as_secs_f64()));
    }

    fn report_failure(&self, WaitTarget { target, tries, .. }: &WaitTarget) {
        let tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = format_limit(self.timeout);

        match (self.least(target), tries.last()) {
            (None, Some(TryOutcome::Accepts)) if self.gone => {
                stderr::failure(&format!("{target} still accepts connections after {limit}"), STILL_THERE);
            }
            (None, Some(TryOutcome::Listed)) if self.gone => {
                stderr::failure(&format!("{target} is still listed after {limit}"), STILL_THERE);
            }
            (None, _) if self.gone => {
                stderr::failure(&format!("{target} is not known to be gone after {limit}: {tries}"), STILL_THERE);
            }
            (None, _) => {
                let hint = "check that it runs and where it listens, or wait longer with --timeout";
                stderr::failure(&format!("{target} did not accept connections within {limit}: {tries}"), hint);
            }
            (Some(_), last) => {
                let is_unlisted = last == Some(&TryOutcome::Unlisted);
                let hint = "`portolan validate TARGET --explain` shows why, or wait longer with --timeout";
                let hint = if is_unlisted { UNLISTED } else { hint };
                stderr::failure(&format!("{target} did not become healthy within {limit}: {tries}"), hint);
            }
        }
    }

    /// Replaces this process with the command. If that fails, reports it and exits as shells do.
    fn exec_command(&self) -> Result<Exit> {
        let Some((program, args)) = self.command.split_first() else { return Ok(Exit::Done) };
        let error = process::Command::new(program).args(args).exec();
        let exit = if error.kind() == ErrorKind::NotFound { Exit::NoCommand } else { Exit::CommandUnusable };
        let name = crate::clean::clean(&program.to_string_lossy());
        stderr::error(&Error::io(format!("run '{name}'"), error, "check that it exists and is executable"));
        Ok(exit)
    }
}

fn refused(target: &Target, why: &str, hint: &str) -> Error {
    Error::usage(format!("target '{target}'"), why, hint)
}

/// A time limit: `3 s`, `500 ms`, `1 m 30 s`.
fn format_limit(limit: Duration) -> String {
    // No limit is longer than a year.
    let limit = SignedDuration::try_from(limit).unwrap_or_default();
    let printer = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::BetweenUnitsAndDesignators);
    printer.duration_to_string(&limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_units() {
        assert_eq!(format_limit(Duration::from_secs(3)), "3 s");
        assert_eq!(format_limit(Duration::from_millis(3500)), "3 s 500 ms");
        assert_eq!(format_limit(Duration::from_secs(90)), "1 m 30 s");
    }
}
