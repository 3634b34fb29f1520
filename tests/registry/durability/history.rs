//! A history that can be checked from its index alone: what a store holds after the change with that index.

use std::path::Path;

use portolan::store::{Batch, Contents, Sqlite, StoredEvent, Write};

/// How many events are kept.
pub(super) const MAX_EVENTS: u64 = 64;
/// How many ids the records have.
const IDS: u64 = 40;

/// The change with this index: each seventh removes a record, the others store one.
pub(super) fn batch(index: u64) -> Batch {
    let id = format!("id-{:02}", index % IDS).into();
    let write = if index.is_multiple_of(7) { Write::Remove { id } } else { Write::Put { id, body: body(index) } };
    let event = StoredEvent::new(index, body(index));
    Batch { after: index - 1, events: vec![event], writes: vec![write], ..Batch::default() }
}

/// As long as a registration is.
fn body(index: u64) -> Vec<u8> {
    format!("change {index} ").repeat(20).into_bytes()
}

/// Whether this is exactly what a store holds after the change with its index.
pub(super) fn is_whole(contents: &Contents) -> bool {
    let index = contents.index;
    let last_of = |id| (1..=index).rev().find(|change| change % IDS == id);
    let kept = (0..IDS).filter_map(|id| Some((id, last_of(id)?))).filter(|(_, change)| !change.is_multiple_of(7));
    let records: Vec<_> = kept.map(|(id, change)| (format!("id-{id:02}"), body(change))).collect();
    let events: Vec<_> =
        (index.saturating_sub(MAX_EVENTS) + 1..=index).map(|index| StoredEvent::new(index, body(index))).collect();

    contents.records == records && contents.events == events
}

/// Opens a database and checks that it holds everything up to the last acknowledged change, whole, and nothing that was
/// never sent. Returns the index of its last change.
pub(super) fn verify(path: &Path, acknowledged: u64, sent: u64) -> u64 {
    let (store, contents) = Sqlite::open(path, MAX_EVENTS).unwrap();
    drop(store);
    assert!(contents.index >= acknowledged, "{acknowledged} was acknowledged, {} is the last", contents.index);
    assert!(contents.index <= sent, "{sent} was the last that was sent, {} is there", contents.index);
    assert!(is_whole(&contents), "the contents at {} are not whole", contents.index);
    contents.index
}
