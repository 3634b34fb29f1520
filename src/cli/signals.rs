//! SIGHUP, SIGINT and SIGTERM request a graceful stop; a second Ctrl-C ends the process at once.
//!
//! Every command that can be stopped begins with [`Stop::listen`], which takes a few microseconds and starts no thread.
//! One without a runtime takes [`Stop::cancel`]. One with a runtime takes the cancellation tree:
//!
//! ```ignore
//! let stop = Stop::listen()?;
//! let runtime = runtime(0)?;
//! let drained = runtime.block_on(async {
//!     let shutdown = stop.tree()?;
//!     shutdown.spawn(poll(shutdown.child())); // ends when its node is `stopping()`
//!     tokio::select! {
//!         () = shutdown.stopping() => {}
//!         () = work(&shutdown) => {}
//!     }
//!     Ok(shutdown.drain(GRACE).await) // no task is left running
//! })?;
//! // Print the results, marked incomplete if `stop.requested()` or `!drained.is_clean()`; then:
//! Ok(stop.requested().unwrap_or(Exit::Done))
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::exit::Exit;
use crate::engine::{Cancel, Shutdown, Signal};
use crate::error::{Error, Result};

/// Whether this process was asked to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    hung_up: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    /// Set by any of them.
    any: Arc<AtomicBool>,
    cancel: Cancel,
    /// SIGHUP is ignored, because this process was started to outlive its terminal, as by `nohup`.
    ignores_hangup: bool,
    /// When the command has to end without a signal.
    deadline: Option<Instant>,
}

impl Stop {
    /// Installs the handlers. From now on a signal only sets a flag, and SIGINT ends the process at once if any signal came
    /// before. SIGTERM never does: `timeout` and service managers send it twice in a row, to a process and to its group. A
    /// command that never checks the flag must not listen.
    ///
    /// The immediate end happens in the signal handler, so it works even if the program hangs, but cleans nothing up: code
    /// that changed the terminal must restore it on the first signal, not when everything has ended.
    ///
    /// # Errors
    /// If the operating system does not let signals be caught.
    pub(super) fn listen() -> Result<Self> {
        Self::install(is_hangup_ignored())
    }

    /// The same for a server, which reads its settings again on SIGHUP. It must catch that signal itself.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub(super) fn listen_except_hangup() -> Result<Self> {
        Self::install(true)
    }

    fn install(ignores_hangup: bool) -> Result<Self> {
        let any = Arc::<AtomicBool>::default();
        let stop = Self {
            hung_up: Arc::default(),
            interrupted: Arc::default(),
            terminated: Arc::default(),
            cancel: Cancel::of_flag(Arc::clone(&any), move |cancel| cancel_by_signal(cancel, ignores_hangup)),
            any,
            ignores_hangup,
            deadline: None,
        };
        stop.register().map_err(cannot_catch)?;
        Ok(stop)
    }

    fn register(&self) -> std::io::Result<()> {
        // Registered before the flags, so that the first signal finds them unset.
        flag::register_conditional_shutdown(SIGINT, Exit::Interrupted.code().into(), Arc::clone(&self.any))?;
        flag::register(SIGINT, Arc::clone(&self.interrupted))?;
        flag::register(SIGTERM, Arc::clone(&self.terminated))?;
        if !self.ignores_hangup {
            flag::register(SIGHUP, Arc::clone(&self.hung_up))?;
            flag::register(SIGHUP, Arc::clone(&self.any))?;
        }

        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&self.any))?;
        }
        Ok(())
    }

    /// Adds a deadline to the command.
    pub(super) fn within(self, timeout: Option<Duration>) -> Self {
        Self { deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)), ..self }
    }

    /// Whether to stop waiting: after a signal or the deadline.
    pub(super) fn is_due(&self) -> bool {
        self.any.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Set by the first signal.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The root of the command's cancellation tree. The first signal stops it, even one that came before this call.
    ///
    /// To be called within the command's runtime, which must have its drivers enabled (`enable_all`). The task that waits for
    /// signals belongs to the tree, so draining the tree ends it too.
    ///
    /// # Errors
    /// If the operating system does not let signals be caught.
    pub(super) fn tree(&self) -> Result<Shutdown> {
        let tree = Shutdown::new();
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_catch)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot_catch)?;
        let hang_up = (!self.ignores_hangup).then(|| signal(SignalKind::hangup())).transpose().map_err(cannot_catch)?;

        // Later signals are received below; earlier ones have set their flag.
        if let Some(signal) = self.signal() {
            tree.stop_by(signal);
        }

        let root = tree.clone();
        tree.spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => root.stop_by(Signal::Interrupt),
                _ = terminate.recv() => root.stop_by(Signal::Terminate),
                () = next(hang_up) => root.stop_by(Signal::HangUp),
                () = root.stopping() => {}
            }
        });
        Ok(tree)
    }

    /// The exit code that the command must end with, if a signal came.
    pub(super) fn requested(&self) -> Option<Exit> {
        self.signal().map(Exit::from)
    }

    fn signal(&self) -> Option<Signal> {
        if self.interrupted.load(Ordering::Relaxed) {
            Some(Signal::Interrupt)
        } else if self.terminated.load(Ordering::Relaxed) {
            Some(Signal::Terminate)
        } else if self.hung_up.load(Ordering::Relaxed) {
            Some(Signal::HangUp)
        } else {
            None
        }
    }
}

/// Sets the token when a signal comes, or came before. A handler cannot wake a waiting thread, so another thread waits for
/// a byte that the handler writes. The thread is started only when the token is waited for.
///
/// If that thread cannot be started, a signal does not wake a wait; the second Ctrl-C still ends the process.
fn cancel_by_signal(cancel: Cancel, ignores_hangup: bool) {
    let Ok((reader, writer)) = UnixStream::pair() else { return };
    let mut signals = vec![SIGINT, SIGTERM];
    signals.extend((!ignores_hangup).then_some(SIGHUP));
    for signal in signals {
        let Ok(writer) = writer.try_clone() else { return };
        if pipe::register(signal, writer).is_err() {
            return;
        }
    }

    // Detached: the thread ends with the process.
    let _ = thread::Builder::new().name("signals".into()).spawn(move || cancel_after_byte(&cancel, reader));
}

/// Cancels after the handler has written a byte. A signal that came before the registration has already set the token.
fn cancel_after_byte(cancel: &Cancel, mut reader: UnixStream) {
    while !cancel.is_set() && reader.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    cancel.cancel();
}

/// Waits for the next signal; without a stream, for ever.
async fn next(signals: Option<Signals>) {
    match signals {
        Some(mut signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

/// Buffer for a process's status, which has about 1.5 KB; the kernel does not report its size.
const STATUS_BYTES: usize = 4096;

/// Whether this process began with SIGHUP ignored (`SigIgn` in proc_pid_status(5); the first bit is that of signal 1).
fn is_hangup_ignored() -> bool {
    let mut status = String::with_capacity(STATUS_BYTES);
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

fn cannot_catch(error: std::io::Error) -> Error {
    Error::io("catch signals", error, "look for a sandbox that forbids it")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::low_level::raise;
    use tokio::time::timeout;

    use super::*;

    /// Set in the process that a test starts to be signalled, because the process that runs all tests must survive.
    const CHILD: &str = "RAISE";

    /// The exit code of another process that runs only `test`, with `signals` to raise.
    fn child(test: &str, signals: &[i32]) -> Option<i32> {
        let signals: Vec<String> = signals.iter().map(ToString::to_string).collect();
        // The test runner may ignore SIGHUP, which children inherit.
        let mut child = Command::new("env");
        child.arg("--default-signal=HUP").arg(std::env::current_exe().unwrap());
        child.args(["--exact", &format!("cli::signals::tests::{test}")]).env(CHILD, signals.join(" "));
        let output = child.output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() || stdout.contains("1 passed"), "{stdout}");
        output.status.code()
    }

    /// In the child, the signals to raise.
    fn to_raise() -> Option<Vec<i32>> {
        let signals = std::env::var(CHILD).ok()?;
        Some(signals.split(' ').map(|signal| signal.parse().unwrap()).collect())
    }

    #[test]
    fn a_signal_sets_a_flag_and_a_second_interrupt_ends_the_process() {
        if let Some(signals) = to_raise() {
            let stop = Stop::listen().unwrap();
            assert_eq!(stop.requested(), None);
            for signal in &signals {
                raise(*signal).unwrap();
            }
            let exit = match signals[..] {
                _ if signals.contains(&SIGINT) => Exit::Interrupted,
                [SIGHUP] => Exit::HungUp,
                _ => Exit::Terminated,
            };
            assert_eq!(stop.requested(), Some(exit));
            return;
        }

        let test = "a_signal_sets_a_flag_and_a_second_interrupt_ends_the_process";
        assert_eq!(child(test, &[SIGINT]), Some(0));
        assert_eq!(child(test, &[SIGTERM]), Some(0));
        assert_eq!(child(test, &[SIGHUP]), Some(0));
        assert_eq!(child(test, &[SIGTERM, SIGTERM]), Some(0));
        assert_eq!(child(test, &[SIGINT, SIGTERM]), Some(0));
        assert_eq!(child(test, &[SIGTERM, SIGINT]), Some(130));
        assert_eq!(child(test, &[SIGINT, SIGINT]), Some(130));
    }

    #[test]
    fn a_signal_stops_the_tree_before_and_after_it_is_made() {
        const LONG: Duration = Duration::from_mins(1);
        let Some(signals) = to_raise() else {
            for signal in [SIGHUP, SIGINT, SIGTERM] {
                assert_eq!(child("a_signal_stops_the_tree_before_and_after_it_is_made", &[signal]), Some(0));
            }
            return;
        };
        let cause = match signals[0] {
            SIGHUP => Signal::HangUp,
            SIGINT => Signal::Interrupt,
            _ => Signal::Terminate,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stop = Stop::listen().unwrap();
            let unasked = stop.tree().unwrap();
            assert!(unasked.drain(LONG).await.is_clean(), "no signal is needed to end it");
            assert_eq!(unasked.cause(), None);

            let tree = stop.tree().unwrap();
            let leaf = tree.child();
            leaf.clone().spawn(async move { leaf.stopping().await });
            raise(signals[0]).unwrap();
            timeout(LONG, tree.stopping()).await.unwrap();
            assert_eq!((tree.cause(), stop.requested()), (Some(cause), Some(Exit::from(cause))));
            assert!(tree.drain(LONG).await.is_clean());

            let late = stop.tree().unwrap();
            assert!(late.is_stopping());
            assert_eq!(late.cause(), Some(cause));
        });
    }
}
