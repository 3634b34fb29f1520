//! When a registration is renewed, tried again or made anew, as a pure function of what happened.

use std::time::Duration;

/// A registration between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    /// How long the registration lasts without a renewal; `None` if it needs none.
    ttl: Option<Duration>,
    /// Whether the registry has it, as far as is known.
    is_registered: bool,
    /// Requests in a row that failed.
    failures: u32,
}

/// The next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Register, as if for the first time.
    Register,
    /// Renew the lease.
    Renew,
}

/// What a request showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepOutcome {
    /// The registry has the registration now, for this long.
    Registered(Option<Duration>),
    /// The lease was renewed.
    Renewed,
    /// The registry does not know it: it expired, was removed, or the registry lost its data.
    Gone,
    /// No reply, or a failure of the registry.
    Failed,
    /// The registry refuses the key, the token or the permission.
    Refused,
}

/// The first wait after a failure.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// The longest wait between attempts of a registration whose time to live is not known.
const MAX_RETRY: Duration = Duration::from_secs(10);
/// The longest wait after a refusal. Only a person ends one, and each attempt is a record in the registry's audit log.
const MAX_REFUSED_RETRY: Duration = Duration::from_mins(5);

impl Heartbeat {
    /// A registration that is not made yet. `ttl` is what it asks for.
    pub(super) fn new(ttl: Option<Duration>) -> Self {
        Self { ttl, is_registered: false, failures: 0 }
    }

    /// The next request.
    pub(super) fn step(self) -> NextStep {
        if self.is_registered { NextStep::Renew } else { NextStep::Register }
    }

    /// The state after a request, and the wait until the next one; `None` if there is nothing to renew. `random` spreads
    /// those that began together.
    ///
    /// A lease is renewed three times in its life, so that two requests may be lost. A registry that was away is tried at
    /// least as often, so a lost registration is made anew within a third of the lease after its return.
    pub(super) fn after(self, outcome: StepOutcome, random: u64) -> (Self, Option<Duration>) {
        match outcome {
            StepOutcome::Registered(ttl) => {
                let ttl = ttl.filter(|ttl| !ttl.is_zero());
                (Self { ttl, is_registered: true, failures: 0 }, ttl.map(|ttl| shortened(ttl / 3, random, 10)))
            }
            StepOutcome::Renewed => (Self { failures: 0, ..self }, self.ttl.map(|ttl| shortened(ttl / 3, random, 10))),
            StepOutcome::Gone => (Self { is_registered: false, failures: 0, ..self }, Some(Duration::ZERO)),
            StepOutcome::Failed | StepOutcome::Refused => {
                let longest = match outcome {
                    StepOutcome::Refused => MAX_REFUSED_RETRY,
                    _ => self.ttl.map_or(MAX_RETRY, |ttl| (ttl / 3).min(MAX_RETRY)),
                };
                let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
                let wait = FIRST_RETRY.saturating_mul(factor).min(longest);
                (Self { failures: self.failures.saturating_add(1), ..self }, Some(shortened(wait, random, 50)))
            }
        }
    }
}

/// A time that is up to `percent` shorter.
fn shortened(time: Duration, random: u64, percent: u32) -> Duration {
    let part = u32::try_from(random % 1_000).unwrap_or(0);
    time.saturating_sub(time / 1_000 * part / 100 * percent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StepOutcome::{Failed, Gone, Refused, Registered, Renewed};
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn run(outcomes: &[StepOutcome]) -> (Heartbeat, Option<Duration>) {
        let begin = (Heartbeat::new(Some(TTL)), Some(Duration::ZERO));
        outcomes.iter().fold(begin, |(state, _), outcome| state.after(*outcome, 0))
    }

    #[test]
    fn a_lease_is_renewed_three_times_in_its_life() {
        let (state, wait) = run(&[Registered(Some(TTL))]);
        assert_eq!((state.step(), wait), (NextStep::Renew, Some(TTL / 3)));
        assert_eq!(run(&[Registered(Some(TTL)), Renewed]).1, Some(TTL / 3));
        let given = Duration::from_secs(6);
        assert_eq!(run(&[Registered(Some(given)), Renewed]).1, Some(given / 3), "the registry decides");
        assert_eq!(run(&[Registered(None)]).1, None, "without a lease there is nothing to renew");
        assert_eq!(run(&[Registered(Some(Duration::ZERO))]).1, None);
    }

    #[test]
    fn a_refusal_is_tried_again_ever_more_rarely_and_a_failure_is_not() {
        for (outcome, wait) in [(Refused, MAX_REFUSED_RETRY), (Failed, TTL / 3)] {
            let outcomes = [&[Registered(Some(TTL))] as &[_], &[outcome; 20]].concat();
            assert_eq!(run(&outcomes).1, Some(wait));
        }
        assert_eq!(run(&[Refused]).1, Some(FIRST_RETRY), "a new key may reach the server a moment later");
    }

    /// A 404 means that it expired or that the registry lost it: register at once.
    #[test]
    fn what_the_registry_does_not_know_is_registered_again_at_once() {
        let (state, wait) = run(&[Registered(Some(TTL)), Gone]);
        assert_eq!((state.step(), wait), (NextStep::Register, Some(Duration::ZERO)));
        let (state, _) = run(&[Registered(Some(TTL)), Gone, Failed]);
        assert_eq!(state.step(), NextStep::Register);
    }

    proptest! {
        /// However long the registry was away, the next request comes within a third of the lease, and failures in a row are
        /// not answered with a storm of requests.
        #[test]
        fn a_registry_that_was_away_is_found_again_in_time(
            ttl in 1_u64..3_600,
            failures in 1_u32..80,
            random: u64,
            is_registered: bool,
        ) {
            let ttl = Duration::from_secs(ttl);
            let mut state = Heartbeat { ttl: Some(ttl), is_registered, failures: 0 };
            let mut wait = None;
            for _ in 0..failures {
                (state, wait) = state.after(Failed, random);
            }
            let wait = wait.unwrap();
            prop_assert!(wait <= ttl / 3);
            prop_assert!(wait >= (FIRST_RETRY / 2).min(ttl / 6));
            prop_assert!(failures < 12 || wait >= (ttl / 6).min(MAX_RETRY / 2));
        }

        /// Renewals of clients that began together spread, and none comes late.
        #[test]
        fn renewals_spread_over_a_tenth_of_their_interval(random: u64) {
            let wait = Heartbeat::new(None).after(Registered(Some(TTL)), random).1.unwrap();
            prop_assert!(wait <= TTL / 3 && wait >= TTL / 3 * 9 / 10);
        }
    }
}
