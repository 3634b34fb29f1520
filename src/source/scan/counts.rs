//! The number of ports of each host in each state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::done::FinishedProbes;
use super::plan_part::PlanPart;
use crate::model::PortState;

/// A count for each host and state. All threads of a scan share it.
#[derive(Debug)]
pub(super) struct Counts(Vec<[AtomicU32; PortState::ALL.len()]>);

/// Larger scans count all hosts together: memory stays flat in the number of targets.
const MAX_HOSTS: u64 = 1 << 14;

impl Counts {
    /// With the finished probes of earlier runs. `None` for more than [`MAX_HOSTS`] hosts.
    pub(super) fn of(hosts: u64, part: &PlanPart, done: Option<&FinishedProbes>) -> Option<Arc<Self>> {
        let length = usize::try_from(hosts).ok().filter(|_| hosts <= MAX_HOSTS)?;
        let mut counts = Vec::new();
        counts.resize_with(length, Default::default);

        let counts = Self(counts);
        if let Some(done) = done.filter(|done| done.count() > 0) {
            let probes = (0..hosts).flat_map(|host| part.ports.iter().map(move |port| (host, port)));
            for (host, port) in probes {
                if let Some(state) = done.state(host, port, part.transport) {
                    counts.count(host, state);
                }
            }
        }
        Some(Arc::new(counts))
    }

    /// Counts a port of a host.
    pub(super) fn count(&self, host: u64, state: PortState) {
        if let Some(host) = usize::try_from(host).ok().and_then(|host| self.0.get(host)) {
            host[state as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each host with at least one finished port, and its number of ports in each state.
    pub(super) fn known(&self) -> impl Iterator<Item = (u64, [u64; PortState::ALL.len()])> {
        let counts = self.0.iter().map(|host| host.each_ref().map(|count| u64::from(count.load(Ordering::Relaxed))));
        (0..).zip(counts).filter(|(_, counts)| counts.iter().any(|&count| count > 0))
    }
}
