//! A standby takes over, with everything or without the last writes.

use std::sync::{Arc, Mutex};

use super::database::Database;
use super::history::History;
use super::node::{Watcher, list, node, registration, wait_for_the_same_index};
use crate::serve::{Server, wait_until};

fn epoch(node: &Server) -> String {
    node.get("/api/v1/status").json()["data"]["epoch"].as_str().unwrap().to_owned()
}

fn is_stale(node: &Server) -> bool {
    node.get("/api/v1/services").header("x-portolan-stale").is_some()
}

/// Registers an instance as soon as a server takes writes.
fn register(node: &Server, id: &str) -> u64 {
    wait_until(|| matches!(node.post("/api/v1/services", &registration(id, 0)).status, 200 | 201));
    node.get(&format!("/api/v1/services/{id}")).json()["data"]["index"].as_u64().unwrap()
}

#[test]
fn a_standby_that_has_everything_continues_the_history() {
    let mut primary = Database::start();
    primary.sql("postgres", "CREATE DATABASE registry");
    let standby = primary.standby();
    let url = primary.url_with(&standby, "registry");
    let nodes = ["a", "b"].map(|name| node(&url, name));
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[1].address])), 0);
    for number in 0..5 {
        register(&nodes[number % 2], &format!("i-{number}"));
    }
    wait_for_the_same_index(&[&nodes[0], &nodes[1]]);
    let before = epoch(&nodes[0]);
    primary.wait_for(&standby);

    primary.kill();
    wait_until(|| nodes.iter().all(is_stale));
    standby.promote();
    wait_until(|| !nodes.iter().any(is_stale));
    register(&nodes[0], "after");
    let index = wait_for_the_same_index(&[&nodes[0], &nodes[1]]);
    assert!(nodes.iter().all(|node| epoch(node) == before));
    let lists = nodes.iter().map(list).collect();
    let history = History { logs: vec![watcher.finish(index)], lists, ..History::default() };
    assert_eq!(history.problems(), [] as [String; 0]);
    assert_eq!(history.logs[0].0.iter().filter(|line| line.contains(r#""type":"reset""#)).count(), 1);
}

#[test]
fn a_standby_without_the_last_writes_begins_one_new_history_for_everyone() {
    let mut primary = Database::start();
    primary.sql("postgres", "CREATE DATABASE registry");
    let mut standby = primary.standby();
    let url = primary.url_with(&standby, "registry");
    let nodes = ["a", "b", "c"].map(|name| node(&url, name));
    let watchers = nodes.each_ref().map(|node| Watcher::start(Arc::new(Mutex::new(vec![node.address])), 0));
    register(&nodes[0], "kept");
    primary.wait_for(&standby);

    // The standby is away for the last writes, which the primary acknowledges alone.
    standby.kill();
    for number in 0..5 {
        register(&nodes[number % 3], &format!("lost-{number}"));
    }
    wait_for_the_same_index(&nodes.each_ref());
    let before = epoch(&nodes[0]);
    primary.kill();
    standby.begin();
    standby.promote();

    wait_until(|| nodes.iter().all(|node| epoch(node) != before && !is_stale(node)));
    let after = epoch(&nodes[0]);
    assert!(nodes.iter().all(|node| epoch(node) == after), "it changed once");
    for node in &nodes {
        let ids: Vec<_> = list(node).instances.iter().map(|instance| instance["id"].clone()).collect();
        assert_eq!(ids, ["kept"]);
    }
    // The program of a lost instance registers again.
    assert_eq!(nodes[1].post("/api/v1/services/lost-3/heartbeat", "").status, 404);
    register(&nodes[1], "lost-3");
    for watcher in &watchers {
        watcher.wait_for(|line| line.contains("lost-3") && line.contains(r#""index":2,"#));
    }
    for watcher in watchers {
        let log = watcher.end();
        assert_eq!(log.0.iter().filter(|line| line.contains(r#""type":"reset""#)).count(), 2, "{:#?}", log.0);
    }
    assert_eq!(standby.sql("registry", "SELECT epoch FROM portolan.meta"), after);
}
