//! What runs in a process of its own. `PORTOLAN_STORE` is its folder; without it a workload does nothing.

use std::fs;
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portolan::store::{Sqlite, Store, StoreError, check};

use super::history::{MAX_EVENTS, batch, is_whole, verify};
use super::power::{Disk, run};
use super::workload_folder;
use crate::support::tool;

/// Prints one line at once, in one system call.
fn say(line: &str) {
    io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
    io::stdout().flush().unwrap();
}

/// Stores changes for ever, one after the other, and prints `sent N` and `acknowledged N` or why not. It ends
/// after `PORTOLAN_CHANGES` changes, but not before `PORTOLAN_SECONDS`.
#[test]
#[ignore = "not a test by itself: other tests start it with --ignored, and kill it while it stores"]
fn store_one_by_one() {
    let Some(folder) = workload_folder() else { return };
    let limit: u64 = std::env::var("PORTOLAN_CHANGES").map_or(u64::MAX, |text| text.parse().unwrap());
    let seconds = std::env::var("PORTOLAN_SECONDS").map_or(0, |text| text.parse().unwrap());
    let (store, contents) = Sqlite::open(&folder.join("a.db"), MAX_EVENTS).unwrap();
    let (mut next, begin) = (contents.index + 1, Instant::now());

    for number in 0.. {
        if number >= limit && begin.elapsed() >= Duration::from_secs(seconds) {
            return;
        }
        say(&format!("sent {next}"));
        match store.append(batch(next)).wait() {
            Ok(index) => {
                say(&format!("acknowledged {index}"));
                next += 1;
            }
            Err(error) => say(&format!("refused {error}")),
        }
    }
}

/// Changes that several callers store at the same time.
struct Load<'s> {
    store: &'s Sqlite,
    next: Mutex<u64>,
    acknowledged: AtomicU64,
}

impl<'s> Load<'s> {
    fn new(store: &'s Sqlite, last: u64) -> Self {
        Self { store, next: Mutex::new(last + 1), acknowledged: AtomicU64::new(last) }
    }

    /// Stores changes until one fails.
    fn run(&self) -> StoreError {
        loop {
            let mut next = self.next.lock().unwrap();
            let commit = self.store.append(batch(*next));
            *next += 1;
            drop(next);
            match commit.wait() {
                Ok(index) => drop(self.acknowledged.fetch_max(index, Ordering::SeqCst)),
                Err(error) => return error,
            }
        }
    }

    fn sent(&self) -> u64 {
        *self.next.lock().unwrap() - 1
    }

    /// Waits until so many more changes are acknowledged.
    fn await_progress(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + more;
        while self.acknowledged.load(Ordering::SeqCst) < goal {
            std::thread::yield_now();
        }
    }
}

/// How often the power is lost.
const POWER_LOSSES: u64 = 100;

/// Loses power under load, again and again, on ext4.
#[test]
#[ignore = "not a test by itself: another test starts it with --ignored in a mount namespace"]
fn lose_power() {
    let Some(folder) = workload_folder() else { return };
    let mut disk = Disk::new(&folder, 32 << 20);
    let database = disk.folder().join("a.db");
    let (mut acknowledged, mut sent, mut unacknowledged) = (0, 0, 0);

    for round in 0..POWER_LOSSES {
        let last = if round == 0 { 0 } else { verify(&database, acknowledged, sent) };
        unacknowledged += last - acknowledged;
        let (store, _) = Sqlite::open(&database, MAX_EVENTS).unwrap();

        let load = Load::new(&store, last);
        std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| load.run())));
            // Never at the same place of a transaction, and sometimes while the log is copied into the database.
            load.await_progress(1 + round * 7 % 60 + if round % 10 == 9 { 400 } else { 0 });
            // What is acknowledged later is not counted: a machine without power acknowledges nothing, but this one still
            // runs while its file system goes down.
            acknowledged = load.acknowledged.load(Ordering::SeqCst);
            disk.cut();
        });
        sent = load.sent();
        drop(store);
        disk.restore();
    }
    verify(&database, acknowledged, sent);
    say(&format!("{acknowledged} acknowledged in {POWER_LOSSES} losses, {unacknowledged} stored without it"));
}

/// Fills the disk: writes are refused with the reason, reads go on, and it recovers.
#[test]
#[ignore = "not a test by itself: another test starts it with --ignored in a mount namespace"]
fn fill_the_disk() {
    let Some(folder) = workload_folder() else { return };
    let disk = folder.join("disk");
    fs::create_dir(&disk).unwrap();
    run(tool("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(&disk));
    let (store, _) = Sqlite::open(&disk.join("a.db"), MAX_EVENTS).unwrap();
    let mut last = 0;

    for round in 0..3 {
        let filler = disk.join(format!("filler-{round}"));
        let refused = loop {
            // All that is left: a store that made room for itself finds none the next time.
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&filler).unwrap();
            while file.write_all(&[0; 512]).is_ok() {}
            match store.append(batch(last + 1)).wait() {
                Ok(index) => last = index,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, StoreError::Full, "{refused}");
        assert_eq!(refused.to_string(), "cannot store the change: no space is left on the disk");
        assert_eq!(store.append(batch(last + 1)).wait(), Err(StoreError::Full), "still full");
        store.check().unwrap();

        fs::remove_file(&filler).unwrap();
        // More than the log holds before it is folded into the database.
        for _ in 0..400 {
            last = store.append(batch(last + 1)).wait().unwrap();
        }
    }
    drop(store);
    let contents = check(&disk.join("a.db")).unwrap();
    assert!(contents.index == last && is_whole(&contents));
}
