//! What was recorded a moment ago: the use of a credential from an address, or a write that changed nothing, is recorded once
//! in an interval, not for each request.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// The most uses that are remembered.
const MAX_USES: usize = 4_096;

/// What is known of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// There was none in the interval.
    New,
    /// There was one, which could not be recorded.
    Postponed,
    /// One was recorded.
    Known,
}

/// The last record of each use, by a hash of what tells it apart.
#[derive(Debug)]
pub(super) struct RecentUses {
    interval: Duration,
    /// When it was recorded, or was not.
    uses: HashMap<u64, (Duration, Use)>,
    hasher: RandomState,
}

impl RecentUses {
    /// Uses that are recorded again after `interval`.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, uses: HashMap::new(), hasher: RandomState::new() }
    }

    /// What is known of a use at `now`, the time of a monotonic clock.
    pub(super) fn find(&self, what: &impl Hash, now: Duration) -> Use {
        let known = self.uses.get(&self.hasher.hash_one(what));
        known.filter(|(at, _)| now.saturating_sub(*at) < self.interval).map_or(Use::New, |(_, known)| *known)
    }

    /// A use was recorded.
    pub(super) fn note(&mut self, what: &impl Hash, now: Duration) {
        self.insert(what, (now, Use::Known));
    }

    /// A use could not be recorded: the next one is to be.
    pub(super) fn postpone(&mut self, what: &impl Hash, now: Duration) {
        self.insert(what, (now, Use::Postponed));
    }

    fn insert(&mut self, what: &impl Hash, known: (Duration, Use)) {
        let (now, interval) = (known.0, self.interval);
        if self.uses.len() >= MAX_USES {
            self.uses.retain(|_, (at, _)| now.saturating_sub(*at) < interval);
        }
        // More than this are recorded more often, and never less.
        if self.uses.len() >= MAX_USES {
            self.uses.clear();
        }
        self.uses.insert(self.hasher.hash_one(what), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_recorded_once_in_an_interval_for_each_caller_and_address() {
        let mut uses = RecentUses::new(Duration::from_hours(1));
        let minutes = |count: u64| Duration::from_secs(60 * count);

        for (who, from, at, expected) in [
            ("key 1", "here", 0, Use::New),
            ("key 1", "here", 59, Use::Known),
            ("key 1", "there", 59, Use::New),
            ("key 2", "here", 59, Use::New),
            ("key 1", "here", 60, Use::New),
            ("key 1", "here", 61, Use::Known),
        ] {
            let found = uses.find(&(who, from), minutes(at));
            assert_eq!(found, expected, "{who} {from} {at}");
            if found == Use::New {
                uses.note(&(who, from), minutes(at));
            }
        }
        for caller in 0..3 * MAX_USES {
            assert_eq!(uses.find(&caller, minutes(62)), Use::New);
            uses.note(&caller, minutes(62));
            assert!(uses.uses.len() <= MAX_USES);
        }

        uses.postpone(&"key 3", minutes(62));
        assert_eq!(uses.find(&"key 3", minutes(63)), Use::Postponed);
        uses.note(&"key 3", minutes(63));
        assert_eq!(uses.find(&"key 3", minutes(64)), Use::Known);
    }
}
