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
use super::walk::{Inodes, MAX_THREADS, Walk, WalkError, WalkRequest};
use crate::clean::Untrusted;
use crate::model::{OwnerLookup, Process};

/// The owners of a set of sockets.
#[derive(Default)]
pub(super) struct Owners {
    holders: Vec<(u32, u32)>,
    processes: Vec<Arc<Process>>,
    /// By process, where it was read.
    process_groups: Vec<Arc<Membership>>,
    socket_groups: SocketGroups,
    /// Sets of holders that were returned before, so that listeners of the same processes share them.
    sets: HashMap<Vec<u32>, Arc<Holders>, FixedState>,
    /// The status of a socket without a holder.
    pub(super) absent: Option<OwnerLookup>,
    /// A process of the user of this program could not be read.
    pub(super) denied_own: bool,
    /// Why the search is incomplete.
    pub(super) unfinished: Option<WalkError>,
}

/// The processes that hold the sockets of one address.
#[derive(Debug, Default)]
struct Holders {
    /// By pid.
    processes: Arc<[Arc<Process>]>,
    /// Where they run.
    member: Arc<Membership>,
}

/// What is known of the owner of one address.
#[derive(Clone, Debug)]
pub(super) struct Attribution {
    pub(super) status: OwnerLookup,
    /// By pid.
    pub(super) processes: Arc<[Arc<Process>]>,
    /// No further process can hold it.
    pub(super) is_complete: bool,
    /// A process of the user of this program may hold it, but could not be read.
    pub(super) denied_own: bool,
    /// Where it runs; thousands of listeners may share it.
    pub(super) member: Arc<Membership>,
}

impl Attribution {
    /// Without any process.
    pub(super) fn without_processes(status: OwnerLookup) -> Self {
        Self { status, processes: Arc::default(), is_complete: false, denied_own: false, member: Arc::default() }
    }
}

impl Owners {
    /// Only what the sockets themselves say.
    pub(super) fn not_asked() -> Self {
        Self { absent: Some(OwnerLookup::NotAsked), ..Self::default() }
    }

    /// No process could be read.
    pub(super) fn unread() -> Self {
        Self { absent: Some(OwnerLookup::Unfinished), ..Self::default() }
    }

    /// Looks for the holders of `sockets`.
    pub(super) fn find(
        sockets: &[Socket],
        full: bool,
        users: &Users,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> io::Result<Self> {
        let socket_groups = SocketGroups::of(sockets.iter());
        let inodes = socket_groups.inodes(sockets.iter());
        let mut walk = Walk::open()?;
        walk.everything(&WalkRequest { inodes: &inodes, full, threads: MAX_THREADS, stop })?;
        Ok(Self::of_walk(walk, full, socket_groups, users))
    }

    /// The owners that a walk has found so far.
    pub(super) fn of_walk(mut walk: Walk, full: bool, socket_groups: SocketGroups, users: &Users) -> Self {
        if full {
            walk.find_parents();
        }
        let process_groups = walk
            .processes
            .iter_mut()
            .map(|facts| facts.control_groups.take().map(|text| cgroup::of_process(&text)).unwrap_or_default().into())
            .collect();
        let absent = match &walk {
            Walk { unfinished: Some(_), .. } => OwnerLookup::Unfinished,
            Walk { denied: true, .. } => OwnerLookup::NoPermission,
            _ => OwnerLookup::NotFound,
        };

        Self {
            holders: walk.holders,
            processes: describe(walk.processes, users),
            process_groups,
            socket_groups,
            sets: HashMap::default(),
            absent: Some(absent),
            denied_own: walk.denied_own,
            unfinished: walk.unfinished,
        }
    }

    /// What is known of the owner of `sockets`, which share an address.
    pub(super) fn attribute(&mut self, sockets: &[&Socket]) -> Attribution {
        // A published port whose other end is not known may have a proxy that listens.
        let known: Vec<&Socket> =
            sockets.iter().filter(|socket| !socket.is_published() || socket.inode != 0).copied().collect();
        let (holders, unknown) = self.of(if known.is_empty() { sockets } else { &known });
        // What is not on this machine has no process here.
        let absent = self.absent.filter(|_| !known.is_empty()).unwrap_or(OwnerLookup::NotAsked);
        // What a proxy leads to says more than the proxy.
        let served: Vec<&Socket> = known.into_iter().filter(|socket| socket.is_published()).collect();
        let member = if served.is_empty() {
            self.membership(sockets, &holders)
        } else {
            let (serving, _) = self.of(&served);
            self.membership(&served, &serving)
        };

        Attribution {
            status: if unknown { absent } else { OwnerLookup::Known },
            processes: Arc::clone(&holders.processes),
            is_complete: absent == OwnerLookup::NotFound && !unknown,
            denied_own: self.denied_own,
            member,
        }
    }

    /// Whether a socket has no known holder.
    pub(super) fn is_absent(&self, inode: u32) -> bool {
        let at = self.holders.partition_point(|&(holder, _)| holder < inode);
        self.holders.get(at).is_none_or(|&(holder, _)| holder != inode)
    }

    /// The processes that hold any of `sockets`; and whether some of these has no known holder.
    fn of(&mut self, sockets: &[&Socket]) -> (Arc<Holders>, bool) {
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
    fn membership(&self, sockets: &[&Socket], holders: &Holders) -> Arc<Membership> {
        let stamped = sockets.first().and_then(|first| self.stamp(first));
        let stamped = stamped.filter(|member| sockets.iter().all(|socket| self.stamp(socket) == Some(*member)));

        match stamped {
            Some(member) if !member.is_empty() && !is_supervisor(member) => Arc::clone(member),
            Some(member) if holders.member.is_empty() => Arc::clone(member),
            _ => Arc::clone(&holders.member),
        }
    }

    /// The membership that the kernel recorded when the socket was made.
    fn stamp(&self, socket: &Socket) -> Option<&Arc<Membership>> {
        self.socket_groups.0.get(&socket.cgroup?).map(|(_, member)| member)
    }
}

/// The control groups that the kernel stamped on sockets: their paths and what these identify, by id.
#[derive(Clone, Default)]
pub(super) struct SocketGroups(HashMap<u64, (String, Arc<Membership>), FixedState>);

impl SocketGroups {
    pub(super) fn of<'s>(sockets: impl Iterator<Item = &'s Socket>) -> Self {
        let ids = sockets.filter_map(|socket| socket.cgroup).collect::<HashSet<_, FixedState>>();
        let paths = cgroup::paths(ids.into_iter().collect()).into_iter();
        Self(
            paths
                .map(|(id, path)| {
                    let member = Arc::new(cgroup::membership(&path));
                    (id, (path, member))
                })
                .collect(),
        )
    }

    /// The sockets to look for. Their holders' control groups are read if the socket's own identifies nothing.
    pub(super) fn inodes<'s>(&self, sockets: impl Iterator<Item = &'s Socket>) -> Inodes {
        let processes_have_groups = OnceCell::new();
        let entries = sockets.map(|socket| {
            let member = socket.cgroup.and_then(|id| self.0.get(&id)).map(|(_, member)| member);
            let says_enough = member.is_some_and(|member| !member.is_empty() && !is_supervisor(member));
            (socket.inode, !says_enough && *processes_have_groups.get_or_init(cgroup::processes_have_groups))
        });
        entries.collect()
    }

    /// The processes that run in these groups now.
    pub(super) fn processes(&self) -> Vec<u32> {
        self.0.values().flat_map(|(path, _)| cgroup::processes(path)).collect()
    }
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
        cwd: None,
        user: Some(users.user(facts.uid)),
        started: None,
        memory_bytes: None,
        cpu_ms: None,
        parents: Vec::new(),
        not_utf8: Vec::new(),
        unread: Vec::new(),
    };

    if let Some(more) = facts.more {
        process.unread.extend(more.is_blocked.then_some("command".into()));
        process.command = more.command;
        process.exe = more.exe;
        process.cwd = more.cwd;
        process.started = clock.time_of(more.started);
        process.memory_bytes = more.resident.checked_mul(clock.page_bytes);
        process.cpu_ms = clock.milliseconds(more.processor);
        process.parents = more.parents;
    }

    for (field, text) in [
        ("name", Some(&process.name)),
        ("command", process.command.as_ref()),
        ("exe", process.exe.as_ref()),
        ("cwd", process.cwd.as_ref()),
    ] {
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

/// When this machine started.
pub(super) fn boot_time() -> Option<Timestamp> {
    let running = rustix::time::clock_gettime(ClockId::Boottime);
    let running = SignedDuration::new(running.tv_sec, i32::try_from(running.tv_nsec).ok()?);
    Timestamp::now().checked_sub(running).ok()
}
