//! Consul's API asks for the same keys, permissions and scopes as REST.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::client::{ConsulServer, send, send_text};
use crate::serve::{folder, wait_until};
use crate::support::{TempDir, portolan_path};

/// The endpoints as the server has them.
const ENDPOINTS: &str = include_str!("../../../src/server/consul/endpoints.rs");

pub fn key(file: &Path, args: &[&str]) -> String {
    let mut command = Command::new(portolan_path());
    command.args(["key", "create", "--name", "test"]).args(args).arg("--keys-file").arg(file).env_clear();
    let made = command.output().unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

#[test]
fn keys_are_taken_in_all_three_ways_and_bound_what_is_seen_and_changed() {
    let folder = folder();
    let file = folder.path().join("keys.json");
    let [viewer, operator] = ["viewer", "operator"].map(|role| key(&file, &["--role", role]));
    let shop = key(&file, &["--role", "operator", "--service", "shop-"]);
    let config = folder.path().join("serve.toml");
    std::fs::write(&config, format!("[auth]\nkeys_file = \"{}\"\n", file.display())).unwrap();
    let server = ConsulServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);

    let ask = |method: &str, path: &str, key: &str, body: &Value| {
        let header = if key.is_empty() { String::new() } else { format!("X-Consul-Token: {key}\r\n") };
        send(server.address, method, path, &header, body)
    };
    for path in ["/v1/catalog/services", "/v1/agent/self", "/v1/status/leader", "/v1/health/state/any"] {
        for key in ["", "wrong"] {
            let reply = ask("GET", path, key, &Value::Null);
            assert_eq!(
                (reply.status, reply.text().starts_with("Permission denied")),
                (403, true),
                "{path} {}",
                reply.text()
            );
        }
        for headers in [format!("X-Consul-Token: {viewer}\r\n"), format!("Authorization: Bearer {viewer}\r\n")] {
            assert_eq!(send(server.address, "GET", path, &headers, &Value::Null).status, 200, "{path}");
        }
        assert_eq!(server.get(&format!("{path}?token={viewer}")).status, 200, "{path}");
    }
    let this = ask("GET", "/v1/agent/self", &viewer, &Value::Null).json();
    assert_eq!(this["DebugConfig"]["ACLsEnabled"], true);

    let service =
        |name: &str| json!({ "ID": name, "Name": name, "Check": { "CheckID": format!("c-{name}"), "TTL": "1h" } });
    let register = "/v1/agent/service/register";
    assert_eq!(ask("PUT", register, &viewer, &service("web")).status, 403);
    assert_eq!(ask("PUT", register, &operator, &service("web")).status, 200);
    assert_eq!(ask("PUT", "/v1/agent/reload", &operator, &Value::Null).status, 403);

    // A scope is a limit to what is seen, and to what is changed.
    assert_eq!(ask("PUT", register, &shop, &service("web")).status, 403);
    assert_eq!(ask("PUT", register, &shop, &service("shop-cart")).status, 200);
    assert_eq!(ask("GET", "/v1/health/service/web", &shop, &Value::Null).json(), json!([]));
    assert_eq!(ask("GET", "/v1/agent/services", &shop, &Value::Null).json().as_object().unwrap().len(), 1);
    assert_eq!(ask("PUT", "/v1/agent/check/pass/c-shop-cart", &shop, &Value::Null).status, 200);
    assert_eq!(ask("PUT", "/v1/agent/check/pass/c-web", &shop, &Value::Null).status, 500, "it does not exist for it");
    assert_eq!(ask("PUT", "/v1/agent/service/maintenance/web?enable=true", &shop, &Value::Null).status, 404);
    assert_eq!(
        ask("PUT", "/v1/agent/maintenance?enable=true", &shop, &Value::Null).status,
        403,
        "a node concerns all services"
    );
    let stolen = json!({ "Name": "n", "ID": "c-web", "ServiceID": "shop-cart", "TTL": "1h" });
    assert_eq!(ask("PUT", "/v1/agent/check/register", &shop, &stolen).status, 403);
    let node = json!({ "Node": "shop-node", "Address": "10.0.0.1" });
    assert_eq!(ask("PUT", "/v1/catalog/register", &shop, &node).status, 403);
    ask("PUT", "/v1/agent/service/deregister/web", &shop, &Value::Null);
    assert_eq!(ask("GET", "/v1/health/service/web", &operator, &Value::Null).json().as_array().unwrap().len(), 1);
    assert_eq!(ask("PUT", "/v1/catalog/register", &operator, &node).status, 200);
    let log = server.rest.log();
    assert!(!log.contains(&viewer[..viewer.len() - 4]), "no key is logged");
}

/// A server with authentication, a key for each of these options, and one for everything.
struct Guarded {
    server: ConsulServer,
    folder: TempDir,
    admin: String,
    keys: Vec<String>,
}

impl Guarded {
    fn with(keys: &[&[&str]]) -> Self {
        let folder = folder();
        let file = folder.path().join("keys.json");
        let admin = key(&file, &["--role", "admin"]);
        let keys = keys.iter().map(|args| key(&file, args)).collect();
        let config = folder.path().join("serve.toml");
        let more = "[monitoring.metrics]\ncompat = true\n";
        std::fs::write(&config, format!("[auth]\nkeys_file = \"{}\"\n{more}", file.display())).unwrap();
        let server = ConsulServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);
        Self { server, folder, admin, keys }
    }

    fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> crate::serve::Reply {
        send(self.server.address, method, path, &format!("X-Consul-Token: {key}\r\n"), body)
    }
}

/// The method, the path and the permission of each endpoint, from its line in the table of the server.
fn endpoints() -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = ENDPOINTS.lines().filter_map(|line| line.trim().split_once("(\"/v1/").map(|(kind, _)| (kind, line)));
    let known = lines.filter_map(|(kind, line)| {
        let path = line.split('"').nth(1)?;
        match kind {
            "read" | "plain" => Some(("GET", path, "viewer")),
            "status" => Some(("GET", path, "viewer")),
            "write" | "report" => Some(("PUT", path, "operator")),
            "node" if line.contains("Permission::Administer") => Some(("PUT", path, "admin")),
            "node" => Some(("PUT", path, "operator")),
            _ => None,
        }
    });

    known.collect()
}

/// Each endpoint of the table with each role, with a wrong key, and with keys whose scope holds none of what there is: they
/// read nothing of it, and change nothing of it.
#[test]
fn each_endpoint_asks_for_its_permission_and_keeps_to_the_scope() {
    let guarded = Guarded::with(&[
        &["--role", "viewer"],
        &["--role", "operator"],
        &["--role", "viewer", "--service", "shop-"],
        &["--role", "operator", "--service", "shop-"],
        &["--role", "admin", "--namespace", "shop"],
    ]);
    let (admin, scoped) = (&guarded.admin, &guarded.keys[2..]);
    let canary = json!({ "ID": "foreign", "Name": "foreign", "Tags": ["canary-tag"], "Meta": { "canary": "canary-meta" },
        "Port": 4711, "Check": { "CheckID": "c-foreign", "Name": "canary-check", "TTL": "1h", "Status": "passing" } });
    assert_eq!(guarded.ask(admin, "PUT", "/v1/agent/service/register", &canary).status, 200);
    // Some metrics have the names of services that were discovered.
    let header = format!("X-API-Key: {admin}\r\n");
    let found =
        send(guarded.server.rest.address, "GET", "/api/v1/discover?service_name=foreign", &header, &Value::Null);
    assert_eq!(found.json()["data"]["services"][0]["name"], "foreign");
    let listed = || {
        let entries = guarded.ask(admin, "GET", "/v1/health/service/foreign", &Value::Null).json();
        let service = entries[0]["Service"].clone();
        let checks: Vec<Value> = entries[0]["Checks"].as_array().unwrap().iter().map(|c| c["Status"].clone()).collect();
        (entries.as_array().unwrap().len(), service, checks)
    };
    let before = listed();
    // A node that none of their services is on.
    let node = json!({ "Node": "n2", "Address": "10.4.7.11", "NodeMeta": { "canary": "canary-node" },
        "Check": { "CheckID": "c-node", "Name": "canary-node-check", "Status": "passing" } });
    assert_eq!(guarded.ask(admin, "PUT", "/v1/catalog/register", &node).status, 200);

    let known = endpoints();
    let count = ENDPOINTS.split("ENDPOINTS: [Endpoint; ").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    assert_eq!(known.len().to_string(), count, "the lines of the table are read as they are written");
    let roles = [("viewer", &guarded.keys[0]), ("operator", &guarded.keys[1]), ("admin", admin)];
    let rank = |role: &str| roles.iter().position(|(name, _)| *name == role);
    for (method, path, needed) in &known {
        for rest in if path.ends_with('/') { &["foreign", "c-foreign", "any", "n1", "n2"] as &[&str] } else { &[""] } {
            let target = format!("{path}{rest}");
            assert_eq!(guarded.ask("wrong", method, &target, &json!({})).status, 403, "{target}");
            for key in scoped {
                for query in ["", "?format=prometheus"] {
                    let reply = guarded.ask(key, method, &format!("{target}{query}"), &json!({}));
                    let text = reply.text().replace(rest, "");
                    assert!(
                        !["canary", "foreign", "10.4.7.11"].iter().any(|part| text.contains(part)),
                        "{method} {target}{query}: {text}"
                    );
                }
            }
            // A request that is let through may change what the next one reads: only reads are repeated with every role.
            for (role, key) in roles.iter().filter(|(role, _)| *method == "GET" || rank(role) < rank(needed)) {
                let is_refused = guarded.ask(key, method, &target, &json!({})).status == 403;
                assert_eq!(is_refused, rank(role) < rank(needed), "{role}: {method} {target} needs {needed}");
            }
        }
    }

    let take_over = [
        ("/v1/agent/service/register", json!({ "ID": "foreign", "Name": "shop-web" })),
        (
            "/v1/catalog/register",
            json!({ "Node": "n1", "Address": "10.0.0.1", "Service": { "ID": "foreign", "Service": "shop-web" } }),
        ),
        (
            "/v1/catalog/register",
            json!({ "Node": "n1", "Address": "10.0.0.1", "Check": { "CheckID": "c-foreign", "Name": "x", "Status": "critical", "ServiceID": "foreign" } }),
        ),
        ("/v1/catalog/deregister", json!({ "Node": "n1", "ServiceID": "foreign" })),
        ("/v1/catalog/deregister", json!({ "Node": "n1", "CheckID": "c-foreign" })),
        ("/v1/catalog/deregister", json!({ "Node": "n1" })),
        ("/v1/agent/check/register", json!({ "ID": "c-foreign", "Name": "x", "ServiceID": "foreign", "TTL": "1h" })),
        ("/v1/agent/check/register", json!({ "ID": "c-foreign", "Name": "x", "TTL": "1h" })),
        ("/v1/agent/check/update/c-foreign", json!({ "Status": "critical" })),
        ("/v1/agent/check/fail/c-foreign", Value::Null),
        ("/v1/agent/check/deregister/c-foreign", Value::Null),
        ("/v1/agent/service/deregister/foreign", Value::Null),
        ("/v1/agent/service/maintenance/foreign?enable=true", Value::Null),
        ("/v1/agent/maintenance?enable=true", Value::Null),
    ];
    for (path, body) in &take_over {
        for key in scoped {
            let reply = guarded.ask(key, "PUT", path, body);
            assert!(!reply.text().contains("canary"), "{path}: {}", reply.text());
        }
    }
    assert_eq!(listed(), before);
}

/// A write that is refused leaves nothing behind, and says nothing of what others have.
#[test]
fn a_refused_write_is_not_carried_out_in_part() {
    let guarded = Guarded::with(&[
        &["--role", "admin", "--service", "shop-"],
        &["--role", "admin", "--host", "n2"],
        &["--role", "viewer", "--namespace", "other"],
    ]);
    let [shop, of_host, other] = &guarded.keys[..] else { panic!("three keys") };
    let register = "/v1/catalog/register";
    let place = |node: &str, service: &str| json!({ "Node": node, "Address": "10.0.0.66", "Service": { "Service": service, "ID": service, "Port": 1 } });
    let refused = guarded.ask(shop, "PUT", register, &place("evil", "shop-part"));
    assert_eq!(refused.status, 403, "{}", refused.text());
    let found = guarded.ask(&guarded.admin, "GET", "/v1/catalog/service/shop-part", &Value::Null);
    assert_eq!(found.json(), json!([]), "a service without its node");

    // A node that leaves takes its services along, or stays with them.
    assert_eq!(guarded.ask(&guarded.admin, "PUT", register, &place("n2", "web")).status, 200);
    assert_eq!(guarded.ask(of_host, "PUT", "/v1/catalog/deregister", &json!({ "Node": "n2" })).status, 403);
    let found = guarded.ask(&guarded.admin, "GET", "/v1/catalog/service/web", &Value::Null);
    assert_eq!(found.json().as_array().unwrap().len(), 1);

    // Checks of this server's node, and ids of the checks of others.
    let check = json!({ "ID": "disk", "Name": "disk", "TTL": "1h", "Notes": "note of another" });
    assert_eq!(guarded.ask(&guarded.admin, "PUT", "/v1/agent/check/register", &check).status, 200);
    for path in ["/v1/agent/checks", "/v1/health/state/any", "/v1/health/node/n1"] {
        for key in [shop, other] {
            let text = guarded.ask(key, "GET", path, &Value::Null).text();
            assert!(!text.contains("disk"), "{path}: {text}");
        }
        assert!(guarded.ask(of_host, "GET", path, &Value::Null).text().contains("note of another"), "{path}");
    }
    let foreign = |check: &str| {
        let body = json!({ "ID": "x", "Name": "pay", "Check": { "CheckID": check, "TTL": "1h" } });
        guarded.ask(shop, "PUT", "/v1/agent/service/register", &body).text()
    };
    assert_eq!(foreign("disk"), foreign("unknown"), "whether there is such a check");
}

/// A part that the rules reject takes the rest along, also for a caller that may do everything.
#[test]
fn a_registration_whose_service_is_rejected_leaves_no_node() {
    let folder = folder();
    let config = folder.path().join("serve.toml");
    std::fs::write(&config, "[registry.registration]\nmax_instances_per_service = 1\n").unwrap();
    let server = ConsulServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let place = |node: &str| json!({ "Node": node, "Address": "10.0.0.66", "Service": { "Service": "web", "ID": "web", "Port": 1 } });
    server.write("/v1/catalog/register", &place("n2"));
    let index = server.rest.get("/api/v1/status").index();
    let rejected = server.put("/v1/catalog/register", &place("n3"));
    assert_ne!(rejected.status, 200, "{}", rejected.text());

    assert!(!server.get("/v1/catalog/nodes").text().contains("n3"));
    assert_eq!(server.rest.get("/api/v1/status").index(), index, "nothing was written");
    server.write("/v1/catalog/register", &json!({ "Node": "n3", "Address": "10.0.0.67" }));
}

/// A request that waits for a change of a service ends with its key: what changed after that is not shown.
#[test]
fn a_waiting_request_shows_nothing_after_its_key_was_revoked() {
    let guarded = Guarded::with(&[&["--role", "viewer"]]);
    let viewer = guarded.keys[0].clone();
    let service = |tag: &str| json!({ "ID": "web", "Name": "web", "Tags": [tag] });
    assert_eq!(guarded.ask(&guarded.admin, "PUT", "/v1/agent/service/register", &service("first")).status, 200);
    let read = guarded.ask(&viewer, "GET", "/v1/agent/service/web", &Value::Null);
    let hash = read.json()["ContentHash"].as_str().unwrap().to_owned();

    let (address, header) = (guarded.server.address, format!("X-Consul-Token: {viewer}\r\n"));
    let path = format!("/v1/agent/service/web?hash={hash}&wait=5m");
    let waiting = std::thread::spawn(move || send_text(address, "GET", &path, &header, ""));
    let open = || {
        let status = guarded.server.rest.address;
        let header = format!("X-API-Key: {}\r\n", guarded.admin);
        send(status, "GET", "/api/v1/status", &header, &Value::Null).json()["data"]["connections"].as_u64().unwrap()
    };
    wait_until(|| open() >= 2);
    let mut revoke = Command::new(portolan_path());
    revoke.args(["key", "revoke", viewer.split('_').nth(1).unwrap(), "--keys-file"]);
    assert!(revoke.arg(guarded.folder.path().join("keys.json")).env_clear().output().unwrap().status.success());
    wait_until(|| guarded.ask(&viewer, "GET", "/v1/agent/services", &Value::Null).status == 403);
    assert_eq!(guarded.ask(&guarded.admin, "PUT", "/v1/agent/service/register", &service("second")).status, 200);

    let reply = waiting.join().unwrap();
    assert!(reply.status == 403 && !reply.text().contains("second"), "{}", reply.text());
}

/// A check of a node changes the health of its services, too. The record names what the request was about.
#[test]
fn the_audit_log_names_the_node_whose_check_was_added() {
    let server = ConsulServer::start();
    server.write("/v1/agent/service/register", &json!({ "ID": "web", "Name": "web" }));
    server.write("/v1/agent/check/register", &json!({ "ID": "disk", "Name": "disk", "TTL": "1h" }));
    server.write("/v1/agent/check/pass/disk", &Value::Null);

    let records = || {
        let records = server.rest.get("/api/v1/audit").json()["data"]["records"].clone();
        let own = records
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["detail"].as_str().is_some_and(|it| it.contains("disk")));
        own.map(|one| (one["action"].clone(), one["target"].clone())).collect::<Vec<_>>()
    };
    let node = "_nodes/n1/_nodes/n1";

    assert_eq!(records(), [(json!("add_check"), json!(node)), (json!("report_check"), json!(node))]);
}
