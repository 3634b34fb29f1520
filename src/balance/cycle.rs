//! A sequence of backends that repeats.

use std::sync::atomic::{AtomicU64, Ordering};

use super::order::distinct;
use super::{PickKey, Picker};

/// A sequence that repeats.
#[derive(Debug)]
pub(super) struct Cycle {
    order: Box<[usize]>,
    /// How many different backends the sequence has.
    backends: usize,
    calls: AtomicU64,
}

impl Cycle {
    pub(super) fn new(order: Box<[usize]>, backends: usize, start: u64) -> Self {
        // Small numbers divide faster.
        let start = u64::try_from(order.len()).ok().and_then(|length| start.checked_rem(length));
        Self { order, backends, calls: AtomicU64::new(start.unwrap_or(0)) }
    }

    /// The place of the next call in the sequence.
    fn next(&self) -> Option<usize> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let length = u64::try_from(self.order.len()).ok()?;
        usize::try_from(call.checked_rem(length)?).ok()
    }
}

impl Picker for Cycle {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        self.order.get(self.next()?).copied()
    }

    fn order(&self, _key: PickKey<'_>) -> Vec<usize> {
        let Some((before, after)) = self.next().and_then(|start| self.order.split_at_checked(start)) else {
            return Vec::new();
        };
        let sequence = after.iter().chain(before).copied();
        // A sequence of this length has each backend once.
        if self.order.len() == self.backends { sequence.collect() } else { distinct(sequence, self.backends) }
    }
}
