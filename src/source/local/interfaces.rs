//! Finds the interfaces that lead to a bound address.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::IfAddr;
use rustix::net::{AddressFamily, SocketType, netdevice};

use super::firewall::Host;
use super::links::{self, Link};
use crate::clean::Untrusted;

/// The interfaces of one network namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Interfaces {
    /// One for each address.
    addresses: Vec<Interface>,
    /// `None`: unknown.
    links: Option<Vec<Link>>,
    /// Names by index, for those that a socket is bound to.
    devices: Vec<(u32, String)>,
}

#[derive(Clone, Debug)]
struct Interface {
    name: String,
    index: u32,
    ip: IpAddr,
    prefix: u8,
    broadcast: Option<Ipv4Addr>,
}

/// The address and device that a socket is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundAddress {
    pub(super) ip: IpAddr,
    /// The index of an interface; 0: none; `None`: unknown.
    pub(super) device: Option<u32>,
    pub(super) v6_only: Option<bool>,
    /// Rules of a firewall may give it packets for other addresses.
    pub(super) transparent: Option<bool>,
}

impl Interfaces {
    /// Reads those of the calling thread's namespace; `devices` are indexes whose names are wanted.
    pub(super) fn read(addresses: bool, devices: &[u32]) -> io::Result<Self> {
        let mut interfaces = Self::default();
        if addresses {
            interfaces.addresses = if_addrs::get_if_addrs()?.into_iter().map(Interface::from).collect();
            interfaces.links = links::read().ok();
        }

        if !devices.is_empty() {
            let socket = any_socket()?;
            for &index in devices {
                if interfaces.device(Some(index)).is_none()
                    && let Ok(name) = netdevice::index_to_name(&socket, index)
                {
                    interfaces.devices.push((index, name));
                }
            }
        }

        Ok(interfaces)
    }

    /// The name of one of the requested devices.
    pub(super) fn device(&self, index: Option<u32>) -> Option<&str> {
        self.devices.iter().find(|(known, _)| Some(*known) == index).map(|(_, name)| name.as_str())
    }

    /// Whether a socket that is bound to this interface takes only what this machine sends itself.
    pub(super) fn is_loopback(&self, index: Option<u32>) -> bool {
        let links = self.links.as_deref().unwrap_or_default();
        links.iter().any(|link| link.is_loopback && Some(link.index) == index)
    }

    /// The names of all interfaces that have an address, without repeats.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.addresses.iter().map(|interface| interface.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether an address is one of this namespace's own. Yes if they are unknown.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.addresses.is_empty() || self.addresses.iter().any(|interface| interface.ip == ip)
    }

    /// The kernel's numbers for the namespaces that interfaces lead to directly, as those of containers do.
    pub(super) fn neighbouring_namespaces(&self) -> Vec<i32> {
        self.links.iter().flatten().filter_map(|link| link.peer_namespace).collect()
    }

    /// What the rules of a firewall may ask of this host.
    pub(super) fn host(&self) -> Host {
        let links = self.links.iter().flatten().filter(|link| link.receives);
        let of_address =
            |interface: &Interface| ((interface.index, interface.name.clone()), interface.ip, interface.prefix);
        Host {
            incoming: links.map(|link| (link.index, link.name.clone())).collect(),
            networks: self.addresses.iter().map(of_address).collect(),
            routes_localnet: self
                .links
                .iter()
                .flatten()
                .any(|link| link.receives && link.routes_localnet != Some(false)),
        }
    }

    fn leading_to(&self, bound: BoundAddress) -> impl Iterator<Item = &Interface> {
        let device = self.device(bound.device);
        let free = bound.device.is_none_or(|index| index == 0);
        self.addresses
            .iter()
            .filter(move |interface| (free || device == Some(interface.name.as_str())) && bound.takes(interface))
    }

    /// The names of the interfaces that lead to a bound address, sorted.
    pub(super) fn names_leading_to(&self, bound: BoundAddress) -> Vec<Untrusted> {
        let mut names: Vec<&str> = self.leading_to(bound).map(|interface| interface.name.as_str()).collect();
        names.extend(self.device(bound.device));
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(Untrusted::from).collect()
    }

    /// Whether `name` leads to a bound address.
    pub(super) fn leads(&self, name: &str, bound: BoundAddress) -> bool {
        self.device(bound.device) == Some(name) || self.leading_to(bound).any(|interface| interface.name == name)
    }

    /// Whether another host could send to a bound address. Linux takes a packet for any of its addresses at any interface
    /// that is up (the weak host model), so "no" needs more than an interface that is down. `None`: unknown.
    pub(super) fn exposed(&self, bound: BoundAddress) -> Option<bool> {
        let links = self.links.as_ref()?;
        let device = bound.device.unwrap_or(0);
        if links.iter().any(|link| link.index == device && link.is_loopback) {
            return Some(false);
        }

        // A packet that comes in at a port of a VRF comes in at the VRF too.
        let takes = |link: &&Link| link.receives && (device == 0 || link.index == device || link.master == device);
        let ways: Vec<&Link> = links.iter().filter(takes).collect();
        if ways.is_empty() {
            return Some(false);
        }

        match bound.ip.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() => {
                let is_closed = ways.iter().all(|way| way.routes_localnet == Some(false));
                (is_closed && bound.transparent == Some(false)).then_some(false)
            }
            IpAddr::V6(ip) if ip.is_loopback() => (bound.transparent == Some(false)).then_some(false),
            // Otherwise it is not sure that nothing comes in; it is sure that something does.
            _ => (bound.device.is_some() && self.has_way_in(bound, links, &ways)).then_some(true),
        }
    }

    /// Whether packets to a bound address certainly come in.
    fn has_way_in(&self, bound: BoundAddress, links: &[Link], ways: &[&Link]) -> bool {
        if bound.ip.is_multicast() {
            return true;
        }
        // An unknown mark may mean that IPv4 is refused.
        let strict = BoundAddress { v6_only: Some(bound.v6_only != Some(false)), ..bound };
        let is_bound_to_device = bound.device != Some(0);
        let leading = self.addresses.iter().filter(|interface| !interface.ip.is_loopback() && strict.takes(interface));

        leading.into_iter().any(|interface| {
            let Some(link) = links.iter().find(|link| link.name == interface.name) else { return false };
            // What is a port of another interface may be in a VRF, out of reach of ordinary sockets.
            let is_way = ways.iter().any(|way| way.index == link.index) && link.master == 0;
            // An address without a broadcast address has itself in that place.
            let is_broadcast = IpAddr::V4(interface.broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED))
                == bound.ip.to_canonical()
                && interface.ip != bound.ip.to_canonical();
            // IPv6 addresses of an interface without carrier may be tentative.
            let is_weak = !is_bound_to_device && !is_broadcast && (interface.ip.is_ipv4() || link.is_loopback);
            is_way || (is_weak && link.master == 0 && ways.iter().any(|way| way.master == 0))
        })
    }
}

impl From<if_addrs::Interface> for Interface {
    fn from(found: if_addrs::Interface) -> Self {
        let (broadcast, prefix) = match &found.addr {
            IfAddr::V4(addr) => (addr.broadcast, addr.prefixlen),
            IfAddr::V6(addr) => (None, addr.prefixlen),
        };
        let (ip, index) = (found.ip(), found.index.unwrap_or(0));
        // An address may have a label of its own, `eth0:1`; the interface is `eth0`.
        let name = found.name.split(':').next().unwrap_or_default().to_owned();
        Self { name, index, ip, prefix, broadcast }
    }
}

/// Whether one's own namespace has an interface of that name, with or without an address.
pub(super) fn exists(name: &str) -> bool {
    any_socket().is_ok_and(|socket| netdevice::name_to_index(&socket, name).is_ok())
}

fn any_socket() -> io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?)
}

impl BoundAddress {
    /// Whether packets that come in at `interface` come to what is bound here.
    fn takes(self, interface: &Interface) -> bool {
        let maybe_both = self.v6_only != Some(true);
        match (self.ip.to_canonical(), interface.ip) {
            (IpAddr::V4(bound), IpAddr::V4(ip)) => {
                bound.is_unspecified()
                    || bound == ip
                    || bound.is_loopback() && ip.is_loopback()
                    || bound.is_multicast()
                    || bound.is_broadcast() && !ip.is_loopback()
                    || Some(bound) == interface.broadcast
            }
            (IpAddr::V6(bound), IpAddr::V6(ip)) => bound.is_unspecified() || bound == ip || bound.is_multicast(),
            (IpAddr::V6(bound), IpAddr::V4(_)) => bound.is_unspecified() && maybe_both,
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, ip: &str) -> Interface {
        Interface {
            name: name.into(),
            index: 0,
            ip: ip.parse().unwrap(),
            prefix: 24,
            broadcast: (name == "eth0").then_some(Ipv4Addr::new(10, 0, 0, 255)),
        }
    }

    fn link(index: u32, name: &str, receives: bool) -> Link {
        let is_loopback = name == "lo";
        Link { index, name: name.into(), is_loopback, receives, routes_localnet: Some(false), ..Link::default() }
    }

    fn names(bound: BoundAddress) -> String {
        here().names_leading_to(bound).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn exposed(bound: BoundAddress) -> Option<bool> {
        here().exposed(bound)
    }

    fn here() -> Interfaces {
        Interfaces {
            addresses: vec![
                interface("lo", "127.0.0.1"),
                interface("lo", "::1"),
                interface("eth0", "10.0.0.5"),
                interface("eth1", "192.168.7.1"),
            ],
            links: Some(vec![link(1, "lo", false), link(2, "eth0", true), link(3, "eth1", false)]),
            devices: vec![(2, "eth0".into()), (1, "lo".into())],
        }
    }

    fn bound(ip: &str, device: u32, v6_only: Option<bool>) -> BoundAddress {
        BoundAddress { ip: ip.parse().unwrap(), device: Some(device), v6_only, transparent: Some(false) }
    }

    #[test]
    fn what_an_address_means_here() {
        assert_eq!(names(bound("0.0.0.0", 0, None)), "eth0 eth1 lo");
        assert_eq!(names(bound("::", 0, Some(false))), "eth0 eth1 lo");
        assert_eq!(names(bound("::", 0, Some(true))), "lo");
        assert_eq!(names(bound("127.0.0.53", 0, None)), "lo");
        assert_eq!(names(bound("0.0.0.0", 2, None)), "eth0");
        assert_eq!(names(bound("10.0.0.9", 0, None)), "");
        assert_eq!(names(bound("::ffff:10.0.0.5", 0, Some(false))), "eth0");
    }

    #[test]
    fn what_is_bound_to_lo_takes_only_what_this_machine_sends() {
        assert_eq!(
            [Some(1), Some(2), Some(0), None].map(|device| here().is_loopback(device)),
            [true, false, false, false]
        );
    }

    #[test]
    fn what_has_a_way_in_is_exposed_and_what_has_none_is_not() {
        assert_eq!(exposed(bound("0.0.0.0", 0, None)), Some(true));
        assert_eq!(exposed(bound("10.0.0.5", 0, None)), Some(true));
        assert_eq!(exposed(bound("10.0.0.255", 0, None)), Some(true), "a broadcast address");
        assert_eq!(exposed(bound("224.0.0.251", 0, None)), Some(true), "a multicast address");
        assert_eq!(exposed(bound("192.168.7.1", 0, None)), Some(true), "its interface is down, and another one is up");
        assert_eq!(exposed(bound("192.168.7.1", 3, None)), Some(false), "bound to the interface that is down");
        assert_eq!(exposed(bound("0.0.0.0", 1, None)), Some(false), "bound to the loopback device");
        assert_eq!(exposed(bound("127.0.0.1", 0, None)), Some(false));
        assert_eq!(exposed(bound("::ffff:127.0.0.1", 0, Some(false))), Some(false));
        assert_eq!(exposed(bound("::1", 0, Some(true))), Some(false));
        assert_eq!(exposed(bound("::", 0, Some(false))), Some(true));
    }

    #[test]
    fn unknown_exposure_is_none() {
        assert_eq!(exposed(bound("::", 0, None)), None, "perhaps IPv4 comes in");
        assert_eq!(exposed(bound("::", 0, Some(true))), None, "perhaps multicast comes in");
        assert_eq!(exposed(bound("203.0.113.9", 0, None)), None, "perhaps it is routed here");
        assert_eq!(exposed(bound("192.168.7.1", 2, None)), None, "perhaps eth0 takes it");
        assert_eq!(
            exposed(BoundAddress { device: None, ..bound("0.0.0.0", 0, None) }),
            None,
            "perhaps bound to a device"
        );
        assert_eq!(exposed(BoundAddress { device: None, ..bound("127.0.0.1", 0, None) }), Some(false));
        assert_eq!(Interfaces { links: None, ..here() }.exposed(bound("127.0.0.1", 0, None)), None);
    }

    #[test]
    fn loopback_addresses_may_be_routed_here() {
        for setting in [Some(true), None] {
            let mut here = here();
            here.links.as_mut().unwrap()[1].routes_localnet = setting;
            assert_eq!(here.exposed(bound("127.0.0.1", 0, None)), None);
            assert_eq!(here.exposed(bound("::1", 0, None)), Some(false));
        }
    }

    #[test]
    fn a_firewall_may_lead_packets_to_transparent_sockets() {
        for ip in ["127.0.0.1", "::1"] {
            for transparent in [Some(true), None] {
                assert_eq!(exposed(BoundAddress { transparent, ..bound(ip, 0, None) }), None, "{ip}");
                assert_eq!(exposed(BoundAddress { transparent, ..bound(ip, 1, None) }), Some(false), "{ip} on lo");
            }
        }
    }

    #[test]
    fn nothing_is_exposed_where_no_interface_receives() {
        let mut here = here();
        here.links.as_mut().unwrap()[1].receives = false;
        for ip in ["0.0.0.0", "10.0.0.5", "192.168.7.1", "::", "203.0.113.9", "224.0.0.251"] {
            assert_eq!(here.exposed(bound(ip, 0, None)), Some(false), "{ip}");
        }
    }

    #[test]
    fn a_port_of_a_vrf_leads_to_sockets_of_the_vrf() {
        let mut here = here();
        let links = here.links.as_mut().unwrap();
        links[1].master = 9;
        links.push(link(9, "blue", false));
        assert_eq!(here.exposed(bound("10.0.0.5", 9, None)), None);
        assert_eq!(here.exposed(bound("10.0.0.5", 0, None)), None);
    }
}
