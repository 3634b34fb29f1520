//! How a score was, from a while ago until now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One bar of the picture stands for so long.
pub(super) const STEP: Duration = Duration::from_secs(10);
/// More changes than this are not remembered: at one in a bar, an hour and a half.
const MAX_BYTES: usize = 512;

/// The scores that something had. A score holds until the next.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Instant, Option<u8>)>);

impl History {
    /// Takes the score as it is from now on; `None` where nobody knows.
    pub(super) fn note(&mut self, score: Option<u8>, now: Instant) {
        let last = self.0.back().map(|(_, score)| *score);
        if last == Some(score) || (last.is_none() && score.is_none()) {
            return;
        }
        if self.0.len() == MAX_BYTES {
            self.0.pop_front();
        }
        self.0.push_back((now, score));
    }

    /// Whether there ever was a score.
    pub(super) fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The last `bars` steps up to now, the newest last, each with the worst that the score was in it. Steps that are before
    /// all scores are left out.
    pub(super) fn bars(&self, bars: usize, now: Instant) -> Vec<Option<u8>> {
        let ages: Vec<_> = self.0.iter().map(|(at, score)| (now.saturating_duration_since(*at), *score)).collect();
        let oldest = ages.first().map(|(age, _)| *age);
        let bar = |number: u32| {
            let (youngest, eldest) = (STEP * number, STEP * (number + 1));
            // What was begun in it, and what held at its beginning.
            let within = ages.iter().filter(|(age, _)| (youngest..eldest).contains(age));
            let before = ages.iter().rfind(|(age, _)| *age >= eldest);
            within.chain(before).filter_map(|(_, score)| *score).min()
        };
        let numbers = (0..u32::try_from(bars).unwrap_or(u32::MAX)).rev();
        numbers.filter(|number| oldest.is_some_and(|oldest| oldest >= STEP * *number)).map(bar).collect()
    }

    /// The same as text: a low bar is a bad score.
    pub(super) fn text(&self, bars: usize, now: Instant) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let level = |score: Option<u8>| score.map_or(' ', |score| LEVELS[usize::from(score.min(100)) * 7 / 100]);
        self.bars(bars, now).into_iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_the_worst_of_its_time_and_scores_hold_until_the_next() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut history = History::default();
        history.note(None, at(0));
        assert!(!history.has_any());
        history.note(Some(100), at(0));
        history.note(Some(100), at(5));
        assert_eq!(history.bars(5, at(5)), [Some(100)]);
        history.note(Some(10), at(31));
        history.note(Some(90), at(32));
        assert_eq!(history.bars(5, at(39)), [Some(100), Some(100), Some(100), Some(10)]);
        assert_eq!(history.bars(5, at(59)), [Some(100), Some(100), Some(10), Some(90), Some(90)]);
        history.note(None, at(61));
        assert_eq!(history.bars(3, at(85)), [Some(90), None, None]);
        assert_eq!(history.text(3, at(85)), "▇  ");
        assert_eq!(history.0.len(), 4);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let begin = Instant::now();
        let mut history = History::default();
        for number in 0..2_000_u64 {
            history.note(Some(u8::try_from(number % 100).unwrap()), begin + STEP * u32::try_from(number).unwrap());
        }
        assert_eq!(history.0.len(), MAX_BYTES);
    }
}
