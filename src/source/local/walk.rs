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
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};

use foldhash::fast::FixedState;
use rustix::fs::{AtFlags, Mode, RawDir};
use rustix::io::Errno;

use self::shared::{DIRECTORY, WORTH_A_THREAD, WalkState, number};
pub(super) use self::shared::{Inodes, WalkError};
use self::worker::{Worker, WorkerResult};
use super::commands::{CommandText, Commands};
use super::parents;
use super::process::{FdTable, ProcessFacts};

/// More threads only wait for the same locks in the kernel.
pub(super) const MAX_THREADS: usize = 8;

/// Descriptors of threads that are read although their process has as many.
const MAX_SAME_DESCRIPTORS: i64 = 20_000;

/// What a walk looks for.
#[derive(Clone, Copy)]
pub(super) struct WalkRequest<'a> {
    pub(super) inodes: &'a Inodes,
    /// Read every fact of a holder, not only its name.
    pub(super) full: bool,
    /// Maximum number of threads.
    pub(super) threads: usize,
    /// Polled now and then.
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
}

/// A walk over the processes that may be read, and what it has found so far.
pub(super) struct Walk {
    proc: Arc<OwnedFd>,
    /// When it began, by [`parents::now`].
    began: u64,
    visited: HashSet<u32, FixedState>,
    /// Visited processes without any descriptor.
    empty: Vec<u32>,
    /// Pairs of a socket's inode and an index into `processes`; sorted, no pair twice.
    pub(super) holders: Vec<(u32, u32)>,
    pub(super) processes: Vec<ProcessFacts>,
    /// Some process could not be read.
    pub(super) denied: bool,
    /// One of the user of this program could not be read, or may be hidden.
    pub(super) denied_own: bool,
    /// Why the walk is incomplete.
    pub(super) unfinished: Option<WalkError>,
}

impl Walk {
    /// A walk that has visited no process yet.
    pub(super) fn open() -> io::Result<Self> {
        let proc = rustix::fs::open("/proc", DIRECTORY, Mode::empty())?;
        Ok(Self {
            proc: Arc::new(proc),
            began: parents::now(),
            visited: HashSet::default(),
            empty: Vec::new(),
            holders: Vec::new(),
            processes: Vec::new(),
            denied: false,
            denied_own: false,
            unfinished: None,
        })
    }

    /// The processes that there are now.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        let pids = numbers(&self.proc, ".")?;
        if pids.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it contains no process"));
        }
        Ok(pids)
    }

    /// The effective user of each process that still runs.
    pub(super) fn users_of(&self, pids: &[u32]) -> HashMap<u32, u32, FixedState> {
        pids.iter().filter_map(|&pid| Some((pid, self.user_of(pid)?))).collect()
    }

    fn user_of(&self, pid: u32) -> Option<u32> {
        user_of(self.proc.as_fd(), pid)
    }

    /// The number of descriptors of each process that still runs; 0 before Linux 6.2.
    pub(super) fn descriptors_of(&self, pids: &[u32]) -> HashMap<u32, i64, FixedState> {
        pids.iter().filter_map(|&pid| Some((pid, self.descriptors_at(&format!("{pid}/fd"))?))).collect()
    }

    /// Visits every process.
    pub(super) fn everything(&mut self, request: &WalkRequest<'_>) -> io::Result<()> {
        let pids = self.pids()?;
        self.visit(&pids, request);
        self.finish(request)
    }

    /// Visits these processes.
    pub(super) fn visit(&mut self, pids: &[u32], request: &WalkRequest<'_>) {
        self.visited.extend(pids);
        let places: Vec<FdTable> = pids.iter().map(|&pid| FdTable { pid, thread: None }).collect();
        self.visit_tables(&places, request);
    }

    /// Visits what shows up only after all processes were visited.
    pub(super) fn finish(&mut self, request: &WalkRequest<'_>) -> io::Result<()> {
        if self.unfinished.is_none() && self.is_missing(request.inodes) {
            // A process may hand its listeners to a child and end before the walk comes to it, as daemons do when they
            // start: processes that are new since the list was made are looked into as well. And where the first thread
            // of a process has ended, only the others show what it holds.
            let new: Vec<u32> =
                numbers(&self.proc, ".")?.into_iter().filter(|pid| !self.visited.contains(pid)).collect();
            let empty = std::mem::take(&mut self.empty);
            self.visit(&new, request);
            let threads: Vec<FdTable> = empty.into_iter().flat_map(|pid| other_threads(&self.proc, pid)).collect();
            self.visit_tables(&threads, request);
        }
        if self.unfinished.is_none() && self.is_missing(request.inodes) {
            let threads = self.threads_with_own_tables();
            self.visit_tables(&threads, request);
        }

        // Where other users' processes are hidden altogether (hidepid), no call is refused. The first process always is.
        if let Err(error) = rustix::fs::openat(&*self.proc, "1/fd", DIRECTORY, Mode::empty()) {
            self.denied = true;
            self.denied_own |= error == Errno::NOENT;
        }
        Ok(())
    }

    /// Threads that may have descriptors of their own (`unshare(CLONE_FILES)`): those with another number of descriptors than
    /// their process, and as many of the others as are cheap to read.
    fn threads_with_own_tables(&self) -> Vec<FdTable> {
        let mut tables = Vec::new();
        let mut left = MAX_SAME_DESCRIPTORS;
        for &pid in &self.visited {
            // A directory has a link from itself, one from its parent, and one from each directory in it.
            let tasks = rustix::fs::statat(&*self.proc, format!("{pid}/task"), AtFlags::empty());
            if tasks.map_or(0, |stat| stat.st_nlink) <= 3 {
                continue;
            }

            let count = self.descriptors_at(&format!("{pid}/fd"));
            for table in other_threads(&self.proc, pid) {
                let own = table.thread.and_then(|thread| self.descriptors_at(&format!("{pid}/task/{thread}/fd")));
                if let Some(own) = own.filter(|_| own == count) {
                    if own > left {
                        continue;
                    }
                    left -= own;
                }
                tables.push(table);
            }
        }
        tables
    }

    /// The number of descriptors in a directory; before Linux 6.2 it is 0.
    fn descriptors_at(&self, path: &str) -> Option<i64> {
        rustix::fs::statat(&*self.proc, path, AtFlags::empty()).ok().map(|stat| stat.st_size)
    }

    fn visit_tables(&mut self, places: &[FdTable], request: &WalkRequest<'_>) {
        if places.is_empty() {
            return;
        }
        let proc = Arc::clone(&self.proc);
        self.merge(find_holders(&proc, places, request));
    }

    /// Whether some socket has no holder yet.
    fn is_missing(&self, inodes: &Inodes) -> bool {
        self.holders.chunk_by(|a, b| a.0 == b.0).count() < inodes.len()
    }

    /// Whether it has been to this process.
    pub(super) fn has_visited(&self, pid: u32) -> bool {
        self.visited.contains(&pid)
    }

    /// Whether a process that holds this socket was found.
    pub(super) fn has_holder(&self, inode: u32) -> bool {
        let at = self.holders.partition_point(|&(holder, _)| holder < inode);
        self.holders.get(at).is_some_and(|&(holder, _)| holder == inode)
    }

    /// Reads the parents of the processes found.
    pub(super) fn find_parents(&mut self) {
        parents::fill_in(self.proc.as_fd(), self.began, &mut self.processes);
    }

    /// What it has found so far, while it goes on.
    pub(super) fn so_far(&self) -> Self {
        Self {
            proc: Arc::clone(&self.proc),
            visited: HashSet::default(),
            empty: Vec::new(),
            holders: self.holders.clone(),
            processes: self.processes.clone(),
            ..*self
        }
    }

    /// Puts what the threads found together.
    fn merge(&mut self, found: Vec<WorkerResult>) {
        let mut holders = Vec::new();
        let mut index_of = HashMap::<u32, u32, FixedState>::default();

        for part in found {
            self.denied |= part.denied;
            self.denied_own |= part.denied_own;
            self.unfinished = self.unfinished.or(part.unfinished);
            self.empty.extend(part.empty);
            holders.extend(part.holders);
            for (slot, facts) in part.processes {
                index_of.insert(slot, u32::try_from(self.processes.len()).unwrap_or(u32::MAX));
                self.processes.push(facts);
            }
        }

        if holders.is_empty() {
            return;
        }
        self.holders.extend(holders.into_iter().filter_map(|(inode, slot)| Some((inode, *index_of.get(&slot)?))));
        self.holders.sort_unstable();
        self.holders.dedup();
    }
}

/// The effective user of a process, which its directory belongs to: the files in it may belong to root instead.
fn user_of(proc: BorrowedFd<'_>, pid: u32) -> Option<u32> {
    Some(rustix::fs::statat(proc, pid.to_string(), AtFlags::empty()).ok()?.st_uid)
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

/// Reads the descriptors at `places`.
fn find_holders(proc: &OwnedFd, places: &[FdTable], request: &WalkRequest<'_>) -> Vec<WorkerResult> {
    let shared = WalkState::new(proc.as_fd(), places, request);
    thread::scope(|scope| {
        let mut helpers = Vec::new();
        let mut alone = true;
        let mut worker = Worker::new(&shared);

        // Most machines have so few descriptors that the walk is over before a thread would have started.
        while worker.enter_next() {
            if alone && worker.descriptors() >= WORTH_A_THREAD {
                alone = false;
                let cores = thread::available_parallelism().map_or(1, usize::from).min(request.threads);
                // Where threads are short, one does it all.
                helpers.extend((1..cores).map_while(|_| spawn(scope, &shared).ok()));
            }
        }

        let mut found = vec![worker.run()];
        // A helper cannot panic; if it did, what it found would be missing and the walk not whole.
        found.extend(helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|_| WorkerResult::lost())));
        if request.full {
            add_commands(&mut found, shared.commands.finish(request.stop));
        }
        found
    })
}

/// Fills in the command lines of the processes found.
fn add_commands(found: &mut [WorkerResult], mut commands: Commands) {
    for (slot, facts) in found.iter_mut().flat_map(|part| &mut part.processes) {
        if let (Some(more), Some(command)) = (&mut facts.more, commands.remove(slot)) {
            match command {
                CommandText::Read(command) => more.command = command,
                CommandText::Blocked => more.is_blocked = true,
            }
        }
    }
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
