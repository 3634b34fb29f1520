//! The eleven operations of Eureka's API, and the list of changes, in JSON and XML.

use serde_json::{Value, json};

use super::EurekaServer;
use crate::consul::{key, send_text};
use crate::serve::{folder, wait_until};

const JSON: &str = "Content-Type: application/json\r\n";
const XML: &str = "Content-Type: application/xml\r\n";

fn instance(id: &str, port: u16, more: Value) -> String {
    let mut instance = json!({ "instanceId": id, "hostName": "h1", "app": "WEB", "ipAddr": "10.0.0.1", "status": "UP",
        "vipAddress": "web,shop", "secureVipAddress": "secure",
        "port": { "$": port, "@enabled": "true" }, "securePort": { "$": 443, "@enabled": "false" },
        "dataCenterInfo": { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn" },
        "leaseInfo": { "renewalIntervalInSecs": 30, "durationInSecs": 90 }, "metadata": { "zone": "a" } });
    if let (Value::Object(fields), Value::Object(more)) = (&mut instance, more) {
        fields.extend(more);
    }
    json!({ "instance": instance }).to_string()
}

fn put(server: &EurekaServer, id: &str, port: u16) {
    let reply = server.send("POST", "/eureka/apps/WEB", JSON, &instance(id, port, json!({})));
    assert_eq!((reply.status, reply.text()), (204, String::new()));
}

fn status_of(server: &EurekaServer, id: &str) -> String {
    server.read(&format!("/eureka/apps/WEB/{id}"))["instance"]["status"].as_str().unwrap().to_owned()
}

#[test]
fn an_instance_registers_renews_is_read_and_leaves() {
    let server = EurekaServer::start();
    assert_eq!(server.read("/eureka/apps")["applications"]["application"], json!([]));
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1"), 404, "a heartbeat before the registration");
    put(&server, "i1", 80);
    put(&server, "i2", 81);

    let all = server.read("/eureka/apps/");
    assert_eq!(all["applications"]["apps__hashcode"], "UP_2_");
    let read = server.read("/eureka/v2/apps/web/i1");
    let one = &read["instance"];
    let expected = json!({ "instanceId": "i1", "hostName": "h1", "app": "WEB", "ipAddr": "10.0.0.1", "status": "UP",
        "overriddenStatus": "UNKNOWN", "port": { "$": 80, "@enabled": "true" }, "vipAddress": "web,shop",
        "securePort": { "$": 443, "@enabled": "false" }, "metadata": { "zone": "a" }, "actionType": "ADDED" });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&one[field], value, "{field}");
    }
    assert_eq!(
        (&one["leaseInfo"]["durationInSecs"], &one["leaseInfo"]["renewalIntervalInSecs"]),
        (&json!(90), &json!(30))
    );
    assert_eq!(&server.read("/eureka/instances/i1"), &read);
    assert_eq!(server.read("/eureka/apps/WEB")["application"]["instance"].as_array().unwrap().len(), 2);
    assert_eq!(server.read("/eureka/vips/shop")["applications"]["application"][0]["name"], "WEB");
    assert_eq!(server.read("/eureka/svips/secure")["applications"]["application"][0]["name"], "WEB");
    assert_eq!(server.rest.discover("service_name=web").len(), 2, "both APIs show the same registry");

    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1?status=UP&lastDirtyTimestamp=1"), 200);
    assert_eq!(server.status("DELETE", "/eureka/apps/WEB/i1"), 200);
    for (method, path) in [
        ("PUT", "/eureka/apps/WEB/i1"),
        ("DELETE", "/eureka/apps/WEB/i1"),
        ("GET", "/eureka/apps/WEB/i1"),
        ("GET", "/eureka/apps/OTHER"),
        ("GET", "/eureka/instances/i1"),
        ("GET", "/eureka/vips/other"),
        ("GET", "/eureka/svips/web"),
        ("PUT", "/eureka/apps/WEB/i1/status?value=UP"),
        ("PUT", "/eureka/apps/WEB/i1/metadata?a=b"),
        ("GET", "/eureka/other"),
    ] {
        assert_eq!(server.status(method, path), 404, "{method} {path}");
    }
}

#[test]
fn a_status_is_reported_overridden_and_released() {
    let server = EurekaServer::start();
    let starting = instance("i1", 80, json!({ "status": "STARTING" }));
    assert_eq!(server.send("POST", "/eureka/apps/WEB", JSON, &starting).status, 204);
    assert_eq!(status_of(&server, "i1"), "STARTING");
    assert!(server.rest.discover("service_name=web").is_empty(), "it takes no calls yet");
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1"), 200);
    assert_eq!(status_of(&server, "i1"), "STARTING", "a heartbeat without a status says nothing about it");
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1?status=UP"), 200);
    assert_eq!(status_of(&server, "i1"), "UP");

    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1/status?value=OUT_OF_SERVICE"), 200);
    let one = server.read("/eureka/apps/WEB/i1");
    assert_eq!(one["instance"]["overriddenStatus"], "OUT_OF_SERVICE");
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1?status=UP"), 200);
    assert_eq!(status_of(&server, "i1"), "OUT_OF_SERVICE", "what the instance says does not matter");
    assert_eq!(server.status("DELETE", "/eureka/apps/WEB/i1/status"), 200);
    assert_eq!(status_of(&server, "i1"), "UP");
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1?status=DOWN"), 200);
    assert_eq!(status_of(&server, "i1"), "DOWN");

    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1/metadata?color=blue&zone=b"), 200);
    let one = server.read("/eureka/apps/WEB/i1");
    assert_eq!(one["instance"]["metadata"], json!({ "color": "blue", "zone": "b" }));
    assert_eq!(server.rest.get("/api/v1/services/WEB:i1").json()["data"]["zone"], "b");
    assert_eq!(status_of(&server, "i1"), "DOWN", "metadata changes nothing else");
}

/// The first registration reports what it says, also with a key that is limited to some services.
#[test]
fn a_key_with_a_scope_registers_and_reports_at_once() {
    let folder = folder();
    let file = folder.path().join("keys.json");
    let [all, shop] =
        [&["--role", "operator"][..], &["--role", "operator", "--service", "shop-"]].map(|args| key(&file, args));
    let config = folder.path().join("serve.toml");
    std::fs::write(&config, format!("[auth]\nkeys_file = \"{}\"\n", file.display())).unwrap();
    let server = EurekaServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let send = |key: &str, method: &str, path: &str, body: &str| {
        server.send(method, path, &format!("X-API-Key: {key}\r\nAccept: application/json\r\n{JSON}"), body)
    };
    let down = |app: &str, id: &str| instance(id, 80, json!({ "app": app, "status": "DOWN" }));

    let reply = send(&shop, "POST", "/eureka/apps/SHOP-CART", &down("SHOP-CART", "i1"));
    assert_eq!(reply.status, 204, "{}", reply.text());
    let read = send(&shop, "GET", "/eureka/apps/SHOP-CART/i1", "").json();
    assert_eq!(read["instance"]["status"], "DOWN");
    assert_eq!(send(&shop, "POST", "/eureka/apps/WEB", &down("WEB", "i1")).status, 403);

    // The ids of a foreign service: its instances get no report.
    for (id, key) in [("SHOP-CART:i2", &shop), ("WEB:i2", &all)] {
        let body = json!({ "id": id, "name": "billing", "address": "10.0.0.9", "port": 80, "ttl": 0 }).to_string();
        let headers = format!("X-API-Key: {all}\r\n{JSON}");
        assert_eq!(send_text(server.rest.address, "POST", "/api/v1/services", &headers, &body).status, 201);
        let app = id.split(':').next().unwrap();
        let reply = send(key, "POST", &format!("/eureka/apps/{app}"), &down(app, "i2"));
        assert_eq!(reply.status, 409, "{}", reply.text());
        let read = send(&all, "GET", &format!("/eureka/instances/{id}"), "").json();
        assert_eq!(read["instance"]["status"], "UP", "{read}");
    }
}

#[test]
fn changes_are_a_list_of_their_own() {
    let server = EurekaServer::start();
    put(&server, "i1", 80);
    put(&server, "i2", 81);
    let changed = |server: &EurekaServer| {
        let delta = server.read("/eureka/apps/delta")["applications"].clone();
        let instances = delta["application"][0]["instance"].as_array().cloned().unwrap_or_default();
        let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
        let actions: Vec<(String, String)> =
            instances.iter().map(|one| (text(one, "instanceId"), text(one, "actionType"))).collect();
        (actions, delta["apps__hashcode"].as_str().unwrap().to_owned(), delta["versions__delta"].clone())
    };
    let entry = |id: &str, action: &str| (id.to_owned(), action.to_owned());
    let (actions, hash, version) = changed(&server);
    assert_eq!((actions, hash.as_str()), (vec![entry("i1", "ADDED"), entry("i2", "ADDED")], "UP_2_"));

    assert_eq!(server.status("DELETE", "/eureka/apps/WEB/i1"), 200);
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i2?status=DOWN"), 200);
    wait_until(|| changed(&server).0 == [entry("i1", "DELETED"), entry("i2", "MODIFIED")]);
    let (_, hash, later) = changed(&server);
    assert_eq!((hash.as_str(), later != version), ("DOWN_1_", true));
}

/// The long lists are written once for all clients that fetch them.
#[test]
fn the_changes_are_written_once_for_all_clients() {
    let server = EurekaServer::start();
    put(&server, "i1", 80);
    wait_until(|| server.read("/eureka/apps/delta")["applications"]["application"][0]["instance"][0].is_object());
    let before = written_lists(&server);
    for _ in 0..50 {
        server.read("/eureka/apps/delta");
    }
    // Changes become too old meanwhile: a list is written again after some seconds.
    let more = written_lists(&server) - before;
    assert!(more < 25, "{more} lists for 50 clients");

    let before = written_lists(&server);
    for _ in 0..5 {
        assert_eq!(server.rest.get("/sd/prometheus").status, 200);
    }
    assert_eq!(written_lists(&server) - before, 1);
}

fn written_lists(server: &EurekaServer) -> u64 {
    let metrics = server.rest.get("/metrics").text();
    let count = metrics.lines().find_map(|line| line.strip_prefix("portolan_written_lists_total "));
    count.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

#[test]
fn xml_is_read_and_written() {
    let server = EurekaServer::start();
    let body = "<?xml version=\"1.0\"?><instance><instanceId>i1</instanceId><hostName>h1</hostName><app>WEB</app>\
        <ipAddr>10.0.0.1</ipAddr><status>UP</status><port enabled=\"true\">80</port>\
        <leaseInfo><durationInSecs>60</durationInSecs></leaseInfo><metadata><team>a &amp; b</team></metadata></instance>";
    assert_eq!(server.send("POST", "/eureka/apps/WEB", XML, body).status, 204);
    assert_eq!(server.read("/eureka/apps/WEB/i1")["instance"]["metadata"]["team"], "a & b");

    for (accept, kind) in [
        ("", "application/xml"),
        ("Accept: */*\r\n", "application/xml"),
        ("Accept: application/xml\r\n", "application/xml"),
        ("Accept: application/json, application/*+json\r\n", "application/json"),
    ] {
        let reply = server.send("GET", "/eureka/apps", accept, "");
        assert_eq!(reply.header("content-type"), Some(kind), "{accept}");
    }
    let text = server.send("GET", "/eureka/apps/WEB", "", "").text();
    assert!(text.contains("<port enabled=\"true\">80</port>") && text.contains("<team>a &amp; b</team>"), "{text}");

    // A key that is not a name stays out of the document.
    assert_eq!(server.status("PUT", "/eureka/apps/WEB/i1/metadata?@x%3E%3Cforged%3E=1"), 200);
    let text = server.send("GET", "/eureka/apps/WEB", "", "").text();
    assert!(!text.contains("forged") && text.contains("<team>a &amp; b</team></metadata>"), "{text}");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let server = EurekaServer::start();
    let good = instance("i1", 80, json!({}));
    let long = instance("i1", 80, json!({ "metadata": { "k": "x".repeat(70_000) } }));
    for (headers, body, status, reason) in [
        (JSON, "{", 400, "EOF"),
        (JSON, "{}", 400, "instance: it is missing"),
        (XML, "<instance>", 400, "ends within an element"),
        (XML, "<!DOCTYPE a [<!ENTITY x \"y\">]><instance/>", 400, "document type"),
        ("", good.as_str(), 415, "content type"),
        (JSON, &instance("i1", 0, json!({})), 400, "port: it is missing"),
        (JSON, &instance("i1", 80, json!({ "app": "OTHER" })), 400, "app: it is OTHER"),
        (JSON, &instance("i1", 80, json!({ "status": "GREEN" })), 400, "GREEN is not a status"),
        (JSON, &instance("a/b", 80, json!({})), 400, "id"),
        (JSON, long.as_str(), 413, "longer than"),
    ] {
        let reply = server.send("POST", "/eureka/apps/WEB", headers, body);
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        assert!(reply.text().contains(reason), "{body}: {}", reply.text());
    }

    put(&server, "i1", 80);
    for (method, path, status) in [
        ("PUT", "/eureka/apps/WEB/i1?status=GREEN", 400),
        ("PUT", "/eureka/apps/WEB/i1/status", 400),
        ("PUT", "/eureka/apps/WEB/i1/status?value=GREEN", 400),
        ("PUT", "/eureka/apps/WEB/i1/metadata?eureka_instance=x", 400),
        ("PATCH", "/eureka/apps/WEB/i1", 405),
        ("GET", "/eureka/apps/%ff", 400),
    ] {
        assert_eq!(server.status(method, path), status, "{method} {path}");
    }

    assert_eq!(status_of(&server, "i1"), "UP");
}

/// The operations of `PATHS`, and the least role that may call each.
const NEEDED: [(&str, &str, &str); 13] = [
    ("GET", "/eureka/apps", "viewer"),
    ("GET", "/eureka/apps/delta", "viewer"),
    ("GET", "/eureka/apps/{app}", "viewer"),
    ("POST", "/eureka/apps/{app}", "operator"),
    ("GET", "/eureka/apps/{app}/{instance}", "viewer"),
    ("PUT", "/eureka/apps/{app}/{instance}", "operator"),
    ("DELETE", "/eureka/apps/{app}/{instance}", "operator"),
    ("PUT", "/eureka/apps/{app}/{instance}/status", "operator"),
    ("DELETE", "/eureka/apps/{app}/{instance}/status", "operator"),
    ("PUT", "/eureka/apps/{app}/{instance}/metadata", "operator"),
    ("GET", "/eureka/instances/{instance}", "viewer"),
    ("GET", "/eureka/vips/{vip}", "viewer"),
    ("GET", "/eureka/svips/{vip}", "viewer"),
];

/// Row N8: each operation with each role, with a wrong key, and without one.
#[test]
fn each_operation_asks_for_its_permission() {
    let folder = folder();
    let (keys, file) = (folder.path().join("keys.json"), folder.path().join("serve.toml"));
    std::fs::write(&file, format!("[auth]\nkeys_file = \"{}\"\n", keys.display())).unwrap();
    let roles = ["viewer", "operator", "admin"].map(|role| (role, key(&keys, &["--role", role])));
    let server = EurekaServer::with(&["--data", ":memory:", "--config", file.to_str().unwrap()]);
    let status = |method: &str, path: &str, key: Option<&str>| {
        let header = key.map_or_else(String::new, |key| format!("X-API-Key: {key}\r\n"));
        server.send(method, path, &format!("{header}{JSON}"), "{}").status
    };
    wait_until(|| status("GET", "/eureka/apps", Some(&roles[0].1)) == 200);

    // A path that is not in the table would need no role here.
    let source = include_str!("../../../src/server/eureka/call.rs");
    let paths = source.lines().filter_map(|line| line.trim().strip_prefix("\"/eureka/")?.strip_suffix("\","));
    let paths: std::collections::BTreeSet<String> = paths.map(|path| format!("/eureka/{path}")).collect();
    assert_eq!(paths, NEEDED.iter().map(|(_, path, _)| (*path).to_owned()).collect());

    let rank = |role: &str| roles.iter().position(|(name, _)| *name == role);
    for (method, path, needed) in NEEDED {
        let target = path.replace("{app}", "WEB").replace("{instance}", "i1").replace("{vip}", "web");
        let target = format!("{target}{}", if path.ends_with("/status") { "?value=UP" } else { "" });
        assert_eq!(
            (status(method, &target, None), status(method, &target, Some("wrong"))),
            (401, 401),
            "{method} {path}"
        );
        for (role, key) in &roles {
            let status = status(method, &target, Some(key));
            let is_refused = matches!(status, 0 | 401 | 403);
            assert_eq!(is_refused, rank(role) < rank(needed), "{method} {path} as {role}: {status}");
        }
    }
}
