//! `weighted_round_robin`: each in turn as often as its weight says, spread evenly.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cycle::Cycle;
use super::key::scale;
use super::{Backends, Balancer, PickKey, Picker, Slot};

/// Each in turn as often as its weight says, smoothly: the sequence of nginx, which is `a a b a c a a` for the weights 5, 1
/// and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedRoundRobin;

/// The work that preparing an exact sequence may take: its length times the number of backends. About 10 ms.
const MAX_WORK: u64 = 4 << 20;

impl Balancer for WeightedRoundRobin {
    fn name(&self) -> &'static str {
        "weighted_round_robin"
    }

    fn uses_load(&self) -> bool {
        false
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        let slots = backends.slots();
        let divisor = slots.iter().map(|slot| slot.weight).fold(0, greatest_common_divisor).max(1);
        let total: u64 = slots.iter().map(|slot| u64::from(slot.weight / divisor)).sum();
        let work = total.saturating_mul(u64::try_from(slots.len()).unwrap_or(u64::MAX));

        if work <= MAX_WORK {
            Box::new(Cycle::new(smooth_sequence(&slots, divisor), slots.len(), backends.start()))
        } else {
            Box::new(EvenSpread::new(&slots, backends.start()))
        }
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Each step raises every backend by its weight, takes the highest, and lowers that one by the sum of the weights.
fn smooth_sequence(slots: &[Slot], divisor: u32) -> Box<[usize]> {
    let weights: Vec<i64> = slots.iter().map(|slot| i64::from(slot.weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut current = vec![0_i64; weights.len()];
    let mut sequence = Vec::with_capacity(usize::try_from(total).unwrap_or(0));

    for _ in 0..total {
        let mut highest = 0;
        for (at, weight) in weights.iter().enumerate() {
            current[at] += weight;
            if current[at] > current[highest] {
                highest = at;
            }
        }
        current[highest] -= total;
        sequence.push(slots[highest].index);
    }
    sequence.into()
}

/// For weights whose exact sequence would be too long: multiples of the golden ratio, which are spread evenly at every
/// length, choose points on a line on which each backend has as much room as its weight.
#[derive(Debug)]
struct EvenSpread {
    /// Where the room of each backend ends.
    ends: Box<[u64]>,
    indexes: Box<[usize]>,
    calls: AtomicU64,
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl EvenSpread {
    fn new(slots: &[Slot], start: u64) -> Self {
        let mut sum = 0;
        let mut ends = Vec::with_capacity(slots.len());
        for slot in slots {
            sum += u64::from(slot.weight);
            ends.push(sum);
        }

        Self {
            ends: ends.into(),
            indexes: slots.iter().map(|slot| slot.index).collect(),
            calls: AtomicU64::new(start.wrapping_mul(GOLDEN)),
        }
    }
}

impl Picker for EvenSpread {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let point = self.calls.fetch_add(GOLDEN, Ordering::Relaxed);
        let total = self.ends.last().copied()?;
        let place = u64::try_from(scale(point, total)).ok()?;

        self.indexes.get(self.ends.partition_point(|end| *end <= place)).copied()
    }
}
