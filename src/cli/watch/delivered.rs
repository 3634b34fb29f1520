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
        let services = snapshot.services().len();
        let synced = (snapshot.is_synced() && !self.synced).then_some(EventKind::Synced { services, duration: None });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Reader, Writer};
    use crate::engine::Clock;
    use crate::model::{DetailLevel, RawDetail, Service, Update, UpdateSink};

    fn named(id: &str, name: usize) -> Service {
        let service = Service::new(id.to_owned(), "test", Vec::new(), RawDetail(serde_json::Value::Null)).erase();
        Service { name: Some(name.to_string().into()), ..service }
    }

    fn catch_up(delivered: &mut DeliveredState, reader: &Reader, missed: u64) -> Vec<(u64, &'static str)> {
        let events = delivered.events(WatchItem::Lagged { missed, snapshot: reader.load() });
        events.iter().for_each(|event| delivered.record(event));
        events.iter().map(|event| (event.index, event.kind.as_str())).collect()
    }

    /// FAULTS K8: all lines after `lagged` had one index.
    #[test]
    fn no_index_appears_twice_after_a_lag() {
        let mut writer = Writer::new("test", DetailLevel::Full, Clock::coarse());
        let reader = writer.reader();
        let mut delivered = DeliveredState::new("test");

        writer.apply(vec![Update::Reset(vec![named("a", 0), named("b", 0)])]);
        let first = catch_up(&mut delivered, &reader, 3);
        assert_eq!(first, [(0, "lagged"), (1, "added"), (2, "added"), (3, "synced")]);

        for name in 1..=5 {
            writer.apply(vec![Update::Upsert(named("a", name))]);
        }
        writer.apply(vec![Update::Remove("b".into())]);
        let later = catch_up(&mut delivered, &reader, 6);
        assert_eq!(later[0], (7, "lagged"), "four of six events have no line");
        assert_eq!(later.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(reader.load().index(), 9);
    }
}
