//! Consul's API asks for the same keys, permissions and scopes as REST.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::client::{ConsulServer, send};
use crate::serve::folder;
use crate::support::portolan_path;

fn key(file: &Path, args: &[&str]) -> String {
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
