//! Numbers on a scale: of each scale only the worst finding is emitted.

use std::time::Duration;

use crate::model::{Finding, FindingKind};

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
    samples_us: impl IntoIterator<Item = u64>,
    goal_us: u64,
) -> Option<Finding> {
    let (value, n) = p95(samples_us)?;
    let (kind, times) = match value {
        value if value > goal_us.saturating_mul(4) => (kinds[2], 4),
        value if value > goal_us.saturating_mul(2) => (kinds[1], 2),
        value if value > goal_us => (kinds[0], 1),
        _ => return None,
    };
    Some(kind.seen(format!("{what} p95 {} > {times}x goal {} (n={n})", shown(value), shown(goal_us))))
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
    fn times_are_shown_in_their_unit() {
        assert_eq!([999, 1_000, 5_430, 43_100, 3_480_000].map(shown), ["999 us", "1.0 ms", "5.4 ms", "43 ms", "3.4 s"]);
    }
}
