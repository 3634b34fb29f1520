//! Reports of agents to several servers: one that reaches any of them counts at all.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::database::shared;
use super::node::{three, wait_for_the_same_index};
use crate::serve::{Server, wait_until};

fn report(node: &Server, host: &str) {
    let finding = json!({ "id": "a", "code": "drift-stale", "text": "it is stale" });
    let body = json!({ "host": host, "interval": 1, "findings": [finding] }).to_string();
    let reply = node.post("/api/v1/drift", &body);
    assert_eq!(reply.status, 204, "{}", reply.text());
}

fn host(node: &Server, host: &str) -> Value {
    node.get(&format!("/api/v1/drift?host={host}")).json()["data"]["hosts"][0].clone()
}

#[test]
fn a_report_to_one_server_counts_at_all() {
    let database = shared();
    let nodes = three(&database.create());
    report(&nodes[0], "alive");
    report(&nodes[0], "silent");
    let index = wait_for_the_same_index(&[&nodes[0], &nodes[1], &nodes[2]]);

    // For longer than a silence lasts, the reports reach another server.
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        report(&nodes[1], "alive");
        thread::sleep(Duration::from_millis(300));
    }
    let known = |node: &Server, name: &str| (host(node, name)["agent"].clone(), host(node, name)["findings"].clone());
    wait_until(|| nodes.iter().all(|node| known(node, "silent") == (json!("silent"), json!(1))));
    assert!(nodes.iter().all(|node| known(node, "alive") == (json!("reporting"), json!(1))));
    let after = wait_for_the_same_index(&[&nodes[0], &nodes[1], &nodes[2]]);
    assert_eq!(after, index + 1, "all servers together found the silence once");

    // A server that starts later knows it too.
    report(&nodes[2], "silent");
    wait_until(|| nodes.iter().all(|node| known(node, "silent") == (json!("reporting"), json!(1))));
    assert_eq!(nodes[1].send("DELETE", "/api/v1/drift/silent", None).status, 204);
    wait_until(|| nodes.iter().all(|node| host(node, "silent").is_null()));
}
