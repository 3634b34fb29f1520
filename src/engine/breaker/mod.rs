//! Circuit breakers: a peer that keeps failing is skipped for a while, then tried with a few calls.

mod keyed;
mod state;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::Clock;
use state::{AtomicState, BreakerLimits, BreakerWord, RejectReason};

pub use keyed::Breakers;
pub use state::CallOutcome;

/// When a breaker opens, and when it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Number of recent calls that count: 1 to 40. With `window` equal to `failures`, only consecutive failures
    /// count.
    pub window: u32,
    /// Number of failures among them that opens the breaker: 1 to `window`.
    pub failures: u32,
    /// Time that it stays open before a trial call. Exact to a millisecond.
    pub recovery: Duration,
    /// Number of trial calls; all must succeed, and the first failure reopens the breaker. At least 1.
    pub trials: u16,
}

impl Default for BreakerOptions {
    /// Five failures among the last twenty calls, ten seconds, one trial.
    fn default() -> Self {
        Self { window: 20, failures: 5, recovery: Duration::from_secs(10), trials: 1 }
    }
}

impl BreakerOptions {
    /// The options, clamped to their ranges.
    fn limits(self) -> BreakerLimits {
        let window = self.window.clamp(1, 40);
        BreakerLimits {
            window,
            failures: self.failures.clamp(1, window),
            recovery: u64::try_from(self.recovery.as_millis()).unwrap_or(u64::MAX),
            trials: u64::from(self.trials.max(1)),
        }
    }
}

/// How a breaker handles the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are allowed.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few trial calls are allowed.
    HalfOpen,
}

/// A circuit breaker for one peer.
///
/// While it is closed and no call fails, it costs two loads of a shared word and no write.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::{Breaker, BreakerOptions, BreakerState, ManualClock, CallOutcome};
///
/// let hand = ManualClock::new();
/// let options = BreakerOptions { window: 3, failures: 3, recovery: Duration::from_secs(5), trials: 1 };
/// let breaker = Breaker::new(options, hand.clock());
/// for _ in 0..3 {
///     breaker.permit()?.record(CallOutcome::Failure);
/// }
/// assert_eq!(breaker.permit().unwrap_err().retry_in, Some(Duration::from_secs(5)));
/// hand.advance(Duration::from_secs(5));
/// breaker.permit()?.record(CallOutcome::Success);
/// assert_eq!(breaker.state(), BreakerState::Closed);
/// # Ok::<(), portolan::engine::RejectedCall>(())
/// ```
#[derive(Debug)]
pub struct Breaker {
    word: AtomicState,
    limits: BreakerLimits,
    clock: Clock,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(options: BreakerOptions, clock: Clock) -> Self {
        Self { word: AtomicState::new(), limits: options.limits(), clock }
    }

    /// Requests permission for one call. The permit takes the outcome; dropped without one it counts as
    /// [`CallOutcome::Local`].
    ///
    /// # Errors
    /// If the breaker is open, or the allowed trials are already running.
    #[inline]
    pub fn permit(&self) -> Result<Permit<'_>, RejectedCall> {
        match self.word.admit(self.limits, || self.millis()) {
            Ok(epoch) => Ok(Permit { breaker: self, epoch }),
            Err(reason) => Err(self.rejected(reason)),
        }
    }

    /// Calls the peer if the breaker allows it, otherwise returns `fallback`. `judge` classifies the result.
    ///
    /// # Errors
    /// Those of `call` or `fallback`.
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce() -> F,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
        fallback: impl FnOnce(RejectedCall) -> Result<T, E>,
    ) -> Result<T, E> {
        match self.permit() {
            Ok(permit) => {
                let result = call().await;
                permit.record(judge(&result));
                result
            }
            Err(rejected) => fallback(rejected),
        }
    }

    /// The state for the next call. An open breaker becomes half-open with the first call after its recovery time.
    pub fn state(&self) -> BreakerState {
        match self.word.state() {
            BreakerWord::Closed { .. } => BreakerState::Closed,
            BreakerWord::Open { .. } => BreakerState::Open,
            BreakerWord::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn rejected(&self, reason: RejectReason) -> RejectedCall {
        let retry_in = match reason {
            RejectReason::Until(until) => Some(Duration::from_millis(until.saturating_sub(self.millis()))),
            RejectReason::OnTrial => None,
        };
        RejectedCall { retry_in }
    }

    fn millis(&self) -> u64 {
        self.clock.nanos() / 1_000_000
    }
}

/// Permission for one call.
#[derive(Debug)]
#[must_use = "the outcome of a call without a permit is not counted"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    epoch: u64,
}

impl Permit<'_> {
    /// Records the outcome of the call.
    #[inline]
    pub fn record(self, outcome: CallOutcome) {
        self.settle(outcome);
        // Its drop would record it again.
        std::mem::forget(self);
    }

    #[inline]
    fn settle(&self, outcome: CallOutcome) {
        self.breaker.word.record(self.breaker.limits, self.epoch, outcome, || self.breaker.millis());
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // A cancelled trial must free its place, or the breaker would stay half-open forever.
        self.settle(CallOutcome::Local);
    }
}

/// The breaker rejected the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedCall {
    /// Time until a trial is allowed; `None` if trials are running and decide.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for RejectedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_in {
            Some(after) => write!(f, "not tried after repeated failures; next attempt in {after:?}"),
            None => f.write_str("not tried after repeated failures; another attempt is running"),
        }
    }
}

impl std::error::Error for RejectedCall {}
