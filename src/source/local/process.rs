//! What there is to know about one process, read through a descriptor on its own directory.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::parents::Parents;
use super::walk::FdTable;
use crate::clean::Untrusted;
use crate::model::Ancestor;

/// What was read of a process, in the kernel's units.
#[derive(Debug)]
pub(super) struct ProcessFacts {
    pub(super) pid: u32,
    pub(super) name: Untrusted,
    /// The paths of its control groups, as `/proc/PID/cgroup` has them.
    pub(super) control_groups: Option<Box<str>>,
    pub(super) more: Option<Box<ProcessDetails>>,
}

/// What is read where everything is wanted.
#[derive(Debug)]
pub(super) struct ProcessDetails {
    /// When it started, in clock ticks since the machine did: with the pid, what tells it from any other process.
    pub(super) started: u64,
    pub(super) command: Option<Untrusted>,
    pub(super) exe: Option<Untrusted>,
    /// The effective user.
    pub(super) uid: Option<u32>,
    pub(super) parents: Vec<Ancestor>,
}

/// The most of a command line that is kept; the kernel allows megabytes.
const COMMAND_BYTES: usize = 32 * 1024;

const FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
pub(super) const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Reads a process through its descriptor directory, or that of one of its threads; with `parents`, every fact.
///
/// # Errors
/// What the kernel says; most often that the process has ended.
pub(super) fn read(
    proc: BorrowedFd<'_>,
    descriptors: BorrowedFd<'_>,
    place: FdTable,
    parents: Option<&mut Parents>,
    control_groups: bool,
) -> Result<ProcessFacts, Errno> {
    let up = |of_process, of_thread| if place.thread.is_some() { of_thread } else { of_process };
    // A control group's path may take a page of its own, and there is one for each hierarchy.
    let mut buffer = [0; 16 * 1024];
    let name = read_small(descriptors, up("../comm", "../../../comm"), &mut buffer)?;
    let name = Untrusted::from_bytes(name.strip_suffix(b"\n").unwrap_or(name));
    let control_groups = if control_groups {
        let text = read_small(descriptors, up("../cgroup", "../../../cgroup"), &mut buffer).ok();
        // A line that is cut off would name another group.
        let whole = |text: &[u8]| text.iter().rposition(|&byte| byte == b'\n').map(|end| text[..end].to_vec());
        text.and_then(whole).map(|text| String::from_utf8_lossy(&text).into())
    } else {
        None
    };
    let more = if let Some(parents) = parents {
        let home = rustix::fs::openat(descriptors, up("..", "../../.."), DIRECTORY, Mode::empty())?;
        Some(Box::new(read_more(proc, home.as_fd(), parents)?))
    } else {
        None
    };
    Ok(ProcessFacts { pid: place.pid, name, control_groups, more })
}

fn read_more(proc: BorrowedFd<'_>, home: BorrowedFd<'_>, parents: &mut Parents) -> Result<ProcessDetails, Errno> {
    let stat = Stat::read(home, "stat")?;
    Ok(ProcessDetails {
        started: stat.started,
        command: read_command(home),
        exe: read_link(home, "exe"),
        uid: read_uid(home),
        parents: parents.of(proc, home, &stat),
    })
}

/// What changes when a process ends, gives its id to another, renames itself or runs another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) name: Untrusted,
    started: u64,
    /// Where its code begins, which is drawn at random with each program; 0 for whom we may not look into.
    code: u64,
}

impl Stamp {
    /// That of the process that has this id now; `None` if there is none.
    pub(super) fn read(proc: BorrowedFd<'_>, pid: u32) -> Option<Self> {
        let Stat { name, started, code, .. } = Stat::read(proc, &format!("{pid}/stat")).ok()?;
        Some(Self { name, started, code })
    }
}

/// When the process that has this id now started; `None` if there is none.
pub(super) fn started(proc: BorrowedFd<'_>, pid: u32) -> Option<u64> {
    Stat::read(proc, &format!("{pid}/stat")).ok().map(|stat| stat.started)
}

/// What is wanted of `/proc/PID/stat` (`man 5 proc_pid_stat`).
pub(super) struct Stat {
    pub(super) name: Untrusted,
    pub(super) parent: u32,
    pub(super) started: u64,
    code: u64,
}

impl Stat {
    pub(super) fn read(directory: BorrowedFd<'_>, path: &str) -> Result<Self, Errno> {
        let mut buffer = [0; 1024];
        Self::parse(read_small(directory, path, &mut buffer)?).ok_or(Errno::SRCH)
    }

    /// `PID (NAME) S PARENT …`; the name may hold anything, spaces and parentheses too, but nothing after it does.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = Untrusted::from_bytes(text.get(open + 1..close)?);
        let mut fields = std::str::from_utf8(text.get(close + 1..)?).ok()?.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        // Fields 4, 22 and 26 of the line.
        let started = fields.nth(17)?.parse().ok()?;
        let code = fields.nth(3).and_then(|code| code.parse().ok()).unwrap_or(0);
        Some(Self { name, parent, started, code })
    }
}

fn read_command(home: BorrowedFd<'_>) -> Option<Untrusted> {
    let file = rustix::fs::openat(home, "cmdline", FILE, Mode::empty()).ok()?;
    let mut command = vec![0; COMMAND_BYTES];
    let mut length = 0;
    while length < command.len() {
        match rustix::io::read(&file, &mut command[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    command.truncate(length);
    command.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    // A program that writes its state over its arguments fills the rest with blanks.
    let whole = command.len() < COMMAND_BYTES;
    let command = command.trim_ascii_end();
    // What is cut off at the limit may end in a part of a character, and says that it is cut.
    match std::str::from_utf8(command) {
        Err(error) if !whole && error.error_len().is_none() => {
            let text = String::from_utf8_lossy(&command[..error.valid_up_to()]);
            Some(Untrusted::from(format!("{text}…")))
        }
        Ok(text) if !whole => Some(Untrusted::from(format!("{text}…"))),
        _ => Some(Untrusted::from_bytes(command)),
    }
}

fn read_uid(home: BorrowedFd<'_>) -> Option<u32> {
    let mut buffer = [0; 2048];
    let status = read_small(home, "status", &mut buffer).ok()?;
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn read_link(directory: BorrowedFd<'_>, path: &str) -> Option<Untrusted> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let (target, _) = rustix::fs::readlinkat_raw(directory, path, &mut buffer).ok()?;
    Some(Untrusted::from_bytes(target))
}

/// Reads a file of `/proc` that fits into the buffer; the kernel writes such files in one piece.
fn read_small<'b>(directory: BorrowedFd<'_>, path: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let file = rustix::fs::openat(directory, path, FILE, Mode::empty())?;
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *buffer))?;
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
        assert!(Stat::parse(b"42 (cut").is_none());
    }
}
