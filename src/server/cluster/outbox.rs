//! Renewals on their way to the store. A client is answered at once.
//!
//! The other servers need not know of each renewal: only that a lease goes on, before they would let it expire. Until when
//! they know a lease may therefore lag behind by the grace period at most. If this server crashes, its leases still last for
//! one ttl after their last renewal; while it runs, each lease that ends is stored to the second.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::registry::{Command, LeaseKey, LeaseRemainder, State};
use crate::store::StoredLease;

/// The most renewals that are stored at once.
const MAX_RENEWALS: usize = 20_000;
/// The most renewals with changes that wait for the store. Each is at most as long as a request.
const MAX_POSTPONED: usize = 10_000;
/// How long before its end in the store a lease that was renewed since is stored at the latest: the others read it within two
/// seconds.
const STORE_AHEAD: Duration = Duration::from_secs(4);

/// Tells leases apart: the id of the instance, and the slot.
type Slot = (Arc<str>, i16);

/// What the store has of a lease.
#[derive(Clone, Copy, Debug)]
struct StoredRenewal {
    generation: u64,
    /// When it ends there.
    until: Duration,
    /// Whether this server has taken a renewal since that it did not store. Those that came elsewhere are stored by the server
    /// that took them.
    is_outdated: bool,
}

/// Renewals on their way to the store.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    renewed: HashSet<Arc<str>>,
    /// Those that are looked at first, because more were renewed than are stored at once.
    queue: VecDeque<Arc<str>>,
    /// The number of the last portion that was sent.
    portion: u64,
    /// Those of the request that is on its way, and when it was made.
    in_flight: (Duration, Vec<StoredLease>),
    /// What this server stored, of leases that end later than [`STORE_AHEAD`].
    stored: HashMap<Slot, StoredRenewal>,
    /// The same, with the time at which each is looked at again.
    ends: BTreeSet<(Duration, Slot)>,
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

    /// The leases to store now, and the number of this portion.
    pub(super) fn send(&mut self, state: &State, now: Duration) -> (u64, Vec<StoredLease>) {
        self.look_at_ends(state, now);
        if self.queue.is_empty() {
            self.queue.extend(self.renewed.drain());
        }

        let mut leases = Vec::new();
        while leases.len() < MAX_RENEWALS
            && let Some(id) = self.queue.pop_front()
        {
            for known in state.leases_of(&id, now) {
                if self.has_to_know(&known, state.rules().grace, now) {
                    leases.push(stored(known));
                } else {
                    self.note_outdated(known.lease);
                }
            }
        }
        self.in_flight = (now, leases.clone());
        self.portion += 1;
        (self.portion, leases)
    }

    /// Whether more waits than was sent.
    pub(super) fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What ends soon in the store was perhaps renewed here since; otherwise it is forgotten.
    fn look_at_ends(&mut self, state: &State, now: Duration) {
        while self.ends.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, slot)) = self.ends.pop_first()
        {
            let Some(stored) = self.stored.remove(&slot).filter(|stored| stored.is_outdated) else { continue };
            let (id, number) = slot;
            let was_renewed = state.leases_of(&id, now).into_iter().any(|known| {
                let expires = now + known.remaining;
                key(known.lease).slot == number && expires > stored.until
            });
            if was_renewed {
                self.renewed.insert(id);
            }
        }
    }

    /// Whether the store has to learn of a renewal now.
    fn has_to_know(&self, known: &LeaseRemainder, grace: Duration, now: Duration) -> bool {
        let key = key(known.lease.clone());
        let stored = self.stored.get(&(key.id, key.slot)).filter(|stored| stored.generation == key.generation);
        let Some(stored) = stored else { return true };
        let lag = (now + known.remaining).saturating_sub(stored.until);
        // What has no grace period has nothing to lose.
        let has_grace = key.slot == 0 && !known.lease.is_of_agent();
        let allowed = if has_grace { grace.min(known.remaining / 2) } else { Duration::ZERO };
        !lag.is_zero() && lag >= allowed
    }

    /// Notes that the store does not have the last renewal of a lease.
    fn note_outdated(&mut self, lease: LeaseKey) {
        let key = key(lease);
        if let Some(stored) = self.stored.get_mut(&(key.id, key.slot)) {
            stored.is_outdated = true;
        }
    }

    /// What was sent is stored.
    pub(super) fn sent(&mut self) {
        let (at, leases) = std::mem::take(&mut self.in_flight);

        for StoredLease { id, slot, generation, lasts } in leases {
            let slot = (id, slot);
            if let Some(before) = self.stored.remove(&slot) {
                self.ends.remove(&(before.until.saturating_sub(STORE_AHEAD), slot.clone()));
            }
            if lasts > STORE_AHEAD {
                let until = at + lasts;
                self.ends.insert((until.saturating_sub(STORE_AHEAD), slot.clone()));
                self.stored.insert(slot, StoredRenewal { generation, until, is_outdated: false });
            }
        }
    }

    /// What was sent is not stored: it is sent again.
    pub(super) fn failed(&mut self) {
        let (_, leases) = std::mem::take(&mut self.in_flight);
        self.renewed.extend(leases.into_iter().map(|lease| lease.id));
    }

    /// What the store has is no longer known: everything is stored again.
    pub(super) fn forget_stored(&mut self) {
        self.ends.clear();
        self.renewed.extend(self.stored.drain().map(|((id, _), _)| id));
    }
}

/// A lease as the store has it.
pub(super) fn stored(known: LeaseRemainder) -> StoredLease {
    let LeaseRemainder { lease, remaining } = known;
    StoredLease { lasts: remaining, ..key(lease) }
}

/// The lease itself.
fn key(lease: LeaseKey) -> StoredLease {
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
    use crate::model::{Registration, Timestamp};
    use crate::registry::{Now, Rules};

    const ID: &str = "6f2d3b0e-0b0c-4c39-9d6c-7e1f6f5f7a11";

    /// A registry with one instance, whose ttl is 10 s, with 15 s of grace; and what this server stores of it.
    struct Case {
        state: State,
        outbox: Outbox,
    }

    impl Case {
        fn new(grace: u64) -> Self {
            let mut state = State::new(Rules { grace: seconds(grace), ..Rules::default() });
            let web = Registration::new("web", "10.0.0.5:80".parse().unwrap()).id(ID).ttl(seconds(10));
            state.step(Command::Register(Arc::new(web)), at(seconds(0))).unwrap();
            Self { state, outbox: Outbox::default() }
        }

        fn renew(&mut self, now: Duration) {
            let command = Command::Renew { id: ID.into(), generation: None, report: None };
            self.state.step(command, at(now)).unwrap();
            self.outbox.renew(ID.into());
        }

        /// What is sent, as the time at which the lease ends.
        fn sent(&mut self, now: Duration) -> Option<Duration> {
            let (_, leases) = self.outbox.send(&self.state, now);
            self.outbox.sent();
            assert!(leases.len() <= 1, "{leases:?}");
            leases.first().map(|lease| now + lease.lasts)
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(elapsed: Duration) -> Now {
        Now { elapsed, wall: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_lease_lags_behind_by_the_grace_period_at_most_and_is_exact_when_it_ends() {
        let mut case = Case::new(15);
        let mut stored = Vec::new();
        let mut until = seconds(0);
        for now in (0..60).map(seconds) {
            if now.as_secs().is_multiple_of(3) {
                case.renew(now);
            }
            if let Some(end) = case.sent(now) {
                stored.push(now.as_secs());
                until = end;
            }
            let last = seconds(now.as_secs() / 3 * 3);
            assert!(until >= last + seconds(10), "it lasts for its ttl after the renewal at {last:?}");
        }
        assert_eq!(stored, [0, 15, 30, 45], "it was renewed 20 times");

        // It was last renewed at 57. The store learns of that in time, before it ends at another server.
        assert_eq!(until, seconds(70));
        let ends: Vec<(u64, u64)> =
            (60..90).filter_map(|now| Some((now, case.sent(seconds(now))?.as_secs()))).collect();
        assert_eq!(ends, [(66, 82)]);
        assert!(seconds(66 + 2) < until, "the others read it in time");
        assert!(case.outbox.stored.is_empty() && case.outbox.ends.is_empty(), "nothing is kept of what has ended");
    }

    #[test]
    fn what_has_no_room_until_the_store_is_back_is_not_taken() {
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

    #[test]
    fn without_a_grace_period_every_renewal_is_stored() {
        let mut case = Case::new(0);
        for now in (0..60).step_by(3).map(seconds) {
            case.renew(now);
            assert_eq!(case.sent(now), Some(now + seconds(10)));
        }
    }

    #[test]
    fn what_a_failed_request_or_another_store_may_lack_is_sent_again() {
        let mut case = Case::new(15);
        case.renew(seconds(1));
        assert_eq!(case.outbox.send(&case.state, seconds(1)).1.len(), 1);
        case.outbox.failed();
        assert_eq!(case.sent(seconds(2)), Some(seconds(26)));
        assert_eq!(case.sent(seconds(3)), None);

        case.outbox.forget_stored();
        assert_eq!(case.sent(seconds(4)), Some(seconds(26)));
    }

    #[test]
    fn more_renewals_than_are_sent_at_once_wait_in_their_order() {
        let mut case = Case::new(15);
        for number in 0..MAX_RENEWALS + 5 {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            let web = Registration::new("many", "10.0.0.5:80".parse().unwrap()).id(&id).ttl(seconds(10));
            case.state.step(Command::Register(Arc::new(web)), at(seconds(0))).unwrap();
            case.outbox.renew(id.into());
        }

        assert_eq!(case.outbox.send(&case.state, seconds(1)).1.len(), MAX_RENEWALS);
        case.outbox.sent();
        assert!(case.outbox.is_behind());
        case.renew(seconds(1));
        let ids: Vec<Arc<str>> =
            case.outbox.send(&case.state, seconds(1)).1.into_iter().map(|lease| lease.id).collect();
        assert!(ids.len() == 5 && !ids.contains(&Arc::from(ID)), "those that waited come first");
    }
}
