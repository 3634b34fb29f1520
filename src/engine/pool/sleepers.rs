//! How those who bring something and those who sleep for want of it find each other without a lock.
//!
//! Who brings first brings, and then looks whether anyone sleeps. Who sleeps is first counted, and then looks once more
//! whether something was brought. All four are sequentially consistent, so one of the two sees the other.
//!
//! Tested under every interleaving by `tests/loom`, which compiles this file alone.

use std::mem;

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many sleep, or are about to.
#[derive(Debug)]
pub(crate) struct Sleepers(AtomicUsize);

impl Sleepers {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// To be called after something was brought, by a sequentially consistent write: wakes one, if anyone sleeps.
    pub(crate) fn wake_one(&self, wake: impl FnOnce()) {
        in_one_order();
        if self.count() > 0 {
            wake();
        }
    }

    /// To be called before the last look, a sequentially consistent read; counts until it is dropped.
    pub(crate) fn lie_down(&self) -> SleepGuard<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        in_one_order();
        SleepGuard(self)
    }
}

/// loom takes sequentially consistent accesses for weaker ones, and only believes a fence: there it stands for the
/// order that these accesses have without it.
fn in_one_order() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}

/// One that sleeps, until it is dropped.
pub(crate) struct SleepGuard<'a>(&'a Sleepers);

impl SleepGuard<'_> {
    /// Rises, and says whether nobody sleeps now.
    pub(crate) fn rise_as_last(self) -> bool {
        let was = self.0.0.fetch_sub(1, Ordering::SeqCst);
        // Its drop would count it once more.
        mem::forget(self);
        was == 1
    }
}

impl Drop for SleepGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
