//! Servers that are cut off: from the database, from Redis, from their clients. Packets are dropped, so that nothing is
//! refused and everything is only silent.
//!
//! The rules hold in a network namespace: the tests run this program again in one of its own.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::database::Database;
use super::history::History;
use super::node::{Watcher, index_of, list, node_with, registration, wait_for_the_same_index};
use super::redis::is_connected;
use super::redis_server::Redis;
use crate::serve::{Server, folder, wait_until};
use crate::support::{needs_root, output, tool};

/// Runs one of the tests below in a network namespace of its own.
fn in_network_namespace(name: &str) {
    needs_root("it drops packets");
    let mut command = tool("unshare");
    command
        .args(["--net", "sh", "-ec", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("nodes::partitions::{name}"), "--ignored", "--nocapture"]);
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{name}: {said}");
}

fn nft(words: &str) {
    let mut command: Command = tool("nft");
    let ran = output(command.arg(words));
    assert!(ran.status.success(), "{words}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Drops whatever fits this, in both directions.
fn cut(rules: [&str; 2]) {
    nft("add table ip cut; add chain ip cut out { type filter hook output priority 0; }");
    for rule in rules {
        nft(&format!("add rule ip cut out {rule} drop"));
    }
}

fn heal() {
    nft("delete table ip cut");
}

fn is_stale(node: &Server) -> bool {
    node.get("/api/v1/services").header("x-portolan-stale").is_some()
}

fn health(node: &Server, id: &str) -> String {
    node.get(&format!("/api/v1/services/{id}")).json()["data"]["health"].as_str().unwrap().to_owned()
}

/// Sends heartbeats to a server for some time.
fn keep_alive(node: &Server, id: &str, time: Duration) {
    let end = Instant::now() + time;
    loop {
        assert_eq!(node.post(&format!("/api/v1/services/{id}/heartbeat"), "").status, 200);
        if Instant::now() >= end {
            return;
        }
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_server_without_the_database_says_so_and_removes_nothing() {
    in_network_namespace("cut_off_from_the_database");
}

#[test]
#[ignore = "not a test by itself: the test above starts it with --ignored in a network namespace"]
fn cut_off_from_the_database() {
    let (database, folder) = (Database::start(), folder());
    let near = database.create();
    // The first server reaches the database at an address of its own.
    let far = near.replace("@127.0.0.1:", "@127.0.0.2:");
    let file = folder.path().join("serve.yaml");
    let settings = "registry:\n  registration:\n    grace_period: 2s\n  health_checks:\n    enabled: false\n";
    std::fs::write(&file, settings).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let nodes = [node_with(&far, "a", &config), node_with(&near, "b", &config), node_with(&near, "c", &config)];
    nodes[0].register(&registration("alive", 5));
    nodes[0].register(&registration("silent", 5));
    wait_for_the_same_index(&nodes.each_ref());
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[0].address])), 0);
    watcher.wait_for(|line| line.contains("synced"));

    cut(["ip daddr 127.0.0.2", "ip saddr 127.0.0.2"]);
    wait_until(|| {
        keep_alive(&nodes[1], "alive", Duration::ZERO);
        is_stale(&nodes[0])
    });
    assert_eq!(nodes[0].post("/api/v1/services", &registration("new", 30)).status, 503);
    assert_eq!((nodes[0].get("/health").status, nodes[0].get("/health?ready=true").status), (200, 503));
    // For longer than a lease lasts: clients go on at another server, and that lets expire what is silent.
    keep_alive(&nodes[1], "alive", Duration::from_secs(6));
    wait_until(|| {
        keep_alive(&nodes[1], "alive", Duration::ZERO);
        health(&nodes[2], "silent") == "unhealthy"
    });
    nodes[2].register(&registration("later", 0));
    assert!(!nodes.iter().skip(1).any(is_stale));
    assert_eq!(list(&nodes[0]).instances.len(), 2, "it shows what it knew");
    assert_eq!((health(&nodes[0], "alive"), health(&nodes[0], "silent")), ("healthy".into(), "healthy".into()));
    let behind = index_of(&nodes[0]);
    assert!(behind < index_of(&nodes[2]));

    heal();
    wait_until(|| {
        keep_alive(&nodes[1], "alive", Duration::ZERO);
        !is_stale(&nodes[0])
    });
    keep_alive(&nodes[1], "alive", Duration::from_secs(3));
    let index = wait_for_the_same_index(&[&nodes[2], &nodes[0], &nodes[1]]);
    assert!(nodes.iter().all(|node| health(node, "alive") == "healthy" && health(node, "silent") == "unhealthy"));
    let log = watcher.finish(index);
    let of_alive = log.0.iter().filter(|line| line.contains(r#""id":"alive""#)).count();
    assert_eq!(of_alive, 1, "nothing but its registration: {:#?}", log.0);
    let history = History { logs: vec![log], lists: nodes.iter().map(list).collect(), ..History::default() };
    assert_eq!(history.problems(), [] as [String; 0]);
}

#[test]
fn a_server_without_redis_or_without_clients_changes_nothing() {
    in_network_namespace("cut_off_from_redis_and_from_clients");
}

#[test]
#[ignore = "not a test by itself: the test above starts it with --ignored in a network namespace"]
fn cut_off_from_redis_and_from_clients() {
    let (database, redis) = (Database::start(), Redis::start());
    let url = database.create();
    let far = redis.url().replace("127.0.0.1", "127.0.0.3");
    let nodes = [node_with(&url, "a", &["--redis", &far]), node_with(&url, "b", &["--redis", &redis.url()])];
    wait_until(|| nodes.iter().all(is_connected));
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[1].address])), 0);

    cut(["ip daddr 127.0.0.3", "ip saddr 127.0.0.3"]);
    for number in 0..10 {
        let index = nodes[number % 2].register(&registration(&format!("i-{number}"), 0))["index"].as_u64().unwrap();
        wait_until(|| nodes.iter().all(|node| index_of(node) >= index));
    }
    wait_until(|| !is_connected(&nodes[0]));
    assert!(is_connected(&nodes[1]) && !nodes.iter().any(is_stale));
    heal();
    wait_until(|| nodes.iter().all(is_connected));

    // Its clients reach one server no more: their heartbeats count at the other one.
    nodes[0].register(&registration("alive", 5));
    wait_for_the_same_index(&nodes.each_ref());
    let port = nodes[0].address.port();
    cut([&format!("tcp dport {port}"), &format!("tcp sport {port}")]);
    keep_alive(&nodes[1], "alive", Duration::from_secs(6));
    heal();
    keep_alive(&nodes[1], "alive", Duration::from_secs(2));
    assert!(nodes.iter().all(|node| health(node, "alive") == "healthy"));
    let index = wait_for_the_same_index(&nodes.each_ref());
    let history =
        History { logs: vec![watcher.finish(index)], lists: nodes.iter().map(list).collect(), ..History::default() };
    assert_eq!(history.problems(), [] as [String; 0]);
}
