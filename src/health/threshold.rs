//! When a change of state is confirmed: after N checks in a row, more for worse than for better.

use crate::model::HealthState;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct DebouncedState {
    state: HealthState,
    /// Checks in a row that showed a better state.
    better: u32,
    /// Checks in a row that showed a worse state.
    worse: u32,
}

impl DebouncedState {
    /// By a first look, which has nothing to be compared with.
    pub(super) fn new(state: HealthState) -> Self {
        Self { state, better: 0, worse: 0 }
    }

    pub(super) fn state(self) -> HealthState {
        self.state
    }

    /// Takes what a further look showed; whether that is believed now. One that shows the state that is believed is, and
    /// ends every doubt.
    pub(super) fn take(&mut self, shown: HealthState, thresholds: Thresholds) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        // The best comes first. Nothing is known where this side could not look: whatever comes after it is news.
        let is_new = match shown.cmp(&self.state) {
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
        if is_new {
            *self = Self::new(shown);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthState::{Degraded, Healthy, Unhealthy, Unknown};

    /// What is believed after each of these looks.
    fn believed(shown: &[HealthState]) -> Vec<HealthState> {
        let mut believed = DebouncedState::new(shown[0]);
        let take = |shown: &HealthState| {
            believed.take(*shown, Thresholds { rise: 2, fall: 3 });
            believed.state
        };
        shown.iter().map(take).collect()
    }

    #[test]
    fn worse_takes_longer_than_better() {
        assert_eq!(
            believed(&[Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy, Healthy]),
            [Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Healthy]
        );
    }

    #[test]
    fn a_single_look_ends_the_doubt() {
        assert_eq!(
            believed(&[Healthy, Unhealthy, Unhealthy, Healthy, Unhealthy, Unhealthy, Unhealthy]),
            [Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Unhealthy]
        );
    }

    #[test]
    fn what_is_worse_in_several_ways_is_as_it_was_last() {
        assert_eq!(believed(&[Healthy, Unhealthy, Degraded, Degraded]).last(), Some(&Degraded));
        assert_eq!(believed(&[Unhealthy, Degraded, Healthy]).last(), Some(&Healthy));
        assert_eq!(believed(&[Degraded, Healthy, Unhealthy, Healthy]).last(), Some(&Degraded), "never twice in a row");
    }

    #[test]
    fn not_to_know_is_worse_and_over_at_once() {
        assert_eq!(
            believed(&[Healthy, Unknown, Unknown, Unknown, Unhealthy]),
            [Healthy, Healthy, Healthy, Unknown, Unhealthy]
        );
    }
}
