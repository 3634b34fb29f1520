//! Leases of several servers: a heartbeat at any of them counts, and only the clock of the database lets one expire.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::database::shared;
use super::node::{Watcher, node_with, registration, three, wait_for_the_same_index};
use crate::serve::{Server, wait_until};
use crate::support::kill;

/// A short grace period: what is not renewed is unhealthy two seconds after its ttl.
fn short(url: &str, name: &str, folder: &std::path::Path) -> Server {
    let file = folder.join(format!("{name}.yaml"));
    let settings = "registry:\n  registration:\n    grace_period: 2s\n  health_checks:\n    enabled: false\n";
    std::fs::write(&file, settings).unwrap();
    node_with(url, name, &["--config", file.to_str().unwrap()])
}

fn health(node: &Server, id: &str) -> Value {
    node.get(&format!("/api/v1/services/{id}")).json()["data"]["health"].clone()
}

/// Sends heartbeats of an instance to a server for some time.
fn keep_alive(node: &Server, id: &str, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let reply = node.post(&format!("/api/v1/services/{id}/heartbeat"), "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_heartbeat_at_one_server_counts_at_all_and_what_ends_is_unhealthy_at_all() {
    let database = shared();
    let (url, folder) = (database.create(), crate::serve::folder());
    let nodes = ["a", "b", "c"].map(|name| short(&url, name, folder.path()));
    let watcher = Watcher::start(std::sync::Arc::new(std::sync::Mutex::new(vec![nodes[2].address])), 0);
    nodes[0].register(&registration("alive", 3));
    nodes[0].register(&registration("silent", 3));

    // Another server does not know it yet, or not for long: it looks before it says that there is none.
    assert_eq!(nodes[1].post("/api/v1/services/alive/heartbeat", "").status, 200);
    // One server stands still meanwhile, for longer than a lease lasts.
    kill(nodes[0].pid(), Signal::STOP);
    keep_alive(&nodes[1], "alive", Duration::from_secs(8));
    kill(nodes[0].pid(), Signal::CONT);
    keep_alive(&nodes[1], "alive", Duration::from_secs(4));

    wait_until(|| nodes.iter().all(|node| health(node, "silent") == "unhealthy"));
    assert!(nodes.iter().all(|node| health(node, "alive") == "healthy"));
    let log = watcher.end();
    let of_alive: Vec<&String> = log.0.iter().filter(|line| line.contains(r#""id":"alive""#)).collect();
    assert_eq!(of_alive.len(), 1, "it was registered, and nothing else: {of_alive:#?}");
    let expired = log.0.iter().filter(|line| line.contains("lease-expired")).count();
    assert_eq!(expired, 1, "all servers together found it once");

    // What comes back is healthy at all.
    assert_eq!(nodes[1].post("/api/v1/services/silent/heartbeat", "").status, 200);
    wait_for_the_same_index(&[&nodes[1], &nodes[0], &nodes[2]]);
    assert!(nodes.iter().all(|node| health(node, "silent") == "healthy"));
}

#[test]
fn an_old_generation_is_refused_by_every_server_at_once() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    for round in 0..10 {
        let first = nodes[round % 3].register(&registration("x", 30))["generation"].as_u64().unwrap();
        let other = &nodes[(round + 1) % 3];
        assert_eq!(other.send("DELETE", "/api/v1/services/x", None).status, 204);
        let second = nodes[(round + 2) % 3].register(&registration("x", 30))["generation"].as_u64().unwrap();
        assert!(second > first);

        let old = format!(r#"{{"generation":{first}}}"#);
        let reply = nodes[(round + 2) % 3].post("/api/v1/services/x/heartbeat", &old);
        assert_eq!(reply.status, 404, "{}", reply.text());
        let reply = nodes[round % 3].send("DELETE", &format!("/api/v1/services/x?generation={first}"), None);
        assert_eq!(reply.status, 404, "{}", reply.text());
        let current = format!(r#"{{"generation":{second}}}"#);
        assert_eq!(other.post("/api/v1/services/x/heartbeat", &current).status, 200);
        assert_eq!(other.send("DELETE", "/api/v1/services/x", None).status, 204);
    }
}
