//! The state of the registry, and how a change is made.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use imbl::OrdSet;
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::deadlines::{Deadlines, Timer};
use super::entry::CheckResult;
use super::entry::InstanceEntry;
use super::shift::ShiftProgress;
use super::snapshot::Snapshot;
use super::{Cause, Change, ChangeKind, Command, CommandRejection, InstanceRecord, Now, Outcome, Rules};
use crate::model::OperatorStatus;

/// Everything that the registry knows.
///
/// A copy costs as much as a few counters, because copies share their structure. A server keeps one from before a batch of
/// commands, and returns to it if the batch cannot be stored.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) view: Snapshot,
    /// Leases, reports and flapping.
    pub(super) deadlines: Deadlines,
    /// Removals. They come after everything else of the same time, because a mass failure suspends them.
    pub(super) removals: Deadlines,
    /// The instances of each node.
    pub(super) nodes: RedBlackTreeMapSync<Arc<str>, RedBlackTreeSetSync<Arc<str>>>,
    pub(super) down_nodes: RedBlackTreeSetSync<Arc<str>>,
    /// The instances by the hash of their address and port. Two addresses may have one hash.
    pub(super) places: OrdSet<(u64, Arc<str>)>,
    pub(super) place_hasher: RandomState,
    /// The services of the view's `ended_services` by their index.
    pub(super) ended: RedBlackTreeMapSync<u64, Arc<str>>,
    /// All instances that failed, and since when.
    pub(super) failed: RedBlackTreeSetSync<(Duration, Arc<str>)>,
    /// Services of which an instance failed since the last tick.
    pub(super) suspects: RedBlackTreeSetSync<Arc<str>>,
    /// The shifts that move traffic, by `NAMESPACE/NAME` of their services.
    pub(super) shifts: RedBlackTreeMapSync<Arc<str>, ShiftProgress>,
    pub(super) elapsed: Duration,
    pub(super) last_tick: Option<Duration>,
    /// The most deadlines that a tick handles.
    pub(super) max_due: usize,
}

/// Carries out a command.
///
/// # Errors
/// The command is refused; the state is as it was.
pub fn step(state: &mut State, command: Command, now: Now) -> Result<Outcome, CommandRejection> {
    state.step(command, now)
}

impl State {
    /// A state without instances.
    pub fn new(rules: Rules) -> Self {
        Self::at_index(rules, 0)
    }

    pub(super) fn at_index(rules: Rules, index: u64) -> Self {
        Self {
            view: Snapshot::new(Arc::new(rules), index),
            deadlines: Deadlines::default(),
            removals: Deadlines::default(),
            nodes: RedBlackTreeMapSync::new_sync(),
            down_nodes: RedBlackTreeSetSync::new_sync(),
            places: OrdSet::new(),
            place_hasher: RandomState::default(),
            ended: RedBlackTreeMapSync::new_sync(),
            failed: RedBlackTreeSetSync::new_sync(),
            suspects: RedBlackTreeSetSync::new_sync(),
            shifts: RedBlackTreeMapSync::new_sync(),
            elapsed: Duration::ZERO,
            last_tick: None,
            max_due: usize::MAX,
        }
    }

    /// Carries out a command: see [`step`].
    ///
    /// # Errors
    /// The command is refused; the state is as it was.
    pub fn step(&mut self, command: Command, now: Now) -> Result<Outcome, CommandRejection> {
        // The clock of the caller never goes back; if it does, time stands still.
        self.elapsed = self.elapsed.max(now.elapsed);
        let now = Now { elapsed: self.elapsed, ..now };

        let mut outcome = self.carry_out(command, now)?;
        self.follow_nodes(&mut outcome, now);
        self.follow_traffic(&mut outcome, now);
        Ok(outcome)
    }

    fn carry_out(&mut self, command: Command, now: Now) -> Result<Outcome, CommandRejection> {
        match command {
            Command::Register(registration) => self.register(registration, now),
            Command::Renew { id, generation, report } => self.renew(&id, generation, report, now),
            Command::Deregister { id, generation } => self.deregister(&id, generation, now),
            Command::SetStatus { id, generation, status, reason } => self.update(&id, generation, now, |record| {
                record.status = status;
                record.reason = reason.filter(|_| status != OperatorStatus::Up);
            }),
            Command::SetWeight { id, generation, weight } => {
                self.update(&id, generation, now, |record| record.weight = weight)
            }
            Command::SetMetadata { id, generation, entries } => self.set_metadata(&id, generation, &entries, now),
            Command::CheckResult { id, generation, check, state, note } => {
                let result = CheckResult { check, state, note };
                self.check_result(&id, generation, result, now)
            }
            Command::CheckUnavailable { id, generation, check, note } => {
                self.check_unavailable(&id, generation, check, note, now)
            }
            Command::SetMonitoring { id, generation, enabled } => self.set_monitoring(&id, generation, enabled, now),
            Command::NodeUp { node } => Ok(self.set_node(&node, false, now)),
            Command::NodeDown { node } => Ok(self.set_node(&node, true, now)),
            Command::Catalog(command) => self.catalog(command, now),
            Command::Config(command) => self.config(command, now),
            Command::Traffic { service, command } => self.traffic(&service, command, now),
            Command::Drift(command) => self.drift(command, now),
            Command::Tick => {
                let mut outcome = self.tick(now);
                // A version may look usable only because its leases are not yet done with.
                if self.deadlines.due(now.elapsed).is_none() {
                    self.advance_shifts(now, &mut outcome);
                }
                Ok(outcome)
            }
        }
    }

    /// What readers see now. It stays as it is while the state goes on.
    pub fn snapshot(&self) -> Snapshot {
        self.view.clone()
    }

    /// What readers see now, for a look in passing.
    pub fn view(&self) -> &Snapshot {
        &self.view
    }

    /// The number of the last change.
    pub fn index(&self) -> u64 {
        self.view.index
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.view.rules
    }

    /// Has each tick handle at most `max` deadlines, so that the commands between two ticks do not wait for all of them. The
    /// caller does not wait for the next tick while the state [is behind](Self::is_behind).
    pub fn limit_tick(&mut self, max: usize) {
        self.max_due = max.max(1);
    }

    /// Whether more was due at the last tick than it handled.
    pub fn is_behind(&self) -> bool {
        self.last_tick.is_some_and(|last| self.deadlines.due(last).is_some() || self.removals.due(last).is_some())
    }

    /// How many deadlines are pending, for metrics.
    pub fn deadline_count(&self) -> usize {
        self.deadlines.len() + self.removals.len()
    }

    /// An instance, if it has that generation.
    pub(super) fn find(&self, id: &str, generation: Option<u64>) -> Result<&InstanceEntry, CommandRejection> {
        let entry = self.view.instances.get(id);
        let entry = entry.ok_or_else(|| CommandRejection::UnknownInstance { id: id.into() })?;
        let current = entry.record.generation;

        match generation {
            Some(given) if given != current => Err(CommandRejection::StaleGeneration { id: id.into(), given, current }),
            _ => Ok(entry),
        }
    }

    /// Puts a changed record in the place of the last one. A record that differs in nothing is no change; what is known
    /// beside the record is kept in both cases.
    pub(super) fn replace(
        &mut self,
        mut entry: InstanceEntry,
        mut record: InstanceRecord,
        cause: Cause,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let rules = Arc::clone(&self.view.rules);
        let before = Arc::clone(&entry.record);
        let failed = record.has_failed(&rules);
        if failed != before.has_failed(&rules) {
            self.note_flip(&mut entry, &mut record, failed, now);
        }
        record.health = record.effective(&rules);

        if record != *before {
            record.index = self.next_index();
            entry.record = Arc::new(record);
            self.count_change(&entry, &before);
            let changed = entry.record.changed_fields(&before);
            self.push_change(&entry, ChangeKind::Updated, cause, changed, now, outcome);
        }
        self.refresh_removal(&mut entry);
        self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
    }

    pub(super) fn next_index(&mut self) -> u64 {
        self.view.index += 1;
        self.view.index
    }

    /// Moves an instance from its former state to its present one in all counts.
    pub(super) fn count_change(&mut self, entry: &InstanceEntry, before: &InstanceRecord) {
        self.view.health.remove(before.health);
        self.view.health.add(entry.record.health);

        let key = entry.record.service();
        if let Some(service) = self.view.services.get_mut(key.as_str()) {
            service.index = entry.record.index;
            service.health.remove(before.health);
            service.health.add(entry.record.health);
        }
    }

    pub(super) fn push_change(
        &self,
        entry: &InstanceEntry,
        kind: ChangeKind,
        cause: Cause,
        changed: Vec<&'static str>,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let protected = self.view.is_protected(&entry.record.service());
        outcome.changes.push(Change {
            index: self.view.index,
            kind,
            cause,
            at: now.wall,
            changed,
            instance: entry.answer(&self.view.rules, protected),
            record: Arc::clone(&entry.record),
        });
    }

    /// Grants an instance a lease from now on; without a ttl it needs none.
    pub(super) fn grant_lease(&mut self, entry: &mut InstanceEntry, ttl: Option<Duration>, now: Now) {
        let expires = ttl.map(|ttl| now.elapsed + ttl + self.view.rules.grace);

        self.deadlines.set(&entry.id, Timer::Lease, entry.expires, expires);
        entry.expires = expires;
        entry.lease_start = now;
    }

    /// Records that an instance failed or recovered, and whether it does so all the time.
    fn note_flip(&mut self, entry: &mut InstanceEntry, record: &mut InstanceRecord, failed: bool, now: Now) {
        let (window, limit) = (self.view.rules.flap_window, self.view.rules.flap_changes);
        let since = entry.failed_since();
        self.set_failed(entry, &record.service(), since, failed.then_some(now.elapsed));

        let (id, failures) = (Arc::clone(&entry.id), entry.failures_mut());
        failures.since = failed.then_some(now.elapsed);
        failures.flips.retain(|flip| *flip + window > now.elapsed);
        failures.flips.push(now.elapsed);
        // More than enough to know that it flaps are not kept.
        let surplus = failures.flips.len().saturating_sub(limit);
        failures.flips.drain(..surplus);

        if failures.flips.len() >= limit {
            record.flapping = true;
            let calm = Some(now.elapsed + window);
            self.deadlines.set(&id, Timer::Calm, failures.calm, calm);
            failures.calm = calm;
        }
    }

    /// Keeps the sets of failed instances.
    pub(super) fn set_failed(
        &mut self,
        entry: &InstanceEntry,
        key: &str,
        old: Option<Duration>,
        new: Option<Duration>,
    ) {
        let Some(service) = self.view.services.get_mut(key) else { return };
        if let Some(since) = old {
            let failure = (since, Arc::clone(&entry.id));
            service.failed.remove_mut(&failure);
            self.failed.remove_mut(&failure);
        }

        if let Some(since) = new {
            let failure = (since, Arc::clone(&entry.id));
            service.failed.insert_mut(failure.clone());
            self.failed.insert_mut(failure);
            self.suspects.insert_mut(Arc::from(key));
        }
    }
}
