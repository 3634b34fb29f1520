//! Changes as clients read them, and in little memory once few will ask for them again.

use std::sync::Arc;

use bytes::Bytes;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use serde::Deserialize;

use super::service_key::ServiceKey;
use crate::registry::ChangeKind;

/// A change as clients read it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) index: u64,
    pub(super) kind: &'static str,
    pub(super) service: ServiceKey,
    /// The index of the service's change before.
    pub(super) previous: u64,
    /// The event as one line of JSON, without its end.
    pub(super) json: Bytes,
}

/// An event whose line is compressed. Lines have the same fields, so what one has in common with a sample takes a few bytes.
#[derive(Debug)]
pub(super) struct PackedEvent {
    pub(super) index: u64,
    pub(super) service: ServiceKey,
    kind: &'static str,
    pub(super) previous: u64,
    sample: Arc<[u8]>,
    line: Box<[u8]>,
    /// The bytes of the line as it is sent.
    pub(super) line_bytes: usize,
}

/// What is read back from a stored event.
#[derive(Deserialize)]
struct StoredHead {
    #[serde(rename = "type")]
    kind: String,
    namespace: String,
    service: String,
    previous: u64,
}

/// More of a line adds little: its fields come first, and the values behind them differ.
const MAX_SAMPLE: usize = 4_096;

impl Event {
    /// An event from its line; `None` if it is none.
    pub(super) fn of_line(index: u64, line: Vec<u8>) -> Option<Self> {
        let head: StoredHead = serde_json::from_slice(&line).ok()?;
        let kind = [ChangeKind::Added, ChangeKind::Updated, ChangeKind::Removed].map(ChangeKind::as_str);
        let kind = kind.into_iter().find(|kind| *kind == head.kind)?;
        let service = ServiceKey::new(&head.namespace, &head.service);
        Some(Self { index, kind, service, previous: head.previous, json: line.into() })
    }
}

impl PackedEvent {
    /// Packs events. The first one is the sample.
    pub(super) fn pack(events: &[Arc<Event>]) -> Vec<Self> {
        let Some(first) = events.first() else { return Vec::new() };
        let sample: Arc<[u8]> = first.json[..first.json.len().min(MAX_SAMPLE)].into();
        let pack = |event: &Arc<Event>| Self {
            index: event.index,
            service: event.service.clone(),
            kind: event.kind,
            previous: event.previous,
            line: compress_with_dict(&event.json, &sample).into(),
            line_bytes: event.json.len(),
            sample: Arc::clone(&sample),
        };
        events.iter().map(pack).collect()
    }

    /// What its line takes now.
    #[cfg(test)]
    pub(super) fn packed_bytes(&self) -> usize {
        self.line.len()
    }

    /// The event as it was.
    pub(super) fn unpack(&self) -> Option<Arc<Event>> {
        let line = decompress_with_dict(&self.line, self.line_bytes, &self.sample).ok()?;
        let (index, kind, previous) = (self.index, self.kind, self.previous);
        Some(Arc::new(Event { index, kind, service: self.service.clone(), previous, json: line.into() }))
    }
}
