//! `round_robin`: each in turn.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Backends, Balancer, PickKey, Picker};

/// Each in turn, in the order of the set. Weights do not matter, except 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Balancer for RoundRobin {
    fn name(&self) -> &'static str {
        "round_robin"
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        let order = backends.slots().iter().map(|slot| slot.index).collect();
        Box::new(Cycle::new(order, backends.start()))
    }
}

/// A sequence that repeats.
#[derive(Debug)]
pub(super) struct Cycle {
    order: Box<[usize]>,
    calls: AtomicU64,
}

impl Cycle {
    pub(super) fn new(order: Box<[usize]>, start: u64) -> Self {
        Self { order, calls: AtomicU64::new(start) }
    }
}

impl Picker for Cycle {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let length = u64::try_from(self.order.len()).ok()?;
        let at = usize::try_from(call.checked_rem(length)?).ok()?;

        self.order.get(at).copied()
    }
}
