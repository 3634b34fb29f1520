//! Which credentials were used from where: a use is recorded once in an interval, not for each request.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// A credential that is used from the same address is recorded again after this time.
const USE_INTERVAL: Duration = Duration::from_hours(1);
/// The most uses that are remembered.
const MAX_USES: usize = 4_096;

/// The last record of each use, by a hash of who and from where.
#[derive(Debug, Default)]
pub(super) struct RecentUses {
    recorded: HashMap<u64, Duration>,
    hasher: RandomState,
}

impl RecentUses {
    /// Whether a use at `now`, the time of a monotonic clock, is the first one in the interval.
    pub(super) fn is_first(&mut self, who: &str, from: IpAddr, now: Duration) -> bool {
        let key = self.hasher.hash_one((who, from));
        let is_known = self.recorded.get(&key).is_some_and(|at| now.saturating_sub(*at) < USE_INTERVAL);
        if is_known {
            return false;
        }

        if self.recorded.len() >= MAX_USES {
            self.recorded.retain(|_, at| now.saturating_sub(*at) < USE_INTERVAL);
        }
        // More callers than this are recorded more often, and never less.
        if self.recorded.len() >= MAX_USES {
            self.recorded.clear();
        }
        self.recorded.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_recorded_once_an_hour_for_each_caller_and_address() {
        let mut uses = RecentUses::default();
        let [here, there]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let minutes = |count: u64| Duration::from_secs(60 * count);

        for (who, from, at, is_first) in [
            ("key 1", here, 0, true),
            ("key 1", here, 59, false),
            ("key 1", there, 59, true),
            ("key 2", here, 59, true),
            ("key 1", here, 60, true),
            ("key 1", here, 61, false),
        ] {
            assert_eq!(uses.is_first(who, from, minutes(at)), is_first, "{who} {from} {at}");
        }
        for caller in 0..3 * MAX_USES {
            assert!(uses.is_first(&caller.to_string(), here, minutes(62)));
            assert!(uses.recorded.len() <= MAX_USES);
        }
    }
}
