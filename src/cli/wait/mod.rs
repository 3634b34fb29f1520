//! `portolan wait TARGET…`: waits until the targets accept connections, are healthy, or are gone.

mod target;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::SignedDuration;
use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};

use self::target::{Target, TryLog, TryOutcome, TryStep, begin};
use super::exit::Exit;
use super::signals::Stop;
use super::validate::{self, Named, TargetVerdict, Targets, TlsFiles};
use super::{Global, stderr};
use crate::error::{Error, Result};
use crate::model::{HostPort, PartialError, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portolan wait db:5432                             until the database accepts connections
  portolan wait db:5432 cache:6379 -- ./server      then run the server
  portolan wait http://127.0.0.1:8080/health        until the page is healthy
  portolan wait db:5432 --min-score 80              until the database reports that it is healthy
  portolan wait --gone 127.0.0.1:8080               until the old one has stopped
  portolan wait k8s/shop/web                        until the service and its endpoints are healthy
  portolan wait /run/app.sock --timeout 5s || exit  a Unix-domain socket";

/// Wait until every target accepts connections, then exit or run a command
///
/// A target is HOST:PORT, such as db:5432 or [::1]:80, or the path of a Unix-domain socket. portolan connects and closes the
/// connection at once; it sends no data. Host names are resolved again for each attempt, and any of their addresses counts.
/// Attempts follow each other within a tenth of a second at first and within a second later.
///
/// URLs and services files (.toml, .yaml) are checked as by `portolan validate`, and so is every target with --min-score: until
/// each service scores 80, or N with --min-score N. So are the services of a source with a name: SOURCE/NAME, such as
/// k8s/shop/web or local/nginx. The source is listed again for each attempt.
///
/// Exit code 1 when the time is up; the command does not run then. 127 if the command does not exist, 126 if it cannot be run.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [::1] is an address")]
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Wait {
    /// Target: HOST:PORT, a path, a URL, a services file or SOURCE/NAME
    #[arg(required = true, value_name = "TARGET", value_parser = Target::parse)]
    targets: Vec<Target>,
    /// Wait until no target accepts connections or is listed by its source; a host name that does not resolve counts as not
    /// gone
    #[arg(long)]
    gone: bool,
    /// Check the targets and wait until each service scores at least N
    #[arg(long, value_name = "N", value_parser = validate::parse_score, conflicts_with = "gone")]
    min_score: Option<u8>,
    /// Time limit for all targets
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    timeout: Duration,
    #[command(flatten)]
    tls: TlsFiles,
    /// Run this command, in place of portolan, once every target is ready
    #[arg(last = true, value_name = "CMD", value_hint = clap::ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// The score of a healthy service.
const HEALTHY: u8 = 80;
/// The number of targets. Each has a thread, because resolving a name cannot be cancelled.
const MAX_TARGETS: usize = 256;
/// The pause between two attempts, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// The time limit of an attempt.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// The interval at which signals are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The hint if a target is not gone.
const STILL_THERE: &str = "check what runs there, or wait longer with --timeout";

/// What to wait for.
enum WaitTarget {
    /// The target accepts connections.
    Accepts(Target),
    /// Each of these services scores at least this.
    Scores(Targets, u8),
    /// The source lists a service of that name, and each scores at least this; `None` if it must list none.
    Listed(Box<Mutex<Named>>, Option<u8>),
}

impl WaitTarget {
    /// Makes one attempt of at most `limit`.
    fn attempt(&self, limit: Duration, tls: &TlsFiles, tries: &Mutex<TryLog>) -> TryOutcome {
        begin(tries, TryStep::Check);
        match self {
            Self::Accepts(target) => target.connect(limit, tries),
            Self::Scores(targets, least) => scored(targets, *least, limit, tls),
            Self::Listed(named, least) => {
                let listed = named.lock().unwrap_or_else(PoisonError::into_inner).services();
                match (listed, least) {
                    // Without its namespace there is no service.
                    (Err(Error::NotFound { .. }), _) => TryOutcome::Unlisted,
                    (Err(error), _) => TryOutcome::Unknown(error.to_string()),
                    // The service may be in a part that could not be read.
                    (Ok((services, faults)), _) if services.is_empty() => match faults.first() {
                        Some(PartialError { operation, cause, .. }) => {
                            TryOutcome::Unknown(format!("cannot {operation}: {cause}"))
                        }
                        None => TryOutcome::Unlisted,
                    },
                    (Ok(_), None) => TryOutcome::Listed,
                    (Ok((services, _)), Some(least)) => scored(&Targets::of(services), *least, limit, tls),
                }
            }
        }
    }
}

fn scored(targets: &Targets, least: u8, limit: Duration, tls: &TlsFiles) -> TryOutcome {
    match validate::verdict(targets, least, limit, tls) {
        Ok(TargetVerdict::Healthy) => TryOutcome::Accepts,
        Ok(TargetVerdict::ReportedReady) => TryOutcome::ReportedReady,
        Ok(TargetVerdict::Short(cause)) => TryOutcome::Unhealthy(cause),
        Err(error) => TryOutcome::Unknown(error.to_string()),
    }
}

impl Wait {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if self.targets.len() > MAX_TARGETS {
            let why = format!("there are more than {MAX_TARGETS}");
            return Err(Error::usage("these targets", why, "run `portolan wait` several times"));
        }

        self.tls.verify()?;
        let waits = self.targets.iter().map(|target| self.wait_for(target, global)).collect::<Result<Vec<_>>>()?;

        let stop = Stop::listen()?;
        let start = Instant::now();
        let tries: Vec<_> = self.targets.iter().map(|_| Arc::new(Mutex::new(TryLog::default()))).collect();

        let (sender, done) = channel();
        for (number, (wait, tries)) in waits.into_iter().zip(&tries).enumerate() {
            self.start(number, wait, Arc::clone(tries), start, sender.clone())?;
        }

        let mut left: Vec<usize> = (0..self.targets.len()).collect();
        while !left.is_empty() {
            if let Some(exit) = stop.requested() {
                return Ok(exit);
            }

            let time = self.timeout.saturating_sub(start.elapsed());
            match done.recv_timeout(time.min(POLL_INTERVAL)) {
                Ok(number) => {
                    left.retain(|&other| other != number);
                    if !global.quiet {
                        self.report_success(&self.targets[number], &tries[number], start.elapsed());
                    }
                }
                Err(RecvTimeoutError::Timeout) if time.is_zero() => {
                    for &number in &left {
                        self.report_failure(&self.targets[number], &tries[number]);
                    }
                    return Ok(Exit::ConditionFailed);
                }
                Err(_) => {}
            }
        }
        self.exec_command()
    }

    /// The score that the target must reach; `None` if it only has to accept connections or to be gone.
    fn least(&self, target: &Target) -> Option<u8> {
        let is_checked = matches!(target, Target::Checked(_)) || (matches!(target, Target::Named(_)) && !self.gone);
        self.min_score.or_else(|| is_checked.then_some(HEALTHY))
    }

    /// How to wait for a target.
    ///
    /// # Errors
    /// If the target cannot be checked, or cannot be gone.
    fn wait_for(&self, target: &Target, global: &Global) -> Result<WaitTarget> {
        match (self.least(target), target) {
            (least, Target::Named(word)) => {
                Ok(WaitTarget::Listed(Box::new(Mutex::new(Named::parse(word, global)?)), least))
            }
            (None, target) => Ok(WaitTarget::Accepts(target.clone())),
            (Some(_), Target::Checked(_)) if self.gone => {
                refuse(target, "--gone does not apply to a URL or a services file", "write it as HOST:PORT")
            }
            (Some(_), Target::HostPort(HostPort { port: None, .. })) => {
                refuse(target, "a socket path cannot be checked", "leave --min-score out")
            }
            (Some(least), target) => Ok(WaitTarget::Scores(Targets::read(&[target.word()], global)?, least)),
        }
    }

    /// Starts a thread that tries one target until it is ready or the time is up. The thread is not joined: a resolver may
    /// block it, and it ends with the process.
    fn start(
        &self,
        number: usize,
        wait: WaitTarget,
        tries: Arc<Mutex<TryLog>>,
        start: Instant,
        done: Sender<usize>,
    ) -> Result<()> {
        let (gone, timeout, tls) = (self.gone, self.timeout, self.tls.clone());
        let thread = thread::Builder::new().name(format!("wait-{number}")).spawn(move || {
            let mut pause = PAUSES.0;
            while let Some(left) = timeout.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
                let outcome = wait.attempt(left.min(TRY_TIMEOUT), &tls, &tries);
                let is_ready = if gone { outcome.is_gone() } else { outcome.is_ready() };

                tries.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
                if is_ready {
                    // The receiver may be gone.
                    let _ = done.send(number);
                    return;
                }

                thread::sleep(pause.min(timeout.saturating_sub(start.elapsed())));
                pause = (pause + pause / 2).min(PAUSES.1);
            }
        });
        thread
            .map(drop)
            .map_err(|error| Error::io("start a thread", error, "check the limits of this process (`ulimit -a`)"))
    }

    fn report_success(&self, target: &Target, tries: &Mutex<TryLog>, elapsed: Duration) {
        let tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match (self.least(target), tries.last()) {
            (None, _) if self.gone => "is gone".to_owned(),
            (None, _) => "accepts connections".to_owned(),
            (Some(_), Some(TryOutcome::ReportedReady)) => {
                "is ready according to its source (unreachable from here)".to_owned()
            }
            (Some(least), _) => format!("scores at least {least}"),
        };
        stderr::note(&format!("{target} {state} after {:.1} s", elapsed.as_secs_f64()));
    }

    fn report_failure(&self, target: &Target, tries: &Mutex<TryLog>) {
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
            (Some(_), _) => {
                let hint = "see `portolan validate --explain`, or wait longer with --timeout";
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

fn refuse(target: &Target, why: &str, hint: &str) -> Result<WaitTarget> {
    Err(Error::usage(format!("target '{target}'"), why, hint))
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
