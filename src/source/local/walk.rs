//! Which processes hold which sockets: one walk over `/proc/PID/fd`.
//!
//! Each process is entered once, through a descriptor on its own directory. Such a descriptor stays with the
//! process that it was opened on: when that one ends and its id is given to another, reading through it fails.
//! So a socket and a name that were read through the same descriptor belong together, however fast process ids
//! are reused. What a descriptor points to is only read as text (`socket:[INODE]`), never opened or asked for
//! its attributes: it may lie on a file system that does not answer any more.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use foldhash::fast::FixedState;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;

use super::process::{self, Facts};

/// The sockets to look for: inode, and whether their holders' control groups are wanted as well.
pub(super) type Inodes = HashMap<u32, bool, FixedState>;

/// What a walk found.
#[derive(Default)]
pub(super) struct Walk {
    /// Pairs of a socket's inode and an index into `processes`; sorted, no pair twice.
    pub(super) holders: Vec<(u32, u32)>,
    pub(super) processes: Vec<Facts>,
    /// Some process could not be looked into.
    pub(super) denied: bool,
    /// The walk was stopped before its end.
    pub(super) interrupted: bool,
}

/// A process with more than twice as many descriptors is shared among threads, in ranges of so many.
const RANGE: usize = 2048;
/// What one entry of a descriptor directory takes (`struct linux_dirent64`, 8-byte aligned), by its digits: up to
/// four, and up to twelve.
const ENTRY: (usize, usize) = (24, 32);
/// How large the answer may be in one read of a directory.
const DIRECTORY_BUFFER: usize = RANGE * ENTRY.1;
/// Below so many descriptors a second thread costs more than it brings.
const WORTH_A_THREAD: u64 = 1024;
/// More threads only wait for the same locks in the kernel.
const MOST_THREADS: usize = 8;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Finds the holders of `inodes` among all processes that may be looked into. `full` reads every fact of a
/// holder, otherwise its name. `stop` is asked now and then.
pub(super) fn walk(inodes: &Inodes, full: bool, stop: &(dyn Fn() -> bool + Sync)) -> io::Result<Walk> {
    let proc = open_proc()?;
    let pids = process_ids(&proc)?;
    let mut walk = look_into(&proc, &pids, inodes, full, stop);
    // A process may hand its listeners to a child and end before the walk comes to it, as daemons do when they
    // start. Whoever is new since the list was made is looked into as well.
    if !walk.interrupted && missing(&walk, inodes) {
        let known: std::collections::HashSet<u32> = pids.into_iter().collect();
        let new: Vec<u32> = process_ids(&proc)?.into_iter().filter(|pid| !known.contains(pid)).collect();
        walk.merge(look_into(&proc, &new, inodes, full, stop));
    }
    // Where other users' processes are hidden altogether (hidepid), nobody says no. The first process always is.
    walk.denied |= rustix::fs::openat(&proc, "1/fd", DIRECTORY, Mode::empty()).is_err();
    Ok(walk)
}

fn open_proc() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc", DIRECTORY, Mode::empty())?)
}

fn process_ids(proc: &OwnedFd) -> io::Result<Vec<u32>> {
    // A descriptor of its own, since a directory is read from where the last reader stopped.
    let dir = rustix::fs::openat(proc, ".", DIRECTORY, Mode::empty())?;
    let mut buffer = vec![MaybeUninit::uninit(); DIRECTORY_BUFFER];
    let mut entries = RawDir::new(dir, &mut buffer);
    let mut pids = Vec::new();
    while let Some(entry) = entries.next() {
        pids.extend(number(entry?.file_name().to_bytes()));
    }
    Ok(pids)
}

fn missing(walk: &Walk, inodes: &Inodes) -> bool {
    let mut found = 0;
    let mut last = None;
    for (inode, _) in &walk.holders {
        found += usize::from(last != Some(inode));
        last = Some(inode);
    }
    found < inodes.len()
}

impl Walk {
    fn merge(&mut self, other: Self) {
        let shift = u32::try_from(self.processes.len()).unwrap_or(u32::MAX);
        self.holders.extend(other.holders.into_iter().map(|(inode, process)| (inode, process + shift)));
        self.holders.sort_unstable();
        self.processes.extend(other.processes);
        self.denied |= other.denied;
        self.interrupted |= other.interrupted;
    }
}

/// What the threads of a walk share.
struct Shared<'a> {
    proc: BorrowedFd<'a>,
    pids: &'a [u32],
    inodes: &'a Inodes,
    full: bool,
    stop: &'a (dyn Fn() -> bool + Sync),
    /// The next process to enter.
    next: AtomicUsize,
    /// Since Linux 6.2 a descriptor directory's size is its number of descriptors; before, it is 0.
    sizes: bool,
    ranges: Mutex<Ranges>,
    change: Condvar,
}

/// Parts of large processes that wait for a thread.
#[derive(Default)]
struct Ranges {
    waiting: Vec<Range>,
    /// Threads that still enter processes, and so may add ranges.
    entering: usize,
}

/// The descriptors `first..end` of one process.
struct Range {
    slot: u32,
    directory: Arc<OwnedFd>,
    first: u64,
    end: u64,
}

impl Shared<'_> {
    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next range, once no process is left; `None` when none can come any more.
    fn next_range(&self) -> Option<Range> {
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

fn look_into(proc: &OwnedFd, pids: &[u32], inodes: &Inodes, full: bool, stop: &(dyn Fn() -> bool + Sync)) -> Walk {
    let shared = Shared {
        proc: proc.as_fd(),
        pids,
        inodes,
        full,
        stop,
        next: AtomicUsize::new(0),
        sizes: rustix::fs::stat("/proc/self/fd").is_ok_and(|stat| stat.st_size > 0),
        ranges: Mutex::new(Ranges { waiting: Vec::new(), entering: 1 }),
        change: Condvar::new(),
    };
    let found = thread::scope(|scope| {
        let mut helpers = Vec::new();
        let mut asked = false;
        let mut worker = Worker::new(&shared);
        // Most machines have so few descriptors that the walk is over before a thread would have started.
        while worker.enter_next() {
            if !asked && worker.descriptors >= WORTH_A_THREAD {
                asked = true;
                let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
                shared.ranges().entering += cores - 1;
                helpers.extend((1..cores).map(|_| scope.spawn(|| Worker::new(&shared).run())));
            }
        }
        let mut found = vec![worker.run()];
        found.extend(helpers.into_iter().filter_map(|helper| helper.join().ok()));
        found
    });
    gather(found)
}

/// Puts what the threads found together.
fn gather(found: Vec<Found>) -> Walk {
    let mut walk = Walk::default();
    let mut place = HashMap::<u32, u32>::new();
    for part in &found {
        walk.denied |= part.denied;
        walk.interrupted |= part.interrupted;
    }
    let mut holders = Vec::new();
    for part in found {
        for (slot, facts) in part.processes {
            place.entry(slot).or_insert_with(|| {
                walk.processes.push(facts);
                u32::try_from(walk.processes.len() - 1).unwrap_or(u32::MAX)
            });
        }
        holders.extend(part.holders);
    }
    walk.holders.extend(holders.into_iter().filter_map(|(inode, slot)| Some((inode, *place.get(&slot)?))));
    walk.holders.sort_unstable();
    walk.holders.dedup();
    walk
}

/// What one thread found; processes by their place in the list of process ids.
#[derive(Default)]
struct Found {
    holders: Vec<(u32, u32)>,
    processes: Vec<(u32, Facts)>,
    denied: bool,
    interrupted: bool,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    directory: Vec<MaybeUninit<u8>>,
    found: Found,
    /// How many descriptors this thread met.
    descriptors: u64,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        let directory = vec![MaybeUninit::uninit(); DIRECTORY_BUFFER];
        Self { shared, directory, found: Found::default(), descriptors: 0 }
    }

    fn run(mut self) -> Found {
        while self.enter_next() {}
        self.shared.ranges().entering -= 1;
        self.shared.change.notify_all();
        while let Some(range) = self.shared.next_range() {
            if (self.shared.stop)() {
                self.found.interrupted = true;
                continue;
            }
            // A fresh descriptor of the same directory, to read it from another place.
            if let Ok(directory) = rustix::fs::openat(&range.directory, ".", DIRECTORY, Mode::empty())
                && rustix::fs::seek(&directory, SeekFrom::Start(range.first + 2)).is_ok()
            {
                self.read(range.slot, &directory, range.end);
            }
        }
        self.found
    }

    /// Looks into the next process; `false` when there is none.
    fn enter_next(&mut self) -> bool {
        let at = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(&pid) = self.shared.pids.get(at) else { return false };
        if (self.shared.stop)() {
            self.found.interrupted = true;
            return false;
        }
        let mut path = [0; 16];
        match rustix::fs::openat(self.shared.proc, fd_path(pid, &mut path), DIRECTORY, Mode::empty()) {
            Ok(directory) => self.enter(u32::try_from(at).unwrap_or(u32::MAX), directory),
            Err(Errno::ACCESS | Errno::PERM) => self.found.denied = true,
            // It ended since the list was made.
            Err(_) => {}
        }
        true
    }

    fn enter(&mut self, slot: u32, directory: OwnedFd) {
        let count = if self.shared.sizes {
            rustix::fs::fstat(&directory).map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0))
        } else {
            RANGE
        };
        if count == 0 {
            return;
        }
        if count <= RANGE * 2 {
            self.read(slot, &directory, u64::MAX);
            return;
        }
        self.descriptors += WORTH_A_THREAD;
        let directory = Arc::new(directory);
        // Descriptors need not be dense, so the last range has no end.
        let starts = (0..count / RANGE).map(|part| part * RANGE);
        let mut ranges = self.shared.ranges();
        ranges.waiting.extend(starts.map(|first| {
            let end = if first + RANGE * 2 > count { usize::MAX } else { first + RANGE };
            Range { slot, directory: Arc::clone(&directory), first: first as u64, end: end as u64 }
        }));
        drop(ranges);
        self.shared.change.notify_all();
    }

    /// Reads the descriptors of a process below `end`, from where its directory stands.
    fn read(&mut self, slot: u32, directory: &OwnedFd, end: u64) {
        let Self { shared, directory: buffer, found, descriptors } = self;
        let before = found.holders.len();
        let mut link = [MaybeUninit::uninit(); 32];
        let mut control_group = false;
        // The kernel fills the buffer it is given; for a range, one that holds the range and no more.
        let entry_size = if end <= 10_000 { ENTRY.0 } else { ENTRY.1 };
        let length = if end == u64::MAX { buffer.len() } else { RANGE * entry_size };
        let mut entries = RawDir::new(directory, &mut buffer[..length]);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            let Some(fd) = number(name.to_bytes()) else { continue };
            let fd = u64::from(fd);
            if fd >= end {
                break;
            }
            *descriptors += 1;
            match rustix::fs::readlinkat_raw(directory, name, &mut link) {
                Ok((text, _)) => {
                    let Some(inode) = socket_inode(text) else { continue };
                    if let Some(wants_group) = shared.inodes.get(&inode) {
                        found.holders.push((inode, slot));
                        control_group |= wants_group;
                    }
                }
                Err(Errno::ACCESS | Errno::PERM) => {
                    found.denied = true;
                    break;
                }
                Err(_) => {}
            }
            if fd + 1 == end {
                break;
            }
        }
        if found.holders.len() > before {
            let pid = shared.pids[slot as usize];
            match process::read(shared.proc, directory.as_fd(), pid, shared.full, control_group) {
                Some(facts) => found.processes.push((slot, facts)),
                // It ended meanwhile, and its sockets with it or with it as one of their holders.
                None => found.holders.truncate(before),
            }
        }
    }
}

/// Writes `PID/fd` without allocating.
fn fd_path(pid: u32, buffer: &mut [u8; 16]) -> &[u8] {
    let mut at = 13;
    buffer[13..16].copy_from_slice(b"/fd");
    let mut rest = pid;
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &buffer[at..];
        }
    }
}

/// `socket:[12345]`
fn socket_inode(link: &[u8]) -> Option<u32> {
    number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u32::from(digit)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_are_what_proc_has() {
        assert_eq!(socket_inode(b"socket:[4294967295]"), Some(u32::MAX));
        for other in
            [&b"socket:[]"[..], b"socket:[4294967296]", b"pipe:[1]", b"/tmp/socket:[1]", b"socket:[1] (deleted)"]
        {
            assert_eq!(socket_inode(other), None);
        }
        for pid in [0, 1, 9, 10, 4_194_304, u32::MAX] {
            assert_eq!(fd_path(pid, &mut [0; 16]), format!("{pid}/fd").as_bytes());
        }
    }
}
