//! Reads the socket tables of one's own network namespace or of all of them.

use std::io;
use std::ops::RangeInclusive;

use super::connections::Connections;
use super::firewall::Firewall;
use super::hints::Purpose;
use super::interfaces::Interfaces;
use super::netlink::SockDiag;
use super::socket::{ConnectedSocket, Socket, SocketQuery};
use super::table_read::{fault, note, read};
use super::{hints, netns, procnet, special};
use crate::model::{NetworkNamespace, PartialError, Transport};
use crate::net::OtherNamespace;

/// The sockets found, and what could not be read.
#[derive(Default)]
pub(super) struct SocketTables {
    pub(super) sockets: Vec<Socket>,
    /// The namespaces read; the first is one's own.
    pub(super) namespaces: Vec<Namespace>,
    pub(super) faults: Vec<PartialError>,
    /// The part of `faults` that is due to missing permission.
    pub(super) limits: Vec<PartialError>,
}

/// One network namespace.
#[derive(Default)]
pub(super) struct Namespace {
    /// `None` for one's own.
    pub(super) identity: Option<NetworkNamespace>,
    pub(super) interfaces: Interfaces,
    /// Why they could not be listed.
    pub(super) unread: Option<PartialError>,
    pub(super) connections: Connections,
    /// Its sockets with a peer, if they were wanted,
    pub(super) connected: Vec<ConnectedSocket>,
    /// and the ports that the kernel chooses for clients.
    pub(super) client_ports: Option<RangeInclusive<u16>>,
    pub(super) firewall: Firewall,
    /// It passes packets on, so rules may publish ports of other hosts.
    pub(super) forwards: bool,
    /// Netlink was refused for some table, and `/proc/net` read instead.
    pub(super) by_text: bool,
}

/// Reads every other namespace.
pub(super) fn read_other_namespaces(wanted: &SocketQuery, interfaces: bool, tables: &mut SocketTables) {
    let (others, mut denied) = match netns::others() {
        Ok(found) => found,
        Err(err) => return tables.faults.push(others_unknown(&err)),
    };

    for other in others {
        match other.enter(|| read_this_namespace(wanted, interfaces)) {
            Ok(Some((sockets, mut namespace, faults))) => {
                namespace.identity = Some(other.identity);
                tables.take(sockets, namespace, faults);
            }
            Ok(None) => {}
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => denied = true,
            Err(err) => tables.faults.push(other_unreadable(&other, &err)),
        }
    }

    if denied {
        let denied = namespaces_denied("run as root, or leave --all-netns out");
        tables.faults.push(denied.clone());
        tables.limits.push(denied);
    }
}

/// The other namespaces cannot be found.
pub(super) fn others_unknown(error: &io::Error) -> PartialError {
    fault("find other network namespaces".to_owned(), error, "try again")
}

/// A namespace cannot be read, and not for a missing permission.
pub(super) fn other_unreadable(other: &OtherNamespace, error: &io::Error) -> PartialError {
    let what = format!("read network namespace {}", other.identity);
    fault(what, error, "try again, with more open files (ulimit -n)")
}

/// Some namespace may not be entered.
pub(super) fn namespaces_denied(hint: &'static str) -> PartialError {
    PartialError {
        operation: "read other network namespaces".to_owned(),
        cause: "no permission".to_owned(),
        hint: hints::for_permission(Purpose::Namespaces, hint).to_owned(),
    }
}

impl SocketTables {
    pub(super) fn take(&mut self, mut sockets: Vec<Socket>, mut namespace: Namespace, faults: Vec<PartialError>) {
        let index = u16::try_from(self.namespaces.len()).unwrap_or(u16::MAX);
        for socket in sockets.iter_mut().chain(namespace.connected.iter_mut().map(|connected| &mut connected.socket)) {
            socket.netns = index;
        }
        self.sockets.append(&mut sockets);
        self.namespaces.push(namespace);
        self.faults.extend(faults);
    }
}

/// Reads the namespace of the calling thread. Each table is read through netlink, or if that is refused
/// from `/proc/net`.
pub(super) fn read_this_namespace(
    wanted: &SocketQuery,
    interfaces: bool,
) -> (Vec<Socket>, Namespace, Vec<PartialError>) {
    let mut sockets = Vec::new();
    let mut faults = Vec::new();
    let mut diag = SockDiag::open();

    for (transport, is_wanted) in [(Transport::Tcp, wanted.tcp), (Transport::Udp, wanted.udp)] {
        if is_wanted {
            let read = read(
                &mut diag,
                &mut sockets,
                |diag, out| diag.inet(transport, wanted, out),
                |out| procnet::inet(transport, wanted, out),
            );
            note(&mut faults, read, transport.as_str());
        }
    }
    if wanted.unix {
        let read = read(&mut diag, &mut sockets, |diag, out| diag.unix(wanted, out), |out| procnet::unix(wanted, out));
        note(&mut faults, read, "unix");
    }

    let mut established = Vec::new();
    if wanted.connections {
        let read = read(&mut diag, &mut established, SockDiag::established, procnet::established);
        note(&mut faults, read, "established tcp");
    }

    let mut connected = Vec::new();
    for (transport, is_wanted) in [(Transport::Tcp, wanted.tcp), (Transport::Udp, wanted.udp)] {
        if wanted.peers && is_wanted {
            let read = read(
                &mut diag,
                &mut connected,
                |diag, out| diag.connected(transport, out),
                |out| procnet::connected(transport, out),
            );
            note(&mut faults, read, &format!("connected {}", transport.as_str()));
        }
    }

    special::read(wanted, &mut sockets, &mut faults);
    let connections = Connections::count(&established, &sockets);
    let devices: Vec<u32> = sockets.iter().filter_map(|socket| socket.device.filter(|&device| device != 0)).collect();
    let client_ports = wanted.peers.then(client_ports).flatten();
    let mut namespace =
        Namespace { connections, connected, client_ports, by_text: diag.is_err(), ..Namespace::default() };
    match Interfaces::read(interfaces, &devices) {
        Ok(read) => namespace.interfaces = read,
        Err(err) => {
            let hint = "a sandbox may refuse netlink; run outside of it";
            namespace.unread = Some(fault("list network interfaces".to_owned(), &err, hint));
        }
    }
    if wanted.firewall {
        namespace.firewall = Firewall::read();
        namespace.forwards = namespace.firewall.unknown().is_some() && forwards();
    }
    (sockets, namespace, faults)
}

/// Whether packets are passed on, in the calling thread's namespace.
fn forwards() -> bool {
    let settings = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"];
    settings.iter().any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "0"))
}

/// The ports that the kernel chooses for clients, in the calling thread's namespace.
fn client_ports() -> Option<RangeInclusive<u16>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut words = text.split_ascii_whitespace();
    Some(words.next()?.parse().ok()?..=words.next()?.parse().ok()?)
}
