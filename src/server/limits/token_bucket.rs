//! A token bucket, as a pure function of its state and the time: the generic cell rate algorithm (ITU-T I.371).

use std::time::Duration;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Rate {
    /// The time in which one token comes.
    interval: Duration,
    /// The tokens of a full bucket.
    burst: u32,
}

impl Rate {
    /// So many tokens a second; a full bucket has those of `filled`. `None` for 0, which is no limit.
    pub(in crate::server) fn per_second(tokens: u32, filled: Duration) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(tokens)?.max(Duration::from_nanos(1));
        let burst = filled.as_secs_f64() * f64::from(tokens);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded")]
        let burst = burst.clamp(1.0, f64::from(u32::MAX)) as u32;
        Some(Self { interval, burst })
    }

    /// The time in which one token comes.
    pub(in crate::server) fn interval(self) -> Duration {
        self.interval
    }

    /// The tokens of a full bucket.
    pub(in crate::server) fn burst(self) -> u32 {
        self.burst
    }

    /// The time in which an empty bucket fills.
    pub(in crate::server) fn window(self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }
}

/// A bucket: when it will be full again. A new one is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct TokenBucket {
    full_at: Duration,
}

/// What became of a request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct TokenGrant {
    /// How long until there is a token, if there was none.
    pub(in crate::server) wait: Option<Duration>,
    /// How many are left.
    pub(in crate::server) remaining: u32,
    /// How long until the bucket is full.
    pub(in crate::server) full_in: Duration,
}

impl TokenBucket {
    /// Takes tokens at `now`, the time of a monotonic clock. Without one, nothing is taken; with one, all are: those that are
    /// missing come later, and no other comes before them.
    pub(in crate::server) fn take(self, rate: Rate, now: Duration, count: u32) -> (Self, TokenGrant) {
        let missing = self.full_at.saturating_sub(now);
        let after = missing + rate.interval;

        if after > rate.window() {
            let wait = after.saturating_sub(rate.window());
            return (self, TokenGrant { wait: Some(wait), remaining: 0, full_in: missing });
        }
        let after = missing + rate.interval.saturating_mul(count);
        let left = rate.window().saturating_sub(after).as_nanos() / rate.interval.as_nanos().max(1);
        let remaining = u32::try_from(left).unwrap_or(u32::MAX);
        (Self { full_at: now + after }, TokenGrant { wait: None, remaining, full_in: after })
    }
}

impl TokenBucket {
    /// The bucket of a caller that took tokens elsewhere too: it is not full before this time.
    pub(in crate::server) fn full_not_before(self, full_at: Duration) -> Self {
        Self { full_at: self.full_at.max(full_at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_the_rate() {
        let rate = Rate::per_second(10, Duration::from_secs(2)).unwrap();
        let (mut bucket, start) = (TokenBucket::default(), Duration::from_secs(100));
        for left in (0..20).rev() {
            let (next, taken) = bucket.take(rate, start, 1);
            assert_eq!((taken.wait, taken.remaining), (None, left));
            bucket = next;
        }

        let (same, refused) = bucket.take(rate, start, 1);
        assert_eq!((same, refused.wait, refused.remaining), (bucket, Some(Duration::from_millis(100)), 0));
        assert_eq!(refused.full_in, Duration::from_secs(2));
        assert!(bucket.take(rate, start + Duration::from_millis(99), 1).1.wait.is_some());
        assert!(bucket.take(rate, start + Duration::from_millis(100), 1).1.wait.is_none());
    }

    #[test]
    fn waiting_as_long_as_it_says_is_enough_for_any_rate() {
        for (tokens, filled) in [(1, 1), (3, 1), (7, 60), (1_000, 2), (1_000_000, 1)] {
            let rate = Rate::per_second(tokens, Duration::from_secs(filled)).unwrap();
            let (mut bucket, mut now) = (TokenBucket::default(), Duration::ZERO);
            let mut given = 0_u64;
            for _ in 0..10_000 {
                let (next, taken) = bucket.take(rate, now, 1);
                bucket = next;
                match taken.wait {
                    Some(wait) => now += wait,
                    None => given += 1,
                }
            }
            // Never more than the burst and what came since.
            let since = u64::try_from(now.as_nanos() / rate.interval.as_nanos()).unwrap();
            let most = u64::from(rate.burst()) + since + 1;
            assert!(given <= most && given > 0, "{tokens}: {given} of {most}");
        }

        assert_eq!(Rate::per_second(0, Duration::from_secs(1)), None);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let rate = Rate::per_second(1, Duration::from_secs(1)).unwrap();
        let (bucket, _) = TokenBucket::default().take(rate, Duration::from_secs(10), 1);
        assert!(bucket.take(rate, Duration::from_secs(5), 1).1.wait.is_some());
    }
}
