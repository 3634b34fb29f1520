//! The connections of this machine: each with both ends, where both are here.

mod columns;
mod filter;
mod join;

use std::collections::HashSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::fast::FixedState;

pub(crate) use self::columns::COLUMNS;
pub(super) use self::filter::keeps;
use self::join::{Connection, SocketGroup};
use super::all_tables::read_tables;
use super::connections::{Listeners, LocalEnd};
use super::list::{ListingOutcome, unfinished, unreadable};
use super::options::Local;
use super::owner_limits;
use super::owners::{Attribution, Owners};
use super::rows::owner_name;
use super::runtimes::ContainerNames;
use super::socket::{ConnectedSocket, Socket, SocketQuery};
use super::tables::{Namespace, SocketTables};
use super::trace::is_first_pid_namespace;
use super::users::Users;
use crate::clean::Untrusted;
use crate::error::Result;
use crate::model::{
    Address, Completeness, ConnectionDetail, ConnectionDirection, ConnectionEnd, ConnectionPeer, ConnectionState,
    DetailLevel, Endpoint, OwnerLookup, PartialError, Scope, Service, Transport, User, port_name,
};

/// Lists the connections of this machine in the order of their ports, and passes each to `out`. Once `stop` returns true, those
/// known by then are passed on and marked as incomplete.
///
/// # Errors
/// Filters that are not for connections, and a user that this machine does not have.
pub(super) fn list(
    query: &Local,
    depth: DetailLevel,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<ConnectionDetail>) -> ControlFlow<()>,
) -> Result<ListingOutcome> {
    filter::check(query)?;
    let users = Users::read();
    let uid = query.user.as_deref().map(|user| users.find(user)).transpose()?;

    let SocketTables { sockets, mut namespaces, mut faults, mut limits } =
        read_tables(&wanted(query), false, query.all_netns);
    let mut connected: Vec<_> = namespaces.iter_mut().flat_map(|space| std::mem::take(&mut space.connected)).collect();
    keep_both_ends(query, &mut connected);

    let owners = if query.needs_owners(depth) && !connected.is_empty() {
        find_owners(&mut connected, query, depth, &users, stop).unwrap_or_else(|error| {
            faults.push(PartialError::from(&error));
            Owners::unread()
        })
    } else {
        Owners::not_asked()
    };

    let mut builder = ConnectionRows {
        query,
        users: &users,
        uid,
        listeners: listeners(&sockets, namespaces.len()),
        namespaces: &namespaces,
        owners,
        names: query.runtime.then(ContainerNames::default),
    };
    faults.extend(builder.owners.unfinished.take().map(unfinished));
    let (missing, hidden) = builder.rows(&mut connected, out);
    faults.extend(missing);
    limits.extend(hidden);
    faults.extend(builder.names.iter().flat_map(ContainerNames::errors).cloned());
    limits.extend(builder.names.iter().flat_map(ContainerNames::limits).cloned());

    let completeness = if faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    Ok(ListingOutcome { completeness, errors: faults, limits, published_known: false })
}

/// What to request from the kernel: connections, and the listeners that accepted them.
fn wanted(query: &Local) -> SocketQuery {
    SocketQuery {
        tcp: query.tcp || !query.udp,
        udp: query.udp || !query.tcp,
        listen: true,
        peers: true,
        ..SocketQuery::default()
    }
}

fn listeners(sockets: &[Socket], namespaces: usize) -> Vec<Listeners> {
    let mut by_namespace = vec![Vec::new(); namespaces];
    for socket in sockets {
        by_namespace[usize::from(socket.netns)].push(socket.clone());
    }
    by_namespace.iter().map(|sockets| Listeners::of(sockets)).collect()
}

/// Drops connections that the filters by address leave out. They treat both ends alike.
fn keep_both_ends(query: &Local, connected: &mut Vec<ConnectedSocket>) {
    let ports = query.wanted_ports();
    connected.retain(|connected| {
        let Address::Ip(ip) = connected.socket.address else { return false };
        let own = SocketAddr::new(ip, connected.socket.port);
        filter::keeps_addresses(query, ports.as_ref(), connected.socket.transport, own, connected.peer)
    });
}

/// Finds the owners, and drops the sockets that were closed meanwhile.
fn find_owners(
    connected: &mut Vec<ConnectedSocket>,
    query: &Local,
    depth: DetailLevel,
    users: &Users,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Owners> {
    // What waits to be accepted, or was closed by its process, has no owner.
    let held: Vec<Socket> =
        connected.iter().map(|connected| &connected.socket).filter(|socket| socket.inode != 0).cloned().collect();
    let owners = Owners::find(&held, query.needs_all_facts(depth), users, stop).map_err(unreadable)?;

    if owners.absent == Some(OwnerLookup::NotFound) && held.iter().any(|socket| owners.is_absent(socket.inode)) {
        let again = read_tables(&wanted(query), false, query.all_netns);
        // If the second read is incomplete, a socket that it does not show may still exist.
        if again.faults.is_empty() {
            let sockets = again.namespaces.iter().flat_map(|namespace| &namespace.connected);
            let alive: HashSet<u32, FixedState> = sockets.map(|connected| connected.socket.inode).collect();
            connected.retain(|connected| {
                let inode = connected.socket.inode;
                inode == 0 || !owners.is_absent(inode) || alive.contains(&inode)
            });
        }
    }
    Ok(owners)
}

/// Builds rows from connections.
struct ConnectionRows<'a> {
    query: &'a Local,
    users: &'a Users,
    /// The user of `--user`.
    uid: Option<u32>,
    /// By namespace.
    listeners: Vec<Listeners>,
    namespaces: &'a [Namespace],
    owners: Owners,
    /// `None`: names of containers are not wanted.
    names: Option<ContainerNames>,
}

impl ConnectionRows<'_> {
    /// Passes each connection to `out`. Returns why some may be missing, and which facts are.
    fn rows(
        &mut self,
        connected: &mut [ConnectedSocket],
        out: &mut dyn FnMut(Service<ConnectionDetail>) -> ControlFlow<()>,
    ) -> (Vec<PartialError>, Vec<PartialError>) {
        let ends = join::ends(connected);
        let connections = join::join(&ends, |end| self.serves(end));
        let services: Vec<_> = connections.iter().map(|connection| self.service(connection)).collect();
        let (errors, limits) = self.limits(&services);

        let (uid, query) = (self.uid, self.query);
        let _ = services
            .into_iter()
            .filter(|service| filter::keeps_owners(query, &|user: &User| Some(user.uid) == uid, &service.detail))
            .try_for_each(out);
        (errors, limits)
    }

    /// Whether a listener accepted the connection with this end.
    fn serves(&self, end: SocketGroup<'_>) -> bool {
        let (ip, port) = (end.address().ip(), end.address().port());
        let own = LocalEnd { ip, port, device: end.first().socket.device };
        end.transport() == Transport::Tcp && self.listeners[usize::from(end.netns())].accepting(own).is_some()
    }

    fn service(&mut self, connection: &Connection<'_>) -> Service<ConnectionDetail> {
        let Connection { own, other } = *connection;
        let direction = self.direction(own);
        let (address, peer) = (own.address(), own.peer());
        let mut endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), own.transport());
        if direction == Some(ConnectionDirection::Out) {
            endpoint.port_service = port_name(peer.port()).map(Into::into);
        }

        let (held, name) = self.end(own);
        let holder = other.map(|other| self.end(other).0);
        let detail = ConnectionDetail {
            end: held,
            state: own.first().state,
            direction,
            peer: ConnectionPeer { address: peer.ip(), port: peer.port(), scope: Scope::of(peer.ip()), holder },
        };
        Service { name, ..Service::new(self.id(own), "local", vec![endpoint], detail) }
    }

    fn direction(&self, own: SocketGroup<'_>) -> Option<ConnectionDirection> {
        if self.serves(own) {
            return Some(ConnectionDirection::In);
        }
        let ports = self.namespaces[usize::from(own.netns())].client_ports.as_ref()?;
        let is_out = own.first().state == ConnectionState::SynSent || ports.contains(&own.address().port());
        is_out.then_some(ConnectionDirection::Out)
    }

    /// What holds an end, and what that is called.
    fn end(&mut self, end: SocketGroup<'_>) -> (ConnectionEnd, Option<Untrusted>) {
        let sockets: Vec<&Socket> = end.sockets().collect();
        let is_held = sockets.iter().any(|socket| socket.inode != 0);
        let mut owner = if is_held {
            self.owners.attribute(&sockets)
        } else {
            let absent = self.owners.absent.filter(|absent| *absent == OwnerLookup::NotAsked);
            Attribution::without_processes(absent.unwrap_or(OwnerLookup::NotFound))
        };

        if let Some(names) = &mut self.names {
            names.describe(&mut owner.member);
        }
        let name = owner_name(&owner.member, &owner.processes);
        let uid = sockets.first().and_then(|socket| socket.uid).filter(|_| is_held);
        let held = ConnectionEnd {
            owner: owner.status,
            processes: Arc::clone(&owner.processes),
            processes_complete: owner.is_complete,
            user: uid.map(|uid| self.users.user(uid)),
            unit: owner.member.unit.clone(),
            unit_user: owner.member.user.map(|uid| self.users.user(uid)),
            container: owner.member.container.clone(),
            netns: self.namespaces[usize::from(end.netns())].identity.clone(),
        };
        (held, name)
    }

    /// `local/tcp/127.0.0.1:5432-127.0.0.1:40312`
    fn id(&self, own: SocketGroup<'_>) -> String {
        let mut id = "local/".to_owned();
        // Writing to a String cannot fail.
        if let Some(identity) = &self.namespaces[usize::from(own.netns())].identity {
            let _ = write!(id, "net:{identity}/");
        }
        let _ = write!(id, "{}/{}-{}", own.transport().as_str(), own.address(), own.peer());
        id
    }

    /// Why connections may be missing, and which facts are.
    fn limits(&self, services: &[Service<ConnectionDetail>]) -> (Vec<PartialError>, Vec<PartialError>) {
        let rows = format!("{} connections", services.len());
        let may_hide = self.owners.denied_own || !owner_limits::is_of_own_user(self.uid);
        let hidden = services.iter().filter(|service| may_hide && has_end(service, OwnerLookup::NoPermission)).count();
        let outside = services.iter().filter(|service| has_end(service, OwnerLookup::NotFound)).count();

        let mut limits = Vec::new();
        if outside > 0 && !is_first_pid_namespace() {
            limits.push(owner_limits::outside(outside, &rows));
        } else if hidden > 0 {
            limits.push(owner_limits::hidden(hidden, &rows, self.query));
        }

        let ends = services.iter().flat_map(|service| service.detail.ends());
        let blocked = owner_limits::blocked(ends.flat_map(|end| end.processes.iter()));
        // Unknown owners make rows missing only if the rows are selected by owner.
        let mut errors: Vec<_> = limits.iter().filter(|_| self.query.is_by_owner()).cloned().collect();
        errors.extend(blocked.iter().filter(|_| self.query.process.is_some()).cloned());
        limits.extend(blocked);
        limits.extend(self.namespaces.iter().any(|namespace| namespace.by_text).then(owner_limits::read_as_text));
        (errors, limits)
    }
}

/// Whether an end of a connection that a process holds was searched with this result. Only such an end has a user.
fn has_end(service: &Service<ConnectionDetail>, status: OwnerLookup) -> bool {
    service.detail.ends().any(|end| end.owner == status && end.user.is_some())
}
