//! A tokio runtime, or the reason why this machine cannot start one.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread::{self, Builder as Thread};

use crossbeam_channel::bounded;
use parking_lot::Mutex;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::sync::oneshot;

use super::limits::raise_descriptors;
use crate::error::{Error, Result};

/// The descriptors of a tokio runtime: two for epoll, one to wake it, a pair for signals and a copy of its end; and
/// one connection and one file, without which it would be useless.
const NEEDED_DESCRIPTORS: usize = 8;

/// A runtime with `threads` worker threads; with 0, the thread that waits does the work.
///
/// tokio panics if a descriptor or a thread is missing, so both are tried first.
///
/// # Errors
/// Descriptors or threads are missing.
pub(crate) fn runtime(threads: usize) -> Result<Runtime> {
    // Concurrent calls would each count the room for one.
    static LOCK: Mutex<()> = Mutex::new(());
    let _guard = LOCK.lock();

    raise_descriptors();
    try_descriptors().map_err(unusable)?;

    try_threads(threads)
        .map_err(|error| Error::io(WHAT, error, "raise the limit of processes and threads (`ulimit -u`)"))?;

    let runtime = match threads {
        0 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    runtime.map_err(unusable)
}

/// A runtime on a thread of its own, for futures that another thread polls. Dropping it waits for nothing: the thread ends
/// its tasks before the runtime, so that none of them finds its timers gone.
pub(crate) struct BackgroundRuntime {
    handle: Handle,
    _running: oneshot::Sender<()>,
}

impl BackgroundRuntime {
    /// Starts it.
    ///
    /// # Errors
    /// As for [`runtime`].
    pub(crate) fn start() -> Result<Self> {
        let runtime = runtime(0)?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel();
        Thread::new()
            .name("portolan-io".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
            })
            .map_err(|error| Error::io(WHAT, error, "raise the limit of processes and threads (`ulimit -u`)"))?;

        Ok(Self { handle, _running: running })
    }

    /// Makes it the runtime of this thread.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

/// The error of a missing descriptor, or of missing memory of the kernel.
fn unusable(error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::OutOfMemory => {
            "free memory, or raise the memory limit of this process (`ulimit -v`, its cgroup)"
        }
        io::ErrorKind::StorageFull => "raise the limit of watched descriptors (/proc/sys/fs/epoll/max_user_watches)",
        _ => "raise the limit of open files (`ulimit -n`)",
    };
    Error::io(WHAT, error, hint)
}

const WHAT: &str = "start a runtime";

/// Opens and closes the needed descriptors: pairs of sockets, because tokio panics where it gets none for its signals.
fn try_descriptors() -> io::Result<()> {
    let taken: io::Result<Vec<_>> = (0..NEEDED_DESCRIPTORS / 2).map(|_| UnixStream::pair()).collect();
    taken.map(drop)
}

/// Starts and ends the needed threads.
fn try_threads(count: usize) -> io::Result<()> {
    let (all_started, wait) = bounded::<()>(0);
    thread::scope(|scope| {
        // Each thread stays until the last one has started.
        let started: io::Result<Vec<_>> =
            (0..count).map(|_| Thread::new().spawn_scoped(scope, || wait.recv())).collect();
        drop(all_started);
        started.map(drop)
    })
}
