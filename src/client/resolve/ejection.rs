//! The passive circuit breaker of one endpoint, as a pure function of its state, an event and the time.

use std::time::Duration;

/// When an endpoint whose calls fail is left out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionOptions {
    /// Number of consecutive failures after which it gets no more calls; 0 for never.
    pub failures: u32,
    /// How long it gets no calls. Then one call tries it: if that fails too, twice as long.
    pub recovery: Duration,
    /// The longest time without a call.
    pub max_recovery: Duration,
    /// The largest share of the usable endpoints that may be left out at the same time, in percent. Beyond it, endpoints that
    /// fail get calls as before: a failure of all is more likely one of this side.
    pub max_percent: u8,
}

impl Default for EjectionOptions {
    /// After five failures in a row, for five seconds and at most a minute; at most half of the endpoints.
    fn default() -> Self {
        let (recovery, max_recovery) = (Duration::from_secs(5), Duration::from_mins(1));
        Self { failures: 5, recovery, max_recovery, max_percent: 50 }
    }
}

/// The breaker of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ejection {
    /// The endpoint receives calls. Holds the number of consecutive failures.
    Closed { failures: u32 },
    /// It gets no calls before that time, unless too many others are left out.
    Open { until: Duration, openings: u32 },
    /// One call tries it.
    HalfOpen { openings: u32 },
}

impl Default for Ejection {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// What happens to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EjectionEvent {
    /// A call succeeded.
    Success,
    /// A call failed.
    Failure,
    /// A call is about to try it.
    TrialStarted,
    /// The call that tried it ended without an outcome.
    TrialAbandoned,
}

impl Ejection {
    /// The state after an event.
    pub(super) fn after(self, event: EjectionEvent, now: Duration, options: &EjectionOptions) -> Self {
        match (self, event) {
            // Whatever came before: it replies.
            (_, EjectionEvent::Success) => Self::default(),
            (Self::Closed { failures }, EjectionEvent::Failure) => {
                let failures = failures.saturating_add(1);
                let is_open = options.failures > 0 && failures >= options.failures;
                if is_open { Self::opened(0, now, options) } else { Self::Closed { failures } }
            }
            (Self::HalfOpen { openings }, EjectionEvent::Failure) => Self::opened(openings, now, options),
            (Self::HalfOpen { openings }, EjectionEvent::TrialAbandoned) => Self::Open { until: now, openings },
            (Self::Open { until, openings }, EjectionEvent::TrialStarted) if until <= now => {
                Self::HalfOpen { openings }
            }
            (state, _) => state,
        }
    }

    fn opened(openings: u32, now: Duration, options: &EjectionOptions) -> Self {
        let factor = 1_u32.checked_shl(openings).unwrap_or(u32::MAX);
        let recovery = options.recovery.saturating_mul(factor).min(options.max_recovery);
        Self::Open { until: now.saturating_add(recovery), openings: openings.saturating_add(1) }
    }

    /// Its state in the log.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }

    /// Whether it wants to get no calls.
    pub(super) fn is_open(self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// When a call may try it; `None` if calls are not held back, or one tries it now.
    pub(super) fn trial_at(self) -> Option<Duration> {
        match self {
            Self::Open { until, .. } => Some(until),
            Self::Closed { .. } | Self::HalfOpen { .. } => None,
        }
    }
}

/// How many of the usable endpoints may be left out at the same time.
pub(super) fn max_ejected(usable: usize, options: &EjectionOptions) -> usize {
    usable * usize::from(options.max_percent.min(100)) / 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::EjectionEvent::{Failure, Success, TrialAbandoned, TrialStarted};
    use super::*;

    const OPTIONS: EjectionOptions = EjectionOptions {
        failures: 3,
        recovery: Duration::from_secs(5),
        max_recovery: Duration::from_secs(15),
        max_percent: 50,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The state after events at their times, in seconds.
    fn run(events: &[(u64, EjectionEvent)]) -> Ejection {
        events.iter().fold(Ejection::default(), |state, (at, event)| state.after(*event, seconds(*at), &OPTIONS))
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        assert_eq!(run(&[(0, Failure), (0, Failure), (0, Success), (0, Failure), (0, Failure)]).trial_at(), None);
        assert_eq!(run(&[(0, Failure), (0, Failure), (1, Failure)]).trial_at(), Some(seconds(6)));
        let never = EjectionOptions { failures: 0, ..OPTIONS };
        let failed = (0..100).fold(Ejection::default(), |state, at| state.after(Failure, seconds(at), &never));
        assert!(!failed.is_open());
    }

    /// The state after three failures and these events.
    fn tried(then: &[(u64, EjectionEvent)]) -> Ejection {
        run(&[&[(0, Failure), (0, Failure), (0, Failure)], then].concat())
    }

    #[test]
    fn one_call_tries_it_when_the_time_has_come() {
        assert_eq!(tried(&[(4, TrialStarted)]).trial_at(), Some(seconds(5)), "too early");
        assert_eq!(tried(&[(5, TrialStarted)]).trial_at(), None, "a second call does not try it too");
        assert!(!tried(&[(5, TrialStarted), (6, Success)]).is_open());
        assert_eq!(tried(&[(5, TrialStarted), (6, TrialAbandoned)]).trial_at(), Some(seconds(6)));
        assert_eq!(tried(&[(5, TrialStarted), (6, Failure)]).trial_at(), Some(seconds(16)), "twice as long");
        let again = [(5, TrialStarted), (6, Failure), (16, TrialStarted), (17, Failure)];
        assert_eq!(tried(&again).trial_at(), Some(seconds(32)), "never longer than the maximum");
        assert!(!tried(&[(1, Success)]).is_open(), "a call that began before shows that it replies");
    }

    #[test]
    fn the_share_that_may_be_left_out_is_rounded_down() {
        assert_eq!([0, 1, 2, 3, 10].map(|usable| max_ejected(usable, &OPTIONS)), [0, 0, 1, 1, 5]);
        let none = EjectionOptions { max_percent: 0, ..OPTIONS };
        assert_eq!(max_ejected(10, &none), 0);
    }

    fn any_event() -> impl Strategy<Value = EjectionEvent> {
        prop_oneof![Just(Success), Just(Failure), Just(TrialStarted), Just(TrialAbandoned)]
    }

    proptest! {
        /// Whatever happens, a success closes it, and it opens for `recovery` to `max_recovery` and not earlier than after
        /// `failures` failures without a success.
        #[test]
        fn it_opens_only_for_reasons(events in prop::collection::vec((0_u64..60, any_event()), 0..60)) {
            let (mut state, mut now, mut in_a_row) = (Ejection::default(), Duration::ZERO, 0);

            for (step, event) in events {
                now += seconds(step);
                let next = state.after(event, now, &OPTIONS);
                in_a_row = match event {
                    Success => 0,
                    Failure => in_a_row + 1,
                    _ => in_a_row,
                };
                prop_assert!(!next.is_open() || in_a_row >= 3);
                prop_assert!(event != Success || !next.is_open());
                if let (Some(until), None) = (next.trial_at(), state.trial_at()) && event == Failure {
                    prop_assert!(until >= now + OPTIONS.recovery && until <= now + OPTIONS.max_recovery);
                }
                state = next;
            }
        }
    }
}
