//! How producers and sleeping consumers find each other without a lock.
//!
//! A producer first publishes, and then checks for sleepers. A consumer first registers as a sleeper, and then checks
//! once more for published items. All four accesses are sequentially consistent, so one of the two sees the other.
//!
//! Tested under every interleaving by `tests/loom`, which compiles this file alone.

use std::mem;

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of consumers that sleep or are about to.
#[derive(Debug)]
pub(crate) struct Sleepers(AtomicUsize);

impl Sleepers {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Call after publishing with a sequentially consistent write: wakes one sleeper, if there is one.
    pub(crate) fn wake_one(&self, wake: impl FnOnce()) {
        in_one_order();
        if self.count() > 0 {
            wake();
        }
    }

    /// Call before the last check, a sequentially consistent read; counts as a sleeper until the guard is dropped.
    pub(crate) fn register(&self) -> SleepGuard<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        in_one_order();
        SleepGuard(self)
    }
}

/// loom treats sequentially consistent accesses as weaker ones, and only respects a fence: there it stands for the
/// order that these accesses have without it.
fn in_one_order() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}

/// A registered sleeper.
pub(crate) struct SleepGuard<'a>(&'a Sleepers);

impl SleepGuard<'_> {
    /// Unregisters, and returns whether no sleeper is left.
    pub(crate) fn leave_as_last(self) -> bool {
        let was = self.0.0.fetch_sub(1, Ordering::SeqCst);
        // Its drop would count it again.
        mem::forget(self);
        was == 1
    }
}

impl Drop for SleepGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
