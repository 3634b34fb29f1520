//! The health checks of several servers: each service is checked by one of them, and goes on when that one ends.

use std::collections::HashMap;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::database::shared;
use super::node::{index_of, wait_for_the_same_index};
use crate::serve::{Server, wait_until};

const SERVICES: usize = 30;

/// A server that checks what is registered.
fn checking(url: &str, name: &str) -> Server {
    Server::with_variables(["--database-url", url, "--node", name], &[])
}

/// A service of one instance at a listener, which is checked each second.
fn register(server: &Server, number: usize, listener: &TcpListener) {
    let port = listener.local_addr().unwrap().port();
    let checks = json!([{ "check_type": "tcp", "interval": 1, "timeout": 1, "failure_threshold": 2 }]);
    let body = json!({ "id": format!("i-{number}"), "name": format!("s-{number}"), "address": "127.0.0.1", "port": port, "ttl": 0, "health_checks": checks });
    server.register(&body.to_string());
}

fn health(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/services/{id}/health")).json()["data"].clone()
}

/// How many checks each server runs, as one of them says.
fn division(server: &Server) -> HashMap<String, u64> {
    let status = server.get("/api/v1/status").json()["data"].clone();
    let servers = status["servers"].as_array().unwrap().clone();
    servers
        .iter()
        .map(|server| (server["node"].as_str().unwrap().to_owned(), server["checks"].as_u64().unwrap_or(0)))
        .collect()
}

fn is_divided(server: &Server, among: usize) -> bool {
    let division = division(server);
    division.len() == among && division.values().sum::<u64>() == SERVICES as u64 && !division.values().any(|n| *n == 0)
}

/// Who checks each service, as a server says; an empty text of one that it does not know yet.
fn owners(server: &Server) -> Vec<String> {
    let owner = |number| health(server, &format!("i-{number}"))["checked_by"].as_str().unwrap_or_default().to_owned();
    (0..SERVICES).map(owner).collect()
}

/// Whether all say the same of who checks what.
fn agree(servers: &[Server]) -> bool {
    let first = owners(&servers[0]);
    !first.iter().any(String::is_empty) && servers.iter().all(|server| owners(server) == first)
}

#[test]
fn each_service_is_checked_by_one_server_and_by_another_when_that_one_ends() {
    let database = shared();
    let url = database.create();
    let mut nodes: Vec<Server> = ["a", "b", "c"].map(|name| checking(&url, name)).into();
    let listeners: Vec<TcpListener> = (0..SERVICES).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    for (number, listener) in listeners.iter().enumerate() {
        register(&nodes[number % 3], number, listener);
    }

    // Every server knows of all three, agrees on who checks what, and everything is healthy.
    // (A server that is slow to say that it is there is left out for a moment.)
    wait_until(|| nodes.iter().all(|node| is_divided(node, 3)) && agree(&nodes));
    let before = owners(&nodes[0]);
    wait_until(|| (0..SERVICES).all(|number| health(&nodes[0], &format!("i-{number}"))["health"] == "healthy"));

    // Only the one that checks a service has its results; a check on demand runs anywhere.
    let number = before.iter().position(|owner| owner == "b").unwrap();
    let of_b = format!("i-{number}");
    wait_until(|| !health(&nodes[1], &of_b)["score"].is_null());
    wait_until(|| {
        let elsewhere = health(&nodes[0], &of_b);
        elsewhere["score"].is_null() && elsewhere["monitored"] == true
    });
    let checked = nodes[0].post(&format!("/api/v1/services/{of_b}/health"), "").json()["data"].clone();
    assert_eq!((&checked["finished"], &checked["checks"][0]["last"]["state"]), (&json!(true), &json!("healthy")));

    // One is killed: its services are checked by the others, and nothing changed its state for it.
    let index = wait_for_the_same_index(&nodes.iter().collect::<Vec<_>>());
    nodes.remove(1).kill();
    wait_until(|| nodes.iter().all(|node| is_divided(node, 2)) && agree(&nodes));
    let stay = |after: &[String]| before.iter().zip(after).all(|(before, after)| before == "b" || before == after);
    wait_until(|| stay(&owners(&nodes[0])));
    let after = owners(&nodes[0]);
    let new_owner = after[number].clone();
    let owner = &nodes[usize::from(new_owner == "c")];
    wait_until(|| !health(owner, &of_b)["score"].is_null());
    assert_eq!(index_of(&nodes[0]), index);

    // What really fails is found by the new one, and all servers say so.
    let mut listeners: Vec<Option<TcpListener>> = listeners.into_iter().map(Some).collect();
    drop(listeners[number].take());
    wait_until(|| nodes.iter().all(|node| health(node, &of_b)["health"] == "unhealthy"));

    // One that is stopped says so: the last one takes everything.
    assert!(nodes.remove(0).stop().success());
    wait_until(|| is_divided(&nodes[0], 1));
}
