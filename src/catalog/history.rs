//! The latest events of a catalog, for readers that are late and for watches that resume.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{Endpoint, Event, EventKind, Instance, Service};

/// The number of batches kept for slow readers. At one per second, as from a polled source, a reader may be four minutes
/// late.
const MAX_BATCHES: usize = 256;
/// The memory of the services in these batches: each event of a service with 10,000 endpoints has several megabytes.
const MAX_BYTES: usize = 32 << 20;
/// The texts of an endpoint with an instance, and of a service: names, an id, a few labels.
const TEXT_BYTES: usize = 256;

/// The latest batches of events, oldest first.
#[derive(Debug, Default)]
pub(super) struct EventHistory {
    batches: VecDeque<EventBatch>,
    bytes: usize,
}

#[derive(Debug)]
struct EventBatch {
    events: Arc<[Event]>,
    bytes: usize,
}

/// What a reader gets next.
#[derive(Debug)]
pub(super) enum NextBatch {
    /// It has every event.
    None,
    /// These events follow.
    Events(Arc<[Event]>),
    /// The events that follow are no longer kept.
    Dropped,
}

impl EventHistory {
    /// Keeps a batch, and drops the oldest ones beyond the limits.
    pub(super) fn keep(&mut self, events: Arc<[Event]>) {
        if events.is_empty() {
            return;
        }
        let bytes = events.iter().map(event_bytes).sum();
        self.bytes += bytes;
        self.batches.push_back(EventBatch { events, bytes });

        // The newest batch is always kept: a reader that is on time loses nothing.
        while self.batches.len() > 1 && (self.batches.len() > MAX_BATCHES || self.bytes > MAX_BYTES) {
            self.bytes -= self.batches.pop_front().map_or(0, |batch| batch.bytes);
        }
    }

    /// Whether every event after this index is kept.
    pub(super) fn reaches_back_to(&self, index: u64) -> bool {
        let last = self.batches.back().and_then(EventBatch::last).unwrap_or(0);
        index == last
            || (index < last
                && self.batches.front().and_then(EventBatch::first).is_some_and(|first| first <= index + 1))
    }

    /// The batch with the event after this index, without the events before.
    pub(super) fn after(&self, index: u64) -> NextBatch {
        let at = self.batches.partition_point(|batch| batch.last().is_none_or(|last| last <= index));
        let Some(batch) = self.batches.get(at) else { return NextBatch::None };

        match batch.events.iter().position(|event| event.index > index) {
            Some(0) if batch.first().is_some_and(|first| first > index + 1) => NextBatch::Dropped,
            Some(0) => NextBatch::Events(Arc::clone(&batch.events)),
            Some(at) => NextBatch::Events(batch.events[at..].into()),
            None => NextBatch::None,
        }
    }
}

impl EventBatch {
    fn first(&self) -> Option<u64> {
        self.events.first().map(|event| event.index)
    }

    fn last(&self) -> Option<u64> {
        self.events.last().map(|event| event.index)
    }
}

/// The memory of an event, roughly.
fn event_bytes(event: &Event) -> usize {
    let changed = match &event.kind {
        EventKind::Updated { changed, .. } => changed.iter().map(|path| path.len() + size_of::<String>()).sum(),
        _ => 0,
    };
    size_of::<Event>() + changed + event.kind.item().map_or(0, |service| service_bytes(service))
}

fn service_bytes(service: &Service) -> usize {
    let instances = service.endpoints.iter().filter(|endpoint| endpoint.instance.is_some()).count();
    size_of::<Service>()
        + TEXT_BYTES
        + service.endpoints.len() * size_of::<Endpoint>()
        + instances * (size_of::<Instance>() + TEXT_BYTES)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Address, RawDetail, Transport};

    fn batch(index: u64, endpoints: u16) -> Arc<[Event]> {
        let endpoint = |port: u16| Endpoint {
            instance: Some(Box::default()),
            ..Endpoint::new(Address::Ip([10, 0, 0, 1].into()), Some(port), Transport::Tcp)
        };
        let endpoints = (1..=endpoints).map(endpoint).collect();
        let service =
            Service::new("test/a", "test", endpoints, RawDetail(serde_json::Value::Null.to_string().into())).erase();
        let kind = EventKind::Added(Arc::new(service));
        [Event { index, time: Timestamp::UNIX_EPOCH, source: "test".into(), kind }].into()
    }

    /// FAULTS K9: 256 batches of a service with 10,000 endpoints are a gigabyte.
    #[test]
    fn batches_are_bounded_by_their_size_too() {
        let mut history = EventHistory::default();
        for index in 1..=40 {
            history.keep(batch(index, 10_000));
        }
        assert!(history.bytes <= MAX_BYTES && history.batches.len() < 10, "{} bytes", history.bytes);
        assert!(matches!(history.after(1), NextBatch::Dropped));
        assert!(matches!(history.after(39), NextBatch::Events(_)) && matches!(history.after(40), NextBatch::None));

        for index in 41..=400 {
            history.keep(batch(index, 1));
        }
        assert_eq!(history.batches.len(), MAX_BATCHES);
        assert!(
            history.reaches_back_to(400 - MAX_BATCHES as u64) && !history.reaches_back_to(399 - MAX_BATCHES as u64)
        );
        assert!(!history.reaches_back_to(401), "the index of another catalog");
    }
}
