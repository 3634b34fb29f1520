//! Renewals on their way to the store. A client is answered at once; the store has them a second later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::registry::{Command, LeaseKey, LeaseRemainder, State};
use crate::store::StoredLease;

/// The most renewals that are stored at once.
const MAX_RENEWALS: usize = 10_000;
/// The most renewals with changes that wait for the store. Each is at most as long as a request.
const MAX_POSTPONED: usize = 10_000;

/// Renewals on their way to the store.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    renewed: HashSet<Arc<str>>,
    /// Those of the request that is on its way.
    in_flight: HashSet<Arc<str>>,
    /// Renewals that came while the store was away, and change more than a lease. The last one of an instance counts.
    postponed: HashMap<Arc<str>, Command>,
}

impl Outbox {
    /// Adds the renewal of an instance.
    pub(super) fn renew(&mut self, id: Arc<str>) {
        self.renewed.insert(id);
    }

    /// Whether there is room for these renewals until the store is back.
    pub(super) fn has_room_for(&self, commands: &[Command]) -> bool {
        let new: HashSet<Arc<str>> =
            commands.iter().filter_map(Command::subject).filter(|id| !self.postponed.contains_key(id)).collect();
        self.postponed.len() + new.len() <= MAX_POSTPONED
    }

    /// Keeps a renewal until the store is back.
    pub(super) fn postpone(&mut self, id: Arc<str>, command: Command) {
        self.postponed.insert(id, command);
    }

    /// The renewals that waited for the store.
    pub(super) fn take_postponed(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.postponed).into_values().collect()
    }

    /// The leases to store now.
    pub(super) fn send(&mut self, state: &State, now: Duration) -> Vec<StoredLease> {
        let ids: Vec<Arc<str>> = self.renewed.iter().take(MAX_RENEWALS).cloned().collect();
        for id in &ids {
            self.renewed.remove(id);
        }
        let leases = ids.iter().flat_map(|id| state.leases_of(id, now)).map(stored).collect();
        self.in_flight.extend(ids);
        leases
    }

    /// What was sent is stored.
    pub(super) fn sent(&mut self) {
        self.in_flight.clear();
    }

    /// What was sent is not stored: it is sent again.
    pub(super) fn failed(&mut self) {
        self.renewed.extend(self.in_flight.drain());
    }
}

/// A lease as the store has it.
pub(crate) fn stored(known: LeaseRemainder) -> StoredLease {
    let LeaseRemainder { lease, remaining } = known;
    StoredLease { lasts: remaining, ..key(lease) }
}

/// A lease that is asked for.
pub(super) fn key(lease: LeaseKey) -> StoredLease {
    // The lease of the instance itself stands before those of its checks.
    let slot = lease.check.map_or(0, |check| i16::from(check) + 1);
    StoredLease { id: lease.id, slot, generation: lease.generation, lasts: Duration::ZERO }
}

/// A lease as the rules have it; `None` if no server of this version stored it.
pub(super) fn known(stored: &StoredLease) -> Option<LeaseRemainder> {
    let check = match stored.slot {
        0 => None,
        slot => Some(u8::try_from(slot - 1).ok()?),
    };
    let lease = LeaseKey { id: Arc::clone(&stored.id), check, generation: stored.generation };
    Some(LeaseRemainder { lease, remaining: stored.lasts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_not_taken() {
        let renewal = |number: usize| Command::Renew { id: number.to_string().into(), generation: None, report: None };
        let mut outbox = Outbox::default();
        for number in 1..MAX_POSTPONED {
            outbox.postpone(number.to_string().into(), renewal(number));
        }

        assert!(outbox.has_room_for(&[renewal(0), renewal(0), renewal(1)]), "one is new");
        assert!(!outbox.has_room_for(&[renewal(0), renewal(MAX_POSTPONED)]));
        outbox.postpone("0".into(), renewal(0));
        assert!(outbox.has_room_for(&[renewal(0)]) && !outbox.has_room_for(&[renewal(MAX_POSTPONED)]));
        assert_eq!(outbox.take_postponed().len(), MAX_POSTPONED);
    }
}
