//! One suite for all stores, and what a shared one keeps beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portolan::store::{
    Batch, Contents, Memory, News, Position, Postgres, SharedStore, Sqlite, Store, StoreError, StoredEvent,
    StoredLease, SyncRequest, Write,
};
use tokio::runtime::Runtime;

use super::database::shared;
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

fn lease(id: &str, generation: u64, seconds: u64) -> StoredLease {
    StoredLease { id: id.into(), slot: 0, generation, lasts: Duration::from_secs(seconds) }
}

fn sync(store: &Postgres, renewals: Vec<StoredLease>, due: Vec<StoredLease>) -> Vec<StoredLease> {
    store
        .sync(SyncRequest { position: Position::default(), renewals, due, ..SyncRequest::default() })
        .wait()
        .unwrap()
        .leases
}

#[test]
fn turns_order_the_writes_of_several_servers() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (one, contents) = postgres(&runtime, &url);
    let (other, _) = postgres(&runtime, &url);
    let position = |index| Position { epoch: contents.epoch.clone(), index };

    assert_eq!(one.take_turn(position(0), Vec::new()).wait().unwrap().news, News::Events(Vec::new()));
    // The other one waits until the turn has ended, and then knows what was written in it.
    let waiting = other.take_turn(position(0), Vec::new());
    assert_eq!(one.append(batch(1)).wait(), Ok(1));
    assert_eq!(waiting.wait().unwrap().news, News::Events(batch(1).events));
    assert_eq!(other.append(batch(2)).wait(), Ok(2));

    // A turn that ends without a change, and one that does not follow.
    one.take_turn(position(1), Vec::new()).wait().unwrap();
    assert_eq!(one.append(Batch { after: 2, ..Batch::default() }).wait(), Ok(2));
    other.take_turn(position(2), Vec::new()).wait().unwrap();
    assert_eq!(other.append(batch(2)).wait(), Err(StoreError::OutOfOrder { after: 1, last: 2 }));
    assert_eq!(one.append(batch(3)).wait(), Ok(3));

    // Another history, and one that was longer: everything is read again. After a loss the history is a new one, once.
    let foreign = Position { epoch: "another".to_owned(), index: 3 };
    let mut epochs = Vec::new();
    for unknown in [foreign, position(9), position(9)] {
        let News::Reset(all) = one.take_turn(unknown, Vec::new()).wait().unwrap().news else { panic!("it is unknown") };
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
    assert!(matches!(other.sync(asked).wait().unwrap().news, News::Reset(_)), "11 is the oldest that is kept");
    let asked = SyncRequest { position: position(40), ..SyncRequest::default() };
    let News::Events(events) = other.sync(asked).wait().unwrap().news else { panic!("they are kept") };
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

    one.take_turn(position.clone(), Vec::new()).wait().unwrap();
    let mut turns = (0..20).map(|_| other.take_turn(position.clone(), Vec::new()).wait());
    assert!(turns.any(|turn| turn.is_ok()), "the turn of the first ends after two seconds");
    assert_eq!(other.append(batch(1)).wait(), Ok(1));
    assert!(one.append(batch(1)).wait().is_err(), "its turn is over");
}

#[test]
fn leases_are_fenced_by_their_generation_and_never_get_shorter() {
    let runtime = Runtime::new().unwrap();
    let database = shared();
    let url = database.create();
    let (one, contents) = postgres(&runtime, &url);
    let (other, _) = postgres(&runtime, &url);
    let granted = Batch { leases: vec![lease("id-01", 1, 100), lease("id-09", 1, 0)], ..batch(1) };
    assert_eq!(one.append(granted).wait(), Ok(1));

    let left = sync(&other, Vec::new(), vec![lease("id-01", 1, 0), lease("id-09", 1, 0), lease("nothing", 1, 0)]);
    assert_eq!(left.len(), 2);
    let of = |left: &[StoredLease], id: &str| left.iter().find(|lease| &*lease.id == id).unwrap().lasts;
    assert!(of(&left, "id-01") > Duration::from_mins(1) && of(&left, "id-09").is_zero(), "{left:?}");

    let renewed = vec![lease("id-01", 1, 50), lease("id-09", 2, 500)];
    let left = sync(&other, renewed, vec![lease("id-01", 1, 0), lease("id-09", 1, 0)]);
    assert!(of(&left, "id-01") > Duration::from_mins(1), "a late renewal takes nothing away");
    assert!(of(&left, "id-09").is_zero(), "a renewal of another generation counts for nothing");
    let left = sync(&other, vec![lease("id-01", 1, 500)], vec![lease("id-01", 1, 0)]);
    assert!(of(&left, "id-01") > Duration::from_secs(400), "{left:?}");

    // Nothing that is read in a turn is renewed before the turn ends.
    let position = Position { epoch: contents.epoch, index: 1 };
    let turn = one.take_turn(position, vec![lease("id-09", 1, 0)]).wait().unwrap();
    assert!(of(&turn.leases, "id-09").is_zero());
    let waiting = other.sync(SyncRequest { renewals: vec![lease("id-09", 1, 500)], ..SyncRequest::default() });
    let id: Arc<str> = "id-09".into();
    let removal = Batch {
        after: 1,
        events: vec![StoredEvent::new(2, body(2))],
        writes: vec![Write::Remove { id }],
        ..Batch::default()
    };
    assert_eq!(one.append(removal).wait(), Ok(2));
    waiting.wait().unwrap();
    assert_eq!(sync(&other, Vec::new(), vec![lease("id-09", 1, 0)]), [], "its lease is gone with it");
}
