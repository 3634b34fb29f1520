//! One suite for all stores, and what a shared one keeps beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portolan::store::{
    Batch, ClusterServer, Contents, MEMBER_LEASE, Memory, Position, Postgres, RenewalMarks, Renewals, SharedStore,
    Sqlite, Store, StoreChanges, StoreError, StoredEvent, StoredLease, SyncRequest, Write,
};
use tokio::runtime::Runtime;

use super::database::shared;
use crate::serve::wait_until;
use crate::support::TempDir;

/// How many events are kept.
const MAX_EVENTS: u64 = 50;

fn batch(index: u64) -> Batch {
    let id: Arc<str> = format!("id-{:02}", index % 20).into();
    let write = if index.is_multiple_of(7) { Write::Remove { id } } else { Write::Put { id, body: body(index) } };
    let event = StoredEvent { index, body: body(index), replica: Vec::new() };
    Batch { after: index - 1, events: vec![event], writes: vec![write], ..Batch::default() }
}

fn body(index: u64) -> Vec<u8> {
    format!("change {index} \u{0} é").into_bytes()
}

/// A store, and what it holds when it is opened again.
struct Opened {
    store: Arc<dyn Store>,
    contents: Contents,
}

type Open<'o> = Box<dyn Fn() -> Opened + 'o>;

fn postgres(runtime: &Runtime, url: &str) -> (Postgres, Contents) {
    runtime.block_on(Postgres::open(url.parse().unwrap(), "test", MAX_EVENTS)).unwrap()
}

/// What every store keeps.
fn keeps_the_contract(name: &str, open: &dyn Fn() -> Opened, survives: bool) {
    let opened = open();
    let epoch = opened.contents.epoch.clone();
    assert_eq!(opened.contents, Contents { epoch, ..Contents::default() }, "{name} begins empty");

    let store = opened.store;
    for index in 1..=130 {
        assert_eq!(store.append(batch(index)).wait(), Ok(index), "{name}");
    }
    for wrong in [1, 130, 132] {
        let refused = StoreError::OutOfOrder { after: wrong - 1, last: 130 };
        assert_eq!(store.append(batch(wrong)).wait(), Err(refused), "{name}");
    }
    let mut gap = batch(131);
    gap.events.push(StoredEvent::new(133, body(133)));
    assert!(store.append(gap).wait().is_err(), "{name}: a gap within the batch");
    assert_eq!(store.append(Batch { after: 130, ..Batch::default() }).wait(), Ok(130), "{name}: an empty batch");

    // Several changes of one record in one batch, the last one a removal.
    let id: Arc<str> = "id-03".into();
    let events = vec![StoredEvent::new(131, body(131)), StoredEvent::new(132, body(132))];
    let writes = vec![Write::Put { id: Arc::clone(&id), body: body(131) }, Write::Remove { id }];
    assert_eq!(store.append(Batch { after: 130, events, writes, ..Batch::default() }).wait(), Ok(132), "{name}");
    store.check().unwrap();
    drop(store);

    if !survives {
        return;
    }
    let contents = open().contents;
    assert_eq!(contents.index, 132, "{name}");
    let last = |id: u64| (1..=130).rev().find(|index| index % 20 == id).unwrap();
    let records: Vec<(String, Vec<u8>)> = (0..20)
        .filter(|id| *id != 3 && !last(*id).is_multiple_of(7))
        .map(|id| (format!("id-{id:02}"), body(last(id))))
        .collect();
    assert_eq!(contents.records, records, "{name}");
    let events: Vec<StoredEvent> =
        (132 - MAX_EVENTS + 1..=132).map(|index| StoredEvent::new(index, body(index))).collect();
    assert_eq!(contents.events, events, "{name}");
}

#[test]
fn all_stores_keep_one_contract() {
    let folder = TempDir::new();
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();

    let open_file = |path: &Path| {
        let (store, contents) = Sqlite::open(path, MAX_EVENTS).unwrap();
        Opened { store: Arc::new(store), contents }
    };
    let stores: [(&str, Open<'_>, bool); 3] = [
        ("memory", Box::new(|| Opened { store: Arc::new(Memory::new(50)), contents: Contents::default() }), false),
        ("sqlite", Box::new(|| open_file(&folder.path().join("a.db"))), true),
        (
            "postgres",
            Box::new(|| {
                let (store, contents) = postgres(&runtime, &url);
                Opened { store: Arc::new(store), contents }
            }),
            true,
        ),
    ];

    for (name, open, survives) in stores {
        keeps_the_contract(name, &*open, survives);
    }
}

#[test]
fn turns_order_the_writes_of_several_servers() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (one, contents) = postgres(&runtime, &url);
    let (other, _) = postgres(&runtime, &url);
    let position = |index| Position { epoch: contents.epoch.clone(), index };

    assert_eq!(one.take_turn(position(0), None).wait().unwrap().changes, StoreChanges::Events(Vec::new()));
    // The other one waits until the turn has ended, and then knows what was written in it.
    let waiting = other.take_turn(position(0), None);
    assert_eq!(one.append(batch(1)).wait(), Ok(1));
    assert_eq!(waiting.wait().unwrap().changes, StoreChanges::Events(batch(1).events));
    assert_eq!(other.append(batch(2)).wait(), Ok(2));

    // A turn that ends without a change, and one that does not follow.
    one.take_turn(position(1), None).wait().unwrap();
    assert_eq!(one.append(Batch { after: 2, ..Batch::default() }).wait(), Ok(2));
    other.take_turn(position(2), None).wait().unwrap();
    assert_eq!(other.append(batch(2)).wait(), Err(StoreError::OutOfOrder { after: 1, last: 2 }));
    assert_eq!(one.append(batch(3)).wait(), Ok(3));

    // Another history, and one that was longer: everything is read again. After a loss the history is a new one, once.
    let foreign = Position { epoch: "another".to_owned(), index: 3 };
    let mut epochs = Vec::new();
    for unknown in [foreign, position(9), position(9)] {
        let StoreChanges::Reset(all) = one.take_turn(unknown, None).wait().unwrap().changes else {
            panic!("it is unknown")
        };
        assert_eq!((all.index, all.events.len()), (3, 3));
        assert_eq!(one.append(Batch { after: 3, ..Batch::default() }).wait(), Ok(3));
        epochs.push(all.epoch);
    }
    assert!(epochs[0] == contents.epoch && epochs[1] != epochs[0] && epochs[2] == epochs[1], "{epochs:?}");
    let position = |index| Position { epoch: epochs[1].clone(), index };
    for index in 4..=60 {
        assert_eq!(one.append(batch(index)).wait(), Ok(index));
    }
    let asked = SyncRequest { position: position(3), ..SyncRequest::default() };
    assert!(
        matches!(other.sync(asked).wait().unwrap().changes, StoreChanges::Reset(_)),
        "11 is the oldest that is kept"
    );
    let asked = SyncRequest { position: position(40), ..SyncRequest::default() };
    let StoreChanges::Events(events) = other.sync(asked).wait().unwrap().changes else { panic!("they are kept") };
    assert_eq!(events.len(), 20);
}

#[test]
fn a_server_that_stops_in_its_turn_does_not_stop_the_others() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (one, contents) = postgres(&runtime, &url);
    let (other, _) = postgres(&runtime, &url);
    let position = Position { epoch: contents.epoch, index: 0 };

    one.take_turn(position.clone(), None).wait().unwrap();
    let mut turns = (0..20).map(|_| other.take_turn(position.clone(), None).wait());
    assert!(turns.any(|turn| turn.is_ok()), "the turn of the first ends after two seconds");
    assert_eq!(other.append(batch(1)).wait(), Ok(1));
    assert!(one.append(batch(1)).wait().is_err(), "its turn is over");
}

#[test]
fn what_is_more_than_is_read_at_once_is_read_without_a_gap() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (store, contents) = postgres(&runtime, &url);
    let fill = "INSERT INTO portolan.event SELECT n, 'body', 'replica' FROM generate_series(1, 12001) AS n;
        UPDATE portolan.meta SET last_index = 12001";
    database.sql(&url, fill);

    let position = |index| Position { epoch: contents.epoch.clone(), index };
    let (mut by_sync, mut by_turns) = (vec![0], vec![0]);
    while by_sync.last() != Some(&12_001) {
        let request = SyncRequest { position: position(*by_sync.last().unwrap()), ..SyncRequest::default() };
        let report = store.sync(request).wait().unwrap();
        let StoreChanges::Events(events) = report.changes else { panic!("all are kept") };
        by_sync.extend(events.iter().map(|event| event.index));
        assert_eq!(report.last_index, 12_001);

        let turn = store.take_turn(position(*by_turns.last().unwrap()), None).wait().unwrap();
        let StoreChanges::Events(events) = turn.changes else { panic!("all are kept") };
        by_turns.extend(events.iter().map(|event| event.index));
        assert_eq!(turn.last_index, 12_001);
        assert_eq!(store.append(Batch { after: 12_001, ..Batch::default() }).wait(), Ok(12_001));
        assert!(!events.is_empty() && events.len() < 12_001, "{}", events.len());
    }
    assert!(by_sync == by_turns && by_sync.iter().copied().eq(0..=12_001));
}

fn lease(id: &str, seconds: u64) -> StoredLease {
    StoredLease { id: id.into(), slot: 0, generation: 1, lasts: Duration::from_secs(seconds) }
}

fn member(id: &str) -> ClusterServer {
    ClusterServer { id: id.to_owned(), name: id.to_owned(), index: 0, checks: None }
}

/// A server looks again when the first of the others may be gone: its checks wait for nothing else.
#[test]
fn a_server_learns_how_long_the_others_still_are_members() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let (store, _) = postgres(&runtime, &database.create());
    let first_expiry = |reader: &str| {
        let request = SyncRequest { member: Some(member(reader)), ..SyncRequest::default() };
        store.sync(request).wait().unwrap().first_expiry
    };

    assert_eq!(first_expiry("a"), None, "it is alone");
    wait_until(|| {
        first_expiry("a");
        first_expiry("b").is_some_and(|left| left <= MEMBER_LEASE)
    });
    assert!(MEMBER_LEASE < Duration::from_secs(2));
    wait_until(|| first_expiry("a").is_none());
}

fn marks(reader: &str, read: &[(&str, u64)]) -> RenewalMarks {
    let read = read.iter().map(|(server, number)| ((*server).to_owned(), *number)).collect();
    RenewalMarks { reader: reader.to_owned(), read }
}

/// Stores a portion of a server; without leases it stores none.
fn store_portion(store: &Postgres, server: &str, number: u64, leases: Vec<StoredLease>, leaves: bool) {
    let member = Some(member(server));
    let request = SyncRequest { renewals: (number, leases), member, leaves, ..SyncRequest::default() };
    store.sync(request).wait().unwrap();
}

fn read_portions(store: &Postgres, marks: RenewalMarks) -> Renewals {
    let member = Some(member(&marks.reader));
    let request = SyncRequest { marks: Some(marks), member, ..SyncRequest::default() };
    store.sync(request).wait().unwrap().renewals.unwrap()
}

#[test]
fn a_renewal_reaches_every_other_server_once_with_the_time_that_is_left() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (one, contents) = postgres(&runtime, &url);
    let (other, _) = postgres(&runtime, &url);
    store_portion(&one, "a", 1, vec![lease("x", 100), lease("y", 5)], false);
    database.sql(&url, "UPDATE portolan.renewal SET at = at - interval '20 s'");
    store_portion(&one, "a", 2, vec![lease("x", 200)], false);

    let read = read_portions(&other, marks("b", &[]));
    let of = |id: &str| -> Vec<u64> {
        read.leases.iter().filter(|lease| &*lease.id == id).map(|lease| lease.lasts.as_secs()).collect()
    };
    let (x, y) = (of("x"), of("y"));
    assert!(x.len() == 2 && (20..=80).contains(&x[0]) && (100..=200).contains(&x[1]) && y == [0], "{read:?}");
    assert_eq!(read.marks, marks("b", &[("a", 2)]));
    assert!(read.clock > Duration::from_hours(24 * 365), "it is the time of day");
    assert_eq!(read_portions(&other, read.marks.clone()).leases, [], "once");
    assert_eq!(read_portions(&one, marks("a", &[])).leases, [], "a server knows its own");
    assert_eq!(read_portions(&other, marks("b", &[("a", 1)])).leases.len(), 1, "what it did not get");

    // Under the lock of all writers, nothing that was stored before is missed.
    store_portion(&one, "a", 3, vec![lease("z", 100)], false);
    let position = Position { epoch: contents.epoch, index: 0 };
    let turn = other.take_turn(position, Some(read.marks.clone())).wait().unwrap().renewals.unwrap();
    assert_eq!((turn.leases.len(), &*turn.leases[0].id), (1, "z"));
    assert_eq!(turn.marks, marks("b", &[("a", 3)]));
    other.append(Batch::default()).wait().unwrap();

    // The last ones of a server that ends.
    store_portion(&one, "a", 4, vec![lease("last", 100)], true);
    let read = read_portions(&other, turn.marks);
    assert_eq!((read.leases.len(), &*read.leases[0].id), (1, "last"));
    assert_eq!(read.marks, marks("b", &[]), "it is not asked for again");

    database.sql(&url, "UPDATE portolan.renewal SET at = at - interval '31 s'");
    store_portion(&other, "b", 8, vec![lease("x", 100)], false);
    assert_eq!(database.sql(&url, "SELECT server, number FROM portolan.renewal"), "b|8", "older ones are removed");
}
