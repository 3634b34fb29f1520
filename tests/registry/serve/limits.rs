//! Limits of callers and of this machine: what is too much is refused, and what is not goes on.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::Server;
use super::access::{Guarded, id, web};
use super::server::{Reply, folder, wait_until};
use crate::consul::{ConsulServer, send};
use crate::support::HANG;

/// Sends until it is refused, and returns the refusal.
#[track_caller]
fn until_limited(send: impl Fn() -> Reply) -> Reply {
    let begun = Instant::now();
    loop {
        let reply = send();
        if reply.status == 429 {
            return reply;
        }
        assert!(begun.elapsed() < HANG, "it is never refused: {}", reply.text());
    }
}

/// Row N12: a flood from one address is refused, and its heartbeats are not.
#[test]
fn a_flood_of_reads_is_refused_and_leases_are_renewed_meanwhile() {
    let folder = folder();
    let file = folder.path().join("serve.toml");
    std::fs::write(&file, "[server.limits]\nrequests_per_second_per_address = 1\n").unwrap();
    let server = ConsulServer::with(&["--data", ":memory:", "--config", file.to_str().unwrap()]);
    server.rest.register(&web(&id(1), "web", "default"));

    for path in ["/api/v1/services", "/health", "/nothing"] {
        let limited = until_limited(|| server.rest.get(path));
        let error = limited.json()["error"].clone();
        assert_eq!(error["code"], "too_many_requests", "{path}");
        assert!(error["hint"].as_str().unwrap().contains("requests_per_second_per_address"), "{error}");
        assert_eq!(limited.header("ratelimit-policy"), Some("\"requests-per-address\";q=5;w=5"));
        let state = limited.header("ratelimit").unwrap();
        assert!(state.starts_with("\"requests-per-address\";r=0;t="), "{state}");
        let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait));
    }
    for (method, path) in [("GET", "/v1/nothing"), ("PUT", "/v1/catalog/services"), ("OPTIONS", "/v1/agent/self")] {
        until_limited(|| send(server.address, method, path, "", &Value::Null));
    }
    let server = server.rest;
    for _ in 0..50 {
        let renewed = server.post(&format!("/api/v1/services/{}/heartbeat", id(1)), "");
        assert_eq!(renewed.status, 200, "{}", renewed.text());
    }

    // After a wait it is answered again, and reads how much is left.
    let begun = Instant::now();
    let answered = loop {
        let reply = server.get("/api/v1/services");
        if reply.status == 200 {
            break reply;
        }
        assert!(begun.elapsed() < HANG, "{}", reply.text());
    };
    assert!(answered.header("ratelimit").is_some_and(|state| state.contains(";r=")), "{}", answered.head);
}

/// A key is limited wherever it is used, and no other key is.
#[test]
fn one_key_does_not_use_up_the_limit_of_another() {
    let guarded = Guarded::with("[server.limits]\nrequests_per_second_per_key = 2\n");
    let (busy, quiet) = (guarded.key(&["--role", "viewer"]), guarded.key(&["--role", "viewer"]));
    let get = |key: &str| guarded.send(Some(key), "GET", "/api/v1/services", None);

    let limited = until_limited(|| get(&busy));
    assert!(limited.json()["error"]["message"].as_str().unwrap().starts_with("this key sends more than 2"));
    assert_eq!(limited.header("ratelimit-policy"), Some("\"requests-per-key\";q=10;w=5"));
    wait_until(|| get(&quiet).status == 200);
    assert_eq!(guarded.send(None, "GET", "/api/v1/services", None).status, 401, "a stranger has no key to be limited");
}

/// A server that is out of descriptors accepts again when it has some.
#[test]
fn running_out_of_descriptors_does_not_end_the_server() {
    let server = Server::under(&["prlimit", "--nofile=64:64"], ["--data", ":memory:"]);
    assert_eq!(server.get("/health").status, 200);
    let held: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    wait_until(|| server.log().contains("cannot accept connections"));

    drop(held);
    wait_until(|| server.get("/health").status == 200);
    let metrics = server.get("/metrics").text();
    let failed = metrics.lines().find_map(|line| line.strip_prefix("portolan_accept_errors_total ")).unwrap();
    assert!(failed.parse::<u64>().unwrap() >= 1, "{failed}");
}
