//! How late this side's own runtime runs: what a peer must not be charged for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

/// How often the runtime is asked for a wake-up.
const PERIOD: Duration = Duration::from_millis(1);
/// The runtime's timers are as coarse as this: that much is no lateness.
const COARSE: Duration = Duration::from_millis(1);

/// Wakes as often as the runtime lets it, and adds up how much later than it asked for.
///
/// A wake-up goes the way of every answer: the reactor has to be polled, and then all that was ready before has its
/// turn. So what a look takes longer for that is about what a wake-up takes longer meanwhile.
#[derive(Debug)]
pub(super) struct Lateness {
    sum: Arc<Sum>,
    _ticking: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Sum {
    origin: Instant,
    /// Microseconds of all wake-ups so far.
    late: AtomicU64,
    /// When the next is late, in microseconds since the origin.
    due: AtomicU64,
}

impl Lateness {
    /// Must be called within a tokio runtime; it ends with this value.
    pub(super) fn gauge() -> Self {
        let sum = Arc::new(Sum { origin: Instant::now(), late: AtomicU64::new(0), due: AtomicU64::new(u64::MAX) });
        let ticking = tokio::spawn(tick(Arc::clone(&sum)));
        Self { sum, _ticking: AbortOnDropHandle::new(ticking) }
    }

    /// Everything by which wake-ups were late up to now, with the one that is being waited for. What lies between two
    /// readings is what the time between them may be too long by.
    pub(super) fn total(&self) -> Duration {
        let overdue = self.sum.now().saturating_sub(self.sum.due.load(Ordering::Acquire));
        Duration::from_micros(self.sum.late.load(Ordering::Acquire) + overdue)
    }
}

impl Sum {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

async fn tick(sum: Arc<Sum>) {
    let mut interval = tokio::time::interval(PERIOD);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let allowed = u64::try_from((PERIOD + COARSE).as_micros()).unwrap_or(u64::MAX);
    loop {
        interval.tick().await;
        let now = sum.now();
        let late = now.saturating_sub(sum.due.swap(now + allowed, Ordering::AcqRel));
        sum.late.fetch_add(late, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_comes_too_late_counts() {
        let lateness = Lateness::gauge();
        for _ in 0..100 {
            tokio::time::sleep(PERIOD).await;
        }
        assert_eq!(lateness.total(), Duration::ZERO, "a runtime that is punctual");
        // Nobody else gets a turn meanwhile, as when one task holds the runtime.
        tokio::time::advance(Duration::from_millis(50)).await;
        let late = lateness.total();
        assert!(late >= Duration::from_millis(47) && late <= Duration::from_millis(50), "{late:?}");
        tokio::time::sleep(PERIOD).await;
        assert_eq!(lateness.total(), late, "once and not again");
    }
}
