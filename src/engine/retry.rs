//! Trying again what can pass on a second try: exponential back-off with full jitter, capped in count and in time.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How often, how soon and for how long to try.
///
/// Before try *n* + 1 it waits a random time between zero and `base` · 2^(*n* - 1), at most `cap`: full jitter, which
/// spreads callers that failed together better than any other (Brooker, "Exponential Backoff And Jitter", 2015).
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::{RetryDecision, Retry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let retry = Retry { base: Duration::from_millis(1), ..Retry::default() };
/// let ask = |attempt| async move { if attempt < 3 { Err("busy") } else { Ok(attempt) } };
/// assert_eq!(retry.run(Retry::random_seed(), ask, |_| RetryDecision::Yes).await.unwrap(), 3);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The most tries, the first among them; 0 counts as 1.
    pub attempts: u32,
    /// The longest wait before the second try.
    pub base: Duration,
    /// The longest wait before any try.
    pub cap: Duration,
    /// The whole, tries and waits: a try that runs when it ends is dropped, and no wait goes beyond it.
    pub total: Duration,
}

impl Default for Retry {
    /// Three tries, 100 ms doubling up to 5 s, 30 s in all.
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { attempts: 3, base, cap, total: Duration::from_secs(30) }
    }
}

/// Whether an error can pass on a second try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// It is final: a refusal, a wrong name, a missing right.
    No,
    /// It may pass: wait by the schedule.
    Yes,
    /// It may pass, and the peer said when (`Retry-After`): wait just so long, without jitter and beyond `cap`.
    After(Duration),
}

/// Why it was given up; the last error is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError<E> {
    /// The error is one that no second try mends.
    #[error("a second try would not help")]
    Final {
        /// That error.
        #[source]
        error: E,
    },
    /// As many tries as allowed have failed.
    #[error("gave up after {attempts} tries")]
    Attempts {
        /// The last try's error.
        #[source]
        error: E,
        /// How many tries there were.
        attempts: u32,
    },
    /// The total time is over, or would be before the next try.
    #[error("gave up after {total:?}, at try {attempts}")]
    TimedOut {
        /// The error of the last try that ended; none if not even the first one did.
        #[source]
        error: Option<E>,
        /// How many tries were begun.
        attempts: u32,
        /// The time there was.
        total: Duration,
    },
}

impl<E> RetryError<E> {
    /// The last error, for callers who do not care how often it was tried.
    pub fn into_error(self) -> Option<E> {
        match self {
            Self::Final { error } | Self::Attempts { error, .. } => Some(error),
            Self::TimedOut { error, .. } => error,
        }
    }
}

impl Retry {
    /// Tries until it passes, and yields that. `operation` gets the number of the try, from 1; `again` judges its error;
    /// `seed` makes the jitter: [`random_seed`](Self::random_seed), or a constant in a test.
    ///
    /// Time is tokio's, so that a test can pause it.
    ///
    /// # Errors
    /// When an error is final, or the tries or the time are used up.
    pub async fn run<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        seed: u64,
        mut operation: impl FnMut(u32) -> F,
        again: impl Fn(&E) -> RetryDecision,
    ) -> Result<T, RetryError<E>> {
        let deadline = Instant::now().checked_add(self.total).unwrap_or_else(far_future);
        let mut jitter = Jitter(seed);
        let mut attempts = 1;
        let mut last = None;
        loop {
            let Ok(result) = timeout_at(deadline, operation(attempts)).await else {
                return Err(RetryError::TimedOut { error: last, attempts, total: self.total });
            };
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = match again(&error) {
                RetryDecision::No => return Err(RetryError::Final { error }),
                _ if attempts >= self.attempts => return Err(RetryError::Attempts { error, attempts }),
                RetryDecision::Yes => jitter.below(self.longest_wait(attempts)),
                RetryDecision::After(wait) => wait,
            };
            if deadline.saturating_duration_since(Instant::now()) <= wait {
                // Waiting for a try that cannot be made would only delay the answer.
                return Err(RetryError::TimedOut { error: Some(error), attempts, total: self.total });
            }
            sleep(wait).await;
            last = Some(error);
            attempts += 1;
        }
    }

    /// The longest wait after `attempts` tries.
    pub fn longest_wait(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// A random wait after `attempts` tries, for a loop that never gives up. `seed` moves on.
    pub fn wait(&self, seed: &mut u64, attempts: u32) -> Duration {
        let mut jitter = Jitter(*seed);
        let wait = jitter.below(self.longest_wait(attempts));
        *seed = jitter.0;
        wait
    }

    /// A seed that differs from call to call.
    pub fn random_seed() -> u64 {
        // The standard library's keys are random once a thread and then count up.
        RandomState::new().hash_one(0)
    }
}

/// Thirty years on: as good as never, and no overflow.
fn far_future() -> Instant {
    Instant::now() + Duration::from_hours(30 * 365 * 24)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): any seed will do, and one word of state.
struct Jitter(u64);

impl Jitter {
    /// A random time from zero to `longest`.
    fn below(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = mixed ^ mixed >> 31;
        // Fixed point: `random` is a fraction of 2^64.
        let nanos = (longest.as_nanos().min(u128::from(u64::MAX)) * u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
