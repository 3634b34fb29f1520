//! `round_robin`: each in turn.

use std::sync::atomic::{AtomicU64, Ordering};

use super::order::distinct;
use super::{Backends, Balancer, PickKey, Picker};

/// Each in turn, in the order of the set. Weights do not matter, except 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Balancer for RoundRobin {
    fn name(&self) -> &'static str {
        "round_robin"
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        let order: Box<[usize]> = backends.slots().iter().map(|slot| slot.index).collect();
        let count = order.len();
        Box::new(Cycle::new(order, count, backends.start()))
    }
}

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
        Self { order, backends, calls: AtomicU64::new(start) }
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
        distinct(after.iter().chain(before).copied(), self.backends)
    }
}
