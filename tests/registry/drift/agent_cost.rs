//! What an agent costs its registry: only what is of its host is sent, and only when it changes.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::json;

use crate::serve::{Server, exchange, wait_until};
use crate::sources::relay::Relay;
use crate::support::{finish, kill, portolan_path};

/// The instances of other hosts.
const OTHERS: usize = 2_000;
/// What the own instances, the heads of replies and the replies to reports may have together: a small part of the list.
const MAX_REPLY_BYTES: usize = 32 << 10;

/// Registers instances of other hosts, and one of the host `web1` where nothing listens.
fn register(server: &Server) {
    let others = (0..OTHERS).map(|at| {
        let (name, node) = (format!("svc-{}", at % 50), format!("other-{}", at % 200));
        json!({ "register": { "id": format!("other-{at}"), "name": name, "address": "10.9.0.1", "port": 1 + at % 9_000,
            "node": node, "ttl": "1h" } })
    });
    let operations: Vec<_> = others.collect();
    for part in operations.chunks(500) {
        let reply = server.post("/api/v1/bulk", &json!({ "operations": part }).to_string());
        assert!(reply.status == 200 && !reply.text().contains("\"error\""), "{}", reply.text());
    }
    plant(server, "ghost", 1);
}

fn plant(server: &Server, id: &str, port: u16) {
    let body = json!({ "id": id, "name": "web", "address": "127.0.0.1", "port": port, "node": "web1", "ttl": "1h" });
    server.register(&body.to_string());
}

/// The instances of the host `web1` that its agent reports as not listening.
fn reported(server: &Server) -> Vec<String> {
    let drift = server.get("/api/v1/drift?host=web1&code=not-listening").json();
    let findings = drift["data"]["findings"].as_array().unwrap().clone();
    findings.iter().map(|finding| finding["instance"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn an_agent_reads_only_its_host_and_nothing_while_nothing_changes() {
    let server = Server::in_memory();
    register(&server);
    let whole = server.get("/api/v1/services").body.len();
    assert!(whole > 20 * MAX_REPLY_BYTES, "{whole}");

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let relay = runtime.block_on(Relay::start(server.address, "/never", || {}));
    let mut command = Command::new(portolan_path());
    command.args(["agent", "--registry", &format!("portolan://{}", relay.address), "--host", "web1"]);
    command.args(["--interval", "1s"]).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    let agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    wait_until(|| reported(&server) == ["ghost"]);
    wait_until(|| relay.replies().matches("304 Not Modified").count() >= 3);
    let replies = relay.replies();
    assert!(replies.len() < MAX_REPLY_BYTES, "{} bytes", replies.len());
    assert_eq!(replies.matches("\"id\":\"ghost\"").count(), 1, "the list was sent once");
    assert!(!replies.contains("other-"), "nothing of other hosts was sent");

    // What changes is seen: another host, which is not sent, and this one.
    server.register(
        &json!({ "id": "other-x", "name": "web", "address": "10.9.0.1", "port": 2, "ttl": "1h" }).to_string(),
    );
    plant(&server, "second", 2);
    wait_until(|| reported(&server) == ["ghost", "second"]);
    assert_eq!(server.send("DELETE", "/api/v1/services/ghost", None).status, 204);
    wait_until(|| reported(&server) == ["second"]);
    assert!(!relay.replies().contains("other-"));

    kill(agent.id(), Signal::TERM);
    assert_eq!(finish(agent).and_then(|status| status.code()), Some(143));
}

#[test]
fn the_instances_of_a_host_are_selected_and_tagged() {
    let server = Server::in_memory();
    for (id, address, node) in
        [("a", "10.0.0.5", None), ("b", "10.0.0.6", Some("web1")), ("c", "10.0.0.7", Some("web2")), ("d", "name", None)]
    {
        let body = json!({ "id": id, "name": id, "address": address, "port": 1, "node": node, "ttl": "1h" });
        server.register(&body.to_string());
    }
    let path = "/api/v1/services?host=web1,web1.example&address=10.0.0.5,fd00::5";
    let ids = |path: &str| {
        let list = server.get(path).json()["data"]["services"].as_array().unwrap().clone();
        list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(path), ["a", "b", "d"]);
    assert_eq!(ids(&format!("{path}&name=b")), ["b"]);

    let tag = server.get(path).header("etag").unwrap().to_owned();
    let again = |tag: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n");
        exchange(server.address, head.as_bytes())
    };
    assert_eq!((again(&tag).status, again(&tag).body.len()), (304, 0));
    assert_eq!(server.send("POST", "/api/v1/services/b/heartbeat", Some("{}")).status, 200);
    assert_eq!(again(&tag).status, 304, "a renewal is no change");
    assert_eq!(server.send("PUT", "/api/v1/services/c", Some("{\"weight\":5}")).status, 200);
    assert_eq!(again(&tag).status, 304, "another host");
    assert_eq!(server.send("PUT", "/api/v1/services/b", Some("{\"weight\":5}")).status, 200);
    assert_eq!(again(&tag).status, 200);

    let many = (0..200).map(|at| format!("10.1.0.{at}")).collect::<Vec<_>>().join(",");
    let refused = [
        ("address=10.0.0.5,x".to_owned(), "address"),
        ("host=web1&instances=false".to_owned(), "instances"),
        (format!("address={many}"), "address"),
    ];
    for (query, field) in refused {
        let reply = server.get(&format!("/api/v1/services?{query}"));
        assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!(field)), "{query}");
    }
}
