//! The listing itself: look, choose, find owners, put together.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::activation::SocketUnits;
use super::cgroup::Membership;
use super::look::{Namespace, Seen, look};
use super::options::{Local, SortKey};
use super::owners::{Holders, Owners};
use super::select::{self, Selection};
use super::socket::{Socket, UnixKind, Wanted};
use super::users::Users;
use super::walk::Unfinished;
use crate::clean::Untrusted;
use crate::error::{Error, Result};
use crate::model::{
    Address, Backlog, Completeness, Depth, Endpoint, Fault, LocalDetail, Owner, Process, Service, SocketState,
    Transport, port_name,
};

/// How whole a listing is.
pub(super) struct Outcome {
    pub(super) completeness: Completeness,
    pub(super) errors: Vec<Fault>,
    pub(super) limits: Vec<Fault>,
}

/// Lists what listens here, and hands each service to `out`. When `stop` says so, what is known by then is handed
/// out and marked as incomplete.
pub(super) fn list(
    query: &Local,
    depth: Depth,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
) -> Result<Outcome> {
    let users = Users::read();
    let selection = Selection::new(query, &users)?;
    let wanted = query.wanted(depth);
    let Seen { mut sockets, namespaces, faults: mut errors } =
        look(&wanted, query.needs_interfaces(depth), query.all_netns);
    let unread: Vec<Fault> = namespaces.iter().filter_map(|namespace| namespace.unread.clone()).collect();
    if unread.is_empty() {
        selection.check_interface(&namespaces)?;
    }
    sockets.retain(|socket| selection.takes(socket, &namespaces[usize::from(socket.netns)].interfaces));
    let mut owners = if query.needs_owners(depth) && !sockets.is_empty() {
        let owners = find_owners(&mut sockets, query, depth, &users, stop)?;
        match owners.unfinished {
            Some(Unfinished::Stopped) => errors.push(fault("look into every process", "stopped", "let it finish")),
            Some(Unfinished::Failed(error)) => {
                let why = std::io::Error::from(error).to_string();
                errors.push(fault(
                    "look into every process",
                    &why,
                    "raise the limit of open files (ulimit -n), and try again",
                ));
            }
            None => {}
        }
        owners
    } else {
        Owners::not_asked()
    };
    let mut sorted: Vec<&Socket> = sockets.iter().collect();
    sorted.sort_unstable_by(|a, b| order(a, b).then(a.inode.cmp(&b.inode)));
    let groups = sorted.chunk_by(|a, b| order(a, b) == Ordering::Equal);
    let mut groups: Vec<_> = groups.map(|sockets| Group { sockets, holders: owners.of(sockets) }).collect();
    let assembly = Assembly { query, depth, users, namespaces, owners, units: OnceCell::new() };
    let mut limits = assembly.limits(&mut groups);
    // Rows are missing for want of interfaces only where they are chosen by them.
    let chosen = query.exposed || query.interface.is_some();
    if chosen {
        errors.extend(unread);
    } else {
        limits.extend(unread);
    }
    if !matches!(query.sort, SortKey::Port) {
        // They are in the order of ports, and stay so where the keys are equal.
        groups.sort_by_cached_key(|group| assembly.key(group));
    }
    for group in &groups {
        if out(assembly.service(group)).is_break() {
            break;
        }
    }
    let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    Ok(Outcome { completeness, errors, limits })
}

/// Finds the owners, and drops the sockets that were closed while we looked.
fn find_owners(
    sockets: &mut Vec<Socket>,
    query: &Local,
    depth: Depth,
    users: &Users,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Owners> {
    let owners = Owners::find(sockets, depth == Depth::Full, users, stop)
        .map_err(|err| Error::io("read /proc", err, "portolan needs /proc to be mounted"))?;
    if owners.absent == Some(Owner::Outside) && sockets.iter().any(|socket| owners.is_absent(socket.inode)) {
        let wanted = Wanted { connections: false, ..query.wanted(depth) };
        let again = look(&wanted, false, query.all_netns).sockets;
        let alive: HashSet<u32, FixedState> = again.into_iter().map(|socket| socket.inode).collect();
        sockets.retain(|socket| !owners.is_absent(socket.inode) || alive.contains(&socket.inode));
    }
    Ok(owners)
}

fn fault(what: &str, why: &str, hint: &str) -> Fault {
    Fault { what: what.to_owned(), why: why.to_owned(), hint: hint.to_owned() }
}

/// The sockets of one address, and who holds them.
struct Group<'s> {
    sockets: &'s [&'s Socket],
    holders: Arc<Holders>,
}

impl Group<'_> {
    fn first(&self) -> &Socket {
        self.sockets[0]
    }

    fn absent(&self) -> bool {
        self.holders.processes.is_empty()
    }

    fn principal(&self) -> Option<&Process> {
        principal(&self.holders.processes)
    }
}

/// A value to sort by. All of one listing are of one kind, beside `None`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Number(u32),
    Address(Address),
    Text(Untrusted),
    None,
}

/// The process that a listener is best known by: not the service manager that only keeps its socket.
pub(super) fn principal(processes: &[Arc<Process>]) -> Option<&Process> {
    processes.iter().find(|process| process.pid != 1).or(processes.first()).map(|process| &**process)
}

struct Assembly<'a> {
    query: &'a Local,
    depth: Depth,
    users: Users,
    namespaces: Vec<Namespace>,
    owners: Owners,
    /// Read when the first listener needs them.
    units: OnceCell<SocketUnits>,
}

impl Assembly<'_> {
    /// Where a listener runs, and what it is called: its container, else its service unit, else its process; never
    /// its port.
    fn name(&self, group: &Group<'_>) -> (Option<Untrusted>, Membership) {
        let mut member = self.owners.membership(group.sockets, &group.holders);
        let processes = &group.holders.processes;
        if processes.len() == 1 && processes[0].pid == 1 && processes[0].name.as_raw() == "systemd" {
            let units = self.units.get_or_init(SocketUnits::read);
            let first = group.first();
            if let Some(service) = units.service(first.transport, &first.address, first.port) {
                member.unit = Some(service.into());
            }
        }
        if let Some(container) = &member.container {
            return (Some(container.to_string().into()), member);
        }
        let unit = member.unit.as_ref().and_then(|unit| unit.as_raw().strip_suffix(".service"));
        let name = unit.map(Untrusted::from).or_else(|| group.principal().map(|process| process.name.clone()));
        (name, member)
    }

    /// Leaves out what `--process` does not match, and says what could not be seen.
    fn limits(&self, groups: &mut Vec<Group<'_>>) -> Vec<Fault> {
        let total = groups.len();
        let unknown = groups.iter().filter(|group| group.absent()).count();
        if let Some(glob) = &self.query.process {
            groups.retain(|group| group.holders.processes.iter().any(|process| glob.matches(process.name.as_raw())));
        }
        if unknown == 0 || self.owners.absent != Some(Owner::NoPermission) {
            return Vec::new();
        }
        let why = match &self.query.process {
            Some(glob) => {
                format!("no permission, so '{}' could not be compared with them", crate::clean::clean(glob.as_str()))
            }
            None => "no permission".to_owned(),
        };
        let hint = if rustix::process::geteuid().is_root() {
            "some processes are shut off from this root too, by a user namespace or a security module"
        } else {
            "run as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE"
        };
        vec![fault(&format!("see the owners of {unknown} of {total} services"), &why, hint)]
    }

    /// What a listener is sorted by; what has none comes last.
    fn key(&self, group: &Group<'_>) -> SortValue {
        let first = group.first();
        let text = |text: Option<Untrusted>| text.map_or(SortValue::None, SortValue::Text);
        match self.query.sort {
            SortKey::Port => SortValue::Number(first.port.into()),
            SortKey::Address => SortValue::Address(first.address.clone()),
            SortKey::Proto => SortValue::Number(first.transport as u32),
            SortKey::Name => text(self.name(group).0),
            SortKey::Process => text(group.principal().map(|process| process.name.clone())),
            SortKey::Pid => group.principal().map_or(SortValue::None, |process| SortValue::Number(process.pid)),
            SortKey::User => text(first.uid.map(|uid| self.users.user(uid).to_string().into())),
        }
    }

    fn service(&self, group: &Group<'_>) -> Service<LocalDetail> {
        let first = group.first();
        let port = (first.transport != Transport::Unix).then_some(first.port);
        let endpoint = Endpoint {
            address: first.address.clone(),
            port,
            transport: first.transport,
            ready: true,
            service_guess: port.and_then(port_name),
        };
        let (name, member) = self.name(group);
        Service {
            id: self.id(first),
            name,
            namespace: None,
            source: "local",
            endpoints: vec![endpoint],
            detail: self.detail(group, member),
        }
    }

    fn detail(&self, group: &Group<'_>, member: Membership) -> LocalDetail {
        let first = group.first();
        let namespace = &self.namespaces[usize::from(first.netns)];
        let full = self.depth == Depth::Full;
        let state = group.sockets.iter().map(|socket| socket.state).min().unwrap_or(first.state);
        let listens = state == SocketState::Listen;
        let queued = || group.sockets.iter().map(|socket| socket.receive_queue).fold(0, u32::saturating_add);
        let limit = group.sockets.iter().map(|socket| socket.backlog_limit).reduce(|a, b| Some(a?.saturating_add(b?)));
        let bound = select::bound(first);
        LocalDetail {
            owner: if group.absent() { self.owners.absent.unwrap_or(Owner::NotAsked) } else { Owner::Known },
            processes: Arc::clone(&group.holders.processes),
            processes_complete: self.owners.absent == Some(Owner::Outside),
            user: first.uid.map(|uid| self.users.user(uid)),
            unit: member.unit,
            container: member.container,
            scope: select::scope(first),
            state,
            device: namespace.interfaces.device(first.device).map(Untrusted::from),
            interfaces: bound
                .filter(|_| full)
                .map(|bound| namespace.interfaces.names_leading_to(bound))
                .unwrap_or_default(),
            exposed: (full && namespace.unread.is_none()).then(|| select::exposed(first, &namespace.interfaces)),
            v6_only: first.v6_only,
            netns: namespace.identity.clone(),
            backlog: limit.flatten().filter(|_| listens).map(|limit| Backlog { used: queued(), limit }),
            receive_queue: (first.transport == Transport::Udp).then(queued),
            connections: if full { self.connections(group, namespace) } else { None },
            sockets: u32::try_from(group.sockets.len()).unwrap_or(u32::MAX),
        }
    }

    /// How many connections are established to a listener. For UDP, how many of its sockets are connected to a peer,
    /// where such were asked for.
    fn connections(&self, group: &Group<'_>, namespace: &Namespace) -> Option<u32> {
        let first = group.first();
        match (first.transport, &first.address) {
            (Transport::Udp, _) if self.query.state.contains(&SocketState::Connected) => {
                let connected = group.sockets.iter().filter(|socket| socket.state == SocketState::Connected).count();
                u32::try_from(connected).ok()
            }
            (Transport::Tcp, Address::Ip(ip)) => {
                let ip = ip.to_canonical();
                let to = |ip| namespace.established.get(&(ip, first.port, first.device)).copied().unwrap_or(0);
                let ipv4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                // A dual-stack listener takes IPv4 as well, unless another one does.
                let dual = ip.is_ipv6() && ip.is_unspecified() && first.v6_only != Some(true);
                let takes_ipv4 = dual && !namespace.listens_on_ipv4.contains(&first.port);
                Some(to(ip).saturating_add(if takes_ipv4 { to(ipv4) } else { 0 }))
            }
            _ => None,
        }
    }

    /// `local/tcp/127.0.0.1:5432`, `local/tcp/0.0.0.0%eth0:80`, `local/net:blue/udp/[::]:53`, `local/unix/@name`,
    /// `local/unix/dgram:/run/log`
    fn id(&self, socket: &Socket) -> String {
        let mut id = String::with_capacity(40);
        let namespace = &self.namespaces[usize::from(socket.netns)];
        id.push_str("local/");
        // Writing to a String cannot fail.
        if let Some(identity) = &namespace.identity {
            let _ = write!(id, "net:{identity}/");
        }
        let _ = write!(id, "{}/", socket.transport.as_str());
        let _ = match socket.address {
            Address::Ip(IpAddr::V6(ip)) => write!(id, "[{ip}]"),
            Address::Ip(ip) => write!(id, "{ip}"),
            Address::Unix(ref path) => {
                // What is escaped must not look like what is not: a backslash is written twice.
                let path = crate::clean::clean(&path.as_raw().replace('\\', "\\\\"));
                write!(id, "{}{path}", socket.unix.map_or("", UnixKind::in_id))
            }
        };
        if socket.device != 0 {
            let _ = match namespace.interfaces.device(socket.device) {
                Some(name) => write!(id, "%{}", crate::clean::clean(name)),
                None => write!(id, "%{}", socket.device),
            };
        }
        if socket.transport != Transport::Unix {
            let _ = write!(id, ":{}", socket.port);
        }
        id
    }
}

/// The order of sockets; those that are equal share an address and are one service.
fn order(a: &Socket, b: &Socket) -> Ordering {
    (a.port, a.transport)
        .cmp(&(b.port, b.transport))
        .then_with(|| a.address.cmp(&b.address))
        .then_with(|| (a.unix, a.device, a.netns).cmp(&(b.unix, b.device, b.netns)))
}
