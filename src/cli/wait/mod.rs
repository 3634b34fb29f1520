//! `portolan wait TARGET…`: until something listens there, or is well, or nothing listens any more.

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

use self::target::{Target, TryLog, TryOutcome, TryStep, begin};
use super::exit::Exit;
use super::signals::Stop;
use super::validate::{self, Named, Targets};
use super::{Global, stderr};
use crate::error::{Error, Result};
use crate::model::{PartialError, parse_duration};

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
/// each service scores 80, or N with --min-score N. So are the services that a source has by a name: SOURCE/NAME, such as
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
    /// Run this command, in place of portolan, once every target is ready
    #[arg(last = true, value_name = "CMD", value_hint = clap::ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// What healthy services score.
const HEALTHY: u8 = 80;
/// Each has a thread of its own, because looking up a name cannot be given up.
const MAX_TARGETS: usize = 256;
/// The longest wait between two tries, at first and later on.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How long one try may take.
const TRY: Duration = Duration::from_secs(3);
/// How often to look for signals.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What is waited for.
enum WaitTarget {
    /// That it accepts connections.
    Accepts(Target),
    /// That each of these scores at least so much.
    Scores(Targets, u8),
    /// That a source has something of that name, and each that it has scores at least so much; `None`: that it has none.
    Listed(Box<Mutex<Named>>, Option<u8>),
}

impl WaitTarget {
    /// Looks once, for at most so long.
    fn look(&self, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
        begin(tries, TryStep::Check);
        match self {
            Self::Accepts(target) => target.connect(limit, tries),
            Self::Scores(targets, least) => scored(targets, *least, limit),
            Self::Listed(named, least) => {
                let listed = named.lock().unwrap_or_else(PoisonError::into_inner).services();
                match (listed, least) {
                    (Err(error), _) => TryOutcome::Unknown(error.to_string()),
                    // What could not be read may be it.
                    (Ok((services, faults)), _) if services.is_empty() => match faults.first() {
                        Some(PartialError { operation: what, cause: why, .. }) => {
                            TryOutcome::Unknown(format!("cannot {what}: {why}"))
                        }
                        None => TryOutcome::Unlisted,
                    },
                    (Ok(_), None) => TryOutcome::Unwell("listed".to_owned()),
                    (Ok((services, _)), Some(least)) => scored(&Targets::of(services), *least, limit),
                }
            }
        }
    }
}

fn scored(targets: &Targets, least: u8, limit: Duration) -> TryOutcome {
    match validate::shortfall(targets, least, limit) {
        Ok(None) => TryOutcome::Accepts,
        Ok(Some(why)) => TryOutcome::Unwell(why),
        Err(error) => TryOutcome::Unknown(error.to_string()),
    }
}

impl Wait {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if self.targets.len() > MAX_TARGETS {
            let why = format!("there are more than {MAX_TARGETS}");
            return Err(Error::usage("these targets", why, "wait for some of them after the others"));
        }
        let waits = self.targets.iter().map(|target| self.wait_for(target, global)).collect::<Result<Vec<_>>>()?;
        let stop = Stop::listen()?;
        let begun = Instant::now();
        let tries: Vec<_> = self.targets.iter().map(|_| Arc::new(Mutex::new(TryLog::default()))).collect();
        let (sender, done) = channel();
        for (number, (wait, tries)) in waits.into_iter().zip(&tries).enumerate() {
            self.start(number, wait, Arc::clone(tries), begun, sender.clone())?;
        }
        let mut left: Vec<usize> = (0..self.targets.len()).collect();
        while !left.is_empty() {
            if let Some(exit) = stop.requested() {
                return Ok(exit);
            }
            let time = self.timeout.saturating_sub(begun.elapsed());
            match done.recv_timeout(time.min(POLL_INTERVAL)) {
                Ok(number) => {
                    left.retain(|&other| other != number);
                    if !global.quiet {
                        let target = &self.targets[number];
                        let what = match self.least(target) {
                            None if self.gone => "is gone".to_owned(),
                            None => "accepts connections".to_owned(),
                            Some(least) => format!("scores at least {least}"),
                        };
                        stderr::note(&format!("{target} {what} after {:.1} s", begun.elapsed().as_secs_f64()));
                    }
                }
                Err(RecvTimeoutError::Timeout) if time.is_zero() => {
                    for &number in &left {
                        self.tell(&self.targets[number], &tries[number]);
                    }
                    return Ok(Exit::ConditionFailed);
                }
                Err(_) => {}
            }
        }
        self.become_command()
    }

    /// What it must score; `None`: to accept connections is enough.
    fn least(&self, target: &Target) -> Option<u8> {
        let is_checked = matches!(target, Target::Checked(_)) || (matches!(target, Target::Named(_)) && !self.gone);
        self.min_score.or_else(|| is_checked.then_some(HEALTHY))
    }

    /// How to wait for a target.
    ///
    /// # Errors
    /// What cannot be checked, or waited for in that way.
    fn wait_for(&self, target: &Target, global: &Global) -> Result<WaitTarget> {
        let refuse = |why: &str, hint: &str| Err(Error::usage(format!("target '{target}'"), why, hint));
        match (self.least(target), target) {
            (least, Target::Named(word)) => {
                Ok(WaitTarget::Listed(Box::new(Mutex::new(Named::parse(word, global)?)), least))
            }
            (None, target) => Ok(WaitTarget::Accepts(target.clone())),
            (Some(_), Target::Checked(_)) if self.gone => {
                refuse("only connections can be gone, and this is checked", "write it as HOST:PORT")
            }
            (Some(_), Target::Path(_)) => refuse("only what has a port is checked", "leave --min-score out"),
            (Some(least), target) => Ok(WaitTarget::Scores(Targets::read(&[target.word()], global)?, least)),
        }
    }

    /// Tries one target until it is as wanted, or the time is up. The thread is not joined: a resolver may block it, and it
    /// ends with the process.
    fn start(
        &self,
        number: usize,
        wait: WaitTarget,
        tries: Arc<Mutex<TryLog>>,
        begun: Instant,
        done: Sender<usize>,
    ) -> Result<()> {
        let (gone, timeout) = (self.gone, self.timeout);
        let work = move || {
            let mut pause = PAUSES.0;
            while let Some(left) = timeout.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
                let verdict = wait.look(left.min(TRY), &tries);
                let wanted = if gone { verdict.is_gone() } else { verdict == TryOutcome::Accepts };
                tries.lock().unwrap_or_else(PoisonError::into_inner).add(verdict);
                if wanted {
                    // The receiver may have gone.
                    let _ = done.send(number);
                    return;
                }
                thread::sleep(pause.min(timeout.saturating_sub(begun.elapsed())));
                pause = (pause + pause / 2).min(PAUSES.1);
            }
        };
        let thread = thread::Builder::new().name(format!("wait-{number}")).spawn(work);
        thread.map(drop).map_err(|error| Error::io("start a thread", error, "look at the limits of this process"))
    }

    fn tell(&self, target: &Target, tries: &Mutex<TryLog>) {
        let why = tries.lock().unwrap_or_else(PoisonError::into_inner).to_string();
        let (what, hint) = match self.least(target) {
            None if self.gone => ("see the end of", "look at what runs there, or wait longer with --timeout"),
            None => ("reach", "look whether it runs and where it listens, or wait longer with --timeout"),
            Some(_) => ("find well", "see `portolan validate --explain`, or wait longer with --timeout"),
        };
        // A year is the most that it can be.
        let within = jiff::SignedDuration::try_from(self.timeout).unwrap_or_default();
        stderr::fault(&PartialError {
            operation: format!("{what} {target} within {within:#}"),
            cause: why,
            hint: hint.to_owned(),
        });
    }

    /// Becomes the command; where that cannot be, says so and ends as shells do.
    fn become_command(&self) -> Result<Exit> {
        let Some((program, args)) = self.command.split_first() else { return Ok(Exit::Done) };
        let error = process::Command::new(program).args(args).exec();
        let exit = if error.kind() == ErrorKind::NotFound { Exit::NoCommand } else { Exit::CommandUnusable };
        let name = crate::clean::clean(&program.to_string_lossy());
        stderr::error(&Error::io(format!("run '{name}'"), error, "look whether it is there and may be run"));
        Ok(exit)
    }
}
