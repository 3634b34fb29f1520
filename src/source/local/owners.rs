//! Who the sockets belong to: processes, and the units and containers they run in.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use foldhash::fast::FixedState;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Mode, OFlags};
use rustix::time::ClockId;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::cgroup::{self, Membership};
use super::process::{self, ProcessFacts};
use super::socket::Socket;
use super::users::Users;
use super::walk::{self, Inodes, Walk, WalkError};
use crate::model::{OwnerLookup, Process};

/// The owners of a set of sockets.
#[derive(Default)]
pub(super) struct Owners {
    holders: Vec<(u32, u32)>,
    processes: Vec<Arc<Process>>,
    /// By process, where it was read.
    process_groups: Vec<Membership>,
    /// By control group id.
    socket_groups: HashMap<u64, Membership, FixedState>,
    /// Sets of holders that were handed out, so that listeners of the same processes share them.
    sets: HashMap<Vec<u32>, Arc<Holders>, FixedState>,
    /// What to say of a socket without a holder.
    pub(super) absent: Option<OwnerLookup>,
    /// Why the search did not come to its end.
    pub(super) unfinished: Option<WalkError>,
}

/// The processes that hold the sockets of one address.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// By pid.
    pub(super) processes: Arc<[Arc<Process>]>,
    /// Where they run.
    member: Membership,
}

impl Owners {
    /// Only what the sockets themselves say.
    pub(super) fn not_asked() -> Self {
        Self { absent: Some(OwnerLookup::NotAsked), ..Self::default() }
    }

    /// Looks for the holders of `sockets`.
    pub(super) fn find(
        sockets: &[Socket],
        full: bool,
        users: &Users,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> io::Result<Self> {
        let ids = sockets.iter().filter_map(|socket| socket.cgroup).collect::<HashSet<_, FixedState>>();
        let socket_groups: HashMap<_, _, FixedState> = cgroup::paths(ids.into_iter().collect())
            .into_iter()
            .map(|(id, path)| (id, cgroup::membership(&path)))
            .collect();
        let says_enough =
            |id| socket_groups.get(&id).is_some_and(|member| !member.is_empty() && !is_supervisor(member));
        let ask = OnceCell::new();
        let asks = |socket: &Socket| {
            !socket.cgroup.is_some_and(says_enough) && *ask.get_or_init(cgroup::processes_have_groups)
        };
        let inodes: Inodes = sockets.iter().map(|socket| (socket.inode, asks(socket))).collect();
        let mut walk = walk::walk(&inodes, full, stop)?;
        let process_groups = walk
            .processes
            .iter_mut()
            .map(|facts| facts.control_groups.take().map(|text| cgroup::of_process(&text)).unwrap_or_default())
            .collect();
        let absent = match &walk {
            Walk { unfinished: Some(_), .. } => OwnerLookup::Unfinished,
            Walk { denied: true, .. } => OwnerLookup::NoPermission,
            _ => OwnerLookup::NotFound,
        };
        let processes = describe(walk.processes, full, users);
        let (holders, unfinished) = (walk.holders, walk.unfinished);
        let sets = HashMap::default();
        Ok(Self { holders, processes, process_groups, socket_groups, sets, absent: Some(absent), unfinished })
    }

    /// Whether a socket has no known holder.
    pub(super) fn is_absent(&self, inode: u32) -> bool {
        let at = self.holders.partition_point(|&(holder, _)| holder < inode);
        self.holders.get(at).is_none_or(|&(holder, _)| holder != inode)
    }

    /// The processes that hold any of `sockets`; and whether some of these has no known holder.
    pub(super) fn of(&mut self, sockets: &[&Socket]) -> (Arc<Holders>, bool) {
        let mut indexes = Vec::with_capacity(1);
        let mut unknown = false;
        for socket in sockets {
            let from = self.holders.partition_point(|&(inode, _)| inode < socket.inode);
            let holders = self.holders.iter().skip(from).take_while(|(inode, _)| *inode == socket.inode);
            let before = indexes.len();
            indexes.extend(holders.map(|&(_, process)| process));
            unknown |= indexes.len() == before;
        }
        let pid = |index: u32| self.processes.get(index as usize).map(|process| process.pid);
        indexes.sort_unstable_by_key(|&index| pid(index));
        // Threads of one process that were looked into one by one are that process.
        indexes.dedup_by_key(|index| pid(*index));
        if let Some(set) = self.sets.get(&indexes) {
            return (Arc::clone(set), unknown);
        }
        let processes = indexes.iter().filter_map(|&index| self.processes.get(index as usize).cloned()).collect();
        let groups = indexes.iter().filter_map(|&index| self.process_groups.get(index as usize));
        // The service manager opens sockets for others, and where it runs says nothing of them.
        let member = groups.filter(|member| !member.is_empty()).max_by_key(|member| !is_supervisor(member));
        let set = Arc::new(Holders { processes, member: member.cloned().unwrap_or_default() });
        self.sets.insert(indexes, Arc::clone(&set));
        (set, unknown)
    }

    /// Where a listener runs: what the kernel stamped on its sockets, unless that is only the service manager;
    /// then where its holders run.
    pub(super) fn membership(&self, sockets: &[&Socket], holders: &Holders) -> Membership {
        let stamp = |socket: &Socket| self.socket_groups.get(&socket.cgroup?);
        let stamped = sockets.first().and_then(|first| stamp(first));
        let stamped = stamped.filter(|member| sockets.iter().all(|socket| stamp(socket) == Some(*member)));
        match stamped {
            Some(member) if !member.is_empty() && !is_supervisor(member) => member.clone(),
            Some(member) if holders.member.is_empty() => member.clone(),
            _ => holders.member.clone(),
        }
    }
}

/// Whether this is where process 1 itself runs.
fn is_supervisor(member: &Membership) -> bool {
    member.container.is_none() && member.unit.as_ref().is_some_and(|unit| unit.as_raw() == "init.scope")
}

/// Puts what was read of each process into the words of the model.
fn describe(facts: Vec<ProcessFacts>, full: bool, users: &Users) -> Vec<Arc<Process>> {
    let usage = if full { ProcessUsage::read(&facts) } else { ProcessUsage::default() };
    let boot = if full { boot_time() } else { None };
    facts.into_iter().map(|facts| Arc::new(describe_one(facts, &usage, boot, users))).collect()
}

fn describe_one(facts: ProcessFacts, usage: &ProcessUsage, boot: Option<Timestamp>, users: &Users) -> Process {
    let mut process = Process {
        pid: facts.pid,
        name: facts.name,
        command: None,
        exe: None,
        user: None,
        started: None,
        memory_bytes: None,
        cpu_ms: None,
        parents: Vec::new(),
        not_utf8: Vec::new(),
    };
    if let Some(more) = facts.more {
        process.command = more.command;
        process.exe = more.exe;
        process.user = more.uid.map(|uid| users.user(uid));
        process.started = boot.and_then(|boot| started(boot, more.started));
        process.parents = more.parents;
        if let Some(&(memory, cpu)) = usage.by_process.get(&process.pid) {
            (process.memory_bytes, process.cpu_ms) = (Some(memory), Some(cpu));
        }
    }
    for (field, text) in
        [("name", Some(&process.name)), ("command", process.command.as_ref()), ("exe", process.exe.as_ref())]
    {
        if text.is_some_and(crate::clean::Untrusted::is_lossy) {
            process.not_utf8.push(field.into());
        }
    }
    process
}

/// Memory in bytes and processor time in milliseconds, by process.
#[derive(Default)]
struct ProcessUsage {
    by_process: HashMap<u32, (u64, u64)>,
}

impl ProcessUsage {
    /// Asks for processes by their ids, and keeps what belongs to the same process as before: one that started at
    /// the same moment.
    fn read(facts: &[ProcessFacts]) -> Self {
        let mut usage = Self::default();
        let Ok(mut system) = System::new() else { return usage };
        let pids: Vec<Pid> = facts.iter().map(|facts| Pid::from_u32(facts.pid)).collect();
        let kind = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, kind);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(proc) = rustix::fs::open("/proc", flags, Mode::empty()) else { return usage };
        for facts in facts {
            let Some(process) = system.process(Pid::from_u32(facts.pid)) else { continue };
            let before = facts.more.as_ref().map(|more| more.started);
            if before.is_some() && process::started(proc.as_fd(), facts.pid) == before {
                usage.by_process.insert(facts.pid, (process.memory(), process.accumulated_cpu_time()));
            }
        }
        usage
    }
}

/// When this machine started, by its own clock.
fn boot_time() -> Option<Timestamp> {
    let running = rustix::time::clock_gettime(ClockId::Boottime);
    let running = SignedDuration::new(running.tv_sec, i32::try_from(running.tv_nsec).ok()?);
    Timestamp::now().checked_sub(running).ok()
}

/// Clock ticks since boot as a time of day, to the second.
fn started(boot: Timestamp, ticks: u64) -> Option<Timestamp> {
    let per_second = rustix::param::clock_ticks_per_second();
    let milliseconds = i64::try_from(ticks.checked_mul(1000)? / per_second.max(1)).ok()?;
    let time = boot.checked_add(SignedDuration::from_millis(milliseconds)).ok()?;
    Timestamp::from_second(time.as_second()).ok()
}
