//! What changed within the last minutes: clients fetch that in place of everything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::instance_view::InstanceView;
use super::scoped_view::ScopedView;
use crate::model::{DEFAULT_NAMESPACE, RegisteredInstance};
use crate::registry::{Change, ChangeKind};

/// How long a change is kept, as in Eureka: six times the interval at which its clients fetch changes.
const KEPT_TIME: Duration = Duration::from_mins(3);
/// A list may have changes that became too old within this time.
const FORGET_INTERVAL: Duration = Duration::from_secs(5);
/// The most changes that are kept.
const MAX_CHANGES: usize = 20_000;

/// The changes of the last minutes.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// Whether Eureka's API is served.
    is_on: bool,
    log: Mutex<ChangeLog>,
    started: Instant,
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
    /// The number of the oldest change.
    first: u64,
    /// The numbers of the changes of each service: what a caller may not see costs its requests nothing.
    by_service: HashMap<Arc<str>, VecDeque<u64>>,
    /// How often something was added or lost.
    version: u64,
    /// From when on nothing is missing; `None` if nothing ever was.
    complete_from: Option<Instant>,
}

#[derive(Clone, Debug)]
struct RecentChange {
    at: Instant,
    id: Arc<str>,
    service: Arc<str>,
    kind: ChangeKind,
    /// A removed instance as it was.
    removed: Option<Arc<RegisteredInstance>>,
}

impl RecentChanges {
    /// No changes yet. `is_first`: the registry never had any.
    pub(super) fn new(is_on: bool, is_first: bool) -> Self {
        let changes = Self { is_on, log: Mutex::default(), started: Instant::now() };
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

    /// Two equal versions mean the same list of changes, except that changes may have become too old in the last seconds.
    pub(super) fn version(&self) -> (u64, u64) {
        (self.log.lock().version, self.started.elapsed().as_secs() / FORGET_INTERVAL.as_secs())
    }

    /// The changes that the caller may see. What is made of them must not hold up the writer, which adds others.
    pub(super) fn of(&self, view: &ScopedView) -> VisibleChanges {
        let (recent, is_complete) =
            self.log.lock().recent(Instant::now(), |service| view.sees_service(DEFAULT_NAMESPACE, service));
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
            service: change.instance.name().into(),
            kind: change.kind,
            removed: is_removed.then(|| Arc::new(change.instance.clone())),
        }
    }
}

impl ChangeLog {
    fn add(&mut self, changes: Vec<RecentChange>, now: Instant) {
        for change in changes {
            let number = self.first + self.changes.len() as u64;
            self.by_service.entry(Arc::clone(&change.service)).or_default().push_back(number);
            self.changes.push_back(change);
        }
        self.version += 1;
        self.forget(now);

        while self.changes.len() > MAX_CHANGES {
            let Some(lost) = self.pop_oldest() else { break };
            self.complete_from = self.complete_from.max(Some(lost.at + KEPT_TIME));
        }
    }

    /// From now on nothing is missing, so that a client that came before may lack something for the time of one list.
    fn lose(&mut self, now: Instant) {
        self.complete_from = Some(now + KEPT_TIME);
        self.version += 1;
    }

    /// Forgets what is older than a list.
    fn forget(&mut self, now: Instant) {
        while self.changes.front().is_some_and(|change| now.duration_since(change.at) > KEPT_TIME) {
            self.pop_oldest();
        }
    }

    fn pop_oldest(&mut self) -> Option<RecentChange> {
        let oldest = self.changes.pop_front()?;
        self.first += 1;
        if let Some(numbers) = self.by_service.get_mut(&oldest.service) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.by_service.remove(&oldest.service);
            }
        }
        Some(oldest)
    }

    /// The changes of a list, those of each service in their order, and whether they are all.
    fn recent(&mut self, now: Instant, is_seen: impl Fn(&str) -> bool) -> (Vec<RecentChange>, bool) {
        self.forget(now);
        let is_complete = self.complete_from.is_none_or(|from| now >= from);
        let seen = self.by_service.iter().filter(|(service, _)| is_seen(service)).flat_map(|(_, numbers)| numbers);
        let places = seen.filter_map(|number| usize::try_from(number - self.first).ok());
        (places.filter_map(|at| self.changes.get(at).cloned()).collect(), is_complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: Instant) -> RecentChange {
        change_of("web", at)
    }

    fn change_of(service: &str, at: Instant) -> RecentChange {
        RecentChange { at, id: "i".into(), service: service.into(), kind: ChangeKind::Added, removed: None }
    }

    /// How many changes of a service are in a list.
    fn seen(log: &mut ChangeLog, now: Instant, name: &str) -> usize {
        log.recent(now, |known| known == name).0.len()
    }

    /// The changes that are not seen are not even looked at.
    #[test]
    fn the_changes_of_a_service_are_found_without_those_of_others() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut log = ChangeLog::default();
        log.add(vec![change_of("web", start), change_of("db", start)], start);
        log.add(vec![change_of("web", start + second)], start + second);
        assert_eq!(["web", "db", "none"].map(|name| seen(&mut log, start + second, name)), [2, 1, 0]);

        let later = start + KEPT_TIME + second;
        assert_eq!(["web", "db"].map(|name| seen(&mut log, later, name)), [1, 0]);
        assert_eq!((log.changes.len(), log.by_service.len(), log.version), (1, 1, 2));
        log.lose(later);
        assert_eq!(log.version, 3, "a list that was written before is not served again");
    }

    #[test]
    fn a_list_is_incomplete_while_a_change_may_be_missing() {
        let start = Instant::now();
        let mut log = ChangeLog::default();
        log.add(vec![change(start)], start);
        let (recent, is_complete) = log.recent(start + KEPT_TIME, |_| true);
        assert_eq!((recent.len(), is_complete), (1, true));
        let (recent, is_complete) = log.recent(start + KEPT_TIME + Duration::from_secs(1), |_| true);
        assert_eq!((recent.len(), is_complete), (0, true), "a change that is over is not missing");

        log.lose(start);
        assert!(!log.recent(start + KEPT_TIME.saturating_sub(Duration::from_secs(1)), |_| true).1);
        assert!(log.recent(start + KEPT_TIME, |_| true).1);
    }

    #[test]
    fn more_changes_than_are_kept_make_a_list_incomplete() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut log = ChangeLog::default();
        log.add(vec![change(start); MAX_CHANGES], start);
        assert!(log.recent(start, |_| true).1);

        log.add(vec![change(start + second)], start + second);
        let (recent, is_complete) = log.recent(start + second, |_| true);
        assert_eq!((recent.len(), is_complete), (MAX_CHANGES, false));
        assert!(log.recent(start + KEPT_TIME, |_| true).1, "the lost one would be over by now");
    }

    #[test]
    fn a_server_that_starts_on_a_registry_with_changes_knows_none_of_them() {
        let recent = |is_first| RecentChanges::new(true, is_first).log.lock().recent(Instant::now(), |_| true).1;
        assert_eq!([true, false].map(recent), [true, false]);
    }
}
