//! When a change of state is confirmed: after N checks in a row, more for worse than for better.

use super::HealthState;

/// How many checks in a row confirm a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// For better; at least 1.
    pub rise: u32,
    /// For worse; at least 1.
    pub fall: u32,
}

impl Default for Thresholds {
    /// Recovery is confirmed sooner than failure: a single failed check may have any cause.
    fn default() -> Self {
        Self { rise: 2, fall: 3 }
    }
}

/// The confirmed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DebouncedState {
    state: HealthState,
    /// Checks in a row that showed a better state.
    better: u32,
    /// Checks in a row that showed a worse state.
    worse: u32,
}

impl DebouncedState {
    /// The state of the first check, which needs no confirmation.
    pub(crate) fn new(state: HealthState) -> Self {
        Self { state, better: 0, worse: 0 }
    }

    pub(crate) fn get(self) -> HealthState {
        self.state
    }

    /// Records the state of another check and returns whether it is confirmed now. The current state is confirmed at once
    /// and resets the counts.
    pub(crate) fn record(&mut self, shown: HealthState, thresholds: Thresholds) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        // The best state is the least. After an unknown state, any state is confirmed at once.
        let is_confirmed = match shown.cmp(&self.state) {
            Equal => true,
            _ if self.state == HealthState::Unknown => true,
            Less => {
                (self.better, self.worse) = (self.better + 1, 0);
                self.better >= thresholds.rise
            }
            Greater => {
                (self.better, self.worse) = (0, self.worse + 1);
                self.worse >= thresholds.fall
            }
        };

        if is_confirmed {
            *self = Self::new(shown);
        }
        is_confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthState::{Degraded, Healthy, Unhealthy, Unknown};

    /// The confirmed state after each of these checks.
    fn confirmed(shown: &[HealthState]) -> Vec<HealthState> {
        let mut state = DebouncedState::new(shown[0]);
        let mut confirmed = Vec::new();
        for shown in shown {
            state.record(*shown, Thresholds { rise: 2, fall: 3 });
            confirmed.push(state.get());
        }
        confirmed
    }

    #[test]
    fn worse_takes_longer_than_better() {
        assert_eq!(
            confirmed(&[Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy, Healthy]),
            [Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Healthy]
        );
    }

    #[test]
    fn a_check_with_the_confirmed_state_resets_the_counts() {
        assert_eq!(
            confirmed(&[Healthy, Unhealthy, Unhealthy, Healthy, Unhealthy, Unhealthy, Unhealthy]),
            [Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Unhealthy]
        );
    }

    #[test]
    fn different_worse_states_count_together() {
        assert_eq!(confirmed(&[Healthy, Unhealthy, Degraded, Degraded]).last(), Some(&Degraded));
        assert_eq!(confirmed(&[Unhealthy, Degraded, Healthy]).last(), Some(&Healthy));
        assert_eq!(confirmed(&[Degraded, Healthy, Unhealthy, Healthy]).last(), Some(&Degraded), "never twice in a row");
    }

    #[test]
    fn unknown_is_worse_and_ends_at_once() {
        assert_eq!(
            confirmed(&[Healthy, Unknown, Unknown, Unknown, Unhealthy]),
            [Healthy, Healthy, Healthy, Unknown, Unhealthy]
        );
    }
}
