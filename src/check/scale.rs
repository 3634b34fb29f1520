//! Numbers on a scale: of each scale only the worst finding is emitted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::model::{Finding, FindingKind};

/// A time that was measured, and what this side was late by meanwhile. Only the difference counts: it is the least that
/// the peer can have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    /// As measured, in microseconds.
    us: u64,
    /// No fault of the peer's, in microseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    late_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(us: &u64) -> bool {
    *us == 0
}

impl Latency {
    /// So many microseconds.
    pub(crate) fn of(us: u64) -> Self {
        Self { us, late_us: 0 }
    }

    /// The time since then.
    pub(crate) fn since(begun: Instant) -> Self {
        Self::of(micros(begun.elapsed()))
    }

    /// The same, while this side was late by so many microseconds.
    pub(crate) fn set_late(&mut self, late_us: u64) {
        self.late_us = late_us;
    }

    /// What the peer is charged for, in microseconds.
    pub(crate) fn charged(self) -> u64 {
        self.us.saturating_sub(self.late_us)
    }

    /// What this side was late by, in microseconds, where the time is within `goal_us` only without it.
    pub(crate) fn saved_by(self, goal_us: u64) -> Option<u64> {
        (self.us > goal_us && self.charged() <= goal_us).then_some(self.late_us)
    }
}

/// The 95th percentile by nearest rank: with fewer than 20 samples the greatest.
pub(crate) fn p95(samples: impl IntoIterator<Item = u64>) -> Option<(u64, usize)> {
    let mut sorted: Vec<u64> = samples.into_iter().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100).checked_sub(1)?;
    Some((sorted[rank], sorted.len()))
}

/// The finding of a latency scale, whose kinds are for more than 1, 2 and 4 times the goal.
pub(crate) fn latency(
    kinds: [&'static FindingKind; 3],
    what: &str,
    samples: impl Iterator<Item = Latency> + Clone,
    goal_us: u64,
) -> Option<Finding> {
    let (value, n) = p95(samples.clone().map(Latency::charged))?;
    let (kind, times) = match value {
        value if value > goal_us.saturating_mul(4) => (kinds[2], 4),
        value if value > goal_us.saturating_mul(2) => (kinds[1], 2),
        value if value > goal_us => (kinds[0], 1),
        _ => return None,
    };
    let late = match samples.map(|took| took.late_us).max() {
        None | Some(0) => String::new(),
        Some(late) => format!("; less up to {} that this side was late by", shown(late)),
    };
    Some(Finding::new(kind, format!("{what} p95 {} > {times}x goal {} (n={n}{late})", shown(value), shown(goal_us))))
}

/// Microseconds as people read them: `850 us`, `12 ms`, `3.4 s`.
pub(crate) fn shown(us: u64) -> String {
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

    #[test]
    fn the_percentile_is_the_nearest_rank() {
        assert_eq!(p95([]), None);
        assert_eq!(p95([7]), Some((7, 1)));
        assert_eq!(p95(1..=19), Some((19, 19)));
        assert_eq!(p95(1..=20), Some((19, 20)));
        assert_eq!(p95((1..=100).rev()), Some((95, 100)));
    }

    #[test]
    fn what_this_side_was_late_by_is_its_own() {
        let late = |us, late_us| Latency { us, late_us };
        assert_eq!([late(9, 4), late(4, 9)].map(Latency::charged), [5, 0]);
        assert_eq!(late(9, 4).saved_by(5), Some(4));
        assert_eq!([late(9, 3), late(5, 4)].map(|took| took.saved_by(5)), [None, None]);
    }

    #[test]
    fn times_are_shown_in_their_unit() {
        assert_eq!([999, 1_000, 5_430, 43_100, 3_480_000].map(shown), ["999 us", "1.0 ms", "5.4 ms", "43 ms", "3.4 s"]);
    }
}
