//! Remembers what was reported, so that a reader that was too slow gets the rest as differences.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::{Set, Snapshot, WatchItem};
use crate::model::{Event, EventKind};

/// Turns watch items into events, in order and without gaps.
pub(super) struct DeliveredState {
    source: &'static str,
    /// The services as last reported.
    known: Set,
    /// Whether a synced event was reported.
    pub(super) synced: bool,
}

impl DeliveredState {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, known: Set::new(), synced: false }
    }

    /// The events to report next.
    pub(super) fn events(&mut self, item: WatchItem) -> Arc<[Event]> {
        match item {
            WatchItem::Events(events) => events,
            WatchItem::Lagged { missed, snapshot } => self.catch_up(missed, &snapshot),
        }
    }

    /// Records that an event was reported.
    pub(super) fn record(&mut self, event: &Event) {
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

    /// The differences that the dropped events made. All of them have the index of the last one.
    fn catch_up(&self, missed: u64, snapshot: &Snapshot) -> Arc<[Event]> {
        let (index, time, source) = (snapshot.index(), Timestamp::now(), self.source);
        let kinds = self.known.changes_to(snapshot.services()).into_iter().map(EventKind::from);
        let synced =
            (snapshot.is_synced() && !self.synced).then(|| EventKind::Synced { services: snapshot.services().len() });

        std::iter::once(EventKind::Lagged { missed })
            .chain(kinds)
            .chain(synced)
            .map(|kind| Event { index, time, source: source.into(), kind })
            .collect()
    }
}
