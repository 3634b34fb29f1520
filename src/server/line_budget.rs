//! How often the log has the same line: what any client can cause is limited.

use std::time::{Duration, Instant};

/// The most lines of one kind in this time.
const MAX_LINES: u32 = 5;
const LINES_INTERVAL: Duration = Duration::from_mins(1);

/// How many more lines of one kind the log takes.
#[derive(Debug, Default)]
pub(super) struct LineBudget {
    /// When the first of the counted lines was logged.
    begun: Option<Instant>,
    lines: u32,
    /// What was not logged since the last line.
    unlogged: u64,
}

impl LineBudget {
    /// How many were not logged since the last line, if there is room for another one.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        let is_over = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= LINES_INTERVAL);
        if is_over {
            (self.begun, self.lines) = (Some(now), 0);
        }
        if self.lines >= MAX_LINES {
            self.unlogged += 1;
            return None;
        }

        self.lines += 1;
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_what_came_before_it_without_one() {
        let (mut budget, now) = (LineBudget::default(), Instant::now());
        let taken: Vec<_> = (0..7).map(|_| budget.take(now)).collect();
        assert_eq!(taken, [Some(0), Some(0), Some(0), Some(0), Some(0), None, None]);
        assert_eq!(budget.take(now + LINES_INTERVAL), Some(2));
        assert_eq!(budget.take(now + LINES_INTERVAL), Some(0));
    }
}
