//! How stable an endpoint is: its recent results and the state of its circuit breaker.
//!
//! A single check has no history, so this check needs several samples.

use serde::{Deserialize, Serialize};

use super::{BuiltInCheck, findings};
use crate::model::{Finding, Group};

findings! { Group::Stability;
    OPEN = "circuit-open", cap 25, "The endpoint kept failing; the circuit breaker is open.",
        "fix the failure; the endpoint is retried automatically";
    HALF_OPEN = "circuit-half-open", 10, cap 75, "The endpoint kept failing; the circuit breaker is retrying it.",
        "wait for the result of the retry";
    FLAPPING_4 = "flapping-4", 5, "The endpoint changed between healthy and unhealthy at least 4 times in the last 20 results.",
        "check for one bad backend, or a limit that is sometimes reached";
    FLAPPING_8 = "flapping-8", 10, "The endpoint changed between healthy and unhealthy at least 8 times in the last 20 results.",
        "check for one bad backend, or a limit that is sometimes reached";
    BELOW_999 = "success-below-999", 2, "Fewer than 99.9% of the results were good.",
        "check the failures";
    BELOW_99 = "success-below-99", 5, "Fewer than 99% of the results were good.",
        "check the failures";
    BELOW_95 = "success-below-95", 10, cap 75, "Fewer than 95% of the results were good.",
        "check the failures";
}

/// Whether a finding says that the endpoint flaps.
pub(crate) fn is_flapping(finding: &Finding) -> bool {
    [FLAPPING_4.code, FLAPPING_8.code].contains(&finding.code())
}

/// The number of results that count for flapping and that a monitor keeps.
pub(crate) const WINDOW: usize = 20;

/// Evidence of several samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StabilityObservation {
    /// Whether the endpoint was usable in each sample, in order.
    pub(crate) results: Vec<bool>,
    pub(crate) circuit: Circuit,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Circuit {
    /// Calls go through.
    #[default]
    Closed,
    /// Calls fail immediately.
    Open,
    /// A few calls go through.
    HalfOpen,
}

impl BuiltInCheck for StabilityObservation {
    fn findings(&self) -> Vec<Finding> {
        [self.circuit(), self.flapping(), self.success()].into_iter().flatten().collect()
    }

    fn merge(&mut self, later: Self) {
        self.results.extend(later.results);
        self.circuit = later.circuit;
    }
}

impl StabilityObservation {
    fn circuit(&self) -> Option<Finding> {
        match self.circuit {
            Circuit::Closed => None,
            Circuit::Open => Some(Finding::new(&OPEN, "kept failing; the circuit breaker is open")),
            Circuit::HalfOpen => Some(Finding::new(&HALF_OPEN, "kept failing; the circuit breaker is retrying it")),
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
        let thresholds = [(950, &BELOW_95), (990, &BELOW_99), (999, &BELOW_999)];
        let (_, kind) = thresholds.into_iter().find(|(per_mille, _)| good * 1000 < total * per_mille)?;
        Some(Finding::new(kind, format!("{good} of {total} results were good")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(circuit: Circuit, results: impl IntoIterator<Item = bool>) -> Vec<&'static str> {
        crate::check::codes(&StabilityObservation { results: results.into_iter().collect(), circuit })
    }

    /// 1,000 results that change `changes` times within the window, and end well.
    fn flapping(changes: usize) -> impl Iterator<Item = bool> {
        (0..1000).map(move |n| n < 985 || n - 985 >= changes || n % 2 == 0)
    }

    #[test]
    fn success_rates_have_thresholds() {
        for (failures, total, code) in [
            (0, 1, None),
            (1, 1000, None),
            (2, 1000, Some("success-below-999")),
            (2, 100, Some("success-below-99")),
            (5, 100, Some("success-below-99")),
            (6, 100, Some("success-below-95")),
        ] {
            let codes = codes(Circuit::Closed, (0..total).map(|n| n >= failures));
            assert_eq!(codes.first().copied(), code, "{failures} of {total}");
        }
    }

    #[test]
    fn flapping_and_the_circuit_have_findings() {
        assert_eq!(codes(Circuit::Closed, flapping(2)), [""; 0]);
        assert_eq!(codes(Circuit::Closed, flapping(4)), ["flapping-4", "success-below-999"]);
        assert_eq!(codes(Circuit::Closed, flapping(6)), ["flapping-4", "success-below-999"]);
        assert_eq!(codes(Circuit::Closed, flapping(8)), ["flapping-8", "success-below-999"]);
        assert_eq!(codes(Circuit::Open, [true]), ["circuit-open"]);
        assert_eq!(codes(Circuit::HalfOpen, [true]), ["circuit-half-open"]);
    }
}
