//! Latencies, in a histogram whose values are exact to a thousandth.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::{Error, Result};

/// Latencies up to an hour.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

/// The figures of some latencies, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct LatencyFigures {
    pub(super) count: u64,
    pub(super) mean_us: f64,
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p95_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
}

const MIN_NANOS: u64 = 1_000;
const MAX_NANOS: u64 = 3_600_000_000_000;

impl Latencies {
    /// # Errors
    /// There is no memory for them.
    pub(super) fn new() -> Result<Self> {
        Histogram::new_with_bounds(MIN_NANOS, MAX_NANOS, 3).map(Self).map_err(|error| Error::Limit {
            what: "keep latencies".to_owned(),
            why: error.to_string(),
            hint: "free some memory".to_owned(),
        })
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(MAX_NANOS).max(MIN_NANOS));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    pub(super) fn figures(&self) -> LatencyFigures {
        if self.0.is_empty() {
            return LatencyFigures::default();
        }
        LatencyFigures {
            count: self.0.len(),
            mean_us: self.0.mean() / 1_000.0,
            p50_us: self.micros(0.5),
            p90_us: self.micros(0.9),
            p95_us: self.micros(0.95),
            p99_us: self.micros(0.99),
            p999_us: self.micros(0.999),
            max_us: self.micros(1.0),
        }
    }

    /// The latency that this part of all does not exceed, in microseconds.
    fn micros(&self, quantile: f64) -> f64 {
        Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64() * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_thousandth() {
        let (mut one, mut other) = (Latencies::new().unwrap(), Latencies::new().unwrap());
        assert_eq!(one.figures(), LatencyFigures::default());
        for millisecond in 1..=1_000 {
            let half = if millisecond % 2 == 0 { &mut one } else { &mut other };
            half.record(Duration::from_millis(millisecond));
        }

        one.merge(&other);
        let LatencyFigures { count, p50_us, p95_us, p99_us, max_us, .. } = one.figures();
        assert_eq!(count, 1_000);
        for (measured, exact) in [(p50_us, 500_000.0), (p95_us, 950_000.0), (p99_us, 990_000.0), (max_us, 1_000_000.0)]
        {
            assert!((measured - exact).abs() <= exact / 1_000.0, "{measured} {exact}");
        }
    }
}
