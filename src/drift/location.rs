//! Where a registered address is: on this machine, on another host, or unknown.

use std::net::IpAddr;

use super::{ConnectionEnd, DriftInput, HostFilter, RegisteredEndpoint, RegistryView};
use crate::model::{Address, Certainty, Transport};

/// Where a registered address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressLocation {
    /// On this machine: its sockets are visible.
    Here,
    /// Registered for this machine, which does not have the address.
    Foreign,
    /// On another host, whose sockets are not visible. It can be connected to.
    Elsewhere,
    /// Its address leads somewhere else from here, or nowhere: nothing can be said.
    Unknown(&'static str),
}

pub(super) const OTHER_HOST: &str = "it is on another host, whose sockets are not visible from here";
pub(super) const UNRESOLVED: &str = "the name of its address does not resolve from here";
const NO_PORT: &str = "it has no port that can be connected to";
const OTHER_LOOPBACK: &str = "it is the loopback address of another host";
const OTHER_NAMESPACE: &str = "the address is in another network namespace of this machine";
pub(super) const HIDDEN_NAMESPACES: &str =
    "the other network namespaces of this machine are hidden; run portolan as root";
const HIDDEN_ADDRESSES: &str = "which machine has the address is unknown";

impl DriftInput {
    /// Where a registered address is.
    pub(super) fn place(&self, view: &RegistryView, registered: &RegisteredEndpoint) -> AddressLocation {
        if registered.endpoint.port.is_none() || registered.endpoint.transport == Transport::Unix {
            return AddressLocation::Unknown(NO_PORT);
        }
        if registered.addresses.is_empty() {
            return AddressLocation::Unknown(UNRESOLVED);
        }

        let is_own_node = registered.node().map(|node| self.is_own_node(view, node));
        let is_loopback = registered.addresses.iter().all(IpAddr::is_loopback);
        if is_loopback && is_own_node == Some(false) {
            return AddressLocation::Unknown(OTHER_LOOPBACK);
        }

        let certainties: Vec<Certainty> = registered.addresses.iter().map(|ip| self.host.has(*ip)).collect();
        if certainties.contains(&Certainty::Yes) {
            return AddressLocation::Here;
        }
        if certainties.contains(&Certainty::Unknown) {
            return AddressLocation::Unknown(HIDDEN_ADDRESSES);
        }
        if is_own_node == Some(true) { self.foreign(registered) } else { self.elsewhere(registered) }
    }

    /// An address that a registration places on this machine, and that its interfaces do not have.
    fn foreign(&self, registered: &RegisteredEndpoint) -> AddressLocation {
        let anywhere: Vec<Certainty> = registered.addresses.iter().map(|ip| self.host.has_anywhere(*ip)).collect();
        if anywhere.contains(&Certainty::Yes) {
            AddressLocation::Unknown(OTHER_NAMESPACE)
        } else if anywhere.contains(&Certainty::Unknown) && !self.leads_nowhere(registered) {
            AddressLocation::Unknown(HIDDEN_NAMESPACES)
        } else {
            AddressLocation::Foreign
        }
    }

    /// Whether no route leads to the addresses, or nothing there has them: then no namespace of this machine does either.
    fn leads_nowhere(&self, registered: &RegisteredEndpoint) -> bool {
        registered.sockets().all(|(ip, port, _)| {
            let reply = self.replies.get(&(ip, port));
            reply.is_some_and(|reply| reply.connection == ConnectionEnd::Unreachable)
        })
    }

    fn elsewhere(&self, registered: &RegisteredEndpoint) -> AddressLocation {
        let is_container = registered.addresses.iter().any(|ip| self.host.other_addresses.contains(ip));
        if is_container { AddressLocation::Unknown(OTHER_NAMESPACE) } else { AddressLocation::Elsewhere }
    }

    /// Whether a node of a registry is this machine. A registry of this machine that knows one node knows this one.
    fn is_own_node(&self, view: &RegistryView, node: &str) -> bool {
        self.host.is_node(node) || self.only_node(view) == Some(node)
    }

    /// The node of a registry that runs on this machine and knows no other node.
    pub(super) fn only_node<'v>(&self, view: &'v RegistryView) -> Option<&'v str> {
        // Which other nodes it knows was not listed.
        if view.is_of_host {
            return None;
        }
        let place = view.place.as_deref()?;
        let place = place.split_once("://").map_or(place, |(_, rest)| rest);
        let place = place.parse::<crate::model::HostPort>().ok()?;
        let Address::Ip(ip) = place.address else { return None };

        let mut nodes = view.endpoints.iter().map(RegisteredEndpoint::node);
        let first = nodes.next().flatten()?;
        let is_only = nodes.all(|node| node == Some(first));
        (is_only && self.host.has(ip) == Certainty::Yes).then_some(first)
    }

    /// Whether the registration is one of those that are compared.
    pub(super) fn selects(&self, view: &RegistryView, registered: &RegisteredEndpoint) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|filter| self.is_of_host(filter, view, registered))
    }

    /// Whether the registration is of the host that a filter names.
    fn is_of_host(&self, filter: &HostFilter, view: &RegistryView, registered: &RegisteredEndpoint) -> bool {
        match filter {
            HostFilter::Local => {
                let is_own_node = registered.node().is_some_and(|node| self.is_own_node(view, node));
                is_own_node || registered.addresses.iter().any(|ip| self.host.has(*ip) == Certainty::Yes)
            }
            HostFilter::Named(name) => {
                let is_address = name.parse().is_ok_and(|ip: IpAddr| registered.addresses.contains(&ip.to_canonical()));
                is_address
                    || registered.node() == Some(name)
                    || registered.endpoint.address.to_string().eq_ignore_ascii_case(name)
            }
        }
    }

    /// Whether the listeners of this machine are compared.
    pub(super) fn selects_local(&self) -> bool {
        self.hosts.is_empty() || self.hosts.contains(&HostFilter::Local)
    }
}
