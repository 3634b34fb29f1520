//! The lookup table of Maglev (Eisenbud and others, 2016): consistent hashing in one memory access.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Slot;
use super::key::hash;
use super::order::distinct;

/// The number of entries: a prime, as the construction needs it. With 100 backends each has its share to within 2 %.
const ENTRIES: u64 = 65_537;
/// An entry that is not taken yet. So at most 65,535 backends take part; each has one entry at most by then.
const FREE: u16 = u16::MAX;

/// Which backend a hash leads to. Every process builds the same table from the same ids and weights.
#[derive(Debug)]
pub(super) struct MaglevTable {
    entries: Box<[u16]>,
    indexes: Box<[usize]>,
    /// Counts calls without a key, which take turns.
    turn: AtomicU64,
}

/// The order in which a backend wants the entries.
struct Preference {
    next: u64,
    step: u64,
    /// Turns that it has saved up; a turn costs the highest weight.
    credit: u32,
    weight: u32,
}

impl Preference {
    fn new(slot: &Slot) -> Self {
        let id = slot.id.as_bytes();
        Self { next: hash(id, 1) % ENTRIES, step: hash(id, 2) % (ENTRIES - 1) + 1, credit: 0, weight: slot.weight }
    }

    /// Takes the next free entry in its order. There must be one.
    fn take(&mut self, entries: &mut [u16], backend: u16) {
        loop {
            let entry = usize::try_from(self.next).ok().and_then(|at| entries.get_mut(at));
            self.next = (self.next + self.step) % ENTRIES;
            if let Some(entry) = entry.filter(|entry| **entry == FREE) {
                *entry = backend;
                return;
            }
        }
    }
}

impl MaglevTable {
    /// The table for these backends. The order in which they are given does not matter.
    pub(super) fn new(mut slots: Vec<Slot>, start: u64) -> Self {
        slots.sort_by(|one, other| one.id.cmp(&other.id));
        slots.truncate(usize::from(FREE));

        let mut preferences: Vec<Preference> = slots.iter().map(Preference::new).collect();
        let highest = preferences.iter().map(|preference| preference.weight).max().unwrap_or(1);
        let entries = if slots.is_empty() { Box::default() } else { filled(&mut preferences, highest) };

        Self { entries, indexes: slots.iter().map(|slot| slot.index).collect(), turn: AtomicU64::new(start) }
    }

    /// The backend for a hash; without one, they take turns.
    pub(super) fn at(&self, hash: Option<u64>) -> Option<usize> {
        match hash {
            Some(hash) => {
                let entry = self.entries.get(usize::try_from(hash % ENTRIES).ok()?)?;
                self.indexes.get(usize::from(*entry)).copied()
            }
            None => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let length = u64::try_from(self.indexes.len()).ok()?;
                self.indexes.get(usize::try_from(turn.checked_rem(length)?).ok()?).copied()
            }
        }
    }

    /// The backends for a hash, the one of [`at`](Self::at) first: if that fails, its keys spread over all others. Without a
    /// hash, they take turns.
    pub(super) fn order(&self, hash: Option<u64>) -> Vec<usize> {
        let count = self.indexes.len();
        let Some(hash) = hash else {
            let mut order = self.indexes.to_vec();
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let start = u64::try_from(count).ok().and_then(|length| turn.checked_rem(length)).unwrap_or(0);
            order.rotate_left(usize::try_from(start).unwrap_or(0));
            return order;
        };

        let start = usize::try_from(hash % ENTRIES).unwrap_or(0);
        let (before, after) = self.entries.split_at_checked(start).unwrap_or_default();
        let entries = after.iter().chain(before);
        distinct(entries.filter_map(|entry| self.indexes.get(usize::from(*entry)).copied()), count)
    }
}

/// Lets the backends take entries in turns until none is free, those with a lower weight less often.
fn filled(preferences: &mut [Preference], highest: u32) -> Box<[u16]> {
    let mut entries: Box<[u16]> = (0..ENTRIES).map(|_| FREE).collect();
    let mut free = entries.len();

    while free > 0 {
        for (backend, preference) in (0..FREE).zip(preferences.iter_mut()) {
            preference.credit += preference.weight;
            if preference.credit < highest {
                continue;
            }
            preference.credit -= highest;
            preference.take(&mut entries, backend);

            free -= 1;
            if free == 0 {
                break;
            }
        }
    }
    entries
}
