//! How the findings of hosts change: by reports, and by time without one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::deadlines::Timer;
use super::document::{DocumentChange, DocumentKey, DocumentSubject, DocumentWrite};
use super::drift::{
    AgentState, DriftCommand, HostDifference, HostDrift, HostEntry, MAX_ALL_DRIFT_BYTES, MAX_DRIFT_HOSTS,
};
use super::state::State;
use super::{ChangeKind, CommandRejection, Now, Outcome};
use crate::model::DriftReport;

impl State {
    pub(super) fn drift(&mut self, command: DriftCommand, now: Now) -> Result<Outcome, CommandRejection> {
        match command {
            DriftCommand::Report(report) => self.report_drift(&report, now),
            DriftCommand::Forget { host } => self.forget_host(&host, now),
        }
    }

    fn report_drift(&mut self, report: &DriftReport, now: Now) -> Result<Outcome, CommandRejection> {
        if let Some(problem) = report.problem() {
            return Err(problem.into());
        }
        let before = self.view.hosts.get(report.host.as_str()).cloned();
        if before.is_none() && self.view.hosts.size() >= MAX_DRIFT_HOSTS {
            return Err(CommandRejection::HostLimit { limit: MAX_DRIFT_HOSTS });
        }
        let known = before.as_ref().map(|entry| &*entry.record);
        let after = HostDrift::reported(known, report.clone(), now.wall);
        let bytes = self.view.host_bytes + after.bytes() - known.map_or(0, HostDrift::bytes);
        if bytes > MAX_ALL_DRIFT_BYTES {
            return Err(CommandRejection::DriftSpace { limit: MAX_ALL_DRIFT_BYTES });
        }

        let mut outcome = Outcome::default();
        let record = self.changed_host(before.as_ref(), after, (now.wall, now), &mut outcome);
        self.put_host(before.as_ref(), record, now.wall, now);
        Ok(outcome)
    }

    fn forget_host(&mut self, host: &Arc<str>, now: Now) -> Result<Outcome, CommandRejection> {
        let Some(entry) = self.view.hosts.get(&**host).cloned() else {
            return Err(CommandRejection::UnknownHost { host: Arc::clone(host) });
        };
        self.remove_host(&entry);

        let difference = HostDifference::between(Some(&entry.record), None);
        let change = DocumentChange {
            index: self.next_index(),
            previous: entry.record.index,
            subject: DocumentSubject::Drift(Arc::clone(&entry.record.host)),
            kind: ChangeKind::Removed,
            at: now.wall,
            writes: vec![DocumentWrite::remove(&DocumentKey::Drift(host))],
            item: entry.record.to_event(&difference),
        };
        Ok(Outcome { documents: vec![change], ..Outcome::default() })
    }

    /// The agent of a host sent no report in time.
    pub(super) fn silence_host(&mut self, key: &str, now: Now, outcome: &mut Outcome) {
        let Some(entry) = self.host_of_key(key).cloned() else { return };
        let record = self.changed_host(Some(&entry), entry.record.silent(), (entry.reported_at, now), outcome);
        self.put_host(Some(&entry), record, entry.reported_at, now);
    }

    /// The record of a host with its new index, if it differs from the last one. Its last report came at `reported_at`.
    fn changed_host(
        &mut self,
        before: Option<&HostEntry>,
        mut after: HostDrift,
        (reported_at, now): (Timestamp, Now),
        outcome: &mut Outcome,
    ) -> Arc<HostDrift> {
        let known = before.map(|entry| &entry.record);
        if let Some(known) = known.filter(|known| ***known == after) {
            return Arc::clone(known);
        }

        let previous = known.map_or(0, |known| known.index);
        after.index = self.next_index();
        (after.changed_at, after.reported_at) = (now.wall, reported_at);
        if known.is_none() {
            after.generation = after.index;
        }
        let difference = HostDifference::between(known.map(|known| &**known), Some(&after));
        outcome.documents.push(DocumentChange {
            index: after.index,
            previous,
            subject: DocumentSubject::Drift(Arc::clone(&after.host)),
            kind: if known.is_some() { ChangeKind::Updated } else { ChangeKind::Added },
            at: now.wall,
            writes: vec![DocumentWrite::put(&DocumentKey::Drift(&after.host), &after)],
            item: after.to_event(&difference),
        });
        Arc::new(after)
    }

    /// Keeps a host, and waits for its next report unless its agent is silent.
    fn put_host(&mut self, before: Option<&HostEntry>, record: Arc<HostDrift>, reported_at: Timestamp, now: Now) {
        let expires = (record.agent == AgentState::Reporting).then(|| now.elapsed + record.patience());
        let key = DocumentKey::Drift(&record.host).to_text();
        self.deadlines.set(&key, Timer::Agent, before.and_then(|entry| entry.expires), expires);

        self.view.host_bytes = self.view.host_bytes + record.bytes() - before.map_or(0, |entry| entry.record.bytes());
        let host = Arc::clone(&record.host);
        self.view.hosts.insert_mut(host, HostEntry { record, reported_at, expires });
    }

    fn remove_host(&mut self, entry: &HostEntry) {
        let key = DocumentKey::Drift(&entry.record.host).to_text();
        self.deadlines.set(&key, Timer::Agent, entry.expires, None);
        self.view.host_bytes -= entry.record.bytes();
        self.view.hosts.remove_mut(&*entry.record.host);
    }

    /// Takes over the stored findings of a host. Its agent has its full time for the next report.
    pub(super) fn load_host(&mut self, record: HostDrift, now: Now) {
        let before = self.view.hosts.get(&*record.host).cloned();
        let reported_at = record.reported_at;
        self.put_host(before.as_ref(), Arc::new(record), reported_at, now);
    }

    /// Forgets the stored findings of a host.
    pub(super) fn unload_host(&mut self, host: &str) {
        if let Some(entry) = self.view.hosts.get(host).cloned() {
            self.remove_host(&entry);
        }
    }

    /// Gives all agents their full time again, after a pause in which no report could come.
    pub(super) fn extend_agents(&mut self, now: Now) {
        let entries: Vec<HostEntry> = self.view.hosts.values().cloned().collect();
        for entry in entries {
            self.put_host(Some(&entry), Arc::clone(&entry.record), entry.reported_at, now);
        }
    }

    pub(super) fn host_of_key(&self, key: &str) -> Option<&HostEntry> {
        match DocumentKey::of(key)? {
            DocumentKey::Drift(host) => self.view.hosts.get(host),
            _ => None,
        }
    }

    /// Waits for the next report of a host until then at least, if it waits at all. `reported_at`: when it came elsewhere.
    pub(super) fn hold_agent(&mut self, key: &str, until: Duration, reported_at: Option<Timestamp>) {
        let Some(mut entry) = self.host_of_key(key).cloned() else { return };
        if entry.expires.is_none_or(|known| known >= until) {
            return;
        }

        self.deadlines.set(&Arc::from(key), Timer::Agent, entry.expires, Some(until));
        entry.expires = Some(until);
        entry.reported_at = entry.reported_at.max(reported_at.unwrap_or(entry.reported_at));
        self.view.hosts.insert_mut(Arc::clone(&entry.record.host), entry);
    }
}
