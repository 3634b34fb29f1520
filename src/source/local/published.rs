//! Published ports: addresses of this host from which rules of the firewall lead connections elsewhere, as container engines
//! do it, and the sockets at the other end, wherever on this machine they are.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::fast::FixedState;

use super::firewall::{Host, PublishedPort, Translation};
use super::interfaces::Interfaces;
use super::namespace_number;
use super::netns;
use super::socket::{Socket, SocketQuery};
use super::tables::{SocketTables, namespaces_denied, other_unreadable, others_unknown, read_this_namespace};
use crate::model::{Address, PartialError, Process, SocketState, Transport};
use crate::net::{OtherNamespace, open_in};

/// The proxies that listen at a published port and connect to the other end.
pub(super) const PROXIES: [&str; 2] = ["docker-proxy", "rootlessport"];

/// What cannot be done where the rules of the firewall are too many.
pub(super) const LIST_PUBLISHED: &str = "list every port that the firewall publishes";

/// Adds the published ports of one's own namespace.
pub(super) fn add(tables: &mut SocketTables, wanted: &SocketQuery) {
    let Some(own) = tables.namespaces.first().filter(|own| own.firewall.redirects()) else { return };
    let Ok(interfaces) = Interfaces::read(true, &[]) else { return };
    let host = interfaces.host();
    let (mut ports, are_all) = own.firewall.published(&host);
    if !are_all {
        tables.faults.push(too_many_rules());
    }
    ports.retain(|port| if port.transport == Transport::Udp { wanted.udp } else { wanted.tcp });
    if ports.is_empty() {
        return;
    }

    let mut published: Vec<Socket> = ports.iter().flat_map(entries).collect();
    share_devices(&mut published, &tables.sockets);
    let (sockets, ..) = read_this_namespace(&everything(), false);
    if resolve(&mut published, &sockets, |ip| is_own(&host, ip)) {
        resolve_elsewhere(&mut published, &interfaces.neighbouring_namespaces(), tables);
    }
    // A rule to a port of this host where nothing listens publishes nothing.
    published.retain(|entry| entry.inode != 0 || entry.forwards_to.is_some_and(|to| !is_own(&host, to.ip())));
    tables.sockets.extend(published);
}

/// Looks for the sockets in the namespaces that interfaces lead to, as those of containers. Another one may have the same
/// addresses.
fn resolve_elsewhere(published: &mut [Socket], neighbours: &[i32], tables: &mut SocketTables) {
    let (others, mut is_denied) = match netns::others() {
        Ok(found) => found,
        Err(error) => return tables.faults.push(others_unknown(&error)),
    };
    let mut is_missing = true;
    for other in others {
        if !is_missing {
            return;
        }
        match read_neighbour(&other, neighbours) {
            Ok(Some((there, sockets, faults))) => {
                tables.faults.extend(faults);
                is_missing = resolve(published, &sockets, |ip| there.has(ip));
            }
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => is_denied = true,
            Err(error) => tables.faults.push(other_unreadable(&other, &error)),
        }
    }

    if is_missing && is_denied {
        tables.limits.push(namespaces_denied("run as root, to see what serves at published ports"));
    }
}

/// The addresses and the sockets of a namespace, if an interface of this one leads to it, and which of these cannot be read.
fn read_neighbour(other: &OtherNamespace, neighbours: &[i32]) -> io::Result<Option<NeighbourSockets>> {
    if !is_neighbour(other, neighbours)? {
        return Ok(None);
    }
    open_in(Some(other), || {
        let host = Interfaces::read(true, &[])?.host();
        let (sockets, _, faults) = read_this_namespace(&everything(), false);
        Ok((host, sockets, faults))
    })
}

type NeighbourSockets = (Host, Vec<Socket>, Vec<PartialError>);

fn too_many_rules() -> PartialError {
    PartialError {
        operation: LIST_PUBLISHED.to_owned(),
        cause: "its rules are too many to follow".to_owned(),
        hint: "`nft list ruleset` shows them; with --state listen, portolan does not look for published ports"
            .to_owned(),
    }
}

/// A listener whose interface is unknown, as where a table is read as text, shares its row with the rules all the same.
fn share_devices(published: &mut [Socket], sockets: &[Socket]) {
    let unbound: Vec<&Socket> = sockets.iter().filter(|socket| socket.device.is_none()).collect();
    for entry in published {
        let place = (entry.transport, &entry.address, entry.port);
        if unbound.iter().any(|socket| (socket.transport, &socket.address, socket.port) == place) {
            entry.device = None;
        }
    }
}

/// What may serve at the other end.
fn everything() -> SocketQuery {
    SocketQuery { tcp: true, udp: true, listen: true, unconnected: true, ..SocketQuery::default() }
}

/// Whether an interface of this namespace leads to another one.
fn is_neighbour(other: &OtherNamespace, neighbours: &[i32]) -> io::Result<bool> {
    let Some(file) = other.open()? else { return Ok(false) };
    Ok(namespace_number::read(file)?.is_some_and(|number| neighbours.contains(&number)))
}

/// Whether an address is the host's own; an unspecified one is that of the interface where packets come in.
fn is_own(host: &Host, ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_loopback() || host.has(ip)
}

/// An entry for each destination of a published port, as yet without its socket.
fn entries(port: &PublishedPort) -> Vec<Socket> {
    let targets: HashSet<SocketAddr, FixedState> = port.translations.iter().map(|to| target(port, to)).collect();
    let mut targets: Vec<SocketAddr> = targets.into_iter().collect();
    targets.sort_unstable();
    let entries = targets.into_iter().map(|target| Socket {
        transport: port.transport,
        state: SocketState::Published,
        device: Some(0),
        v6_only: Some(true),
        transparent: Some(false),
        forwards_to: Some(target),
        ..Socket::listening(port.address, port.port)
    });

    entries.collect()
}

fn target(from: &PublishedPort, to: &Translation) -> SocketAddr {
    let here: IpAddr = if from.address.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(to.address.unwrap_or(here), to.port.unwrap_or(from.port))
}

/// Finds the sockets at the other end among those of a namespace that has some addresses; whether any is still missing.
fn resolve(published: &mut [Socket], sockets: &[Socket], is_here: impl Fn(IpAddr) -> bool) -> bool {
    for entry in published.iter_mut().filter(|entry| entry.inode == 0) {
        let Some(target) = entry.forwards_to.filter(|target| is_here(target.ip())) else { continue };
        let serving = sockets.iter().filter(|socket| serves(socket, entry.transport, target));
        // A socket of that very address takes precedence.
        let serving = serving.min_by_key(|socket| socket.address != Address::Ip(target.ip()));
        if let Some(serving) = serving {
            // A rule may say only that the end is this host, and the socket there has one of its addresses.
            if let Address::Ip(ip) = serving.address
                && target.ip().is_unspecified()
                && !ip.is_unspecified()
            {
                entry.forwards_to = Some(SocketAddr::new(ip.to_canonical(), target.port()));
            }
            (entry.inode, entry.uid, entry.cgroup) = (serving.inode, serving.uid, serving.cgroup);
        }
    }

    published.iter().any(|entry| entry.inode == 0)
}

fn serves(socket: &Socket, transport: Transport, target: SocketAddr) -> bool {
    let Address::Ip(ip) = socket.address else { return false };
    let is_any = match ip {
        IpAddr::V4(ip) => ip.is_unspecified() && target.is_ipv4(),
        IpAddr::V6(ip) => ip.is_unspecified() && (target.is_ipv6() || socket.v6_only != Some(true)),
    };
    let is_there = is_any || ip.to_canonical() == target.ip() || (target.ip().is_unspecified() && !ip.is_loopback());
    socket.transport == transport && socket.port == target.port() && socket.state != SocketState::Connected && is_there
}

/// Where a proxy leads connections, by its command line: `docker-proxy … -container-ip 172.17.0.2 -container-port 80`.
pub(super) fn proxied(process: &Process) -> Option<SocketAddr> {
    let command = process.command.as_ref().filter(|_| process.name.as_raw() == PROXIES[0])?;
    let words: Vec<&str> = command.as_raw().split(' ').collect();
    let [ip, port] = ["-container-ip", "-container-port"]
        .map(|option| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1)));
    Some(SocketAddr::new(ip?.parse().ok()?, port?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str, v6_only: Option<bool>) -> Socket {
        let address: SocketAddr = address.parse().unwrap();
        Socket { inode: 7, v6_only, ..Socket::listening(address.ip(), address.port()) }
    }

    #[test]
    fn the_socket_at_the_other_end_has_its_address_or_every_address() {
        let target = "172.17.0.2:80".parse().unwrap();
        for (address, v6_only, is_it) in [
            ("172.17.0.2:80", None, true),
            ("0.0.0.0:80", None, true),
            ("[::]:80", Some(false), true),
            ("[::]:80", Some(true), false),
            ("172.17.0.3:80", None, false),
            ("127.0.0.1:80", None, false),
            ("0.0.0.0:81", None, false),
        ] {
            assert_eq!(serves(&listener(address, v6_only), Transport::Tcp, target), is_it, "{address}");
        }

        assert!(!serves(&listener("0.0.0.0:80", None), Transport::Udp, target));
    }

    #[test]
    fn a_listener_whose_interface_is_unknown_shares_its_row_with_the_rule() {
        let rule = |address: [u8; 4]| PublishedPort {
            transport: Transport::Udp,
            address: address.into(),
            port: 53,
            translations: vec![Translation { address: Some([172, 17, 0, 2].into()), port: None }],
        };
        let bound = Socket { transport: Transport::Udp, ..Socket::listening([0, 0, 0, 0].into(), 53) };

        for (device, shared) in [(None, None), (Some(0), Some(0)), (Some(3), Some(0))] {
            let mut published = [entries(&rule([0, 0, 0, 0])), entries(&rule([10, 77, 0, 1]))].concat();
            share_devices(&mut published, &[Socket { device, ..bound.clone() }]);
            let devices: Vec<_> = published.iter().map(|entry| entry.device).collect();
            assert_eq!(devices, [shared, Some(0)], "{device:?}");
        }
    }
}
