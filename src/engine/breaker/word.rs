//! The whole state of a breaker in one atomic word, so that every transition is one compare-and-swap.
//!
//! ```text
//! 63..62 state   61..40 epoch   39..0 closed: the last outcomes, newest lowest, a failure is a 1
//!                                     open: milliseconds of the clock when a trial may begin
//!                                     half-open: 31..16 trials that succeeded, 15..0 trials on their way
//! ```
//! The epoch counts transitions: an outcome of a call that was admitted in another epoch says nothing about this one.
//! It wraps after four million transitions, which no call outlives.
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

/// When to open and when to close again; every number is within its range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many of the last outcomes count: 1 to 40.
    pub(crate) window: u32,
    /// How many failures among them open the breaker: 1 to `window`.
    pub(crate) failures: u32,
    /// How long it stays open, in milliseconds.
    pub(crate) recovery: u64,
    /// How many trials must succeed, and how many are let through: 1 to 65,535.
    pub(crate) trials: u64,
}

impl Limits {
    fn window_mask(self) -> u64 {
        (1 << self.window) - 1
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer did what it was asked.
    Success,
    /// The peer failed, or did not answer.
    Failure,
    /// The fault is on this side (no descriptor, no port, no permission) or nobody waited: it says nothing about the
    /// peer, and counts as if the call had never been made.
    Local,
}

/// The word, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed { window: u64 },
    Open { until: u64 },
    HalfOpen { running: u64, succeeded: u64 },
}

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Open until this time, in milliseconds.
    Until(u64),
    /// The trials on their way decide.
    OnTrial,
}

fn pack(state: State, epoch: u64) -> u64 {
    let (tag, payload) = match state {
        State::Closed { window } => (0, window),
        State::Open { until } => (1, until.min(LATEST)),
        State::HalfOpen { running, succeeded } => (2, succeeded << 16 | running),
    };
    tag << STATE | (epoch & EPOCH_MASK) << PAYLOAD | payload
}

fn unpack(word: u64) -> State {
    let payload = word & PAYLOAD_MASK;
    match word >> STATE {
        0 => State::Closed { window: payload },
        1 => State::Open { until: payload },
        _ => State::HalfOpen { running: payload & 0xffff, succeeded: payload >> 16 & 0xffff },
    }
}

fn epoch_of(word: u64) -> u64 {
    word >> PAYLOAD & EPOCH_MASK
}

/// The state word. Orderings are relaxed throughout: it publishes nothing but itself.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    /// Closed, and nothing has failed.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn state(&self) -> State {
        unpack(self.0.load(Ordering::Relaxed))
    }

    /// The epoch of an admitted call. `now` is read only when the breaker is not closed.
    #[inline]
    pub(crate) fn admit(&self, limits: Limits, now: impl Fn() -> u64) -> Result<u64, Refusal> {
        let word = self.0.load(Ordering::Relaxed);
        if word >> STATE == 0 {
            return Ok(epoch_of(word));
        }
        self.admit_trial(word, limits, now)
    }

    fn admit_trial(&self, mut word: u64, limits: Limits, now: impl Fn() -> u64) -> Result<u64, Refusal> {
        loop {
            let epoch = epoch_of(word);
            let (next, epoch) = match unpack(word) {
                State::Closed { .. } => return Ok(epoch),
                State::Open { until } if now() < until => return Err(Refusal::Until(until)),
                State::Open { .. } => (State::HalfOpen { running: 1, succeeded: 0 }, epoch + 1),
                State::HalfOpen { running, succeeded } if running + succeeded >= limits.trials => {
                    return Err(Refusal::OnTrial);
                }
                State::HalfOpen { running, succeeded } => (State::HalfOpen { running: running + 1, succeeded }, epoch),
            };
            match self.swap(word, pack(next, epoch)) {
                Ok(()) => return Ok(epoch & EPOCH_MASK),
                Err(current) => word = current,
            }
        }
    }

    /// Takes the outcome of a call that was admitted in `epoch`.
    #[inline]
    pub(crate) fn record(&self, limits: Limits, epoch: u64, outcome: Outcome, now: impl Fn() -> u64) {
        let word = self.0.load(Ordering::Relaxed);
        if outcome == Outcome::Success && word >> PAYLOAD == epoch {
            // Closed, in this epoch. The healthy case writes nothing, as a success shifts a zero into a window of
            // zeros: so cores share the line.
            let window = word & PAYLOAD_MASK;
            let next = epoch << PAYLOAD | (window << 1 & limits.window_mask());
            if window == 0 || self.swap(word, next).is_ok() {
                return;
            }
        }
        self.record_change(word, limits, epoch, outcome, now);
    }

    fn record_change(&self, mut word: u64, limits: Limits, epoch: u64, outcome: Outcome, now: impl Fn() -> u64) {
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

/// The state after `outcome`, and whether that is a transition; `None`: nothing changes.
fn after(state: State, outcome: Outcome, limits: Limits, now: impl Fn() -> u64) -> Option<(State, bool)> {
    let opened = || (State::Open { until: now().saturating_add(limits.recovery) }, true);
    match (state, outcome) {
        // A call that was admitted holds an epoch in which the breaker was not open.
        (State::Open { .. }, _) | (State::Closed { .. }, Outcome::Local) => None,
        (State::Closed { window }, outcome) => {
            let failed = u64::from(outcome == Outcome::Failure);
            let window = (window << 1 | failed) & limits.window_mask();
            let trips = failed == 1 && window.count_ones() >= limits.failures;
            Some(if trips { opened() } else { (State::Closed { window }, false) })
        }
        (State::HalfOpen { .. }, Outcome::Failure) => Some(opened()),
        (State::HalfOpen { running, succeeded }, outcome) => {
            let succeeded = succeeded + u64::from(outcome == Outcome::Success);
            if succeeded >= limits.trials {
                return Some((State::Closed { window: 0 }, true));
            }
            Some((State::HalfOpen { running: running.saturating_sub(1), succeeded }, false))
        }
    }
}
