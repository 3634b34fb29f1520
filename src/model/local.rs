//! Facts about a listener from this machine's kernel and process table.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Detail, NetworkNamespace, Scope, words};
use crate::clean::Untrusted;

/// The facts of a listener on this machine.
///
/// What was not asked for ([`DetailLevel`](super::DetailLevel)) or could not be read is `None` or empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LocalDetail {
    /// The result of the search for its processes.
    pub owner: OwnerLookup,
    /// Every process that holds the socket, by pid.
    pub processes: Arc<[Arc<Process>]>,
    /// Whether the list is complete: false if some process may not be inspected, or was not yet.
    pub processes_complete: bool,
    /// The user that created the socket, which every user may read. `None` also if several users share
    /// the address (`SO_REUSEADDR`, as for multicast).
    pub user: Option<User>,
    /// The systemd unit it runs in.
    pub unit: Option<Untrusted>,
    /// The user whose own service manager runs the unit; `None`: the system's does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_user: Option<User>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// The reach of its address.
    pub scope: Scope,
    /// The state of its sockets.
    pub state: SocketState,
    /// What a raw or packet socket receives: the IP protocol or the EtherType by its usual name (`icmp`, `arp`, `all`), else by its
    /// number (`200`, `0x88b5`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Untrusted>,
    /// The interfaces of this host that lead to it.
    pub interfaces: Vec<Untrusted>,
    /// Whether another host could reach it, by addresses, interfaces and the rules of the firewall: `false` and `true` are
    /// proofs, `None` is unknown. Programs in the kernel (BPF) and other machines on the way are not considered.
    pub exposed: Option<bool>,
    /// Whether the firewall of this machine lets new connections of other hosts come through. `None` where they do not
    /// come as far as that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<FirewallVerdict>,
    /// Where the rules of the firewall lead connections to this address: to containers, for example. An unspecified
    /// address is this machine. The ends that sockets of this machine serve come first. Empty: nowhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwards_to: Vec<SocketAddr>,
    /// For IPv6: whether it refuses IPv4 (`IPV6_V6ONLY`).
    pub v6_only: Option<bool>,
    /// Its network namespace, if it is not the caller's.
    pub netns: Option<NetworkNamespace>,
    /// The accept queue of TCP and Unix-domain listeners.
    pub backlog: Option<Backlog>,
    /// Bytes received and not yet read, for transports without connections.
    pub receive_queue: Option<u32>,
    /// Established connections to it.
    pub connections: Option<u32>,
    /// The number of sockets that share this address (`SO_REUSEPORT`, `SO_REUSEADDR`).
    pub sockets: u32,
    /// Whether a TCP listener accepts Multipath TCP too, as those of Go do by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mptcp: bool,
}

impl Detail for LocalDetail {
    fn unread_fields(&self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if matches!(self.owner, OwnerLookup::NoPermission | OwnerLookup::Unfinished) {
            fields.extend(["name", "detail.owner", "detail.processes"]);
            let groups = self.unit.is_none() && self.container.is_none();
            fields.extend(["detail.unit", "detail.unit_user", "detail.container"].into_iter().filter(|_| groups));
        }
        if self.exposed.is_none() {
            fields.push("detail.exposed");
        }
        if matches!(self.firewall, None | Some(FirewallVerdict::Unknown)) {
            fields.push("detail.firewall");
        }

        fields
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        // Whether further processes were looked for is a property of the search, not of the service.
        &[
            "processes_complete",
            // Names are those that the runtime had when it was asked.
            "container.name",
            "container.image",
            "container.name_unknown",
            "processes.memory_bytes",
            "processes.cpu_ms",
            // A process that outlives its parent is adopted by another one.
            "processes.parents",
            "backlog.used",
            "receive_queue",
            "connections",
        ]
    }

    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        // Exhaustive, so that no new field is forgotten.
        let Self {
            owner,
            processes,
            processes_complete: _,
            user,
            unit,
            unit_user,
            container,
            scope,
            state,
            protocol,
            interfaces,
            exposed,
            firewall,
            forwards_to,
            v6_only,
            netns,
            backlog,
            receive_queue: _,
            connections: _,
            sockets,
            mptcp,
        } = self;

        let is_same = (owner, user, unit, unit_user) == (&other.owner, &other.user, &other.unit, &other.unit_user)
            && (scope, state, interfaces, protocol) == (&other.scope, &other.state, &other.interfaces, &other.protocol)
            && match (container, &other.container) {
                (Some(one), Some(other)) => one.is_same(other),
                (one, other) => one.is_none() && other.is_none(),
            }
            && (firewall, forwards_to, mptcp) == (&other.firewall, &other.forwards_to, &other.mptcp)
            && (exposed, v6_only, netns, sockets) == (&other.exposed, &other.v6_only, &other.netns, &other.sockets)
            && backlog.map(|backlog| backlog.limit) == other.backlog.map(|backlog| backlog.limit)
            && processes.len() == other.processes.len()
            && processes.iter().zip(&*other.processes).all(|(one, other)| one.has_same_facts(other));
        Some(is_same)
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        self.netns.clone()
    }
}

impl LocalDetail {
    /// Whether this stands for rules of the firewall alone: no socket of this machine takes what is sent to its address, and
    /// its processes, if any, hold sockets at the other end ([`forwards_to`](Self::forwards_to)).
    pub fn is_published(&self) -> bool {
        self.state == SocketState::Published
    }

    /// The first end of a published port that a known process of this machine serves, at the address where this machine
    /// reaches it: the rules that publish the port mostly do not apply to connections of the machine itself.
    pub fn own_end(&self) -> Option<SocketAddr> {
        let end = self.forwards_to.first().filter(|_| self.is_published() && self.owner == OwnerLookup::Known)?;
        let ip = match end.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, end.port()))
    }

    /// The process whose parents do not hold the socket: a server that started workers for it.
    pub fn main_process(&self) -> Option<&Arc<Process>> {
        main_process(&self.processes)
    }
}

/// The process whose parents are not among these, or else the first one.
pub(super) fn main_process(processes: &[Arc<Process>]) -> Option<&Arc<Process>> {
    let pids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
    let mut tops = processes.iter().filter(|process| !process.parents.iter().any(|parent| pids.contains(&parent.pid)));
    tops.next().or_else(|| processes.first())
}

impl Process {
    /// Whether it is the same process, apart from volatile facts.
    fn has_same_facts(&self, other: &Self) -> bool {
        let Self {
            pid,
            name,
            command,
            exe,
            cwd,
            user,
            started,
            memory_bytes: _,
            cpu_ms: _,
            parents: _,
            not_utf8,
            unread,
        } = self;

        (pid, name, command, exe, user) == (&other.pid, &other.name, &other.command, &other.exe, &other.user)
            && (cwd, started) == (&other.cwd, &other.started)
            && (not_utf8, unread) == (&other.not_utf8, &other.unread)
    }
}

/// The result of the search for a listener's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerLookup {
    /// At least one process was found for each of its sockets.
    Known,
    /// Some socket has no known process, and some processes may not be inspected.
    NoPermission,
    /// All processes were inspected and none holds it: the kernel itself holds it, a process of another PID
    /// namespace, a single thread with descriptors of its own, or it is being handed over.
    NotFound,
    /// The search did not finish.
    Unfinished,
    /// In a watch: the search has not come to it yet. An update follows.
    Pending,
    /// Not requested.
    NotAsked,
}

impl OwnerLookup {
    /// The text in place of a missing process name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::NoPermission => "owner unknown (no permission)",
            Self::NotFound => "no process found",
            Self::Unfinished => "owner unknown (search unfinished)",
            Self::Pending => "owner pending",
            Self::NotAsked => "",
        }
    }
}

/// A process that holds a listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its name as the kernel has it: at most 15 bytes, chosen by the process itself.
    pub name: Untrusted,
    /// Its command line, arguments joined by spaces.
    pub command: Option<Untrusted>,
    /// The file it runs.
    pub exe: Option<Untrusted>,
    /// Its working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Untrusted>,
    /// The user it runs as (effective).
    pub user: Option<User>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// Resident memory in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time used so far, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Its parent, its parent's parent, and so on up to the supervisor.
    pub parents: Vec<Ancestor>,
    /// Which of the texts above were not UTF-8 and are shown lossily.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "words::list")]
    pub not_utf8: Vec<Cow<'static, str>>,
    /// Which of the texts above could not be read, because the kernel did not reply: the process is blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "words::list")]
    pub unread: Vec<Cow<'static, str>>,
}

/// A process in the chain of parents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its process id.
    pub pid: u32,
    /// Its name as the kernel has it.
    pub name: Untrusted,
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The name in `/etc/passwd`, if it has one.
    pub name: Option<Untrusted>,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => name.fmt(f),
            None => self.uid.fmt(f),
        }
    }
}

/// The container of a socket, derived from its control group's path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Container {
    /// The runtime: `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `libvirt-lxc`, `systemd-nspawn`, `kubernetes`; `container` if
    /// its group does not say.
    #[serde(deserialize_with = "words::word")]
    pub runtime: Cow<'static, str>,
    /// Its id (64 hexadecimal digits) or its name, as the runtime has it.
    pub id: Untrusted,
    /// The uid of the Kubernetes pod it is part of.
    pub pod: Option<Untrusted>,
    /// Its name, according to its runtime: `web`, or `shop/web-0/nginx` for a container of a Kubernetes pod. Only if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Untrusted>,
    /// The image it was made of, according to its runtime. Only if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Untrusted>,
    /// Whether the name and the image were requested, but no runtime that replied has this container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_unknown: bool,
}

impl Container {
    /// Whether it is the same container, whatever its runtime says of it.
    fn is_same(&self, other: &Self) -> bool {
        (&self.runtime, &self.id, &self.pod) == (&other.runtime, &other.id, &other.pod)
    }
}

impl fmt::Display for Container {
    /// `docker-3f4e8a1b2c3d`: the runtime and as much of the id as the runtime's own listing shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_raw();
        match id.get(..12) {
            Some(short) if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                write!(f, "{}-{short}", self.runtime)
            }
            _ => write!(f, "{}-{}", self.runtime, self.id),
        }
    }
}

/// The state of a listener's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum SocketState {
    /// TCP and Unix-domain: accepts connections
    Listen,
    /// UDP and Unix-domain datagrams: accepts packets from any peer
    Unconnected,
    /// UDP: accepts packets from one peer only
    Connected,
    /// A firewall rule forwards connections elsewhere, for example to a container; no socket here accepts them
    Published,
}

impl SocketState {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Unconnected => "unconnected",
            Self::Connected => "connected",
            Self::Published => "published",
        }
    }
}

/// Whether the firewall of this machine, nftables or iptables, lets new connections of other hosts come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallVerdict {
    /// No rule stops any of them.
    Open,
    /// Rules stop every one.
    Filtered,
    /// It depends on the sender, the interface, the rate, or on something that cannot be known in advance.
    Partly,
    /// The rules could not be read.
    Unknown,
}

impl FirewallVerdict {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Filtered => "filtered",
            Self::Partly => "partly",
            Self::Unknown => "unknown",
        }
    }
}

/// The accept queue, summed over all sockets of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backlog {
    /// Connections that wait for `accept`.
    pub used: u32,
    /// The limit of the queue.
    pub limit: u32,
}
