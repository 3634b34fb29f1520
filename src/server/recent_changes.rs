//! What changed within the last minutes: clients fetch that in place of everything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::scoped_view::ScopedView;
use super::view::InstanceView;
use crate::model::{DEFAULT_NAMESPACE, RegisteredInstance};
use crate::registry::{Change, ChangeKind};

/// How long a change is kept, as in Eureka: six times the interval at which its clients fetch changes.
const KEPT_TIME: Duration = Duration::from_mins(3);
/// The most changes that are kept.
const MAX_CHANGES: usize = 20_000;

/// The changes of the last minutes.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// Whether Eureka's API is served.
    is_on: bool,
    log: Mutex<ChangeLog>,
}

/// The changes that a caller may see.
#[derive(Debug)]
pub(super) struct VisibleChanges {
    /// The last change of each instance, with the instance as it is now, or as it was last; by id.
    pub(super) changes: Vec<(ChangeKind, Arc<InstanceView>)>,
    /// Whether these are all changes of the last minutes.
    pub(super) is_complete: bool,
}

/// The changes, the oldest first.
#[derive(Debug, Default)]
struct ChangeLog {
    changes: VecDeque<RecentChange>,
    /// From when on nothing is missing; `None` if nothing ever was.
    complete_from: Option<Instant>,
}

#[derive(Clone, Debug)]
struct RecentChange {
    at: Instant,
    id: Arc<str>,
    kind: ChangeKind,
    /// A removed instance as it was.
    removed: Option<Arc<RegisteredInstance>>,
}

impl RecentChanges {
    /// No changes yet. `is_first`: the registry never had any.
    pub(super) fn new(is_on: bool, is_first: bool) -> Self {
        let changes = Self { is_on, log: Mutex::default() };
        if !is_first {
            changes.lose();
        }
        changes
    }

    /// Adds changes.
    pub(super) fn note(&self, changes: &[Change]) {
        if !self.is_on || changes.is_empty() {
            return;
        }
        let now = Instant::now();
        let own = changes.iter().filter(|change| change.instance.namespace() == DEFAULT_NAMESPACE);
        let own: Vec<RecentChange> = own.map(|change| RecentChange::new(change, now)).collect();
        self.log.lock().add(own, now);
    }

    /// Notes that there are changes that are not known: the server has just started, or read everything anew.
    pub(super) fn lose(&self) {
        self.log.lock().lose(Instant::now());
    }

    /// The changes that the caller may see. What is made of them must not hold up the writer, which adds others.
    pub(super) fn of(&self, view: &ScopedView) -> VisibleChanges {
        let (recent, is_complete) = self.log.lock().recent(Instant::now());
        let last: HashMap<&Arc<str>, &RecentChange> = recent.iter().map(|change| (&change.id, change)).collect();

        let found = last.values().filter_map(|change| match &change.removed {
            Some(removed) => {
                view.contains(removed).then(|| (change.kind, view.written(RegisteredInstance::clone(removed))))
            }
            None => Some((change.kind, Arc::clone(view.instance(&change.id)?))),
        });
        let mut changes: Vec<(ChangeKind, Arc<InstanceView>)> = found.collect();
        changes.sort_by(|(_, a), (_, b)| a.instance.id.cmp(&b.instance.id));
        VisibleChanges { changes, is_complete }
    }
}

impl RecentChange {
    fn new(change: &Change, at: Instant) -> Self {
        let is_removed = change.kind == ChangeKind::Removed;
        Self {
            at,
            id: Arc::clone(&change.instance.id),
            kind: change.kind,
            removed: is_removed.then(|| Arc::new(change.instance.clone())),
        }
    }
}

impl ChangeLog {
    fn add(&mut self, changes: Vec<RecentChange>, now: Instant) {
        self.changes.extend(changes);
        self.forget(now);

        while self.changes.len() > MAX_CHANGES {
            let Some(lost) = self.changes.pop_front() else { break };
            self.complete_from = self.complete_from.max(Some(lost.at + KEPT_TIME));
        }
    }

    /// From now on nothing is missing, so that a client that came before may lack something for the time of one list.
    fn lose(&mut self, now: Instant) {
        self.complete_from = Some(now + KEPT_TIME);
    }

    /// Forgets what is older than a list.
    fn forget(&mut self, now: Instant) {
        while self.changes.front().is_some_and(|change| now.duration_since(change.at) > KEPT_TIME) {
            self.changes.pop_front();
        }
    }

    /// The changes of a list, and whether they are all.
    fn recent(&mut self, now: Instant) -> (Vec<RecentChange>, bool) {
        self.forget(now);
        let is_complete = self.complete_from.is_none_or(|from| now >= from);
        (self.changes.iter().cloned().collect(), is_complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: Instant) -> RecentChange {
        RecentChange { at, id: "i".into(), kind: ChangeKind::Added, removed: None }
    }

    #[test]
    fn a_list_is_incomplete_while_a_change_may_be_missing() {
        let start = Instant::now();
        let mut log = ChangeLog::default();
        log.add(vec![change(start)], start);
        let (recent, is_complete) = log.recent(start + KEPT_TIME);
        assert_eq!((recent.len(), is_complete), (1, true));
        let (recent, is_complete) = log.recent(start + KEPT_TIME + Duration::from_secs(1));
        assert_eq!((recent.len(), is_complete), (0, true), "a change that is over is not missing");

        log.lose(start);
        assert!(!log.recent(start + KEPT_TIME.saturating_sub(Duration::from_secs(1))).1);
        assert!(log.recent(start + KEPT_TIME).1);
    }

    #[test]
    fn more_changes_than_are_kept_make_a_list_incomplete() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut log = ChangeLog::default();
        log.add(vec![change(start); MAX_CHANGES], start);
        assert!(log.recent(start).1);

        log.add(vec![change(start + second)], start + second);
        let (recent, is_complete) = log.recent(start + second);
        assert_eq!((recent.len(), is_complete), (MAX_CHANGES, false));
        assert!(log.recent(start + KEPT_TIME).1, "the lost one would be over by now");
    }

    #[test]
    fn a_server_that_starts_on_a_registry_with_changes_knows_none_of_them() {
        let recent = |is_first| RecentChanges::new(true, is_first).log.lock().recent(Instant::now()).1;
        assert_eq!([true, false].map(recent), [true, false]);
    }
}
