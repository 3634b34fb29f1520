//! `least_connections`: the one with the fewest calls in flight.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::p2c::is_busier;
use super::{Backends, Balancer, PickKey, Picker, Slot};

/// The one with the fewest calls in flight for its weight. Looks at all of them: for large sets take
/// [`P2c`](super::P2c).
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastConnections;

impl Balancer for LeastConnections {
    fn name(&self) -> &'static str {
        "least_connections"
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        let start = usize::try_from(backends.start() >> 1).unwrap_or(0);
        Box::new(Idlest { slots: backends.slots().into(), start: AtomicUsize::new(start) })
    }
}

#[derive(Debug)]
struct Idlest {
    slots: Box<[Slot]>,
    /// Where the search begins: equally idle ones take turns.
    start: AtomicUsize,
}

impl Picker for Idlest {
    fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
        let start = self.start.fetch_add(1, Ordering::Relaxed).checked_rem(self.slots.len())?;
        let (before, after) = self.slots.split_at_checked(start)?;
        let mut slots = after.iter().chain(before);

        let mut idlest = slots.next()?;
        for slot in slots {
            if is_busier(idlest, slot) {
                idlest = slot;
            }
        }
        Some(idlest.index)
    }

    fn order(&self, _key: PickKey<'_>) -> Vec<usize> {
        let start = self.start.fetch_add(1, Ordering::Relaxed).checked_rem(self.slots.len()).unwrap_or(0);
        let mut slots: Vec<&Slot> = self.slots.iter().collect();
        slots.rotate_left(start);
        // Calls come and go meanwhile: each is looked at once.
        slots.sort_by_cached_key(|slot| (u64::from(slot.load.in_flight()) << 16) / u64::from(slot.weight));
        slots.iter().map(|slot| slot.index).collect()
    }
}
