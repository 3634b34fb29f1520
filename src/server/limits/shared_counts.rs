//! What callers took since the other servers were told.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::token_bucket::Rate;

/// The most callers that wait to be told of. Beyond, each server counts for itself.
const MAX_CALLERS: usize = 4_096;

/// What callers took since the other servers were told.
#[derive(Debug, Default)]
pub(super) struct SharedCounts {
    waiting: Mutex<HashMap<u64, CallerCount>>,
    added: Notify,
}

/// What one caller took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct CallerCount {
    /// The same on all servers.
    pub(in crate::server) caller: String,
    pub(super) hash: u64,
    rate: Rate,
    requests: u32,
}

impl CallerCount {
    /// The time in which the bucket gets back what was taken.
    pub(in crate::server) fn taken(&self) -> Duration {
        self.rate.interval().saturating_mul(self.requests)
    }

    /// The time in which an empty bucket fills.
    pub(in crate::server) fn window(&self) -> Duration {
        self.rate.window()
    }
}

impl SharedCounts {
    /// Adds requests.
    pub(super) fn add(&self, hash: u64, rate: Rate, added: u32, caller: impl FnOnce() -> String) {
        {
            let mut waiting = self.waiting.lock();
            if let Some(count) = waiting.get_mut(&hash) {
                count.requests = count.requests.saturating_add(added);
                return;
            }
            if waiting.len() >= MAX_CALLERS {
                return;
            }
            waiting.insert(hash, CallerCount { caller: caller(), hash, rate, requests: added });
        }
        self.added.notify_one();
    }

    /// Takes out what at most so many callers took.
    pub(super) fn take(&self, max: usize) -> Vec<CallerCount> {
        let mut waiting = self.waiting.lock();
        if waiting.len() <= max {
            return waiting.drain().map(|(_, count)| count).collect();
        }
        let hashes: Vec<u64> = waiting.keys().take(max).copied().collect();
        let taken = hashes.iter().filter_map(|hash| waiting.remove(hash)).collect();
        self.added.notify_one();
        taken
    }

    /// Waits until there is something to tell.
    pub(super) async fn wait(&self) {
        while self.waiting.lock().is_empty() {
            self.added.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_one_caller_are_told_together_and_memory_is_bounded() {
        let (counts, rate) = (SharedCounts::default(), Rate::per_second(10, Duration::from_secs(5)).unwrap());
        for _ in 0..7 {
            counts.add(1, rate, 1, || "a".to_owned());
        }
        let taken = counts.take(10);
        assert_eq!(taken.len(), 1);
        assert_eq!((&*taken[0].caller, taken[0].taken()), ("a", Duration::from_millis(700)));
        assert_eq!(taken[0].window(), Duration::from_secs(5));
        assert!(counts.take(10).is_empty());

        for caller in 0..100_000 {
            counts.add(caller, rate, 1, || caller.to_string());
        }
        assert_eq!((counts.take(100).len(), counts.take(usize::MAX).len()), (100, MAX_CALLERS - 100));
    }
}
