//! Latency scales. Each scale emits only its worst finding.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::model::{Finding, FindingKind};

/// A measured time and the scheduler lag of this process during the measurement. Only the difference counts
/// in scores: it is the least time that the peer can have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    /// As measured, in microseconds.
    us: u64,
    /// Scheduler lag of this process, in microseconds.
    #[serde(default, rename = "late_us", skip_serializing_if = "is_zero")]
    lag_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(us: &u64) -> bool {
    *us == 0
}

impl Latency {
    pub(crate) fn from_micros(us: u64) -> Self {
        Self { us, lag_us: 0 }
    }

    pub(crate) fn since(start: Instant) -> Self {
        Self::from_micros(micros(start.elapsed()))
    }

    pub(crate) fn set_lag(&mut self, lag_us: u64) {
        self.lag_us = lag_us;
    }

    /// The time as measured, in microseconds: what a client on this machine waits.
    pub(crate) fn measured(self) -> u64 {
        self.us
    }

    /// The time attributed to the peer, in microseconds.
    pub(crate) fn net(self) -> u64 {
        self.us.saturating_sub(self.lag_us)
    }

    /// The scheduler lag in microseconds, if the measured time meets `target_us` only because of it.
    pub(crate) fn excused_by(self, target_us: u64) -> Option<u64> {
        (self.us > target_us && self.net() <= target_us).then_some(self.lag_us)
    }
}

/// The 95th percentile by nearest rank (the maximum if there are fewer than 20 samples), and the number of samples.
pub(crate) fn p95(samples: impl IntoIterator<Item = u64>) -> Option<(u64, usize)> {
    let mut sorted: Vec<u64> = samples.into_iter().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100).checked_sub(1)?;
    Some((sorted[rank], sorted.len()))
}

/// The median by nearest rank.
pub(crate) fn median(samples: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut sorted: Vec<u64> = samples.into_iter().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// What a latency is of: `connected`, and the plural of its noun, `connections`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencySubject {
    pub(crate) done: &'static str,
    pub(crate) noun: &'static str,
}

/// The finding of a latency scale. `kinds` are for more than 1, 2 and 4 times the target.
pub(crate) fn latency(
    kinds: [&'static FindingKind; 3],
    operation: LatencySubject,
    samples: impl Iterator<Item = Latency> + Clone,
    target_us: u64,
) -> Option<Finding> {
    let (value, n) = p95(samples.clone().map(Latency::net))?;
    let kind = match value {
        value if value > target_us.saturating_mul(4) => kinds[2],
        value if value > target_us.saturating_mul(2) => kinds[1],
        value if value > target_us => kinds[0],
        _ => return None,
    };

    let (measured, _) = p95(samples.clone().map(Latency::measured))?;
    let text = measured_text(operation, measured, n);
    let lag = match samples.map(|latency| latency.lag_us).max() {
        None | Some(0) => String::new(),
        Some(lag) => format!(", up to {} of it in delays of this machine", format_micros(lag)),
    };
    Some(Finding::new(kind, format!("{text}{lag}; the target is {}", format_micros(target_us))))
}

/// What was measured. Below 20 samples, the 95th percentile is their maximum.
fn measured_text(operation: LatencySubject, measured_us: u64, samples: usize) -> String {
    let (LatencySubject { done, noun }, took) = (operation, format_micros(measured_us));
    match samples {
        1 => format!("{done} in {took}"),
        2..20 => format!("the slowest of {samples} {noun} took {took}"),
        _ => format!("95 % of {samples} {noun} took at most {took}"),
    }
}

/// Microseconds in a readable unit: `850 us`, `12 ms`, `3.4 s`.
pub(crate) fn format_micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(us: u64, lag_us: u64) -> Latency {
        Latency { us, lag_us }
    }

    #[test]
    fn percentile_uses_nearest_rank() {
        assert_eq!(p95([]), None);
        assert_eq!(p95([7]), Some((7, 1)));
        assert_eq!(p95(1..=19), Some((19, 19)));
        assert_eq!(p95(1..=20), Some((19, 20)));
        assert_eq!(p95((1..=100).rev()), Some((95, 100)));
    }

    #[test]
    fn local_lag_is_not_attributed_to_the_peer() {
        assert_eq!([latency(9, 4), latency(4, 9)].map(Latency::net), [5, 0]);
        assert_eq!(latency(9, 4).excused_by(5), Some(4));
        assert_eq!([latency(9, 3), latency(5, 4)].map(|latency| latency.excused_by(5)), [None, None]);
    }

    /// The text of the finding for these samples and a target of 200 ms.
    fn text(samples: &[Latency]) -> Option<String> {
        let kind = crate::check::scored_findings().find(|kind| kind.code == "http-latency-4x").unwrap();
        let replies = LatencySubject { done: "replied", noun: "replies" };
        let finding = super::latency([kind; 3], replies, samples.iter().copied(), 200_000);
        finding.map(|finding| finding.text.as_raw().to_owned())
    }

    #[test]
    fn a_finding_says_what_was_measured() {
        assert_eq!(text(&[latency(200_000, 0)]), None);
        assert_eq!(text(&[latency(400_000, 200_000)]), None, "only this machine was late");
        assert_eq!(text(&[latency(2_001_000, 0)]).unwrap(), "replied in 2.0 s; the target is 200 ms");
        assert_eq!(
            text(&[latency(2_001_000, 286_000)]).unwrap(),
            "replied in 2.0 s, up to 286 ms of it in delays of this machine; the target is 200 ms"
        );
        let several = text(&[latency(100, 0), latency(900_000, 0)]).unwrap();
        assert_eq!(several, "the slowest of 2 replies took 900 ms; the target is 200 ms");
        let many = text(&[latency(900_000, 0); 40]).unwrap();
        assert_eq!(many, "95 % of 40 replies took at most 900 ms; the target is 200 ms");
    }

    #[test]
    fn times_are_formatted_in_a_readable_unit() {
        let formatted = [999, 1_000, 5_430, 43_100, 3_480_000].map(format_micros);
        assert_eq!(formatted, ["999 us", "1.0 ms", "5.4 ms", "43 ms", "3.4 s"]);
    }
}
