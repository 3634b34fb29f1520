//! Limits of callers, of this machine and of the registry: what is too much is refused, and what is not goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::Server;
use super::access::{Guarded, id, web};
use super::server::{Reply, folder, parse, wait_until};
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

/// An operation of a bulk request counts as a request, and a heartbeat in it needs what a heartbeat needs.
#[test]
fn a_bulk_request_passes_neither_the_limits_nor_the_permissions() {
    let guarded =
        Guarded::with("[server.limits]\nheartbeats_per_second_per_key = 1\nrequests_per_second_per_key = 10\n");
    let agent = guarded.key(&["--permission", "register", "--permission", "heartbeat", "--permission", "read_status"]);
    let registers = guarded.key(&["--permission", "register", "--permission", "read_status"]);
    let bulk = |key: &str, operations: &[Value]| {
        let body = json!({ "operations": operations }).to_string();
        guarded.send(Some(key), "POST", "/api/v1/bulk", Some(&body))
    };
    let registration = json!({ "register": { "id": id(1), "name": "web", "address": "10.0.0.1", "port": 80 } });
    let heartbeat = json!({ "heartbeat": { "id": id(1), "status": "unhealthy" } });

    assert_eq!(bulk(&registers, std::slice::from_ref(&registration)).json()["data"]["results"][0]["status"], 201);
    let refused = bulk(&registers, &[registration.clone(), heartbeat.clone()]);
    assert_eq!(refusal(&refused), (403, "forbidden".to_owned()));
    assert_eq!(
        guarded.send(Some(&registers), "POST", &format!("/api/v1/services/{}/heartbeat", id(1)), None).status,
        403
    );

    let beats: Vec<Value> = std::iter::repeat_n(heartbeat, 1_000).collect();
    assert_eq!(bulk(&agent, &beats).status, 200, "one request passes, whatever is in it");
    let limited = bulk(&agent, &beats);
    assert_eq!(refusal(&limited), (429, "too_many_requests".to_owned()));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((500..=1_000).contains(&wait), "{wait} s for 1,000 heartbeats at one a second");
    assert_eq!(bulk(&agent, std::slice::from_ref(&registration)).status, 200, "requests are counted apart");
    let registrations: Vec<Value> = std::iter::repeat_n(registration, 1_000).collect();
    assert_eq!(bulk(&agent, &registrations).status, 200);
    assert_eq!(bulk(&agent, &registrations).status, 429);
}

/// What is refused before any route sees it is counted, limited and recorded like the rest, and does not fill the log.
#[test]
fn refused_pages_and_preflights_are_limited_counted_and_recorded() {
    let guarded = Guarded::with(
        "[server.limits]\nrequests_per_second_per_address = 5\n[server.cors]\nallowed_origins = [\"https://ui.example\"]\n",
    );
    let admin = guarded.key(&["--role", "admin"]);
    let page = "Origin: https://evil.example\r\n";
    let preflight = "Origin: https://ui.example\r\nAccess-Control-Request-Method: POST\r\n";
    for (method, lines, passed) in [("POST", page, 403), ("OPTIONS", preflight, 200)] {
        let send = || guarded.send_with(None, lines, method, "/api/v1/services", None);
        wait_until(|| send().status == passed);
        until_limited(send);
    }

    // The admin waits for a token as any other.
    wait_until(|| {
        let audit = guarded.send(Some(&admin), "GET", "/api/v1/audit?who=anonymous", None).text();
        audit.contains("foreign_origin") && audit.contains("POST /api/v1/services")
    });
    wait_until(|| {
        let metrics = guarded.send(Some(&admin), "GET", "/metrics", None).text();
        let counted = metrics.lines().find_map(|line| line.strip_prefix("portolan_refused_requests_total "));
        counted.is_some_and(|count| count.parse::<u64>().unwrap() >= 1)
    });
}

/// A flood of refusals neither fills the log nor keeps a line of another kind out, and no line has a key.
#[test]
fn the_log_has_few_lines_about_many_refusals() {
    let guarded = Guarded::start();
    let viewer = guarded.key(&["--role", "viewer"]);
    // A key in the wrong place.
    let path = format!("/api/v1/services/{viewer}");
    for _ in 0..100 {
        assert_eq!(guarded.send(None, "GET", &path, None).status, 401);
    }
    assert_eq!(guarded.send(Some(&viewer), "PUT", "/api/v1/log-level", Some("{}")).status, 403);

    wait_until(|| guarded.server.log().contains("PUT /api/v1/log-level"));
    let log = guarded.server.log();
    let lines = log.lines().filter(|line| line.contains("request refused")).count();
    assert!((2..20).contains(&lines), "{lines} lines: {log}");
    assert!(!log.contains(&viewer[17..]), "{log}");
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

/// The status and the code of an error, which a client can match.
#[track_caller]
fn refusal(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"].clone();
    assert!(error["message"].is_string(), "{error}");
    (reply.status, error["code"].as_str().unwrap().to_owned())
}

fn instance(port: u16) -> String {
    json!({ "id": format!("i{port}"), "name": "web", "address": "10.0.0.1", "port": port, "ttl": 0 }).to_string()
}

/// A stream of events, and the start of its head. One that is refused must not be read to an end that never comes.
fn events(server: &Server) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut start = vec![0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start).unwrap();
    (stream, start)
}

/// Row I6: what is too much is refused with a code and the reason, and there is room again.
#[test]
fn too_many_instances_streams_and_writes_are_refused() {
    let folder = folder();
    let file = folder.path().join("serve.toml");
    let settings = "[registry.registration]\nmax_instances_per_service = 2\n[server.limits]\nevent_streams = 1\n\
        queued_writes = 1\n";
    std::fs::write(&file, settings).unwrap();
    let data = folder.path().join("registry.db");
    let server = Server::with(["--data", data.to_str().unwrap(), "--config", file.to_str().unwrap()]);

    let post = |port: u16| server.post("/api/v1/services", &instance(port));
    assert_eq!((post(1).status, post(2).status), (201, 201));
    let third = post(3);
    assert_eq!(refusal(&third), (409, "instance_limit".to_owned()));
    assert_eq!(third.json()["error"]["field"], "name");
    assert_eq!(post(2).status, 200, "one that is there may register again");
    assert_eq!(server.send("DELETE", "/api/v1/services/i1", None).status, 204);
    assert_eq!(post(3).status, 201, "there is room again");

    let (open, start) = events(&server);
    assert!(start.ends_with(b"200"));
    let (mut second, mut head) = events(&server);
    assert!(head.ends_with(b"503"), "a second stream is open");
    second.read_to_end(&mut head).unwrap();
    let second = parse(&head);
    assert_eq!(refusal(&second), (503, "too_many_streams".to_owned()));
    assert_eq!(second.header("retry-after"), Some("1"));
    drop(open);
    // The server sees that it is closed when it writes to it.
    wait_until(|| {
        server.send("PUT", "/api/v1/services/i2", Some(r#"{"status":"draining"}"#));
        server.send("PUT", "/api/v1/services/i2", Some(r#"{"status":"up"}"#));
        server.get("/api/v1/status").json()["data"]["event_streams"] == 0
    });
    assert!(events(&server).1.ends_with(b"200"), "there is room again");

    let busy = until_busy(&server);
    assert_eq!(refusal(&busy), (503, "busy".to_owned()));
    assert_eq!(busy.header("retry-after"), Some("1"));
    wait_until(|| matches!(post(2).status, 200));
}

/// Sends slow writes at the same time until one is refused because others wait. Returns that reply.
fn until_busy(server: &Server) -> Reply {
    let is_over = &AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        let writers: Vec<_> = (0..6).map(|client| scope.spawn(move || write_until(is_over, server, client))).collect();
        writers.into_iter().find_map(|writer| writer.join().unwrap())
    });
    refused.expect("no write is ever refused")
}

/// Registers 200 instances with each request, until one is refused, here or elsewhere; the refusal.
fn write_until(is_over: &AtomicBool, server: &Server, client: usize) -> Option<Reply> {
    let begun = Instant::now();
    for turn in 0.. {
        if is_over.load(Ordering::SeqCst) || begun.elapsed() > HANG {
            break;
        }
        let names = (0..200).map(|at| format!("bulk-{client}-{turn}-{at}"));
        let operations: Vec<Value> = names
            .map(|name| json!({ "register": { "name": name, "address": "10.0.0.1", "port": 80, "ttl": 0 } }))
            .collect();
        let reply = server.post("/api/v1/bulk", &json!({ "operations": operations }).to_string());
        if reply.status == 503 {
            is_over.store(true, Ordering::SeqCst);
            return Some(reply);
        }
    }
    None
}
