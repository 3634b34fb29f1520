//! The chain of a process's parents, up to the supervisor.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::time::ClockId;

use super::process::{DIRECTORY, Stat};
use crate::model::Ancestor;

/// The longest chain that is followed; real ones have a handful.
const MAX_PARENTS: usize = 64;

/// The chains that were followed in one walk.
pub(super) struct Parents {
    /// When the walk began, in clock ticks since boot.
    began: u64,
    known: HashMap<u32, Vec<Ancestor>>,
}

impl Parents {
    pub(super) fn new() -> Self {
        let now = rustix::time::clock_gettime(ClockId::Boottime);
        let per_second = rustix::param::clock_ticks_per_second();
        // A tick that is not over yet does not count.
        let began = u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(per_second);
        Self { began, known: HashMap::new() }
    }

    /// The parents of the process whose directory is `home`.
    ///
    /// A chain is used again for every child that was there before the walk began. The id of its parent cannot have
    /// gone to another process meanwhile: who adopts an orphan is older than the orphan.
    pub(super) fn of(&mut self, proc: BorrowedFd<'_>, home: BorrowedFd<'_>, stat: &Stat) -> Vec<Ancestor> {
        let old = stat.started < self.began;
        if let Some(chain) = self.known.get(&stat.parent).filter(|_| old) {
            return chain.clone();
        }
        let chain = follow(proc, home, stat.parent);
        if old {
            self.known.insert(stat.parent, chain.clone());
        }
        chain
    }
}

/// Follows the parents up. A parent that ends hands its children to another one, so one that is still the parent
/// after it has been read was the right process all the time.
fn follow(proc: BorrowedFd<'_>, home: BorrowedFd<'_>, parent: u32) -> Vec<Ancestor> {
    let mut parents = Vec::new();
    let mut child: Option<OwnedFd> = None;
    let mut next = parent;
    while next != 0 && parents.len() < MAX_PARENTS {
        let Ok(directory) = rustix::fs::openat(proc, next.to_string(), DIRECTORY, Mode::empty()) else { break };
        let Ok(stat) = Stat::read(directory.as_fd(), "stat") else { break };
        let still = Stat::read(child.as_ref().map_or(home, AsFd::as_fd), "stat");
        if !still.is_ok_and(|child| child.parent == next) {
            break;
        }
        parents.push(Ancestor { pid: next, name: stat.name });
        next = stat.parent;
        child = Some(directory);
    }
    parents
}
