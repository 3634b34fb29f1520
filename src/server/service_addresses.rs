//! Where a service is reached: the addresses of its instances that take calls.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use crate::model::RegisteredInstance;

/// Where the instances of a service are reached. Each place is there once.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceAddresses {
    pub(super) v4: Vec<Ipv4Addr>,
    pub(super) v6: Vec<Ipv6Addr>,
    /// Addresses that are names.
    pub(super) names: Vec<String>,
    pub(super) targets: Vec<ServiceTarget>,
    /// Whether one of them is reached over UDP.
    pub(super) has_udp: bool,
}

/// An address with a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServiceTarget {
    pub(super) host: TargetHost,
    pub(super) port: u16,
    pub(super) weight: u16,
}

/// The host of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TargetHost {
    Ip(IpAddr),
    Name(String),
}

impl ServiceAddresses {
    /// The addresses of these instances, without those of weight 0. One with the address of an interface, as in `fe80::1%eth0`, is left out: another
    /// machine has other interfaces.
    pub(super) fn of<'i>(instances: impl Iterator<Item = &'i RegisteredInstance>) -> Self {
        let (mut targets, mut has_udp) = (BTreeSet::new(), false);
        for instance in with_calls(instances.collect()) {
            has_udp |= is_udp(instance);
            let registration = &*instance.registration;
            let host = match registration.address.parse::<IpAddr>() {
                Ok(ip) => TargetHost::Ip(ip.to_canonical()),
                Err(_) if registration.address.contains('%') => continue,
                Err(_) => TargetHost::Name(registration.address.clone()),
            };
            targets.insert(ServiceTarget { host, port: registration.port, weight: instance.weight });
        }

        // Two instances at one address and port cannot be told apart: the greater weight holds.
        let mut addresses = Self { has_udp, ..Self::default() };
        for target in targets {
            match addresses.targets.last_mut() {
                Some(last) if (&last.host, last.port) == (&target.host, target.port) => last.weight = target.weight,
                _ => addresses.targets.push(target),
            }
        }
        addresses.collect_hosts();
        addresses
    }

    /// The hosts of the targets, which are sorted by them.
    fn collect_hosts(&mut self) {
        for target in &self.targets {
            match &target.host {
                TargetHost::Ip(IpAddr::V4(ip)) if self.v4.last() != Some(ip) => self.v4.push(*ip),
                TargetHost::Ip(IpAddr::V6(ip)) if self.v6.last() != Some(ip) => self.v6.push(*ip),
                TargetHost::Name(name) if self.names.last() != Some(name) => self.names.push(name.clone()),
                _ => {}
            }
        }
    }
}

/// Which instances of a service are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InstanceFilter<'t> {
    /// Those that are not reached over UDP.
    NotUdp,
    /// Those that are reached over UDP, or have a tag that says so.
    Udp,
    /// Those with this tag, in lower case.
    Tag(&'t str),
}

impl InstanceFilter<'_> {
    /// Whether an instance is meant.
    pub(super) fn accepts(self, instance: &RegisteredInstance) -> bool {
        match self {
            Self::NotUdp => !is_udp(instance),
            Self::Udp => is_udp(instance) || has_tag(instance, "udp"),
            Self::Tag(tag) => has_tag(instance, tag),
        }
    }
}

/// Where the instances of a service are reached, for each question that was put: a query costs the same however many
/// instances there are. Each change of the service makes a new one.
#[derive(Debug, Default)]
pub(super) struct AddressBook {
    all: OnceLock<ServiceAddresses>,
    not_udp: OnceLock<Option<ServiceAddresses>>,
    udp: OnceLock<Option<ServiceAddresses>>,
    /// By every tag, in lower case.
    by_tag: OnceLock<HashMap<String, OnceLock<ServiceAddresses>>>,
}

impl AddressBook {
    /// Where the instances are reached that take calls.
    pub(super) fn all<'i>(&self, instances: impl Iterator<Item = &'i RegisteredInstance>) -> &ServiceAddresses {
        self.all.get_or_init(|| ServiceAddresses::of(instances.filter(|instance| instance.is_usable())))
    }

    /// The same of those that a filter accepts; `None` if it accepts none, whether or not it takes calls.
    pub(super) fn selected<'i>(
        &self,
        filter: InstanceFilter<'_>,
        instances: impl Iterator<Item = &'i RegisteredInstance> + Clone,
    ) -> Option<&ServiceAddresses> {
        match filter {
            InstanceFilter::NotUdp => self.not_udp.get_or_init(|| addresses_of(filter, instances)).as_ref(),
            InstanceFilter::Udp => self.udp.get_or_init(|| addresses_of(filter, instances)).as_ref(),
            InstanceFilter::Tag(tag) => {
                let tags = self.by_tag.get_or_init(|| tags_of(instances.clone()));
                let known = tags.get(tag)?;
                Some(known.get_or_init(|| addresses_of(filter, instances).unwrap_or_default()))
            }
        }
    }
}

/// The addresses of the instances that a filter accepts; `None` if it accepts none.
pub(super) fn addresses_of<'i>(
    filter: InstanceFilter<'_>,
    instances: impl Iterator<Item = &'i RegisteredInstance>,
) -> Option<ServiceAddresses> {
    let mut accepted = instances.filter(|instance| filter.accepts(instance)).peekable();
    accepted.peek()?;
    Some(ServiceAddresses::of(accepted.filter(|instance| instance.is_usable())))
}

fn tags_of<'i>(instances: impl Iterator<Item = &'i RegisteredInstance>) -> HashMap<String, OnceLock<ServiceAddresses>> {
    let tags = instances.flat_map(|instance| &instance.registration.tags);
    tags.map(|tag| (tag.to_ascii_lowercase(), OnceLock::new())).collect()
}

fn has_tag(instance: &RegisteredInstance, tag: &str) -> bool {
    instance.registration.tags.iter().any(|own| own.eq_ignore_ascii_case(tag))
}

/// Those that get calls: an instance of weight 0 gets none, unless all have that weight. Many clients look at addresses alone.
fn with_calls(instances: Vec<&RegisteredInstance>) -> Vec<&RegisteredInstance> {
    let are_all_zero = instances.iter().all(|instance| instance.weight == 0);
    instances.into_iter().filter(|instance| are_all_zero || instance.weight > 0).collect()
}

/// Whether an instance is reached over UDP.
pub(super) fn is_udp(instance: &RegisteredInstance) -> bool {
    instance.registration.protocol.as_deref() == Some("udp")
}
