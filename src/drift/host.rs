//! What is known of this machine: its names and its addresses.

use std::net::IpAddr;

use crate::model::Certainty;

/// The names and addresses of this machine.
#[derive(Clone, Debug, Default)]
pub struct HostView {
    /// Its names as a node of registries.
    pub names: Vec<String>,
    /// The addresses of its interfaces; `None` if they could not be read.
    pub addresses: Option<Vec<IpAddr>>,
    /// The addresses of its other network namespaces, such as containers and pods.
    pub other_addresses: Vec<IpAddr>,
    /// Whether all its network namespaces were read.
    pub namespaces_complete: bool,
}

impl HostView {
    /// Whether an address belongs to an interface of this network namespace. Every machine has its own loopback addresses.
    pub fn has(&self, ip: IpAddr) -> Certainty {
        let ip = ip.to_canonical();
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());

        match &self.addresses {
            _ if ip.is_loopback() => Certainty::Yes,
            // They are not among the addresses, and another host may have the same one.
            _ if is_link_local => Certainty::Unknown,
            Some(own) => Certainty::of(own.contains(&ip)),
            None => Certainty::Unknown,
        }
    }

    /// Whether an address belongs to any network namespace of this machine.
    pub(super) fn has_anywhere(&self, ip: IpAddr) -> Certainty {
        match self.has(ip) {
            Certainty::No if self.other_addresses.contains(&ip.to_canonical()) => Certainty::Yes,
            Certainty::No if !self.namespaces_complete => Certainty::Unknown,
            certainty => certainty,
        }
    }

    /// Whether this machine is the node of that name. The name may have a domain on either side.
    pub fn is_node(&self, node: &str) -> bool {
        let is_qualified = node.contains('.');
        if node.is_empty() {
            return false;
        }

        self.names.iter().any(|name| {
            let both_qualified = is_qualified && name.contains('.');
            name.eq_ignore_ascii_case(node) || !both_qualified && short(name) == short(node)
        })
    }
}

/// A host name without its domain, in lower case.
fn short(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn host(name: &str) -> HostView {
        HostView { names: vec![name.to_owned()], ..HostView::default() }
    }

    #[test]
    fn an_address_is_of_this_machine_or_not_or_unknown() {
        let host = HostView {
            names: vec!["web1.example".to_owned()],
            addresses: Some(vec![ip("10.0.0.5"), ip("2001:db8::5")]),
            other_addresses: vec![ip("172.17.0.2")],
            namespaces_complete: true,
        };
        let has = ["10.0.0.5", "::ffff:10.0.0.5", "127.0.0.9", "10.0.0.6", "fe80::1"].map(|text| host.has(ip(text)));
        assert_eq!(has, [Certainty::Yes, Certainty::Yes, Certainty::Yes, Certainty::No, Certainty::Unknown]);
        assert_eq!(host.has_anywhere(ip("172.17.0.2")), Certainty::Yes);
        assert_eq!(host.has_anywhere(ip("172.17.0.3")), Certainty::No);

        let hidden = HostView { namespaces_complete: false, ..host.clone() };
        assert_eq!(hidden.has_anywhere(ip("172.17.0.3")), Certainty::Unknown);
        let unread = HostView { addresses: None, ..host };
        assert_eq!(unread.has(ip("10.0.0.5")), Certainty::Unknown);
    }

    #[test]
    fn a_node_name_may_have_a_domain() {
        assert!(host("web1").is_node("WEB1.example") && host("web1.example").is_node("web1"));
        assert!(!host("web1.example").is_node("web1.test") && !host("web1").is_node("web2") && !host("").is_node(""));
    }
}
