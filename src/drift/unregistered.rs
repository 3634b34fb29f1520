//! Listeners that no registry has.

use std::collections::{BTreeSet, HashMap};

use super::item::DriftItem;
use super::listeners::{covers, ip_of};
use super::{DriftInput, RegisteredEndpoint, command, kinds};
use crate::model::{Address, Certainty, HostPort, LocalDetail, OwnerLookup, Scope, Service, Transport};

/// The other ports of registries: Consul's for servers, gossip, TLS, gRPC and DNS, and etcd's for its peers.
const REGISTRY_PORTS: [u16; 9] = [8300, 8301, 8302, 8500, 8501, 8502, 8503, 8600, 2380];
/// Ports that are chosen for one program are near each other.
const MAX_PORT_DISTANCE: u16 = 10;

const REGISTRY_DOWN: &str = "a registry could not be read, and may have it";
const UNRESOLVED: &str = "a registration with its port has a name that does not resolve from here";
const HIDDEN: &str = "its owner is hidden and may be the registry itself; run portolan as root";

/// The TCP listeners that other hosts could reach and no registry has. Those of the registries themselves need none.
/// Loopback addresses count if some registration has one.
pub(super) fn unregistered(input: &DriftInput) -> Vec<DriftItem> {
    let views = input.registries.iter().filter(|view| view.looked_up.is_none());
    let all: Vec<&RegisteredEndpoint> = views.clone().flat_map(|view| &view.endpoints).collect();
    let has_loopback = all.iter().any(|registered| registered.addresses.iter().any(std::net::IpAddr::is_loopback));
    let mut by_port: HashMap<u16, Vec<&RegisteredEndpoint>> = HashMap::new();
    for registered in all.iter().filter(|registered| registered.endpoint.transport == Transport::Tcp) {
        by_port.entry(registered.endpoint.port.unwrap_or_default()).or_default().push(registered);
    }

    let own = RegistrySockets::of(input);
    let is_complete = views.clone().all(|view| view.complete);
    let listeners = input.listeners.iter().filter(|service| is_candidate(service, has_loopback));
    let listeners = listeners.filter(|service| !input.allow.allows(service));

    let items = listeners.filter_map(|service| {
        let item = DriftItem::of_listener(service, input.registries.len());
        let port = service.endpoints.first()?.port?;
        let of_port = by_port.get(&port).map(Vec::as_slice).unwrap_or_default();
        match (registered(input, service, of_port), own.holds(service)) {
            (Certainty::Yes, _) | (_, Certainty::Yes) => None,
            _ if !is_complete => Some(item.cannot_tell(REGISTRY_DOWN)),
            (Certainty::Unknown, _) => Some(item.cannot_tell(UNRESOLVED)),
            (_, Certainty::Unknown) => Some(item.cannot_tell(HIDDEN)),
            (Certainty::No, Certainty::No) => Some(finding(input, service, &item)),
        }
    });
    items.collect()
}

fn finding(input: &DriftInput, service: &Service<LocalDetail>, item: &DriftItem) -> DriftItem {
    let process = service.detail.main_process();
    let endpoint = service.endpoints.first();
    let place = endpoint.map(ToString::to_string).unwrap_or_default();
    let holder = item.detail.holder.as_ref().map(ToString::to_string).unwrap_or_default();

    let command = endpoint.and_then(|endpoint| command::register(endpoint, registry_url(input).as_deref()));
    let text = format!("{holder} listens at {place}, but no registry has it");
    let mut item = item.with(&kinds::UNREGISTERED, text).command(command);
    item.detail.since = process.and_then(|process| process.started);
    item
}

/// The URL of the first registry that programs can register with.
fn registry_url(input: &DriftInput) -> Option<String> {
    let view = input.registries.iter().find(|view| view.takes_registrations())?;
    let place = view.place.as_deref()?;
    // A URL has one scheme.
    (!place.contains("://")).then(|| format!("{}://{place}", view.provider))
}

/// Whether a listener is expected in a registry.
fn is_candidate(service: &Service<LocalDetail>, has_loopback: bool) -> bool {
    let is_tcp = service.endpoints.first().is_some_and(|at| at.transport == Transport::Tcp && at.port.is_some());
    let is_reachable = service.detail.scope != Scope::Loopback;
    let is_own_socket = service.detail.netns.is_none() && !service.detail.is_published();
    is_tcp && is_own_socket && (is_reachable || has_loopback)
}

/// Whether a registry has an address that leads to this listener.
fn registered(input: &DriftInput, service: &Service<LocalDetail>, of_port: &[&RegisteredEndpoint]) -> Certainty {
    let mut certainty = Certainty::No;
    for registered in of_port {
        if registered.addresses.is_empty() {
            certainty = Certainty::Unknown;
        }
        for ip in &registered.addresses {
            // An address may also lead here by a route alone, without an interface that has it: a listener on it says so.
            if ip_of(service) != Some(*ip) && input.host.has(*ip) == Certainty::No {
                continue;
            }
            match covers(service, *ip) {
                Certainty::Yes => return Certainty::Yes,
                Certainty::Unknown => certainty = Certainty::Unknown,
                Certainty::No => {}
            }
        }
        // Registered outside and bound to loopback: that is a finding of its own.
        let is_loopback = ip_of(service).is_some_and(|ip| ip.is_loopback());
        if is_loopback && registered.addresses.iter().any(|ip| input.host.has(*ip) == Certainty::Yes) {
            return Certainty::Yes;
        }
    }

    certainty
}

/// The processes that serve the registries, as far as they are on this machine.
struct RegistrySockets {
    pids: BTreeSet<u32>,
    /// The users of those whose process is hidden, and their ports.
    hidden: Vec<(Option<u32>, u16)>,
    places: Vec<HostPort>,
}

impl RegistrySockets {
    fn of(input: &DriftInput) -> Self {
        let places = input.registries.iter().filter_map(|view| view.place.as_deref());
        let hosts = places.flat_map(|place| place.split(','));
        let hosts = hosts.map(|host| host.split_once("://").map_or(host, |(_, rest)| rest));
        let places: Vec<HostPort> = hosts.filter_map(|host| host.parse().ok()).collect();

        let (mut pids, mut hidden) = (BTreeSet::new(), Vec::new());
        let sockets = input.listeners.iter().filter(|service| !service.detail.is_published());
        for service in sockets.filter(|service| serves(service, &places)) {
            let detail = &service.detail;
            pids.extend(detail.processes.iter().map(|process| process.pid));
            if detail.owner != OwnerLookup::Known {
                hidden.extend(port_of(service).map(|port| (uid_of(service), port)));
            }
        }
        Self { pids, hidden, places }
    }

    /// Whether a registry's process holds the listener.
    fn holds(&self, service: &Service<LocalDetail>) -> Certainty {
        let detail = &service.detail;
        if serves(service, &self.places) || detail.processes.iter().any(|process| self.pids.contains(&process.pid)) {
            return Certainty::Yes;
        }
        let Some(port) = port_of(service) else { return Certainty::No };
        if detail.owner == OwnerLookup::Known {
            return Certainty::No;
        }

        let may_be_held = self.hidden.iter().any(|(user, registry_port)| {
            let is_near = port.abs_diff(*registry_port) <= MAX_PORT_DISTANCE || REGISTRY_PORTS.contains(&port);
            *user == uid_of(service) && is_near
        });
        if may_be_held { Certainty::Unknown } else { Certainty::No }
    }
}

fn uid_of(service: &Service<LocalDetail>) -> Option<u32> {
    service.detail.user.as_ref().map(|user| user.uid)
}

fn port_of(service: &Service<LocalDetail>) -> Option<u16> {
    service.endpoints.first()?.port
}

/// Whether a listener takes the connections to one of these addresses.
fn serves(service: &Service<LocalDetail>, places: &[HostPort]) -> bool {
    let port = service.endpoints.first().and_then(|at| at.port);
    places.iter().any(|place| {
        place.port == port
            && match place.address {
                Address::Ip(ip) => covers(service, ip) == Certainty::Yes,
                Address::Name(_) => true,
                Address::Unix(_) | Address::Other(_) => false,
            }
    })
}
