//! The catalog: nodes and services, also those that no agent has; filters, tags and parameters.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::client::{ConsulServer, send, status_of};
use crate::serve::folder;
use crate::sources::programs::consul;

fn service(server: &ConsulServer, id: &str, tags: &[&str]) {
    let body =
        json!({ "ID": id, "Name": "web", "Port": 80, "Address": "127.0.0.1", "Tags": tags, "Meta": { "zone": id } });
    server.write("/v1/agent/service/register", &body);
}

#[test]
fn the_server_itself_is_in_the_catalog() {
    let server = ConsulServer::start();
    assert_eq!(server.read("/v1/catalog/services"), json!({ "consul": [] }));
    let entry = server.read("/v1/health/service/consul?passing")[0].clone();
    assert_eq!((&entry["Node"]["Node"], status_of(&entry["Checks"], "serfHealth")), (&json!("n1"), "passing"));
    assert_eq!(entry["Service"]["Port"], server.address.port());
    assert_eq!(server.read("/v1/catalog/datacenters"), json!(["dc1"]));
    assert_eq!(server.read("/v1/catalog/node/n1")["Services"]["consul"]["Service"], "consul");
    assert_eq!(server.rest.get("/api/v1/services").json()["data"]["services"], json!([]), "it is not registered");
}

#[test]
fn the_node_of_the_server_has_the_id_and_the_metadata_of_its_settings() {
    let folder = folder();
    let config = folder.path().join("serve.toml");
    let id = "3f6b8a52-7d0e-4b3c-9a37-2f1c5f0e9d11";
    let text =
        format!("[server.consul]\nnode_id = \"{}\"\nnode_meta = [\"rack=a\", \"os=linux\"]\n", id.to_uppercase());
    std::fs::write(&config, text).unwrap();
    let server = ConsulServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);
    service(&server, "w1", &[]);

    let nodes = server.read("/v1/catalog/nodes?node-meta=rack:a&node-meta=os:linux");
    assert_eq!((&nodes[0]["ID"], &nodes[0]["Meta"]["rack"]), (&json!(id), &json!("a")), "{nodes}");
    let this = server.read("/v1/agent/self");
    assert_eq!((&this["Config"]["NodeID"], &this["Meta"]["os"]), (&json!(id), &json!("linux")));
    for path in ["catalog/services", "catalog/service/consul", "health/service/web", "health/state/any"] {
        assert_ne!(server.read(&format!("/v1/{path}?node-meta=rack:a")).to_string().len(), 2, "{path}");
        assert_eq!(server.read(&format!("/v1/{path}?node-meta=rack:b")).to_string().len(), 2, "{path}");
    }

    // As with Consul, the node has an index like all others, and a client that waits with it waits for the next change.
    assert_eq!((&nodes[0]["CreateIndex"], &nodes[0]["ModifyIndex"]), (&json!(2), &json!(2)));
    let own = &server.read("/v1/health/service/web")[0];
    assert_eq!(own["Service"]["ModifyIndex"], server.index("/v1/health/service/web"));
}

#[test]
fn headers_are_those_that_clients_read() {
    let server = ConsulServer::start();
    for (query, consistency) in
        [("", "leader"), ("?stale", "stale"), ("?consistent", "consistent"), ("?cached", "leader")]
    {
        let reply = server.get(&format!("/v1/catalog/services{query}"));
        let names = [
            "x-consul-index",
            "x-consul-knownleader",
            "x-consul-lastcontact",
            "x-consul-effective-consistency",
            "vary",
        ];
        let values = names.map(|name| reply.header(name).unwrap_or_default().to_owned());
        assert_eq!(values, ["2", "true", "0", consistency, "Accept-Encoding"], "{query}");
        // Consul shows both only to clients that would take an older answer.
        let cache = query.contains("cached").then_some(("HIT", "0"));
        assert_eq!(reply.header("x-cache").zip(reply.header("age")), cache, "{query}");
    }
    for id in 0..30 {
        service(&server, &format!("w{id}"), &[]);
    }
    let small = server.send("GET", "/v1/health/service/web", "Accept-Encoding: gzip\r\n");
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.body.starts_with(&[0x1f, 0x8b]));
    assert!(server.get("/v1/catalog/services?pretty").text().contains("\n    \"consul\": []"));
}

#[test]
fn methods_paths_and_tokens() {
    let server = ConsulServer::start();
    for (method, path, allow) in [
        ("POST", "/v1/agent/services", "OPTIONS,GET"),
        ("HEAD", "/v1/agent/services", "OPTIONS,GET"),
        ("GET", "/v1/agent/check/pass/x", "OPTIONS,PUT"),
        ("DELETE", "/v1/catalog/register", "OPTIONS,PUT"),
    ] {
        let reply = server.send(method, path, "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    let options = server.send("OPTIONS", "/v1/catalog/nodes", "");
    assert_eq!((options.status, options.header("allow")), (200, Some("OPTIONS,GET")));

    for (path, text) in [
        ("/v1/kv/a", "key/value store"),
        ("/v1/session/list", "sessions"),
        ("/v1/acl/tokens", "ACLs"),
        ("/v1/connect/intentions", "Connect"),
        ("/v1/config/x/y", "configuration entries"),
        ("/v1/nope", "no endpoint /v1/nope"),
    ] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.text().contains(text)), (404, true), "{path}: {}", reply.text());
    }
    let moved = server.get("/v1/catalog/service");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/v1/catalog/service/")));
    assert_eq!(server.get("/").text(), "Consul Agent");
    assert_eq!(server.get("/v1/catalog/service/%ff").status, 400);

    for (query, header) in
        [("?token=t0ken", ""), ("", "X-Consul-Token: t0ken\r\n"), ("", "Authorization: Bearer t0ken\r\n")]
    {
        let reply = server.send("GET", &format!("/v1/catalog/nodes{query}"), header);
        assert_eq!(reply.status, 200, "{query} {header}");
    }
    assert!(!server.rest.log().contains("t0ken"));
}

#[test]
fn parameters_are_refused_as_consul_refuses_them() {
    let server = ConsulServer::start();
    for (path, status, text) in [
        ("/v1/catalog/services?index=-1", 400, "Invalid index"),
        ("/v1/catalog/services?wait=1", 400, "Invalid wait time"),
        ("/v1/catalog/services?stale&consistent", 400, "Cannot specify ?stale with ?consistent"),
        ("/v1/catalog/services?cached&consistent", 400, "Cannot specify ?cached with ?consistent"),
        ("/v1/catalog/services?max_stale=5", 400, "Invalid max_stale"),
        ("/v1/catalog/services?ns=a", 400, "Namespaces are a Consul Enterprise feature"),
        ("/v1/catalog/services?dc=dc2", 500, "No path to datacenter"),
        ("/v1/health/service/web?passing=x", 400, "Invalid value for ?passing"),
        ("/v1/health/service/web?filter=x", 500, "Failed to create boolean expression evaluator"),
        ("/v1/health/service/web?filter=Foo==x", 500, "Selector \"Foo\" is not valid"),
        ("/v1/catalog/service/", 400, "Missing service name"),
        ("/v1/catalog/node/", 400, "Missing node name"),
        ("/v1/health/state/", 400, "Missing check state"),
    ] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.text().contains(text)), (status, true), "{path}: {}", reply.text());
    }
    let unread = server.get("/v1/catalog/nodes?ns=a&near=_agent&unknown=1");
    assert_eq!(unread.status, 200, "{}", unread.text());
}

#[test]
fn tags_and_filters_select() {
    let server = ConsulServer::start();
    service(&server, "w1", &["blue", "v1"]);
    service(&server, "w2", &["green", "v1"]);
    let found = |query: &str| -> Vec<String> {
        let list = server.read(&format!("/v1/catalog/service/web{query}"));
        list.as_array().unwrap().iter().map(|one| one["ServiceID"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(""), ["w1", "w2"]);
    assert_eq!(found("?tag=v1"), ["w1", "w2"]);
    assert_eq!(found("?tag=V1&tag=blue"), ["w1"], "all of the tags");
    assert_eq!(found("?filter=ServiceMeta.zone+%3D%3D+w2"), ["w2"]);
    assert_eq!(found("?filter=%22green%22+in+ServiceTags+or+ServiceID+%3D%3D+w1"), ["w1", "w2"]);
    assert_eq!(found("?node-meta=consul-network-segment:"), ["w1", "w2"]);
    assert_eq!(found("?node-meta=rack:1"), [""; 0]);
    assert_eq!(server.read("/v1/catalog/services"), json!({ "consul": [], "web": ["blue", "green", "v1"] }));
    assert_eq!(server.read("/v1/agent/services?filter=ID+%3D%3D+w2").as_object().unwrap().len(), 1);
    assert_eq!(server.read("/v1/catalog/service/nope"), json!([]));
}

#[test]
fn nodes_without_an_agent_come_and_go_with_their_services() {
    let server = ConsulServer::start();
    let register = |body: Value| {
        let reply = server.put("/v1/catalog/register", &body);
        assert_eq!((reply.status, reply.text().as_str()), (200, "true"), "{body}");
    };
    let service = json!({ "Service": "redis", "Port": 6379 });
    let check = json!({ "Name": "alive", "Status": "passing", "ServiceID": "redis", "Output": "PONG" });
    register(
        json!({ "Node": "foo", "Address": "10.0.0.9", "NodeMeta": { "rack": "1" }, "Service": service, "Check": check }),
    );
    register(json!({ "Node": "bar", "Address": "10.0.0.8", "Service": service }));

    let entries = server.read("/v1/health/service/redis");
    let names: Vec<&str> =
        entries.as_array().unwrap().iter().map(|one| one["Node"]["Node"].as_str().unwrap()).collect();
    assert_eq!(names, ["bar", "foo"], "one id on two nodes");
    let checks = &entries[1]["Checks"];
    assert_eq!(
        (checks.as_array().unwrap().len(), &checks[0]["Output"]),
        (1, &json!("PONG")),
        "no serfHealth: {checks}"
    );
    let rest = server.rest.discover("service_name=redis&include_unhealthy=true");
    let mut addresses: Vec<&str> = rest.iter().map(|one| one["address"].as_str().unwrap()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["10.0.0.8", "10.0.0.9"]);
    assert_eq!(server.read("/v1/agent/services"), json!({}), "no agent has them");

    let nodes = server.read("/v1/catalog/nodes");
    let mut ids: Vec<&str> = nodes.as_array().unwrap().iter().map(|node| node["ID"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), ids.iter().all(|id| id.len() == 36)), (3, true), "each node has an id of its own: {nodes}");
    assert_eq!(server.read("/v1/catalog/nodes?node-meta=rack:1").as_array().unwrap().len(), 1);

    // A check of a node counts for its services, and a check takes the state that is registered.
    register(
        json!({ "Node": "foo", "SkipNodeUpdate": true, "Check": { "CheckID": "disk", "Name": "disk", "Status": "critical" } }),
    );
    assert_eq!(server.read("/v1/health/service/redis?passing").as_array().unwrap().len(), 1);
    register(
        json!({ "Node": "foo", "Address": "10.0.0.9", "Check": { "CheckID": "disk", "Name": "disk", "Status": "passing" } }),
    );
    assert_eq!(server.read("/v1/health/service/redis?passing").as_array().unwrap().len(), 2);
    assert_eq!(status_of(&server.read("/v1/health/node/foo"), "disk"), "passing");

    for (body, text) in [
        (json!({}), "Must provide node"),
        (json!({ "Node": "x" }), "Must provide address"),
        (json!({ "Node": "x", "Address": "10.0.0.1", "ID": "bad" }), "Bad node ID"),
        (json!({ "Node": "x", "Address": "10.0.0.1", "Datacenter": "dc2" }), "No path to datacenter"),
        (json!({ "Node": "x", "Address": "10.0.0.1", "Service": { "ID": "a" } }), "Must provide service name with ID"),
        (
            json!({ "Node": "x", "Address": "10.0.0.1", "Check": { "Name": "c", "ServiceID": "no" } }),
            "Missing service registration",
        ),
    ] {
        let reply = server.put("/v1/catalog/register", &body);
        assert_eq!((reply.status, reply.text().contains(text)), (500, true), "{body}: {}", reply.text());
    }
    assert_eq!(server.read("/v1/catalog/node/x"), Value::Null, "a refused registration leaves nothing");

    let deregister = |body: Value| server.write("/v1/catalog/deregister", &body);
    deregister(json!({ "Node": "foo", "CheckID": "disk" }));
    assert_eq!(server.read("/v1/health/node/foo").as_array().unwrap().len(), 1);
    deregister(json!({ "Node": "bar", "ServiceID": "redis" }));
    assert_eq!(server.read("/v1/catalog/service/redis").as_array().unwrap().len(), 1);
    deregister(json!({ "Node": "foo" }));
    deregister(json!({ "Node": "nope", "ServiceID": "x" }));
    assert_eq!(server.read("/v1/catalog/service/redis"), json!([]));
    assert_eq!(server.read("/v1/catalog/node-services/foo"), json!({ "Node": null, "Services": null }));
}

#[test]
fn a_node_that_only_rest_names_is_a_node() {
    let server = ConsulServer::start();
    server.rest.register(r#"{"id":"0e9c0b6e-0000-4000-8000-000000000002","name":"db","address":"10.0.0.7","port":5432,"node":"n7","ttl":0}"#);
    let node = server.read("/v1/catalog/node/n7");
    assert_eq!((&node["Node"]["Address"], node["Services"].as_object().unwrap().len()), (&json!("10.0.0.7"), 1));
    server.write("/v1/catalog/deregister", &json!({ "Node": "n7" }));
    assert_eq!(server.rest.discover("service_name=db"), Vec::<Value>::new());
}

/// What of the service with this name shows that it is a proxy, or speaks Connect.
fn shown_of_connect(address: SocketAddr, name: &str) -> Value {
    let [catalog, health] = ["catalog", "health"]
        .map(|list| send(address, "GET", &format!("/v1/{list}/service/{name}"), "", &Value::Null).json()[0].clone());
    json!([
        catalog["ServiceKind"],
        catalog["ServiceProxy"],
        catalog["ServiceConnect"],
        catalog["Address"],
        health["Service"]["Kind"],
        health["Service"]["Proxy"],
        health["Service"]["Connect"]
    ])
}

#[test]
fn the_catalog_keeps_what_is_registered_of_connect_as_consul_does() {
    let (real, own) = (consul(), ConsulServer::start());
    let registered = |service: Value| json!({ "Node": "a", "Address": "10.0.0.1", "Service": service });
    let proxy = |port: u16, proxy: Value| {
        registered(json!({ "Service": "web-proxy", "Kind": "connect-proxy", "Port": port, "Proxy": proxy }))
    };
    let whole = json!({ "DestinationServiceName": "web", "DestinationServiceID": "w1", "LocalServiceAddress": "127.0.0.2",
        "local_service_port": 8080, "Config": { "own": { "x": [1, "b"] } },
        "Upstreams": [{ "DestinationType": "service", "DestinationName": "db", "LocalBindPort": 9191 }] });

    for body in [
        registered(json!({ "Service": "plain", "Port": 80, "Connect": {}, "Proxy": {} })),
        registered(json!({ "Service": "native", "Port": 80, "Connect": { "Native": true } })),
        proxy(8001, json!({ "DestinationServiceName": "web" })),
        proxy(8001, whole),
    ] {
        crate::sources::json_http::send(real.address, "PUT", "/v1/catalog/register", None, &body);
        own.write("/v1/catalog/register", &body);
        let name = body["Service"]["Service"].as_str().unwrap();
        assert_eq!(shown_of_connect(own.address, name), shown_of_connect(real.address, name), "{body}");
    }

    for body in [
        proxy(8001, json!({})),
        proxy(0, json!({ "DestinationServiceName": "web" })),
        proxy(8001, json!({ "DestinationServiceName": "web", "Upstreams": [{ "DestinationName": "db" }] })),
        proxy(8001, json!({ "DestinationServiceName": "web", "LocalServicePort": "80" })),
    ] {
        let [theirs, ours] =
            [real.address, own.address].map(|address| send(address, "PUT", "/v1/catalog/register", "", &body).status);
        assert_eq!((theirs, theirs >= 400), (ours, true), "{body}");
    }
    let large = proxy(8001, json!({ "DestinationServiceName": "web", "Config": { "x": "y".repeat(17_000) } }));
    let refused = own.put("/v1/catalog/register", &large);
    assert!(refused.status == 400 && refused.text().contains("at most 16384 are allowed"), "{}", refused.text());
}

/// A client may register a service before the node that it is on.
#[test]
fn a_service_may_come_before_its_node() {
    let (real, own) = (consul(), ConsulServer::start());
    let service = json!({ "Node": "late", "SkipNodeUpdate": true,
        "Service": { "Service": "web", "Port": 80, "Address": "10.0.0.7" } });
    let node = json!({ "Node": "late", "Address": "10.0.0.8", "NodeMeta": { "os": "linux" } });
    for body in [service, node] {
        crate::sources::json_http::send(real.address, "PUT", "/v1/catalog/register", None, &body);
        own.write("/v1/catalog/register", &body);
    }
    let shown = [real.address, own.address].map(|address| {
        let list = send(address, "GET", "/v1/catalog/service/web", "", &Value::Null).json();
        ["Address", "NodeMeta", "ServiceAddress", "ServicePort"].map(|field| list[0][field].clone())
    });
    assert_eq!(shown[1], shown[0]);
}

/// Consul's Go client sends weights of zero with every service that it puts into the catalog; the agent refuses those.
#[test]
fn weights_that_no_service_can_have_are_the_usual_ones_in_the_catalog() {
    let (real, own) = (consul(), ConsulServer::start());
    for weights in [
        json!({ "Passing": 0, "Warning": 0 }),
        json!({ "Passing": 5, "Warning": -2 }),
        json!({ "Passing": 5, "Warning": 2 }),
    ] {
        let body = json!({ "Node": "a", "Address": "10.0.0.1", "Service": { "Service": "web", "Port": 80, "Weights": weights } });
        crate::sources::json_http::send(real.address, "PUT", "/v1/catalog/register", None, &body);
        own.write("/v1/catalog/register", &body);

        let path = "/v1/catalog/service/web";
        let expected: Value =
            serde_json::from_str(&crate::sources::json_http::send(real.address, "GET", path, None, &Value::Null))
                .unwrap();
        assert_eq!(own.read(path)[0]["ServiceWeights"], expected[0]["ServiceWeights"], "{weights}");
    }
}
