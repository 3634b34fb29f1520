//! Changes that another server made: the state takes them over as they are, and decides nothing anew.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::checks::bounded;
use super::deadlines::Timer;
use super::entry::{InstanceEntry, check_vitals};
use super::record::field_name;
use super::state::State;
use super::{Cause, Change, ChangeKind, DocumentChange, InstanceRecord, Now, Outcome};
use crate::model::{CheckKind, DebouncedState, HealthState};

/// A change as the other servers of a registry need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicatedChange {
    kind: ChangeKind,
    cause: Cause,
    at: Timestamp,
    #[serde(default)]
    changed: Vec<String>,
    id: Arc<str>,
    /// The instance after the change; of a removed one, what it was last.
    record: Arc<InstanceRecord>,
    last_seen: Timestamp,
    /// The text of its own report, and when it came.
    #[serde(default)]
    report: Option<(Option<Arc<str>>, Timestamp)>,
    /// The text of the last result of each check, and when it ran.
    #[serde(default)]
    checks: Vec<(Option<Arc<str>>, Option<Timestamp>)>,
}

/// A change of another server: of an instance, or of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replica {
    /// Of an instance.
    Instance(ReplicatedChange),
    /// Of a document. Its fields tell it apart.
    Document(DocumentChange),
}

impl Replica {
    /// Reads a change from the JSON of a [`ReplicatedChange`] or of a [`DocumentChange`].
    ///
    /// # Errors
    /// It is neither.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        // Nearly all are of instances. serde's own way to tell them apart reads each of them twice.
        serde_json::from_slice(json)
            .map(Self::Instance)
            .or_else(|error| serde_json::from_slice(json).map(Self::Document).map_err(|_| error))
    }
}

/// Why a change of another server does not fit this state: it must be loaded anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicateError {
    /// It is not the next change.
    #[error("change {given} does not follow {last}")]
    Gap {
        /// Its index.
        given: u64,
        /// The index of the state.
        last: u64,
    },
    /// It cannot be read.
    #[error("change {index} cannot be read: {cause}")]
    Unreadable {
        /// Its index.
        index: u64,
        /// Why.
        cause: String,
    },
    /// It is about an instance that is not there, or about another generation of it.
    #[error("change {index} does not fit the instance {id}")]
    Mismatch {
        /// Its index.
        index: u64,
        /// The instance.
        id: Arc<str>,
    },
}

impl ReplicatedChange {
    /// The namespace and the name of the service that it is about.
    pub fn service(&self) -> (&str, &str) {
        let registration = &self.record.registration;
        (registration.namespace_or_default(), &registration.name)
    }
}

impl From<&Change> for ReplicatedChange {
    fn from(change: &Change) -> Self {
        let instance = &change.instance;

        Self {
            kind: change.kind,
            cause: change.cause,
            at: change.at,
            changed: change.changed.iter().map(|field| (*field).to_owned()).collect(),
            id: Arc::clone(&instance.id),
            record: Arc::clone(&change.record),
            last_seen: instance.last_seen,
            report: instance.report.as_ref().map(|report| (report.message.clone(), report.timestamp)),
            checks: instance.checks.iter().map(|check| (check.note.clone(), check.checked_at)).collect(),
        }
    }
}

impl State {
    /// Takes over a change that another server made, and returns it as this server would have made it.
    ///
    /// # Errors
    /// It does not follow the last change, or does not fit the instance that it is about. The state is as it was.
    pub fn replicate(&mut self, index: u64, change: &ReplicatedChange, now: Now) -> Result<Change, ReplicateError> {
        if index != self.view.index + 1 {
            return Err(ReplicateError::Gap { given: index, last: self.view.index });
        }
        self.elapsed = self.elapsed.max(now.elapsed);
        let now = Now { elapsed: self.elapsed, wall: change.at };

        let known = self.view.instances.get(&*change.id).cloned();
        let is_same = known.as_ref().is_some_and(|known| known.record.generation == change.record.generation);
        let mut outcome = Outcome::default();
        match (change.kind, known) {
            (ChangeKind::Added, None) => self.replicate_new(index, change, now, &mut outcome),
            (ChangeKind::Updated, Some(entry)) if is_same => {
                self.replicate_update(index, entry, change, now, &mut outcome);
            }
            (ChangeKind::Removed, Some(entry)) if is_same => self.remove(&entry, change.cause, now, &mut outcome),
            _ => return Err(ReplicateError::Mismatch { index, id: Arc::clone(&change.id) }),
        }
        self.replicate_node(change);
        outcome.changes.pop().ok_or_else(|| ReplicateError::Mismatch { index, id: Arc::clone(&change.id) })
    }

    /// Takes over a change of a document that another server made.
    ///
    /// # Errors
    /// It does not follow the last change, or cannot be read.
    pub fn replicate_document(&mut self, index: u64, change: &DocumentChange, now: Now) -> Result<(), ReplicateError> {
        if index != self.view.index + 1 {
            return Err(ReplicateError::Gap { given: index, last: self.view.index });
        }
        self.elapsed = self.elapsed.max(now.elapsed);
        let now = Now { elapsed: self.elapsed, wall: change.at };

        for write in &change.writes {
            let loaded = self.load_document(&write.key, write.body.as_deref().map(str::as_bytes), now);
            loaded.map_err(|error| ReplicateError::Unreadable { index, cause: error.to_string() })?;
        }
        self.view.index = index;
        Ok(())
    }

    fn replicate_new(&mut self, index: u64, change: &ReplicatedChange, now: Now, outcome: &mut Outcome) {
        self.view.index = index;
        let mut entry = InstanceEntry::new(Arc::clone(&change.id), Arc::clone(&change.record), &self.view.rules, now);
        take_vitals(&mut entry, change);

        let entry = self.insert(entry, now);
        self.push_change(&entry, ChangeKind::Added, change.cause, Vec::new(), now, outcome);
    }

    fn replicate_update(
        &mut self,
        index: u64,
        mut entry: InstanceEntry,
        change: &ReplicatedChange,
        now: Now,
        outcome: &mut Outcome,
    ) {
        self.view.index = index;
        let before = std::mem::replace(&mut entry.record, Arc::clone(&change.record));
        self.replicate_registration(&mut entry, &before, now);
        self.replicate_checks(&mut entry, now);
        self.replicate_failure(&mut entry, &before, now);
        self.replicate_lease(&mut entry, &before, change.cause, now);
        take_vitals(&mut entry, change);

        self.count_change(&entry, &before);
        let changed = change.changed.iter().filter_map(|field| field_name(field)).collect();
        self.push_change(&entry, ChangeKind::Updated, change.cause, changed, now, outcome);
        self.refresh_removal(&mut entry);
        self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
    }

    fn replicate_registration(&mut self, entry: &mut InstanceEntry, before: &InstanceRecord, now: Now) {
        let record = Arc::clone(&entry.record);
        let (old, new) = (&before.registration, &record.registration);
        if old == new {
            return;
        }

        self.leave_places(&entry.id, old);
        self.enter_places(&entry.id, new);
        if old.checks != new.checks || old.catalog != new.catalog {
            let checks = check_vitals(&record, &self.view.rules, now.elapsed);
            self.replace_checks(entry, checks);
        }
    }

    /// Checks continue from the confirmed states, and from the reports that came elsewhere.
    fn replicate_checks(&mut self, entry: &mut InstanceEntry, now: Now) {
        let record = Arc::clone(&entry.record);
        for (at, state) in record.checks.iter().enumerate() {
            let Some(vitals) = entry.vitals_mut().checks.get_mut(at) else { continue };
            if vitals.debounced.get() == *state {
                continue;
            }
            vitals.debounced = DebouncedState::new(*state);

            let is_report = record.registration.checks.get(at).is_some_and(|check| check.kind == CheckKind::Ttl);
            if is_report && *state != HealthState::Unhealthy {
                self.await_report(entry, &record.registration, at, now);
            }
        }
    }

    fn replicate_failure(&mut self, entry: &mut InstanceEntry, before: &InstanceRecord, now: Now) {
        let record = Arc::clone(&entry.record);
        let (failed, key) = (record.has_failed(&self.view.rules), record.service());
        if failed != before.has_failed(&self.view.rules) {
            let since = failed.then_some(now.elapsed);
            self.set_failed(entry, &key, entry.failed_since(), since);
            entry.failures_mut().since = since;
        }

        if record.flapping != before.flapping {
            let calm = record.flapping.then_some(now.elapsed + self.view.rules.flap_window);
            self.deadlines.set(&entry.id, Timer::Calm, entry.calm(), calm);
            entry.failures_mut().calm = calm;
        }
    }

    fn replicate_lease(&mut self, entry: &mut InstanceEntry, before: &InstanceRecord, cause: Cause, now: Now) {
        if entry.record.lease_expired {
            self.deadlines.set(&entry.id, Timer::Lease, entry.expires, None);
            entry.expires = None;
            return;
        }

        let ttl = entry.record.ttl(&self.view.rules);
        let is_renewal = matches!(cause, Cause::Registered | Cause::Renewed);
        if is_renewal || before.lease_expired || before.ttl(&self.view.rules) != ttl {
            self.grant_lease(entry, ttl, now);
        }
    }

    /// Which nodes are down follows from the records.
    fn replicate_node(&mut self, change: &ReplicatedChange) {
        let record = &change.record;
        let removed = change.kind == ChangeKind::Removed;
        if record.registration.is_node() {
            self.mark_node(&record.registration.name, !removed && record.health == HealthState::Unhealthy);
        } else if let Some(node) = record.registration.node.as_deref().filter(|_| change.cause == Cause::Node) {
            self.mark_node(node, record.node_down);
        }
    }

    fn mark_node(&mut self, node: &str, is_down: bool) {
        if is_down {
            self.down_nodes.insert_mut(node.into());
        } else {
            self.down_nodes.remove_mut(node);
        }
    }
}

/// Takes over what is known beside the record.
fn take_vitals(entry: &mut InstanceEntry, change: &ReplicatedChange) {
    entry.last_seen = change.last_seen;
    let report = change.report.clone().map(|(text, at)| Box::new((bounded(text), at)));
    if report.is_some() || entry.vitals.is_some() {
        entry.vitals_mut().report = report;
    }

    if change.checks.is_empty() {
        return;
    }
    for (vitals, (note, checked_at)) in entry.vitals_mut().checks.iter_mut().zip(&change.checks) {
        vitals.note = bounded(note.clone());
        vitals.checked_at = *checked_at;
    }
}
