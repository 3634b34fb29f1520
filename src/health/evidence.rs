//! What was seen of an endpoint: enough to judge it again, on another machine and day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Seen;
use crate::model::{CheckName, Health, Ran, Report};

/// Everything that was seen of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// What each check saw, in the order in which they ran.
    pub(crate) seen: Vec<Seen>,
    /// The checks that apply and did not look, because nobody wanted them to or there was nothing left to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<CheckName>,
    /// The checks that were wanted and could not look, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) hindered: BTreeMap<CheckName, String>,
    /// How old the oldest of it was, in milliseconds, if it was not all seen just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
}

impl Evidence {
    /// Takes in what a check saw, beside what it saw before.
    pub(crate) fn add(&mut self, seen: Seen) {
        match self.seen.iter_mut().find(|other| other.name() == seen.name()) {
            Some(before) => before.absorb(seen),
            None => self.seen.push(seen),
        }
    }

    /// Whether a check looked.
    pub(crate) fn has(&self, check: CheckName) -> bool {
        self.seen.iter().any(|seen| seen.name() == check)
    }

    /// How well the endpoint is by this. Findings of these codes are left out.
    pub(crate) fn health(&self, ignored: &[String]) -> Health {
        let report = |check: CheckName| {
            let looked = self.seen.iter().find(|seen| seen.name() == check).map(Seen::report);
            let unlooked = |ran| Report { check: check.as_str(), ran, findings: Vec::new() };
            let hindered = || self.hindered.get(&check).map(|why| unlooked(Ran::Hindered(why.clone())));
            let skipped = || self.skipped.contains(&check).then(|| unlooked(Ran::NotWanted));
            looked.or_else(hindered).or_else(skipped)
        };
        let reports: Vec<Report> = CheckName::ALL.into_iter().filter_map(report).collect();
        Health { age_ms: self.age_ms, ..Health::of(&reports, ignored) }
    }
}
