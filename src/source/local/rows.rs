//! From sockets of one address and their owners to a row of the listing.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

use super::activation::SocketUnits;
use super::cgroup::Membership;
use super::hints;
use super::options::{Local, SortKey};
use super::owners::{Holders, Owners};
use super::select;
use super::socket::Socket;
use super::tables::Namespace;
use super::users::Users;
use crate::clean::Untrusted;
use crate::model::{
    Address, Backlog, DetailLevel, Endpoint, LocalDetail, OwnerLookup, PartialError, Process, Service, SocketState,
    Transport,
};

/// The sockets of one address, and the processes that hold them.
pub(super) struct AddressGroup<'s> {
    sockets: &'s [&'s Socket],
    holders: Arc<Holders>,
    /// Some of its sockets has no known holder.
    unknown: bool,
}

impl<'s> AddressGroup<'s> {
    pub(super) fn of(sockets: &'s [&'s Socket], owners: &mut Owners) -> Self {
        let (holders, unknown) = owners.of(sockets);
        Self { sockets, holders, unknown }
    }

    /// A property that all of its sockets share: several users may listen at one address.
    fn agreed<T: PartialEq>(&self, property: impl Fn(&Socket) -> Option<T>) -> Option<T> {
        let first = property(self.first());
        self.sockets.iter().all(|socket| property(socket) == first).then_some(first)?
    }

    fn first(&self) -> &Socket {
        self.sockets[0]
    }

    fn receive_queue(&self) -> u32 {
        self.sockets.iter().map(|socket| socket.receive_queue).fold(0, u32::saturating_add)
    }

    fn principal(&self) -> Option<&Process> {
        principal(&self.holders.processes)
    }
}

/// Whether a pattern fits one of the names that a process has: the kernel's, which is cut off after 15 bytes, that
/// of the file it runs, or the first word of its command line.
fn matches(glob: &glob::Pattern, process: &Process) -> bool {
    let exe = process.exe.as_ref().map(|exe| exe.as_raw().trim_end_matches(" (deleted)"));
    let command = process.command.as_ref().and_then(|command| command.as_raw().split(' ').next());
    let word = command.map(|word| word.trim_end_matches(':'));

    glob.matches(process.name.as_raw())
        || exe.into_iter().chain(word).any(|path| path.rsplit('/').next().is_some_and(|name| glob.matches(name)))
}

/// A value to sort by. All of one listing are of one kind, or `None`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortValue {
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

/// The process that a listener is known by: not the service manager that only keeps its socket.
pub(super) fn principal(processes: &[Arc<Process>]) -> Option<&Process> {
    processes.iter().find(|process| !is_manager(process)).or(processes.first()).map(|process| &**process)
}

/// Whether a process is the service manager. In a container, process 1 is the application itself.
fn is_manager(process: &Process) -> bool {
    process.pid == 1 && process.name.as_raw() == "systemd"
}

pub(super) struct RowBuilder<'a> {
    query: &'a Local,
    depth: DetailLevel,
    users: Users,
    namespaces: &'a [Namespace],
    owners: Owners,
    /// Read when the first listener needs them.
    units: OnceCell<SocketUnits>,
}

impl<'a> RowBuilder<'a> {
    pub(super) fn new(
        query: &'a Local,
        depth: DetailLevel,
        users: Users,
        namespaces: &'a [Namespace],
        owners: Owners,
    ) -> Self {
        Self { query, depth, users, namespaces, owners, units: OnceCell::new() }
    }

    /// Where a listener runs, and what it is called: its container, else its service unit, else its process; never
    /// its port.
    fn name(&self, group: &AddressGroup<'_>) -> (Option<Untrusted>, Membership) {
        let mut member = self.owners.membership(group.sockets, &group.holders);
        let processes = &group.holders.processes;
        if processes.len() == 1 && is_manager(&processes[0]) {
            let units = self.units.get_or_init(SocketUnits::read);
            let first = group.first();
            if let Some(service) = units.service(first.transport, &first.address, first.port) {
                member.unit = Some(service.into());
            }
        }

        if let Some(container) = &member.container {
            return (Some(container.to_string().into()), member);
        }

        let unit =
            member.unit.as_ref().filter(|_| !member.of_user).and_then(|unit| unit.as_raw().strip_suffix(".service"));
        let name = unit.map(Untrusted::from).or_else(|| group.principal().map(|process| process.name.clone()));
        (name, member)
    }

    /// Keeps the listeners whose process matches `--process`, and reports what could not be read.
    pub(super) fn keep_processes(&self, groups: &mut Vec<AddressGroup<'_>>) -> Vec<PartialError> {
        let total = groups.len();
        let unknown = groups.iter().filter(|group| group.unknown).count();
        if let Some(glob) = &self.query.process {
            groups.retain(|group| group.holders.processes.iter().any(|process| matches(glob, process)));
        }

        // A process that may not be read could also hold a socket whose other owners are known. `processes_complete`
        // states that: otherwise one such process would add a note to every listing.
        if unknown == 0 || self.owners.absent != Some(OwnerLookup::NoPermission) {
            return Vec::new();
        }

        let what = format!("see the owners of {unknown} of {total} services");
        let why = match &self.query.process {
            Some(glob) => {
                format!("no permission, so '{}' could not be compared with them", crate::clean::clean(glob.as_str()))
            }
            None => "no permission".to_owned(),
        };

        let hint = hints::for_permission("run as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE").to_owned();
        vec![PartialError { operation: what, cause: why, hint }]
    }

    /// The sort key of a listener. Listeners without one come last.
    pub(super) fn sort_value(&self, group: &AddressGroup<'_>) -> SortValue {
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

    pub(super) fn service(&self, group: &AddressGroup<'_>) -> Service<LocalDetail> {
        let endpoint = endpoint(group.first(), self.namespaces);
        let (name, member) = self.name(group);
        let (id, detail) = (id(group.first(), &endpoint, self.namespaces), self.detail(group, member));
        Service { name, ..Service::new(id, "local", vec![endpoint], detail) }
    }

    fn detail(&self, group: &AddressGroup<'_>, member: Membership) -> LocalDetail {
        let first = group.first();
        let namespace = &self.namespaces[usize::from(first.netns)];
        let full = self.depth == DetailLevel::Full;
        let state = group.sockets.iter().map(|socket| socket.state).min().unwrap_or(first.state);
        let listens = state == SocketState::Listen;
        let backlog_limit =
            group.sockets.iter().map(|socket| socket.backlog_limit).reduce(|a, b| Some(a?.saturating_add(b?)));
        let interfaces = select::bound(first).filter(|_| full);

        LocalDetail {
            owner: if group.unknown { self.owners.absent.unwrap_or(OwnerLookup::NotAsked) } else { OwnerLookup::Known },
            processes: Arc::clone(&group.holders.processes),
            processes_complete: self.owners.absent == Some(OwnerLookup::NotFound) && !group.unknown,
            user: group.agreed(|socket| socket.uid).map(|uid| self.users.user(uid)),
            unit: member.unit,
            container: member.container,
            scope: select::scope(first),
            state,
            interfaces: interfaces.map(|bound| namespace.interfaces.names_leading_to(bound)).unwrap_or_default(),
            exposed: select::exposed(first, &namespace.interfaces).filter(|_| full && namespace.unread.is_none()),
            v6_only: group.agreed(|socket| socket.v6_only),
            netns: namespace.identity.clone(),
            backlog: backlog_limit
                .flatten()
                .filter(|_| listens)
                .map(|limit| Backlog { used: group.receive_queue(), limit }),
            receive_queue: (first.transport == Transport::Udp).then(|| group.receive_queue()),
            connections: if full { self.connections(group, namespace) } else { None },
            sockets: u32::try_from(group.sockets.len()).unwrap_or(u32::MAX),
        }
    }

    /// The number of established connections of a listener. For UDP, the number of its sockets connected to a peer,
    /// if `--state` selects those.
    fn connections(&self, group: &AddressGroup<'_>, namespace: &Namespace) -> Option<u32> {
        if group.first().transport != Transport::Udp {
            return namespace.connections.to(group.first());
        }
        let connected = group.sockets.iter().filter(|socket| socket.state == SocketState::Connected).count();
        u32::try_from(connected).ok().filter(|_| self.query.state.contains(&SocketState::Connected))
    }
}

/// Where a socket serves.
fn endpoint(socket: &Socket, namespaces: &[Namespace]) -> Endpoint {
    let port = (socket.transport != Transport::Unix).then_some(socket.port);
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
/// `local/unix/dgram:/run/log`
fn id(socket: &Socket, endpoint: &Endpoint, namespaces: &[Namespace]) -> String {
    let mut id = String::with_capacity(40);
    id.push_str("local/");
    // Writing to a String cannot fail.
    if let Some(identity) = &namespaces[usize::from(socket.netns)].identity {
        let _ = write!(id, "net:{identity}/");
    }

    let _ = write!(id, "{}/", socket.transport.as_str());
    match &socket.unix {
        Some(name) => name.write_id(&mut id),
        None => {
            let _ = write!(id, "{endpoint}");
        }
    }

    id
}

/// The order of sockets; those that are equal share an address and are one service.
pub(super) fn order(a: &Socket, b: &Socket) -> Ordering {
    (a.port, a.transport)
        .cmp(&(b.port, b.transport))
        .then_with(|| a.address.cmp(&b.address))
        .then_with(|| (&a.unix, a.device, a.netns).cmp(&(&b.unix, b.device, b.netns)))
}
