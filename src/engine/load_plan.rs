//! When the requests of a load are sent: fixed before the first one, whatever the replies do.

use std::time::Duration;

/// The times at which an open loop sends its requests.
///
/// A client that waits for a reply before it sends the next request sends none while a server stalls, and so measures none of
/// the requests that would have waited. Here each request has its time in advance, and its latency counts from that time.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::LoadPlan;
///
/// let plan = LoadPlan::new(1_000, Duration::from_secs(1), Duration::from_secs(5));
/// assert_eq!(plan.requests(), 6_000);
/// assert_eq!(plan.due(1_500), Some(Duration::from_millis(1_500)));
/// assert!(!plan.is_measured(999) && plan.is_measured(1_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    rate: u32,
    warm_up: Duration,
    duration: Duration,
}

const NANOS: u128 = 1_000_000_000;

impl LoadPlan {
    /// `rate` requests a second, at least 1, evenly spread. Those of the warm-up come first and are not measured.
    pub fn new(rate: u32, warm_up: Duration, duration: Duration) -> Self {
        Self { rate: rate.max(1), warm_up, duration }
    }

    /// The number of requests, with those of the warm-up.
    pub fn requests(&self) -> u64 {
        self.count(self.warm_up.saturating_add(self.duration))
    }

    /// The number of requests that are measured.
    pub fn measured(&self) -> u64 {
        self.requests() - self.count(self.warm_up)
    }

    /// When a request is sent, since the start; `None` after the last one. The first one has number 0.
    pub fn due(&self, number: u64) -> Option<Duration> {
        let nanos = u128::from(number) * NANOS / u128::from(self.rate);
        let due = u64::try_from(nanos).ok().map(Duration::from_nanos);
        due.filter(|_| number < self.requests())
    }

    /// Whether a request comes after the warm-up.
    pub fn is_measured(&self, number: u64) -> bool {
        number >= self.count(self.warm_up)
    }

    /// How long requests are sent before they are measured.
    pub fn warm_up(&self) -> Duration {
        self.warm_up
    }

    /// When the last request has been sent, since the start.
    pub fn end(&self) -> Duration {
        self.warm_up.saturating_add(self.duration)
    }

    fn count(&self, time: Duration) -> u64 {
        let count = time.as_nanos().saturating_mul(u128::from(self.rate)) / NANOS;
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Requests are in order, evenly spread, and all of them come before the end.
        #[test]
        fn times_are_even_and_within_the_duration(
            rate in 1_u32..200_000,
            warm_up in 0_u64..3_000,
            duration in 1_u64..60_000,
            at: prop::sample::Index,
        ) {
            let plan = LoadPlan::new(rate, Duration::from_millis(warm_up), Duration::from_millis(duration));
            let count = plan.requests();
            prop_assert_eq!(plan.due(count), None);
            prop_assume!(count > 0);

            let number = at.index(usize::try_from(count).unwrap()) as u64;
            let due = plan.due(number).unwrap();
            prop_assert!(due < plan.end());
            let exact = Duration::from_secs(number) / rate;
            prop_assert!(due.abs_diff(exact) < Duration::from_micros(1));
            prop_assert_eq!(plan.is_measured(number), due + Duration::from_nanos(1) > Duration::from_millis(warm_up));
        }
    }

    #[test]
    fn a_plan_without_time_has_no_requests() {
        let plan = LoadPlan::new(0, Duration::ZERO, Duration::ZERO);
        assert_eq!((plan.requests(), plan.measured(), plan.due(0)), (0, 0, None));
        assert_eq!(LoadPlan::new(10, Duration::from_secs(1), Duration::from_secs(2)).measured(), 20);
    }
}
