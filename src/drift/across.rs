//! Registrations against each other: of one registry, and of several.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::item::DriftItem;
use super::{DriftInput, RegisteredEndpoint, RegistryView, command, kinds};
use crate::model::{Lease, Timestamp, Transport};

/// An address with its port.
type Socket = (IpAddr, u16, Transport);
/// A registered endpoint with its registry.
type LocatedEndpoint<'a> = ((usize, &'a RegistryView), &'a RegisteredEndpoint);
/// The endpoints of a registry by namespace and address; with the node, if it is a loopback address.
type BySocket<'a> = BTreeMap<(String, Option<&'a str>, Socket), Vec<&'a RegisteredEndpoint>>;

impl RegisteredEndpoint {
    /// Its addresses with its port.
    pub(super) fn sockets(&self) -> impl Iterator<Item = Socket> + '_ {
        let port = self.endpoint.port;
        self.addresses.iter().filter_map(move |ip| Some((*ip, port?, self.endpoint.transport)))
    }
}

/// Instances of one registry that have the same address. In a cluster, in DNS and in a file that is usual.
pub(super) fn duplicates(input: &DriftInput) -> Vec<DriftItem> {
    let registries = input.registries.iter().enumerate().filter(|(_, view)| view.takes_registrations());
    let mut items = Vec::new();

    for (index, view) in registries {
        let mut by_socket: BySocket<'_> = BTreeMap::new();
        for registered in view.endpoints.iter().filter(|registered| input.selects(view, registered)) {
            let (namespace, _) = registered.service_key();
            for socket in registered.sockets() {
                // Each node has its own loopback addresses.
                let node = registered.node().filter(|_| socket.0.is_loopback());
                by_socket.entry((namespace.clone(), node, socket)).or_default().push(registered);
            }
        }

        for mut same in by_socket.into_values().filter(|same| same.len() > 1) {
            same.sort_by_key(|registered| keep_order(registered));
            let kept = same.remove(0);
            items.extend(same.into_iter().map(|registered| duplicate((index, view), registered, kept)));
        }
    }
    items
}

/// The order in which instances of one address are kept: those that get calls, those with the latest lease, by id.
fn keep_order(registered: &RegisteredEndpoint) -> (bool, std::cmp::Reverse<Option<Timestamp>>, String) {
    let lease: Option<Lease> = registered.instance().and_then(|instance| instance.lease);
    let expires = std::cmp::Reverse(lease.map(|lease| lease.expires));
    (!registered.endpoint.is_usable(), expires, registered.id())
}

fn duplicate(view: (usize, &RegistryView), registered: &RegisteredEndpoint, kept: &RegisteredEndpoint) -> DriftItem {
    let text = format!("{} has the same address as {}", registered.at(), kept.id());
    let item = DriftItem::of_registered(view, registered).with(&kinds::DUPLICATE, text);
    // An address of two services may be meant: neither is one too many.
    if registered.service_key() != kept.service_key() {
        return DriftItem { removal: None, ..item };
    }

    let mut item = item.command(command::deregister(view.1, registered));
    if let Some(removal) = &mut item.removal {
        removal.automatic = item.detail.command.is_some();
    }
    item
}

/// Instances that one registry has and another one lacks, of services that both have; and versions that differ.
pub(super) fn differences(input: &DriftInput) -> Vec<DriftItem> {
    let listing = input.registries.iter().enumerate().filter(|(_, view)| view.looked_up.is_none());
    let mut by_service: BTreeMap<(String, String), Vec<LocatedEndpoint<'_>>> = BTreeMap::new();
    for (index, view) in listing {
        for registered in &view.endpoints {
            by_service.entry(registered.service_key()).or_default().push(((index, view), registered));
        }
    }

    let mut items = Vec::new();
    for entries in by_service.values() {
        let registries: BTreeSet<usize> = entries.iter().map(|((index, _), _)| *index).collect();
        if registries.len() > 1 {
            let selected = entries.iter().filter(|((_, view), registered)| input.selects(view, registered));
            items.extend(selected.clone().filter_map(|entry| lacking(input, entry, &registries, entries)));
            items.extend(selected.filter_map(|entry| other_version(entry, entries)));
        }
    }
    items
}

/// The registries that have the service and lack the instance.
fn lacking(
    input: &DriftInput,
    entry: &LocatedEndpoint<'_>,
    registries: &BTreeSet<usize>,
    entries: &[LocatedEndpoint<'_>],
) -> Option<DriftItem> {
    let (view, registered) = entry;
    let sockets: BTreeSet<Socket> = registered.sockets().collect();
    if sockets.is_empty() {
        return None;
    }

    let lacking = registries.iter().copied().filter(|index| lacks(input, *index, entries, &sockets));
    let lacking: Vec<usize> = lacking.collect();
    let first = lacking.first().and_then(|index| input.registries.get(*index))?;
    let names: Vec<&str> =
        lacking.iter().filter_map(|index| input.registries.get(*index)).map(|view| view.name.as_str()).collect();
    let text = format!(
        "{} of {} is in {}, but not in {}",
        registered.at(),
        registered.service,
        view.1.name,
        names.join(" and ")
    );

    let item = DriftItem::of_registered(*view, registered).with(&kinds::REGISTRIES_DIFFER, text);
    let mut item = item.command(Some(command::discover(&first.provider, registered.service.as_raw())));
    item.registries.extend(lacking);
    Some(item)
}

/// Whether a registry has none of these sockets, as far as that is known.
fn lacks(input: &DriftInput, index: usize, entries: &[LocatedEndpoint<'_>], sockets: &BTreeSet<Socket>) -> bool {
    let mut of_it = entries.iter().filter(|((other, _), _)| *other == index).map(|(_, registered)| registered);
    // A name that does not resolve may be the same instance.
    let is_known = input.registries.get(index).is_some_and(|view| view.complete)
        && of_it.clone().all(|registered| !registered.addresses.is_empty());

    is_known && !of_it.any(|registered| registered.sockets().any(|socket| sockets.contains(&socket)))
}

/// A later registry with another version of the same instance.
fn other_version(entry: &LocatedEndpoint<'_>, entries: &[LocatedEndpoint<'_>]) -> Option<DriftItem> {
    let (view, registered) = entry;
    let version = registered.version()?;
    let sockets: BTreeSet<Socket> = registered.sockets().collect();

    let (other_view, other) = entries.iter().find(|(other_view, other)| {
        other_view.0 < view.0
            && other.sockets().any(|socket| sockets.contains(&socket))
            && other.version().is_some_and(|other| other != version)
    })?;
    let text = format!(
        "{} has version {version} in {}, but {} in {}",
        registered.at(),
        view.1.name,
        other.version().map(ToString::to_string).unwrap_or_default(),
        other_view.1.name
    );
    let item = DriftItem::of_registered(*view, registered).with(&kinds::VERSION_DIFFERS, text);
    let mut item = item.command(Some(command::discover(&view.1.provider, registered.service.as_raw())));
    item.registries.push(other_view.0);
    Some(item)
}
