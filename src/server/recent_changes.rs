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
/// The most changes that are kept. A client that misses one notices it by the hash, and fetches everything.
const MAX_CHANGES: usize = 20_000;

/// The changes of the last minutes, the oldest first.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// Whether Eureka's API is served.
    is_on: bool,
    changes: Mutex<VecDeque<RecentChange>>,
}

#[derive(Debug)]
struct RecentChange {
    at: Instant,
    id: Arc<str>,
    kind: ChangeKind,
    /// A removed instance as it was.
    removed: Option<RegisteredInstance>,
}

impl RecentChanges {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, changes: Mutex::default() }
    }

    /// Adds changes.
    pub(super) fn note(&self, changes: &[Change]) {
        if !self.is_on {
            return;
        }
        let now = Instant::now();
        let own = changes.iter().filter(|change| change.instance.namespace() == DEFAULT_NAMESPACE);
        let mut kept = self.changes.lock();
        kept.extend(own.map(|change| RecentChange {
            at: now,
            id: Arc::clone(&change.instance.id),
            kind: change.kind,
            removed: (change.kind == ChangeKind::Removed).then(|| change.instance.clone()),
        }));

        while kept.len() > MAX_CHANGES || kept.front().is_some_and(|change| now.duration_since(change.at) > KEPT_TIME) {
            kept.pop_front();
        }
    }

    /// The last change of each instance that the caller may see, with the instance as it is now, or as it was last.
    pub(super) fn of(&self, view: &ScopedView) -> Vec<(ChangeKind, Arc<InstanceView>)> {
        let now = Instant::now();
        let kept = self.changes.lock();
        let recent = kept.iter().filter(|change| now.duration_since(change.at) <= KEPT_TIME);
        let last: HashMap<&Arc<str>, &RecentChange> = recent.map(|change| (&change.id, change)).collect();

        let found = last.values().filter_map(|change| match &change.removed {
            Some(removed) => Some((change.kind, view.written(removed.clone())))
                .filter(|(_, removed)| view.contains(&removed.instance)),
            None => Some((change.kind, Arc::clone(view.instance(&change.id)?))),
        });
        let mut found: Vec<(ChangeKind, Arc<InstanceView>)> = found.collect();
        drop(kept);
        found.sort_by(|(_, a), (_, b)| a.instance.id.cmp(&b.instance.id));
        found
    }
}
