//! The kinds of checks: each protocol of a registration is checked at a real server, and at one of another protocol.

use std::net::{SocketAddr, TcpListener};

use serde_json::json;

use super::Server;
use super::monitor::reach;
use super::server::folder;
use super::tls::{self, Authority};
use crate::client::grpc_servers::Server as GrpcServer;

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

    assert!(grpc.calls() >= 1, "gRPC's health service was called");
    let metrics = server.get("/metrics").text();
    for kind in ["http", "grpc", "tcp"] {
        for result in ["healthy", "unhealthy"] {
            let line = format!("portolan_checks_total{{kind=\"{kind}\",result=\"{result}\"}} ");
            assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
        }
    }
}
