//! Reports of agents to several servers: one that reaches any of them counts at all.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::database::shared;
use super::node::{three, wait_for_the_same_index};
use crate::serve::{Server, wait_until};

/// Sends a report of an agent that reports at this interval, in seconds.
fn report(node: &Server, host: &str, interval: u64) {
    let finding = json!({ "id": "a", "code": "drift-stale", "text": "it is stale" });
    let body = json!({ "host": host, "interval": interval, "findings": [finding] }).to_string();
    let reply = node.post("/api/v1/drift", &body);
    assert_eq!(reply.status, 204, "{}", reply.text());
}

/// The interval of the agent that goes on: silence is three times as long, which no stall of a busy machine is.
const ALIVE_INTERVAL: u64 = 3;
const MISSED_REPORTS: u64 = 3;

fn host(node: &Server, host: &str) -> Value {
    node.get(&format!("/api/v1/drift?host={host}")).json()["data"]["hosts"][0].clone()
}

#[test]
fn a_report_to_one_server_counts_at_all() {
    let database = shared();
    let nodes = three(&database.create());
    report(&nodes[0], "alive", ALIVE_INTERVAL);
    report(&nodes[0], "silent", 1);
    let index = wait_for_the_same_index(&[&nodes[0], &nodes[1], &nodes[2]]);

    // For longer than a silence lasts, the reports reach another server.
    let begin = Instant::now();
    let known = |node: &Server, name: &str| (host(node, name)["agent"].clone(), host(node, name)["findings"].clone());
    wait_until(|| {
        report(&nodes[1], "alive", ALIVE_INTERVAL);
        let is_over = begin.elapsed() > Duration::from_secs((MISSED_REPORTS + 1) * ALIVE_INTERVAL);
        is_over && nodes.iter().all(|node| known(node, "silent") == (json!("silent"), json!(1)))
    });
    assert!(nodes.iter().all(|node| known(node, "alive") == (json!("reporting"), json!(1))));
    let after = wait_for_the_same_index(&[&nodes[0], &nodes[1], &nodes[2]]);
    assert_eq!(after, index + 1, "all servers together found the silence once");

    // A server that starts later knows it too.
    report(&nodes[2], "silent", 60);
    wait_until(|| nodes.iter().all(|node| known(node, "silent") == (json!("reporting"), json!(1))));
    assert_eq!(nodes[1].send("DELETE", "/api/v1/drift/silent", None).status, 204);
    wait_until(|| nodes.iter().all(|node| host(node, "silent").is_null()));
}
