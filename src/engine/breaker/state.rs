//! The whole state of a breaker in one atomic word, so that every transition is one compare-and-swap.
//!
//! ```text
//! 63..62 state   61..40 epoch   39..0 closed: the last outcomes, newest lowest, a failure is a 1
//!                                     open: milliseconds of the clock when a trial may begin
//!                                     half-open: 31..16 trials that succeeded, 15..0 trials on their way
//! ```
//! The epoch counts transitions: the outcome of a call that was admitted in another epoch is ignored. It wraps after
//! four million transitions, which no call outlives.
//!
//! Tested under every interleaving by `tests/loom`, which compiles this file alone.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

const PAYLOAD: u32 = 40;
const PAYLOAD_MASK: u64 = (1 << PAYLOAD) - 1;
const EPOCH_MASK: u64 = (1 << 22) - 1;
const STATE: u32 = 62;
/// The latest time that fits: 34 years after the clock's origin.
const LATEST: u64 = PAYLOAD_MASK;

/// When to open and when to close; every number is within its range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BreakerLimits {
    /// Number of recent outcomes that count: 1 to 40.
    pub(crate) window: u32,
    /// Number of failures among them that opens the breaker: 1 to `window`.
    pub(crate) failures: u32,
    /// Time that it stays open, in milliseconds.
    pub(crate) recovery: u64,
    /// Number of trials that are allowed and must succeed: 1 to 65,535.
    pub(crate) trials: u64,
}

impl BreakerLimits {
    fn window_mask(self) -> u64 {
        (1 << self.window) - 1
    }
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The peer replied as expected.
    Success,
    /// The peer failed or did not reply.
    Failure,
    /// A local failure (no descriptor, no port, no permission) or a cancelled call: it says nothing about the peer,
    /// and does not count.
    Local,
}

/// The unpacked word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerWord {
    Closed { window: u64 },
    Open { until: u64 },
    HalfOpen { running: u64, succeeded: u64 },
}

/// Why a call was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectReason {
    /// Open until this time, in milliseconds.
    Until(u64),
    /// The running trials decide.
    OnTrial,
}

fn pack(state: BreakerWord, epoch: u64) -> u64 {
    let (tag, payload) = match state {
        BreakerWord::Closed { window } => (0, window),
        BreakerWord::Open { until } => (1, until.min(LATEST)),
        BreakerWord::HalfOpen { running, succeeded } => (2, succeeded << 16 | running),
    };
    tag << STATE | (epoch & EPOCH_MASK) << PAYLOAD | payload
}

fn unpack(word: u64) -> BreakerWord {
    let payload = word & PAYLOAD_MASK;
    match word >> STATE {
        0 => BreakerWord::Closed { window: payload },
        1 => BreakerWord::Open { until: payload },
        _ => BreakerWord::HalfOpen { running: payload & 0xffff, succeeded: payload >> 16 & 0xffff },
    }
}

fn epoch_of(word: u64) -> u64 {
    word >> PAYLOAD & EPOCH_MASK
}

/// The state word. All orderings are relaxed: it publishes nothing but itself.
#[derive(Debug)]
pub(crate) struct AtomicState(AtomicU64);

impl AtomicState {
    /// Closed, without failures.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn state(&self) -> BreakerWord {
        unpack(self.0.load(Ordering::Relaxed))
    }

    /// Returns the epoch of an admitted call. Reads `now` only if the breaker is not closed.
    #[inline]
    pub(crate) fn admit(&self, limits: BreakerLimits, now: impl Fn() -> u64) -> Result<u64, RejectReason> {
        let word = self.0.load(Ordering::Relaxed);
        if word >> STATE == 0 {
            return Ok(epoch_of(word));
        }
        self.admit_trial(word, limits, now)
    }

    fn admit_trial(&self, mut word: u64, limits: BreakerLimits, now: impl Fn() -> u64) -> Result<u64, RejectReason> {
        loop {
            let epoch = epoch_of(word);
            let (next, epoch) = match unpack(word) {
                BreakerWord::Closed { .. } => return Ok(epoch),
                BreakerWord::Open { until } if now() < until => return Err(RejectReason::Until(until)),
                BreakerWord::Open { .. } => (BreakerWord::HalfOpen { running: 1, succeeded: 0 }, epoch + 1),
                BreakerWord::HalfOpen { running, succeeded } if running + succeeded >= limits.trials => {
                    return Err(RejectReason::OnTrial);
                }
                BreakerWord::HalfOpen { running, succeeded } => {
                    (BreakerWord::HalfOpen { running: running + 1, succeeded }, epoch)
                }
            };

            match self.swap(word, pack(next, epoch)) {
                Ok(()) => return Ok(epoch & EPOCH_MASK),
                Err(current) => word = current,
            }
        }
    }

    /// Records the outcome of a call that was admitted in `epoch`.
    #[inline]
    pub(crate) fn record(&self, limits: BreakerLimits, epoch: u64, outcome: CallOutcome, now: impl Fn() -> u64) {
        let word = self.0.load(Ordering::Relaxed);
        if outcome == CallOutcome::Success && word >> PAYLOAD == epoch {
            // Closed, in this epoch. A success shifts a zero into a window of zeros, so the healthy case writes
            // nothing and cores share the line.
            let window = word & PAYLOAD_MASK;
            let next = epoch << PAYLOAD | (window << 1 & limits.window_mask());
            if window == 0 || self.swap(word, next).is_ok() {
                return;
            }
        }

        self.record_change(word, limits, epoch, outcome, now);
    }

    fn record_change(
        &self,
        mut word: u64,
        limits: BreakerLimits,
        epoch: u64,
        outcome: CallOutcome,
        now: impl Fn() -> u64,
    ) {
        while epoch_of(word) == epoch {
            let Some((next, moved)) = after(unpack(word), outcome, limits, &now) else { return };
            match self.swap(word, pack(next, epoch + u64::from(moved))) {
                Ok(()) => return,
                Err(current) => word = current,
            }
        }
    }

    fn swap(&self, from: u64, to: u64) -> Result<(), u64> {
        self.0.compare_exchange_weak(from, to, Ordering::Relaxed, Ordering::Relaxed).map(drop)
    }
}

/// The state after `outcome`, and whether it is a transition; `None` if nothing changes.
fn after(
    state: BreakerWord,
    outcome: CallOutcome,
    limits: BreakerLimits,
    now: impl Fn() -> u64,
) -> Option<(BreakerWord, bool)> {
    match (state, outcome) {
        // An admitted call has an epoch in which the breaker was not open.
        (BreakerWord::Open { .. }, _) | (BreakerWord::Closed { .. }, CallOutcome::Local) => None,
        (BreakerWord::Closed { window }, outcome) => {
            let failed = u64::from(outcome == CallOutcome::Failure);
            let window = (window << 1 | failed) & limits.window_mask();
            let trips = failed == 1 && window.count_ones() >= limits.failures;
            Some(if trips { opened(limits, now) } else { (BreakerWord::Closed { window }, false) })
        }
        (BreakerWord::HalfOpen { .. }, CallOutcome::Failure) => Some(opened(limits, now)),
        (BreakerWord::HalfOpen { running, succeeded }, outcome) => {
            let succeeded = succeeded + u64::from(outcome == CallOutcome::Success);
            if succeeded >= limits.trials {
                return Some((BreakerWord::Closed { window: 0 }, true));
            }
            Some((BreakerWord::HalfOpen { running: running.saturating_sub(1), succeeded }, false))
        }
    }
}

fn opened(limits: BreakerLimits, now: impl Fn() -> u64) -> (BreakerWord, bool) {
    (BreakerWord::Open { until: now().saturating_add(limits.recovery) }, true)
}
