//! What changed within the last minutes: clients fetch that in place of everything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::instance::EurekaInstance;
use crate::model::{DEFAULT_NAMESPACE, RegisteredInstance};
use crate::registry::{Change, ChangeKind};
use crate::server::scoped_view::ScopedView;

/// How long a change is kept, as in Eureka: six times the interval at which its clients fetch changes.
const KEPT_TIME: Duration = Duration::from_mins(3);
/// The most changes that are kept. A client that misses one notices it by the hash, and fetches everything.
const MAX_CHANGES: usize = 20_000;

/// The changes of the last minutes, the oldest first.
#[derive(Debug)]
pub(in crate::server) struct RecentChanges {
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
    pub(in crate::server) fn new(is_on: bool) -> Self {
        Self { is_on, changes: Mutex::default() }
    }

    /// Adds changes.
    pub(in crate::server) fn note(&self, changes: &[Change]) {
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

        let is_over = |change: &RecentChange| now.duration_since(change.at) > KEPT_TIME;
        while kept.len() > MAX_CHANGES || kept.front().is_some_and(is_over) {
            kept.pop_front();
        }
    }

    /// The last change of each instance that the caller may see, with Eureka's word for it, and the instance as it is now.
    pub(super) fn of(&self, view: &ScopedView) -> Vec<(&'static str, EurekaInstance)> {
        let now = Instant::now();
        let kept = self.changes.lock();
        let recent = kept.iter().filter(|change| now.duration_since(change.at) <= KEPT_TIME);
        let last: HashMap<&Arc<str>, &RecentChange> = recent.map(|change| (&change.id, change)).collect();

        let mut found: Vec<(&'static str, EurekaInstance)> = last
            .values()
            .filter_map(|change| match &change.removed {
                Some(removed) => {
                    let removed = view.written(removed.clone());
                    Some(("DELETED", EurekaInstance::new(&removed, view))).filter(|_| view.contains(&removed.instance))
                }
                None => {
                    let action = if change.kind == ChangeKind::Added { "ADDED" } else { "MODIFIED" };
                    Some((action, EurekaInstance::new(view.instance(&change.id)?, view)))
                }
            })
            .filter(|(_, instance)| instance.view.instance.registration.port > 0)
            .collect();
        drop(kept);
        found.sort_by(|(_, a), (_, b)| a.view.instance.id.cmp(&b.view.instance.id));
        found
    }
}
