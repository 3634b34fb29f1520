//! The history of a score.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time that one bar stands for.
pub(super) const STEP: Duration = Duration::from_secs(10);
/// Most score changes that are kept; at one change per bar, an hour and a half.
const MAX_CHANGES: usize = 512;

/// Score changes, oldest first. A score holds until the next change.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Instant, Option<u8>)>);

impl History {
    /// Records the score from now on; `None` if unknown.
    pub(super) fn record(&mut self, score: Option<u8>, now: Instant) {
        let last = self.0.back().map(|(_, score)| *score);
        if last == Some(score) || (last.is_none() && score.is_none()) {
            return;
        }

        if self.0.len() == MAX_CHANGES {
            self.0.pop_front();
        }
        self.0.push_back((now, score));
    }

    /// Whether a score was ever known.
    pub(super) fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The lowest score in each of the last `bars` steps, newest last. Steps before the first score are left out.
    pub(super) fn bars(&self, bars: usize, now: Instant) -> Vec<Option<u8>> {
        let ages: Vec<_> = self.0.iter().map(|(at, score)| (now.saturating_duration_since(*at), *score)).collect();
        let oldest = ages.first().map(|(age, _)| *age);
        let numbers = (0..u32::try_from(bars).unwrap_or(u32::MAX))
            .rev()
            .filter(|number| oldest.is_some_and(|oldest| oldest >= STEP * *number));
        numbers.map(|number| lowest(&ages, number)).collect()
    }

    /// The history as text: a low bar is a low score.
    pub(super) fn text(&self, bars: usize, now: Instant) -> String {
        self.bars(bars, now).into_iter().map(|score| score.map_or(' ', level)).collect()
    }
}

pub(super) fn level(score: u8) -> char {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    LEVELS[usize::from(score.min(100)) * 7 / 100]
}

/// The lowest score in one step, counted back from now.
fn lowest(ages: &[(Duration, Option<u8>)], step: u32) -> Option<u8> {
    let (youngest, oldest) = (STEP * step, STEP * (step + 1));
    // Scores that began in the step, and the one that held at its start.
    let within = ages.iter().filter(|(age, _)| (youngest..oldest).contains(age));
    let before = ages.iter().rfind(|(age, _)| *age >= oldest);

    within.chain(before).filter_map(|(_, score)| *score).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_bar_is_the_lowest_score_of_its_step() {
        let begin = Instant::now();
        let mut history = History::default();
        history.record(None, at(begin, 0));
        assert!(!history.has_any());
        history.record(Some(100), at(begin, 0));
        history.record(Some(100), at(begin, 5));
        assert_eq!(history.bars(5, at(begin, 5)), [Some(100)]);
        history.record(Some(10), at(begin, 31));
        history.record(Some(90), at(begin, 32));
        assert_eq!(history.bars(5, at(begin, 39)), [Some(100), Some(100), Some(100), Some(10)]);
        assert_eq!(history.bars(5, at(begin, 59)), [Some(100), Some(100), Some(10), Some(90), Some(90)]);
        history.record(None, at(begin, 61));
        assert_eq!(history.bars(3, at(begin, 85)), [Some(90), None, None]);
        assert_eq!(history.text(3, at(begin, 85)), "▇  ");
        assert_eq!(history.0.len(), 4);
    }

    #[test]
    fn the_oldest_changes_are_dropped() {
        let begin = Instant::now();
        let mut history = History::default();
        for number in 0..2_000_u64 {
            history.record(Some(u8::try_from(number % 100).unwrap()), begin + STEP * u32::try_from(number).unwrap());
        }
        assert_eq!(history.0.len(), MAX_CHANGES);
    }
}
