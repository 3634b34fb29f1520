//! Reads targets without blocking on a pipe without a writer, a FIFO that nothing opens, or a resolver that waits for its
//! server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::options::Scan;
use super::scan_counts::StopReason;
use super::targets::{self, ScanTargets};
use crate::error::{Error, Result};

/// The targets, or why reading stopped early.
pub(super) type ReadResult = std::result::Result<ScanTargets, StopReason>;

/// How soon a cancellation takes effect.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Reads the targets, unless `closed` or the deadline comes first.
///
/// A separate thread reads. If it blocks, it is left behind, because such a wait cannot be interrupted; it ends with the
/// process or with the wait.
///
/// # Errors
/// As [`targets::read`]; the thread does not start.
pub(super) fn read(options: &Scan, closed: &AtomicBool, deadline: Option<Instant>) -> Result<ReadResult> {
    let (sender, receiver) = bounded(1);
    let options = options.clone();
    let thread = thread::Builder::new().name("targets".into()).spawn(move || {
        // Sending fails only after the caller has stopped waiting.
        let _ = sender.send(targets::read(&options));
    });
    thread.map_err(|error| Error::io("start a thread", error, "check the limits of this process (`ulimit -a`)"))?;

    loop {
        if closed.load(Ordering::Relaxed) {
            return Ok(Err(StopReason::Stopped));
        }

        let left = deadline.map_or(POLL_INTERVAL, |deadline| deadline.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(left.min(POLL_INTERVAL)) {
            Ok(targets) => return targets.map(Ok),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(Err(StopReason::Deadline)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let why = std::io::Error::other("the reading thread panicked");
                return Err(Error::io("read the targets", why, "this is a bug in portolan; please report it"));
            }
        }
    }
}
