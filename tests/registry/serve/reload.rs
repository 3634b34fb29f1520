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

/// The strategy of an answer to a client that asks for none, which `status` names too.
fn strategy(server: &Server) -> String {
    let discovered = server.get("/api/v1/discover?service_name=web").json()["data"]["strategy"].clone();
    let default = server.get("/api/v1/status").json()["data"]["default_strategy"].clone();
    // The settings may change between the two.
    if discovered == default { discovered.as_str().unwrap().to_owned() } else { format!("{discovered} and {default}") }
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

/// A services file with one service, at this port.
fn services(file: &Path, port: u16) {
    fs::write(file, format!("[[service]]\nname = \"web\"\nendpoints = [\"10.0.0.1:{port}\"]\n")).unwrap();
}

/// The ports of the imported instances.
fn imported(server: &Server) -> Vec<u64> {
    let mut all = server.discover("service_name=web&include_unhealthy=true");
    all.retain(|instance| instance["metadata"]["imported_from"].is_string());
    let mut ports: Vec<u64> = all.iter().map(|instance| instance["port"].as_u64().unwrap()).collect();
    ports.sort_unstable();
    ports
}

/// An import begins, ends and changes with the settings file; the others, and what registers here, are not disturbed.
#[test]
fn imports_change_while_the_server_runs() {
    let folder = folder();
    let file = folder.path().join("serve.toml");
    let lists = [1, 2, 3].map(|port| {
        let list = folder.path().join(format!("{port}.toml"));
        services(&list, port);
        list.display().to_string()
    });
    let write = |imports: &[String]| {
        let text: Vec<String> = imports.iter().map(|import| format!("\"{import}\"")).collect();
        fs::write(&file, format!("[registry]\nimports = [{}]\n", text.join(", "))).unwrap();
    };
    let import = |name: &str, at: usize| format!("{name}=file:{}", lists[at]);

    write(&[import("a", 0)]);
    let server = server(&file);
    let own = "{\"id\":\"own\",\"name\":\"web\",\"address\":\"10.0.0.9\",\"port\":9,\"ttl\":0}";
    server.register(own);
    until(&server, "it is read at the start", |server| imported(server) == [1]);
    let generation = |server: &Server| {
        let all = server.discover("service_name=web&include_unhealthy=true");
        all.iter().find(|instance| instance["port"] == 1).unwrap()["generation"].clone()
    };
    let first = generation(&server);

    write(&[import("a", 0), import("b", 1)]);
    until(&server, "another begins", |server| imported(server) == [1, 2]);
    write(&[import("a", 0), import("b", 2)]);
    until(&server, "the same name has another source", |server| imported(server) == [1, 3]);
    assert_eq!(first, generation(&server), "the first one was not disturbed");
    let up = |server: &Server, name: &str| {
        server.get("/metrics").text().contains(&format!("portolan_import_up{{import=\"{name}\"}} 1"))
    };
    until(&server, "the metrics have both", |server| up(server, "a") && up(server, "b"));

    // Settings that cannot be used change nothing.
    write(&[import("a", 0), import("a", 1)]);
    until(&server, "the failure is named", |server| server.log().contains("two imports have the name a"));
    assert_eq!(imported(&server), [1, 3]);

    write(&[import("b", 2)]);
    until(&server, "one ends", |server| imported(server) == [3]);
    let status = server.get("/api/v1/status").json();
    let names: Vec<&str> =
        status["data"]["imports"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b"]);
    fs::write(&file, "").unwrap();
    until(&server, "all end", |server| imported(server).is_empty());
    assert_eq!(server.discover("service_name=web")[0]["id"], "own");
    assert!(!server.log().contains("change when the server is restarted"), "{}", server.log());
    assert_eq!(server.stop().code(), Some(0));
}
