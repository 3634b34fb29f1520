//! The agent: services, checks, maintenance, and the agent itself.

use serde_json::{Value, json};

use super::client::{ConsulServer, send_text, status_of};

const REGISTER: &str = "/v1/agent/service/register";

#[test]
fn a_service_registers_and_is_seen_by_rest_and_the_other_way_round() {
    let server = ConsulServer::start();
    let body = json!({ "ID": "web-1", "Name": "web", "Port": 80, "Address": "127.0.0.1", "Tags": ["api"],
        "Meta": { "version": "1.2.0" }, "Weights": { "Passing": 5, "Warning": 2 },
        "Check": { "TTL": "1h", "Status": "passing" } });
    server.write(REGISTER, &body);

    let rest = server.rest.discover("service_name=web&version=1.2.0");
    assert_eq!(rest.len(), 1, "{rest:?}");
    let fields = ["id", "address", "port", "weight", "health", "node"].map(|field| rest[0][field].clone());
    assert_eq!(Value::from(fields.to_vec()), json!(["web-1", "127.0.0.1", 80, 5, "healthy", "n1"]));
    assert!(rest[0].get("catalog").is_none(), "what only Consul knows is not shown");

    let own = server.rest.register(
        r#"{"id":"0e9c0b6e-0000-4000-8000-000000000001","name":"db","address":"127.0.0.2","port":5432,"tags":["x"],"version":"15","ttl":30}"#,
    );
    let services = server.read("/v1/agent/services");
    let service = &services[own["id"].as_str().unwrap()];
    assert_eq!((&service["Service"], &service["Port"]), (&json!("db"), &json!(5432)), "{services}");
    assert_eq!(service["Meta"], json!({ "version": "15" }));
    let entry = &server.read("/v1/health/service/db?passing")[0];
    assert_eq!(status_of(&entry["Checks"], &format!("lease:{}", own["id"].as_str().unwrap())), "passing");

    let changed = json!({ "id": own["id"], "catalog": { "id": "x" }, "name": "db", "address": "127.0.0.2", "port": 1 });
    assert_eq!(server.rest.post("/api/v1/services", &changed.to_string()).status, 400, "REST cannot set it");
}

#[test]
fn names_ids_and_ports_are_as_free_as_with_consul() {
    let server = ConsulServer::start();
    server.write(
        REGISTER,
        &json!({ "Name": "a b/c", "ID": "x y/z%2F", "Tags": ["traefik.http.routers.x.rule=Host(`a`)"] }),
    );
    let service = server.read("/v1/agent/service/x%20y%2Fz%252F");
    assert_eq!((&service["Service"], &service["Port"]), (&json!("a b/c"), &json!(0)));
    assert_eq!(server.read("/v1/health/service/a%20b%2Fc").as_array().unwrap().len(), 1);
    let rest = server.rest.discover("service_name=a%20b%2Fc");
    assert_eq!((&rest[0]["port"], &rest[0]["address"]), (&json!(0), &json!("127.0.0.1")));

    server.write("/v1/agent/service/deregister/x%20y%2Fz%252F", &Value::Null);
    assert_eq!(server.read("/v1/agent/services"), json!({}));
    server.write("/v1/agent/service/deregister/nope", &Value::Null);
}

#[test]
fn keys_may_be_written_in_any_case_and_unknown_ones_are_refused() {
    let server = ConsulServer::start();
    server.write(REGISTER, &json!({ "id": "s", "NAME": "web", "enable_tag_override": true, "tagged_addresses": {
        "wan": { "address": "10.0.0.9", "port": 81 } }, "check": { "ttl": "1h", "deregister_critical_service_after": "90m" } }));
    let service = server.read("/v1/agent/service/s");
    assert_eq!((&service["EnableTagOverride"], &service["TaggedAddresses"]["wan"]["Port"]), (&json!(true), &json!(81)));

    for (body, text) in [
        ("", "Request decode failed: EOF"),
        ("x", "Request decode failed: "),
        ("[]", "Request decode failed: "),
        (r#"{"Nme":"x"}"#, "unknown field \"Nme\" (did you mean Name?)"),
        (r#"{"Name":"x","Port":"80"}"#, "Port is a whole number"),
        (r#"{"Name":"x","Check":{"TTL":"5"}}"#, "invalid duration \"5\""),
        (r#"{"Name":"x","Check":{"Foo":1}}"#, "unknown field \"Foo\""),
        ("{}", "Missing service name"),
        (r#"{"Name":"consul","ID":"x"}"#, "Invalid service name: consul is the name of this server itself"),
        (r#"{"Name":"Consul","ID":"x"}"#, "Invalid service name"),
        (r#"{"Name":"x","Address":"0.0.0.0"}"#, "Invalid service address"),
        (r#"{"Name":"x","Weights":{"Passing":0}}"#, "Invalid Weights: Passing must be greater than 0"),
        (r#"{"Name":"x","Meta":{"a b":"c"}}"#, "Invalid Service Meta: "),
        (r#"{"Name":"x","Checks":[{}]}"#, "TTL must be > 0 for TTL checks"),
        (r#"{"Name":"x","Check":{"TTL":"1s","Interval":"1s"}}"#, "Interval and TTL cannot both be specified"),
        (r#"{"Name":"x","Check":{"HTTP":"http://127.0.0.1/"}}"#, "Interval must be > 0"),
        (r#"{"Name":"x","Check":{"TTL":"1s","Status":"odd"}}"#, "Status for checks must"),
        (r#"{"Name":"x","Port":99999}"#, "Invalid port"),
        (r#"{"Name":"x","Kind":"connect-proxy"}"#, "not supported"),
        (r#"{"Name":"x","Connect":{"SidecarService":{}}}"#, "not supported"),
        (r#"{"Name":"x","Connect":{"Nope":1}}"#, "unknown field \"Nope\""),
        (
            r#"{"Name":"x","Address":"10.0.0.5","Check":{"HTTP":"http://169.254.169.254/","Interval":"1s"}}"#,
            "goes to the address of its service",
        ),
        (
            r#"{"Name":"x","Check":{"HTTP":"http://127.0.0.1/","Interval":"1s","Header":{"Host":["a"]}}}"#,
            "not supported",
        ),
        (
            r#"{"Name":"x","Check":{"HTTP":"http://127.0.0.1/","Interval":"1s","Method":"DELETE"}}"#,
            "checks send GET and HEAD, not DELETE",
        ),
        (r#"{"Name":"x","Check":{"AliasService":"web"}}"#, "alias checks are not supported"),
    ] {
        let reply = send_text(server.address, "PUT", REGISTER, "", body);
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(reply.text().contains(text), "{body}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    let script = r#"{"Name":"x","Check":{"Args":["id"],"Interval":"1s"}}"#;
    let reply = send_text(server.address, "PUT", REGISTER, "", script);
    assert!(reply.status == 500 && reply.text().contains("Scripts are disabled"), "{}", reply.text());
    let check = r#"{"Name":"c","HTTP":"http://127.0.0.1/","Interval":"1s","Method":"POST"}"#;
    let reply = send_text(server.address, "PUT", "/v1/agent/check/register", "", check);
    assert!(reply.status == 400 && reply.text().contains("not POST"), "{}", reply.text());
    let long = format!(r#"{{"Name":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(send_text(server.address, "PUT", REGISTER, "", &long).status, 413);
}

#[test]
fn checks_have_consuls_ids_and_states() {
    let server = ConsulServer::start();
    let checks = json!([{ "TTL": "1h" }, { "HTTP": "http://127.0.0.1:9/x", "Interval": "1h", "Status": "passing" },
        { "Name": "third", "CheckID": "c3", "TCP": "localhost:9", "Interval": "1h", "Notes": "nn" }]);
    server.write(REGISTER, &json!({ "ID": "w1", "Name": "web", "Port": 9, "Tags": ["a"], "Checks": checks }));
    let all = server.read("/v1/agent/checks");
    let ids: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(ids, ["c3", "service:w1:1", "service:w1:2"]);
    let first = &all["service:w1:1"];
    assert_eq!(
        (&first["Name"], &first["Status"], &first["Type"], &first["ServiceTags"]),
        (&json!("Service 'web' check"), &json!("critical"), &json!("ttl"), &json!(["a"])),
        "new checks are critical until something else is reported"
    );
    assert_eq!((&all["service:w1:2"]["Status"], &all["c3"]["Notes"]), (&json!("passing"), &json!("nn")));

    let report = |path: &str| server.write(&format!("/v1/agent/check/{path}"), &Value::Null);
    let shown = |id: &str| {
        let check = server.read("/v1/agent/checks")[id].clone();
        (check["Status"].as_str().unwrap().to_owned(), check["Output"].as_str().unwrap().to_owned())
    };
    let pair = |status: &str, output: &str| (status.to_owned(), output.to_owned());
    report("pass/service:w1:1?note=all%20well");
    assert_eq!(shown("service:w1:1"), pair("passing", "all well"));
    report("warn/service:w1:1");
    assert_eq!(shown("service:w1:1"), pair("warning", ""));
    server.write("/v1/agent/check/update/service:w1:1", &json!({ "status": "critical", "Output": "down" }));
    assert_eq!(shown("service:w1:1"), pair("critical", "down"));
    let rest = server.rest.get("/api/v1/services/w1").json();
    assert_eq!(rest["data"]["health"], "unhealthy", "REST sees it too: {rest}");

    for (path, body, status, text) in [
        ("pass/nope", Value::Null, 500, "CheckID \"nope\" does not have associated TTL"),
        ("pass/c3", Value::Null, 500, "CheckID \"c3\" does not have associated TTL"),
        ("update/service:w1:1", json!({ "Status": "odd" }), 400, "Invalid check status: 'odd'"),
        ("register", json!({ "TTL": "1h" }), 400, "Missing check name"),
        (
            "register",
            json!({ "Name": "n", "TTL": "1h", "ServiceID": "nope" }),
            500,
            "ServiceID \"nope\" does not exist",
        ),
        ("register", json!({ "Name": "n", "TTL": "1h", "Status": "odd" }), 400, "Bad check status"),
        ("register", json!({ "Name": "n" }), 400, "Invalid check: TTL must be > 0"),
    ] {
        let reply = server.put(&format!("/v1/agent/check/{path}"), &body);
        assert_eq!((reply.status, reply.text().contains(text)), (status, true), "{path} {body}: {}", reply.text());
    }

    // A check of a service, one of the node, and one that moves: its id is unique on the node.
    server.write("/v1/agent/check/register", &json!({ "ID": "k", "Name": "extra", "ServiceID": "w1", "TTL": "1h" }));
    server.write("/v1/agent/check/register", &json!({ "Name": "disk", "TTL": "1h", "Status": "passing" }));
    let all = server.read("/v1/agent/checks");
    assert_eq!((&all["k"]["ServiceID"], &all["disk"]["ServiceID"]), (&json!("w1"), &json!("")), "{all}");
    server.write("/v1/agent/check/register", &json!({ "ID": "k", "Name": "extra", "TTL": "1h" }));
    let all = server.read("/v1/agent/checks");
    assert_eq!((all.as_object().unwrap().len(), &all["k"]["ServiceID"]), (5, &json!("")), "{all}");
    for id in ["k", "disk", "nope"] {
        server.write(&format!("/v1/agent/check/deregister/{id}"), &Value::Null);
    }
    assert_eq!(server.read("/v1/agent/checks").as_object().unwrap().len(), 3);

    // Registered again with other checks: those that are not named stay, unless they are to be replaced.
    server.write(REGISTER, &json!({ "ID": "w1", "Name": "web", "Check": { "CheckID": "c3", "TTL": "1h" } }));
    assert_eq!(server.read("/v1/agent/checks").as_object().unwrap().len(), 3);
    let again = json!({ "ID": "w1", "Name": "web", "Check": { "CheckID": "c3", "TTL": "1h" } });
    server.write("/v1/agent/service/register?replace-existing-checks=true", &again);
    assert_eq!(server.read("/v1/agent/checks").as_object().unwrap().len(), 1);
}

#[test]
fn health_of_a_service_is_a_status() {
    let server = ConsulServer::start();
    server.write(REGISTER, &json!({ "ID": "w1", "Name": "web", "Check": { "TTL": "1h" } }));
    server.write(REGISTER, &json!({ "ID": "w2", "Name": "web" }));
    for (report, status, word) in [("pass", 200, "passing"), ("warn", 429, "warning"), ("fail", 503, "critical")] {
        server.write(&format!("/v1/agent/check/{report}/service:w1"), &Value::Null);
        for path in ["id/w1", "name/web"] {
            let reply = server.get(&format!("/v1/agent/health/service/{path}"));
            assert_eq!((reply.status, reply.header("x-consul-reason")), (status, Some(word)), "{path}");
            let text = server.get(&format!("/v1/agent/health/service/{path}?format=text"));
            assert_eq!(
                (text.status, text.text().as_str(), text.header("content-type")),
                (status, word, Some("text/plain"))
            );
        }
    }
    let by_name = server.get("/v1/agent/health/service/name/web").json();
    assert_eq!(by_name.as_array().unwrap().len(), 2);
    for path in ["id/nope", "name/nope"] {
        assert_eq!(server.get(&format!("/v1/agent/health/service/{path}")).status, 404);
    }
    assert_eq!(server.get("/v1/agent/health/service/id/").status, 400);
}

#[test]
fn maintenance_of_a_service_and_of_the_node() {
    let server = ConsulServer::start();
    server.write(REGISTER, &json!({ "ID": "w1", "Name": "web", "Check": { "TTL": "1h", "Status": "passing" } }));
    server.write("/v1/agent/service/maintenance/w1?enable=true&reason=upgrade", &Value::Null);
    let check = server.read("/v1/agent/checks")["_service_maintenance:w1"].clone();
    assert_eq!((&check["Notes"], &check["Type"]), (&json!("upgrade"), &json!("maintenance")));
    assert_eq!(server.read("/v1/health/service/web?passing"), json!([]));
    assert_eq!(server.rest.get("/api/v1/services/w1").json()["data"]["status"], "maintenance");
    assert_eq!(server.get("/v1/agent/health/service/id/w1").header("x-consul-reason"), Some("maintenance"));
    server.write("/v1/agent/service/maintenance/w1?enable=false", &Value::Null);
    assert_eq!(server.read("/v1/health/service/web?passing").as_array().unwrap().len(), 1);

    server.write("/v1/agent/maintenance?enable=true", &Value::Null);
    let checks = server.read("/v1/health/node/n1");
    assert_eq!(status_of(&checks, "_node_maintenance"), "critical");
    assert_eq!(server.read("/v1/health/service/web?passing"), json!([]), "all services of the node are out");
    assert_eq!(server.rest.get("/api/v1/services/w1").json()["data"]["node_down"], true);
    assert_eq!(server.rest.get("/api/v1/services").json()["data"]["services"].as_array().unwrap().len(), 1);
    assert_eq!(server.rest.get("/api/v1/status").json()["data"]["instances"], 1, "a node is no instance");
    server.write("/v1/agent/maintenance?enable=false", &Value::Null);
    assert_eq!(server.read("/v1/health/service/web?passing").as_array().unwrap().len(), 1);

    for (path, status, text) in [
        ("/v1/agent/service/maintenance/w1", 400, "Missing value for enable"),
        ("/v1/agent/service/maintenance/w1?enable=x", 400, "Invalid value for enable: \"x\""),
        ("/v1/agent/service/maintenance/?enable=true", 400, "Missing service ID"),
        ("/v1/agent/service/maintenance/nope?enable=true", 404, "No service registered with ID \"nope\""),
        ("/v1/agent/maintenance", 400, "Missing value for enable"),
    ] {
        let reply = server.put(path, &Value::Null);
        assert_eq!((reply.status, reply.text().as_str()), (status, text), "{path}");
    }
}

#[test]
fn the_agent_says_what_it_is() {
    let server = ConsulServer::start();
    let this = server.read("/v1/agent/self");
    assert_eq!((&this["Config"]["NodeName"], &this["Config"]["Datacenter"]), (&json!("n1"), &json!("dc1")));
    assert_eq!(this["DebugConfig"]["ACLsEnabled"], false);
    // A service of the server's own name that came by another API is not shown as the server.
    server.rest.register(r#"{"id":"impostor","name":"consul","address":"10.0.0.66","port":1}"#);
    for path in ["catalog/service/consul", "health/service/consul", "health/service/consul?passing"] {
        let shown = server.read(&format!("/v1/{path}"));
        assert!(shown.as_array().unwrap().len() == 1 && !shown.to_string().contains("10.0.0.66"), "{path}: {shown}");
    }
    assert_eq!(server.read("/v1/catalog/services"), json!({ "consul": [] }));
    let id = this["Config"]["NodeID"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!((&this["Member"]["Tags"]["id"], &this["Stats"]["consul"]["leader"]), (&json!(id), &json!("true")));
    assert_eq!(server.read("/v1/agent/members")[0]["Status"], 1);
    assert_eq!(server.get("/v1/agent/members?wan=1&segment=x").status, 400);
    assert_eq!(server.read("/v1/status/leader"), json!(server.address.to_string()));
    assert_eq!(server.read("/v1/status/peers"), json!([server.address.to_string()]));
    assert_eq!(server.put("/v1/agent/reload", &Value::Null).status, 200);

    let gauges = server.read("/v1/agent/metrics")["Gauges"].clone();
    for name in ["portolan.services", "consul.runtime.alloc_bytes"] {
        assert!(gauges.as_array().unwrap().iter().any(|gauge| gauge["Name"] == name), "{name}: {gauges}");
    }
    let prometheus = server.get("/v1/agent/metrics?format=prometheus");
    assert!(prometheus.text().contains("# TYPE"), "{}", prometheus.text());
}
