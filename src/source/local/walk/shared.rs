//! State shared by the threads of a walk: the processes to read, and parts of large ones.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::super::commands::CommandReader;
use super::super::process::FdTable;
use super::WalkRequest;

/// The sockets to look for: inode, and whether their holders' control groups are wanted as well.
pub(in super::super) type Inodes = HashMap<u32, bool, FixedState>;

/// Why a walk is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum WalkError {
    /// It was cancelled.
    Stopped,
    /// This machine ran out of a resource, such as descriptors.
    Failed(Errno),
}

/// Below this number of descriptors a second thread costs more than it saves.
pub(super) const WORTH_A_THREAD: u64 = 1024;
/// A process with more than twice as many descriptors is shared among threads, in ranges of this size.
pub(super) const RANGE: usize = 2048;

pub(super) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

pub(super) struct WalkState<'a> {
    pub(super) proc: BorrowedFd<'a>,
    pub(super) inodes: &'a Inodes,
    /// Every fact of a process is wanted, not only its name.
    pub(super) full: bool,
    /// Since Linux 6.2 the size of a descriptor directory is its number of descriptors; before, it is 0.
    pub(super) sizes: bool,
    /// Reads command lines, by slot.
    pub(super) commands: CommandReader,
    places: &'a [FdTable],
    /// The next place to enter.
    next: AtomicUsize,
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
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
pub(super) struct FdRange {
    pub(super) slot: u32,
    pub(super) process: Arc<SplitProcess>,
    pub(super) first: u64,
    pub(super) end: u64,
}

/// A process whose descriptors several threads read.
pub(super) struct SplitProcess {
    pub(super) directory: OwnedFd,
    /// One of the threads has read its facts, or is about to.
    pub(super) described: AtomicBool,
}

impl<'a> WalkState<'a> {
    /// For one worker; each further one is added.
    pub(super) fn new(proc: BorrowedFd<'a>, places: &'a [FdTable], request: &WalkRequest<'a>) -> Self {
        let WalkRequest { inodes, full, stop, .. } = *request;
        Self {
            proc,
            inodes,
            full,
            sizes: rustix::fs::stat("/proc/self/fd").is_ok_and(|stat| stat.st_size > 0),
            commands: CommandReader::default(),
            places,
            next: AtomicUsize::new(0),
            stop,
            ranges: Mutex::new(FdRanges { waiting: Vec::new(), entering: 1 }),
            change: Condvar::new(),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        (self.stop)()
    }

    /// The next place to enter, and its slot.
    pub(super) fn next_place(&self) -> Option<(u32, FdTable)> {
        let slot = self.next.fetch_add(1, Ordering::Relaxed);
        let place = *self.places.get(slot)?;
        Some((u32::try_from(slot).ok()?, place))
    }

    pub(super) fn place(&self, slot: u32) -> FdTable {
        self.places[slot as usize]
    }

    pub(super) fn add_worker(&self) {
        self.ranges().entering += 1;
    }

    /// One worker enters no more processes.
    pub(super) fn remove_worker(&self) {
        self.ranges().entering -= 1;
        self.change.notify_all();
    }

    pub(super) fn add_ranges(&self, ranges: impl Iterator<Item = FdRange>) {
        self.ranges().waiting.extend(ranges);
        self.change.notify_all();
    }

    /// The next range, once no process is left; `None` when none can come any more.
    pub(super) fn next_range(&self) -> Option<FdRange> {
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

    fn ranges(&self) -> MutexGuard<'_, FdRanges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number that a name in `/proc` stands for, if it does.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u32::from(digit)) }
    })
}
