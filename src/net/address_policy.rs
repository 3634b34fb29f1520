//! Which addresses may be contacted on behalf of others: a registration must not make this machine reach what its sender
//! cannot reach.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use parking_lot::RwLock;

use super::own_addresses;

/// Which addresses may be contacted.
#[derive(Debug, Default)]
pub(crate) struct AddressPolicy {
    /// `None` allows every address: a user may contact what the machine can.
    restricted: Option<Restriction>,
}

#[derive(Debug)]
struct Restriction {
    allow_own: bool,
    /// Why an address of this machine is refused, if they are not allowed.
    own_refusal: &'static str,
    /// The addresses of this machine, if they are not allowed.
    own: RwLock<HashSet<IpAddr>>,
}

/// The metadata services of clouds that are not at a link-local address: Alibaba Cloud, Azure, Oracle Cloud.
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

impl AddressPolicy {
    /// Addresses that a registration may name: none that is link-local or belongs to a metadata service, and those of this
    /// machine only with `allow_own`.
    pub(crate) fn for_registrations(allow_own: bool) -> Self {
        let own_refusal =
            "the server does not check addresses of its own machine (registry.health_checks.allow_own_addresses)";
        Self::restricted(allow_own, own_refusal)
    }

    /// Addresses that a request may name as the target of a probe: as those of registrations.
    pub(crate) fn for_probes(allow_own: bool) -> Self {
        Self::restricted(allow_own, "the exporter probes addresses of its own machine only if it listens on loopback")
    }

    fn restricted(allow_own: bool, own_refusal: &'static str) -> Self {
        let policy = Self { restricted: Some(Restriction { allow_own, own_refusal, own: RwLock::default() }) };
        policy.refresh();
        policy
    }

    /// Reads the addresses of this machine again. If the kernel does not give them, those of before stay.
    pub(crate) fn refresh(&self) {
        let Some(restricted) = self.restricted.as_ref().filter(|restricted| !restricted.allow_own) else { return };
        if let Ok(addresses) = own_addresses() {
            *restricted.own.write() = addresses.into_iter().map(|ip| ip.to_canonical()).collect();
        }
    }

    /// Why this address must not be contacted; `None` if it may be.
    pub(crate) fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        let restricted = self.restricted.as_ref()?;
        spellings(ip).find_map(|ip| restricted.refusal(ip))
    }
}

impl Restriction {
    fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        if is_link_local(ip) {
            return Some("the server does not check link-local addresses");
        }
        if is_metadata(ip) {
            return Some("the server does not check the metadata services of clouds");
        }
        if is_group(ip) {
            return Some("the address is one of many hosts");
        }
        let is_own = ip.is_loopback() || ip.is_unspecified() || self.own.read().contains(&ip);
        (is_own && !self.allow_own).then_some(self.own_refusal)
    }
}

/// An address, and the IPv4 address that is written in it: mapped, compatible, translated (RFC 6052), or 6to4 (RFC 3056).
fn spellings(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ip = ip.to_canonical();
    let inner = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => inner_ipv4(ip),
    };
    [Some(ip), inner.map(IpAddr::V4)].into_iter().flatten()
}

fn inner_ipv4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = ip.segments();
    match prefix {
        // ::1 and :: are addresses of their own.
        [0, 0, 0, 0, 0, 0] if high != 0 => Some(ipv4_of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0] | [0x64, 0xff9b, 1, ..] => Some(ipv4_of(high, low)),
        [0x2002, first, second, ..] => Some(ipv4_of(first, second)),
        _ => None,
    }
}

fn ipv4_of(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => METADATA.contains(&ip),
        // AWS: fd00:ec2::254 and its neighbours.
        IpAddr::V6(ip) => ip.segments()[..2] == [0xfd00, 0x0ec2],
    }
}

fn is_group(ip: IpAddr) -> bool {
    ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(policy: &AddressPolicy, text: &str) -> bool {
        policy.refusal(text.parse().unwrap()).is_some()
    }

    #[test]
    fn every_spelling_of_a_forbidden_address_is_refused() {
        let (strict, local) = (AddressPolicy::for_registrations(false), AddressPolicy::for_registrations(true));
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "::ffff:168.63.129.16",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(is_refused(&strict, text) && is_refused(&local, text), "{text}");
        }
        for text in ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(is_refused(&strict, text) && !is_refused(&local, text), "{text}");
        }
        for text in ["10.0.0.1", "192.168.1.1", "192.0.2.1", "2001:db8::1", "fd00::1", "100.100.100.201"] {
            assert!(!is_refused(&strict, text) && !is_refused(&local, text), "{text}");
        }

        assert!(!is_refused(&AddressPolicy::default(), "169.254.169.254"), "a user may check what the machine can");
    }

    #[test]
    fn the_addresses_of_this_machine_are_its_own() {
        let strict = AddressPolicy::for_registrations(false);
        for ip in own_addresses().unwrap() {
            assert!(strict.refusal(ip).is_some(), "{ip}");
        }
    }
}
