//! How long ago this server last knew everything that its store has.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::Clock;

/// An older copy is called stale. A server reads what is new each second.
const MAX_AGE: Duration = Duration::from_secs(3);

/// The contact of a server with a store that others write to as well.
#[derive(Debug)]
pub(super) struct Contact {
    /// `None` for a store with one owner: what is in memory is always current.
    clock: Option<Clock>,
    /// When it last knew everything, in nanoseconds of the clock.
    last: AtomicU64,
    is_lost: AtomicBool,
}

impl Contact {
    /// The contact with a store that nothing else writes to.
    pub(super) fn with_own_store() -> Self {
        Self { clock: None, last: AtomicU64::new(0), is_lost: AtomicBool::new(false) }
    }

    /// The contact with a shared store whose changes are all known at this moment.
    pub(super) fn with_shared_store(clock: Clock) -> Self {
        let last = AtomicU64::new(nanos(clock.now()));
        Self { clock: Some(clock), last, is_lost: AtomicBool::new(false) }
    }

    /// Notes that at this time everything was known. Returns whether contact was lost before.
    pub(super) fn note(&self, at: Duration) -> bool {
        self.last.fetch_max(nanos(at), Ordering::Relaxed);
        self.is_lost.swap(false, Ordering::Relaxed)
    }

    /// Notes that the store does not reply. Returns whether that is new.
    pub(super) fn lose(&self) -> bool {
        !self.is_lost.swap(true, Ordering::Relaxed)
    }

    /// Whether the store did not reply last time.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Whether the store is one that other servers write to.
    pub(super) fn is_shared(&self) -> bool {
        self.clock.is_some()
    }

    /// The age of what is in memory; zero if it is always current.
    pub(super) fn age(&self) -> Duration {
        let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
        self.clock.as_ref().map_or(Duration::ZERO, |clock| clock.now().saturating_sub(last))
    }

    /// The age of what is in memory, if it may be out of date.
    pub(super) fn staleness(&self) -> Option<Duration> {
        let age = self.age();
        (self.is_lost() || age > MAX_AGE).then_some(age)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ManualClock;

    #[test]
    fn a_copy_is_stale_when_the_store_does_not_reply_or_after_three_seconds() {
        let hand = ManualClock::new();
        let contact = Contact::with_shared_store(hand.clock());
        assert_eq!(contact.staleness(), None);
        assert!(contact.lose() && !contact.lose(), "it is news only once");
        assert_eq!(contact.staleness(), Some(Duration::ZERO));

        hand.advance(Duration::from_secs(3));
        assert!(contact.note(hand.clock().now()), "it was lost");
        assert_eq!(contact.staleness(), None);
        hand.advance(Duration::from_millis(3_001));
        assert_eq!(contact.staleness(), Some(Duration::from_millis(3_001)));
        assert_eq!(Contact::with_own_store().staleness(), None);
    }
}
