//! Instances that the monitor has to look at again. A set, so that it never has more entries than there are instances.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::registry::{Change, ChangeKind};

/// How many the monitor takes at once: more would delay checks that are due.
const MAX_TAKEN: usize = 1_000;
/// The fields whose change may mean other checks.
const FIELDS: [&str; 5] = ["address", "port", "protocol", "health_checks", "monitoring"];

/// Instances that came, went, or changed in what decides their checks.
#[derive(Debug, Default)]
pub(in crate::server) struct ChangedInstances {
    ids: Mutex<HashSet<Arc<str>>>,
    added: Notify,
}

impl ChangedInstances {
    /// Adds those instances among the changes whose checks may be others now.
    pub(in crate::server) fn note(&self, changes: &[Change]) {
        let relevant = changes.iter().filter(|change| {
            change.kind != ChangeKind::Updated || change.changed.iter().any(|field| FIELDS.contains(field))
        });
        self.add(relevant.map(|change| Arc::clone(&change.instance.id)));
    }

    /// Adds instances.
    pub(in crate::server) fn add(&self, ids: impl IntoIterator<Item = Arc<str>>) {
        let mut known = self.ids.lock();
        let before = known.len();
        known.extend(ids);
        if known.len() > before {
            self.added.notify_one();
        }
    }

    /// Waits for instances, and takes some of them.
    pub(in crate::server) async fn take(&self) -> Vec<Arc<str>> {
        loop {
            let taken: Vec<Arc<str>> = {
                let mut known = self.ids.lock();
                let some: Vec<Arc<str>> = known.iter().take(MAX_TAKEN).cloned().collect();
                for id in &some {
                    known.remove(id);
                }
                some
            };
            if !taken.is_empty() {
                return taken;
            }
            self.added.notified().await;
        }
    }
}
