//! Monotonic time, injected: code takes a [`Clock`], tests pass one that they advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A monotonic clock: it never goes back, and shows the time since its own origin.
///
/// Readings of different clocks are not comparable. On Linux none of them advances while the machine is suspended.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::ManualClock;
///
/// let hand = ManualClock::new();
/// let clock = hand.clock();
/// let before = clock.now();
/// hand.advance(Duration::from_secs(5));
/// assert_eq!(clock.now() - before, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct Clock(ClockSource);

#[derive(Clone, Debug)]
enum ClockSource {
    Precise(Instant),
    Coarse(Instant),
    Runtime(tokio::time::Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Exact to nanoseconds; a reading costs about 25 ns. For durations that users see.
    pub fn precise() -> Self {
        Self(ClockSource::Precise(Instant::now()))
    }

    /// Exact to a kernel tick (1 to 10 ms on Linux, as [`precise`](Self::precise) elsewhere); a reading costs about 5
    /// ns and no system call. For lifetimes and timeouts on a hot path.
    pub fn coarse() -> Self {
        Self(ClockSource::Coarse(Instant::now()))
    }

    /// The clock of the tokio runtime: `tokio::time::pause` and `advance` move it together with timeouts.
    pub fn runtime() -> Self {
        Self(ClockSource::Runtime(tokio::time::Instant::now()))
    }

    /// The time since this clock's origin.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// [`now`](Self::now) in nanoseconds: 584 years fit.
    #[inline]
    pub(crate) fn nanos(&self) -> u64 {
        match &self.0 {
            ClockSource::Coarse(origin) => coarse_nanos(*origin),
            ClockSource::Precise(origin) => saturating_nanos(origin.elapsed()),
            ClockSource::Runtime(origin) => saturating_nanos(origin.elapsed()),
            ClockSource::Manual(nanos) => nanos.load(Ordering::Acquire),
        }
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn coarse_nanos(_: Instant) -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    // CLOCK_MONOTONIC starts at boot: neither part is ever negative.
    now.tv_sec.cast_unsigned().saturating_mul(1_000_000_000).saturating_add(now.tv_nsec.cast_unsigned())
}

#[cfg(not(target_os = "linux"))]
fn coarse_nanos(origin: Instant) -> u64 {
    saturating_nanos(origin.elapsed())
}

/// `duration` in nanoseconds, at most 584 years.
pub(crate) fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A clock for tests that stands still until it is advanced.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A [`Clock`] that shows this clock's time.
    pub fn clock(&self) -> Clock {
        Clock(ClockSource::Manual(Arc::clone(&self.0)))
    }

    /// Advances every clock made from this one by `step`.
    pub fn advance(&self, step: Duration) {
        self.0.fetch_add(saturating_nanos(step), Ordering::AcqRel);
    }
}
