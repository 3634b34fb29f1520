//! The owners of sockets: processes, and the units and containers they run in.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use foldhash::fast::FixedState;
use jiff::{SignedDuration, Timestamp};
use rustix::time::ClockId;

use super::cgroup::{self, Membership};
use super::process::ProcessFacts;
use super::socket::Socket;
use super::users::Users;
use super::walk::{self, Inodes, Walk, WalkError};
use crate::clean::Untrusted;
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
    /// Sets of holders that were returned before, so that listeners of the same processes share them.
    sets: HashMap<Vec<u32>, Arc<Holders>, FixedState>,
    /// The status of a socket without a holder.
    pub(super) absent: Option<OwnerLookup>,
    /// Why the search is incomplete.
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

        let inodes = inodes(sockets, &socket_groups);
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
        let processes = describe(walk.processes, users);
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

        indexes.sort_unstable_by_key(|&index| self.pid(index));
        // Threads that were read one by one belong to the same process.
        indexes.dedup_by_key(|index| self.pid(*index));
        if let Some(set) = self.sets.get(&indexes) {
            return (Arc::clone(set), unknown);
        }
        let processes = indexes.iter().filter_map(|&index| self.processes.get(index as usize).cloned()).collect();
        let groups = indexes.iter().filter_map(|&index| self.process_groups.get(index as usize));
        // The service manager opens sockets for others, so its own unit does not identify them.
        let member = groups.filter(|member| !member.is_empty()).max_by_key(|member| !is_supervisor(member));
        let set = Arc::new(Holders { processes, member: member.cloned().unwrap_or_default() });
        self.sets.insert(indexes, Arc::clone(&set));
        (set, unknown)
    }

    fn pid(&self, index: u32) -> Option<u32> {
        self.processes.get(index as usize).map(|process| process.pid)
    }

    /// Where a listener runs: what the kernel stamped on its sockets, unless that is only the service manager;
    /// then where its holders run.
    pub(super) fn membership(&self, sockets: &[&Socket], holders: &Holders) -> Membership {
        let stamped = sockets.first().and_then(|first| self.stamp(first));
        let stamped = stamped.filter(|member| sockets.iter().all(|socket| self.stamp(socket) == Some(*member)));

        match stamped {
            Some(member) if !member.is_empty() && !is_supervisor(member) => member.clone(),
            Some(member) if holders.member.is_empty() => member.clone(),
            _ => holders.member.clone(),
        }
    }

    /// The membership that the kernel recorded when the socket was made.
    fn stamp(&self, socket: &Socket) -> Option<&Membership> {
        self.socket_groups.get(&socket.cgroup?)
    }
}

/// The sockets to look for. Their holders' control groups are read if the socket's own identifies nothing.
fn inodes(sockets: &[Socket], socket_groups: &HashMap<u64, Membership, FixedState>) -> Inodes {
    let processes_have_groups = OnceCell::new();
    let entries = sockets.iter().map(|socket| {
        let member = socket.cgroup.and_then(|id| socket_groups.get(&id));
        let says_enough = member.is_some_and(|member| !member.is_empty() && !is_supervisor(member));
        (socket.inode, !says_enough && *processes_have_groups.get_or_init(cgroup::processes_have_groups))
    });
    entries.collect()
}

/// Whether this is where process 1 itself runs.
fn is_supervisor(member: &Membership) -> bool {
    member.container.is_none() && member.unit.as_ref().is_some_and(|unit| unit.as_raw() == "init.scope")
}

/// Turns what was read of each process into the model's types.
fn describe(facts: Vec<ProcessFacts>, users: &Users) -> Vec<Arc<Process>> {
    let clock = MachineClock::read();
    facts.into_iter().map(|facts| Arc::new(describe_one(facts, &clock, users))).collect()
}

fn describe_one(facts: ProcessFacts, clock: &MachineClock, users: &Users) -> Process {
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
        process.user = Some(users.user(more.uid));
        process.started = clock.time_of(more.started);
        process.memory_bytes = more.resident.checked_mul(clock.page_bytes);
        process.cpu_ms = clock.milliseconds(more.processor);
        process.parents = more.parents;
    }

    for (field, text) in
        [("name", Some(&process.name)), ("command", process.command.as_ref()), ("exe", process.exe.as_ref())]
    {
        if text.is_some_and(Untrusted::is_lossy) {
            process.not_utf8.push(field.into());
        }
    }

    process
}

/// The units that the kernel counts in.
struct MachineClock {
    /// When this machine started, by its own clock.
    boot: Option<Timestamp>,
    ticks_per_second: u64,
    page_bytes: u64,
}

impl MachineClock {
    fn read() -> Self {
        Self {
            boot: boot_time(),
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        }
    }

    fn milliseconds(&self, ticks: u64) -> Option<u64> {
        Some(ticks.checked_mul(1000)? / self.ticks_per_second)
    }

    /// Clock ticks since boot as a time of day, to the second.
    fn time_of(&self, ticks: u64) -> Option<Timestamp> {
        let milliseconds = i64::try_from(self.milliseconds(ticks)?).ok()?;
        let time = self.boot?.checked_add(SignedDuration::from_millis(milliseconds)).ok()?;
        Timestamp::from_second(time.as_second()).ok()
    }
}

fn boot_time() -> Option<Timestamp> {
    let running = rustix::time::clock_gettime(ClockId::Boottime);
    let running = SignedDuration::new(running.tv_sec, i32::try_from(running.tv_nsec).ok()?);
    Timestamp::now().checked_sub(running).ok()
}
