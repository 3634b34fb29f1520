//! Tracks the processes that hold sockets: whether one has ended, became another user, runs another program, or was replaced,
//! and whether it has children that may hold them too.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::fd::AsFd;

use foldhash::fast::FixedState;

use super::process::{Stamp, children};
use crate::model::{LocalDetail, Service, ServiceId};

/// Maximum number of processes that are checked in one poll, at about 20 us each,
const PROCESSES: usize = 32;
/// and number of polls per check of a process if there are few.
const ROUNDS_PER_SWEEP: usize = 4;

/// The processes that hold sockets, and their state at the last check.
#[derive(Default)]
pub(super) struct HolderTable {
    proc: Option<File>,
    /// By pid.
    processes: HashMap<u32, Holder, FixedState>,
    /// By service, the pids.
    of: HashMap<ServiceId, Vec<u32>, FixedState>,
    /// Pids in the order of their checks; some of them may hold nothing any more.
    round: Vec<u32>,
    next: usize,
}

struct Holder {
    /// `None`: it has ended.
    stamp: Option<Stamp>,
    services: HashSet<ServiceId, FixedState>,
    /// At the last check.
    children: Vec<u32>,
}

/// What a check of some processes has found.
#[derive(Debug, Default)]
pub(super) struct HolderChanges {
    /// The services whose processes have changed.
    pub(super) services: HashSet<ServiceId>,
    /// New children of processes: each holds what its parent holds, until it closes it.
    pub(super) children: Vec<u32>,
    /// The services that their parents hold.
    pub(super) inherited: HashSet<ServiceId>,
}

impl HolderTable {
    /// Records the processes that hold a service.
    pub(super) fn note(&mut self, service: &Service<LocalDetail>) {
        let pids: Vec<u32> = service.detail.processes.iter().map(|process| process.pid).collect();
        for process in service.detail.processes.iter() {
            if !self.processes.contains_key(&process.pid) {
                // If it has changed since it was described, no stamp is right.
                let uid = process.user.as_ref().map(|user| user.uid);
                let stamp = self.stamp(process.pid);
                let stamp = stamp.filter(|stamp| stamp.name == process.name && uid.is_none_or(|uid| uid == stamp.uid));
                let holder = Holder { stamp, services: HashSet::default(), children: Vec::new() };
                self.processes.insert(process.pid, holder);
                self.round.push(process.pid);
            }
            // A known process keeps its stamp from before the description.
            if let Some(holder) = self.processes.get_mut(&process.pid) {
                holder.services.insert(service.id.clone());
            }
        }

        let before = self.of.insert(service.id.clone(), pids.clone()).unwrap_or_default();
        before.into_iter().filter(|pid| !pids.contains(pid)).for_each(|pid| self.let_go(pid, service.id.as_raw()));
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.of.remove(id).unwrap_or_default().into_iter().for_each(|pid| self.let_go(pid, id));
    }

    fn let_go(&mut self, pid: u32, id: &str) {
        if let Some(holder) = self.processes.get_mut(&pid) {
            holder.services.remove(id);
            if holder.services.is_empty() {
                self.processes.remove(&pid);
            }
        }
    }

    fn proc(&mut self) -> Option<&File> {
        if self.proc.is_none() {
            self.proc = File::open("/proc").ok();
        }
        self.proc.as_ref()
    }

    fn stamp(&mut self, pid: u32) -> Option<Stamp> {
        Stamp::read(self.proc()?.as_fd(), pid)
    }

    /// What has changed since the last check. Each call checks a part of the processes.
    pub(super) fn check(&mut self) -> HolderChanges {
        let mut changes = HolderChanges::default();
        for _ in 0..PROCESSES.min(self.round.len().div_ceil(ROUNDS_PER_SWEEP)) {
            self.next = (self.next + 1).checked_rem(self.round.len()).unwrap_or(0);
            let Some(&pid) = self.round.get(self.next) else { break };
            let stamp = self.stamp(pid);
            match self.processes.get_mut(&pid) {
                None => {
                    self.round.swap_remove(self.next);
                }
                Some(holder) if holder.stamp != stamp => {
                    holder.stamp = stamp;
                    changes.services.extend(holder.services.iter().cloned());
                }
                Some(_) => self.check_children(pid, &mut changes),
            }
        }

        changes
    }

    /// Looks for children of a process that were not there at the last check. Those that are known to hold something were
    /// found already.
    fn check_children(&mut self, pid: u32, changes: &mut HolderChanges) {
        let now = self.proc().map(|proc| children(proc.as_fd(), pid)).unwrap_or_default();
        let Some(before) = self.processes.get(&pid).map(|holder| &holder.children) else { return };

        let new = now.iter().copied().filter(|child| !before.contains(child) && !self.processes.contains_key(child));
        let new: Vec<u32> = new.collect();
        if let Some(holder) = self.processes.get_mut(&pid) {
            holder.children = now;
            if !new.is_empty() {
                changes.inherited.extend(holder.services.iter().cloned());
                changes.children.extend(new);
            }
        }
    }
}
