//! The last results of the checks of one instance, sixteen bytes each.

use std::time::Duration;

use jiff::Timestamp;

use crate::check::scored_findings;
use crate::model::HealthState;

/// How many results are kept. A full ring takes 1,600 bytes.
pub(crate) const MAX_RESULTS: usize = 100;
/// No score.
const NO_SCORE: u8 = u8::MAX;

/// The last results, the newest overwriting the oldest.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResultRing {
    results: Vec<PackedResult>,
    /// Where the next one goes, once the ring is full.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct PackedResult {
    at_ms: i64,
    took_us: u32,
    /// The position of the finding in the score's table, counted from 1; 0 is none.
    finding: u16,
    check: u8,
    score: u8,
}

/// A past result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PastResult {
    /// When the run ended.
    pub(crate) at: Timestamp,
    /// How long it took; at most an hour and eleven minutes are kept.
    pub(crate) took: Duration,
    /// The position of the check in the registration.
    pub(crate) check: usize,
    /// 0 to 100; `None` if it could not run.
    pub(crate) score: Option<u8>,
    /// The code of the finding that cost most.
    pub(crate) finding: Option<&'static str>,
}

impl PastResult {
    /// The state that the score means.
    pub(crate) fn state(&self) -> HealthState {
        HealthState::of(self.score)
    }
}

impl ResultRing {
    /// Adds a result. `finding` is a code of the score's table; any other is left out.
    pub(crate) fn push(
        &mut self,
        at: Timestamp,
        took: Duration,
        check: usize,
        score: Option<u8>,
        finding: Option<&str>,
    ) {
        let known = finding.and_then(|code| scored_findings().position(|kind| kind.code == code));
        let result = PackedResult {
            at_ms: at.as_millisecond(),
            took_us: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            finding: known.and_then(|at| u16::try_from(at + 1).ok()).unwrap_or(0),
            check: u8::try_from(check).unwrap_or(u8::MAX),
            score: score.unwrap_or(NO_SCORE),
        };

        if self.results.len() < MAX_RESULTS {
            self.results.push(result);
        } else {
            self.results[self.next] = result;
            self.next = (self.next + 1) % MAX_RESULTS;
        }
    }

    /// All results, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = PastResult> {
        let (newer, older) = self.results.split_at(self.next);
        newer.iter().rev().chain(older.iter().rev()).map(|result| PastResult {
            at: Timestamp::from_millisecond(result.at_ms).unwrap_or(Timestamp::UNIX_EPOCH),
            took: Duration::from_micros(result.took_us.into()),
            check: result.check.into(),
            score: Some(result.score).filter(|score| *score != NO_SCORE),
            finding: scored_findings().nth(usize::from(result.finding).wrapping_sub(1)).map(|kind| kind.code),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_last_hundred_in_sixteen_bytes_each() {
        assert_eq!(size_of::<PackedResult>(), 16);
        let mut ring = ResultRing::default();
        for at in 0..250_u8 {
            let score = (at < 240).then_some(at % 101);
            let time = Timestamp::from_second(at.into()).unwrap();
            ring.push(time, Duration::from_micros(at.into()), 1, score, Some("http-5xx").filter(|_| at == 249));
        }

        let kept: Vec<PastResult> = ring.newest_first().collect();
        let seconds: Vec<i64> = kept.iter().map(|result| result.at.as_second()).collect();
        assert_eq!(seconds, (150..250).rev().collect::<Vec<_>>());
        let newest = kept[0];
        assert_eq!((newest.took, newest.check, newest.score), (Duration::from_micros(249), 1, None));
        assert_eq!((newest.finding, newest.state()), (Some("http-5xx"), HealthState::Unknown));
        assert_eq!((kept[99].score, kept[99].finding), (Some(150 % 101), None));
        assert!(ring.results.capacity() <= 128);
    }
}
