//! A runtime for what waits for peers, or word of why this machine has none to give.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::thread::{self, Builder as Thread};

use crossbeam_channel::bounded;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use super::limits::raise_descriptors;
use crate::error::{Error, Result};

/// The descriptors that a runtime of tokio's takes: two for epoll, one to wake it by, a pair for signals and a copy of its
/// end; and one connection and one file, without which it would be of no use.
const DESCRIPTORS: usize = 8;

/// A runtime whose work is done by so many threads of its own; 0: by the one that waits for it.
///
/// tokio panics for want of a descriptor or a thread; so both are tried before it is asked.
///
/// # Errors
/// What there is too little of.
pub(crate) fn runtime(threads: usize) -> Result<Runtime> {
    // Two that are made at once would each count the room that is there for one.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    raise_descriptors();
    let hint = "raise the limit of open files (`ulimit -n`)";
    try_descriptors().map_err(|error| Error::io(WHAT, error, hint))?;
    let too_few = |error| Error::io(WHAT, error, "raise the limit of processes and threads (`ulimit -u`)");
    try_threads(threads).map_err(too_few)?;
    let runtime = match threads {
        0 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    runtime.map_err(|error| Error::io(WHAT, error, hint))
}

const WHAT: &str = "start a runtime";

/// Whether there are as many descriptors as are needed: they are taken, and given back.
fn try_descriptors() -> io::Result<()> {
    let taken: io::Result<Vec<UnixDatagram>> = (0..DESCRIPTORS).map(|_| UnixDatagram::unbound()).collect();
    taken.map(drop)
}

/// Whether there are as many threads as are needed: they are started, and end.
fn try_threads(count: usize) -> io::Result<()> {
    let (all_there, wait) = bounded::<()>(0);
    thread::scope(|scope| {
        // Each stays until the last one is there.
        let start = |_| Thread::new().spawn_scoped(scope, || wait.recv());
        let started: io::Result<Vec<_>> = (0..count).map(start).collect();
        drop(all_there);
        started.map(drop)
    })
}
