//! Finished probes and the states that they found, so that a resumed run repeats and forgets none.

use std::sync::atomic::{AtomicU64, Ordering};

use super::scan_counts::ScanCounts;
use crate::model::{PortState, Ports, Transport};

/// Whether each probe of a scan has finished, and the state that it found. All threads of a scan share it.
#[derive(Debug)]
pub(super) struct FinishedProbes {
    bits: Vec<AtomicU64>,
    /// The low and the high bit of each state's code.
    low: Vec<AtomicU64>,
    high: Vec<AtomicU64>,
    /// The index of each port among the ports of the scan.
    indexes: Vec<u16>,
    ports: u64,
}

/// A copy of the bits of a scan.
#[derive(Clone, Debug, Default)]
pub(super) struct DoneBits {
    pub(super) done: Vec<u64>,
    pub(super) low: Vec<u64>,
    pub(super) high: Vec<u64>,
}

const BITS: u64 = u64::BITS as u64;

/// The code of a state, in two bits: `filtered` is the silence of TCP, `no-answer` that of UDP.
fn code(state: PortState) -> (bool, bool) {
    match state {
        PortState::Closed => (false, false),
        PortState::Filtered | PortState::NoAnswer => (false, true),
        PortState::Unreachable => (true, false),
        // Hosts are not resumed.
        PortState::Open | PortState::Up => (true, true),
    }
}

/// The state of a code.
fn state((high, low): (bool, bool), transport: Transport) -> PortState {
    match (high, low) {
        (false, false) => PortState::Closed,
        (false, true) if transport == Transport::Udp => PortState::NoAnswer,
        (false, true) => PortState::Filtered,
        (true, false) => PortState::Unreachable,
        (true, true) => PortState::Open,
    }
}

fn is_set(plane: &[AtomicU64], word: usize, bit: u64) -> bool {
    plane.get(word).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
}

/// A copy of the bits of `plane` that `mask` has too.
fn masked(plane: &[AtomicU64], mask: &[u64]) -> Vec<u64> {
    plane.iter().zip(mask).map(|(word, mask)| word.load(Ordering::Relaxed) & mask).collect()
}

impl FinishedProbes {
    /// `bits` comes from an earlier [`snapshot`](Self::snapshot).
    pub(super) fn new(hosts: u64, ports: &Ports, bits: DoneBits) -> Self {
        let mut indexes = vec![0; usize::from(u16::MAX) + 1];
        for (port, index) in ports.iter().zip(0..=u16::MAX) {
            indexes[usize::from(port)] = index;
        }

        let ports = ports.len() as u64;
        let words = usize::try_from((hosts * ports).div_ceil(BITS)).unwrap_or(usize::MAX);
        let [bits, low, high] = [bits.done, bits.low, bits.high].map(|bits| {
            let mut bits: Vec<AtomicU64> = bits.into_iter().map(AtomicU64::new).collect();
            bits.resize_with(words, AtomicU64::default);
            bits
        });

        Self { bits, low, high, indexes, ports }
    }

    /// Marks a probe as finished. The caller hands its result over first.
    pub(super) fn set(&self, host: u64, port: u16, state: PortState) {
        let (word, bit) = self.position(host, port);
        let (high, low) = code(state);
        for (planes, is_set) in [(&self.high, high), (&self.low, low)] {
            if let Some(plane) = planes.get(word).filter(|_| is_set) {
                plane.fetch_or(bit, Ordering::Relaxed);
            }
        }

        // The state becomes visible before the probe counts as finished.
        if let Some(word) = self.bits.get(word) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// The state that a finished probe found.
    pub(super) fn state(&self, host: u64, port: u16, transport: Transport) -> Option<PortState> {
        let (word, bit) = self.position(host, port);
        self.has(host, port).then(|| state((is_set(&self.high, word, bit), is_set(&self.low, word, bit)), transport))
    }

    /// The number of finished probes in each state.
    pub(super) fn counts(&self, transport: Transport) -> ScanCounts {
        let mut counts = ScanCounts::default();
        for ((done, low), high) in self.bits.iter().zip(&self.low).zip(&self.high) {
            let [done, low, high] = [done, low, high].map(|word| word.load(Ordering::Relaxed));
            for (is_high, is_low) in [(false, false), (false, true), (true, false), (true, true)] {
                let of_low = if is_low { low } else { !low };
                let of_high = if is_high { high } else { !high };
                let number = (done & of_low & of_high).count_ones();
                counts.count_many(state((is_high, is_low), transport), number.into());
            }
        }
        counts
    }

    /// Whether a probe has finished.
    pub(super) fn has(&self, host: u64, port: u16) -> bool {
        let (word, bit) = self.position(host, port);
        is_set(&self.bits, word, bit)
    }

    /// The number of finished probes.
    pub(super) fn count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum()
    }

    /// A copy of the current bits.
    pub(super) fn snapshot(&self) -> DoneBits {
        let done: Vec<u64> = self.bits.iter().map(|word| word.load(Ordering::Acquire)).collect();
        // Probes that finished since then count as not finished, so their states do not either.
        DoneBits { low: masked(&self.low, &done), high: masked(&self.high, &done), done }
    }

    /// Whether a probe had finished when `snapshot` was taken.
    pub(super) fn had(&self, snapshot: &DoneBits, host: u64, port: u16) -> bool {
        let (word, bit) = self.position(host, port);
        snapshot.done.get(word).is_some_and(|word| word & bit != 0)
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

    const STATES: [PortState; 4] = [PortState::Open, PortState::Closed, PortState::Filtered, PortState::Unreachable];

    /// The state in which the probe of a port finds it.
    fn found(host: u64, port: u16) -> PortState {
        STATES[(usize::try_from(host).unwrap() + usize::from(port)) % STATES.len()]
    }

    proptest! {
        /// Runs that stop at any point and resume, each in its own order, send every probe exactly once.
        #[test]
        fn resumed_runs_send_every_probe_exactly_once(
            hosts in 1_u64..20, ports in prop::collection::btree_set(1_u16.., 1..40),
            runs in prop::collection::vec((0_usize..300, any::<u64>()), 1..6),
        ) {
            let set: Ports = ports.iter().copied().collect();
            let (mut left, mut probed) = (DoneBits::default(), BTreeSet::new());
            let last = (usize::MAX, 7);

            for (stop, seed) in runs.into_iter().chain([last]) {
                let (order, done) = (ProbeOrder::new(hosts, &set, seed), FinishedProbes::new(hosts, &set, left));
                let all = (0..order.steps()).flat_map(|step| (0..hosts).map(move |index| (index, step)));
                let probes = all.map(|(index, step)| (order.host(index), order.port(order.host(index), step)));

                for (host, port) in probes.filter(|&(host, port)| !done.has(host, port)).take(stop) {
                    prop_assert!(probed.insert((host, port)), "probed twice");
                    done.set(host, port, found(host, port));
                }

                left = done.snapshot();
                prop_assert_eq!(done.count(), probed.len() as u64);
                prop_assert!(probed.iter().all(|&(host, port)| done.had(&left, host, port)));
                for &(host, port) in &probed {
                    prop_assert_eq!(done.state(host, port, Transport::Tcp), Some(found(host, port)));
                }
                for state in STATES {
                    let truth = probed.iter().filter(|&&(host, port)| found(host, port) == state).count();
                    prop_assert_eq!(done.counts(Transport::Tcp).of(state), truth as u64);
                }
            }

            prop_assert_eq!(probed.len() as u64, hosts * ports.len() as u64);
        }
    }
}
