//! What a pool did and does.

use std::time::Duration;

/// Counters since the pool was made, and what it does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The time since the pool was made.
    pub at: Duration,
    /// Workers of the normal lane.
    pub workers: usize,
    /// Workers of the slow lane, those that a slow job took along from the normal lane among them.
    pub slow_workers: usize,
    /// Jobs that run.
    pub active: usize,
    /// Jobs that wait in the normal lane.
    pub queued: usize,
    /// Jobs that wait in the slow lane.
    pub slow_queued: usize,
    /// Jobs that ran to their end.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that were accepted and then aborted, waiting or running.
    pub aborted: u64,
    /// The time that completed and panicked jobs ran, added up.
    pub busy: Duration,
}

impl PoolStats {
    /// The mean time a job runs; `None` before the first has ended.
    pub fn mean_time(&self) -> Option<Duration> {
        let nanos = self.busy.as_nanos().checked_div(u128::from(self.completed + self.panicked))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// Jobs completed per second since `earlier`; since the beginning with the default.
    pub fn throughput(&self, earlier: &Self) -> f64 {
        let seconds = self.at.saturating_sub(earlier.at).as_secs_f64();
        // Exact up to 2^53 jobs.
        #[expect(clippy::cast_precision_loss)]
        let completed = self.completed.saturating_sub(earlier.completed) as f64;
        if seconds > 0.0 { completed / seconds } else { 0.0 }
    }
}
