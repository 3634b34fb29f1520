//! Removes dead entries in the background, a limited number of buckets at a time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Cache;
use crate::engine::Shutdown;

/// The result of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Visited buckets, including empty ones.
    pub scanned: usize,
    /// Dead entries removed.
    pub removed: usize,
}

impl<K, V> Cache<K, V> {
    /// Visits up to `budget` buckets, from the end of the last sweep, and removes entries that are no longer kept. It
    /// visits every shard at most once. A bucket costs a few nanoseconds, during which the shard's readers wait.
    pub fn sweep(&self, budget: usize) -> SweepReport {
        let dead_at = self.dead_at(self.clock.nanos());
        let mut total = SweepReport::default();
        for _ in 0..self.shards.len() {
            // Concurrent sweeps share the work: a bucket is visited under its shard's lock.
            let shard = &self.shards[self.next_sweep.load(Ordering::Relaxed) % self.shards.len()];
            let swept = shard.lock().sweep(budget - total.scanned, dead_at);
            total.scanned += swept.scanned;
            total.removed += swept.expired.len();

            if swept.wrapped {
                self.next_sweep.fetch_add(1, Ordering::Relaxed);
            }

            if total.scanned >= budget {
                break;
            }
        }
        total
    }

    /// Sweeps up to `budget` buckets every `period` until `shutdown` stops; spawn it as a task.
    ///
    /// Expired values are never returned, swept or not: sweeping only frees memory. A full pass takes `buckets /
    /// budget` periods; there are up to 16/7 as many buckets as entries.
    pub async fn keep_swept(&self, period: Duration, budget: usize, shutdown: &Shutdown) {
        let mut ticks = interval(period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                _ = ticks.tick() => self.sweep(budget),
            };
        }
    }
}
