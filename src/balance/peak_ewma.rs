//! `peak_ewma`: of two random ones, the one that is expected to reply sooner.

use super::p2c::two_of;
use super::{Backends, Balancer, PickKey, Picker, Slot};
use crate::engine::Clock;

/// Of two random ones, the one that is expected to reply sooner: by the moving average of its latency, in which a peak counts
/// at once, times its calls in flight (Finagle's Peak EWMA).
#[derive(Clone, Copy, Debug, Default)]
pub struct PeakEwma;

impl Balancer for PeakEwma {
    fn name(&self) -> &'static str {
        "peak_ewma"
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        Box::new(Sooner { slots: backends.slots().into(), clock: backends.clock().clone() })
    }

    fn uses_latency(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Sooner {
    slots: Box<[Slot]>,
    clock: Clock,
}

impl Picker for Sooner {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let (one, other) = two_of(&self.slots)?;
        let now = self.clock.now();
        let cost = one.load.cost(now).saturating_mul(u64::from(other.weight));
        let other_cost = other.load.cost(now).saturating_mul(u64::from(one.weight));

        Some(if cost > other_cost { other.index } else { one.index })
    }
}
