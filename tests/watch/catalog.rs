//! The catalog: random histories, with connections lost at random, and readers of every speed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portolan::catalog::{Reader, Watch, WatchItem, Writer};
use portolan::engine::{Clock, ManualClock};
use portolan::model::{DetailLevel, PartialError, Update, UpdateSink};
use portolan::{Detail, Service};
use proptest::prelude::*;
use tokio::time::timeout;

use crate::history::History;

#[derive(Debug, serde::Serialize)]
struct Berth {
    ships: u8,
    wind: u8,
}

impl Detail for Berth {
    fn volatile_fields(&self) -> &'static [&'static str] {
        &["wind"]
    }
}

pub fn harbour(id: u8, ships: u8, wind: u8) -> Service {
    Service::new(format!("test/{id:03}"), "test", Vec::new(), Arc::new(Berth { ships, wind }))
}

pub fn fault() -> PartialError {
    PartialError { operation: "ask the harbour master".into(), cause: "fog".into(), hint: "wait".into() }
}

fn writer() -> Writer {
    Writer::new("test", DetailLevel::Full, Clock::coarse())
}

/// The possible replies and faults of a source.
#[derive(Clone, Debug)]
enum Step {
    Say(Vec<(bool, u8, u8)>),
    /// The connection is lost, N changes are missed, and the whole set is sent again.
    StopReason(Vec<(bool, u8, u8)>),
    Part,
    /// A reader starts here.
    Join,
}

fn step() -> impl Strategy<Value = Step> {
    let changes = || prop::collection::vec((any::<bool>(), 0..12_u8, 0..3_u8), 0..6);
    prop_oneof![changes().prop_map(Step::Say), changes().prop_map(Step::StopReason), Just(Step::Part), Just(Step::Join)]
}

proptest! {
    #[test]
    fn every_reader_ends_with_what_is_there(steps in prop::collection::vec(step(), 0..40)) {
        let mut writer = writer();
        let mut truth: BTreeMap<u8, u8> = BTreeMap::new();
        let mut readers = vec![ReaderLog::join(&writer.reader())];
        for (wind, step) in steps.into_iter().enumerate() {
            let wind = u8::try_from(wind).unwrap();
            match step {
                Step::Say(changes) => {
                    let updates = changes.iter().map(|&change| said(&mut truth, change, wind)).collect();
                    writer.apply(updates);
                }
                Step::StopReason(changes) => {
                    writer.mark_stale(fault());
                    for change in changes {
                        said(&mut truth, change, wind);
                    }
                    let all = truth.iter().map(|(&id, &ships)| harbour(id, ships, wind)).collect();
                    writer.apply(vec![Update::Reset(all)]);
                }
                Step::Part => writer.apply(vec![Update::PartialError(fault())]),
                Step::Join => readers.push(ReaderLog::join(&writer.reader())),
            }
        }
        let snapshot = writer.reader().load();
        let ids: Vec<String> = truth.keys().map(|id| format!("test/{id:03}")).collect();
        prop_assert_eq!(snapshot.services().iter().map(|service| service.id.clone()).collect::<Vec<_>>(), ids);
        drop(writer);
        for reader in readers {
            let history = reader.hear_out();
            prop_assert_eq!(history.index(), snapshot.index());
            // The volatile field is as old as the last reported update, because its own changes are not reported.
            prop_assert_eq!(history.ids(), snapshot.services().iter().map(|service| service.id.as_raw()).collect::<Vec<_>>());
        }
    }
}

/// The source's update for a change.
fn said(truth: &mut BTreeMap<u8, u8>, (there, id, ships): (bool, u8, u8), wind: u8) -> Update {
    if there {
        truth.insert(id, ships);
        Update::Upsert(harbour(id, ships, wind))
    } else {
        truth.remove(&id);
        Update::Remove(format!("test/{id:03}").into())
    }
}

/// A reader and the events it received.
struct ReaderLog {
    watch: Watch,
    history: History,
}

impl ReaderLog {
    fn join(reader: &Reader) -> Self {
        let (snapshot, watch) = reader.watch();
        let mut history = History::default();
        history.start(&snapshot);
        Self { watch, history }
    }

    async fn next(&mut self) -> Option<WatchItem> {
        let news = timeout(Duration::from_mins(1), self.watch.next()).await.expect("news in time");
        if let Some(news) = &news {
            self.history.news(news);
        }
        news
    }

    /// Everything up to the end; the writer must be gone.
    fn hear_out(mut self) -> History {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { while self.next().await.is_some() {} });
        self.history
    }
}

#[test]
fn an_update_without_a_change_emits_no_event() {
    let mut writer = writer();
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 1)])]);
    let index = writer.reader().load().index();
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 2)])]);
    writer.apply(vec![Update::Upsert(harbour(1, 1, 3)), Update::Remove("test/009".into())]);
    writer.apply(Vec::new());
    assert_eq!(writer.reader().load().index(), index);
}

#[test]
fn a_failed_source_keeps_what_it_had_and_says_how_old_it_is() {
    let hand = ManualClock::new();
    let mut writer = Writer::new("test", DetailLevel::Full, hand.clock());
    let reader = writer.reader();
    let told = ReaderLog::join(&reader);
    assert_eq!(reader.age(), None);
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 1), harbour(2, 1, 1)])]);
    hand.advance(Duration::from_secs(7));
    writer.mark_stale(fault());
    writer.mark_stale(fault());
    assert_eq!(reader.age(), Some(Duration::from_secs(7)));
    assert_eq!((reader.load().services().len(), reader.load().stale()), (2, Some(&fault())));
    // It recovers with one change.
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 1), harbour(2, 5, 1)])]);
    assert_eq!((reader.age(), reader.load().stale()), (Some(Duration::ZERO), None));
    drop(writer);
    let history = told.hear_out();
    assert_eq!(history.changes.len(), 3, "two added, one updated: {history:?}");
    assert_eq!((history.count("stale"), history.count("synced")), (1, 2));
    history.assert_ends_in([&harbour(1, 1, 1), &harbour(2, 5, 1)]);
}

/// As after a machine has slept.
#[test]
fn a_clock_jump_emits_no_event() {
    const YEARS: Duration = Duration::from_hours(10 * 365 * 24);
    let hand = ManualClock::new();
    let mut writer = Writer::new("test", DetailLevel::Full, hand.clock());
    let reader = writer.reader();
    let told = ReaderLog::join(&reader);
    let all = || vec![Update::Reset(vec![harbour(1, 1, 1)])];
    writer.apply(all());
    let index = reader.load().index();
    hand.advance(YEARS);
    assert_eq!(reader.age(), Some(YEARS));
    writer.apply(all());
    assert_eq!((reader.age(), reader.load().index()), (Some(Duration::ZERO), index));
    hand.advance(YEARS);
    writer.mark_stale(fault());
    hand.advance(YEARS);
    writer.apply(all());
    drop(writer);
    let history = told.hear_out();
    assert_eq!((history.changes.len(), history.count("stale"), history.count("synced")), (1, 1, 2), "{history:?}");
    history.assert_ends_in([&harbour(1, 1, 1)]);
}

#[test]
fn a_failing_part_is_reported_once_and_removes_nothing() {
    let mut writer = writer();
    let told = ReaderLog::join(&writer.reader());
    writer.apply(vec![Update::Reset(vec![harbour(1, 1, 1)])]);
    for _ in 0..3 {
        writer.apply(vec![Update::PartialError(fault())]);
    }
    drop(writer);
    let history = told.hear_out();
    assert_eq!(history.count("error"), 1);
    history.assert_ends_in([&harbour(1, 1, 1)]);
}

#[test]
fn an_error_that_ended_is_reported_again_and_one_that_stays_is_not() {
    let mut writer = writer();
    let told = ReaderLog::join(&writer.reader());
    writer.apply(vec![Update::Reset(Vec::new()), Update::PartialError(fault())]);
    // A complete listing that has the same error.
    writer.apply(vec![Update::Reset(Vec::new()), Update::PartialError(fault())]);
    writer.apply(vec![Update::Recovered("another operation".to_owned()), Update::PartialError(fault())]);
    writer.apply(vec![Update::Recovered(fault().operation)]);
    writer.apply(vec![Update::PartialError(fault())]);
    writer.apply(vec![Update::Reset(Vec::new())]);
    writer.apply(vec![Update::PartialError(fault())]);
    drop(writer);
    assert_eq!(told.hear_out().count("error"), 3);
}

#[test]
fn a_reader_that_never_reads_gets_a_lag_report_and_delays_no_other() {
    let mut writer = writer();
    let (mut slow, quick) = (ReaderLog::join(&writer.reader()), writer.reader());
    for ships in 0..=255 {
        for _ in 0..4 {
            writer.apply(vec![Update::Upsert(harbour(1, ships, 0)), Update::Upsert(harbour(2, 255 - ships, 0))]);
            writer.apply(vec![Update::Remove("test/001".into())]);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(matches!(runtime.block_on(slow.next()), Some(WatchItem::Lagged { .. })));
    writer.apply(vec![Update::Upsert(harbour(3, 1, 0))]);
    let snapshot = quick.load();
    drop(writer);
    let history = slow.hear_out();
    assert_eq!((history.count("lagged"), history.count("added")), (1, 1), "{history:?}");
    history.assert_ends_in(snapshot.services().iter().map(|service| &**service));
}

#[test]
fn a_thousand_readers_hear_the_same() {
    let mut writer = writer();
    let readers: Vec<ReaderLog> = (0..1000).map(|_| ReaderLog::join(&writer.reader())).collect();
    for id in 0..20 {
        writer.apply(vec![Update::Upsert(harbour(id, 1, 0))]);
    }
    let snapshot = writer.reader().load();
    drop(writer);
    for reader in readers {
        let history = reader.hear_out();
        assert_eq!((history.count("added"), history.count("lagged")), (20, 0));
        history.assert_ends_in(snapshot.services().iter().map(|service| &**service));
    }
}
