//! Times in buckets, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets of times, in microseconds.
const BUCKETS: [u32; 12] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// Times, in buckets.
#[derive(Debug, Default)]
pub(super) struct Times {
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanos: AtomicU64,
}

impl Times {
    pub(super) fn add(&self, time: Duration) {
        let bucket = BUCKETS.partition_point(|bound| Duration::from_micros(u64::from(*bound)) < time);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The sum in seconds, and the count of each bucket.
    pub(super) fn read(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = BUCKETS.iter().map(|bound| f64::from(*bound) / 1e6).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        (Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64(), bounds.zip(counts).collect())
    }
}
