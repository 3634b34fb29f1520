//! Where a service is reached: the addresses of its instances that take calls.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Those that get calls: an instance of weight 0 gets none, unless all have that weight. Many clients look at addresses alone.
fn with_calls(instances: Vec<&RegisteredInstance>) -> Vec<&RegisteredInstance> {
    let are_all_zero = instances.iter().all(|instance| instance.weight == 0);
    instances.into_iter().filter(|instance| are_all_zero || instance.weight > 0).collect()
}

/// Whether an instance is reached over UDP.
pub(super) fn is_udp(instance: &RegisteredInstance) -> bool {
    instance.registration.protocol.as_deref() == Some("udp")
}
