//! The chain of a process's parents, up to the supervisor.
//!
//! Process ids are reused, so the process that has a parent's id need not be the parent. Start times decide: a process
//! that took over the id of a parent started after the child was read, and a parent (also one that adopted an orphan)
//! started before its child.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::BorrowedFd;

use foldhash::fast::FixedState;
use rustix::time::ClockId;

use super::process::{ProcessFacts, Stat};
use crate::clean::Untrusted;
use crate::model::Ancestor;

/// Longer chains are cut off; real ones have a handful.
const MAX_PARENTS: usize = 64;
const NANOSECONDS: u64 = 1_000_000_000;

/// Now, in full clock ticks since boot.
pub(super) fn now() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    let per_second = rustix::param::clock_ticks_per_second();
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(per_second).saturating_add(nanoseconds * per_second / NANOSECONDS)
}

/// Fills in the parents of all processes that a walk read. `began`: when the walk did, by [`now`].
pub(super) fn fill_in(proc: BorrowedFd<'_>, began: u64, processes: &mut [ProcessFacts]) {
    let mut family = Family::new(proc, began);
    for facts in &*processes {
        if let Some(more) = &facts.more {
            let member = Member { name: facts.name.clone(), parent: more.parent, started: more.started };
            family.known.insert(facts.pid, Some(member));
        }
    }

    for facts in processes {
        if let Some(more) = &mut facts.more {
            more.parents = family.parents_of(Child { pid: facts.pid, parent: more.parent, started: more.started });
        }
    }
}

/// The processes whose `stat` was read since the walk began.
struct Family<'p> {
    proc: BorrowedFd<'p>,
    began: u64,
    /// By pid; `None` for one that could not be read.
    known: HashMap<u32, Option<Member>, FixedState>,
    /// By the pid of a child whose parent has ended or is hidden: the pid of the process that has adopted it.
    adopters: HashMap<u32, Option<u32>, FixedState>,
}

#[derive(Clone)]
struct Member {
    name: Untrusted,
    parent: u32,
    started: u64,
}

#[derive(Clone, Copy)]
struct Child {
    pid: u32,
    parent: u32,
    started: u64,
}

impl<'p> Family<'p> {
    fn new(proc: BorrowedFd<'p>, began: u64) -> Self {
        Self { proc, began, known: HashMap::default(), adopters: HashMap::default() }
    }

    fn parents_of(&mut self, mut child: Child) -> Vec<Ancestor> {
        let mut parents = Vec::new();
        while parents.len() < MAX_PARENTS {
            let Some((pid, parent)) = self.parent_of(child) else { break };
            child = Child { pid, parent: parent.parent, started: parent.started };
            parents.push(Ancestor { pid, name: parent.name });
        }
        parents
    }

    fn parent_of(&mut self, child: Child) -> Option<(u32, Member)> {
        // No parent, or one outside of this PID namespace.
        if child.parent == 0 {
            return None;
        }

        if child.started >= self.began {
            // The known process with the parent's id may be one that ended before the child was born.
            let parent = read(self.proc, child.parent).filter(|parent| parent.started < child.started)?;
            return Some((child.parent, parent));
        }

        if let Some(parent) = self.older(child.parent) {
            return Some((child.parent, parent));
        }

        let adopter = self.adopter_of(child)?;
        Some((adopter, self.older(adopter)?))
    }

    /// The process that adopted a child whose parent has ended since the child was read.
    fn adopter_of(&mut self, child: Child) -> Option<u32> {
        let proc = self.proc;
        *self.adopters.entry(child.pid).or_insert_with(|| {
            let now = read(proc, child.pid).filter(|now| now.started == child.started)?;
            Some(now.parent).filter(|&parent| parent != 0)
        })
    }

    /// The process with that id, if it is older than the walk.
    fn older(&mut self, pid: u32) -> Option<Member> {
        let member = match self.known.entry(pid) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(read(self.proc, pid)),
        };
        member.clone().filter(|member| member.started < self.began)
    }
}

fn read(proc: BorrowedFd<'_>, pid: u32) -> Option<Member> {
    let stat = Stat::read(proc, pid)?;
    Some(Member { name: stat.name, parent: stat.parent, started: stat.started })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd;
    use std::path::PathBuf;

    use super::*;

    /// A directory that looks like `/proc`, with processes as (pid, parent, started).
    struct FakeProc(PathBuf);

    impl FakeProc {
        fn new(name: &str, processes: &[(u32, u32, u64)]) -> Self {
            let directory = std::env::temp_dir().join(format!("portolan-{name}-{}", std::process::id()));
            for (pid, parent, started) in processes {
                let home = directory.join(pid.to_string());
                fs::create_dir_all(&home).unwrap();
                let line = format!("{pid} (p{pid}) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {started} 1 2 3 4");
                fs::write(home.join("stat"), line).unwrap();
            }
            Self(directory)
        }

        /// The parents of a process that was read as this, in a walk that began at 100.
        fn parents(&self, pid: u32, parent: u32, started: u64) -> Vec<u32> {
            let proc = File::open(&self.0).unwrap();
            let mut family = Family::new(proc.as_fd(), 100);
            let parents = family.parents_of(Child { pid, parent, started });
            parents.into_iter().map(|parent| parent.pid).collect()
        }
    }

    impl Drop for FakeProc {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_chain_leads_up_to_the_first_process() {
        let proc = FakeProc::new("chain", &[(1, 0, 1), (20, 1, 5), (30, 20, 50)]);
        assert_eq!(proc.parents(30, 20, 50), [20, 1]);
        assert_eq!(proc.parents(1, 0, 1), [0; 0]);
    }

    #[test]
    fn a_process_that_took_over_the_id_of_a_parent_is_not_the_parent() {
        let proc = FakeProc::new("reused", &[(1, 0, 1), (20, 1, 120), (30, 20, 50), (40, 20, 110)]);
        assert_eq!(proc.parents(30, 20, 50), [0; 0], "the child is older");
        assert_eq!(proc.parents(40, 20, 110), [0; 0], "so is one that came after the walk began");
        assert_eq!(proc.parents(50, 20, 130), [20, 1], "but this one may be its child");
        assert_eq!(proc.parents(50, 20, 120), [0; 0], "or not, when both are as old");
    }

    #[test]
    fn an_orphan_has_the_parent_that_adopted_it() {
        let proc = FakeProc::new("orphan", &[(1, 0, 1), (30, 1, 50), (31, 1, 60)]);
        assert_eq!(proc.parents(30, 20, 50), [1], "20 has ended");
        assert_eq!(proc.parents(31, 20, 55), [0; 0], "31 is another process by now");
    }
}
