//! Both stores keep the contract, and every file that is no usable database is refused with a reason and a hint.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::*;

/// How many events are kept.
const MAX_EVENTS: u64 = 100;
/// How many ids the records of this history have.
const IDS: u64 = 50;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("portolan-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The change with this index: each seventh removes a record, the others store one.
fn batch(index: u64) -> Batch {
    let id: Arc<str> = format!("id-{:02}", index % IDS).into();
    let write = if index.is_multiple_of(7) { Write::Remove { id } } else { Write::Put { id, body: body(index) } };
    let event = StoredEvent::new(index, body(index));
    let audit = vec![body(index)];
    Batch { after: index - 1, events: vec![event], writes: vec![write], audit, ..Batch::default() }
}

fn body(index: u64) -> Vec<u8> {
    format!("change {index}").into_bytes()
}

/// What a store holds after the change with this index.
fn expected(index: u64, epoch: &str) -> Contents {
    let kept = (0..IDS)
        .filter_map(|id| Some((id, (1..=index).rev().find(|change| change % IDS == id)?)))
        .filter(|(_, change)| !change.is_multiple_of(7));

    Contents {
        index,
        epoch: epoch.to_owned(),
        records: kept.map(|(id, change)| (format!("id-{id:02}"), body(change))).collect(),
        events: (index.saturating_sub(MAX_EVENTS) + 1..=index)
            .map(|index| StoredEvent::new(index, body(index)))
            .collect(),
    }
}

fn open(path: &Path) -> (Sqlite, Contents) {
    Sqlite::open(path, MAX_EVENTS).unwrap()
}

#[test]
fn what_was_acknowledged_is_there_again() {
    let folder = Folder::new();
    let (store, contents) = open(&folder.file("a.db"));
    assert_eq!(contents, expected(0, &contents.epoch));
    for index in 1..=230 {
        assert_eq!(store.append(batch(index)).wait(), Ok(index));
    }
    store.check().unwrap();
    drop(store);

    let again = open(&folder.file("a.db")).1;
    assert_eq!(again, expected(230, &contents.epoch), "the last {MAX_EVENTS} events, and every record");
    assert_eq!(check(&folder.file("a.db")), Ok(again));
}

#[test]
fn both_stores_refuse_what_does_not_follow_and_go_on() {
    let folder = Folder::new();
    let (sqlite, _) = open(&folder.file("a.db"));
    let memory = Memory::new(100);
    let stores: [&dyn Store; 2] = [&sqlite, &memory];

    for store in stores {
        assert_eq!(store.append(batch(1)).wait(), Ok(1));
        for wrong in [1, 3] {
            let refused = StoreError::OutOfOrder { after: wrong - 1, last: 1 };
            assert_eq!(store.append(batch(wrong)).wait(), Err(refused));
        }
        let mut gap = batch(2);
        gap.events.push(StoredEvent::new(4, body(4)));
        assert!(store.append(gap).wait().is_err(), "a gap within the batch");
        assert_eq!(store.append(batch(2)).wait(), Ok(2));
        assert_eq!(
            store.append(Batch { after: 2, ..Batch::default() }).wait(),
            Ok(2),
            "an empty batch changes nothing"
        );
        assert_eq!(store.probe().wait(), Ok(2), "a probe changes nothing");
    }
    drop(sqlite);

    let (_, contents) = open(&folder.file("a.db"));
    assert_eq!(memory.contents(), Contents { epoch: String::new(), ..contents });
}

#[test]
fn many_callers_share_transactions_and_each_gets_its_own_acknowledgement() {
    let folder = Folder::new();
    let (store, contents) = open(&folder.file("a.db"));
    let next = Mutex::new(1);

    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let mut next = next.lock();
                    let (index, commit) = (*next, store.append(batch(*next)));
                    *next += 1;
                    drop(next);
                    assert_eq!(commit.wait(), Ok(index));
                }
            });
        }
    });
    drop(store);
    assert_eq!(open(&folder.file("a.db")).1, expected(64 * 20, &contents.epoch));
}

#[test]
fn a_commit_can_be_awaited() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = Folder::new();
    let (store, _) = open(&folder.file("a.db"));
    assert_eq!(runtime.block_on(store.append(batch(1))), Ok(1));
}

#[test]
fn a_backup_while_it_is_written_is_a_consistent_database() {
    let folder = Folder::new();
    let (store, contents) = open(&folder.file("a.db"));
    // Large enough that the copy takes many steps.
    let padding = Write::Put { id: "padding".into(), body: vec![7; 4_000_000] };
    let first = batch(1);
    store.append(Batch { writes: vec![padding, first.writes[0].clone()], ..first }).wait().unwrap();

    let stored = AtomicU64::new(1);
    let (before, after) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 2..=2_000 {
                store.append(batch(index)).wait().unwrap();
                stored.store(index, Ordering::SeqCst);
            }
        });
        while stored.load(Ordering::SeqCst) < 200 {
            std::thread::yield_now();
        }
        let before = stored.load(Ordering::SeqCst);
        let backup = store.backup(&folder.file("b.db")).unwrap();
        assert!(backup.bytes > 4_000_000);
        (before, stored.load(Ordering::SeqCst))
    });

    let mut copy = check(&folder.file("b.db")).unwrap();
    assert_eq!(copy.records.pop().unwrap().0, "padding");
    assert!((before..=after + 1).contains(&copy.index), "{before} {} {after}", copy.index);
    assert_eq!(copy, expected(copy.index, &contents.epoch));

    let exists = store.backup(&folder.file("b.db")).unwrap_err();
    assert!(matches!(exists, StoreError::Exists { .. }), "{exists}");
    fs::write(folder.file("c.db-wal"), "the log of an older database").unwrap();
    let leftover = store.backup(&folder.file("c.db")).unwrap_err();
    assert!(matches!(&leftover, StoreError::Leftover { path } if path.ends_with("c.db-wal")), "{leftover}");
    assert!(!folder.file("c.db").exists());
    fs::remove_file(folder.file("c.db-wal")).unwrap();
    assert!(store.backup(&folder.file("none/b.db")).is_err());
    assert_eq!(store.append(batch(2_001)).wait(), Ok(2_001), "a failed backup harms nothing");
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{names:?}");
}

#[test]
fn a_second_server_on_the_same_file_fails_at_once() {
    let folder = Folder::new();
    let (store, _) = open(&folder.file("a.db"));
    store.append(batch(1)).wait().unwrap();

    let second = Sqlite::open(&folder.file("a.db"), MAX_EVENTS).unwrap_err();
    assert_eq!(second, StoreError::Locked { path: folder.file("a.db") });
    assert!(second.to_string().ends_with("a.db: another process uses it"));
    assert_eq!(store.append(batch(2)).wait(), Ok(2));
    drop(store);
    assert_eq!(open(&folder.file("a.db")).1.index, 2);
}

/// A change with a record of two pages.
fn large(index: u64) -> Batch {
    let write = Write::Put { id: format!("id-{}", index % 1_000).into(), body: vec![7; 8_000] };
    Batch { writes: vec![write], ..batch(index) }
}

/// Without a pause of the commits the log never ends by itself: SQLite begins it anew only when all of it is copied.
#[test]
fn the_log_is_copied_into_the_database_while_commits_go_on() {
    let folder = Folder::new();
    let (store, _) = open(&folder.file("a.db"));
    let length = |name: &str| fs::metadata(folder.file(name)).unwrap().len();
    let mut pending = std::collections::VecDeque::new();
    let mut longest = 0;

    for index in 1..=10_000 {
        pending.push_back(store.append(large(index)));
        if pending.len() > 200 {
            pending.pop_front().unwrap().wait().unwrap();
        }
        if index.is_multiple_of(100) {
            longest = length("a.db-wal").max(longest);
        }
    }
    for commit in pending {
        assert!(commit.wait().is_ok());
    }

    // 64 MB, and the commit that makes it that; the changes are more than 80 MB.
    assert!(longest < 70 << 20, "the log had {longest} bytes");
    assert!(length("a.db") > 1_000 * 8_000, "the database has the records before the store is closed");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["a.db", "a.db-wal"]);
    drop(store);
    assert_eq!(names(), ["a.db"], "a clean stop copies all of the log");
    assert_eq!(check(&folder.file("a.db")).unwrap().index, 10_000);
}

#[test]
fn a_database_is_read_by_one_at_a_time() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let (store, _) = open(&path);
    store.append(batch(1)).wait().unwrap();
    let locked = StoreError::Locked { path: path.clone() };
    assert_eq!(status(&path).unwrap_err(), locked);
    assert_eq!(SqliteExport::open(&path).unwrap_err(), locked);
    assert_eq!(check(&path).unwrap_err(), locked);

    drop(store);
    let reader = SqliteExport::open(&path).unwrap();
    assert_eq!(Sqlite::open(&path, MAX_EVENTS).unwrap_err(), locked);
    drop(reader);
    assert_eq!(open(&path).1.index, 1);
}

fn sql(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Overwrites a page of a database.
fn spoil(path: &Path, page: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
    fs::write(path, bytes).unwrap();
}

/// A database of 400 changes, after something was done to its file.
fn changed(folder: &Folder, name: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let path = folder.file(name);
    let (store, _) = open(&path);
    (1..=400).for_each(|index| drop(store.append(batch(index)).wait()));
    drop(store);

    change(&path);
    path
}

#[test]
fn what_is_not_a_usable_database_is_refused_with_a_reason_and_a_hint() {
    let folder = Folder::new();
    fs::write(folder.file("text"), "no database, but some text that is long enough for a header".repeat(9)).unwrap();
    sql(&folder.file("other"), "CREATE TABLE t (a)");
    let cases: [(PathBuf, &str); 13] = [
        (folder.0.clone(), "it is a directory"),
        (folder.file("none/a.db"), "No such file or directory"),
        ("/proc/self/portolan.db".into(), "No such file or directory"),
        ("/dev/null".into(), "it is not a regular file"),
        (folder.file("text"), "it is not a database"),
        (folder.file("other"), "it is a database of another program"),
        (
            changed(&folder, "newer", |path| sql(path, "PRAGMA user_version = 99")),
            "it has format 99, and this portolan knows up to",
        ),
        (changed(&folder, "page", |path| spoil(path, 2)), "it is damaged: "),
        (
            changed(&folder, "short", |path| fs::write(path, &fs::read(path).unwrap()[..4096 * 3]).unwrap()),
            "it is damaged: ",
        ),
        (
            changed(&folder, "gap", |path| sql(path, "DELETE FROM event WHERE number = 350")),
            "it is damaged: its events end at 400 or have a gap",
        ),
        (
            changed(&folder, "behind", |path| sql(path, "UPDATE meta SET last_index = 399")),
            "it is damaged: its events end at 400",
        ),
        (changed(&folder, "without", |path| sql(path, "DELETE FROM meta")), "it is damaged: "),
        (changed(&folder, "type", |path| sql(path, "UPDATE record SET body = 'text'")), "it is damaged: "),
    ];

    for (path, reason) in cases {
        let before = path.is_file().then(|| fs::read(&path).unwrap());
        let error = Sqlite::open(&path, MAX_EVENTS).expect_err(reason);
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains(&*path.to_string_lossy()), "{text}");
        assert!(!text.contains('\n') && !error.hint().is_empty(), "{text}");
        if reason.contains("another program") || reason.contains("not a database") {
            assert!(path.is_file().then(|| fs::read(&path).unwrap()) == before, "{text}: the file changed");
        }
    }
}

/// What a crash leaves of a database, under another name: its file and its log.
fn crashed(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::copy(from.with_extension("db-wal"), to.with_extension("db-wal")).unwrap();
}

#[test]
fn the_log_of_another_database_is_refused_and_its_own_is_not() {
    let folder = Folder::new();
    let (store, contents) = open(&folder.file("a.db"));
    (1..=400).for_each(|index| drop(store.append(batch(index)).wait()));
    crashed(&folder.file("a.db"), &folder.file("crashed.db"));
    drop(store);
    let (_, whole) = open(&folder.file("crashed.db"));
    assert_eq!(whole, expected(400, &contents.epoch), "its own log is read");

    // A copy has a history of its own, and takes the place of the crashed database.
    let (store, contents) = open(&folder.file("b.db"));
    (1..=400).for_each(|index| drop(store.append(batch(index)).wait()));
    crashed(&folder.file("b.db"), &folder.file("restored.db"));
    let log = folder.file("restored.db-wal");
    fs::remove_file(folder.file("restored.db")).unwrap();
    let begin = || SqliteImport::begin(&folder.file("restored.db"), &expected(300, "another"));
    assert!(matches!(begin(), Err(StoreError::Leftover { path: found }) if found == log));
    fs::rename(&log, folder.file("log")).unwrap();
    begin().unwrap().finish().unwrap();
    fs::rename(folder.file("log"), &log).unwrap();

    let before = fs::read(folder.file("restored.db")).unwrap();
    for refused in [
        Sqlite::open(&folder.file("restored.db"), MAX_EVENTS).map(drop),
        status(&folder.file("restored.db")).map(drop),
        SqliteExport::open(&folder.file("restored.db")).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, StoreError::StrayLog { log: found, .. } if *found == log), "{error}");
        assert!(error.to_string().contains("restored.db-wal") && !error.hint().is_empty(), "{error}");
    }
    assert!(fs::read(folder.file("restored.db")).unwrap() == before, "the log was not merged");
    fs::remove_file(&log).unwrap();
    assert_eq!(open(&folder.file("restored.db")).1, expected(300, "another"));
    drop((store, contents));
}

/// `REGENERATE=1` writes the fixture of a new format. One that exists is never written again: its format is published.
#[test]
fn databases_of_all_published_formats_open() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/fixtures");
    let newest = fixtures.join(format!("format-{FORMAT}.db"));
    if std::env::var_os("REGENERATE").is_some() && !newest.exists() {
        write_fixture(&newest);
    }
    for format in 1..=FORMAT {
        let folder = Folder::new();
        fs::copy(fixtures.join(format!("format-{format}.db")), folder.file("a.db")).unwrap();

        let (store, contents) = open(&folder.file("a.db"));
        assert_eq!(contents, expected(130, "5a3f0c9f7d1e4b6f8a2c3d4e5f607182"), "format {format}");
        let audit = store.audit(AuditRange { after: 0, max: 1_000 }).wait().unwrap();
        assert_eq!(audit.records.len(), if format == 1 { 0 } else { 130 });
        assert_eq!(store.append(batch(131)).wait(), Ok(131));
    }
}

/// Writes a database as this version does.
fn write_fixture(to: &Path) {
    let folder = Folder::new();
    let (store, _) = open(&folder.file("a.db"));
    (1..=130).for_each(|index| drop(store.append(batch(index)).wait()));
    drop(store);

    sql(&folder.file("a.db"), "UPDATE meta SET epoch = '5a3f0c9f7d1e4b6f8a2c3d4e5f607182'");
    fs::copy(folder.file("a.db"), to).unwrap();
}

/// A record of the audit log is stored with its change or not at all, and the chain goes on after a restart.
#[test]
fn both_stores_chain_the_audit_log_and_keep_it_with_the_changes() {
    let folder = Folder::new();
    let (sqlite, _) = open(&folder.file("a.db"));
    let memory = Memory::new(100);
    let all = AuditRange { after: 0, max: 1_000 };
    let stores: [&dyn Store; 2] = [&sqlite, &memory];

    for store in stores {
        assert_eq!(store.audit(all).wait(), Ok(AuditPage::default()));
        for index in 1..=9 {
            store.append(batch(index)).wait().unwrap();
        }
        store.append(batch(3)).wait().unwrap_err();
        let only_audit = Batch { after: 9, audit: vec![body(10), body(11)], ..Batch::default() };
        assert_eq!(store.append(only_audit).wait(), Ok(9), "a refusal changes nothing, and is recorded");

        let page = store.audit(all).wait().unwrap();
        assert_eq!((page.first, page.last, page.records.len()), (1, 11, 11));
        let mut head = audit::AuditHead::EMPTY;
        for (record, number) in page.records.iter().zip(1..) {
            assert_eq!(*record, head.seal(body(number)));
        }
        let part = store.audit(AuditRange { after: 4, max: 2 }).wait().unwrap();
        assert_eq!(part.records.iter().map(|record| record.number).collect::<Vec<_>>(), [5, 6]);

        let forget = Batch { after: 9, audit: vec![body(12)], forget_audit: 5, ..Batch::default() };
        store.append(forget).wait().unwrap();
        let kept = store.audit(all).wait().unwrap();
        assert_eq!((kept.first, kept.last, kept.records.len()), (6, 12, 7));
        assert_eq!(kept.records[0], page.records[5]);
    }
    drop(sqlite);

    let (sqlite, _) = open(&folder.file("a.db"));
    sqlite.append(batch(10)).wait().unwrap();
    let page = sqlite.audit(all).wait().unwrap();
    let [.., before, last] = &page.records[..] else { panic!("{page:?}") };
    assert_eq!((last.number, last.previous), (13, before.hash));
    assert_eq!(memory.audit(all).wait().unwrap().records[..], page.records[..7]);
    drop(sqlite);

    let changed = rusqlite::Connection::open(folder.file("a.db")).unwrap().execute("UPDATE audit SET body = 'x'", ());
    assert!(changed.unwrap_err().to_string().contains("do not change"));
}

#[test]
fn a_closed_store_says_so() {
    let folder = Folder::new();
    let (mut store, _) = open(&folder.file("a.db"));
    store.close();
    assert_eq!(store.append(batch(1)).wait(), Err(StoreError::Closed));
    assert_eq!(store.check(), Err(StoreError::Closed));
    assert_eq!(Memory::new(1).backup(&folder.file("b.db")), Err(StoreError::NoFiles));
}
