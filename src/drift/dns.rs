//! DNS against the registries: the addresses of each service.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::item::{DriftItem, service_path};
use super::{DriftInput, RegisteredEndpoint, RegistryView, command, kinds};
use crate::model::Certainty;

/// A server may shorten a reply to this many addresses: Consul does by default.
const MIN_SHORTENED_REPLY: usize = 3;

/// An address, and the port if it is known.
type DnsAddress = (IpAddr, Option<u16>);

/// The differences between DNS and the registries, for the names that were looked up.
pub(super) fn differences(input: &DriftInput) -> Vec<DriftItem> {
    let mut items = Vec::new();
    for (index, view) in input.registries.iter().enumerate() {
        for name in view.looked_up.iter().flatten() {
            items.extend(of_name(input, (index, view), name));
        }
    }
    items
}

/// What the registries and DNS have for a name.
struct NameView<'a> {
    dns: (usize, &'a RegistryView),
    in_dns: Vec<&'a RegisteredEndpoint>,
    registered: Vec<((usize, &'a RegistryView), &'a RegisteredEndpoint)>,
    /// Whether all of them were read, and have addresses.
    dns_is_known: bool,
    registries_are_known: bool,
}

fn of_name(input: &DriftInput, dns: (usize, &RegistryView), name: &str) -> Vec<DriftItem> {
    let listing = input.registries.iter().enumerate().filter(|(_, view)| view.looked_up.is_none());
    let registered: Vec<_> = listing
        .flat_map(|(index, view)| view.endpoints.iter().map(move |registered| ((index, view), registered)))
        .filter(|(_, registered)| registered.service.as_raw() == name)
        .collect();
    let in_dns: Vec<_> = dns.1.endpoints.iter().filter(|one| one.service.as_raw() == name).collect();

    let dns_is_known = dns.1.complete && in_dns.iter().all(|one| !one.addresses.is_empty());
    let registries_are_known = input.registries.iter().all(|view| view.complete)
        && registered.iter().all(|(_, registered)| !registered.addresses.is_empty());
    let names = NameView { dns, in_dns, registered, dns_is_known, registries_are_known };
    names.only_in_dns(input).chain(names.not_in_dns(input)).collect()
}

impl NameView<'_> {
    /// Addresses that no registry has.
    fn only_in_dns<'v>(&'v self, input: &'v DriftInput) -> impl Iterator<Item = DriftItem> + 'v {
        let all: BTreeSet<DnsAddress> = self.registered.iter().flat_map(|(_, registered)| places(registered)).collect();
        let in_dns = self.in_dns.iter().filter(|_| self.registries_are_known && !self.registered.is_empty());
        let unknown = in_dns.filter(move |one| places(one).all(|place| !has(&all, place)));
        unknown.filter(|one| input.selects(self.dns.1, one)).map(|one| only_in_dns(self.dns, one))
    }

    /// Instances that DNS lacks.
    fn not_in_dns<'v>(&'v self, input: &'v DriftInput) -> impl Iterator<Item = DriftItem> + 'v {
        let known: BTreeSet<DnsAddress> = self.in_dns.iter().flat_map(|one| places(one)).collect();
        // DNS need not have every service.
        let is_whole = self.dns_is_known && (1..MIN_SHORTENED_REPLY).contains(&known.len());

        let usable = self.registered.iter().filter(move |(_, one)| is_whole && one.endpoint.is_usable());
        let selected = usable.filter(|((_, view), one)| !one.addresses.is_empty() && input.selects(view, one));
        let missing = selected.filter(move |(_, one)| places(one).all(|place| !has(&known, place)));
        missing.map(|(view, one)| not_in_dns(*view, one, self.dns))
    }
}

fn places(registered: &RegisteredEndpoint) -> impl Iterator<Item = DnsAddress> + '_ {
    registered.addresses.iter().map(|ip| (*ip, registered.endpoint.port))
}

/// Whether a set has an address. An address record has no port.
fn has(known: &BTreeSet<DnsAddress>, (ip, port): DnsAddress) -> bool {
    known
        .iter()
        .any(|(known, known_port)| *known == ip && (known_port.is_none() || port.is_none() || *known_port == port))
}

fn only_in_dns(dns: (usize, &RegistryView), one: &RegisteredEndpoint) -> DriftItem {
    let text = format!("{} is in DNS for {}, but no registry has it", one.endpoint, one.service);
    let mut item = DriftItem::of_registered(dns, one);
    (item.detail.registered, item.removal) = (Certainty::No, None);
    item.with(&kinds::DNS_DIFFERS, text).command(Some(command::discover("dns", one.service.as_raw())))
}

fn not_in_dns(view: (usize, &RegistryView), registered: &RegisteredEndpoint, dns: (usize, &RegistryView)) -> DriftItem {
    let text = format!("{} of {} is in {}, but not in DNS", registered.at(), service_path(registered), view.1.name);
    let mut item = DriftItem::of_registered(view, registered);
    item.registries.push(dns.0);
    item.with(&kinds::DNS_DIFFERS, text).command(Some(command::discover("dns", registered.service.as_raw())))
}
