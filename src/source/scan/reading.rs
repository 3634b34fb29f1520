//! Reads targets without blocking on a pipe without a writer, a FIFO that nothing opens, or a resolver that waits for its
//! server.

use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::options::Scan;
use super::scan_counts::StopReason;
use super::targets::{self, ScanTargets};
use crate::engine::Cancel;
use crate::error::{Error, Result};

/// The targets, or why reading stopped early.
pub(super) type ReadResult = std::result::Result<ScanTargets, StopReason>;

/// Reads the targets, unless `cancel` or the deadline comes first.
///
/// A separate thread reads. If it blocks, it is left behind, because such a wait cannot be interrupted; it ends with the
/// process or with the wait.
///
/// # Errors
/// As [`targets::read`]; the thread does not start.
pub(super) fn read(options: &Scan, cancel: &Cancel, deadline: Option<Instant>) -> Result<ReadResult> {
    let (sender, receiver) = oneshot::channel();
    let options = options.clone();
    let thread = thread::Builder::new().name("targets".into()).spawn(move || {
        // Sending fails only after the caller has stopped waiting.
        let _ = sender.send(targets::read(&options));
    });

    thread.map_err(|error| Error::io("start a thread", error, "check the limits of this process (`ulimit -a`)"))?;

    match cancel.block_on(receiver, deadline) {
        Some(Ok(targets)) => targets.map(Ok),
        Some(Err(_)) => {
            let why = std::io::Error::other("the reading thread panicked");
            Err(Error::io("read the targets", why, "this is a bug in portolan; please report it"))
        }
        None if cancel.is_set() => Ok(Err(StopReason::Stopped)),
        None => Ok(Err(StopReason::Deadline)),
    }
}
