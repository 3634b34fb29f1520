//! A running server reads its settings again: what can change changes, and the rest is named.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Server;
use super::server::{exchange, folder};
use crate::support::{HANG, kill};

fn server(file: &Path) -> Server {
    Server::with(["--data", ":memory:", "--config", file.to_str().unwrap()])
}

#[track_caller]
fn until(server: &Server, what: &str, is_it: impl Fn(&Server) -> bool) {
    let begun = Instant::now();
    while !is_it(server) {
        assert!(begun.elapsed() < HANG, "{what}: {}", server.log());
        thread::sleep(Duration::from_millis(20));
    }
}

fn strategy(server: &Server) -> String {
    server.get("/api/v1/status").json()["data"]["default_strategy"].as_str().unwrap().to_owned()
}

/// L18: a change of the file and SIGHUP both change the strategy, the interval and the log; a connection that is open stays.
#[test]
fn settings_change_while_the_server_runs() {
    let folder = folder();
    let file = folder.path().join("serve.toml");
    fs::write(&file, "[load_balancer]\ndefault_strategy = \"random\"\n").unwrap();
    let server = server(&file);
    assert_eq!(strategy(&server), "random");
    let mut kept = TcpStream::connect(server.address).unwrap();
    kept.set_read_timeout(Some(HANG)).unwrap();

    fs::write(&file, "[load_balancer]\ndefault_strategy = \"least_connections\"\n[server]\ncluster = \"other\"\n")
        .unwrap();
    until(&server, "the file is followed", |server| strategy(server) == "least_connections");
    until(&server, "the rest is named", |server| server.log().contains("settings=\"server.cluster\""));
    assert_eq!(server.get("/api/v1/status").json()["data"]["cluster"], "default");

    // A file that cannot be used changes nothing.
    fs::write(&file, "[load_balancer]\ndefault_strategy = \"fastest\"\n").unwrap();
    kill(server.pid(), Signal::HUP);
    until(&server, "the failure is named", |server| server.log().contains("the settings stay as they are"));
    assert_eq!(strategy(&server), "least_connections");

    let text = "[registry.registration]\nheartbeat_interval = 7\n[monitoring.logging]\nlevel = \"debug\"\n";
    fs::write(&file, text).unwrap();
    kill(server.pid(), Signal::HUP);
    until(&server, "SIGHUP is followed", |server| {
        server.get("/api/v1/status").json()["data"]["registration"]["heartbeat_interval"] == 7.0
    });
    assert_eq!(strategy(&server), "round_robin", "what the file no longer says has its default again");

    kept.write_all(b"GET /health HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    kept.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 "), "the connection of before is served: {reply}");
    assert_eq!(server.stop().code(), Some(0));
}

/// A browser may read answers for the pages of the listed origins only.
#[test]
fn listed_origins_may_use_the_api_from_a_browser() {
    let folder = folder();
    let file = folder.path().join("serve.toml");
    fs::write(&file, "[server.cors]\nallowed_origins = [\"https://ui.example\"]\n").unwrap();
    let server = server(&file);
    let allowed = |origin: &str| {
        let request =
            format!("GET /health HTTP/1.1\r\nHost: registry\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n");
        exchange(server.address, request.as_bytes()).header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("https://ui.example").as_deref(), Some("https://ui.example"));
    assert_eq!(allowed("https://evil.example"), None);

    let preflight = "OPTIONS /api/v1/services HTTP/1.1\r\nHost: registry\r\nOrigin: https://ui.example\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n";
    let reply = exchange(server.address, preflight.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.head);
    assert!(
        reply.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")),
        "{}",
        reply.head
    );

    fs::write(&file, "[server.cors]\nallowed_origins = [\"https://ui.example/path\"]\n").unwrap();
    let said = Server::try_with(["--data", ":memory:", "--config", file.to_str().unwrap()]).err().unwrap();
    assert!(said.contains("'https://ui.example/path' is not an origin"), "{said}");
}
