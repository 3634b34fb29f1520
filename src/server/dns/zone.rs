//! What a name of the domain means. Pure: a view and a name in, what is found out.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::{DomainName, labels};
use crate::model::{DEFAULT_NAMESPACE, RegisteredInstance};
use crate::server::service_addresses::{InstanceFilter, ServiceAddresses, addresses_of};
use crate::server::view::{ServiceView, View};

/// The domain that this server answers for.
#[derive(Debug)]
pub(super) struct Zone {
    domain: DomainName,
    datacenter: String,
    /// `addr.DATACENTER.DOMAIN`, below which each address has a name.
    pub(super) addresses: DomainName,
    pub(super) name_server: DomainName,
    /// Who is responsible, as a SOA record writes it.
    pub(super) contact: DomainName,
    /// Where this server listens, as far as that is one address.
    pub(super) server_addresses: Vec<IpAddr>,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum NameMatch<'v> {
    /// The name is not of this server's domain.
    Foreign,
    /// There is no such name.
    NoName,
    /// The name exists, and has no records: other names are below it.
    NoRecords,
    /// The domain itself.
    Apex,
    /// Addresses of hosts.
    Hosts(Cow<'v, [IpAddr]>),
    /// The instances of a service that take calls.
    Service(Cow<'v, ServiceAddresses>),
    /// The names of an address.
    Pointers(Vec<DomainName>),
}

impl Zone {
    /// A domain. `None` if the names in it would be too long.
    pub(super) fn new(domain: &str, datacenter: &str, server_addresses: Vec<IpAddr>) -> Option<Self> {
        let domain = DomainName::parse(&domain.to_ascii_lowercase())?;
        let datacenter = datacenter.to_ascii_lowercase();
        Some(Self {
            addresses: domain.below(&["addr", &datacenter])?,
            name_server: domain.below(&["ns"])?,
            contact: domain.below(&["hostmaster"])?,
            domain,
            datacenter,
            server_addresses,
        })
    }

    /// The length of the domain's name in a message.
    pub(super) fn name_bytes(&self) -> usize {
        self.domain.as_wire().len()
    }

    /// Finds what a name stands for.
    pub(super) fn find<'v>(&self, view: &'v View, name: &[u8]) -> NameMatch<'v> {
        let Some(labels) = self.domain.labels_below(name) else { return self.find_address(view, name) };
        let labels: Option<Vec<String>> = labels.into_iter().map(lower).collect();
        // What is registered has ASCII names only.
        let Some(labels) = labels else { return NameMatch::NoName };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.find_below(view, &labels)
    }

    fn find_below<'v>(&self, view: &'v View, labels: &[&str]) -> NameMatch<'v> {
        let (labels, namespace) = match labels {
            [] => return NameMatch::Apex,
            ["ns"] => return NameMatch::Hosts(self.server_addresses.clone().into()),
            [labels @ .., datacenter] if *datacenter == self.datacenter && is_kind(labels.last()) => {
                split_namespace(labels)
            }
            labels => split_namespace(labels),
        };

        match labels {
            [] | ["service" | "node" | "addr"] => NameMatch::NoRecords,
            [name @ .., "service"] => find_service(view, namespace, name),
            [name @ .., "node"] => {
                let ips = node_addresses(view, &name.join("."));
                if ips.is_empty() { NameMatch::NoName } else { NameMatch::Hosts(Cow::Borrowed(ips)) }
            }
            [digits, "addr"] => {
                address_of_digits(digits).map_or(NameMatch::NoName, |ip| NameMatch::Hosts(vec![ip].into()))
            }
            _ => NameMatch::NoName,
        }
    }

    /// The names of the instances at an address, for a name such as `1.0.0.10.in-addr.arpa`.
    fn find_address<'v>(&self, view: &'v View, name: &[u8]) -> NameMatch<'v> {
        let Some((ip, names)) = reversed_address(name).zip(view.names()) else { return NameMatch::Foreign };
        let instances = names.at_address(ip).filter_map(|id| view.instance(id)).map(|instance| &instance.instance);
        let mut found: Vec<DomainName> = instances.flat_map(|instance| self.names_of(instance)).collect();
        found.sort_by(|a, b| a.as_wire().cmp(b.as_wire()));
        found.dedup();

        // The whole of in-addr.arpa is not this server's: it cannot say that an address has no name.
        if found.is_empty() { NameMatch::Foreign } else { NameMatch::Pointers(found) }
    }

    /// The names of a node and a service, if they can be names of DNS.
    fn names_of(&self, instance: &RegisteredInstance) -> Vec<DomainName> {
        let node = instance.registration.node.as_deref();
        let node = node.and_then(|node| self.domain.below(&[node, "node", &self.datacenter]));
        let service = match instance.namespace() {
            DEFAULT_NAMESPACE => self.domain.below(&[instance.name(), "service", &self.datacenter]),
            other => self.domain.below(&[instance.name(), "service", other, "ns", &self.datacenter]),
        };
        node.into_iter().chain(service).collect()
    }
}

/// Whether what stands before the data center says what kind of name it is. A data center may be called `node`.
fn is_kind(label: Option<&&str>) -> bool {
    label.is_none_or(|label| matches!(*label, "service" | "node" | "addr" | "ns"))
}

/// Takes `NAMESPACE.ns` from the end of the labels.
fn split_namespace<'l>(labels: &'l [&'l str]) -> (&'l [&'l str], &'l str) {
    match labels {
        [labels @ .., namespace, "ns"] => (labels, namespace),
        labels => (labels, DEFAULT_NAMESPACE),
    }
}

/// `web`, `api.web` for the tag `api`, `_web._tcp`, `_web._api`.
fn find_service<'v>(view: &'v View, namespace: &str, labels: &[&str]) -> NameMatch<'v> {
    if let [name @ .., protocol] = labels
        && let Some(protocol) = protocol.strip_prefix('_')
    {
        let Some(name) = name.join(".").strip_prefix('_').map(str::to_owned) else {
            // `_tcp.service` has names below it.
            return if name.is_empty() && matches!(protocol, "tcp" | "udp") {
                NameMatch::NoRecords
            } else {
                NameMatch::NoName
            };
        };
        let services = services_of(view, namespace, &name);
        return match (protocol, services.as_slice()) {
            // The most common question: what every other client asked for is there already.
            ("tcp", [service]) if !service.addresses().has_udp => {
                NameMatch::Service(Cow::Borrowed(service.addresses()))
            }
            ("tcp", several) => filtered(several, InstanceFilter::NotUdp),
            ("udp", several) => filtered(several, InstanceFilter::Udp),
            (tag, several) => filtered(several, InstanceFilter::Tag(tag)),
        };
    }

    // The name of a service may have dots.
    let services = services_of(view, namespace, &labels.join("."));
    match (services.as_slice(), labels) {
        ([service], _) => NameMatch::Service(Cow::Borrowed(service.addresses())),
        ([], [tag, name @ ..]) => filtered(&services_of(view, namespace, &name.join(".")), InstanceFilter::Tag(tag)),
        ([], []) => NameMatch::NoName,
        (several, _) => NameMatch::Service(Cow::Owned(ServiceAddresses::of(
            instances_of(several).filter(|instance| instance.is_usable()),
        ))),
    }
}

/// The instances of a service that a filter accepts. A name that selects no instance does not exist.
fn filtered<'v>(services: &[&'v ServiceView], filter: InstanceFilter<'_>) -> NameMatch<'v> {
    let addresses = match services {
        [service] => service.selected(filter).map(Cow::Borrowed),
        // Names that differ only in case.
        several => addresses_of(filter, instances_of(several)).map(Cow::Owned),
    };
    addresses.map_or(NameMatch::NoName, NameMatch::Service)
}

fn instances_of<'v>(services: &[&'v ServiceView]) -> impl Iterator<Item = &'v RegisteredInstance> {
    services.iter().flat_map(|service| service.list()).map(|instance| &instance.instance)
}

/// The services with this name, without regard to case.
fn services_of<'v>(view: &'v View, namespace: &str, name: &str) -> Vec<&'v ServiceView> {
    let names = view.names().into_iter().flat_map(|names| names.services(namespace, name));
    names.filter_map(|(namespace, name)| view.service(namespace, name)).map(|service| &**service).collect()
}

/// The addresses of the instances on a node, whatever their health: the node may serve other things.
fn node_addresses<'v>(view: &'v View, node: &str) -> &'v [IpAddr] {
    let Some(names) = view.names() else { return &[] };
    names.addresses_on_node(node, |id| view.instance(id).map(|known| &known.instance))
}

/// `0a000001` is 10.0.0.1; 32 digits are an IPv6 address.
fn address_of_digits(digits: &str) -> Option<IpAddr> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        8 => u32::from_str_radix(digits, 16).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        32 => u128::from_str_radix(digits, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into()),
        _ => None,
    }
}

/// The address of a name below in-addr.arpa or ip6.arpa.
fn reversed_address(name: &[u8]) -> Option<IpAddr> {
    // The empty label at the end is none of them.
    let labels: Option<Vec<String>> = labels(name.strip_suffix(&[0])?)?.into_iter().map(lower).collect();
    let labels = labels?;
    let (zone, digits) = (labels.len().checked_sub(2)?, labels.iter().rev().skip(2));
    match (labels[zone].as_str(), labels[zone + 1].as_str(), zone) {
        ("in-addr", "arpa", 4) => digits.map(String::as_str).collect::<Vec<_>>().join(".").parse().ok(),
        ("ip6", "arpa", 32) if labels[..zone].iter().all(|digit| digit.len() == 1) => {
            address_of_digits(&digits.map(String::as_str).collect::<String>())
        }
        _ => None,
    }
}

/// A label in lower case; `None` if it has a byte that no name of a service, a tag or a node has.
fn lower(label: &[u8]) -> Option<String> {
    let is_plain = label.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
    is_plain.then(|| String::from_utf8_lossy(label).to_ascii_lowercase())
}
