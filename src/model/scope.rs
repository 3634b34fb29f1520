//! The reach of an address.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The reach of a listening address, by its kind alone. Firewalls and routes are not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Only this host: 127.0.0.0/8, `::1`, or a Unix-domain socket.
    Loopback,
    /// One address that the Internet does not route: RFC 1918, RFC 4193, RFC 6598 (carrier-grade NAT),
    /// link-local, or the broadcast address.
    Private,
    /// One address that the Internet can route to.
    Public,
    /// A group of hosts (224.0.0.0/4, ff00::/8).
    Multicast,
    /// Every address of this host: `0.0.0.0` or `::`.
    All,
}

impl Scope {
    /// The scope of a bound address; IPv4-mapped IPv6 addresses count as the IPv4 address in them.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            ip if ip.is_unspecified() => Self::All,
            ip if ip.is_loopback() => Self::Loopback,
            ip if ip.is_multicast() => Self::Multicast,
            IpAddr::V4(ip) => {
                let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
                if ip.is_private() || ip.is_link_local() || ip.is_broadcast() || shared {
                    Self::Private
                } else {
                    Self::Public
                }
            }
            IpAddr::V6(ip) => {
                if ip.is_unique_local() || ip.is_unicast_link_local() {
                    Self::Private
                } else {
                    Self::Public
                }
            }
        }
    }

    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
            Self::Multicast => "multicast",
            Self::All => "all",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fall_into_their_scope() {
        for (address, scope) in [
            ("127.0.0.1", Scope::Loopback),
            ("127.255.0.9", Scope::Loopback),
            ("::1", Scope::Loopback),
            ("::ffff:127.0.0.1", Scope::Loopback),
            ("0.0.0.0", Scope::All),
            ("::", Scope::All),
            ("10.1.2.3", Scope::Private),
            ("172.31.0.1", Scope::Private),
            ("172.32.0.1", Scope::Public),
            ("192.168.0.1", Scope::Private),
            ("100.64.0.1", Scope::Private),
            ("100.128.0.1", Scope::Public),
            ("169.254.1.1", Scope::Private),
            ("fe80::1", Scope::Private),
            ("fd00::1", Scope::Private),
            ("2001:db8::1", Scope::Public),
            ("8.8.8.8", Scope::Public),
            ("224.0.0.251", Scope::Multicast),
            ("ff02::fb", Scope::Multicast),
            ("255.255.255.255", Scope::Private),
        ] {
            assert_eq!(Scope::of(address.parse().unwrap()), scope, "{address}");
        }
    }
}
