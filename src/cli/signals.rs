//! SIGINT and SIGTERM ask for an end; a second Ctrl-C makes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::exit::Exit;
use crate::error::{Error, Result};

/// Whether somebody wants this process to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    /// Set by either.
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// From now on a signal only leaves word here, and SIGINT ends the process at once if some signal came before.
    /// SIGTERM never does: `timeout` and service managers send it twice in a row, to a process and to its group. A
    /// command that never asks for the word must not listen.
    ///
    /// # Errors
    /// Where the operating system does not let signals be caught.
    pub(super) fn listen() -> Result<Self> {
        let stop = Self { interrupted: Arc::default(), terminated: Arc::default(), asked: Arc::default() };
        stop.register().map_err(|error| Error::io("catch signals", error, "look for a sandbox that forbids it"))?;
        Ok(stop)
    }

    fn register(&self) -> std::io::Result<()> {
        // Before the flags are set by the same signal: the first one must find none.
        flag::register_conditional_shutdown(SIGINT, Exit::Interrupted.code().into(), Arc::clone(&self.asked))?;
        flag::register(SIGINT, Arc::clone(&self.interrupted))?;
        flag::register(SIGTERM, Arc::clone(&self.terminated))?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&self.asked))?;
        }
        Ok(())
    }

    /// Becomes true with the first signal, for whoever looks now and then.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// How the command must end, if it was asked to stop.
    pub(super) fn requested(&self) -> Option<Exit> {
        if self.interrupted.load(Ordering::Relaxed) {
            Some(Exit::Interrupted)
        } else if self.terminated.load(Ordering::Relaxed) {
            Some(Exit::Terminated)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::low_level::raise;

    use super::*;

    /// Set in the process that this test starts to be signalled; the process that runs all tests must survive.
    const CHILD: &str = "RAISE";

    #[test]
    fn a_signal_leaves_word_and_a_second_interrupt_ends_the_process() {
        if let Ok(signals) = std::env::var(CHILD) {
            let signals: Vec<i32> = signals.split(' ').map(|signal| signal.parse().unwrap()).collect();
            let stop = Stop::listen().unwrap();
            assert_eq!(stop.requested(), None);
            for signal in &signals {
                raise(*signal).unwrap();
            }
            let exit = if signals.contains(&SIGINT) { Exit::Interrupted } else { Exit::Terminated };
            assert_eq!(stop.requested(), Some(exit));
            return;
        }
        let test = "cli::signals::tests::a_signal_leaves_word_and_a_second_interrupt_ends_the_process";
        let code = |signals: &[i32]| {
            let signals: Vec<String> = signals.iter().map(ToString::to_string).collect();
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", test]).env(CHILD, signals.join(" ")).output().unwrap().status.code()
        };
        assert_eq!(code(&[SIGINT]), Some(0));
        assert_eq!(code(&[SIGTERM]), Some(0));
        assert_eq!(code(&[SIGTERM, SIGTERM]), Some(0));
        assert_eq!(code(&[SIGINT, SIGTERM]), Some(0));
        assert_eq!(code(&[SIGTERM, SIGINT]), Some(130));
        assert_eq!(code(&[SIGINT, SIGINT]), Some(130));
    }
}
