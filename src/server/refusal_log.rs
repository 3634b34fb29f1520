//! How many lines about refused requests the log takes: every client can cause them, also without a key.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;

use super::line_budget::LineBudget;

/// The lines about refused requests, by the code of the error: a flood of one kind leaves those of another.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<BTreeMap<&'static str, LineBudget>>);

impl RefusalLog {
    /// How many of a kind were not logged since its last line, if there is room for another one.
    pub(super) fn take(&self, code: &'static str) -> Option<u64> {
        self.0.lock().entry(code).or_default().take(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_leaves_room_for_another() {
        let log = RefusalLog::default();
        let lines = (0..1_000).filter(|_| log.take("unauthenticated").is_some()).count();
        assert!((1..100).contains(&lines), "{lines}");
        assert_eq!(log.take("forbidden"), Some(0));
    }
}
