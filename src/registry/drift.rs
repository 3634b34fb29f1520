//! What the agents of hosts report: where a host and the registry disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::json_fields::json_duration;
use crate::model::{DriftReport, ReportedFinding};

/// The most hosts whose agents report.
pub const MAX_DRIFT_HOSTS: usize = 10_000;
/// All texts of all reports, in bytes.
pub const MAX_ALL_DRIFT_BYTES: usize = 64 * 1024 * 1024;
/// How many intervals may pass without a report before an agent counts as silent.
pub const MISSED_REPORTS: u32 = 3;
/// The most findings that an event names on each side.
const MAX_EVENT_FINDINGS: usize = 20;

/// Whether the agent of a host reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Its last report came in time.
    Reporting,
    /// It sent none for [`MISSED_REPORTS`] intervals: whether its findings still hold is unknown.
    Silent,
}

impl AgentState {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reporting => "reporting",
            Self::Silent => "silent",
        }
    }
}

/// A finding of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFinding {
    /// What the agent reports.
    pub reported: ReportedFinding,
    /// When it was reported first, since when it was in every report.
    pub first_reported: Timestamp,
}

/// The findings of a host. Two are equal if they differ in nothing that a watcher would see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDrift {
    /// The name of the host.
    pub host: Arc<str>,
    /// The index of the change that added it.
    pub generation: u64,
    /// The index of its last change.
    pub index: u64,
    /// When it changed last.
    pub changed_at: Timestamp,
    /// When its last report came before that.
    pub reported_at: Timestamp,
    /// Whether its agent reports.
    pub agent: AgentState,
    /// The time between two reports.
    pub interval: Duration,
    /// What the agent could not look at.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// The findings, by their ids.
    pub findings: Vec<HostFinding>,
}

/// A host as the registry keeps it: only the record changes with an index.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// What is stored.
    pub record: Arc<HostDrift>,
    /// When its last report came.
    pub reported_at: Timestamp,
    /// When its agent counts as silent; `None` if it does.
    pub(super) expires: Option<Duration>,
}

/// The differences between two states of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostDifference<'h> {
    added: Vec<&'h ReportedFinding>,
    updated: Vec<&'h ReportedFinding>,
    removed: Vec<&'h ReportedFinding>,
}

impl HostDrift {
    /// The state of a host after a report. A finding that was there before keeps its times; one that is not in the report has
    /// ended. Index and times of the host are those of before.
    pub fn reported(before: Option<&Self>, report: DriftReport, now: Timestamp) -> Self {
        let known: BTreeMap<&str, &HostFinding> =
            before.into_iter().flat_map(|before| &before.findings).map(|known| (known.id(), known)).collect();

        let findings = report.findings.into_iter().map(|mut reported| {
            let known = known.get(reported.id.as_str());
            // An agent that started again has seen it for a shorter time.
            let since = known.and_then(|known| known.reported.since);
            reported.since = [since, reported.since].into_iter().flatten().min();
            HostFinding { reported, first_reported: known.map_or(now, |known| known.first_reported) }
        });
        let mut findings: Vec<HostFinding> = findings.collect();
        findings.sort_by(|one, other| one.id().cmp(other.id()));

        Self {
            host: report.host.into(),
            generation: before.map_or(0, |before| before.generation),
            index: before.map_or(0, |before| before.index),
            changed_at: before.map_or(now, |before| before.changed_at),
            reported_at: before.map_or(now, |before| before.reported_at),
            agent: AgentState::Reporting,
            interval: report.interval,
            gaps: report.gaps,
            findings,
        }
    }

    /// The state of a host whose agent sends no reports any more: its findings stay, and whether they hold is unknown.
    #[must_use]
    pub fn silent(&self) -> Self {
        Self { agent: AgentState::Silent, ..self.clone() }
    }

    /// The time after a report in which the next one must come.
    pub fn patience(&self) -> Duration {
        self.interval * MISSED_REPORTS
    }

    /// How many findings it has of each code.
    pub fn counts(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.reported.code.as_str()).or_default() += 1;
        }
        counts
    }

    pub(super) fn bytes(&self) -> usize {
        self.findings.iter().map(|finding| finding.reported.bytes()).sum()
    }

    /// The host as an event shows it, with what differs from before.
    pub(super) fn to_event(&self, difference: &HostDifference<'_>) -> Value {
        json!({
            "host": &*self.host,
            "agent": self.agent.as_str(),
            "interval": json_duration(self.interval),
            "gaps": self.gaps,
            "counts": self.counts(),
            "added": first_few(&difference.added),
            "updated": first_few(&difference.updated),
            "removed": first_few(&difference.removed),
            "omitted": difference.omitted(),
        })
    }

    /// The host as the first event of a stream shows it.
    pub fn to_item(&self) -> Value {
        self.to_event(&HostDifference { added: self.reported_findings().collect(), ..HostDifference::default() })
    }

    fn reported_findings(&self) -> impl Iterator<Item = &ReportedFinding> {
        self.findings.iter().map(|finding| &finding.reported)
    }
}

impl HostFinding {
    fn id(&self) -> &str {
        &self.reported.id
    }
}

impl<'h> HostDifference<'h> {
    /// The differences between two states; without one, everything is new, or nothing is left.
    pub(super) fn between(before: Option<&'h HostDrift>, after: Option<&'h HostDrift>) -> Self {
        let (old, new) = (by_id(before), by_id(after));
        let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();

        let mut difference = Self::default();
        for id in ids {
            match (old.get(id), new.get(id)) {
                (None, Some(added)) => difference.added.push(*added),
                (Some(removed), None) => difference.removed.push(*removed),
                (Some(old), Some(new)) if old != new => difference.updated.push(*new),
                _ => {}
            }
        }
        difference
    }

    /// How many findings an event leaves out.
    fn omitted(&self) -> usize {
        let lengths = [&self.added, &self.updated, &self.removed].map(Vec::len);
        lengths.into_iter().map(|length| length.saturating_sub(MAX_EVENT_FINDINGS)).sum()
    }
}

/// The findings of a host by their ids.
fn by_id(host: Option<&HostDrift>) -> BTreeMap<&str, &ReportedFinding> {
    let findings = host.into_iter().flat_map(HostDrift::reported_findings);
    findings.map(|finding| (finding.id.as_str(), finding)).collect()
}

fn first_few(findings: &[&ReportedFinding]) -> Value {
    let first = findings.iter().take(MAX_EVENT_FINDINGS);
    first.map(|finding| serde_json::to_value(finding).unwrap_or_default()).collect()
}

/// What is done with the findings of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftCommand {
    /// Takes a report.
    Report(Arc<DriftReport>),
    /// Forgets a host: it has no agent any more.
    Forget {
        /// The name of the host.
        host: Arc<str>,
    },
}

impl DriftCommand {
    /// The name of the host.
    pub fn host(&self) -> &str {
        match self {
            Self::Report(report) => &report.host,
            Self::Forget { host } => host,
        }
    }
}
