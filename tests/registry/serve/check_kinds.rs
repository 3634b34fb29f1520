//! The kinds of checks: each protocol of a registration is checked at a real server, and at one of another protocol.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::json;

use super::Server;
use super::monitor::reach;
use super::server::{folder, wait_until};
use super::tls::{self, Authority};
use crate::client::grpc_servers::Server as GrpcServer;
use crate::support::HANG;

/// A registration with this protocol and a check of this kind each second, believed at once.
fn registration(id: &str, (protocol, kind): (&str, &str), address: SocketAddr) -> String {
    let config = if kind == "http" { json!({ "path": "/health" }) } else { json!({}) };
    let check = json!({ "check_type": kind, "interval": 1, "failure_threshold": 1, "success_threshold": 1,
        "config": config });
    json!({ "id": id, "name": "web", "protocol": protocol, "address": address.ip().to_string(), "port": address.port(),
        "ttl": 0, "health_check": check })
    .to_string()
}

/// Rows A16 and A25: http, https, grpc and tcp each run.
#[test]
fn each_protocol_is_checked_in_its_own_way() {
    let folder = folder();
    let authority = Authority::new();
    authority.issue(folder.path(), "server");
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, &authority.pem).unwrap();
    let server = Server::with_variables(["--data", ":memory:"], &[("SSL_CERT_FILE", trusted.to_str().unwrap())]);

    let (http, https, grpc) = (Server::in_memory(), tls::start(&folder, &[]), GrpcServer::start());
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [of_http, of_https, of_grpc, of_tcp] = [("http", "http"), ("https", "http"), ("grpc", "grpc"), ("tcp", "tcp")];
    for (id, way, address, state) in [
        ("http", of_http, http.address, "healthy"),
        ("https", of_https, https.address, "healthy"),
        ("grpc", of_grpc, grpc.address, "healthy"),
        ("tcp", of_tcp, tcp.local_addr().unwrap(), "healthy"),
        ("http-at-tls", of_http, https.address, "unhealthy"),
        ("https-at-plain", of_https, http.address, "unhealthy"),
        ("grpc-at-http", of_grpc, http.address, "unhealthy"),
        ("tcp-at-closed", of_tcp, closed, "unhealthy"),
    ] {
        server.register(&registration(id, way, address));
        let health = reach(&server, id, state);
        assert_eq!((&health["checks"][0]["check_type"], &health["checks"][0]["state"]), (&way.1.into(), &state.into()));
    }

    // The same authority by a setting, beside those of the system.
    let settings = format!("    ca: {}\n", trusted.display());
    let other = Server::with_checks(folder.path(), &settings);
    other.register(&registration("https", of_https, https.address));
    reach(&other, "https", "healthy");
    let file = folder.path().join("absent.yaml");
    std::fs::write(&file, "registry: { health_checks: { ca: /nonexistent/ca.pem } }").unwrap();
    let args = [OsStr::new("--data"), OsStr::new(":memory:"), OsStr::new("--config"), file.as_os_str()];
    let said = Server::try_with(args).err().unwrap();
    assert!(said.contains("registry.health_checks.ca cannot be '/nonexistent/ca.pem': "), "{said}");

    assert!(grpc.calls() >= 1, "gRPC's health service was called");
    let metrics = server.get("/metrics").text();
    for kind in ["http", "grpc", "tcp"] {
        for result in ["healthy", "unhealthy"] {
            let line = format!("portolan_checks_total{{kind=\"{kind}\",result=\"{result}\"}} ");
            assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
        }
    }
}

/// A server of HTTP that keeps the methods of its requests.
fn methods() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, receiver)) = (listener.local_addr().unwrap(), channel());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 1_024];
            let Ok(count @ 1..) = stream.read(&mut head) else { continue };
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if sender.send(head.split(' ').next().unwrap_or_default().to_owned()).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

/// A registration makes the server send nothing that changes something elsewhere, unless its settings say so.
#[test]
fn a_check_sends_only_the_methods_that_the_server_allows() {
    let folder = folder();
    let (target, received) = methods();
    let service = |id: &str, method: &str| {
        let check = json!({ "check_type": "http", "interval": 1, "config": { "path": "/a", "method": method } });
        json!({ "id": id, "name": "web", "address": target.ip().to_string(), "port": target.port(), "ttl": 0,
            "health_checks": [check] })
        .to_string()
    };

    let server = Server::with_checks(folder.path(), "");
    for method in ["DELETE", "PUT", "POST", "PATCH", "TRACE", "OPTIONS", "get", "PURGE"] {
        let reply = server.post("/api/v1/services", &service("refused", method));
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["field"]), (400, &"health_check.config.method".into()), "{method}: {error}");
        assert_eq!(error["message"], format!("health_check.config.method: checks send GET and HEAD, not {method}"));
        assert!(error["hint"].as_str().unwrap().contains("registry.health_checks.methods"), "{error}");
    }
    server.register(&service("head", "HEAD"));
    assert_eq!(received.recv_timeout(HANG), Ok("HEAD".to_owned()));
    drop(server);

    let server = Server::with_checks(folder.path(), "    methods: [GET, POST]\n");
    server.register(&service("post", "POST"));
    assert_eq!(received.recv_timeout(HANG), Ok("POST".to_owned()));
    assert_eq!(server.post("/api/v1/services", &service("head", "HEAD")).status, 400);
}

/// A check that is stored from before, or by another server, is not run when its method is not allowed.
#[test]
fn a_stored_check_of_another_method_is_unknown_and_not_sent() {
    let folder = folder();
    let (target, received) = methods();
    let database = folder.path().join("registry.db");
    let server = Server::with_variables(
        [OsStr::new("--data"), database.as_os_str()],
        &[("PORTOLAN__REGISTRY__HEALTH_CHECKS__METHODS", "GET,DELETE")],
    );
    let check = |method: &str| json!({ "check_type": "http", "name": method, "interval": 1, "config": { "path": "/", "method": method } });
    let service = json!({ "id": "a", "name": "web", "address": target.ip().to_string(), "port": target.port(),
        "ttl": 0, "health_checks": [check("GET"), check("DELETE")] });
    server.register(&service.to_string());
    while received.recv_timeout(HANG).unwrap() != "DELETE" {}
    drop(server);
    while received.try_recv().is_ok() {}

    let server = Server::with_variables([OsStr::new("--data"), database.as_os_str()], &[]);
    let checks = || server.get("/api/v1/services/a/health").json()["data"]["checks"].clone();
    wait_until(|| checks()[0]["state"] == "healthy" && checks()[1]["note"].is_string());
    assert_eq!(checks()[1]["state"], "unknown", "{}", checks());
    assert_eq!(checks()[1]["note"], "checks send GET and HEAD, not DELETE", "{}", checks());
    assert_eq!(server.post("/api/v1/services/a/health", "").status, 200);
    drop(server);
    let later: Vec<String> = received.try_iter().collect();
    assert!(!later.is_empty() && later.iter().all(|method| method == "GET"), "{later:?}");
}
