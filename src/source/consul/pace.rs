//! Limits how often a blocking query is sent: a server may reply at once each time.

use std::time::Duration;

/// A reply that took less than this did not block.
const QUICK: Duration = Duration::from_millis(100);
/// So many quick replies in a row are changes that follow each other, as during a deployment.
const BURST: u32 = 10;
/// The pause after more of them.
const PAUSE: Duration = Duration::from_secs(1);
/// The maximum pause while a server replies at once without a change.
const MAX_PAUSE: Duration = Duration::from_secs(16);

/// The pace of one blocking query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QueryPause {
    quick: u32,
    unchanged: u32,
}

impl QueryPause {
    /// The pause before the next query, after a reply that took this long. `is_new`: its index differs from the last one.
    pub(super) fn pause(&mut self, took: Duration, is_new: bool) -> Duration {
        if took >= QUICK {
            *self = Self::default();
            return Duration::ZERO;
        }

        self.quick = self.quick.saturating_add(1);
        self.unchanged = if is_new { 0 } else { self.unchanged.saturating_add(1) };
        if self.unchanged > 0 {
            return (PAUSE * 2_u32.saturating_pow(self.unchanged - 1)).min(MAX_PAUSE);
        }
        if self.quick > BURST { PAUSE } else { Duration::ZERO }
    }
}

/// The index for the next query: a server that was restored from a backup starts from a lower one, and then all is read again.
pub(super) fn next_index(last: u64, received: u64) -> u64 {
    if received < last { 0 } else { received }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_never_blocks_gets_few_queries() {
        let mut pace = QueryPause::default();
        let pauses: Vec<u64> = (0..7).map(|_| pace.pause(Duration::ZERO, false).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(pace.pause(QUICK, false), Duration::ZERO, "a query that blocked is sent again at once");
    }

    #[test]
    fn changes_in_a_row_are_read_at_once_up_to_a_limit() {
        let mut pace = QueryPause::default();
        let at_once = (0..50).filter(|_| pace.pause(Duration::ZERO, true).is_zero()).count();
        assert_eq!(at_once, 10);
    }

    #[test]
    fn an_index_that_goes_backwards_is_forgotten() {
        assert_eq!([next_index(5, 5), next_index(5, 9), next_index(5, 4), next_index(5, 0)], [5, 9, 0, 0]);
    }
}
