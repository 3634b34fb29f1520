//! The registrations that may be of one host.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Registration;

/// A host: its names as a node of a registry, and the addresses of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostQuery {
    /// Its names, with or without a domain.
    pub names: Vec<String>,
    /// Its addresses, without those of loopback.
    pub addresses: BTreeSet<IpAddr>,
}

/// The maximum number of names. With the longest names, these and the addresses fit the query of a URL, of 8 KiB.
pub const MAX_HOST_NAMES: usize = 8;
/// The maximum number of addresses.
pub const MAX_HOST_ADDRESSES: usize = 128;

impl HostQuery {
    /// A host with these names and addresses. Loopback addresses say nothing of a host, and are left out.
    pub fn new(names: Vec<String>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses.into_iter().map(|ip| ip.to_canonical()).filter(|ip| !ip.is_loopback());
        Self { names, addresses: addresses.collect() }
    }

    /// Whether a registry can be asked for it.
    pub fn is_within_limits(&self) -> bool {
        self.names.len() <= MAX_HOST_NAMES && self.addresses.len() <= MAX_HOST_ADDRESSES
    }

    /// Whether the host may be the one of a registration: it is its node or has its address, or nothing says which host is
    /// meant, as with a host name for an address.
    pub fn may_have(&self, registration: &Registration) -> bool {
        registration.node.as_deref().is_some_and(|node| self.is_node(node))
            || is_of_any_host(registration)
            || address(registration).is_some_and(|ip| self.addresses.contains(&ip))
    }

    /// Whether it is the node with this name. The name may have a domain on either side.
    pub fn is_node(&self, node: &str) -> bool {
        !node.is_empty() && self.names.iter().any(|name| short(name).eq_ignore_ascii_case(short(node)))
    }
}

/// Whether a registration may be of any host: its address is a name, or one of loopback without a node.
pub(crate) fn is_of_any_host(registration: &Registration) -> bool {
    address(registration).is_none_or(|ip| ip.is_loopback() && registration.node.is_none())
}

fn address(registration: &Registration) -> Option<IpAddr> {
    registration.address.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A host name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(address: &str, node: Option<&str>) -> Registration {
        let mut registration = Registration::new("web", "10.0.0.1:80".parse().unwrap());
        (registration.address, registration.node) = (address.to_owned(), node.map(str::to_owned));
        registration
    }

    #[test]
    fn a_host_may_have_what_names_it_and_what_names_no_host() {
        let addresses = ["10.0.0.5", "127.0.0.1", "fd00::5"].map(|text| text.parse().unwrap());
        let host = HostQuery::new(vec!["web1.example".to_owned()], addresses);

        for (address, node, expected) in [
            ("10.0.0.5", None, true),
            ("::ffff:10.0.0.5", Some("other"), true),
            ("fd00:0::5", None, true),
            ("10.0.0.6", None, false),
            ("10.0.0.6", Some("WEB1"), true),
            ("10.0.0.6", Some("web1.test"), true),
            ("10.0.0.6", Some("web10"), false),
            ("10.0.0.6", Some(""), false),
            ("127.0.0.1", None, true),
            ("127.0.0.1", Some("other"), false),
            ("127.0.0.1", Some("web1"), true),
            ("web9.example", Some("other"), true),
            ("fe80::1%eth0", Some("other"), true),
        ] {
            assert_eq!(host.may_have(&registration(address, node)), expected, "{address} {node:?}");
        }
    }
}
