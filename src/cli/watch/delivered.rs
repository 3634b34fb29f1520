//! What was told so far, so that a reader who was too slow can be told the rest as differences.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::{Set, Snapshot, WatchItem};
use crate::model::{Event, EventKind};

/// Makes events of news, one after the other, none left out.
pub(super) struct DeliveredState {
    source: &'static str,
    /// As it was told.
    known: Set,
    /// Whether it was told that everything is.
    pub(super) synced: bool,
}

impl DeliveredState {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, known: Set::new(), synced: false }
    }

    /// What to tell next.
    pub(super) fn events(&mut self, news: WatchItem) -> Arc<[Event]> {
        match news {
            WatchItem::Events(events) => events,
            WatchItem::Lagged { missed, snapshot } => self.caught_up(missed, &snapshot),
        }
    }

    /// Remembers that an event was told.
    pub(super) fn told(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Added(item) | EventKind::Updated { item, .. } => {
                self.known.insert(Arc::clone(item));
            }
            EventKind::Removed(item) => {
                self.known.remove(item.id.as_raw());
            }
            EventKind::Synced { .. } => self.synced = true,
            _ => {}
        }
    }

    /// What events that were left out came to. All of it has the index of the last one.
    fn caught_up(&self, missed: u64, snapshot: &Snapshot) -> Arc<[Event]> {
        let (index, time, source) = (snapshot.index(), Timestamp::now(), self.source);
        let event = |kind| Event { index, time, source: source.into(), kind };
        let kinds = self.known.changes_to(snapshot.services()).into_iter().map(EventKind::from);
        let synced =
            (snapshot.is_synced() && !self.synced).then(|| EventKind::Synced { services: snapshot.services().len() });
        std::iter::once(EventKind::Lagged { missed }).chain(kinds).chain(synced).map(event).collect()
    }
}
