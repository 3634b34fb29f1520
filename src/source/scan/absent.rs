//! Hosts that did not answer host discovery, for the plans that run later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bit for each host. All threads of a scan share it.
#[derive(Debug)]
pub(super) struct Absent(Vec<AtomicU64>);

/// More hosts would take more than 32 MB; each of them is then scanned.
const MAX_HOSTS: u64 = 1 << 28;
const BITS: u64 = u64::BITS as u64;

impl Absent {
    /// `None` for more than [`MAX_HOSTS`] hosts.
    pub(super) fn new(hosts: u64) -> Option<Arc<Self>> {
        let words = usize::try_from(hosts.div_ceil(BITS)).ok().filter(|_| hosts <= MAX_HOSTS)?;
        let mut bits = Vec::new();
        bits.resize_with(words, AtomicU64::default);
        Some(Arc::new(Self(bits)))
    }

    /// Marks a host as absent.
    pub(super) fn set(&self, host: u64) {
        if let Some(word) = self.word(host) {
            word.fetch_or(1 << (host % BITS), Ordering::Relaxed);
        }
    }

    /// Whether a host is marked as absent.
    pub(super) fn has(&self, host: u64) -> bool {
        self.word(host).is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (host % BITS)) != 0)
    }

    fn word(&self, host: u64) -> Option<&AtomicU64> {
        self.0.get(usize::try_from(host / BITS).ok()?)
    }
}
