//! Finds the interfaces that lead to a bound address.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::IfAddr;
use rustix::net::{AddressFamily, SocketType, netdevice};

use crate::clean::Untrusted;

/// The interfaces of one network namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Interfaces {
    /// One for each address.
    addresses: Vec<Interface>,
    /// Names by index, for those that a socket is bound to.
    devices: Vec<(u32, String)>,
}

#[derive(Clone, Debug)]
struct Interface {
    name: String,
    ip: IpAddr,
    broadcast: Option<Ipv4Addr>,
    up: bool,
}

/// The address and device that a socket is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) ip: IpAddr,
    /// The index of an interface; 0: none; `None`: unknown.
    pub(super) device: Option<u32>,
    pub(super) v6_only: Option<bool>,
}

impl Interfaces {
    /// Reads those of the calling thread's namespace; `devices` are indexes whose names are wanted.
    pub(super) fn read(addresses: bool, devices: &[u32]) -> io::Result<Self> {
        let mut interfaces = Self::default();
        if addresses {
            interfaces.addresses = if_addrs::get_if_addrs()?.into_iter().map(Interface::from).collect();
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

    /// The names of all interfaces that have an address, without repeats.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.addresses.iter().map(|interface| interface.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn leading_to(&self, bound: Bound) -> impl Iterator<Item = &Interface> {
        let device = self.device(bound.device);
        let free = bound.device.is_none_or(|index| index == 0);
        self.addresses
            .iter()
            .filter(move |interface| (free || device == Some(interface.name.as_str())) && bound.takes(interface))
    }

    /// The names of the interfaces that lead to a bound address, sorted.
    pub(super) fn names_leading_to(&self, bound: Bound) -> Vec<Untrusted> {
        let mut names: Vec<&str> = self.leading_to(bound).map(|interface| interface.name.as_str()).collect();
        names.extend(self.device(bound.device));
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(Untrusted::from).collect()
    }

    /// Whether `name` leads to a bound address.
    pub(super) fn leads(&self, name: &str, bound: Bound) -> bool {
        self.device(bound.device) == Some(name) || self.leading_to(bound).any(|interface| interface.name == name)
    }

    /// Whether another host could send to a bound address: through an interface that is up, to an address that is
    /// not loopback. `None`: unknown.
    pub(super) fn exposed(&self, bound: Bound) -> Option<bool> {
        let ip = bound.ip.to_canonical();
        if ip.is_loopback() {
            return Some(false);
        }

        let strict = Bound { v6_only: Some(bound.v6_only != Some(false)), ..bound };
        if self.has_way_in(strict) {
            // An unknown device may be the loopback one.
            return bound.device.map(|_| true);
        }
        if self.has_way_in(bound) {
            return None;
        }

        // An address that no interface has may still be routed here (`ip route add local`).
        let ours = ip.is_unspecified() || bound.device != Some(0) || self.leading_to(bound).next().is_some();
        ours.then_some(false)
    }
}

impl Interfaces {
    fn has_way_in(&self, bound: Bound) -> bool {
        self.leading_to(bound).any(|interface| interface.up && !interface.ip.is_loopback())
    }
}

impl From<if_addrs::Interface> for Interface {
    fn from(found: if_addrs::Interface) -> Self {
        let broadcast = match &found.addr {
            IfAddr::V4(addr) => addr.broadcast,
            IfAddr::V6(_) => None,
        };
        let (up, ip) = (found.is_oper_up() || found.is_loopback(), found.ip());
        // An address may have a label of its own, `eth0:1`; the interface is `eth0`.
        let name = found.name.split(':').next().unwrap_or_default().to_owned();
        Self { name, ip, broadcast, up }
    }
}

/// Whether one's own namespace has an interface of that name, with or without an address.
pub(super) fn exists(name: &str) -> bool {
    any_socket().is_ok_and(|socket| netdevice::name_to_index(&socket, name).is_ok())
}

fn any_socket() -> io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?)
}

impl Bound {
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

    fn interface(name: &str, ip: &str, up: bool) -> Interface {
        Interface {
            name: name.into(),
            ip: ip.parse().unwrap(),
            broadcast: (name == "eth0").then_some(Ipv4Addr::new(10, 0, 0, 255)),
            up,
        }
    }

    fn names(bound: Bound) -> String {
        here().names_leading_to(bound).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn exposed(bound: Bound) -> Option<bool> {
        here().exposed(bound)
    }

    fn here() -> Interfaces {
        Interfaces {
            addresses: vec![
                interface("lo", "127.0.0.1", true),
                interface("lo", "::1", true),
                interface("eth0", "10.0.0.5", true),
                interface("eth1", "192.168.7.1", false),
            ],
            devices: vec![(2, "eth0".into()), (1, "lo".into())],
        }
    }

    fn bound(ip: &str, device: u32, v6_only: Option<bool>) -> Bound {
        Bound { ip: ip.parse().unwrap(), device: Some(device), v6_only }
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
    fn only_what_has_a_way_in_is_exposed() {
        assert_eq!(exposed(bound("0.0.0.0", 0, None)), Some(true));
        assert_eq!(exposed(bound("10.0.0.5", 0, None)), Some(true));
        assert_eq!(exposed(bound("10.0.0.255", 0, None)), Some(true), "a broadcast address");
        assert_eq!(exposed(bound("224.0.0.251", 0, None)), Some(true), "a multicast address");
        assert_eq!(exposed(bound("192.168.7.1", 0, None)), Some(false), "the interface is down");
        assert_eq!(exposed(bound("0.0.0.0", 1, None)), Some(false), "bound to the loopback device");
        assert_eq!(exposed(bound("127.0.0.1", 0, None)), Some(false));
        assert_eq!(exposed(bound("::", 0, Some(true))), Some(false), "IPv6 only, and there is no IPv6 outside");
        assert_eq!(exposed(bound("::", 0, Some(false))), Some(true));
    }

    #[test]
    fn unknown_exposure_is_none() {
        assert_eq!(exposed(bound("::", 0, None)), None, "perhaps IPv4 comes in");
        assert_eq!(exposed(bound("203.0.113.9", 0, None)), None, "perhaps it is routed here");
        assert_eq!(exposed(Bound { device: None, ..bound("0.0.0.0", 0, None) }), None, "perhaps bound to a device");
        assert_eq!(exposed(Bound { device: None, ..bound("127.0.0.1", 0, None) }), Some(false));
    }
}
