//! Health: what passes, what warns, and what a restart keeps.

use serde_json::{Value, json};

use super::client::{ConsulServer, ids, status_of};
use crate::serve::folder;

#[test]
fn passing_leaves_out_what_warns_and_what_is_critical() {
    let server = ConsulServer::start();
    for (id, status) in [("w1", "passing"), ("w2", "warning"), ("w3", "critical"), ("w4", "")] {
        let check = json!({ "TTL": "1h", "Status": status });
        server.write("/v1/agent/service/register", &json!({ "ID": id, "Name": "web", "Check": check }));
    }
    assert_eq!(ids(&server.read("/v1/health/service/web")), ["w1", "w2", "w3", "w4"]);
    assert_eq!(ids(&server.read("/v1/health/service/web?passing")), ["w1"]);
    assert_eq!(ids(&server.read("/v1/health/service/web?passing=0")).len(), 4);
    let filter = "filter=Checks.Status+%3D%3D+warning";
    assert_eq!(ids(&server.read(&format!("/v1/health/service/web?{filter}"))), ["w2"]);

    let count = |path: &str| server.read(path).as_array().unwrap().len();
    assert_eq!(count("/v1/health/checks/web"), 4);
    assert_eq!(count("/v1/health/state/any"), 5, "with the agent's own check");
    assert_eq!(
        [count("/v1/health/state/passing"), count("/v1/health/state/warning"), count("/v1/health/state/critical")],
        [2, 1, 2]
    );
    assert_eq!(count("/v1/health/state/odd"), 0);
    assert_eq!(count("/v1/health/node/n1"), 5);
    assert_eq!(count("/v1/health/node/nope"), 0);
}

#[test]
fn a_restart_keeps_services_checks_nodes_and_maintenance() {
    let folder = folder();
    let file = folder.path().join("registry.db");
    let args = ["--data", file.to_str().unwrap()];
    let server = ConsulServer::with(&args);
    let checks = json!([{ "TTL": "1h" }, { "CheckID": "c", "TTL": "1h", "Status": "warning", "Notes": "n" }]);
    server.write(
        "/v1/agent/service/register",
        &json!({ "ID": "w/1", "Name": "web", "Meta": { "a": "b" }, "Checks": checks }),
    );
    server.write("/v1/agent/check/pass/service:w%2F1:1", &Value::Null);
    server.write("/v1/agent/service/maintenance/w%2F1?enable=true&reason=why", &Value::Null);
    let body = json!({ "Node": "foo", "Address": "10.0.0.9", "Check": { "Name": "disk", "Status": "critical",
        "Definition": { "HTTP": "http://x/", "Interval": "10s" } }, "Service": { "Service": "redis" } });
    server.write("/v1/catalog/register", &body);
    let paths = [
        "/v1/agent/services",
        "/v1/agent/checks",
        "/v1/catalog/nodes",
        "/v1/health/service/web",
        "/v1/health/service/redis",
    ];
    let before = paths.map(|path| server.read(path));
    let index = server.index("/v1/health/service/web");
    assert!(server.rest.stop().success());

    let server = ConsulServer::with(&args);
    let after = paths.map(|path| server.read(path));
    for (path, (before, after)) in paths.iter().zip(before.iter().zip(&after)) {
        assert_eq!(after, before, "{path}");
    }
    assert!(server.index("/v1/health/service/web") >= index, "no index goes back");
    assert_eq!(status_of(&after[3][0]["Checks"], "service:w/1:1"), "passing");
}
