//! The database is killed, or stands still; a server stands still.

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portolan::model::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

use super::database::Database;
use super::node::{Watcher, index_of, list, node_with, registration, three};
use super::together::{StopOnDrop, Writes, gather, write_until};
use crate::serve::{Server, wait_until};
use crate::support::kill;

/// The connections to the database that a server has open, as its metrics say.
fn connections(node: &Server) -> u64 {
    let text = node.get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("portolan_database_connections "));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

#[test]
fn a_database_that_is_killed_under_writes_loses_nothing_that_was_acknowledged() {
    let mut database = Database::start();
    let url = database.create();
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
        for _ in 0..2 {
            let wanted = index_of(&nodes[0]) + 50;
            wait_until(|| index_of(&nodes[0]) >= wanted);
            database.kill();
            wait_until(|| nodes.iter().all(|node| connections(node) == 0));
            database.begin();
        }
        let wanted = index_of(&nodes[0]) + 50;
        wait_until(|| index_of(&nodes[0]) >= wanted);
    });
    let nodes: Vec<&Server> = nodes.iter().collect();
    let history = gather(&nodes, watchers, writes);
    assert_eq!(history.problems(), [] as [String; 0]);
    assert!(history.acknowledged.len() > 20);
    wait_until(|| nodes.iter().all(|node| connections(node) == 2));
}

/// Waits until a server has further changes.
fn get_on(node: &Server) {
    let wanted = index_of(node) + 40;
    wait_until(|| index_of(node) >= wanted);
}

#[test]
fn a_server_and_a_database_that_stand_still_under_writes_leave_one_history() {
    let database = Database::start();
    let url = database.create();
    let nodes = three(&url);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    // Some clients know only the servers that go on: the others wait for the one that does not.
    let (servers, running) = (Arc::new(Mutex::new(addresses.clone())), Mutex::new(addresses[..2].to_vec()));
    let watchers: Vec<Watcher> = (0..3).map(|first| Watcher::start(Arc::clone(&servers), first)).collect();
    let (writes, stop) = (Writes::default(), AtomicBool::new(false));

    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for client in 0..4 {
            let (stop, writes) = (&stop, &writes);
            let servers = if client < 2 { &*servers } else { &running };
            scope.spawn(move || write_until(stop, client, servers, writes));
        }

        for _ in 0..2 {
            get_on(&nodes[0]);
            // Perhaps in the middle of its turn: PostgreSQL ends that.
            kill(nodes[2].pid(), Signal::STOP);
            get_on(&nodes[0]);
            kill(nodes[2].pid(), Signal::CONT);
        }
        get_on(&nodes[0]);
        database.pause();
        wait_until(|| nodes.iter().all(is_stale));
        database.resume();
        get_on(&nodes[0]);
    });

    let nodes: Vec<&Server> = nodes.iter().collect();
    let history = gather(&nodes, watchers, writes);
    assert_eq!(history.problems(), [] as [String; 0]);
    assert!(history.acknowledged.len() > 20);
    let resets = history.logs.iter().flat_map(|log| &log.0).filter(|line| line.contains(r#""type":"reset""#));
    assert_eq!(resets.count(), history.logs.len(), "no server began anew");
}

/// How long a lease lasts here.
const TTL: Duration = Duration::from_secs(4);

/// Whether a server says that its answers may be out of date, in the header and in the body.
fn is_stale(node: &Server) -> bool {
    let reply = node.get("/api/v1/discover?service_name=web");
    let said = reply.header("x-portolan-stale").is_some();
    assert_eq!(reply.json()["data"]["stale"].as_bool().unwrap_or(false), said, "{}", reply.text());
    said
}

#[test]
fn while_the_database_stands_still_reads_and_heartbeats_go_on_and_nothing_expires_afterwards() {
    let database = Database::start();
    let (url, folder) = (database.create(), crate::serve::folder());
    let file = folder.path().join("serve.yaml");
    let settings = "registry:\n  registration:\n    grace_period: 1s\n  health_checks:\n    enabled: false\n";
    std::fs::write(&file, settings).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let nodes = ["a", "b"].map(|name| node_with(&url, name, &config));
    // Each lease would be over while the database stands still.
    for number in 0..3 {
        nodes[0].register(&registration(&format!("i-{number}"), 4));
    }
    wait_until(|| index_of(&nodes[1]) == 3);
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[1].address])), 0);
    watcher.wait_for(|line| line.contains("synced"));

    let begin = Instant::now();
    database.pause();
    wait_until(|| {
        // Heartbeats are taken all the time.
        let reply = nodes[0].post("/api/v1/services/i-0/heartbeat", "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let is_over = begin.elapsed() > Duration::from_secs(8);
        is_over && nodes.iter().all(is_stale)
    });
    for node in &nodes {
        assert_eq!(list(node).instances.len(), 3, "reads show what is known");
        let reply = node.post("/api/v1/services", &registration("new", 30));
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", reply.text());
        assert_eq!(reply.json()["error"]["code"], "database_unavailable");
        assert_eq!(node.post("/api/v1/services/unknown/heartbeat", "").status, 503, "it may exist");
        assert_eq!((node.get("/health").status, node.get("/health?ready=true").status), (200, 503));
    }
    let heartbeat = nodes[0].post("/api/v1/services/i-1/heartbeat", "").json();
    assert_eq!(heartbeat["data"]["durable"], false, "{heartbeat}");
    let registry = format!("portolan://{}", nodes[0].address);
    let listed =
        Command::new(env!("CARGO_BIN_EXE_portolan")).args(["services", "list", "--registry", &registry]).output();
    let (listed, why) = (listed.unwrap(), "its server does not reach the database");
    assert_eq!(listed.status.code(), Some(3), "a list that may be out of date is not complete");
    assert!(String::from_utf8_lossy(&listed.stderr).contains(why), "{listed:?}");

    let back = Timestamp::now();
    database.resume();
    wait_until(|| nodes.iter().all(|node| !is_stale(node) && node.get("/health?ready=true").status == 200));
    let reply = nodes[1].post("/api/v1/services/i-2/heartbeat", "").json();
    assert!(reply["data"].get("durable").is_none(), "{reply}");
    nodes[0].register(&registration("last", 0));
    watcher.wait_for(|line| line.contains(r#""id":"last""#));
    let log = watcher.end();
    assert!(!log.0.iter().any(|line| line.contains(r#""id":"new""#)), "{:#?}", log.0);
    // However slow this test is: no lease was over before it had its full time again.
    for line in log.0.iter().filter(|line| line.contains("lease-expired")) {
        let event: Value = serde_json::from_str(line).unwrap();
        let expired: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert!(expired >= back + TTL, "{back}: {line}");
    }
    // A lease without a renewal is over once it had its time again.
    wait_until(|| nodes.iter().all(|node| node.get("/api/v1/services/i-1").json()["data"]["health"] == "unhealthy"));
}
