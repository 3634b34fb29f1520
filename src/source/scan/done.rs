//! Finished probes, so that a resumed run does not repeat them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Ports;

/// A bit for each probe of a scan, set once it has finished. All threads of a scan share it.
#[derive(Debug)]
pub(super) struct Done {
    bits: Vec<AtomicU64>,
    /// The index of each port among the ports of the scan.
    indexes: Vec<u16>,
    ports: u64,
}

const BITS: u64 = u64::BITS as u64;

impl Done {
    /// `bits` comes from an earlier [`snapshot`](Self::snapshot).
    pub(super) fn new(hosts: u64, ports: &Ports, bits: Vec<u64>) -> Self {
        let mut indexes = vec![0; usize::from(u16::MAX) + 1];
        for (port, index) in ports.iter().zip(0..=u16::MAX) {
            indexes[usize::from(port)] = index;
        }

        let ports = ports.len() as u64;
        let words = usize::try_from((hosts * ports).div_ceil(BITS)).unwrap_or(usize::MAX);
        let mut bits: Vec<AtomicU64> = bits.into_iter().map(AtomicU64::new).collect();
        bits.resize_with(words, AtomicU64::default);

        Self { bits, indexes, ports }
    }

    /// Marks a probe as finished. The caller hands its result over first.
    pub(super) fn set(&self, host: u64, port: u16) {
        let (word, bit) = self.position(host, port);
        if let Some(word) = self.bits.get(word) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Whether a probe has finished.
    pub(super) fn has(&self, host: u64, port: u16) -> bool {
        let (word, bit) = self.position(host, port);
        self.bits.get(word).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// The number of finished probes.
    pub(super) fn count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum()
    }

    /// A copy of the current bits.
    pub(super) fn snapshot(&self) -> Vec<u64> {
        self.bits.iter().map(|word| word.load(Ordering::Acquire)).collect()
    }

    /// Whether a probe had finished when `snapshot` was taken.
    pub(super) fn had(&self, snapshot: &[u64], host: u64, port: u16) -> bool {
        let (word, bit) = self.position(host, port);
        snapshot.get(word).is_some_and(|word| word & bit != 0)
    }

    fn position(&self, host: u64, port: u16) -> (usize, u64) {
        let index = host * self.ports + u64::from(self.indexes[usize::from(port)]);
        (usize::try_from(index / BITS).unwrap_or(usize::MAX), 1 << (index % BITS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::ProbeOrder;

    proptest! {
        /// Runs that stop at any point and resume, each in its own order, send every probe exactly once.
        #[test]
        fn resumed_runs_send_every_probe_exactly_once(
            hosts in 1_u64..20, ports in prop::collection::btree_set(1_u16.., 1..40),
            runs in prop::collection::vec((0_usize..300, any::<u64>()), 1..6),
        ) {
            let set: Ports = ports.iter().copied().collect();
            let (mut left, mut probed) = (Vec::new(), BTreeSet::new());
            let last = (usize::MAX, 7);

            for (stop, seed) in runs.into_iter().chain([last]) {
                let (order, done) = (ProbeOrder::new(hosts, &set, seed), Done::new(hosts, &set, left));
                let all = (0..order.steps()).flat_map(|step| (0..hosts).map(move |index| (index, step)));
                let probes = all.map(|(index, step)| (order.host(index), order.port(order.host(index), step)));

                for (host, port) in probes.filter(|&(host, port)| !done.has(host, port)).take(stop) {
                    prop_assert!(probed.insert((host, port)), "probed twice");
                    done.set(host, port);
                }

                left = done.snapshot();
                prop_assert_eq!(done.count(), probed.len() as u64);
                prop_assert!(probed.iter().all(|&(host, port)| done.had(&left, host, port)));
            }

            prop_assert_eq!(probed.len() as u64, hosts * ports.len() as u64);
        }
    }
}
