//! How many ports of each host are in which state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::model::PortState;

/// A count for each host and state. All threads of a scan share it.
#[derive(Debug)]
pub(super) struct Counts(Vec<[AtomicU32; PortState::ALL.len()]>);

/// More hosts are only counted together: memory stays flat in the number of targets.
const MAX_BYTES: u64 = 1 << 14;

impl Counts {
    /// For so many hosts; `None` where they are too many.
    pub(super) fn new(hosts: u64) -> Option<Arc<Self>> {
        let hosts = usize::try_from(hosts).ok().filter(|_| hosts <= MAX_BYTES)?;
        let mut counts = Vec::new();
        counts.resize_with(hosts, Default::default);
        Some(Arc::new(Self(counts)))
    }

    /// Counts a port of a host.
    pub(super) fn count(&self, host: u64, state: PortState) {
        if let Some(host) = usize::try_from(host).ok().and_then(|host| self.0.get(host)) {
            host[state as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Of each host of which anything is known, how many ports are in each state.
    pub(super) fn known(&self) -> impl Iterator<Item = (u64, [u64; PortState::ALL.len()])> {
        let counts = self.0.iter().map(|host| host.each_ref().map(|count| u64::from(count.load(Ordering::Relaxed))));
        (0..).zip(counts).filter(|(_, counts)| counts.iter().any(|&count| count > 0))
    }
}
