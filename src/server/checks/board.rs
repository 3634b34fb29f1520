//! The last results of all checks, for answers. An instance with one TCP check takes about 2 KB: 1,600 bytes of history, and
//! the evidence of the last run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::health::{Evidence, PastResult, ResultRing};
use crate::model::{Finding, Health, HealthState, service_score};

/// The last results of all instances.
#[derive(Debug, Default)]
pub(in crate::server) struct CheckBoard(Mutex<HashMap<Arc<str>, InstanceEntry>>);

#[derive(Debug, Default)]
struct InstanceEntry {
    ring: ResultRing,
    /// The last result of each check, by its position in the registration.
    last: Vec<Option<LastResult>>,
}

/// The last result of a check.
#[derive(Clone, Debug)]
pub(in crate::server) struct LastResult {
    /// When the run ended.
    pub(in crate::server) at: Timestamp,
    pub(in crate::server) took: Duration,
    pub(in crate::server) state: HealthState,
    /// `None` if the check could not run.
    pub(in crate::server) score: Option<u8>,
    /// Why the result does not count, if it does not.
    pub(in crate::server) excuse: Option<&'static str>,
    /// The evidence as JSON: smaller than the value.
    evidence: Box<str>,
}

/// What is known of the checks of an instance.
#[derive(Debug, Default)]
pub(in crate::server) struct InstanceResults {
    pub(in crate::server) last: Vec<Option<LastResult>>,
    /// The newest first.
    pub(in crate::server) history: Vec<PastResult>,
}

/// A score, and whether every check behind it could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct CheckScore {
    pub(in crate::server) score: Option<u8>,
    pub(in crate::server) complete: bool,
}

/// The score from which on a client can use an endpoint.
const USABLE: u8 = 50;

/// The score of a failed assertion about a reply.
const FAILED: u8 = 40;

impl LastResult {
    /// Makes a result that some client could live with a failure.
    pub(in crate::server) fn fail(&mut self) {
        if matches!(self.state, HealthState::Healthy | HealthState::Degraded) {
            self.state = HealthState::Unhealthy;
        }
        self.score = self.score.map(|score| score.min(FAILED));
    }

    /// The result of a run. `excuse` is why it does not count.
    pub(in crate::server) fn new(
        (at, took): (Timestamp, Duration),
        health: &Health,
        evidence: &Evidence,
        excuse: Option<&'static str>,
    ) -> Self {
        let score = health.score.filter(|_| excuse.is_none());
        // Evidence of texts and numbers always serialises.
        let evidence = serde_json::to_string(evidence).unwrap_or_default().into();
        Self { at, took, state: HealthState::of(score), score, excuse, evidence }
    }

    /// The health that the evidence shows.
    pub(in crate::server) fn health(&self) -> Option<Health> {
        serde_json::from_str::<Evidence>(&self.evidence).ok().map(|evidence| evidence.health(&[]))
    }

    /// The evidence as a value.
    pub(in crate::server) fn evidence(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.evidence).ok()
    }
}

impl CheckBoard {
    /// Records the result of a check.
    pub(in crate::server) fn record(&self, id: &Arc<str>, check: usize, result: LastResult, finding: Option<&Finding>) {
        let mut all = self.0.lock();
        let entry = all.entry(Arc::clone(id)).or_default();
        entry.ring.push(result.at, result.took, check, result.score, finding.map(Finding::code));
        if entry.last.len() <= check {
            entry.last.resize(check + 1, None);
        }
        entry.last[check] = Some(result);
    }

    /// Forgets an instance.
    pub(in crate::server) fn remove(&self, id: &str) {
        self.0.lock().remove(id);
    }

    /// What is known of an instance, with at most this many past results.
    pub(in crate::server) fn read(&self, id: &str, history: usize) -> InstanceResults {
        let all = self.0.lock();
        all.get(id).map_or_else(InstanceResults::default, |entry| InstanceResults {
            last: entry.last.clone(),
            history: entry.ring.newest_first().take(history).collect(),
        })
    }

    /// The score of an instance; `None` if none of its checks ran.
    pub(in crate::server) fn score(&self, id: &str) -> Option<CheckScore> {
        self.0.lock().get(id).and_then(InstanceEntry::score)
    }

    /// The score of a service from those of its instances with their weights: the same function as for `validate`.
    pub(in crate::server) fn service_score<'i>(&self, instances: impl Iterator<Item = (&'i str, u16)>) -> CheckScore {
        let all = self.0.lock();
        let (mut scores, mut complete) = (Vec::new(), true);
        for (id, weight) in instances {
            let Some(scored) = all.get(id).and_then(InstanceEntry::score) else { continue };
            complete &= scored.complete;
            // What could not be looked at can only lower the score.
            scores.push((weight, scored.score.or((!scored.complete).then_some(100))));
        }
        let score = service_score(&scores).filter(|score| complete || *score < USABLE);
        CheckScore { score, complete }
    }
}

impl InstanceEntry {
    /// The lowest score of its checks. One that could not run leaves only a score that proves it unusable.
    fn score(&self) -> Option<CheckScore> {
        let results: Vec<&LastResult> = self.last.iter().flatten().collect();
        if results.is_empty() {
            return None;
        }
        let complete = results.iter().all(|result| result.score.is_some());
        let lowest = results.iter().filter_map(|result| result.score).min();
        Some(CheckScore { score: lowest.filter(|score| complete || *score < USABLE), complete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(score: Option<u8>) -> LastResult {
        let (at, took) = (Timestamp::UNIX_EPOCH, Duration::from_millis(3));
        LastResult { at, took, state: HealthState::of(score), score, excuse: None, evidence: "{\"seen\":[]}".into() }
    }

    #[test]
    fn the_lowest_score_counts_and_what_could_not_run_leaves_none() {
        let board = CheckBoard::default();
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        assert_eq!(board.score("a"), None);
        board.record(&a, 1, result(Some(90)), None);
        assert_eq!(board.score("a"), Some(CheckScore { score: Some(90), complete: true }));
        board.record(&a, 0, result(Some(95)), None);
        board.record(&b, 0, result(Some(0)), None);
        assert_eq!(board.service_score([("a", 1), ("b", 1), ("unchecked", 1)].into_iter()).score, Some(45));

        board.record(&a, 0, result(None), None);
        let unknown = CheckScore { score: None, complete: false };
        assert_eq!(board.score("a"), Some(unknown), "90 is the most that it can be");
        board.record(&a, 1, result(Some(20)), None);
        assert_eq!(board.score("a"), Some(CheckScore { score: Some(20), complete: false }));
        board.remove("a");
        assert_eq!((board.score("a"), board.read("b", 9).history.len()), (None, 1));
    }
}
