//! One thread of a walk.

use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, RawDir, SeekFrom};
use rustix::io::Errno;
use rustix::path::{Arg, DecInt};
use rustix::process::geteuid;

use super::super::process::{CommandQueue, FdTable, ProcessFacts, ProcessFields, ProcessReader};
use super::shared::{DIRECTORY, FdRange, Inodes, RANGE, SplitProcess, WORTH_A_THREAD, WalkError, WalkState, number};
use super::user_of;

/// The size of an entry of a descriptor directory (`struct linux_dirent64`, 8-byte aligned), by its digits: up to
/// four, and up to twelve.
const ENTRY: (usize, usize) = (24, 32);
/// Bytes of a directory that are read at once.
const DIRECTORY_BUFFER: usize = RANGE * ENTRY.1;

/// What one thread found; processes by their index in the list of places.
#[derive(Default)]
pub(super) struct WorkerResult {
    pub(super) holders: Vec<(u32, u32)>,
    pub(super) processes: Vec<(u32, ProcessFacts)>,
    /// Processes without any descriptor.
    pub(super) empty: Vec<u32>,
    pub(super) denied: bool,
    /// A process of the user of this program could not be read.
    pub(super) denied_own: bool,
    pub(super) unfinished: Option<WalkError>,
}

impl WorkerResult {
    /// The result of a thread that panicked.
    pub(super) fn lost() -> Self {
        Self { unfinished: Some(WalkError::Failed(Errno::CANCELED)), ..Self::default() }
    }

    /// Records why a process could not be read, unless it has ended.
    fn note(&mut self, error: Errno, proc: BorrowedFd<'_>, pid: u32) {
        match error {
            Errno::NOENT | Errno::SRCH => {}
            Errno::ACCESS | Errno::PERM => {
                self.denied = true;
                self.denied_own = self.denied_own || user_of(proc, pid) == Some(geteuid().as_raw());
            }
            other => self.unfinished = Some(WalkError::Failed(other)),
        }
    }
}

pub(super) struct Worker<'a> {
    shared: &'a WalkState<'a>,
    directory: Vec<MaybeUninit<u8>>,
    path: String,
    reader: ProcessReader,
    found: WorkerResult,
    descriptors: u64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a WalkState<'a>) -> Self {
        Self {
            shared,
            directory: vec![MaybeUninit::uninit(); DIRECTORY_BUFFER],
            path: String::new(),
            reader: ProcessReader::new(),
            found: WorkerResult::default(),
            descriptors: 0,
        }
    }

    /// Number of descriptors that this thread read or queued.
    pub(super) fn descriptors(&self) -> u64 {
        self.descriptors
    }

    /// Works until the queue is empty.
    pub(super) fn run(mut self) -> WorkerResult {
        while self.enter_next() {}
        self.shared.remove_worker();

        while let Some(range) = self.shared.next_range() {
            if self.shared.is_stopped() {
                self.found.unfinished = Some(WalkError::Stopped);
                continue;
            }
            if let Err(error) = self.read_range(&range) {
                self.found.note(error, self.shared.proc, self.shared.place(range.slot).pid);
            }
        }

        self.found
    }

    /// Reads the next process; `false` if there is none.
    pub(super) fn enter_next(&mut self) -> bool {
        let Some((slot, place)) = self.shared.next_place() else { return false };
        if self.shared.is_stopped() {
            self.found.unfinished = Some(WalkError::Stopped);
            return false;
        }

        if let Err(error) = self.enter(slot, place) {
            self.found.note(error, self.shared.proc, place.pid);
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
        if count > RANGE * 2 {
            self.split(slot, directory, count);
            return Ok(());
        }

        let before = self.descriptors;
        let dense = if self.shared.sizes { count as u64 } else { 0 };
        let read = self.read(slot, &directory, 0..u64::MAX, dense, None);
        if self.descriptors == before {
            self.found.empty.push(place.pid);
        }
        read
    }

    /// Shares a process with this number of descriptors among the threads.
    fn split(&mut self, slot: u32, directory: OwnedFd, count: usize) {
        self.descriptors += WORTH_A_THREAD;
        let process = Arc::new(SplitProcess { directory, described: AtomicBool::new(false) });

        let starts = (0..count / RANGE).map(|part| part * RANGE);
        self.shared.add_ranges(starts.map(|first| {
            // Descriptors need not be dense, so the last range has no end.
            let end = if first + RANGE * 2 > count { usize::MAX } else { first + RANGE };
            FdRange { slot, process: Arc::clone(&process), first: first as u64, end: end as u64 }
        }));
    }

    fn read_range(&mut self, range: &FdRange) -> Result<(), Errno> {
        // Another descriptor of the same directory, with its own position.
        let directory = rustix::fs::openat(&range.process.directory, ".", DIRECTORY, Mode::empty())?;
        self.read(range.slot, &directory, range.first..range.end, u64::MAX, Some(&range.process.described))
    }

    /// Reads the descriptors of a process whose numbers are in `range`. `dense`: how many of the first numbers are probably
    /// all in use, so that they are read without listing the directory. `described`: whether another thread has read the
    /// facts of this process.
    fn read(
        &mut self,
        slot: u32,
        directory: &OwnedFd,
        range: Range<u64>,
        dense: u64,
        described: Option<&AtomicBool>,
    ) -> Result<(), Errno> {
        let before = self.found.holders.len();
        let groups = self.read_links(slot, directory, range, dense);
        let is_holder = self.found.holders.len() > before;

        let facts = match groups {
            Ok(_) if !is_holder => return Ok(()),
            // If the other thread fails, what was found here has no process and is left out.
            Ok(_) if described.is_some_and(|described| described.swap(true, Ordering::Relaxed)) => return Ok(()),
            Ok(groups) => {
                // Whether the other parts of a process need its control groups is unknown here.
                let control_groups = groups || described.is_some();
                let reader = &self.shared.commands;
                let all = self.shared.full.then_some(CommandQueue { reader, number: slot, stop: self.shared.stop });
                let fields = ProcessFields { all, control_groups };
                self.reader.read(directory.as_fd(), self.shared.place(slot), &fields)
            }
            Err(error) => Err(error),
        };

        match facts {
            Ok(facts) => {
                self.found.processes.push((slot, facts));
                Ok(())
            }
            Err(error) => {
                // A process without a name has ended and holds nothing any more.
                self.found.holders.truncate(before);
                Err(error)
            }
        }
    }

    /// Collects the sockets among the descriptors; whether the process's control groups are wanted.
    ///
    /// Most processes have the descriptors 0 to n, and a link that is read by its number costs the kernel less than one that
    /// it lists first. So the directory is only listed from the first gap on, or to see that nothing is left.
    fn read_links(&mut self, slot: u32, directory: &OwnedFd, range: Range<u64>, dense: u64) -> Result<bool, Errno> {
        let Range { start, end } = range;
        let Self { shared, directory: buffer, found, descriptors, .. } = self;
        let mut links = SocketLinks { inodes: shared.inodes, slot, holders: &mut found.holders, groups: false };

        let dense_end = start.saturating_add(dense).min(end);
        let mut next = start;
        while next < dense_end && links.read(directory, DecInt::new(next))? {
            next += 1;
        }
        *descriptors += next - start;
        if next == end {
            return Ok(links.groups);
        }

        if next > 0 {
            rustix::fs::seek(directory, SeekFrom::Start(next + 2))?;
        }
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
            links.read(directory, name)?;
            if fd + 1 == end {
                break;
            }
        }
        Ok(links.groups)
    }
}

/// Collects the sockets among the descriptors of a process.
struct SocketLinks<'a> {
    inodes: &'a Inodes,
    slot: u32,
    holders: &'a mut Vec<(u32, u32)>,
    /// Whether the control groups of a holder are wanted.
    groups: bool,
}

impl SocketLinks<'_> {
    /// Reads one descriptor; `false` if there is none with this number.
    fn read(&mut self, directory: &OwnedFd, name: impl Arg) -> Result<bool, Errno> {
        let mut link = [MaybeUninit::uninit(); 32];
        let text = match rustix::fs::readlinkat_raw(directory, name, &mut link) {
            Ok((text, _)) => text,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error),
        };

        let socket = socket_inode(text).and_then(|inode| self.inodes.get_key_value(&inode));
        if let Some((inode, wants_groups)) = socket {
            self.holders.push((*inode, self.slot));
            self.groups |= wants_groups;
        }
        Ok(true)
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
