//! Reading targets without being held up by who does not answer: a pipe that nobody writes to, a FIFO that nobody opens, a
//! resolver that waits for its server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::options::Scan;
use super::scan_counts::StopReason;
use super::targets::{self, ScanTargets};
use crate::error::{Error, Result};

/// What was read, or why it was not.
pub(super) type ReadResult = std::result::Result<ScanTargets, StopReason>;

/// How often to look whether somebody wants an end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Puts together what the options ask for, unless `closed` or the deadline comes first.
///
/// It reads on a thread of its own. One that is held up is left behind, for nothing ends such a wait; it goes with the
/// process, or when what it waits for comes.
///
/// # Errors
/// As [`targets::read`]; no thread.
pub(super) fn read(options: &Scan, closed: &AtomicBool, deadline: Option<Instant>) -> Result<ReadResult> {
    let (sender, receiver) = bounded(1);
    let options = options.clone();
    let work = move || {
        // Nobody waits any more where this fails.
        let _ = sender.send(targets::read(&options));
    };
    let thread = thread::Builder::new().name("targets".into()).spawn(work);
    thread.map_err(|error| Error::io("start a thread", error, "look at the limits of this process (`ulimit -a`)"))?;
    loop {
        if closed.load(Ordering::Relaxed) {
            return Ok(Err(StopReason::Stopped));
        }
        let left = deadline.map_or(POLL_INTERVAL, |deadline| deadline.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(left.min(POLL_INTERVAL)) {
            Ok(asked) => return asked.map(Ok),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(Err(StopReason::Deadline)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let why = std::io::Error::other("the thread that reads them broke off");
                return Err(Error::io("read the targets", why, "this is a fault of portolan's: please report it"));
            }
        }
    }
}
