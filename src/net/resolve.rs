//! Name resolution with the system's resolver, and this machine's interfaces.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::os::fd::OwnedFd;

use ipnet::IpNet;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice};

/// The wanted address families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
}

impl Family {
    /// Whether an address family is wanted.
    pub(crate) fn takes(self, ipv6: bool) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => !ipv6,
            Self::V6 => ipv6,
        }
    }
}

/// All addresses of a name, from `getaddrinfo`, sorted. Blocks as long as the system's resolver does.
///
/// # Errors
/// The resolver's.
pub(crate) fn resolve(name: &str) -> io::Result<Vec<IpAddr>> {
    let found = (name, 0).to_socket_addrs().map_err(plain)?;
    // Link-local addresses need a zone and cannot be reached by their address alone.
    let addresses = found.map(|address| address.ip().to_canonical());
    let mut addresses: Vec<IpAddr> =
        addresses.filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Whether a name is one of this machine, whatever a resolver says (RFC 6761, 6.3).
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The addresses that such a name stands for. Those of `localhost` itself are the ones that other programs get: the system's
/// resolver may know only one of them. Any other name is not looked up outside this machine. Blocks as [`resolve`] does.
pub(crate) fn localhost_addresses(name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let known = if name.eq_ignore_ascii_case("localhost") { resolve("localhost") } else { Ok(Vec::new()) };
    known.ok().filter(|known| !known.is_empty()).unwrap_or_else(loopback_addresses)
}

/// The loopback addresses that this machine has.
fn loopback_addresses() -> Vec<IpAddr> {
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    // Without IPv6, a connection to ::1 would fail for a reason that says nothing about the port.
    let has_v6 = own_addresses().is_ok_and(|own| own.contains(&v6));
    std::iter::once(Ipv4Addr::LOCALHOST.into()).chain(has_v6.then_some(v6)).collect()
}

/// The resolver's message without the standard library's prefix.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").map_or(error, io::Error::other)
}

/// The index of an interface by its name or number, for link-local addresses; `None` if it does not exist.
pub(crate) fn interface_index(name: &str) -> Option<u32> {
    let socket = any_socket().ok()?;
    if let Ok(index) = netdevice::name_to_index(&socket, name) {
        return Some(index);
    }

    name.parse().ok().filter(|&index| netdevice::index_to_name(&socket, index).is_ok())
}

/// The name of the interface with that index, if it exists.
pub(crate) fn interface_name(index: u32) -> Option<String> {
    netdevice::index_to_name(any_socket().ok()?, index).ok()
}

fn any_socket() -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

/// Every address of this machine in this network namespace, except link-local IPv6 addresses.
///
/// # Errors
/// The kernel's.
pub(crate) fn own_addresses() -> io::Result<Vec<IpAddr>> {
    Ok(nets()?.into_iter().map(|interface| interface.net.addr()).collect())
}

/// The networks of an interface, and whether it is up; `None` if it does not exist or has no address.
///
/// # Errors
/// The kernel's.
pub(crate) fn with_interface(name: &str) -> io::Result<Option<(Vec<IpNet>, bool)>> {
    let of_it: Vec<_> = nets()?.into_iter().filter(|interface| interface.name == name).collect();
    let up = of_it.iter().any(|interface| interface.up);
    Ok((!of_it.is_empty()).then(|| (of_it.into_iter().map(|interface| interface.net).collect(), up)))
}

/// Whether an address is in a network that an interface of this machine is connected to: no router is on the way.
///
/// # Errors
/// The kernel's.
pub(crate) fn is_on_link(ip: IpAddr) -> io::Result<bool> {
    Ok(nets()?.iter().any(|interface| interface.up && interface.net.contains(&ip)))
}

struct Interface {
    name: String,
    net: IpNet,
    up: bool,
}

fn nets() -> io::Result<Vec<Interface>> {
    let interfaces = if_addrs::get_if_addrs()?.into_iter().filter_map(|found| {
        let prefix = match &found.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) if v6.ip.is_unicast_link_local() => return None,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        let up = found.is_oper_up() || found.is_loopback();
        let net = IpNet::new(found.ip(), prefix).ok()?;
        Some(Interface { name: found.name, net, up })
    });
    Ok(interfaces.collect())
}
