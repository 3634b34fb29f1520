//! Reads targets without being held up by what never answers: a pipe that nothing writes to, a FIFO that nothing opens, a
//! resolver that waits for its server.

use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::options::Scan;
use super::scan_counts::StopReason;
use super::targets::{self, ScanTargets};
use crate::engine::Cancel;
use crate::error::{Error, Result};

/// What was read, or why it was not.
pub(super) type ReadResult = std::result::Result<ScanTargets, StopReason>;

/// Puts together what the options ask for, unless `cancel` or the deadline comes first.
///
/// It reads on a thread of its own. One that is held up is left behind, for nothing ends such a wait; it goes with the
/// process, or when what it waits for comes.
///
/// # Errors
/// As [`targets::read`]; no thread.
pub(super) fn read(options: &Scan, cancel: &Cancel, deadline: Option<Instant>) -> Result<ReadResult> {
    let (sender, receiver) = oneshot::channel();
    let options = options.clone();
    let work = move || {
        // Nobody waits any more where this fails.
        let _ = sender.send(targets::read(&options));
    };
    let thread = thread::Builder::new().name("targets".into()).spawn(work);
    thread.map_err(|error| Error::io("start a thread", error, "look at the limits of this process (`ulimit -a`)"))?;

    match cancel.block_on(receiver, deadline) {
        Some(Ok(targets)) => targets.map(Ok),
        Some(Err(_)) => {
            let why = std::io::Error::other("the thread that reads them broke off");
            Err(Error::io("read the targets", why, "this is a bug in portolan: please report it"))
        }
        None if cancel.is_set() => Ok(Err(StopReason::Stopped)),
        None => Ok(Err(StopReason::Deadline)),
    }
}
