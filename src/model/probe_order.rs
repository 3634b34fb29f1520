//! The order in which hosts and ports are probed.

use super::permutation::mix;
use super::{Permutation, Ports, ranked_ports};

/// The order of all (host, port) pairs, each exactly once, without a table of them.
///
/// Hosts are visited through a permutation, and each host's ports through one of its own: common ports first, in an
/// order that differs from host to host. Taking one port of each host in turn probes no host in a burst and no two
/// hosts on the same port at the same time.
#[derive(Clone, Debug)]
pub struct ProbeOrder {
    hosts: Permutation,
    /// At most 65,535: the common ones, then the rest.
    ports: Vec<u16>,
    likely: u64,
    seed: u64,
}

/// Number of ports at the top of the ranking that count as common.
const LIKELY: usize = 256;

impl ProbeOrder {
    /// The order for `hosts` hosts and these ports; the seed selects the order.
    pub fn new(hosts: u64, ports: &Ports, seed: u64) -> Self {
        let likely: Vec<u16> = ranked_ports().take(LIKELY).filter(|&port| ports.contains(port)).collect();
        let rest = ports.without(&likely.iter().copied().collect());
        let count = likely.len() as u64;
        let ports = likely.into_iter().chain(rest.iter()).collect();
        Self { hosts: Permutation::new(hosts, seed), ports, likely: count, seed }
    }

    /// The number of steps per host: one per port.
    pub fn steps(&self) -> u32 {
        // At most 65,535.
        u32::try_from(self.ports.len()).unwrap_or(u32::MAX)
    }

    /// The number of the host at this position.
    pub fn host(&self, place: u64) -> u64 {
        self.hosts.at(place)
    }

    /// The port to probe on a host at this step, below [`steps`](Self::steps).
    pub fn port(&self, host: u64, step: u32) -> u16 {
        let (step, seed) = (u64::from(step), mix(self.seed ^ host));
        let at = if step < self.likely {
            Permutation::new(self.likely, seed).at(step)
        } else {
            let rest = self.ports.len() as u64 - self.likely;
            self.likely + Permutation::new(rest, seed).at(step - self.likely)
        };
        usize::try_from(at).ok().and_then(|at| self.ports.get(at)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_pair_comes_exactly_once(hosts in 1_u64..40, ports in prop::collection::btree_set(1_u16.., 1..60), seed: u64) {
            let set: Ports = ports.iter().copied().collect();
            let order = ProbeOrder::new(hosts, &set, seed);
            let mut seen = BTreeSet::new();
            for place in 0..hosts {
                let host = order.host(place);
                for step in 0..order.steps() {
                    prop_assert!(seen.insert((host, order.port(host, step))), "a pair comes twice");
                }
            }
            let all: BTreeSet<_> = (0..hosts).flat_map(|host| ports.iter().map(move |&port| (host, port))).collect();
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn likely_ports_come_first_and_in_another_order_for_each_host() {
        let order = ProbeOrder::new(2, &Ports::all(), 1);
        let likely = u32::try_from(LIKELY).unwrap();
        let first = |host| (0..likely).map(|step| order.port(host, step)).collect::<Vec<_>>();
        assert!(first(0).contains(&22) && first(1).contains(&22));
        assert_ne!(first(0), first(1));
    }
}
