//! Blocking queries: what they wait for, how long, and what ends them.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::client::{ConsulServer, ids, index_of, send};
use crate::serve::Reply;
use crate::support::HANG;

/// A query on a thread of its own.
fn query(server: &ConsulServer, path: String) -> JoinHandle<Reply> {
    let address = server.address;
    thread::spawn(move || send(address, "GET", &path, "", &Value::Null))
}

fn register(server: &ConsulServer, name: &str, id: &str) {
    server.write("/v1/agent/service/register", &json!({ "ID": id, "Name": name, "Check": { "TTL": "1h" } }));
}

#[test]
fn a_query_waits_for_its_own_service_only() {
    let server = ConsulServer::start();
    register(&server, "web", "w1");
    let index = server.index("/v1/health/service/web");
    let waiting = query(&server, format!("/v1/health/service/web?index={index}&wait=5m"));
    for at in 0..20 {
        register(&server, "db", &format!("d{at}"));
    }
    assert_eq!(server.index("/v1/health/service/web"), index, "nothing of it changed");

    register(&server, "web", "w2");
    let reply = waiting.join().unwrap();
    assert_eq!(ids(&reply.json()), ["w1", "w2"], "it was not answered for the others");
    assert!(index_of(&reply) > index);

    // A check, maintenance of the node, and the end of the last instance wake it too.
    for change in
        ["/v1/agent/check/pass/service:w1", "/v1/agent/maintenance?enable=true", "/v1/agent/maintenance?enable=false"]
    {
        let index = server.index("/v1/health/service/web");
        let waiting = query(&server, format!("/v1/health/service/web?index={index}&wait=5m"));
        server.write(change, &Value::Null);
        assert!(index_of(&waiting.join().unwrap()) > index, "{change}");
    }
    let index = server.index("/v1/health/service/web");
    server.write("/v1/agent/service/deregister/w1", &Value::Null);
    server.write("/v1/agent/service/deregister/w2", &Value::Null);
    let later = server.index("/v1/health/service/web");
    assert!(later > index);
    assert_eq!(server.get(&format!("/v1/health/service/web?index={index}&wait=5m")).json(), json!([]));
}

#[test]
fn a_query_for_a_service_that_is_not_there_yet_waits_for_its_first_instance() {
    let server = ConsulServer::start();
    let reply = server.get("/v1/health/service/web");
    assert_eq!((reply.status, reply.json(), index_of(&reply)), (200, json!([]), 2));
    let waiting = query(&server, "/v1/health/service/web?index=2&wait=5m".to_owned());
    register(&server, "web", "w1");
    assert_eq!(ids(&waiting.join().unwrap().json()), ["w1"]);
}

#[test]
fn times_and_indexes() {
    let server = ConsulServer::start();
    register(&server, "web", "w1");
    let index = server.index("/v1/health/service/web");
    for query in ["", "?index=0", "?index=0&wait=5m", "?wait=5m"] {
        let reply = server.get(&format!("/v1/health/service/web{query}"));
        assert_eq!(index_of(&reply), index, "{query} answers at once");
    }
    let reply = server.get(&format!("/v1/health/service/web?index={index}&wait=20ms"));
    assert_eq!((reply.status, index_of(&reply)), (200, index), "the time is over");
    let reply = server.get("/v1/health/service/web?index=999999&wait=20ms");
    assert_eq!(index_of(&reply), index, "an index that is too high comes back lower");

    // The list of services does not change with their health.
    let index = server.index("/v1/catalog/services");
    server.write("/v1/agent/check/pass/service:w1", &Value::Null);
    assert_eq!(server.index("/v1/catalog/services"), index);
    let waiting = query(&server, format!("/v1/catalog/services?index={index}&wait=5m"));
    register(&server, "db", "d1");
    assert!(waiting.join().unwrap().text().contains("\"db\""));
}

#[test]
fn a_service_of_the_agent_is_watched_by_its_hash() {
    let server = ConsulServer::start();
    register(&server, "web", "w1");
    let first = server.get("/v1/agent/service/w1");
    let hash = first.header("x-consul-contenthash").unwrap().to_owned();
    assert_eq!(first.json()["ContentHash"], hash);
    assert_eq!(
        server.get("/v1/agent/service/w1?hash=other&wait=5m").header("x-consul-contenthash"),
        Some(hash.as_str())
    );
    assert_eq!(server.get(&format!("/v1/agent/service/w1?hash={hash}&wait=20ms")).status, 200);

    let waiting = query(&server, format!("/v1/agent/service/w1?hash={hash}&wait=5m"));
    server.write("/v1/agent/service/register", &json!({ "ID": "w1", "Name": "web", "Port": 81 }));
    assert_eq!(waiting.join().unwrap().json()["Port"], 81);
    let waiting = query(
        &server,
        format!(
            "/v1/agent/service/w1?hash={}&wait=5m",
            server.get("/v1/agent/service/w1").json()["ContentHash"].as_str().unwrap()
        ),
    );
    server.write("/v1/agent/service/deregister/w1", &Value::Null);
    assert_eq!(waiting.join().unwrap().status, 404);
}

/// A server that stops answers all that wait, at once and with 200.
#[test]
fn a_server_that_stops_answers_all_that_wait() {
    let server = ConsulServer::start();
    register(&server, "web", "w1");
    let index = server.index("/v1/health/service/web");
    let (done, waiting) = mpsc::channel();
    for _ in 0..50 {
        let (done, address) = (done.clone(), server.address);
        let path = format!("/v1/health/service/web?index={index}&wait=10m");
        thread::spawn(move || done.send(send(address, "GET", &path, "", &Value::Null)).unwrap());
    }
    // Until all of them are connected.
    let begun = std::time::Instant::now();
    while server.rest.get("/api/v1/status").json()["data"]["connections"].as_u64().unwrap() < 51 {
        assert!(begun.elapsed() < HANG, "they do not connect");
        thread::sleep(std::time::Duration::from_millis(20));
    }

    assert!(server.rest.stop().success());
    for _ in 0..50 {
        let reply = waiting.recv_timeout(HANG).unwrap();
        assert_eq!((reply.status, ids(&reply.json())), (200, vec!["w1".to_owned()]));
    }
}
