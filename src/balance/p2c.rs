//! `p2c`: the less busy of two random ones.

use super::key::scale;
use super::{Backends, Balancer, PickKey, Picker, Slot, thread_random};

/// The less busy of two random ones, by calls in flight for the weight (power of two choices, Mitzenmacher 1996). Nearly as
/// even as [`LeastConnections`](super::LeastConnections), at the same cost for any number of backends.
#[derive(Clone, Copy, Debug, Default)]
pub struct P2c;

impl Balancer for P2c {
    fn name(&self) -> &'static str {
        "p2c"
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        Box::new(LessBusy { slots: backends.slots().into() })
    }
}

#[derive(Debug)]
struct LessBusy {
    slots: Box<[Slot]>,
}

impl Picker for LessBusy {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let (one, other) = two_of(&self.slots)?;
        Some(if is_busier(one, other) { other.index } else { one.index })
    }
}

/// Two different random ones; the same twice if there is only one.
pub(super) fn two_of(slots: &[Slot]) -> Option<(&Slot, &Slot)> {
    let length = u64::try_from(slots.len()).ok()?;
    let random = thread_random::next();
    let one = scale(random, length);
    // The low half is independent of the high half, which decided the first.
    let step = scale(random << 32, length.saturating_sub(1)) + 1;
    let other = if one + step < slots.len() { one + step } else { (one + step).saturating_sub(slots.len()) };

    Some((slots.get(one)?, slots.get(other)?))
}

/// Whether `slot` has more calls in flight for its weight than `other`.
pub(super) fn is_busier(slot: &Slot, other: &Slot) -> bool {
    let load = u64::from(slot.load.in_flight()) * u64::from(other.weight);
    let other_load = u64::from(other.load.in_flight()) * u64::from(slot.weight);
    load > other_load
}
