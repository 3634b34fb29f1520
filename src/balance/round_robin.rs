//! `round_robin`: each in turn.

use super::cycle::Cycle;
use super::{Backends, Balancer, Picker, WeightedRoundRobin};

/// Each in turn, in the order of the set. Weights do not matter, except 0, unless the traffic of the service is split.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Balancer for RoundRobin {
    fn name(&self) -> &'static str {
        "round_robin"
    }

    fn uses_load(&self) -> bool {
        false
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        if backends.is_split() {
            return WeightedRoundRobin.picker(backends);
        }
        let order: Box<[usize]> = backends.slots().iter().map(|slot| slot.index).collect();
        let count = order.len();
        Box::new(Cycle::new(order, count, backends.start()))
    }
}
