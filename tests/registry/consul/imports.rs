//! `serve --import`: the services of real registries beside those of the server, in every interface.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::client::ConsulServer;
use crate::serve::{Server, wait_until};
use crate::sources::contract::base64;
use crate::sources::json_http::{request, send};
use crate::sources::programs::{Program, consul, etcd};
use crate::sources::relay::FailingRelay;
use crate::support::{TempDir, output, portolan_path, tool};

/// Registers an instance of `web` with a check by report.
fn in_consul(program: &Program, id: &str, port: u16, status: &str) {
    let body = json!({ "ID": id, "Name": "web", "Address": "10.0.0.1", "Port": port, "Tags": ["blue"],
        "Meta": { "region": "eu" }, "Check": { "TTL": "1h", "Status": status } });
    send(program.address, "PUT", "/v1/agent/service/register", None, &body);
}

fn web(server: &Server) -> Vec<Value> {
    let mut all = server.discover("service_name=web&include_unhealthy=true");
    all.sort_by_key(|instance| instance["port"].as_u64());
    all
}

fn ports(server: &Server) -> Vec<u64> {
    web(server).iter().map(|instance| instance["port"].as_u64().unwrap()).collect()
}

fn state(server: &Server) -> Value {
    server.get("/api/v1/status").json()["data"]["imports"][0].clone()
}

#[test]
fn consul_is_shown_in_every_interface_and_read_only() {
    let original = consul();
    for (port, status) in [(1, "passing"), (2, "passing"), (3, "critical")] {
        in_consul(&original, &format!("w{port}"), port, status);
    }
    let from = format!("eu=consul://{}", original.address);
    let server = ConsulServer::with(&["--data", ":memory:", "--dns", "127.0.0.1:0", "--import", &from]);
    let own = json!({ "id": "own", "name": "web", "address": "10.0.0.9", "port": 99, "ttl": 0 });
    server.rest.register(&own.to_string());
    wait_until(|| ports(&server.rest) == [1, 2, 3, 99]);
    wait_until(|| web(&server.rest)[2]["health"] == "unhealthy");
    // The zone is that of the node, which is another question to Consul.
    wait_until(|| web(&server.rest)[..3].iter().all(|instance| instance["zone"] == "a"));

    let all = web(&server.rest);
    let health: Vec<&str> = all.iter().map(|instance| instance["health"].as_str().unwrap()).collect();
    assert_eq!(health, ["healthy", "healthy", "unhealthy", "unknown"]);
    assert_eq!((&all[0]["metadata"]["imported_from"], &all[0]["metadata"]["region"]), (&json!("eu"), &json!("eu")));
    assert_eq!((&all[0]["tags"], &all[3]["metadata"]["imported_from"]), (&json!(["blue"]), &Value::Null));
    let of_import = |words: &[&str]| {
        let mut services = Command::new(portolan_path());
        services.arg("services").args(words).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
        let run = output(services.args(["--registry", &format!("portolan://{}", server.rest.address)]));
        String::from_utf8(run.stdout).unwrap()
    };
    let listed = of_import(&["get", "web"]);
    assert_eq!(listed.matches(" imported from eu\n").count(), 3, "it is where a lease would be: {listed}");
    let catalog = server.read("/v1/catalog/service/web");
    let marked = catalog.as_array().unwrap().iter().filter(|entry| entry["ServiceMeta"]["imported_from"] == "eu");
    assert_eq!(marked.count(), 3, "{catalog}");
    let targets = server.rest.get("/sd/prometheus").text();
    assert!(targets.contains("10.0.0.1:1") && targets.contains("imported_from"), "{targets}");
    assert_eq!(srv_ports(&server.rest), ["1", "2", "99"], "DNS leaves the unhealthy one out");
    let shown = state(&server.rest);
    assert_eq!((&shown["name"], &shown["state"], &shown["instances"]), (&json!("eu"), &json!("current"), &json!(3)));

    let id = all[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/services/{id}");
    let again = json!({ "id": id, "name": "web", "address": "10.0.0.1", "port": 1 }).to_string();
    for (method, path, body) in [
        ("DELETE", path.clone(), None),
        ("PUT", path.clone(), Some(r#"{"status":"maintenance"}"#)),
        ("POST", format!("{path}/heartbeat"), Some("{}")),
        ("POST", "/api/v1/services".to_owned(), Some(again.as_str())),
    ] {
        let refused = server.rest.send(method, &path, body);
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &json!("imported")), "{method} {path}");
        assert!(refused.text().contains("imported from eu") && refused.text().contains("hint"), "{}", refused.text());
    }
    let bulk = json!({ "operations": [{ "deregister": { "id": id } }] }).to_string();
    assert!(server.rest.post("/api/v1/bulk", &bulk).text().contains("imported from eu"));
    let consul = server.put(&format!("/v1/agent/service/deregister/{id}"), &Value::Null);
    assert!(consul.status >= 400 && consul.text().contains("imported from eu"), "{} {}", consul.status, consul.text());
    let forged = json!({ "name": "x", "address": "10.0.0.9", "port": 1, "metadata": { "imported_from": "eu" } });
    let forged = server.rest.post("/api/v1/services", &forged.to_string());
    assert_eq!((forged.status, &forged.json()["error"]["field"]), (400, &json!("metadata")));
    assert_eq!(web(&server.rest), all, "nothing was changed");

    server.rest.send("DELETE", "/api/v1/services/own", None);
    let listed = of_import(&["list"]);
    assert!(listed.contains("2/3  degraded, imported from eu"), "{listed}");
}

/// The ports of the SRV records of `web`, as dig prints them.
fn srv_ports(server: &Server) -> Vec<String> {
    let log = server.log();
    let (_, rest) = log.split_once("DNS on 127.0.0.1:").unwrap();
    let port = rest.split(':').next().unwrap();
    let mut dig = Command::new(tool("dig").get_program());
    dig.args(["@127.0.0.1", "-p", port, "+short", "web.service.portolan", "SRV"]);
    let text = String::from_utf8(output(&mut dig).stdout).unwrap();
    let mut ports: Vec<String> = text.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect();
    ports.sort_by_key(|port| port.parse::<u16>().unwrap());
    ports
}

#[test]
fn a_source_that_is_away_empties_nothing_and_a_former_import_goes() {
    let folder = TempDir::new();
    let file = folder.path().join("registry.db");
    let file = file.to_str().unwrap();
    let mut original = consul();
    for port in 1..=4 {
        in_consul(&original, &format!("w{port}"), port, "passing");
    }
    let from = format!("consul://{}", original.address);
    let server = Server::with(["--data", file, "--import", &from]);
    wait_until(|| ports(&server) == [1, 2, 3, 4]);

    original.kill();
    wait_until(|| state(&server)["state"] == "stale");
    let shown = state(&server);
    assert_eq!((ports(&server), &shown["instances"]), (vec![1, 2, 3, 4], &json!(4)), "{shown}");
    assert!(shown["error"].as_str().is_some_and(|error| error.starts_with("cannot ")), "{shown}");
    server.kill();

    // Also a server that has never seen the source since it started keeps what it had.
    let server = Server::with(["--data", file, "--import", &from]);
    wait_until(|| state(&server)["error"].is_string());
    assert_eq!((ports(&server), &state(&server)["state"]), (vec![1, 2, 3, 4], &json!("starting")));
    original.restart();
    wait_until(|| state(&server)["state"] == "current");
    send(original.address, "PUT", "/v1/agent/service/deregister/w2", None, &Value::Null);
    in_consul(&original, "w5", 5, "passing");
    wait_until(|| ports(&server) == [1, 3, 4, 5]);
    server.kill();

    let server = Server::with(["--data", file]);
    wait_until(|| ports(&server).is_empty());
}

/// The metrics of the import: whether it is read, and the parts that are not.
fn up_and_faults(server: &Server) -> [String; 2] {
    let metrics = server.get("/metrics").text();
    ["portolan_import_up", "portolan_import_faults"].map(|name| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name}{{import=\"consul\"}} ")));
        line.unwrap_or_else(|| panic!("{name} is not in\n{metrics}")).to_owned()
    })
}

/// An error of one service makes the import incomplete for as long as it holds, at the start and later.
#[test]
fn an_error_of_one_service_is_over_when_it_can_be_read_again() {
    let original = consul();
    // Enough that the removals below are less than half.
    for port in 1..=4 {
        let api = json!({ "ID": format!("a{port}"), "Name": "api", "Address": "10.0.0.2", "Port": port });
        send(original.address, "PUT", "/v1/agent/service/register", None, &api);
    }
    in_consul(&original, "w1", 1, "passing");
    let relay = FailingRelay::start(original.address, "/v1/health/service/web");
    relay.fail(true);
    let from = format!("consul://{}", relay.address);
    let server = Server::with(["--data", ":memory:", "--import", &from]);

    wait_until(|| state(&server)["state"] == "incomplete");
    wait_until(|| server.discover("service_name=api").len() == 4);
    let shown = state(&server);
    let error = shown["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("cannot read the service 'web' of Consul: "), "{shown}");
    assert_eq!((&shown["faults"], up_and_faults(&server)), (&json!(1), ["0".to_owned(), "1".to_owned()]));
    assert!(server.log().contains("a part of the import cannot be read; its instances stay"), "{}", server.log());

    relay.fail(false);
    wait_until(|| ports(&server) == [1] && state(&server)["state"] == "current");
    assert_eq!((&state(&server)["error"], up_and_faults(&server)), (&Value::Null, ["1".to_owned(), "0".to_owned()]));
    wait_until(|| server.log().contains("the import is read again"));

    // A query that waits still ends as it should, and the next one fails.
    relay.fail(true);
    in_consul(&original, "w2", 2, "passing");
    wait_until(|| state(&server)["state"] == "incomplete");
    assert_eq!(ports(&server).first(), Some(&1), "what is known stays");
    relay.fail(false);
    wait_until(|| ports(&server) == [1, 2] && state(&server)["state"] == "current");
    send(original.address, "PUT", "/v1/agent/service/deregister/w1", None, &Value::Null);
    wait_until(|| ports(&server) == [2]);

    // The error of a service ends with the service.
    relay.fail(true);
    in_consul(&original, "w3", 3, "passing");
    wait_until(|| state(&server)["state"] == "incomplete");
    for id in ["w2", "w3"] {
        send(original.address, "PUT", &format!("/v1/agent/service/deregister/{id}"), None, &Value::Null);
    }
    wait_until(|| ports(&server).is_empty() && state(&server)["state"] == "current");
}

#[test]
fn etcd_and_a_file_are_imported_and_followed() {
    let original = etcd();
    put(&original, "w1", 1);
    put(&original, "w2", 2);
    let folder = TempDir::new();
    let list = folder.path().join("services.toml");
    write(&list, "[[service]]\nname = \"web\"\nendpoints = [\"10.0.0.3:3\"]\n");
    let sources = [format!("etcd://{}", original.address), format!("file:{}", list.display())];
    let server = Server::with(["--data", ":memory:", "--import", &sources[0], "--import", &sources[1]]);
    wait_until(|| ports(&server) == [1, 2, 3]);

    // The error of a key ends with its value, or with the key.
    let import = |server: &Server| server.get("/api/v1/status").json()["data"]["imports"][0].clone();
    for end in [json!({ "name": "web", "address": "10.0.0.1", "port": 9 }).to_string(), String::new()] {
        put_value(&original, "w9", "no registration");
        wait_until(|| import(&server)["state"] == "incomplete");
        assert!(import(&server)["error"].as_str().unwrap().contains("/services/web/w9"), "{}", import(&server));
        if end.is_empty() {
            delete(&original, "w9");
        } else {
            put_value(&original, "w9", &end);
        }
        wait_until(|| import(&server)["state"] == "current");
    }

    put(&original, "w4", 4);
    write(&list, "[[service]]\nname = \"web\"\nendpoints = [\"10.0.0.3:3\", \"10.0.0.5:5\"]\n");
    wait_until(|| ports(&server) == [1, 2, 3, 4, 5]);
    // A file that cannot be read is no empty file.
    write(&list, "[[service]\n");
    wait_until(|| server.get("/api/v1/status").json()["data"]["imports"][1]["state"] == "stale");
    assert_eq!(ports(&server), [1, 2, 3, 4, 5]);

    let two = ["etcd", "etcd"].map(|name| format!("{name}={}", sources[0]));
    let said = Server::try_with(["--data", ":memory:", "--import", &two[0], "--import", &two[1]]).err().unwrap();
    assert!(said.contains("two imports have the name etcd") && said.contains("\nhint: "), "{said}");
}

/// A services file has no registry that runs its checks: the server that imports it does, as they are declared.
#[test]
fn the_checks_of_a_services_file_are_imported_and_copied() {
    let folder = TempDir::new();
    let list = folder.path().join("services.toml");
    let target = Server::in_memory();
    let declare = |path: &str, more: &str| {
        let text = "[[service]]\nname = \"web\"\nexpect-status = 200\ninterval = \"1s\"\nfall = 2\n";
        let place = target.address;
        write(&list, &format!("{text}endpoints = [\"http://{place}{path}\"]\n{more}"));
    };
    declare("/health", "");
    let from = format!("file:{}", list.display());
    let server = Server::with_variables(["--data", ":memory:", "--import", &from], &[]);
    let healthy = |server: &Server| web(server).iter().any(|instance| instance["health"] == "healthy");
    wait_until(|| healthy(&server));
    let fields = ["check_type", "interval", "failure_threshold", "config"];
    let declared = |server: &Server| fields.map(|field| web(server)[0]["health_checks"][0][field].clone());
    let config = json!({ "type": "http", "path": "/health", "method": "GET", "expected_status": 200 });
    assert_eq!(declared(&server), [json!("http"), json!(1), json!(2), config]);

    let copied = Server::in_memory();
    let mut sync = Command::new(portolan_path());
    sync.args(["sync", &from, &format!("portolan://{}", copied.address)]).env_clear();
    assert!(output(sync.env("PORTOLAN_CONFIG", "/dev/null")).status.success());
    assert_eq!(declared(&copied), declared(&server));

    declare("/missing", "");
    wait_until(|| web(&server)[0]["health"] == "unhealthy");
    // What the server cannot check as declared, it does not check at all.
    declare("/health", "header = \"Authorization: Bearer secret\"\n");
    wait_until(|| web(&server)[0]["health"] == "unknown");
    let log = server.log();
    assert!(log.contains("cannot check with its header") && !log.contains("secret"), "{log}");
}

fn put(program: &Program, id: &str, port: u16) {
    put_value(program, id, &json!({ "id": id, "name": "web", "address": "10.0.0.1", "port": port }).to_string());
}

fn put_value(program: &Program, id: &str, value: &str) {
    let body = json!({ "key": base64(&format!("/services/web/{id}")), "value": base64(value) });
    let (status, text) = request(program.address, "POST", "/v3/kv/put", None, &body);
    assert_eq!(status, 200, "{text}");
}

fn delete(program: &Program, id: &str) {
    let body = json!({ "key": base64(&format!("/services/web/{id}")) });
    let (status, text) = request(program.address, "POST", "/v3/kv/deleterange", None, &body);
    assert_eq!(status, 200, "{text}");
}

/// Writes a file at once, as an editor does.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// Two registries can import each other: each passes on only what was registered with itself.
#[test]
fn what_a_registry_imports_is_not_imported_from_it() {
    let first = Server::in_memory();
    first.register(&json!({ "name": "web", "address": "10.0.0.1", "port": 1, "ttl": 0 }).to_string());
    let from = format!("portolan://{}", first.address);
    let second = Server::with(["--data", ":memory:", "--import", &from]);
    second.register(&json!({ "name": "web", "address": "10.0.0.2", "port": 2, "ttl": 0 }).to_string());
    wait_until(|| ports(&second) == [1, 2]);

    let back = format!("portolan://{}", second.address);
    let third = Server::with(["--data", ":memory:", "--import", &back]);
    wait_until(|| ports(&third) == [2]);
    first.register(&json!({ "name": "web", "address": "10.0.0.3", "port": 3, "ttl": 0 }).to_string());
    wait_until(|| ports(&second) == [1, 2, 3]);
    assert_eq!(ports(&third), [2], "what the second one imports is not its own");
}
