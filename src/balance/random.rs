//! `random`: any of them, in proportion to the weights.

use super::key::scale;
use super::{Backends, Balancer, PickKey, Picker, thread_random};

/// Any of them, with a probability in proportion to its weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Balancer for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn uses_load(&self) -> bool {
        false
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        let mut total = 0;
        let mut ends = Vec::new();
        for slot in backends.slots() {
            total += u64::from(slot.weight);
            ends.push((total, slot.index));
        }
        Box::new(Draw { total, ends: ends.into() })
    }
}

#[derive(Debug)]
struct Draw {
    total: u64,
    /// The sum of the weights up to each backend, and its index.
    ends: Box<[(u64, usize)]>,
}

impl Picker for Draw {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let place = u64::try_from(scale(thread_random::next(), self.total)).ok()?;
        let at = self.ends.partition_point(|(end, _)| *end <= place);

        self.ends.get(at).map(|(_, index)| *index)
    }

    fn order(&self, key: PickKey<'_>) -> Vec<usize> {
        let Some(first) = self.pick(key) else { return Vec::new() };
        let others = self.ends.iter().map(|(_, index)| *index).filter(|index| *index != first);
        let mut order: Vec<usize> = std::iter::once(first).chain(others).collect();

        // Fisher and Yates, without the first.
        for last in (2..order.len()).rev() {
            let choices = u64::try_from(last).unwrap_or(u64::MAX);
            order.swap(last, 1 + scale(thread_random::next(), choices));
        }
        order
    }
}
