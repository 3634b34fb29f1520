//! Every route, every error, and that the description of the API is true.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Server, exchange};

const ID: &str = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";
const OTHER: &str = "1b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";
/// The fields of a record in the registry of a cluster.
const RECORD_FIELDS: [&str; 14] = [
    "id",
    "name",
    "version",
    "node_id",
    "address",
    "port",
    "health_endpoint",
    "health_status",
    "metadata",
    "tags",
    "registered_at",
    "last_health_check",
    "health_check_interval",
    "ttl",
];

fn web(id: &str, port: u16) -> String {
    json!({ "id": id, "name": "web", "version": "1.2.0", "address": "10.0.0.1", "port": port, "protocol": "http",
        "tags": ["api", "production"], "metadata": { "team": "platform", "region": "eu" }, "node": "node-1" })
    .to_string()
}

/// One row for each route and each way in which it fails (rows I10-I27 of the API).
#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn each_route_answers_as_it_is_described() {
    let server = Server::in_memory();
    server.register(&web(ID, 8080));
    let instance = format!("/api/v1/services/{ID}");
    let missing = format!("/api/v1/services/{OTHER}");
    let heartbeat = format!("{instance}/heartbeat");
    let other_heartbeat = format!("{missing}/heartbeat");

    // Method, path, body, status, and what the body must hold: the code of an error, or a field.
    let rows: &[(&str, &str, Option<&str>, u16, &str)] = &[
        ("GET", "/api/v1/services", None, 200, "services"),
        ("GET", "/api/v1/services?name=web&namespace=default", None, 200, ID),
        ("GET", "/api/v1/services?instances=false", None, 200, "\"healthy\":1"),
        ("GET", "/api/v1/services?instances=true", None, 200, ID),
        ("GET", "/api/v1/services?nmae=web", None, 400, "did you mean name?"),
        ("POST", "/api/v1/services", Some("{}"), 400, "invalid_body"),
        ("POST", "/api/v1/services", Some(""), 400, "invalid_body"),
        ("POST", "/api/v1/services", Some("[]"), 400, "invalid_body"),
        ("POST", "/api/v1/services", Some("{"), 400, "invalid_body"),
        ("POST", "/api/v1/services", Some(r#"{"name":"a","address":"10.0.0.1","port":0}"#), 400, "\"field\":\"port\""),
        (
            "POST",
            "/api/v1/services",
            Some(r#"{"name":"a","address":"10.0.0.1","port":99999}"#),
            400,
            "\"field\":\"port\"",
        ),
        (
            "POST",
            "/api/v1/services",
            Some(r#"{"name":"a b","address":"10.0.0.1","port":1}"#),
            400,
            "\"field\":\"name\"",
        ),
        ("POST", "/api/v1/services", Some(r#"{"name":"a","adress":"10.0.0.1","port":1}"#), 400, "address"),
        (
            "POST",
            "/api/v1/services",
            Some(r#"{"name":"a","address":"10.0.0.1","port":1,"weight":-1}"#),
            400,
            "\"field\":\"weight\"",
        ),
        (
            "POST",
            "/api/v1/services",
            Some(r#"{"name":"a","address":"10.0.0.1","port":1,"ttl":"soon"}"#),
            400,
            "\"field\":\"ttl\"",
        ),
        ("POST", "/api/v1/services?x=1", Some("{}"), 400, "unknown_parameter"),
        ("GET", &instance, None, 200, "\"generation\""),
        ("GET", &missing, None, 404, "not_found"),
        ("GET", "/api/v1/services/web", None, 200, "\"instances\":1"),
        ("GET", "/api/v1/services/nothing", None, 404, "not_found"),
        ("PUT", &instance, Some(r#"{"weight":50}"#), 200, "\"weight\":50"),
        ("PUT", &instance, Some(r#"{"weight":-1}"#), 400, "\"field\":\"weight\""),
        ("PUT", &instance, Some(r#"{"weight":1,"reason":"x"}"#), 400, "\"field\":\"reason\""),
        ("PUT", &instance, Some(r#"{"status":"gone"}"#), 400, "\"field\":\"status\""),
        ("PUT", &instance, Some(r#"{"wieght":1}"#), 400, "did you mean weight?"),
        ("PUT", &instance, Some("{}"), 400, "nothing to change"),
        ("PUT", &missing, Some(r#"{"weight":1}"#), 404, "unknown_instance"),
        ("POST", &heartbeat, None, 200, "\"expires\""),
        ("POST", &heartbeat, Some(r#"{"status":"healthy"}"#), 200, "\"ttl\":30"),
        ("POST", &heartbeat, Some(r#"{"status":"fine"}"#), 400, "\"field\":\"status\""),
        ("POST", &heartbeat, Some(r#"{"service_id":"another"}"#), 400, "\"field\":\"service_id\""),
        ("POST", &heartbeat, Some(r#"{"generation":999}"#), 404, "stale_generation"),
        ("POST", &other_heartbeat, None, 404, "unknown_instance"),
        ("GET", "/api/v1/services/web/instances", None, 200, ID),
        ("GET", "/api/v1/services/nothing/instances", None, 200, "\"services\":[]"),
        ("GET", "/api/v1/services/by-name/web", None, 200, ID),
        ("GET", "/api/v1/discover?service_name=web", None, 200, ID),
        ("GET", "/api/v1/discover?service_name=nothing", None, 200, "\"services\":[]"),
        ("GET", "/api/v1/discover", None, 400, "\"field\":\"service_name\""),
        ("GET", "/api/v1/discover?service_name=web&limit=0", None, 400, "\"field\":\"limit\""),
        ("GET", "/api/v1/discover?service_name=web&version=x%20y", None, 400, "\"field\":\"version\""),
        (
            "GET",
            "/api/v1/discover?service_name=web&load_balancing_strategy=best",
            None,
            400,
            "round_robin, weighted_round_robin",
        ),
        (
            "GET",
            "/api/v1/discover?service_name=web&load_balancing_strategy=consistent_hash",
            None,
            400,
            "\"field\":\"key\"",
        ),
        ("GET", "/api/v1/discover?service_name=web&include_unhealthy=maybe", None, 400, "include_unhealthy"),
        ("GET", "/api/v1/query?tag=api", None, 200, ID),
        ("GET", "/api/v1/query?health=fine", None, 400, "\"field\":\"health\""),
        ("POST", "/api/v1/bulk", Some(r#"{"operations":[]}"#), 400, "operations"),
        ("POST", "/api/v1/bulk", Some(r#"{"operation":[]}"#), 400, "did you mean operations?"),
        ("GET", "/api/v1/events?since=x", None, 400, "\"field\":\"since\""),
        ("GET", "/api/v1/events?format=xml", None, 400, "\"field\":\"format\""),
        ("GET", "/api/v1/load-balancer/web/stats", None, 200, "\"requests\":1"),
        ("DELETE", "/api/v1/load-balancer/web/stats", None, 204, ""),
        ("GET", "/api/v1/load-balancer/web/stats", None, 200, "\"requests\":0"),
        ("GET", "/api/v1/load-balancer/nothing/stats", None, 404, "not_found"),
        ("GET", "/api/v1/health-monitor/stats", None, 200, "\"enabled\":false"),
        ("GET", "/api/v1/status", None, 200, "\"status\":\"running\""),
        ("GET", "/health", None, 200, "healthy"),
        ("GET", "/health?ready=true", None, 200, "\"ready\":true"),
        ("GET", "/health?deep=true", None, 200, "\"store\""),
        ("GET", "/health?dep=true", None, 400, "did you mean deep?"),
        ("GET", "/metrics", None, 200, "portolan_index"),
        ("GET", "/openapi.json", None, 200, "/api/v1/discover"),
        ("GET", "/", None, 200, "/openapi.json"),
        ("GET", "/api/v1/servces", None, 404, "did you mean /api/v1/services?"),
        ("GET", "/nothing", None, 404, "unknown_path"),
        ("PATCH", "/api/v1/services", None, 405, "method_not_allowed"),
        ("DELETE", &instance, None, 204, ""),
        ("DELETE", &instance, None, 404, "unknown_instance"),
        ("DELETE", "/api/v1/services/x?generation=0", None, 400, "\"field\":\"generation\""),
    ];
    for (method, path, body, status, part) in rows {
        let reply = server.send(method, path, *body);
        assert_eq!(reply.status, *status, "{method} {path} {body:?}: {}", reply.text());
        assert!(reply.text().contains(part), "{method} {path} {body:?}: {part} is not in {}", reply.text());
        if *status >= 400 {
            let error = &reply.json()["error"];
            assert!(error["code"].is_string() && error["message"].is_string(), "{method} {path}: {error}");
            assert_eq!(reply.header("content-type"), Some("application/json"), "{method} {path}");
        }
        if *status == 405 {
            let allowed: BTreeSet<&str> = reply.header("allow").unwrap().split(',').collect();
            assert_eq!(allowed, BTreeSet::from(["GET", "HEAD", "POST"]));
        }
    }
}

#[test]
fn a_registration_reads_back_and_changes_as_its_client_says() {
    let server = Server::in_memory();
    let reply = server.post("/api/v1/services", &web(ID, 8080));
    assert_eq!((reply.status, reply.index()), (201, 1));
    assert_eq!(reply.header("location"), Some(format!("/api/v1/services/{ID}").as_str()));
    let first = reply.json()["data"].clone();
    for (field, value) in [
        ("id", json!(ID)),
        ("name", json!("web")),
        ("version", json!("1.2.0")),
        ("address", json!("10.0.0.1")),
        ("port", json!(8080)),
        ("protocol", json!("http")),
        ("tags", json!(["api", "production"])),
        ("metadata", json!({ "team": "platform", "region": "eu" })),
        ("health", json!("healthy")),
        ("status", json!("up")),
    ] {
        assert_eq!(first[field], value, "{field}");
    }

    // Again, and nothing changed: no index is used, and no event comes.
    let again = server.post("/api/v1/services", &web(ID, 8080));
    assert_eq!((again.status, again.index()), (200, 1));
    // The same place under another id is most likely the same program.
    let twin = server.post("/api/v1/services", &web(OTHER, 8080));
    assert_eq!(twin.status, 201);
    assert!(twin.header("x-portolan-warning").unwrap().contains(ID), "{}", twin.head);

    // Without an id the server makes one.
    let made = server.register(r#"{"name":"made","address":"::1","port":1}"#);
    assert_eq!(made["id"].as_str().unwrap().len(), 36);

    // An operator's status takes it out of discover, and puts it back.
    let put = |body: &str| server.send("PUT", &format!("/api/v1/services/{ID}"), Some(body)).status;
    assert_eq!(put(r#"{"status":"maintenance"}"#), 200);
    assert_eq!(ids(&server.discover("service_name=web")), [OTHER]);
    assert_eq!(ids(&server.discover("service_name=web&include_unhealthy=true")).len(), 2);
    assert_eq!(put(r#"{"status":"healthy","weight":7}"#), 200);
    assert_eq!(ids(&server.discover("service_name=web")).len(), 2);

    // Row A19: what it reports about itself, and when, reads back.
    let report = r#"{"status":"degraded","message":"the disk is nearly full"}"#;
    assert_eq!(server.post(&format!("/api/v1/services/{ID}/heartbeat"), report).status, 200);
    let reported = server.get(&format!("/api/v1/services/{ID}")).json()["data"].clone();
    assert_eq!((&reported["report"]["status"], &reported["health"]), (&"degraded".into(), &"degraded".into()));
    assert_eq!(reported["report"]["message"], "the disk is nearly full");
    let time: Timestamp = reported["report"]["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(time >= first["registered_at"].as_str().unwrap().parse().unwrap(), "{reported}");
}

fn ids(services: &[Value]) -> Vec<&str> {
    services.iter().map(|service| service["id"].as_str().unwrap()).collect()
}

/// Rows I15, C26 and H10-H15: the list is in the order of the strategy, and a client takes the first.
#[test]
fn discover_orders_filters_and_counts() {
    let server = Server::in_memory();
    for (port, version, weight) in [(1, "1.2.0", 5), (2, "1.3.0", 1), (3, "2.0.0", 1)] {
        let body = json!({ "id": format!("00000000-0000-4000-8000-00000000000{port}"), "name": "api", "version": version,
            "address": "10.0.0.1", "port": port, "weight": weight });
        server.register(&body.to_string());
    }
    let firsts = |query: &str, count: usize| -> Vec<u64> {
        (0..count).map(|_| server.discover(query)[0]["port"].as_u64().unwrap()).collect()
    };

    assert_eq!(firsts("service_name=api", 6), [1, 2, 3, 1, 2, 3]);
    let weighted = "service_name=api&load_balancing_strategy=weighted";
    assert_eq!(firsts(weighted, 7), [1, 1, 2, 1, 3, 1, 1], "the sequence of nginx for 5, 1, 1");
    let stats = server.get("/api/v1/load-balancer/api/stats").json()["data"].clone();
    let picks: Vec<u64> =
        stats["instances"].as_array().unwrap().iter().map(|one| one["picks"].as_u64().unwrap()).collect();
    assert_eq!((picks, stats["requests"].as_u64().unwrap()), (vec![7, 3, 3], 13));

    let keyed = "service_name=api&load_balancing_strategy=consistent_hash&key=user-7";
    assert_eq!(BTreeSet::from_iter(firsts(keyed, 10)).len(), 1);
    assert_eq!(BTreeSet::from_iter(firsts("service_name=api&load_balancing_strategy=ip_hash", 10)).len(), 1);
    assert!(BTreeSet::from_iter(firsts("service_name=api&load_balancing_strategy=random", 60)).len() > 1);

    let ports = |query: &str| -> BTreeSet<u64> {
        server.discover(query).iter().map(|service| service["port"].as_u64().unwrap()).collect()
    };
    assert_eq!(ports("service_name=api&version=1.2.0"), BTreeSet::from([1]));
    assert_eq!(ports("service_name=api&version=v1.2.0"), BTreeSet::from([1]));
    assert_eq!(ports("service_name=api&version=%5E1.2"), BTreeSet::from([1, 2]));
    assert_eq!(ports("service_name=api&version=%3E%3D1,%20%3C3"), BTreeSet::from([1, 2, 3]));
    assert_eq!(ports("service_name=api&namespace=other"), BTreeSet::new());
    assert_eq!(server.discover("service_name=api&limit=2").len(), 2);

    // Row I13: a weight that is changed counts from then on, 50 of 56.
    let third = "/api/v1/services/00000000-0000-4000-8000-000000000003";
    assert_eq!(server.send("PUT", third, Some(r#"{"weight":50}"#)).status, 200);
    let picked = firsts(weighted, 56).into_iter().filter(|port| *port == 3).count();
    assert!((49..=51).contains(&picked), "{picked} of 56");
}

/// Row K1 and the last row of the contradictions: the answer names the filter that removed the last candidate.
#[test]
fn a_query_says_which_filter_removed_the_last_instance() {
    let server = Server::in_memory();
    server.register(&web(ID, 1));
    let db = json!({ "name": "db", "address": "10.0.0.2", "port": 5432, "tags": ["database"], "zone": "b", "ttl": 0,
        "capabilities": ["sql", "replication"] });
    server.register(&db.to_string());

    let found = |query: &str| {
        server.get(&format!("/api/v1/query?{query}")).json()["data"]["services"].as_array().unwrap().len()
    };
    for (query, count) in [
        ("", 2),
        ("name=web", 1),
        ("version=%5E1", 1),
        ("tag=api&tag=production", 1),
        ("tag=api&tag=database", 0),
        ("capability=sql", 1),
        ("capability=sql&capability=replication", 1),
        ("capability=search", 0),
        ("node=node-1", 1),
        ("zone=b", 1),
        ("health=healthy", 1),
        ("health=unknown", 1),
        ("metadata.team=platform", 1),
        ("metadata=region%3Deu", 1),
        ("metadata.team=platform&name=db", 0),
        ("limit=1", 1),
    ] {
        assert_eq!(found(query), count, "{query}");
    }

    let explained = server.get("/api/v1/query?tag=production&metadata.region=us&explain=true").json();
    assert_eq!(explained["data"]["services"], json!([]));
    assert_eq!(explained["data"]["explain"]["removed_last"], "metadata region=us");
    assert_eq!(explained["data"]["explain"]["steps"][0], json!({ "filter": "tag production", "left": 1 }));
}

/// Row K7: a thousand operations in one call, each with a result of its own.
#[test]
fn bulk_has_a_result_for_each_operation() {
    let server = Server::in_memory();
    let register = |at: usize| {
        let port = if at == 500 { 0 } else { at + 1 };
        json!({ "register": { "id": format!("i{at}"), "name": "many", "address": "10.0.0.1", "port": port } })
    };
    let body = json!({ "operations": (0..1_000).map(register).collect::<Vec<_>>() });
    let reply = server.post("/api/v1/bulk", &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let results = reply.json()["data"]["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 1_000);
    for (at, result) in results.iter().enumerate() {
        let status = if at == 500 { 400 } else { 201 };
        assert_eq!(result["status"], status, "{at}: {result}");
    }
    assert_eq!(results[500]["error"]["field"], "register.port");
    assert_eq!(results[7]["data"]["port"], 8);
    assert_eq!(server.get("/api/v1/status").json()["data"]["instances"], 999);

    let body = json!({ "operations": [
        { "heartbeat": { "id": "i1" } }, { "deregister": { "id": "i2" } }, { "deregister": { "id": "gone" } },
        { "heartbeat": { "id": "i3", "generation": 1_000_000 } }, { "renew": {} }, { "register": {}, "heartbeat": {} },
    ]});
    let reply = server.post("/api/v1/bulk", &body.to_string()).json();
    let statuses: Vec<_> =
        reply["data"]["results"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [200, 204, 404, 404, 400, 400]);

    let operations: Vec<Value> = (0..1_001).map(|_| json!({ "heartbeat": { "id": "i1" } })).collect();
    assert_eq!(server.post("/api/v1/bulk", &json!({ "operations": operations }).to_string()).status, 400);
}

#[test]
fn answers_are_compressed_when_a_client_asks() {
    let server = Server::in_memory();
    for port in 1..=30 {
        server.register(&json!({ "name": "many", "address": "10.0.0.1", "port": port }).to_string());
    }
    let get = |headers: &str| {
        let request = format!("GET /api/v1/services HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n");
        exchange(server.address, request.as_bytes())
    };
    let plain = get("");

    assert_eq!(plain.header("content-encoding"), None);
    let packed = get("Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
}

/// The description names every route that the server has, and every field that an answer has beyond the obvious.
#[test]
fn the_description_of_the_api_is_true() {
    let server = Server::in_memory();
    let instance = server.register(&web(ID, 8080));
    let api = server.get("/openapi.json").json();
    let paths: BTreeSet<&str> = api["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    for path in paths.iter().filter(|path| !path.ends_with("/events")) {
        let filled = path.replace("{id}", ID).replace("{name}", "web");
        let methods = api["paths"][*path].as_object().unwrap();
        for method in ["get", "post", "put", "delete"] {
            let status = server.send(&method.to_uppercase(), &filled, None).status;
            // The server has exactly the methods that are described.
            assert_eq!(status != 405, methods.contains_key(method), "{method} {path}: {status}");
            assert_ne!(status, 500, "{method} {path}");
            if let Some(described) = methods.get(method).filter(|_| status != 405) {
                assert!(described["responses"][status.to_string()].is_object(), "{method} {path}: {status}");
            }
            server.register(&web(ID, 8080));
        }
    }
    assert_eq!(server.get("/api/v1/undescribed").status, 404);

    let described = &api["components"]["schemas"]["Instance"]["properties"];
    for field in ["id", "name", "version", "address", "port", "tags", "metadata", "health", "healthy", "weight"] {
        assert!(described[field].is_object() && !instance[field].is_null(), "{field}");
    }
    // Row A30: the fields of the document's record.
    for field in RECORD_FIELDS {
        assert!(instance.get(field).is_some(), "{field} is not in {instance}");
    }
    for field in instance.as_object().unwrap().keys().map(String::as_str).chain(RECORD_FIELDS) {
        assert!(described[field].is_object(), "{field} is not described");
    }
    assert_eq!((&instance["ttl"], &instance["node_id"]), (&30.into(), &"node-1".into()));
    // Every field of a registration is described, and taken.
    let fields = api["components"]["schemas"]["Registration"]["properties"].as_object().unwrap();
    let error = server.post("/api/v1/services", r#"{"name":"a","address":"a","port":1,"qqqqqqqqqq":1}"#).json();
    let hint = error["error"]["hint"].as_str().unwrap().to_owned();
    for field in fields.keys() {
        assert!(hint.contains(field.as_str()), "{field} is described and unknown: {hint}");
    }
}
