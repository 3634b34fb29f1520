//! From signals to the tree: the first asks, the second ends at once.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::{Shutdown, Signal};
use crate::error::{Error, Result};

impl Shutdown {
    /// Stops this tree at the first SIGINT or SIGTERM; at the second it calls `at_once` with it, which restores the
    /// terminal and ends the process.
    ///
    /// It listens on a thread of its own, so it works without a runtime and when every runtime thread is stuck. It
    /// listens until the returned watch is dropped; the signals stay without effect after that.
    ///
    /// # Errors
    /// When the signal handler or the thread cannot be set up.
    pub fn listen(&self, at_once: impl FnOnce(Signal) + Send + 'static) -> Result<SignalWatch> {
        let failed = |source: io::Error| Error::io("listen for signals", source, "raise the limit of open files");
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let handle = signals.handle();
        let tree = self.clone();
        let thread = thread::Builder::new().name("signals".into());
        let thread = thread.spawn(move || watch(signals, &tree, at_once)).map_err(failed)?;
        Ok(SignalWatch { handle, thread: Some(thread) })
    }
}

fn watch(mut signals: Signals, tree: &Shutdown, at_once: impl FnOnce(Signal)) {
    let mut received = signals.forever().map(|number| match number {
        SIGINT => Signal::Interrupt,
        _ => Signal::Terminate,
    });
    let Some(first) = received.next() else { return };
    tree.stop_by(first);
    if let Some(second) = received.next() {
        at_once(second);
    }
}

/// Listens for signals until it is dropped; see [`Shutdown::listen`].
#[derive(Debug)]
pub struct SignalWatch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It panics only when `at_once` does, and that has been reported by then.
            let _ = thread.join();
        }
    }
}
