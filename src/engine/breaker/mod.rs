//! Circuit breakers: what keeps failing is left alone for a while, and then tried with care.

mod keyed;
mod state;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::Clock;
use state::{AtomicState, BreakerLimits, BreakerWord, RejectReason};

pub use keyed::Breakers;
pub use state::CallOutcome;

/// When a breaker opens, and when it closes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// How many of the last calls count: 1 to 40. With `window` equal to `failures`, only failures in a row count.
    pub window: u32,
    /// How many failures among them open the breaker: 1 to `window`.
    pub failures: u32,
    /// How long it stays open before a trial is let through. Exact to a millisecond.
    pub recovery: Duration,
    /// How many trials are let through then; all must succeed, and the first that fails opens it again. At least 1.
    pub trials: u16,
}

impl Default for BreakerOptions {
    /// Five failures of the last twenty calls, ten seconds, one trial.
    fn default() -> Self {
        Self { window: 20, failures: 5, recovery: Duration::from_secs(10), trials: 1 }
    }
}

impl BreakerOptions {
    /// The numbers, each brought within its range.
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

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It lets the call through.
    Closed,
    /// It answers without calling.
    Open,
    /// It lets a few calls through as trials.
    HalfOpen,
}

/// A circuit breaker for one peer.
///
/// While it is closed and nothing has failed, it costs two loads of a shared word and no write.
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
/// # Ok::<(), portolan::engine::Rejected>(())
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

    /// Asks to call the peer. The permit takes the outcome; dropped without one it counts as [`CallOutcome::Local`].
    ///
    /// # Errors
    /// When the breaker is open, or as many trials as allowed are on their way.
    #[inline]
    pub fn permit(&self) -> Result<Permit<'_>, Rejected> {
        match self.word.admit(self.limits, || self.millis()) {
            Ok(epoch) => Ok(Permit { breaker: self, epoch }),
            Err(refusal) => Err(self.rejected(refusal)),
        }
    }

    /// Calls the peer if the breaker lets it, and answers with `fallback` if not. `judge` says what the result means.
    ///
    /// # Errors
    /// What `call` or `fallback` fails with.
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce() -> F,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
        fallback: impl FnOnce(Rejected) -> Result<T, E>,
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

    /// What it does with the next call. An open breaker whose time has come is half-open from the next call on.
    pub fn state(&self) -> BreakerState {
        match self.word.state() {
            BreakerWord::Closed { .. } => BreakerState::Closed,
            BreakerWord::Open { .. } => BreakerState::Open,
            BreakerWord::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn rejected(&self, refusal: RejectReason) -> Rejected {
        let retry_in = match refusal {
            RejectReason::Until(until) => Some(Duration::from_millis(until.saturating_sub(self.millis()))),
            RejectReason::OnTrial => None,
        };
        Rejected { retry_in }
    }

    fn millis(&self) -> u64 {
        self.clock.nanos() / 1_000_000
    }
}

/// The right to make one call.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once lets its call go uncounted"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    epoch: u64,
}

impl Permit<'_> {
    /// Says what became of the call.
    #[inline]
    pub fn record(self, outcome: CallOutcome) {
        self.settle(outcome);
        // Its drop would settle it again.
        std::mem::forget(self);
    }

    #[inline]
    fn settle(&self, outcome: CallOutcome) {
        self.breaker.word.record(self.breaker.limits, self.epoch, outcome, || self.breaker.millis());
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // A trial that was cancelled must give its place back, or the breaker would stay half-open for good.
        self.settle(CallOutcome::Local);
    }
}

/// The breaker answered instead of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// When it will let a trial through; `None`: trials are on their way, and decide.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_in {
            Some(after) => write!(f, "not tried: it kept failing, and is tried again in {after:?}"),
            None => f.write_str("not tried: it kept failing, and is just being tried again"),
        }
    }
}

impl std::error::Error for Rejected {}
