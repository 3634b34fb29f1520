//! How late this side's own runtime runs: what a peer must not be charged for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// How often the runtime is asked for a wake-up while a measurement runs.
const PERIOD: Duration = Duration::from_millis(1);
/// The runtime's timers are as coarse as this: that much is no lateness.
const COARSE: Duration = Duration::from_millis(1);
/// A wake-up that is so late is a stall: what came meanwhile may have come in time.
const STALL: Duration = Duration::from_millis(100);
/// No wake-up is asked for.
const NONE: u64 = u64::MAX;

/// Wakes as often as the runtime lets it while anything is measured, and adds up how much later than it asked for.
///
/// A wake-up goes the way of every answer: the thread has to get a processor, the reactor has to be polled, and then all
/// that was ready before has its turn. On a runtime of one thread, a look takes longer by what a wake-up meanwhile does.
#[derive(Debug)]
pub(super) struct SchedulerLag {
    sum: Arc<Sum>,
    _ticking: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Sum {
    origin: Instant,
    /// Microseconds of all wake-ups so far.
    late: AtomicU64,
    /// Of these, the stalls.
    stalled: AtomicU64,
    /// When the next is late, in microseconds since the origin, or [`NONE`].
    due: AtomicU64,
    /// How many measure.
    measuring: AtomicUsize,
    begun: Notify,
}

/// What is going on for as long as this lives is measured.
#[derive(Debug)]
pub(super) struct LagGuard<'l> {
    sum: &'l Sum,
    late_before: u64,
    stalled_before: u64,
}

impl SchedulerLag {
    /// Must be called within a tokio runtime; it ends with this value.
    pub(super) fn gauge() -> Self {
        let sum = Arc::new(Sum {
            origin: Instant::now(),
            late: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            due: AtomicU64::new(NONE),
            measuring: AtomicUsize::new(0),
            begun: Notify::new(),
        });
        let ticking = tokio::spawn(tick(Arc::clone(&sum)));
        Self { sum, _ticking: AbortOnDropHandle::new(ticking) }
    }

    /// Begins to measure.
    pub(super) fn measure(&self) -> LagGuard<'_> {
        let sum = &*self.sum;
        if sum.measuring.fetch_add(1, Ordering::AcqRel) == 0 {
            sum.due.store(sum.now() + allowed(), Ordering::Release);
            sum.begun.notify_one();
        }
        let (late_before, stalled_before) = sum.totals();
        LagGuard { sum, late_before, stalled_before }
    }
}

impl LagGuard<'_> {
    /// Everything by which wake-ups have been late since it began, with the one that is being waited for.
    pub(super) fn late(&self) -> Duration {
        Duration::from_micros(self.sum.totals().0.saturating_sub(self.late_before))
    }

    /// Of that, the stalls.
    pub(super) fn stalled(&self) -> Duration {
        Duration::from_micros(self.sum.totals().1.saturating_sub(self.stalled_before))
    }
}

impl Drop for LagGuard<'_> {
    fn drop(&mut self) {
        self.sum.measuring.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sum {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(NONE)
    }

    /// All lateness, and the stalls among it, with the wake-up that is being waited for.
    fn totals(&self) -> (u64, u64) {
        let overdue = self.now().saturating_sub(self.due.load(Ordering::Acquire));
        (self.late.load(Ordering::Acquire) + overdue, self.stalled.load(Ordering::Acquire) + stall(overdue))
    }

    fn add(&self, late: u64) {
        self.late.fetch_add(late, Ordering::AcqRel);
        self.stalled.fetch_add(stall(late), Ordering::AcqRel);
    }
}

fn stall(late: u64) -> u64 {
    if Duration::from_micros(late) < STALL { 0 } else { late }
}

fn allowed() -> u64 {
    u64::try_from((PERIOD + COARSE).as_micros()).unwrap_or(NONE)
}

async fn tick(sum: Arc<Sum>) {
    loop {
        if sum.measuring.load(Ordering::Acquire) == 0 {
            // Nobody is woken while nothing is looked at.
            sum.due.store(NONE, Ordering::Release);
            sum.begun.notified().await;
            continue;
        }
        sleep(PERIOD).await;
        let now = sum.now();
        let late = now.saturating_sub(sum.due.swap(now + allowed(), Ordering::AcqRel));
        sum.add(late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_comes_too_late_counts() {
        let lateness = SchedulerLag::gauge();
        let measuring = lateness.measure();
        for _ in 0..100 {
            sleep(PERIOD).await;
        }
        assert_eq!(measuring.late(), Duration::ZERO, "a runtime that is punctual");
        // Nobody else gets a turn meanwhile, as when one task holds the runtime.
        tokio::time::advance(Duration::from_millis(50)).await;
        let late = measuring.late();
        assert!(late >= Duration::from_millis(47) && late <= Duration::from_millis(50), "{late:?}");
        sleep(PERIOD).await;
        assert_eq!(measuring.late(), late, "once and not again");
        assert_eq!(measuring.stalled(), Duration::ZERO, "no stall");
    }

    #[tokio::test(start_paused = true)]
    async fn lag_before_a_measurement_does_not_count() {
        let lateness = SchedulerLag::gauge();
        drop(lateness.measure());
        sleep(PERIOD * 3).await;
        tokio::time::advance(Duration::from_secs(9)).await;
        let measuring = lateness.measure();
        assert_eq!(measuring.late(), Duration::ZERO);
        // It is late before the gauge itself had a turn.
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(measuring.late() > Duration::from_millis(990), "{:?}", measuring.late());
        assert_eq!(measuring.stalled(), measuring.late());
    }
}
