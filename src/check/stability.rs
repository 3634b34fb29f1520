//! How steady an endpoint is: its last results, and what its circuit breaker makes of them.
//!
//! One look has no history: this check runs only where there are several samples.

use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Finding, Group};

findings! { Group::Stability;
    OPEN = "circuit-open", cap 25, "It kept failing, so that it is left alone for a while.",
        "mend what fails; it is tried again by itself";
    HALF_OPEN = "circuit-half-open", 10, cap 75, "It kept failing, and is just being tried again.",
        "wait for the trial's outcome";
    FLAPPING_4 = "flapping-4", 5, "It changed between well and unwell at least 4 times in the last 20 results.",
        "look for one bad backend of several, or a limit that is hit now and then";
    FLAPPING_8 = "flapping-8", 10, "It changed between well and unwell at least 8 times in the last 20 results.",
        "look for one bad backend of several, or a limit that is hit now and then";
    BELOW_999 = "success-below-999", 2, "Fewer than 99.9% of the results were good.",
        "look at the failures";
    BELOW_99 = "success-below-99", 5, "Fewer than 99% of the results were good.",
        "look at the failures";
    BELOW_95 = "success-below-95", 10, cap 75, "Fewer than 95% of the results were good.",
        "look at the failures";
}

/// How many of the last results count for flapping, and are kept by whoever looks again and again.
pub(crate) const WINDOW: usize = 20;

/// What several looks showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// Whether a client could have used it, at each look in order.
    pub(crate) results: Vec<bool>,
    /// What its breaker does with the next call.
    pub(crate) circuit: Circuit,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Circuit {
    /// Calls go through.
    #[default]
    Closed,
    /// Calls are answered without trying.
    Open,
    /// A few are tried.
    HalfOpen,
}

impl Observation {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        [self.circuit(), self.flapping(), self.success()].into_iter().flatten().collect()
    }

    fn circuit(&self) -> Option<Finding> {
        match self.circuit {
            Circuit::Closed => None,
            Circuit::Open => Some(Finding::new(&OPEN, "it kept failing, and is left alone for now")),
            Circuit::HalfOpen => Some(Finding::new(&HALF_OPEN, "it kept failing, and is just being tried again")),
        }
    }

    fn flapping(&self) -> Option<Finding> {
        let last = &self.results[self.results.len().saturating_sub(WINDOW)..];
        let changes = last.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let kind = match changes {
            8.. => &FLAPPING_8,
            4.. => &FLAPPING_4,
            _ => return None,
        };
        Some(Finding::new(kind, format!("{changes} changes in the last {} results", last.len())))
    }

    fn success(&self) -> Option<Finding> {
        let (good, total) = (self.results.iter().filter(|good| **good).count(), self.results.len());
        let below = |per_mille: usize| good * 1000 < total * per_mille;
        let kind = match () {
            () if below(950) => &BELOW_95,
            () if below(990) => &BELOW_99,
            () if below(999) => &BELOW_999,
            () => return None,
        };
        Some(Finding::new(kind, format!("{good} of {total} results were good")))
    }

    #[expect(clippy::unused_self, reason = "every check has it")]
    pub(crate) fn is_silent(&self) -> bool {
        false
    }

    /// Takes in what was seen at a later look.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.results.extend(later.results);
        self.circuit = later.circuit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn judged(circuit: Circuit, results: impl IntoIterator<Item = bool>) -> Vec<&'static str> {
        codes(&Observation { results: results.into_iter().collect(), circuit }.judge())
    }

    #[test]
    fn rates_and_changes_by_their_thresholds() {
        let failing = |failures: usize, total: usize| judged(Circuit::Closed, (0..total).map(|n| n >= failures));
        assert_eq!(failing(0, 1), [""; 0]);
        assert_eq!(failing(1, 1000), [""; 0]);
        assert_eq!(failing(2, 1000), ["success-below-999"]);
        assert_eq!(failing(2, 100), ["success-below-99"]);
        assert_eq!(failing(5, 100), ["success-below-99"]);
        assert_eq!(failing(6, 100), ["success-below-95"]);
        // It turns so often, and ends well.
        let flapping =
            |changes: usize| judged(Circuit::Closed, (0..1000).map(|n| n < 985 || n - 985 >= changes || n % 2 == 0));
        assert_eq!(flapping(2), [""; 0]);
        assert_eq!(flapping(4), ["flapping-4", "success-below-999"]);
        assert_eq!(flapping(6), ["flapping-4", "success-below-999"]);
        assert_eq!(flapping(8), ["flapping-8", "success-below-999"]);
        assert_eq!(judged(Circuit::Open, [true]), ["circuit-open"]);
        assert_eq!(judged(Circuit::HalfOpen, [true]), ["circuit-half-open"]);
    }
}
