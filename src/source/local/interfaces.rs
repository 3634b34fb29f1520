//! Which interfaces lead to a bound address.

use std::io;
use std::net::IpAddr;

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
    up: bool,
}

/// Where a socket is bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) ip: IpAddr,
    pub(super) device: u32,
    pub(super) v6_only: Option<bool>,
}

impl Interfaces {
    /// Reads those of the calling thread's namespace; `devices` are indexes whose names are wanted.
    pub(super) fn read(addresses: bool, devices: &[u32]) -> io::Result<Self> {
        let mut interfaces = Self::default();
        if addresses {
            for found in if_addrs::get_if_addrs()? {
                let (up, ip) = (found.is_oper_up() || found.is_loopback(), found.ip());
                interfaces.addresses.push(Interface { name: found.name, ip, up });
            }
        }
        if devices.iter().any(|&index| index != 0) {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
            for &index in devices {
                if index != 0
                    && interfaces.device(index).is_none()
                    && let Ok(name) = netdevice::index_to_name(&socket, index)
                {
                    interfaces.devices.push((index, name));
                }
            }
        }
        Ok(interfaces)
    }

    /// The name of a device that was asked for.
    pub(super) fn device(&self, index: u32) -> Option<&str> {
        self.devices.iter().find(|(known, _)| *known == index).map(|(_, name)| name.as_str())
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
        self.addresses.iter().filter(move |interface| {
            (bound.device == 0 || device == Some(interface.name.as_str())) && bound.takes(interface.ip)
        })
    }

    /// The names of the interfaces that lead to a bound address, sorted.
    pub(super) fn names_leading_to(&self, bound: Bound) -> Vec<Untrusted> {
        let mut names: Vec<&str> = self.leading_to(bound).map(|interface| interface.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(Untrusted::from).collect()
    }

    /// Whether `name` leads to a bound address.
    pub(super) fn leads(&self, name: &str, bound: Bound) -> bool {
        self.leading_to(bound).any(|interface| interface.name == name)
    }

    /// Whether another host could send to a bound address: through an interface that is up, to an address that is
    /// not loopback.
    pub(super) fn is_exposed(&self, bound: Bound) -> bool {
        self.leading_to(bound).any(|interface| interface.up && !interface.ip.is_loopback())
    }
}

impl Bound {
    /// Whether packets to `ip` come to what is bound here.
    fn takes(self, ip: IpAddr) -> bool {
        let both_families = self.v6_only == Some(false);
        match (self.ip.to_canonical(), ip) {
            (IpAddr::V4(bound), IpAddr::V4(ip)) => {
                bound.is_unspecified() || bound == ip || (bound.is_loopback() && ip.is_loopback())
            }
            (IpAddr::V6(bound), IpAddr::V6(ip)) => bound.is_unspecified() || bound == ip,
            (IpAddr::V6(bound), IpAddr::V4(_)) => bound.is_unspecified() && both_families,
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Interfaces {
        let interface = |name: &str, ip: &str, up| Interface { name: name.into(), ip: ip.parse().unwrap(), up };
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
        Bound { ip: ip.parse().unwrap(), device, v6_only }
    }

    #[test]
    fn what_an_address_means_here() {
        let names =
            |bound| here().names_leading_to(bound).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
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
        assert!(here().is_exposed(bound("0.0.0.0", 0, None)));
        assert!(here().is_exposed(bound("10.0.0.5", 0, None)));
        assert!(!here().is_exposed(bound("192.168.7.1", 0, None)), "the interface is down");
        assert!(!here().is_exposed(bound("0.0.0.0", 1, None)), "bound to the loopback device");
        assert!(!here().is_exposed(bound("127.0.0.1", 0, None)));
        assert!(!here().is_exposed(bound("::", 0, Some(true))), "IPv6 only, and there is no IPv6 outside");
    }
}
