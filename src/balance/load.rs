//! The calls of one endpoint: how many are in flight, and how long they take.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The latency halves in this time without a new sample.
const HALF_LIFE_MS: u32 = 7_000;
/// The cost of an endpoint that never completed a call but has calls in flight, in microseconds: others are tried first.
const UNKNOWN_COST: u64 = 1_000_000;

/// The calls of one endpoint. Shared by all sets that contain it.
///
/// Counts are relaxed: they steer calls, and publish nothing.
#[derive(Debug, Default)]
pub struct Load {
    in_flight: AtomicU32,
    /// The peak-sensitive moving average of the latency in microseconds (upper half) at a time in milliseconds (lower half);
    /// 0 before the first sample.
    latency: AtomicU64,
}

impl Load {
    /// The number of calls that have started and not ended.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A call starts.
    #[inline]
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A call ends. To be called once for each [`begin`](Self::begin).
    #[inline]
    pub fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Records the latency of a call that succeeded, at the clock's time `now`. A peak counts at once, and is forgotten
    /// slowly.
    pub fn record(&self, latency: Duration, now: Duration) {
        let sample = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX).max(1);
        let now = wrapped_millis(now);
        let known = self.latency.load(Ordering::Relaxed);
        let average = decayed(known, now);

        let next = if sample >= average { sample } else { average - (average - sample) / 8 };
        // A sample that is lost to a simultaneous one changes nothing that matters.
        self.latency.store(u64::from(next) << 32 | u64::from(now), Ordering::Relaxed);
    }

    /// What one more call is expected to cost at the clock's time `now`: latency times calls in flight.
    pub fn cost(&self, now: Duration) -> u64 {
        let waiting = u64::from(self.in_flight());
        let known = self.latency.load(Ordering::Relaxed);

        if known == 0 {
            // An idle newcomer gets a call, and only one until its latency is known.
            return waiting * UNKNOWN_COST;
        }
        u64::from(decayed(known, wrapped_millis(now))) * (waiting + 1)
    }
}

/// The average of a sample at a later time: it halves with each half-life, and falls evenly in between.
fn decayed(known: u64, now: u32) -> u32 {
    let [average, at] = halves(known);
    let age = now.wrapping_sub(at);
    let halved = average.checked_shr(age / HALF_LIFE_MS).unwrap_or(0);
    let part = u64::from(halved) * u64::from(age % HALF_LIFE_MS) / u64::from(2 * HALF_LIFE_MS);

    halved - u32::try_from(part).unwrap_or(0)
}

/// The upper and the lower half.
fn halves(word: u64) -> [u32; 2] {
    [word >> 32, word & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
}

/// Milliseconds; they wrap after 49 days, which differences do not notice.
fn wrapped_millis(now: Duration) -> u32 {
    u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or(0)
}
