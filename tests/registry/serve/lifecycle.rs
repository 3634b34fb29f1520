//! Start, restart and stop: nothing acknowledged is lost, and no request in flight gets a 5xx.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::server::{folder, parse, wait_until};
use super::{Reply, Server, exchange};
use crate::support::{HANG, kill};

#[test]
fn a_restart_keeps_everything_and_gives_each_lease_one_full_ttl() {
    let folder = folder();
    let file = folder.path().join("registry.db");
    let server = Server::on_file(&file);
    for at in 0..50 {
        server.register(&format!(
            r#"{{"id":"i{at}","name":"web","address":"10.0.0.1","port":80,"ttl":60,"metadata":{{"n":"{at}"}}}}"#
        ));
    }
    server.send("DELETE", "/api/v1/services/i7", None);
    server.send("PUT", "/api/v1/services/i8", Some(r#"{"status":"maintenance","weight":3}"#));
    let before = all(&server);
    let index = server.get("/api/v1/services").index();
    // Without any goodbye: what was acknowledged is on disk.
    server.kill();

    let server = Server::on_file(&file);
    let now = Timestamp::now();
    let after = all(&server);
    assert_eq!((after.len(), server.get("/api/v1/services").index()), (49, index));
    for (id, instance) in &after {
        for field in ["generation", "index", "status", "weight", "health", "metadata", "registered_at"] {
            assert_eq!(instance[field], before[id][field], "{id} {field}");
        }
        let expires: Timestamp = instance["lease"]["expires"].as_str().unwrap().parse().unwrap();
        let left = expires.duration_since(now).as_secs();
        // The server started a moment before: its clock may have begun up to a minute earlier under load.
        assert!((0..=60).contains(&left), "{id}: {left} s are left");
        assert_ne!(instance["lease"]["expires"], before[id]["lease"]["expires"], "the lease was granted anew");
    }
    assert!(server.stop().success());
}

use jiff::Timestamp;

fn all(server: &Server) -> BTreeMap<String, Value> {
    let list = server.get("/api/v1/services").json()["data"]["services"].clone();
    list.as_array().unwrap().iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one.clone())).collect()
}

#[test]
fn a_lease_that_is_not_renewed_ends_and_a_heartbeat_keeps_it() {
    let folder = folder();
    let config = folder.path().join("serve.yaml");
    let text = "registry:\n  registration:\n    default_ttl: 1s\n    heartbeat_interval: 200ms\n    grace_period: 0\n";
    std::fs::write(&config, text).unwrap();
    let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let [silent, alive] = ["silent", "alive"].map(|id| {
        server.register(&format!(r#"{{"id":"{id}","name":"{id}","address":"10.0.0.1","port":80}}"#))["last_seen"]
            .clone()
    });

    let deadline = Instant::now() + HANG;
    loop {
        // The second one is renewed all the time.
        assert_eq!(server.post("/api/v1/services/alive/heartbeat", "").status, 200);
        let health = server.get("/api/v1/services/silent/instances").json()["data"]["services"][0]["health"].clone();
        if health == "unhealthy" {
            break;
        }
        assert!(Instant::now() < deadline, "the lease never ended");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(server.discover("service_name=silent").is_empty());
    let instance = &server.discover("service_name=alive&include_unhealthy=true")[0];
    assert_ne!((&instance["last_seen"], &silent), (&alive, &alive), "a heartbeat moves the time, also in a list");
    // It comes back with its next heartbeat.
    let renewed = server.post("/api/v1/services/silent/heartbeat", "");
    assert_eq!((renewed.status, renewed.json()["data"]["health"].clone()), (200, "healthy".into()));
}

/// A connection that is kept alive and sends one request after another.
fn send_until(address: std::net::SocketAddr, request: &str, is_over: &AtomicBool) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        // Refused: the server does not listen any more.
        let Ok(mut stream) = TcpStream::connect(address) else { return statuses };
        stream.set_read_timeout(Some(HANG)).unwrap();
        loop {
            if stream.write_all(request.as_bytes()).is_err() {
                break;
            }
            let Some(reply) = read_one(&mut stream) else { break };
            statuses.push(reply.status);
            if reply.header("connection") == Some("close") || is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    statuses
}

/// One answer with a length; `None` if the connection ended before it began.
fn read_one(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let reply = parse(&bytes);
        let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
        if reply.status != 0 && reply.body.len() >= length.unwrap_or(0) {
            return Some(reply);
        }
    }
}

/// Row E9: SIGTERM under load. Whatever was answered is no 5xx, and what was acknowledged is kept.
#[test]
fn a_stop_under_load_gives_no_client_a_5xx() {
    let folder = folder();
    let (file, config) = (folder.path().join("registry.db"), folder.path().join("serve.yaml"));
    std::fs::write(&config, "server:\n  shutdown_timeout: 120\n  limits: { header_timeout: 120 }\n").unwrap();
    let server = Server::with([OsStr::new("--data"), file.as_os_str(), OsStr::new("--config"), config.as_os_str()]);
    server.register(r#"{"id":"i0","name":"web","address":"10.0.0.1","port":80}"#);
    // A request that has begun, and ends when the server stops.
    let mut begun = TcpStream::connect(server.address).unwrap();
    begun.set_read_timeout(Some(HANG)).unwrap();
    begun.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n").unwrap();
    let (address, pid) = (server.address, server.pid());
    let body = r#"{"name":"load","address":"10.0.0.1","port":80}"#;
    let post = format!(
        "POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = "GET /api/v1/discover?service_name=web HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();

    let is_over = AtomicBool::new(false);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = [&post, &get, &post, &get, &post, &get]
            .into_iter()
            .map(|request| scope.spawn(|| send_until(address, request, &is_over)))
            .collect();
        // Under load means: answers have come.
        let deadline = Instant::now() + HANG;
        while server.get("/api/v1/status").json()["data"]["instances"].as_u64().unwrap() < 200 {
            assert!(Instant::now() < deadline, "the load never came");
        }
        kill(pid, Signal::TERM);
        let statuses = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        statuses
    });

    // Row A36: it says so itself.
    begun.write_all(b"\r\n").unwrap();
    let last = read_one(&mut begun).expect("a request that has begun is answered");
    assert_eq!((last.status, &last.json()["data"]["status"]), (200, &"stopping".into()), "{}", last.text());
    assert_eq!(last.header("connection"), Some("close"));
    assert!(server.stop().success());
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    let acknowledged = statuses.iter().filter(|status| **status == 201).count();
    let server = Server::on_file(&file);
    let kept = server.get("/api/v1/status").json()["data"]["instances"].as_u64().unwrap();
    // A client whose connection ended before its answer may have been written all the same: one for each of three.
    assert!(
        (acknowledged + 1..=acknowledged + 4).contains(&usize::try_from(kept).unwrap()),
        "{kept} of {acknowledged}"
    );
}

/// Row E9: a request that hangs is cut off after the timeout, and the exit code says so; nothing that was acknowledged is lost.
#[test]
fn a_stop_cuts_off_a_request_that_hangs() {
    let folder = folder();
    let (file, config) = (folder.path().join("registry.db"), folder.path().join("serve.yaml"));
    // Without the timeout of the stop it could hang for an hour.
    std::fs::write(&config, "server:\n  limits: { body_timeout: 1h }\n").unwrap();
    let args = [OsStr::new("--data"), file.as_os_str(), OsStr::new("--config"), config.as_os_str()];
    let server = Server::with(args.into_iter().chain(["--shutdown-timeout", "1"].map(OsStr::new)));
    server.register(r#"{"id":"i0","name":"web","address":"10.0.0.1","port":80}"#);
    let mut hanging = TcpStream::connect(server.address).unwrap();
    hanging.set_read_timeout(Some(HANG)).unwrap();
    let head =
        "POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    hanging.write_all(head.as_bytes()).unwrap();
    // It is read before the signal.
    wait_until(|| server.get("/api/v1/status").json()["data"]["connections"] == 2);

    kill(server.pid(), Signal::TERM);
    let mut rest = Vec::new();
    let _ = hanging.read_to_end(&mut rest);
    assert_eq!(String::from_utf8_lossy(&rest), "", "it gets no reply");
    wait_until(|| server.log().contains("not finished within the shutdown timeout"));
    assert!(server.log().contains("hint: raise --shutdown-timeout"), "{}", server.log());
    assert_eq!(server.stop().code(), Some(3), "incomplete");

    let server = Server::on_file(&file);
    assert_eq!(server.get("/api/v1/services/i0").status, 200);
}

#[test]
fn two_servers_cannot_have_one_file() {
    let folder = folder();
    let file = folder.path().join("registry.db");
    let server = Server::on_file(&file);
    server.register(r#"{"id":"i0","name":"web","address":"10.0.0.1","port":80}"#);
    let said = Server::try_with([OsStr::new("--data"), file.as_os_str()]).err().expect("the file is in use");
    assert!(said.contains("another process uses it") && said.contains("hint: "), "{said}");
    assert_eq!(server.get("/api/v1/services").status, 200, "the first one goes on");
}

/// Requests of old clients, and of those that send several at once.
#[test]
fn one_connection_serves_many_requests_and_pipelines() {
    let server = Server::in_memory();
    server.register(r#"{"id":"i0","name":"web","address":"10.0.0.1","port":80}"#);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    let request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..100 {
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_one(&mut stream).unwrap().status, 200);
    }
    let last = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = exchange(server.address, format!("{request}{request}{last}").as_bytes());
    let text = format!("{}{}", all.head, all.text());
    assert_eq!(text.matches("HTTP/1.1 200").count(), 3, "{text}");
}
