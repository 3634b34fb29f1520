//! Token buckets by key or address, in bounded memory.

use std::collections::HashMap;
use std::time::Duration;

use super::token_bucket::{Rate, TokenBucket, TokenGrant};

/// Buckets of which the least recently used are forgotten: a forgotten one is full again.
///
/// There are two generations. What is used moves to the young one; when that is full, it becomes the old one, and what was
/// still in the old one is forgotten. So everything stays that is among the last `max` subjects.
#[derive(Debug)]
pub(in crate::server) struct Buckets {
    young: HashMap<u64, TokenBucket>,
    old: HashMap<u64, TokenBucket>,
    max: usize,
}

impl Buckets {
    /// At most twice `max` buckets.
    pub(in crate::server) fn new(max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), max }
    }

    /// Takes tokens of a subject, as [`TokenBucket::take`] does.
    pub(in crate::server) fn take(&mut self, subject: u64, rate: Rate, now: Duration, count: u32) -> TokenGrant {
        if let Some(bucket) = self.young.get_mut(&subject) {
            let (after, taken) = bucket.take(rate, now, count);
            *bucket = after;
            return taken;
        }

        let known = self.old.remove(&subject).unwrap_or_default();
        let (after, taken) = known.take(rate, now, count);
        if self.young.len() >= self.max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(subject, after);
        taken
    }
}

impl Buckets {
    /// Takes over what a known subject took elsewhere: its bucket is not full before this time.
    pub(super) fn full_not_before(&mut self, subject: u64, full_at: Duration) {
        let known = if self.young.contains_key(&subject) { &mut self.young } else { &mut self.old };
        if let Some(bucket) = known.get_mut(&subject) {
            *bucket = bucket.full_not_before(full_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_a_busy_subject_is_not_forgotten() {
        let rate = Rate::per_second(1, Duration::from_secs(3)).unwrap();
        let mut buckets = Buckets::new(100);
        let mut given = 0;
        for subject in 1..100_000 {
            given += u32::from(buckets.take(0, rate, Duration::ZERO, 1).wait.is_none());
            assert!(buckets.take(subject, rate, Duration::ZERO, 1).wait.is_none());
            assert!(buckets.young.len() + buckets.old.len() <= 200);
        }
        assert_eq!(given, 3, "however many others come, it has its burst once");

        // One that was quiet while many others came begins anew.
        assert_eq!(buckets.take(1, rate, Duration::ZERO, 1).remaining, 2);
    }
}
