//! Monotonic time, injected: who measures time takes a [`Clock`], and a test hands in one that it moves itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A monotonic clock: it never goes back, and tells the time since an origin of its own.
///
/// Readings of different clocks do not compare. On Linux none of them advances while the machine is suspended.
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
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Precise(Instant),
    Coarse(Instant),
    Runtime(tokio::time::Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Exact to nanoseconds; a reading costs about 25 ns. For durations that are shown.
    pub fn precise() -> Self {
        Self(Source::Precise(Instant::now()))
    }

    /// Exact to a kernel tick (1 to 10 ms on Linux, as [`precise`](Self::precise) elsewhere); a reading costs about
    /// 5 ns and no system call. For lifetimes and time-outs that are read on a hot path.
    pub fn coarse() -> Self {
        Self(Source::Coarse(Instant::now()))
    }

    /// The clock of the tokio runtime: what `tokio::time::pause` and `advance` move, so that time-outs and this
    /// clock stay together in a test.
    pub fn runtime() -> Self {
        Self(Source::Runtime(tokio::time::Instant::now()))
    }

    /// The time since this clock's origin.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// [`now`](Self::now) in nanoseconds: 584 years fit.
    #[inline]
    pub(crate) fn nanos(&self) -> u64 {
        match &self.0 {
            Source::Coarse(origin) => coarse_nanos(*origin),
            Source::Precise(origin) => saturating_nanos(origin.elapsed()),
            Source::Runtime(origin) => saturating_nanos(origin.elapsed()),
            Source::Manual(nanos) => nanos.load(Ordering::Acquire),
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

/// `duration` in nanoseconds; what is longer than 584 years counts as that.
pub(crate) fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A clock that stands still until it is advanced, for tests.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What shows this clock's time.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(Arc::clone(&self.0)))
    }

    /// Moves the time of every clock made from this one on by `step`.
    pub fn advance(&self, step: Duration) {
        self.0.fetch_add(saturating_nanos(step), Ordering::AcqRel);
    }
}
