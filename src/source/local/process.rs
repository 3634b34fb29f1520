//! The facts of one process, read through a descriptor on its own directory.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::commands::CommandReader;
use crate::clean::Untrusted;
use crate::model::Ancestor;

/// Where a table of descriptors is: a process, or one thread of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FdTable {
    pub(super) pid: u32,
    pub(super) thread: Option<u32>,
}

/// What to read of a process.
pub(super) struct ProcessFields<'a> {
    /// For everything, not only the name: where to queue the command line.
    pub(super) all: Option<CommandQueue<'a>>,
    pub(super) control_groups: bool,
}

/// What was read of a process, in the kernel's units.
#[derive(Clone, Debug)]
pub(super) struct ProcessFacts {
    pub(super) pid: u32,
    pub(super) name: Untrusted,
    /// The effective user.
    pub(super) uid: u32,
    /// The paths of its control groups, as `/proc/PID/cgroup` has them.
    pub(super) control_groups: Option<Box<str>>,
    pub(super) more: Option<Box<ProcessDetails>>,
}

/// The facts beside the name.
#[derive(Clone, Debug)]
pub(super) struct ProcessDetails {
    /// In clock ticks since boot. Together with the pid it identifies the process.
    pub(super) started: u64,
    /// Filled in after the walk.
    pub(super) command: Option<Untrusted>,
    /// The command line could not be read: the kernel did not reply.
    pub(super) is_blocked: bool,
    pub(super) exe: Option<Untrusted>,
    pub(super) cwd: Option<Untrusted>,
    /// The pid of its parent; 0 for none.
    pub(super) parent: u32,
    /// The chain of its parents, filled in after the walk.
    pub(super) parents: Vec<Ancestor>,
    /// Resident memory, in pages.
    pub(super) resident: u64,
    /// Processor time in user and kernel mode, in clock ticks.
    pub(super) processor: u64,
}

/// Bytes of a file that are read.
const MAX_FILE_BYTES: usize = 32 * 1024;

/// Those of `children`: about 500 numbers.
const MAX_CHILDREN_BYTES: usize = 4 * 1024;

const FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// The files of a process, seen from a table of its descriptors.
struct Paths {
    directory: &'static str,
    name: &'static str,
    stat: &'static str,
    control_groups: &'static str,
    command: &'static str,
    exe: &'static str,
    cwd: &'static str,
}

const FROM_PROCESS: Paths = Paths {
    directory: "..",
    name: "../comm",
    stat: "../stat",
    control_groups: "../cgroup",
    command: "../cmdline",
    exe: "../exe",
    cwd: "../cwd",
};

const FROM_THREAD: Paths = Paths {
    directory: "../../..",
    name: "../../../comm",
    stat: "../../../stat",
    control_groups: "../../../cgroup",
    // Of the thread itself: where the first thread has ended, the process's own are empty.
    command: "../cmdline",
    exe: "../exe",
    cwd: "../cwd",
};

/// Reads processes, each of their files once.
pub(super) struct ProcessReader {
    /// Shared by all files: a control group's path may take a page, and there is one for each hierarchy.
    buffer: Box<[u8]>,
}

impl ProcessReader {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; MAX_FILE_BYTES].into() }
    }

    /// Reads a process through its descriptor directory, or that of one of its threads.
    ///
    /// # Errors
    /// The kernel's; mostly because the process has ended.
    pub(super) fn read(
        &mut self,
        descriptors: BorrowedFd<'_>,
        table: FdTable,
        fields: &ProcessFields<'_>,
    ) -> Result<ProcessFacts, Errno> {
        let paths = if table.thread.is_some() { &FROM_THREAD } else { &FROM_PROCESS };
        let control_groups = if fields.control_groups { self.control_groups(descriptors, paths) } else { None };

        // The owner of the directory is the effective user, and root's after the process has ended: so it is read
        // before the others, which then fail.
        let uid = rustix::fs::statat(descriptors, paths.directory, AtFlags::empty())?.st_uid;
        let Some(commands) = &fields.all else {
            let name = read_small(descriptors, paths.name, &mut self.buffer)?;
            let name = Untrusted::from_bytes(name.strip_suffix(b"\n").unwrap_or(name));
            return Ok(ProcessFacts { pid: table.pid, name, uid, control_groups, more: None });
        };

        Self::queue_command(descriptors, paths.command, table.pid, commands);
        let exe = read_link(descriptors, paths.exe);
        let cwd = read_link(descriptors, paths.cwd);
        let stat = Stat::parse(read_small(descriptors, paths.stat, &mut self.buffer)?).ok_or(Errno::SRCH)?;

        let more = ProcessDetails {
            started: stat.started,
            command: None,
            is_blocked: false,
            exe,
            cwd,
            parent: stat.parent,
            parents: Vec::new(),
            resident: stat.resident,
            processor: stat.processor,
        };
        Ok(ProcessFacts { pid: table.pid, name: stat.name, uid, control_groups, more: Some(Box::new(more)) })
    }

    fn control_groups(&mut self, descriptors: BorrowedFd<'_>, paths: &Paths) -> Option<Box<str>> {
        let text = read_small(descriptors, paths.control_groups, &mut self.buffer).ok()?;
        // A line that is cut off would name another group.
        let end = text.iter().rposition(|&byte| byte == b'\n')?;
        Some(String::from_utf8_lossy(&text[..end]).into())
    }

    /// Queues the command line, which `commands` then has by this number.
    fn queue_command(descriptors: BorrowedFd<'_>, path: &str, pid: u32, commands: &CommandQueue<'_>) {
        if let Ok(file) = rustix::fs::openat(descriptors, path, FILE, Mode::empty()) {
            commands.reader.add(commands.number, pid, file, commands.stop);
        }
    }
}

/// Where to queue the command line of a process.
pub(super) struct CommandQueue<'a> {
    pub(super) reader: &'a CommandReader,
    /// The number of the process there.
    pub(super) number: u32,
    /// Polled while it waits.
    pub(super) stop: &'a dyn Fn() -> bool,
}

/// What changes when a process ends, gives its id to another, renames itself, becomes another user or runs another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) name: Untrusted,
    /// The effective user.
    pub(super) uid: u32,
    started: u64,
    /// Where its code begins, which is drawn at random with each program; 0 without permission to see it.
    code: u64,
}

impl Stamp {
    /// The one of the process that has this id now; `None` if there is none.
    pub(super) fn read(proc: BorrowedFd<'_>, pid: u32) -> Option<Self> {
        // As in `ProcessReader::read`: before the others, which fail once the process has ended.
        let uid = rustix::fs::statat(proc, pid.to_string(), AtFlags::empty()).ok()?.st_uid;
        let Stat { name, started, code, .. } = Stat::read(proc, pid)?;
        Some(Self { name, uid, started, code })
    }
}

/// The children that the first thread of a process started; none if the kernel does not list them
/// (`CONFIG_PROC_CHILDREN`).
pub(super) fn children(proc: BorrowedFd<'_>, pid: u32) -> Vec<u32> {
    let mut buffer = [0; MAX_CHILDREN_BYTES];
    let text = read_small(proc, &format!("{pid}/task/{pid}/children"), &mut buffer).unwrap_or_default();
    // A number at the end of a full buffer may be cut off.
    let end = text.iter().rposition(|&byte| byte == b' ').unwrap_or(0);
    let text = std::str::from_utf8(&text[..end]).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The fields of `/proc/PID/stat` that portolan uses (`man 5 proc_pid_stat`).
pub(super) struct Stat {
    pub(super) name: Untrusted,
    pub(super) parent: u32,
    pub(super) started: u64,
    resident: u64,
    processor: u64,
    code: u64,
}

impl Stat {
    /// The one of the process that has this id now; `None` if there is none.
    pub(super) fn read(proc: BorrowedFd<'_>, pid: u32) -> Option<Self> {
        let mut buffer = [0; 1024];
        Self::parse(read_small(proc, &format!("{pid}/stat"), &mut buffer).ok()?)
    }

    /// `PID (NAME) S PARENT …`; the name may hold anything, spaces and parentheses too, but nothing after it does.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = Untrusted::from_bytes(text.get(open + 1..close)?);

        // Fields 4, 14, 15, 22, 24 and 26 of the line.
        let mut fields = std::str::from_utf8(text.get(close + 1..)?).ok()?.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let (user, kernel): (u64, u64) = (fields.nth(9)?.parse().ok()?, fields.next()?.parse().ok()?);
        let started = fields.nth(6)?.parse().ok()?;
        let resident = fields.nth(1)?.parse().ok()?;
        let code = fields.nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);

        Some(Self { name, parent, started, resident, processor: user.saturating_add(kernel), code })
    }
}

fn read_link(directory: BorrowedFd<'_>, path: &str) -> Option<Untrusted> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let (target, _) = rustix::fs::readlinkat_raw(directory, path, &mut buffer).ok()?;
    Some(Untrusted::from_bytes(target))
}

/// Reads a file of `/proc` as far as it fits into the buffer; the kernel writes such files in one piece.
fn read_small<'b>(directory: BorrowedFd<'_>, path: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let file = rustix::fs::openat(directory, path, FILE, Mode::empty())?;
    let length = rustix::io::retry_on_intr(|| rustix::io::read(file.as_fd(), &mut *buffer))?;
    Ok(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_what_separates_the_fields() {
        let line = b"42 (a) R 1 (b) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 1 2";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.name.as_raw(), stat.parent, stat.started), ("a) R 1 (b", 7, 777));
        assert_eq!((stat.processor, stat.resident, stat.code), (5 + 6, 2, 0));
        assert!(Stat::parse(b"42 (cut").is_none());
    }
}
