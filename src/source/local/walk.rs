//! Which processes hold which sockets: one walk over `/proc/PID/fd`.
//!
//! Each process is entered once, through a descriptor on its own directory. Such a descriptor stays with the
//! process that it was opened on: when that one ends and its id is given to another, reading through it fails.
//! So a socket and a name that were read through the same descriptor belong together, however fast process ids
//! are reused. What a descriptor points to is only read as text (`socket:[INODE]`), never opened or asked for
//! its attributes: it may lie on a file system that does not answer any more.

mod shared;
mod worker;

use std::collections::{HashMap, HashSet};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{self, Scope, ScopedJoinHandle};

use foldhash::fast::FixedState;
use rustix::fs::{Mode, RawDir};

use self::shared::{DIRECTORY, WORTH_A_THREAD, WalkState, number};
pub(super) use self::shared::{Inodes, WalkError};
use self::worker::{Worker, WorkerResult};
use super::parents;
use super::process::{FdTable, ProcessFacts};

/// What a walk found.
#[derive(Default)]
pub(super) struct Walk {
    /// Pairs of a socket's inode and an index into `processes`; sorted, no pair twice.
    pub(super) holders: Vec<(u32, u32)>,
    pub(super) processes: Vec<ProcessFacts>,
    /// Some process could not be read.
    pub(super) denied: bool,
    /// Why the walk is incomplete.
    pub(super) unfinished: Option<WalkError>,
}

/// More threads only wait for the same locks in the kernel.
const MAX_THREADS: usize = 8;

/// Finds the holders of `inodes` among all processes that may be read. `full` reads every fact of a
/// holder, otherwise its name. `stop` is polled now and then.
pub(super) fn walk(inodes: &Inodes, full: bool, stop: &(dyn Fn() -> bool + Sync)) -> io::Result<Walk> {
    let proc = rustix::fs::open("/proc", DIRECTORY, Mode::empty())?;
    let began = parents::now();
    let pids = numbers(&proc, ".")?;
    if pids.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it contains no process"));
    }

    let processes: Vec<FdTable> = pids.iter().map(|&pid| FdTable { pid, thread: None }).collect();
    let (mut walk, empty) = find_holders(&proc, &processes, inodes, full, stop);

    if walk.unfinished.is_none() && missing(&walk, inodes) {
        // A process may hand its listeners to a child and end before the walk comes to it, as daemons do when they
        // start: processes that are new since the list was made are looked into as well. And where the first thread
        // of a process has ended, only the others show what it holds.
        let known: HashSet<u32> = pids.into_iter().collect();
        let new = numbers(&proc, ".")?.into_iter().filter(|pid| !known.contains(pid));
        let mut places: Vec<FdTable> = new.map(|pid| FdTable { pid, thread: None }).collect();
        places.extend(empty.into_iter().flat_map(|pid| other_threads(&proc, pid)));
        walk.merge(find_holders(&proc, &places, inodes, full, stop).0);
    }

    // Where other users' processes are hidden altogether (hidepid), no call is refused. The first process always is.
    walk.denied |= rustix::fs::openat(&proc, "1/fd", DIRECTORY, Mode::empty()).is_err();

    if full {
        parents::fill_in(proc.as_fd(), began, &mut walk.processes);
    }
    Ok(walk)
}

fn other_threads(proc: &OwnedFd, pid: u32) -> Vec<FdTable> {
    let threads = numbers(proc, &format!("{pid}/task")).unwrap_or_default();
    threads.into_iter().filter(|&thread| thread != pid).map(|thread| FdTable { pid, thread: Some(thread) }).collect()
}

/// The entries of a directory whose names are numbers.
fn numbers(proc: &OwnedFd, path: &str) -> io::Result<Vec<u32>> {
    let dir = rustix::fs::openat(proc, path, DIRECTORY, Mode::empty())?;
    let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
    let mut entries = RawDir::new(dir, &mut buffer);
    let mut found = Vec::new();

    while let Some(entry) = entries.next() {
        found.extend(number(entry?.file_name().to_bytes()));
    }
    Ok(found)
}

/// Whether some socket has no holder yet.
fn missing(walk: &Walk, inodes: &Inodes) -> bool {
    walk.holders.chunk_by(|a, b| a.0 == b.0).count() < inodes.len()
}

impl Walk {
    fn merge(&mut self, other: Self) {
        let shift = u32::try_from(self.processes.len()).unwrap_or(u32::MAX);
        self.holders.extend(other.holders.into_iter().map(|(inode, process)| (inode, process + shift)));
        self.holders.sort_unstable();
        self.processes.extend(other.processes);
        self.denied |= other.denied;
        self.unfinished = self.unfinished.or(other.unfinished);
    }
}

/// Reads the descriptors at `places`; also returns the processes that had none.
fn find_holders(
    proc: &OwnedFd,
    places: &[FdTable],
    inodes: &Inodes,
    full: bool,
    stop: &(dyn Fn() -> bool + Sync),
) -> (Walk, Vec<u32>) {
    let shared = WalkState::new(proc.as_fd(), places, inodes, full, stop);
    let found = thread::scope(|scope| {
        let mut helpers = Vec::new();
        let mut alone = true;
        let mut worker = Worker::new(&shared);

        // Most machines have so few descriptors that the walk is over before a thread would have started.
        while worker.enter_next() {
            if alone && worker.descriptors() >= WORTH_A_THREAD {
                alone = false;
                let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
                // Where threads are short, one does it all.
                helpers.extend((1..cores).map_while(|_| spawn(scope, &shared).ok()));
            }
        }

        let mut found = vec![worker.run()];
        // A helper cannot panic; if it did, what it found would be missing and the walk not whole.
        found.extend(helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|_| WorkerResult::lost())));
        found
    });
    gather(found)
}

/// Starts one more worker.
fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope WalkState<'_>,
) -> io::Result<ScopedJoinHandle<'scope, WorkerResult>> {
    // It counts from before it runs, so that no worker goes home too early.
    shared.add_worker();
    let worker = thread::Builder::new().spawn_scoped(scope, || Worker::new(shared).run());
    if worker.is_err() {
        shared.remove_worker();
    }
    worker
}

/// Puts what the threads found together.
fn gather(found: Vec<WorkerResult>) -> (Walk, Vec<u32>) {
    let mut walk = Walk::default();
    let mut empty = Vec::new();
    let mut holders = Vec::new();
    let mut index_of = HashMap::<u32, u32, FixedState>::default();

    for part in found {
        walk.denied |= part.denied;
        walk.unfinished = walk.unfinished.or(part.unfinished);
        empty.extend(part.empty);
        holders.extend(part.holders);
        for (slot, facts) in part.processes {
            index_of.insert(slot, u32::try_from(walk.processes.len()).unwrap_or(u32::MAX));
            walk.processes.push(facts);
        }
    }

    walk.holders.extend(holders.into_iter().filter_map(|(inode, slot)| Some((inode, *index_of.get(&slot)?))));
    walk.holders.sort_unstable();
    walk.holders.dedup();
    (walk, empty)
}
