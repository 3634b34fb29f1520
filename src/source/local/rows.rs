//! From sockets of one address and their owners to a row of the listing.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::activation::SocketUnits;
use super::cgroup::Membership;
use super::options::{Local, SortKey};
use super::owner_limits;
use super::owners::Attribution;
use super::published;
use super::select;
use super::socket::Socket;
use super::special;
use super::tables::Namespace;
use super::trace::is_first_pid_namespace;
use super::users::Users;
use crate::clean::Untrusted;
use crate::model::{
    Address, Backlog, DetailLevel, Endpoint, LocalDetail, OwnerLookup, PartialError, Process, Service, SocketState,
    Transport,
};

/// The sockets of one address, and the processes that hold them.
struct AddressGroup<'s> {
    sockets: &'s [&'s Socket],
    owner: Attribution,
}

impl AddressGroup<'_> {
    /// A property that all of its sockets share: several users may listen at one address.
    fn agreed<T: PartialEq>(&self, property: impl Fn(&Socket) -> Option<T>) -> Option<T> {
        let first = property(self.first());
        self.own().iter().all(|socket| property(socket) == first).then_some(first)?
    }

    fn first(&self) -> &Socket {
        self.sockets[0]
    }

    /// Its sockets, without the rules that stand for none; the rules if there is nothing else.
    fn own(&self) -> &[&Socket] {
        let count = self.sockets.iter().filter(|socket| !socket.is_published()).count();
        if count == 0 { self.sockets } else { &self.sockets[..count] }
    }

    /// Where connections go instead, or where a proxy takes them; first the ends that sockets of this machine serve.
    fn forwards_to(&self) -> Vec<SocketAddr> {
        let ends = self.sockets.iter().filter_map(|socket| Some((socket.inode == 0, socket.forwards_to?)));
        let mut ends: Vec<(bool, SocketAddr)> = ends.collect();
        if ends.is_empty() {
            let proxied = self.owner.processes.iter().filter_map(|process| published::proxied(process));
            ends.extend(proxied.map(|end| (false, end)));
        }
        ends.sort_unstable();
        ends.dedup();
        ends.into_iter().map(|(_, end)| end).collect()
    }

    fn receive_queue(&self) -> u32 {
        self.own().iter().map(|socket| socket.receive_queue).fold(0, u32::saturating_add)
    }

    fn principal(&self) -> Option<&Process> {
        principal(&self.owner.processes)
    }

    /// Whether a process that cannot be seen may hold it. Sockets of the kernel itself have no inode.
    fn may_be_held_outside(&self) -> bool {
        self.owner.status == OwnerLookup::NotFound && self.sockets.iter().any(|socket| socket.inode != 0)
    }
}

/// Whether a pattern fits one of the names that a process has: the kernel's, which is cut off after 15 bytes, that
/// of the file it runs, or the first word of its command line.
pub(super) fn matches(glob: &glob::Pattern, process: &Process) -> bool {
    let exe = process.exe.as_ref().map(|exe| exe.as_raw().trim_end_matches(" (deleted)"));
    let command = process.command.as_ref().and_then(|command| command.as_raw().split(' ').next());
    let word = command.map(|word| word.trim_end_matches(':'));

    glob.matches(process.name.as_raw())
        || exe.into_iter().chain(word).any(|path| path.rsplit('/').next().is_some_and(|name| glob.matches(name)))
}

/// A value to sort by. All of one listing are of one kind, or `None`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Number(u32),
    Address(Address),
    Text(Untrusted),
    None,
}

impl SortValue {
    fn text(text: Option<Untrusted>) -> Self {
        text.map_or(Self::None, Self::Text)
    }
}

/// The process that a listener is known by: not the service manager that only keeps its socket, nor a proxy beside what it
/// leads to.
pub(super) fn principal(processes: &[Arc<Process>]) -> Option<&Process> {
    let mut servers = processes.iter().filter(|process| !is_manager(process));
    let first = servers.clone().next();
    servers.find(|process| !is_proxy(process)).or(first).or(processes.first()).map(|process| &**process)
}

fn is_proxy(process: &Process) -> bool {
    published::PROXIES.contains(&process.name.as_raw())
}

/// Whether a process is the service manager. In a container, process 1 is the application itself.
fn is_manager(process: &Process) -> bool {
    process.pid == 1 && process.name.as_raw() == "systemd"
}

/// What an owner is called: its container, else its service unit, else its process.
pub(super) fn owner_name(member: &Membership, processes: &[Arc<Process>]) -> Option<Untrusted> {
    if let Some(container) = &member.container {
        return Some(container.to_string().into());
    }

    let unit =
        member.unit.as_ref().filter(|_| member.user.is_none()).and_then(|unit| unit.as_raw().strip_suffix(".service"));
    unit.map(Untrusted::from).or_else(|| principal(processes).map(|process| process.name.clone()))
}

pub(super) struct RowBuilder<'a> {
    query: &'a Local,
    depth: DetailLevel,
    /// The user of `--user`.
    uid: Option<u32>,
    users: Users,
    namespaces: &'a [Namespace],
    /// Read when the first listener needs them.
    units: OnceCell<SocketUnits>,
}

impl<'a> RowBuilder<'a> {
    pub(super) fn new(query: &'a Local, depth: DetailLevel, users: Users, namespaces: &'a [Namespace]) -> Self {
        let uid = query.user.as_deref().and_then(|user| users.find(user).ok());
        Self { query, depth, uid, users, namespaces, units: OnceCell::new() }
    }

    /// Passes the service of each address to `out`, in the requested order. Returns why services may be missing, and which
    /// facts are.
    pub(super) fn rows(
        &self,
        sockets: &[Socket],
        owner_of: &mut dyn FnMut(&[&Socket]) -> Attribution,
        out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
    ) -> (Vec<PartialError>, Vec<PartialError>) {
        let sorted = sorted(sockets);
        let groups = sorted.chunk_by(|a, b| order(a, b) == Ordering::Equal);
        let mut groups: Vec<_> = groups.map(|sockets| AddressGroup { sockets, owner: owner_of(sockets) }).collect();

        let blocked = owner_limits::blocked(groups.iter().flat_map(|group| group.owner.processes.iter()));
        let mut limits = self.keep_owned(&mut groups);
        // Unknown owners make rows missing only if the rows are selected by owner.
        let mut errors: Vec<PartialError> = limits.iter().filter(|_| self.query.is_by_owner()).cloned().collect();
        errors.extend(blocked.iter().filter(|_| self.query.process.is_some()).cloned());
        limits.extend(blocked);
        limits.extend(self.namespaces.iter().any(|namespace| namespace.by_text).then(owner_limits::read_as_text));
        // Unknown interfaces make rows missing only if the rows are selected by interface.
        let unread = self.namespaces.iter().filter_map(|namespace| namespace.unread.clone());
        if self.query.exposed || self.query.interface.is_some() {
            errors.extend(unread);
        } else {
            limits.extend(unread);
        }

        limits.extend(self.unknown_firewall(sockets));

        if !matches!(self.query.sort, SortKey::Port) {
            // They are in the order of ports, and stay so where the keys are equal.
            groups.sort_by_cached_key(|group| self.sort_value(group));
        }
        for group in &groups {
            if out(self.service(group)).is_break() {
                break;
            }
        }

        (errors, limits)
    }

    /// Why the rules of a firewall are unknown, where they matter: to what is exposed, and to published ports.
    fn unknown_firewall(&self, sockets: &[Socket]) -> Option<PartialError> {
        let wants_exposed = self.depth == DetailLevel::Full || self.query.exposed;
        let sockets = sockets.iter().filter(|_| wants_exposed);
        let mut of_sockets = sockets.filter_map(|socket| {
            let namespace = &self.namespaces[usize::from(socket.netns)];
            let unknown = namespace.firewall.unknown()?;
            select::firewall(socket, namespace).map(|_| unknown)
        });
        let of_ports = self.namespaces.iter().find(|namespace| namespace.forwards);
        of_sockets.next().or_else(|| of_ports.and_then(|namespace| namespace.firewall.unknown())).cloned()
    }

    /// Where a listener runs, and what it is called: its container, else its service unit, else its process; never
    /// its port.
    fn name(&self, group: &AddressGroup<'_>) -> (Option<Untrusted>, Arc<Membership>) {
        let mut member = Arc::clone(&group.owner.member);
        let processes = &group.owner.processes;
        if processes.len() == 1 && is_manager(&processes[0]) {
            let units = self.units.get_or_init(SocketUnits::read);
            let first = group.first();
            if let Some(service) = units.service(first.transport, &first.address, first.port) {
                let own = Arc::make_mut(&mut member);
                (own.unit, own.user) = (Some(service.into()), None);
            }
        }

        let name = owner_name(&member, processes);
        (name, member)
    }

    /// Keeps the listeners that `--process` and `--user` select, and reports what could not be read.
    fn keep_owned(&self, groups: &mut Vec<AddressGroup<'_>>) -> Vec<PartialError> {
        let total = groups.len();
        let denied = groups.iter().filter(|group| group.owner.status == OwnerLookup::NoPermission);
        let unknown = denied.filter(|group| !self.is_decided(group)).count();
        if let Some(glob) = &self.query.process {
            groups.retain(|group| group.owner.processes.iter().any(|process| matches(glob, process)));
        }
        groups.retain(|group| self.is_of_user(group));

        let outside = groups.iter().filter(|group| group.may_be_held_outside()).count();
        if outside > 0 && !is_first_pid_namespace() {
            return vec![owner_limits::outside(outside, &format!("{total} services"))];
        }

        // A process that may not be read could also hold a socket whose other owners are known. `processes_complete`
        // states that: otherwise one such process would add a note to every listing.
        if unknown == 0 {
            return Vec::new();
        }
        vec![owner_limits::hidden(unknown, &format!("{total} services"), self.query)]
    }

    /// Whether `--user` is known to select the group, or not to, although not all processes can be seen.
    fn is_decided(&self, group: &AddressGroup<'_>) -> bool {
        let has_makers = group.sockets.iter().all(|socket| socket.uid.is_some());
        let is_of_other = has_makers && !group.owner.denied_own && owner_limits::is_of_own_user(self.uid);
        self.uid.is_some() && (self.is_of_user(group) || is_of_other)
    }

    /// Whether the user of `--user` made a socket of the group or runs a process that holds one.
    fn is_of_user(&self, group: &AddressGroup<'_>) -> bool {
        let Some(uid) = self.uid else { return true };
        let mut holders = group.owner.processes.iter().filter_map(|process| process.user.as_ref());
        group.sockets.iter().any(|socket| socket.uid == Some(uid)) || holders.any(|user| user.uid == uid)
    }

    /// The sort key of a listener. Listeners without one come last.
    fn sort_value(&self, group: &AddressGroup<'_>) -> SortValue {
        let first = group.first();

        match self.query.sort {
            SortKey::Port => SortValue::Number(first.port.into()),
            SortKey::Address => SortValue::Address(first.address.clone()),
            SortKey::Proto => SortValue::Number(first.transport as u32),
            SortKey::Name => SortValue::text(self.name(group).0),
            SortKey::Process => SortValue::text(group.principal().map(|process| process.name.clone())),
            SortKey::Pid => group.principal().map_or(SortValue::None, |process| SortValue::Number(process.pid)),
            SortKey::User => {
                SortValue::text(group.agreed(|socket| socket.uid).map(|uid| self.users.user(uid).to_string().into()))
            }
        }
    }

    fn service(&self, group: &AddressGroup<'_>) -> Service<LocalDetail> {
        let endpoint = endpoint(group.first(), self.namespaces);
        let (name, member) = self.name(group);
        let (id, detail) = (id(group.first(), &endpoint, self.namespaces), self.detail(group, &member));
        Service { name, ..Service::new(id, "local", vec![endpoint], detail) }
    }

    fn detail(&self, group: &AddressGroup<'_>, member: &Membership) -> LocalDetail {
        let first = group.first();
        let namespace = &self.namespaces[usize::from(first.netns)];
        let full = self.depth == DetailLevel::Full;
        let state = group.sockets.iter().map(|socket| socket.state).min().unwrap_or(first.state);
        let listens = state == SocketState::Listen;
        let backlog_limit =
            group.own().iter().map(|socket| socket.backlog_limit).reduce(|a, b| Some(a?.saturating_add(b?)));
        let interfaces = select::bound(first).filter(|_| full);
        let firewall = if full { select::firewall(first, namespace) } else { None };
        let is_judged = full && namespace.unread.is_none();
        let exposed = if is_judged { select::exposed_through(first, namespace, firewall) } else { None };

        LocalDetail {
            owner: group.owner.status,
            processes: Arc::clone(&group.owner.processes),
            processes_complete: group.owner.is_complete,
            user: group.agreed(|socket| socket.uid).map(|uid| self.users.user(uid)),
            unit: member.unit.clone(),
            unit_user: member.user.map(|uid| self.users.user(uid)),
            container: member.container.clone(),
            scope: select::scope(first, &namespace.interfaces),
            state,
            interfaces: interfaces.map(|bound| namespace.interfaces.names_leading_to(bound)).unwrap_or_default(),
            exposed,
            firewall,
            forwards_to: group.forwards_to(),
            v6_only: group.agreed(|socket| socket.v6_only).filter(|_| !first.is_published()),
            netns: namespace.identity.clone(),
            backlog: backlog_limit
                .flatten()
                .filter(|_| listens)
                .map(|limit| Backlog { used: group.receive_queue(), limit }),
            protocol: special::protocol(first),
            receive_queue: (has_packets(first) && !first.is_published()).then(|| group.receive_queue()),
            connections: if full { self.connections(group, namespace) } else { None },
            mptcp: group.sockets.iter().any(|socket| socket.mptcp),
            sockets: u32::try_from(group.sockets.iter().filter(|socket| !socket.is_published()).count())
                .unwrap_or(u32::MAX),
        }
    }

    /// The number of established connections of a listener. For UDP, the number of its sockets connected to a peer,
    /// if `--state` selects those.
    fn connections(&self, group: &AddressGroup<'_>, namespace: &Namespace) -> Option<u32> {
        if group.first().is_published() {
            return None;
        }
        if !matches!(group.first().transport, Transport::Udp | Transport::UdpLite) {
            return namespace.connections.to(group.first());
        }
        let connected = group.sockets.iter().filter(|socket| socket.state == SocketState::Connected).count();
        u32::try_from(connected).ok().filter(|_| self.query.state.contains(&SocketState::Connected))
    }
}

/// Whether a socket has a queue of packets, and no connections.
fn has_packets(socket: &Socket) -> bool {
    matches!(socket.transport, Transport::Udp | Transport::UdpLite | Transport::Raw | Transport::Packet)
}

/// Where a socket serves.
fn endpoint(socket: &Socket, namespaces: &[Namespace]) -> Endpoint {
    let has_port = !matches!(socket.transport, Transport::Unix | Transport::Raw | Transport::Packet | Transport::Vsock);
    let port = has_port.then_some(socket.port);
    let interface = device(socket, namespaces);
    Endpoint { interface, ..Endpoint::new(socket.address.clone(), port, socket.transport) }
}

/// The interface that a socket is bound to: its name, or its number where it has gone.
fn device(socket: &Socket, namespaces: &[Namespace]) -> Option<Untrusted> {
    let index = socket.device.filter(|&index| index != 0)?;
    let name = namespaces[usize::from(socket.netns)].interfaces.device(Some(index));
    Some(name.map_or_else(|| index.to_string().into(), Untrusted::from))
}

/// The id of the service that a socket is part of.
pub(super) fn id_of(socket: &Socket, namespaces: &[Namespace]) -> String {
    id(socket, &endpoint(socket, namespaces), namespaces)
}

/// `local/tcp/127.0.0.1:5432`, `local/tcp/0.0.0.0%eth0:80`, `local/net:blue/udp/[::]:53`, `local/unix/@name`,
/// `local/unix/dgram:/run/log`, `local/raw/icmp:0.0.0.0`, `local/packet/arp:*%eth0`
fn id(socket: &Socket, endpoint: &Endpoint, namespaces: &[Namespace]) -> String {
    let mut id = String::with_capacity(40);
    id.push_str("local/");
    // Writing to a String cannot fail.
    if let Some(identity) = &namespaces[usize::from(socket.netns)].identity {
        let _ = write!(id, "net:{identity}/");
    }

    let _ = write!(id, "{}/", socket.transport.as_str());
    match (&socket.unix, special::protocol(socket)) {
        (Some(name), _) => name.write_id(&mut id),
        (None, Some(protocol)) => {
            let _ = write!(id, "{}:{endpoint}", protocol.as_raw());
        }
        (None, None) => {
            let _ = write!(id, "{endpoint}");
        }
    }

    id
}

/// The sockets in their order; those of one address by state and inode.
fn sorted(sockets: &[Socket]) -> Vec<&Socket> {
    // A comparison of numbers side by side is several times as fast as one of sockets all over the memory.
    let mut sorted: Vec<(u64, &Socket)> = sockets.iter().map(|socket| (order_prefix(socket), socket)).collect();
    sorted.sort_unstable_by(|(first, a), (second, b)| {
        first.cmp(second).then_with(|| order(a, b)).then_with(|| (a.state, a.inode).cmp(&(b.state, b.inode)))
    });
    sorted.into_iter().map(|(_, socket)| socket).collect()
}

/// What [`order`] compares first, as one number: the port, the transport, and the beginning of the address.
fn order_prefix(socket: &Socket) -> u64 {
    let (kind, address) = match socket.address {
        Address::Ip(IpAddr::V4(ip)) => (0, ip.to_bits()),
        Address::Ip(IpAddr::V6(ip)) => {
            let [first, second, ..] = ip.segments();
            (1, u32::from(first) << 16 | u32::from(second))
        }
        Address::Unix(_) | Address::Name(_) | Address::Other(_) => (2, 0),
    };
    u64::from(socket.port) << 48 | (socket.transport as u64) << 40 | kind << 32 | u64::from(address)
}

/// The order of sockets; those that are equal share an address and are one service.
fn order(a: &Socket, b: &Socket) -> Ordering {
    (a.port, a.transport)
        .cmp(&(b.port, b.transport))
        .then_with(|| a.address.cmp(&b.address))
        .then_with(|| (&a.unix, a.protocol, a.device, a.netns).cmp(&(&b.unix, b.protocol, b.device, b.netns)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_socket() -> impl Strategy<Value = Socket> {
        let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Vsock)];
        let address = prop_oneof![
            any::<IpAddr>().prop_map(Address::Ip),
            any::<u8>().prop_map(|last| Address::Ip([10, 0, 0, last].into())),
            "[a-c]{0,2}".prop_map(|name| Address::Other(name.into())),
        ];
        (transport, address, 0_u16..3, any::<u32>()).prop_map(|(transport, address, port, inode)| Socket {
            transport,
            address,
            inode,
            ..Socket::listening([0; 4].into(), port)
        })
    }

    proptest! {
        #[test]
        fn the_prefix_keeps_the_order(a in any_socket(), b in any_socket()) {
            let by_prefix = order_prefix(&a).cmp(&order_prefix(&b));
            prop_assert!(by_prefix.is_eq() || by_prefix == order(&a, &b));
        }
    }
}
