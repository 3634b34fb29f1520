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
/// The networks of those over IPv6: AWS (fd00:ec2::254 and its neighbours), Google Cloud (fd20:ce::254).
const METADATA_NETWORKS: [[u16; 2]; 2] = [[0xfd00, 0x0ec2], [0xfd20, 0x00ce]];
/// Those over IPv6 in networks that others use too: Scaleway, Oracle Cloud.
const METADATA_IPV6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)];

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

/// An address, and the IPv4 addresses that a router or a tunnel may read in it.
fn spellings(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ip = ip.to_canonical();
    let inner = match ip {
        IpAddr::V4(_) => [None; 4],
        IpAddr::V6(ip) => inner_ipv4(ip),
    };
    std::iter::once(ip).chain(inner.into_iter().flatten().map(IpAddr::V4))
}

/// Mapped addresses are IPv4 already. These are compatible (RFC 4291), translated (RFC 2765 and RFC 6052), 6to4 (RFC 3056),
/// Teredo (RFC 4380: its server, and its client with all bits inverted) and ISATAP (RFC 5214).
fn inner_ipv4(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let [prefix @ .., high, low] = ip.segments();
    let last = ipv4_of(high, low);

    match prefix {
        // ::1 and :: are addresses of their own.
        [0, 0, 0, 0, 0, 0] if high != 0 => [Some(last), None, None, None],
        [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => [Some(last), None, None, None],
        [0x64, 0xff9b, 1, ..] => translated(ip),
        [0x2002, first, second, ..] => [Some(ipv4_of(first, second)), isatap(ip), None, None],
        [0x2001, 0, first, second, ..] => [Some(ipv4_of(first, second)), Some(ipv4_of(!high, !low)), isatap(ip), None],
        _ => [isatap(ip), None, None, None],
    }
}

/// What 64:ff9b:1::/48 (RFC 8215) can hold: a prefix of 48, 56, 64 or 96 bits, then the address without the ninth byte.
fn translated(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let bytes = ip.octets();
    let layouts = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];

    layouts.map(|layout| {
        let [a, b, c, d] = layout.map(|at: usize| bytes.get(at).copied().unwrap_or_default());
        // Zeros are what the layouts leave free.
        Some(Ipv4Addr::new(a, b, c, d)).filter(|ip| !ip.is_unspecified())
    })
}

fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., first, second, high, low] = ip.segments();
    (matches!(first, 0 | 0x200) && second == 0x5efe).then(|| ipv4_of(high, low))
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
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.segments();
            METADATA_NETWORKS.contains(&[first, second]) || METADATA_IPV6.contains(&ip)
        }
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
            "fd20:ce::254",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            // Translated, by Teredo's server and client, and by ISATAP.
            "::ffff:0:169.254.169.254",
            "64:ff9b:1:a9fe:00a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2001:0:a9fe:a9fe::1",
            "2001:0:1:1::5601:5601",
            "2001:db8::5efe:a9fe:a9fe",
            "2001:db8::200:5efe:a83f:8110",
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
        for text in [
            "10.0.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "2001:db8::1",
            "fd00::1",
            "fd00:42::43",
            "100.100.100.201",
            "64:ff9b:1::10.0.0.1",
            "2001:0:102:304::f5ff:fffe",
            "2001:db8::5efe:10.0.0.1",
        ] {
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
