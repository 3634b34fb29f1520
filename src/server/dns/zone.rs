//! What a name of the domain means. Pure: a view and a name in, what is found out.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::name::{DomainName, labels};
use crate::model::{DEFAULT_NAMESPACE, RegisteredInstance};
use crate::server::name_index::NameGroup;
use crate::server::selected_addresses::AddressSelection;
use crate::server::service_addresses::ServiceAddresses;
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
    /// Where this server listens, as far as that is one address; sorted.
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
    /// Addresses of hosts, sorted.
    Hosts(Cow<'v, [IpAddr]>),
    /// The instances of a service that take calls.
    Service(&'v ServiceAddresses),
    /// Those of them that a name selects.
    Selected(Arc<ServiceAddresses>),
    /// The names of an address, as they stand in a message.
    Pointers(&'v [Box<[u8]>]),
}

impl Zone {
    /// A domain. `None` if the names in it would be too long.
    pub(super) fn new(domain: &str, datacenter: &str, mut server_addresses: Vec<IpAddr>) -> Option<Self> {
        server_addresses.sort_unstable();
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
    pub(super) fn find<'v>(&'v self, view: &'v View, name: &[u8]) -> NameMatch<'v> {
        let Some(labels) = self.domain.labels_below(name) else { return self.find_address(view, name) };
        let labels: Option<Vec<String>> = labels.into_iter().map(lower).collect();
        // What is registered has ASCII names only.
        let Some(labels) = labels else { return NameMatch::NoName };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.find_below(view, &labels)
    }

    fn find_below<'v>(&'v self, view: &'v View, labels: &[&str]) -> NameMatch<'v> {
        let (labels, namespace) = match labels {
            [] => return NameMatch::Apex,
            ["ns"] => return NameMatch::Hosts(Cow::Borrowed(&self.server_addresses)),
            [labels @ .., datacenter] if *datacenter == self.datacenter && is_kind(labels.last()) => {
                split_namespace(labels)
            }
            labels => split_namespace(labels),
        };

        match labels {
            [] | ["service" | "node" | "addr"] => NameMatch::NoRecords,
            [name @ .., "service"] => find_service(view, namespace, name),
            [name @ .., "node"] => match node_addresses(view, &name.join(".")) {
                [] => NameMatch::NoName,
                ips => NameMatch::Hosts(Cow::Borrowed(ips)),
            },
            [digits, "addr"] => {
                address_of_digits(digits).map_or(NameMatch::NoName, |ip| NameMatch::Hosts(Cow::Owned(vec![ip])))
            }
            _ => NameMatch::NoName,
        }
    }

    /// The names of the instances at an address, for a name such as `1.0.0.10.in-addr.arpa`.
    fn find_address<'v>(&self, view: &'v View, name: &[u8]) -> NameMatch<'v> {
        let Some((ip, names)) = reversed_address(name).zip(view.names()) else { return NameMatch::Foreign };
        let Some(group) = names.address(ip) else { return NameMatch::Foreign };
        let found = group.answer(|| {
            let instances = group.members().filter_map(|id| view.instance(id)).map(|known| &known.instance);
            let mut found: Vec<Box<[u8]>> = instances.flat_map(|instance| self.names_of(instance)).collect();
            found.sort_unstable();
            found.dedup();
            found
        });

        // The whole of in-addr.arpa is not this server's: it cannot say that an address has no name.
        if found.is_empty() { NameMatch::Foreign } else { NameMatch::Pointers(found) }
    }

    /// The names of a node and a service, if they can be names of DNS.
    fn names_of(&self, instance: &RegisteredInstance) -> Vec<Box<[u8]>> {
        let node = instance.registration.node.as_deref();
        let node = node.and_then(|node| self.domain.below(&[node, "node", &self.datacenter]));
        let service = match instance.namespace() {
            DEFAULT_NAMESPACE => self.domain.below(&[instance.name(), "service", &self.datacenter]),
            other => self.domain.below(&[instance.name(), "service", other, "ns", &self.datacenter]),
        };
        node.into_iter().chain(service).map(|name| name.as_wire().into()).collect()
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
        return match protocol {
            // The most common question: what every other client asked for is there already.
            "tcp" => match services_of(view, namespace, &name).as_slice() {
                [service] if !service.addresses().has_udp => NameMatch::Service(service.addresses()),
                _ => selected(view, (namespace, &name), AddressSelection::Tcp),
            },
            "udp" => selected(view, (namespace, &name), AddressSelection::Udp),
            tag => selected(view, (namespace, &name), AddressSelection::Tag(tag)),
        };
    }

    // The name of a service may have dots.
    let whole = labels.join(".");
    match (services_of(view, namespace, &whole).as_slice(), labels) {
        ([service], _) => NameMatch::Service(service.addresses()),
        ([], [tag, name @ ..]) => selected(view, (namespace, &name.join(".")), AddressSelection::Tag(tag)),
        ([], []) => NameMatch::NoName,
        _ => selected(view, (namespace, &whole), AddressSelection::All),
    }
}

/// The instances of a service that are selected. A name that selects no instance does not exist.
fn selected<'v>(view: &'v View, (namespace, name): (&str, &str), selection: AddressSelection<'_>) -> NameMatch<'v> {
    let Some(group) = view.names().and_then(|names| names.services(namespace, name)) else { return NameMatch::NoName };
    let found = group.answer(Default::default).get(selection, || {
        let services = services_of(view, namespace, name);
        services.into_iter().flat_map(ServiceView::list).map(|known| &known.instance).collect()
    });
    found.map_or(NameMatch::NoName, NameMatch::Selected)
}

/// The services with this name, without regard to case.
fn services_of<'v>(view: &'v View, namespace: &str, name: &str) -> Vec<&'v ServiceView> {
    let group = view.names().and_then(|names| names.services(namespace, name));
    let names = group.into_iter().flat_map(NameGroup::members);
    names.filter_map(|(namespace, name)| view.service(namespace, name)).map(|service| &**service).collect()
}

/// The addresses of the instances on a node, sorted, whatever their health: the node may serve other things.
fn node_addresses<'v>(view: &'v View, node: &str) -> &'v [IpAddr] {
    let Some(group) = view.names().and_then(|names| names.node(node)) else { return &[] };

    group.answer(|| {
        let instances = group.members().filter_map(|id| view.instance(id));
        let mut ips: Vec<IpAddr> = instances
            .filter_map(|known| known.instance.registration.address.parse::<IpAddr>().ok())
            .map(|ip| ip.to_canonical())
            .collect();
        ips.sort_unstable();
        ips.dedup();
        ips
    })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::model::{OperatorStatus, Registration};
    use crate::registry::{Command, Now, Rules, State, step};
    use crate::server::view::ViewDraft;

    const NOW: Now = Now { elapsed: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH };

    /// Where an answer is in memory; `None` if it was made for this query.
    fn place(zone: &Zone, view: &View, name: &str) -> Option<usize> {
        match zone.find(view, DomainName::parse(name).unwrap().as_wire()) {
            NameMatch::Hosts(Cow::Borrowed(ips)) => Some(ips.as_ptr().addr()),
            NameMatch::Service(addresses) => Some(std::ptr::from_ref(addresses).addr()),
            NameMatch::Selected(addresses) => {
                Some(Arc::as_ptr(&addresses).addr()).filter(|_| Arc::strong_count(&addresses) > 1)
            }
            NameMatch::Pointers(names) => Some(names.as_ptr().addr()),
            NameMatch::NoName => None,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn places(zone: &Zone, view: &View, names: &[&str]) -> Vec<Option<usize>> {
        names.iter().map(|name| place(zone, view, name)).collect()
    }

    /// The view after an instance begins to drain, as the writer publishes it.
    fn drained(state: &mut State, view: &View, id: &str) -> View {
        let status = OperatorStatus::Draining;
        let command = Command::SetStatus { id: id.into(), generation: None, status, reason: None };
        let mut draft = ViewDraft::of(view);
        for change in step(state, command, NOW).unwrap().changes {
            draft.put(change.instance);
        }
        draft.finish(state.snapshot())
    }

    /// The cost of a query does not grow with the service, so that strangers cannot buy much time with few queries.
    #[test]
    fn an_answer_is_made_once_until_one_of_its_instances_changes() {
        let mut state = State::new(Rules::default());
        for (name, at) in (1..101).flat_map(|at| [("big", at), ("Both", 1_000 + at), ("both", 2_000 + at)]) {
            let place = format!("10.0.0.1:{at}").parse().unwrap();
            let registration = Registration::new(name, place).id(format!("{name}-{at}")).tag("Blue").node("N1");
            let registration = registration.protocol(if at % 2 == 0 { "udp" } else { "http" });
            step(&mut state, Command::Register(Arc::new(registration)), NOW).unwrap();
        }
        let other = Registration::new("other", "10.0.0.9:1".parse().unwrap()).id("o");
        step(&mut state, Command::Register(Arc::new(other)), NOW).unwrap();

        let zone = Zone::new("d", "dc", Vec::new()).unwrap();
        let first = View::new(state.snapshot(), true);

        let names = [
            "big.service.d",
            "blue.big.service.d",
            "_big._blue.service.d",
            "_big._tcp.service.d",
            "_big._udp.service.d",
        ];
        let shared = ["both.service.d", "blue.both.service.d", "_both._tcp.service.d"];
        let of_hosts = ["n1.node.d", "1.0.0.10.in-addr.arpa"];
        let all: Vec<&str> = names.into_iter().chain(shared).chain(of_hosts).collect();

        let made = places(&zone, &first, &all);
        assert!(made.iter().all(Option::is_some), "{made:?}");
        assert_eq!(places(&zone, &first, &all), made);

        let second = drained(&mut state, &first, "o");
        assert_eq!(places(&zone, &second, &all), made, "another service, node and address");

        let third = drained(&mut state, &second, "big-1");
        for (name, (before, after)) in all.iter().zip(made.iter().zip(places(&zone, &third, &all))) {
            let is_same = shared.contains(name);
            assert_eq!(*before == after, is_same, "{name}");
        }
        let NameMatch::Selected(left) = zone.find(&third, DomainName::parse("_big._tcp.service.d").unwrap().as_wire())
        else {
            panic!()
        };
        assert_eq!(left.targets.len(), 49, "the one that drains is gone");
        assert_eq!(place(&zone, &third, "red.big.service.d"), None, "a tag that no instance has takes no room");
        assert_eq!(places(&zone, &first, &all), made, "an older view keeps its answers");
    }
}
