//! Retries with exponential back-off and full jitter, limited in count and in time.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// A retry policy.
///
/// Before attempt *n* + 1 it waits a random time between zero and `base` · 2^(*n* - 1), at most `cap`: full jitter,
/// which spreads callers that failed together better than any other (Brooker, "Exponential Backoff And Jitter",
/// 2015).
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
    /// Maximum number of attempts, including the first; 0 counts as 1.
    pub attempts: u32,
    /// Maximum wait before the second attempt.
    pub base: Duration,
    /// Maximum wait before any attempt.
    pub cap: Duration,
    /// Limit for all attempts and waits together: an attempt that is running then is dropped, and no wait goes beyond
    /// it.
    pub total: Duration,
}

impl Default for Retry {
    /// Three attempts, 100 ms doubling up to 5 s, 30 s in total.
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { attempts: 3, base, cap, total: Duration::from_secs(30) }
    }
}

/// Whether an error is worth a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// The error is final: a refusal, a wrong name, a missing permission.
    No,
    /// Retry after the scheduled wait.
    Yes,
    /// Retry after the time that the peer named (`Retry-After`), without jitter and beyond `cap`.
    After(Duration),
}

/// Why a retry loop gave up; the last error is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError<E> {
    /// The error is final.
    #[error("a retry would not help")]
    Final {
        /// The error.
        #[source]
        error: E,
    },
    /// The maximum number of attempts failed.
    #[error("gave up after {attempts} attempts")]
    Attempts {
        /// The error of the last attempt.
        #[source]
        error: E,
        /// Number of attempts.
        attempts: u32,
    },
    /// The total time has passed, or would pass before the next attempt.
    #[error("gave up after {total:?}, at attempt {attempts}")]
    TimedOut {
        /// The error of the last finished attempt; none if the first attempt did not finish.
        #[source]
        error: Option<E>,
        /// Number of attempts, including the unfinished one.
        attempts: u32,
        /// The total time.
        total: Duration,
    },
}

impl<E> RetryError<E> {
    /// The last error, without the number of attempts.
    pub fn into_error(self) -> Option<E> {
        match self {
            Self::Final { error } | Self::Attempts { error, .. } => Some(error),
            Self::TimedOut { error, .. } => error,
        }
    }
}

impl Retry {
    /// Runs `operation` until it succeeds. `operation` gets the number of the attempt, from 1; `again` decides about
    /// its error; `seed` makes the jitter: [`random_seed`](Self::random_seed), or a constant in a test.
    ///
    /// Time is tokio's, so that tests can pause it.
    ///
    /// # Errors
    /// If an error is final, or the attempts or the time are used up.
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
                // Waiting for an attempt that cannot start would only delay the result.
                return Err(RetryError::TimedOut { error: Some(error), attempts, total: self.total });
            }

            sleep(wait).await;
            last = Some(error);
            attempts += 1;
        }
    }

    /// The maximum wait after `attempts` attempts.
    pub fn longest_wait(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// A random wait after `attempts` attempts, for a loop that never gives up. Advances `seed`.
    pub fn wait(&self, seed: &mut u64, attempts: u32) -> Duration {
        let mut jitter = Jitter(*seed);
        let wait = jitter.below(self.longest_wait(attempts));
        *seed = jitter.0;
        wait
    }

    /// A seed that differs from call to call.
    pub fn random_seed() -> u64 {
        // The standard library's keys are random once per thread and then count up.
        RandomState::new().hash_one(0)
    }
}

/// Thirty years from now: practically never, without overflow.
fn far_future() -> Instant {
    Instant::now() + Duration::from_hours(30 * 365 * 24)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): any seed works, and the state is one word.
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
