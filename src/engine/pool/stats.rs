//! Statistics of a pool.

use std::time::Duration;

/// Counters since the pool was created, and its current state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Time since the pool was created.
    pub at: Duration,
    /// Workers of the normal lane.
    pub workers: usize,
    /// Workers of the slow lane, including those that moved there with a slow job.
    pub slow_workers: usize,
    /// Running jobs.
    pub active: usize,
    /// Waiting jobs in the normal lane.
    pub queued: usize,
    /// Waiting jobs in the slow lane.
    pub slow_queued: usize,
    /// Completed jobs.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Accepted jobs that were aborted, waiting or running.
    pub aborted: u64,
    /// Total run time of completed and panicked jobs.
    pub busy: Duration,
}

impl PoolStats {
    /// Mean run time of a job; `None` before the first one has ended.
    pub fn mean_time(&self) -> Option<Duration> {
        let nanos = self.busy.as_nanos().checked_div(u128::from(self.completed + self.panicked))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// Jobs completed per second since `earlier`, or since creation with the default.
    pub fn throughput(&self, earlier: &Self) -> f64 {
        let seconds = self.at.saturating_sub(earlier.at).as_secs_f64();
        // Exact up to 2^53 jobs.
        #[expect(clippy::cast_precision_loss)]
        let completed = self.completed.saturating_sub(earlier.completed) as f64;
        if seconds > 0.0 { completed / seconds } else { 0.0 }
    }
}
