//! Readers that resume by index, and views of several catalogs.

use portolan::Service;
use portolan::catalog::{ResumedWatch, Set, SetChange, WatchItem, Writer, merge};
use portolan::engine::Clock;
use portolan::model::{DetailLevel, Update, UpdateSink};

use crate::catalog::{fault, harbour};

fn writer(source: &'static str) -> Writer {
    Writer::new(source, DetailLevel::Full, Clock::coarse())
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// The indexes that a resumed watch reports, once the writer is gone; `None` after a reset.
fn indexes(resumed: ResumedWatch) -> Option<Vec<u64>> {
    let ResumedWatch::Continued(mut watch) = resumed else { return None };
    let mut indexes = Vec::new();
    block_on(async {
        while let Some(item) = watch.next().await {
            let WatchItem::Events(events) = item else { panic!("{item:?}") };
            indexes.extend(events.iter().map(|event| event.index));
        }
    });
    Some(indexes)
}

#[test]
fn a_watch_resumes_with_exactly_what_was_missed() {
    let mut writer = writer("test");
    let reader = writer.reader();
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 1), harbour(2, 1, 1)])]);
    writer.apply(vec![Update::Upsert(harbour(1, 2, 1))]);
    let resumed: Vec<_> = (0..=5).map(|index| reader.watch_since(index)).collect();
    writer.apply(vec![Update::Upsert(harbour(1, 3, 1))]);
    drop(writer);
    let reported: Vec<_> = resumed.into_iter().map(indexes).collect();
    let after = |index: u64| Some((index + 1..=5).collect::<Vec<_>>());
    // Two added, synced, and two changes; an index that is not there yet is of another catalog.
    assert_eq!(reported, [after(0), after(1), after(2), after(3), after(4), None]);
    assert_eq!(indexes(reader.watch_since(2)), after(2), "also when the writer has gone");
}

#[test]
fn a_watch_that_missed_too_much_starts_anew() {
    let mut writer = writer("test");
    let reader = writer.reader();
    for round in 0..100 {
        for ships in 0..10 {
            writer.apply(vec![Update::Upsert(harbour(round, ships, 0))]);
        }
    }
    let last = reader.load().index();
    assert!(matches!(reader.watch_since(1), ResumedWatch::Reset(snapshot, _) if snapshot.index() == last));
    drop(writer);
    assert_eq!(indexes(reader.watch_since(last - 3)), Some(vec![last - 2, last - 1, last]));
}

#[test]
fn several_catalogs_are_read_as_one() {
    let (mut north, mut south) = (writer("north"), writer("south"));
    let merged = merge([north.reader(), south.reader()]);
    let service = |id: &str, ships| Service { id: id.into(), ..harbour(1, ships, 0) };
    let (_, mut watch) = merged.watch();
    south.apply(vec![Update::Reset(vec![service("south/a", 1), service("south/b", 1)])]);
    assert!(!merged.is_synced());
    north.apply(vec![Update::Reset(vec![service("north/z", 1)])]);
    assert!(merged.is_synced());
    let ids: Vec<_> = merged.services().iter().map(|service| service.id.as_raw().to_owned()).collect();
    assert_eq!(ids, ["north/z", "south/a", "south/b"]);
    assert!(merged.get("south/b").is_some() && merged.get("north/a").is_none());
    north.mark_stale(fault());
    assert_eq!(merged.stale(), [(0, fault())]);

    drop((north, south));
    let mut reported = [0, 0];
    block_on(async {
        while let Some((at, WatchItem::Events(events))) = watch.next().await {
            reported[at] += events.len();
        }
    });
    assert_eq!(reported, [3, 3], "one added, synced, stale; two added, synced");
}

#[test]
fn a_set_reports_what_an_update_changes() {
    let mut set = Set::new();
    assert!(matches!(&set.apply(Update::Upsert(harbour(1, 1, 1)))[..], [SetChange::Added(_)]));
    let before = set.clone();
    assert!(set.apply(Update::Upsert(harbour(1, 1, 2))).is_empty(), "a volatile field is no change");
    let changes = set.apply(Update::Reset(vec![harbour(2, 1, 1)]));
    assert!(matches!(&changes[..], [SetChange::Removed(old), SetChange::Added(new)] if old.id < new.id));
    assert!(set.apply(Update::Remove("test/009".into())).is_empty());
    assert_eq!((before.len(), set.len()), (1, 1), "a clone stays as it was");
    assert_eq!(before.changes_to(&set).len(), 2);
}
