//! What was seen of an endpoint: enough to judge it again, on another machine and day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::{Circuit, Observation, stability};
use crate::model::{CheckName, CheckStatus, Health, Report};

/// Everything that was seen of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// What each check saw, in the order in which they ran.
    pub(crate) seen: Vec<Observation>,
    /// The checks that apply and did not look, because they were not wanted or had nothing left to check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<CheckName>,
    /// The checks that were wanted and could not look, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) hindered: BTreeMap<CheckName, String>,
    /// How old the oldest of it was, in milliseconds, if it was not all seen just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
    /// What the checks of a program reported. They cannot be judged again from what they saw.
    #[serde(skip)]
    pub(super) custom: Vec<Report>,
    /// Whether no check ran this time: it is earlier evidence.
    #[serde(skip)]
    pub(super) is_left_alone: bool,
}

impl Evidence {
    /// Takes in what a check saw, beside what it saw before.
    pub(crate) fn add(&mut self, seen: Observation) {
        match self.seen.iter_mut().find(|other| other.name() == seen.name()) {
            Some(before) => before.merge(seen),
            None => self.seen.push(seen),
        }
    }

    /// Takes word that some of it was seen that long ago.
    pub(crate) fn is_as_old_as(&mut self, age: Duration) {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.age_ms = Some(self.age_ms.unwrap_or(0).max(age_ms));
    }

    /// Whether a client could have used it, at each of the last looks, in order: one less than count for its history.
    pub(crate) fn recent_results(&self) -> Vec<bool> {
        let stability = self.seen.iter().find_map(|seen| match seen {
            Observation::Stability(seen) => Some(seen.results.as_slice()),
            _ => None,
        });
        let results = stability.unwrap_or_default();
        results[results.len().saturating_sub(stability::WINDOW - 1)..].to_vec()
    }

    /// Whether it changed once between well and unwell, at most, as far as the last looks tell.
    pub(super) fn is_settled(&self) -> bool {
        self.recent_results().windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1
    }

    /// The same evidence, that long afterwards, of an endpoint that was left alone this time.
    pub(crate) fn left_alone(&self, age: Duration, circuit: Circuit) -> Self {
        let mut evidence = Self { is_left_alone: true, ..self.clone() };
        evidence.is_as_old_as(Duration::from_millis(self.age_ms.unwrap_or(0)) + age);
        evidence.add(Observation::Stability(stability::StabilityObservation { results: Vec::new(), circuit }));
        evidence
    }

    /// What this side was late by, in microseconds, each time when the endpoint would else seem slower than its goal.
    pub(crate) fn saved_by(&self) -> impl Iterator<Item = u64> {
        self.seen.iter().flat_map(Observation::excused_by)
    }

    /// Whether a check looked.
    pub(crate) fn has(&self, check: CheckName) -> bool {
        self.seen.iter().any(|seen| seen.name() == check)
    }

    /// How well the endpoint is by this. Findings of these codes are left out.
    pub(crate) fn health(&self, ignored: &[String]) -> Health {
        // Stability alone says nothing of now where no other check could run.
        let is_new = self.hindered.is_empty() || self.seen.iter().any(|seen| seen.name() != CheckName::Stability);
        let report = |check: CheckName| {
            let looked = self.seen.iter().find(|seen| is_new && seen.name() == check).map(Observation::report);
            let unlooked = |ran| Report { check: check.as_str(), ran, findings: Vec::new() };
            let hindered = || self.hindered.get(&check).map(|why| unlooked(CheckStatus::Hindered(why.clone())));
            let skipped = || self.skipped.contains(&check).then(|| unlooked(CheckStatus::NotWanted));
            looked.or_else(hindered).or_else(skipped)
        };
        let custom = self.custom.iter().cloned();
        let reports: Vec<Report> = CheckName::ALL.into_iter().filter_map(report).chain(custom).collect();
        Health { age_ms: self.age_ms, ..Health::of(&reports, ignored) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HealthState;

    #[test]
    fn a_good_history_is_no_health_of_who_could_not_be_looked_at() {
        let mut seen = Evidence::default();
        seen.add(Observation::Stability(stability::StabilityObservation {
            results: vec![true; 10],
            circuit: Circuit::Closed,
        }));
        assert_eq!(seen.health(&[]).state, HealthState::Healthy);
        seen.hindered.insert(CheckName::Http, "no descriptors".to_owned());
        let health = seen.health(&[]);
        assert_eq!((health.state, health.score, health.complete), (HealthState::Unknown, None, false));
        assert_eq!(seen.recent_results(), [true; 10], "it counts again once a check runs");
    }

    #[test]
    fn who_is_left_alone_is_as_it_was_seen_last_and_that_grows_old() {
        let mut seen = Evidence::default();
        seen.add(Observation::Stability(stability::StabilityObservation {
            results: vec![true, false],
            circuit: Circuit::Closed,
        }));
        let later = seen.left_alone(Duration::from_secs(3), Circuit::Open);
        let later = later.left_alone(Duration::from_secs(4), Circuit::Open);
        assert_eq!((later.age_ms, later.recent_results()), (Some(7_000), vec![true, false]));
        let health = later.health(&[]);
        assert_eq!((health.score, health.age_ms), (Some(25), Some(7_000)), "{health:?}");
    }
}
