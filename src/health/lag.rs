//! Measures the scheduler lag of this process, which must not count against a peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// The interval of wake-ups during a measurement.
const PERIOD: Duration = Duration::from_millis(1);
/// The resolution of the runtime's timers: a delay up to this is not lag.
const RESOLUTION: Duration = Duration::from_millis(1);
/// A wake-up that is later than this is a stall: replies may have arrived in time without being read.
const STALL: Duration = Duration::from_millis(100);
/// No wake-up is due.
const NONE: u64 = u64::MAX;

/// Wakes up at short intervals during measurements and adds up the delays.
///
/// A wake-up is delayed as a reply is: the thread needs a processor, the reactor has to be polled, and earlier tasks run
/// first. On a runtime with one thread, a check takes longer by exactly the delay of the wake-ups meanwhile.
#[derive(Debug)]
pub(super) struct SchedulerLag {
    totals: Arc<LagTotals>,
    _ticking: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct LagTotals {
    origin: Instant,
    /// The lag of all wake-ups, in microseconds.
    lag: AtomicU64,
    /// The part of it in stalls.
    stalled: AtomicU64,
    /// When the next wake-up is late, in microseconds since the origin, or [`NONE`].
    due: AtomicU64,
    /// The number of measurements in progress.
    measuring: AtomicUsize,
    begun: Notify,
}

/// A measurement, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct LagGuard<'l> {
    totals: &'l LagTotals,
    lag_before: u64,
    stalled_before: u64,
}

impl SchedulerLag {
    /// Starts a task that ends with this value. Must be called within a tokio runtime.
    pub(super) fn start() -> Self {
        let totals = Arc::new(LagTotals {
            origin: Instant::now(),
            lag: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            due: AtomicU64::new(NONE),
            measuring: AtomicUsize::new(0),
            begun: Notify::new(),
        });

        let ticking = tokio::spawn(tick(Arc::clone(&totals)));
        Self { totals, _ticking: AbortOnDropHandle::new(ticking) }
    }

    /// Starts a measurement.
    pub(super) fn measure(&self) -> LagGuard<'_> {
        let totals = &*self.totals;
        if totals.measuring.fetch_add(1, Ordering::AcqRel) == 0 {
            totals.due.store(totals.now() + allowed(), Ordering::Release);
            totals.begun.notify_one();
        }
        let (lag_before, stalled_before) = totals.lag_and_stalls();
        LagGuard { totals, lag_before, stalled_before }
    }
}

impl LagGuard<'_> {
    /// The lag of all wake-ups since the start, including the pending one.
    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.totals.lag_and_stalls().0.saturating_sub(self.lag_before))
    }

    /// The part of it in stalls.
    pub(super) fn stalled(&self) -> Duration {
        Duration::from_micros(self.totals.lag_and_stalls().1.saturating_sub(self.stalled_before))
    }
}

impl Drop for LagGuard<'_> {
    fn drop(&mut self) {
        self.totals.measuring.fetch_sub(1, Ordering::AcqRel);
    }
}

impl LagTotals {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(NONE)
    }

    /// The lag and the part of it in stalls, including the pending wake-up.
    fn lag_and_stalls(&self) -> (u64, u64) {
        let overdue = self.now().saturating_sub(self.due.load(Ordering::Acquire));
        (self.lag.load(Ordering::Acquire) + overdue, self.stalled.load(Ordering::Acquire) + stall(overdue))
    }

    fn add(&self, lag: u64) {
        self.lag.fetch_add(lag, Ordering::AcqRel);
        self.stalled.fetch_add(stall(lag), Ordering::AcqRel);
    }
}

/// The lag if it is a stall, else 0.
fn stall(lag: u64) -> u64 {
    if Duration::from_micros(lag) < STALL { 0 } else { lag }
}

fn allowed() -> u64 {
    u64::try_from((PERIOD + RESOLUTION).as_micros()).unwrap_or(NONE)
}

async fn tick(totals: Arc<LagTotals>) {
    loop {
        if totals.measuring.load(Ordering::Acquire) == 0 {
            // Do not wake up while no check runs.
            totals.due.store(NONE, Ordering::Release);
            totals.begun.notified().await;
            continue;
        }

        sleep(PERIOD).await;
        let now = totals.now();
        totals.add(now.saturating_sub(totals.due.swap(now + allowed(), Ordering::AcqRel)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_late_wake_ups_count() {
        let lag = SchedulerLag::start();
        let measurement = lag.measure();
        for _ in 0..100 {
            sleep(PERIOD).await;
        }
        assert_eq!(measurement.total(), Duration::ZERO, "a runtime without lag");

        // No other task runs meanwhile, as when one task blocks the runtime.
        tokio::time::advance(Duration::from_millis(50)).await;
        let late = measurement.total();
        assert!(late >= Duration::from_millis(47) && late <= Duration::from_millis(50), "{late:?}");
        sleep(PERIOD).await;
        assert_eq!(measurement.total(), late, "counted once");
        assert_eq!(measurement.stalled(), Duration::ZERO, "no stall");
    }

    #[tokio::test(start_paused = true)]
    async fn lag_before_a_measurement_does_not_count() {
        let lag = SchedulerLag::start();
        drop(lag.measure());
        sleep(PERIOD * 3).await;
        tokio::time::advance(Duration::from_secs(9)).await;
        let measurement = lag.measure();
        assert_eq!(measurement.total(), Duration::ZERO);

        // The pending wake-up counts before its task runs.
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(measurement.total() > Duration::from_millis(990), "{:?}", measurement.total());
        assert_eq!(measurement.stalled(), measurement.total());
    }
}
