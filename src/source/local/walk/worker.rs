//! One thread of a walk.

use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use rustix::fs::{Mode, RawDir, SeekFrom};
use rustix::io::Errno;

use super::super::parents::Parents;
use super::super::process::{self, ProcessFacts};
use super::{DIRECTORY, FdTable, Inodes, WORTH_A_THREAD, WalkError, number};

/// A process with more than twice as many descriptors is shared among threads, in ranges of so many.
const RANGE: usize = 2048;
/// What one entry of a descriptor directory takes (`struct linux_dirent64`, 8-byte aligned), by its digits: up to
/// four, and up to twelve.
const ENTRY: (usize, usize) = (24, 32);
/// How large the answer may be in one read of a directory.
const DIRECTORY_BUFFER: usize = RANGE * ENTRY.1;

/// What the threads of a walk share.
pub(super) struct WalkState<'a> {
    proc: BorrowedFd<'a>,
    places: &'a [FdTable],
    inodes: &'a Inodes,
    full: bool,
    stop: &'a (dyn Fn() -> bool + Sync),
    /// The next place to enter.
    next: AtomicUsize,
    /// Since Linux 6.2 a descriptor directory's size is its number of descriptors; before, it is 0.
    sizes: bool,
    ranges: Mutex<FdRanges>,
    change: Condvar,
}

/// Parts of large processes that wait for a thread.
struct FdRanges {
    waiting: Vec<FdRange>,
    /// Threads that still enter processes, and so may add ranges.
    entering: usize,
}

/// The descriptors `first..end` of one process.
struct FdRange {
    slot: u32,
    directory: Arc<OwnedFd>,
    first: u64,
    end: u64,
}

impl<'a> WalkState<'a> {
    /// For one worker; [`WalkState::spawn`] brings more.
    pub(super) fn new(
        proc: BorrowedFd<'a>,
        places: &'a [FdTable],
        inodes: &'a Inodes,
        full: bool,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            proc,
            places,
            inodes,
            full,
            stop,
            next: AtomicUsize::new(0),
            sizes: rustix::fs::stat("/proc/self/fd").is_ok_and(|stat| stat.st_size > 0),
            ranges: Mutex::new(FdRanges { waiting: Vec::new(), entering: 1 }),
            change: Condvar::new(),
        }
    }

    /// Starts one more worker.
    pub(super) fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> io::Result<ScopedJoinHandle<'scope, WorkerResult>> {
        // It counts from before it runs, so that nobody goes home too early.
        self.ranges().entering += 1;
        let worker = thread::Builder::new().spawn_scoped(scope, || Worker::new(self).run());
        if worker.is_err() {
            self.ranges().entering -= 1;
        }
        worker
    }

    fn ranges(&self) -> MutexGuard<'_, FdRanges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next range, once no process is left; `None` when none can come any more.
    fn next_range(&self) -> Option<FdRange> {
        let mut ranges = self.ranges();
        loop {
            if let Some(range) = ranges.waiting.pop() {
                return Some(range);
            }
            if ranges.entering == 0 {
                return None;
            }
            ranges = self.change.wait(ranges).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What one thread found; processes by their index in the list of places.
#[derive(Default)]
pub(super) struct WorkerResult {
    pub(super) holders: Vec<(u32, u32)>,
    pub(super) processes: Vec<(u32, ProcessFacts)>,
    /// Processes without any descriptor.
    pub(super) empty: Vec<u32>,
    pub(super) denied: bool,
    pub(super) unfinished: Option<WalkError>,
}

impl WorkerResult {
    /// For a thread that did not come back.
    pub(super) fn lost() -> Self {
        Self { unfinished: Some(WalkError::Failed(Errno::CANCELED)), ..Self::default() }
    }

    /// Takes note of why something could not be read, unless it has ended, as processes do.
    fn note(&mut self, error: Errno) {
        match error {
            Errno::NOENT | Errno::SRCH => {}
            Errno::ACCESS | Errno::PERM => self.denied = true,
            other => self.unfinished = Some(WalkError::Failed(other)),
        }
    }
}

pub(super) struct Worker<'a> {
    shared: &'a WalkState<'a>,
    directory: Vec<MaybeUninit<u8>>,
    path: String,
    parents: Parents,
    found: WorkerResult,
    descriptors: u64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a WalkState<'a>) -> Self {
        let directory = vec![MaybeUninit::uninit(); DIRECTORY_BUFFER];
        Self {
            shared,
            directory,
            path: String::new(),
            parents: Parents::new(),
            found: WorkerResult::default(),
            descriptors: 0,
        }
    }

    /// How many descriptors this thread met or knows to wait.
    pub(super) fn descriptors(&self) -> u64 {
        self.descriptors
    }

    /// Works until nothing is left.
    pub(super) fn run(mut self) -> WorkerResult {
        while self.enter_next() {}
        self.shared.ranges().entering -= 1;
        self.shared.change.notify_all();
        while let Some(range) = self.shared.next_range() {
            if (self.shared.stop)() {
                self.found.unfinished = Some(WalkError::Stopped);
                continue;
            }
            // A fresh descriptor of the same directory, to read it from another place.
            let read = rustix::fs::openat(&range.directory, ".", DIRECTORY, Mode::empty()).and_then(|directory| {
                rustix::fs::seek(&directory, SeekFrom::Start(range.first + 2))?;
                self.read(range.slot, &directory, range.end)
            });
            if let Err(error) = read {
                self.found.note(error);
            }
        }
        self.found
    }

    /// Looks into the next process; `false` when there is none.
    pub(super) fn enter_next(&mut self) -> bool {
        let slot = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(&place) = self.shared.places.get(slot) else { return false };
        if (self.shared.stop)() {
            self.found.unfinished = Some(WalkError::Stopped);
            return false;
        }
        if let Err(error) = self.enter(u32::try_from(slot).unwrap_or(u32::MAX), place) {
            self.found.note(error);
        }
        true
    }

    fn enter(&mut self, slot: u32, place: FdTable) -> Result<(), Errno> {
        self.path.clear();
        // Writing to a String cannot fail.
        let _ = match place.thread {
            None => write!(self.path, "{}/fd", place.pid),
            Some(thread) => write!(self.path, "{}/task/{thread}/fd", place.pid),
        };
        let directory = rustix::fs::openat(self.shared.proc, self.path.as_str(), DIRECTORY, Mode::empty())?;
        let count = if self.shared.sizes {
            usize::try_from(rustix::fs::fstat(&directory)?.st_size).unwrap_or(0)
        } else {
            RANGE
        };
        if count == 0 {
            self.found.empty.push(place.pid);
            return Ok(());
        }
        if count <= RANGE * 2 {
            let before = self.descriptors;
            let read = self.read(slot, &directory, u64::MAX);
            if self.descriptors == before {
                self.found.empty.push(place.pid);
            }
            return read;
        }
        self.descriptors += WORTH_A_THREAD;
        let directory = Arc::new(directory);
        // Descriptors need not be dense, so the last range has no end.
        let starts = (0..count / RANGE).map(|part| part * RANGE);
        let mut ranges = self.shared.ranges();
        ranges.waiting.extend(starts.map(|first| {
            let end = if first + RANGE * 2 > count { usize::MAX } else { first + RANGE };
            FdRange { slot, directory: Arc::clone(&directory), first: first as u64, end: end as u64 }
        }));
        drop(ranges);
        self.shared.change.notify_all();
        Ok(())
    }

    /// Reads the descriptors of a process below `end`, from where its directory stands.
    fn read(&mut self, slot: u32, directory: &OwnedFd, end: u64) -> Result<(), Errno> {
        let before = self.found.holders.len();
        let groups = self.read_links(slot, directory, end);
        if self.found.holders.len() == before {
            return groups.map(|_| ());
        }
        let place = self.shared.places[slot as usize];
        let described = groups.and_then(|groups| {
            let parents = self.shared.full.then_some(&mut self.parents);
            process::read(self.shared.proc, directory.as_fd(), place, parents, groups)
        });
        match described {
            Ok(facts) => {
                self.found.processes.push((slot, facts));
                Ok(())
            }
            Err(error) => {
                // A holder that cannot be named is none; if it ended, it holds nothing any more.
                self.found.holders.truncate(before);
                Err(error)
            }
        }
    }

    /// Collects the sockets among the descriptors; whether the process's control groups are wanted.
    fn read_links(&mut self, slot: u32, directory: &OwnedFd, end: u64) -> Result<bool, Errno> {
        let Self { shared, directory: buffer, found, descriptors, .. } = self;
        let mut link = [MaybeUninit::uninit(); 32];
        let mut groups = false;
        // The kernel fills the buffer it is given; for a range, one that holds the range and no more.
        let entry_size = if end <= 10_000 { ENTRY.0 } else { ENTRY.1 };
        let length = if end == u64::MAX { buffer.len() } else { RANGE * entry_size };
        let mut entries = RawDir::new(directory, &mut buffer[..length]);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let Some(fd) = number(name.to_bytes()).map(u64::from) else { continue };
            if fd >= end {
                break;
            }
            *descriptors += 1;
            match rustix::fs::readlinkat_raw(directory, name, &mut link) {
                Ok((text, _)) => {
                    if let Some((inode, wants_groups)) =
                        socket_inode(text).and_then(|inode| shared.inodes.get_key_value(&inode))
                    {
                        found.holders.push((*inode, slot));
                        groups |= wants_groups;
                    }
                }
                // It was closed meanwhile.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
            if fd + 1 == end {
                break;
            }
        }
        Ok(groups)
    }
}

/// `socket:[12345]`
fn socket_inode(link: &[u8]) -> Option<u32> {
    number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_have_a_socket_inode() {
        assert_eq!(socket_inode(b"socket:[4294967295]"), Some(u32::MAX));
        for other in
            [&b"socket:[]"[..], b"socket:[4294967296]", b"pipe:[1]", b"/tmp/socket:[1]", b"socket:[1] (deleted)"]
        {
            assert_eq!(socket_inode(other), None);
        }
    }
}
