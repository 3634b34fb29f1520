//! The machine of the database loses power.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use super::database::Database;
use super::node::{Watcher, index_of, list, three};
use super::together::{StopOnDrop, Writes, gather, write_until};
use crate::durability::power::Disk;
use crate::durability::{in_mount_namespace, workload_folder};
use crate::serve::{Server, wait_until};
use crate::support::{TempDir, needs_root};

/// How often the power is lost.
const POWER_LOSSES: u64 = 4;

#[test]
fn a_database_that_loses_power_under_writes_loses_nothing_that_was_acknowledged() {
    needs_root("it mounts a file system");
    in_mount_namespace("nodes::power::lose_power", TempDir::new().path());
}

/// Takes the power from the disk of the database while three servers write, again and again.
#[test]
#[ignore = "not a test by itself: another test starts it with --ignored in a mount namespace"]
fn lose_power() {
    let Some(folder) = workload_folder() else { return };
    let mut disk = Disk::new(&folder, 512 << 20);
    let mut database = Database::start_in(disk.folder());
    let url = database.create();
    // The tests make databases without waiting for the disk.
    disk.sync();

    let nodes = three(&url);
    let servers = Arc::new(Mutex::new(nodes.iter().map(|node| node.address).collect::<Vec<_>>()));
    let watchers: Vec<Watcher> = (0..2).map(|first| Watcher::start(Arc::clone(&servers), first)).collect();
    let (writes, stop) = (Writes::default(), AtomicBool::new(false));

    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for client in 0..4 {
            let (stop, servers, writes) = (&stop, &servers, &writes);
            scope.spawn(move || write_until(stop, client, servers, writes));
        }
        for round in 0..POWER_LOSSES {
            let wanted = index_of(&nodes[0]) + 20 + round * 7;
            wait_until(|| index_of(&nodes[0]) >= wanted);
            disk.cut();
            database.kill();
            disk.restore();
            database.begin();
        }
        let wanted = index_of(&nodes[0]) + 20;
        wait_until(|| index_of(&nodes[0]) >= wanted);
    });

    let nodes: Vec<&Server> = nodes.iter().collect();
    let history = gather(&nodes, watchers, writes);
    assert_eq!(history.problems(), [] as [String; 0]);
    assert!(history.acknowledged.len() > 20);
    // No server began a new history: that would hide what is lost.
    let resets = history.logs.iter().flat_map(|log| &log.0).filter(|line| line.contains(r#""type":"reset""#));
    assert_eq!(resets.count(), history.logs.len());
    let sql = "SELECT last_index, (SELECT count(*) FROM portolan.record) FROM portolan.meta";
    // A server may still carry out a write that its client no longer waits for.
    wait_until(|| {
        let listed = list(nodes[0]);
        database.sql(&url, sql) == format!("{}|{}", listed.index, listed.instances.len())
    });
}
