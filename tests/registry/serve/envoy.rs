//! Endpoints for Envoy (EDS over REST): what a request gets, when nothing changed, and when nothing was ever there.

use serde_json::{Value, json};

use super::server::folder;
use super::{Reply, Server};

const ASSIGNMENT: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const ID: &str = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";

fn ask(server: &Server, body: &Value) -> Reply {
    server.post("/v3/discovery:endpoints", &body.to_string())
}

/// A request as Envoy sends it, with the version that it has.
fn request(names: &[&str], version: &str) -> Value {
    json!({ "version_info": version, "resource_names": names, "type_url": ASSIGNMENT, "node": { "id": "test" } })
}

/// The version of a reply, which must be another one than these.
#[track_caller]
fn new_version(reply: &Reply, known: &[&str]) -> String {
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{}", reply.text());
    let version = reply.json()["version_info"].as_str().unwrap().to_owned();
    assert!(!version.is_empty() && !known.contains(&version.as_str()), "{version}: {known:?}");
    version
}

fn endpoint(address: &str, port: u16, health: &str, weight: u16) -> Value {
    json!({
        "endpoint": { "address": { "socket_address": { "address": address, "port_value": port } } },
        "health_status": health,
        "load_balancing_weight": weight,
    })
}

fn assignment(name: &str, endpoints: &[Value]) -> Value {
    json!({ "@type": ASSIGNMENT, "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] })
}

/// The registration of an instance of `web`.
fn web(port: u16) -> String {
    json!({ "id": ID, "name": "web", "address": "10.0.0.1", "port": port, "ttl": 0 }).to_string()
}

/// Envoy keeps its endpoints when it gets an error, and drops them all when it gets an empty list.
#[test]
fn a_server_that_never_had_an_instance_does_not_claim_that_there_is_none() {
    let server = Server::in_memory();
    let never = ask(&server, &request(&["web"], ""));
    assert_eq!((never.status, &never.json()["error"]["code"]), (503, &"nothing_registered".into()));
    assert_eq!(never.header("retry-after"), Some("1"));

    server.register(&web(80));
    let version = new_version(&ask(&server, &request(&["web"], "")), &[]);
    assert_eq!(server.send("DELETE", &format!("/api/v1/services/{ID}"), None).status, 204);
    let gone = ask(&server, &request(&["web"], &version));
    new_version(&gone, &[&version]);
    assert_eq!(gone.json()["resources"], json!([assignment("web", &[])]), "it was removed, so this is true");
}

#[test]
fn a_reply_has_the_endpoints_that_take_calls() {
    let server = Server::in_memory();
    for mut body in [
        json!({ "id": "a", "address": "10.0.0.1", "port": 80, "weight": 5 }),
        json!({ "id": "b", "address": "2001:db8::1", "port": 81 }),
        json!({ "id": "c", "address": "10.0.0.3", "port": 82, "status": "maintenance" }),
        json!({ "id": "d", "address": "10.0.0.4", "port": 83, "weight": 0 }),
        json!({ "id": "e", "address": "host.example.org", "port": 84 }),
        json!({ "id": "f", "address": "10.0.0.6", "port": 85, "namespace": "shop" }),
    ] {
        (body["name"], body["ttl"]) = ("web".into(), 0.into());
        server.register(&body.to_string());
    }
    let report = server.post("/api/v1/services/b/heartbeat", r#"{"status":"degraded"}"#);
    assert_eq!(report.status, 200, "{}", report.text());

    let reply = ask(&server, &request(&["web", "shop/web", "nothing", "web"], ""));
    let version = new_version(&reply, &[]);
    assert_eq!(
        reply.json(),
        json!({ "version_info": version, "type_url": ASSIGNMENT, "resources": [
            assignment("web", &[endpoint("10.0.0.1", 80, "HEALTHY", 5), endpoint("2001:db8::1", 81, "DEGRADED", 1)]),
            assignment("shop/web", &[endpoint("10.0.0.6", 85, "HEALTHY", 1)]),
            assignment("nothing", &[]),
        ] })
    );
}

/// The version is made of the endpoints: what does not change them, and a restart, is 304.
#[test]
fn a_client_that_has_the_version_gets_304() {
    let dir = folder();
    let file = dir.path().join("registry.db");
    let server = Server::on_file(&file);
    server.register(&web(80));
    let first = new_version(&ask(&server, &request(&["web"], "")), &[]);

    server.register(r#"{"name":"db","address":"10.0.0.2","port":5432,"ttl":0}"#);
    for same in [request(&["web"], &first), json!({ "versionInfo": first, "resourceNames": ["web"] })] {
        let unchanged = ask(&server, &same);
        assert_eq!((unchanged.status, unchanged.body.as_slice()), (304, b"".as_slice()), "{same}");
    }
    let other = ask(&server, &request(&["db"], &first));
    new_version(&other, &[&first]);

    server.register(&web(81));
    let changed = ask(&server, &request(&["web"], &first));
    let second = new_version(&changed, &[&first]);
    assert_eq!(changed.json()["resources"], json!([assignment("web", &[endpoint("10.0.0.1", 81, "HEALTHY", 1)])]));
    server.register(&web(80));
    assert_eq!(ask(&server, &request(&["web"], &first)).status, 304, "the same endpoints are the same version");

    server.register(&web(81));
    assert!(server.stop().success());
    let again = Server::on_file(&file);
    assert_eq!(ask(&again, &request(&["web"], &second)).status, 304, "Envoy keeps its routes when the server restarts");
}

#[test]
fn requests_are_bounded_and_errors_name_the_field() {
    let server = Server::in_memory();
    server.register(&web(80));
    let many: Vec<String> = (0..1_001).map(|number| format!("web-{number}")).collect();
    for (body, field) in [
        (json!({}), "resource_names"),
        (json!({ "resource_names": [] }), "resource_names"),
        (json!({ "resource_names": many }), "resource_names"),
        (
            json!({ "resource_names": ["web"], "type_url": "type.googleapis.com/envoy.config.cluster.v3.Cluster" }),
            "type_url",
        ),
    ] {
        let refused = ask(&server, &body);
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &field.into()), "{}", refused.text());
    }
    for body in ["", "[]", "{", r#"{"resource_names":"web"}"#] {
        assert_eq!(server.post("/v3/discovery:endpoints", body).status, 400, "{body}");
    }

    // Envoy sends a list of all its extensions: 77 KB, longer than a registration may be.
    let mut long = request(&["web"], "");
    long["node"]["extensions"] =
        (0..2_000).map(|at| json!({ "name": format!("envoy.extension.number.{at:030}") })).collect();
    assert!(long.to_string().len() > 100_000);
    assert_eq!(ask(&server, &long).status, 200);
    long["node"]["extensions"] = "x".repeat(2 << 20).into();
    assert_eq!(ask(&server, &long).status, 413);
}
