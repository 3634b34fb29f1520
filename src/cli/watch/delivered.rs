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

    /// The differences that the dropped events made. They have the last of the dropped indexes, so that none appears twice;
    /// the `lagged` event counts the events that have no line of their own.
    fn catch_up(&self, missed: u64, snapshot: &Snapshot) -> Arc<[Event]> {
        let (time, source) = (Timestamp::now(), self.source);
        let changes = self.known.changes_to(snapshot.services()).into_iter().map(EventKind::from);
        let synced =
            (snapshot.is_synced() && !self.synced).then(|| EventKind::Synced { services: snapshot.services().len() });
        let kinds: Vec<EventKind> = changes.chain(synced).collect();

        // Each difference comes from a dropped event at least.
        let missed = missed.saturating_sub(kinds.len() as u64);
        let first = snapshot.index().saturating_sub(kinds.len() as u64);
        let all = std::iter::once(EventKind::Lagged { missed }).chain(kinds);
        (first..).zip(all).map(|(index, kind)| Event { index, time, source: source.into(), kind }).collect()
    }

    /// Whether nothing was reported, not even that there is nothing.
    pub(super) fn is_empty_handed(&self) -> bool {
        !self.synced && self.known.is_empty()
    }
}
