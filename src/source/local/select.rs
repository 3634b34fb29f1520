//! Selects sockets by the options, checked against this machine.

use std::cell::RefCell;
use std::net::IpAddr;

use super::all_tables::read_tables;
use super::firewall::Destination;
use super::interfaces::{self, BoundAddress, Interfaces};
use super::options::{Local, SortKey};
use super::socket::{Socket, SocketQuery};
use super::tables::{Namespace, SocketTables};
use super::users::Users;
use super::vsock;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{Address, DetailLevel, FirewallVerdict, Ports, Scope, SocketPatterns, SocketState, Transport};

/// The options, checked.
pub(super) struct Selection<'a> {
    query: &'a Local,
    ports: Option<Ports>,
    /// The last published port, and what the firewall does with it: the entries of its ends follow each other.
    last_published: RefCell<Option<(Socket, Option<FirewallVerdict>)>>,
}

impl<'a> Selection<'a> {
    /// # Errors
    /// A user that this machine does not have.
    pub(super) fn new(query: &'a Local, users: &Users) -> Result<Self> {
        query.user.as_deref().map(|user| users.find(user)).transpose()?;
        Ok(Self { query, ports: query.wanted_ports(), last_published: RefCell::default() })
    }

    /// # Errors
    /// An interface that none of the namespaces has.
    pub(super) fn check_interface(&self, namespaces: &[Namespace]) -> Result<()> {
        let Some(wanted) = &self.query.interface else { return Ok(()) };
        let names: Vec<&str> = namespaces.iter().flat_map(|namespace| namespace.interfaces.names()).collect();
        if names.contains(&wanted.as_str()) || interfaces::exists(wanted) {
            return Ok(());
        }
        let list = names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(", ");
        let why = "there is no such interface here";
        Err(Error::usage(format!("--interface '{}'", clean(wanted)), why, format!("there are: {list}")))
    }

    /// Whether a socket is selected, by everything but its owners.
    pub(super) fn takes(&self, socket: &Socket, namespace: &Namespace) -> bool {
        let (query, interfaces) = (self.query, &namespace.interfaces);
        let scope = scope(socket, interfaces);
        let out = self.leaves_out_interface(socket, interfaces)
            || self.ports.as_ref().is_some_and(|ports| !ports.contains(socket.port))
            || query.sockets.as_ref().is_some_and(|sockets| !is_among(sockets, socket, interfaces))
            || (query.skip_loopback && scope == Scope::Loopback)
            || (query.skip_private && scope == Scope::Private)
            || (query.exposed && self.exposed(socket, namespace) == Some(false));
        !out
    }

    fn exposed(&self, socket: &Socket, namespace: &Namespace) -> Option<bool> {
        if !socket.is_published() {
            return exposed(socket, namespace);
        }
        // Which end it is makes no difference to the rules.
        let port = Socket { inode: 0, forwards_to: None, uid: None, cgroup: None, ..socket.clone() };
        let known =
            self.last_published.borrow().as_ref().filter(|(last, _)| *last == port).map(|(_, verdict)| *verdict);
        let verdict = known.unwrap_or_else(|| firewall(&port, namespace));
        self.last_published.replace(Some((port, verdict)));
        exposed_through(socket, namespace, verdict)
    }

    /// Whether `--interface` leaves a socket out.
    fn leaves_out_interface(&self, socket: &Socket, interfaces: &Interfaces) -> bool {
        let Some(name) = &self.query.interface else { return false };
        if socket.transport == Transport::Packet {
            return socket.device != Some(0) && interfaces.device(socket.device) != Some(name.as_str());
        }
        !bound(socket).is_some_and(|bound| interfaces.leads(name, bound))
    }
}

/// From where a socket can be reached.
pub(super) fn scope(socket: &Socket, interfaces: &Interfaces) -> Scope {
    match socket.address {
        Address::Ip(_) if interfaces.is_loopback(socket.device) => Scope::Loopback,
        Address::Ip(ip) => Scope::of(ip),
        Address::Unix(_) | Address::Name(_) => Scope::Loopback,
        Address::Other(ref text) => vsock::scope(text),
    }
}

/// Whether another host could reach a socket.
pub(super) fn exposed(socket: &Socket, namespace: &Namespace) -> Option<bool> {
    exposed_through(socket, namespace, firewall(socket, namespace))
}

/// Whether another host could reach a socket, with what the firewall does.
pub(super) fn exposed_through(
    socket: &Socket,
    namespace: &Namespace,
    firewall: Option<FirewallVerdict>,
) -> Option<bool> {
    let by_address = exposed_by_address(socket, &namespace.interfaces);
    if has_other_rules(socket) {
        return by_address.filter(|exposed| !exposed);
    }

    match firewall {
        // Nothing may serve at the other end, or on another machine.
        Some(FirewallVerdict::Open) if socket.is_published() && socket.inode == 0 => {
            by_address.filter(|exposed| !exposed)
        }
        None | Some(FirewallVerdict::Open) => by_address,
        Some(FirewallVerdict::Filtered) => Some(false),
        Some(FirewallVerdict::Partly | FirewallVerdict::Unknown) => by_address.filter(|exposed| !exposed),
    }
}

/// Whether the rules of the firewall are not followed: raw and packet sockets receive packets before or beside them.
fn has_other_rules(socket: &Socket) -> bool {
    matches!(socket.transport, Transport::UdpLite | Transport::Raw | Transport::Packet | Transport::Vsock)
}

fn exposed_by_address(socket: &Socket, interfaces: &Interfaces) -> Option<bool> {
    if matches!(socket.address, Address::Other(_)) {
        return None;
    }
    bound(socket).map_or(Some(false), |bound| interfaces.exposed(bound))
}

/// What the firewall does with new connections to a socket. `None` where none comes as far as that, where only one peer may
/// send, and where the rules were not wanted.
pub(super) fn firewall(socket: &Socket, namespace: &Namespace) -> Option<FirewallVerdict> {
    let is_out_of_reach = exposed_by_address(socket, &namespace.interfaces) == Some(false);
    if is_out_of_reach
        || has_other_rules(socket)
        || socket.state == SocketState::Connected
        || namespace.unread.is_some()
    {
        return None;
    }

    let Address::Ip(ip) = socket.address else { return None };
    let (host, ip) = (namespace.interfaces.host(), ip.to_canonical());
    let takes_ipv4 = ip.is_ipv4() || (ip.is_unspecified() && socket.v6_only != Some(true));
    let addresses = match ip {
        ip if !ip.is_unspecified() => vec![ip],
        // A UDP socket gets what is sent to groups and to all, too.
        _ if socket.transport == Transport::Udp && !socket.is_published() => Vec::new(),
        IpAddr::V4(_) => host.addresses(false),
        IpAddr::V6(_) if !takes_ipv4 => host.addresses(true),
        IpAddr::V6(_) => [host.addresses(true), host.addresses(false)].concat(),
    };
    let destination = Destination {
        transport: socket.transport,
        addresses,
        takes_ipv4,
        takes_ipv6: ip.is_ipv6(),
        port: socket.port,
        device: socket.device,
        has_socket: socket.state != SocketState::Published,
        may_be_transparent: socket.transparent != Some(false),
    };
    namespace.firewall.verdict(&host, &destination)
}

/// Where a socket is bound; `None` for Unix-domain ones.
pub(super) fn bound(socket: &Socket) -> Option<BoundAddress> {
    match socket.address {
        Address::Ip(ip) => {
            Some(BoundAddress { ip, device: socket.device, v6_only: socket.v6_only, transparent: socket.transparent })
        }
        Address::Unix(_) | Address::Name(_) | Address::Other(_) => None,
    }
}

/// Whether a socket is one of these. A wildcard receives only what is sent to an address of its own machine.
fn is_among(sockets: &SocketPatterns, socket: &Socket, interfaces: &Interfaces) -> bool {
    let Address::Ip(ip) = socket.address else { return false };
    if !sockets.matches(socket.transport, ip, socket.port) {
        return false;
    }
    !ip.is_unspecified()
        || !sockets.has_address()
        || sockets.at_own_addresses(|ip| interfaces.has(ip)).matches(socket.transport, ip, socket.port)
}

impl Local {
    /// # Errors
    /// Options that exclude every socket.
    pub(super) fn check(&self) -> Result<()> {
        let wanted = self.wanted(DetailLevel::Names);
        if let Some(state) = self.state.iter().find(|state| !wanted.can_have(**state)) {
            let why = "none of the chosen kinds of sockets has that state";
            let hint = "TCP listens, UDP, UDP-Lite and raw sockets are unconnected or connected, packet sockets are unconnected, Unix-domain and vsock sockets listen or are unconnected, and TCP and UDP ports are published";
            return Err(Error::usage(format!("--state '{}'", state.as_str()), why, hint));
        }
        Ok(())
    }

    /// Reads the tables that the options ask for.
    pub(super) fn read_tables(&self, depth: DetailLevel) -> SocketTables {
        let wanted = SocketQuery { firewall: self.needs_interfaces(depth), ..self.wanted(depth) };
        read_tables(&wanted, self.needs_interfaces(depth), self.all_netns)
    }

    /// What to request from the kernel.
    pub(super) fn wanted(&self, depth: DetailLevel) -> SocketQuery {
        let any = self.tcp || self.udp || self.unix || self.udplite || self.raw || self.packet || self.vsock;

        SocketQuery {
            tcp: self.tcp || !any,
            udp: self.udp || !any,
            unix: self.unix,
            udplite: self.udplite,
            raw: self.raw,
            packet: self.packet,
            vsock: self.vsock,
            listen: self.wants(SocketState::Listen),
            unconnected: self.wants(SocketState::Unconnected),
            connected: self.wants(SocketState::Connected),
            connections: depth == DetailLevel::Full,
            peers: false,
            firewall: false,
            published: (self.tcp || self.udp || !any) && self.wants(SocketState::Published),
        }
    }

    fn wants(&self, state: SocketState) -> bool {
        if self.state.is_empty() { state != SocketState::Connected } else { self.state.contains(&state) }
    }

    /// The ports to show; `None`: all.
    pub(super) fn wanted_ports(&self) -> Option<Ports> {
        match &self.ports {
            Some(ports) if self.common_ports => Some(ports.intersection(&Ports::common())),
            Some(ports) => Some(ports.clone()),
            None => self.common_ports.then(Ports::common),
        }
    }

    /// Whether the addresses of the interfaces matter.
    pub(super) fn needs_interfaces(&self, depth: DetailLevel) -> bool {
        let has_address = self.sockets.as_ref().is_some_and(SocketPatterns::has_address);
        depth == DetailLevel::Full || self.exposed || self.interface.is_some() || has_address
    }

    /// Whether services are selected by their owners.
    pub(super) fn is_by_owner(&self) -> bool {
        self.process.is_some() || self.user.is_some()
    }

    /// Whether every fact of a process matters, not only its name.
    pub(super) fn needs_all_facts(&self, depth: DetailLevel) -> bool {
        depth == DetailLevel::Full || self.process.is_some()
    }

    /// Whether the processes matter.
    pub(super) fn needs_owners(&self, depth: DetailLevel) -> bool {
        depth > DetailLevel::Names
            || self.is_by_owner()
            || matches!(self.sort, SortKey::Name | SortKey::Process | SortKey::Pid)
    }
}
