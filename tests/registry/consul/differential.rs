//! The real Consul 1.8.7 and ours get the same requests, and answer the same.

use serde_json::{Map, Value};

use super::client::{ConsulServer, send};
use super::compatibility;
use super::requests::{Dice, Sent, request};
use crate::serve::Reply;
use crate::sources::programs::consul;
use crate::support::HANG;

const REQUESTS: usize = 400;

/// The headers that must be the same.
const HEADERS: [&str; 6] = [
    "x-consul-knownleader",
    "x-consul-lastcontact",
    "x-consul-effective-consistency",
    "x-consul-reason",
    "content-type",
    "allow",
];

#[test]
fn the_real_consul_answers_the_same() {
    let real = consul();
    let begun = std::time::Instant::now();
    while !send(real.address, "GET", "/v1/catalog/services", "", &Value::Null).text().contains("\"consul\"") {
        assert!(begun.elapsed() < HANG, "{}", real.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let own = ConsulServer::start();
    let real_meta = send(real.address, "PUT", "/v1/agent/reload", "", &Value::Null);
    assert_eq!(real_meta.status, 200);
    // Its agent brings the metadata of its node into the catalog later than the service.
    let node = "/v1/catalog/nodes?node-meta=consul-network-segment:";
    while !send(real.address, "GET", node, "", &Value::Null).text().contains("\"n1\"") {
        assert!(begun.elapsed() < HANG, "{}", real.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    let mut dice = Dice(20_261_129);
    let (mut statuses, mut different) = (std::collections::BTreeMap::<u16, usize>::new(), Vec::new());
    for number in 0..REQUESTS {
        let Sent { method, path, body } = request(&mut dice);
        let replies = [real.address, own.address].map(|address| send(address, method, &path, "", &body));
        *statuses.entry(replies[0].status).or_default() += 1;
        let [real_seen, own_seen] = [&replies[0], &replies[1]].map(|reply| seen(&path, reply, replies[0].status));
        if real_seen != own_seen {
            different.push(format!("{number}: {method} {path} {body}\n  Consul {real_seen}\n  ours   {own_seen}"));
        }
    }

    assert!(
        different.is_empty(),
        "{} of {REQUESTS} differ:\n{}\nbeyond what is known:\n{}",
        different.len(),
        different.join("\n"),
        compatibility::deviations()
    );
    // The requests must have reached what they are meant for.
    assert!([200, 400, 404, 405, 500].iter().all(|status| statuses.contains_key(status)), "{statuses:?}");
    assert!(statuses[&200] > REQUESTS / 2, "{statuses:?}");
    compatibility::assert_current(&own);
}

/// What of an answer is compared, as text. `status`: that of Consul.
fn seen(path: &str, reply: &Reply, status: u16) -> String {
    let is_error = status >= 400 && reply.header("x-consul-reason").is_none();
    let headers = HEADERS
        .iter()
        .filter(|name| !is_error && status != 301 || **name == "allow")
        .map(|name| format!("{name}: {}", reply.header(name).unwrap_or("-")));
    let headers: Vec<String> = headers.collect();
    let index = if is_error { String::new() } else { format!("{}", reply.header("x-consul-index").is_some()) };

    let body = serde_json::from_slice(&reply.body).ok().filter(|_| !is_error).map(|body| comparable(body, path));
    let body = body.map_or_else(String::new, |body| body.to_string());
    format!("{} [{}] index {index} {body}", reply.status, headers.join(", "))
}

/// A body without what differs for a reason: see [`compatibility::DEVIATIONS`].
fn comparable(value: Value, path: &str) -> Value {
    match value {
        Value::Object(fields) => comparable_object(fields, path),
        Value::Array(items) => {
            let items = items.into_iter().filter(|item| !is_consul(item)).map(|item| comparable(item, path));
            let mut items: Vec<Value> = items.collect();
            items.sort_by_key(ToString::to_string);
            if items.is_empty() { Value::Null } else { items.into() }
        }
        Value::String(text) => {
            // The addresses of the two servers, and the ports of Consul's other protocols.
            let is_address = text.starts_with("127.1") || text == "127.0.0.1" || text.starts_with("127.0.0.1:");
            if is_address { "ADDRESS".into() } else { text.into() }
        }
        other => other,
    }
}

fn comparable_object(fields: Map<String, Value>, path: &str) -> Value {
    let is_check = fields.contains_key("CheckID");
    let is_node = fields.contains_key("Datacenter");
    let mut kept = std::collections::BTreeMap::new();
    for (key, value) in fields {
        let is_left_out = matches!(key.as_str(), "CreateIndex" | "ModifyIndex")
            || is_check && key == "ServiceTags"
            || is_check && key == "Output" && !path.starts_with("/v1/agent/checks")
            || is_node && key == "ID"
            // The configuration of the real server gives its node a zone.
            || key == "zone" && value == "a"
            || is_consul(&value);
        let value = comparable(value, path);
        let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if !is_left_out && !is_empty {
            kept.insert(key, value);
        }
    }

    kept.into_iter().collect::<Map<_, _>>().into()
}

/// The service of the server itself.
fn is_consul(value: &Value) -> bool {
    value["ID"] == "consul" || value["ServiceID"] == "consul" || value["Service"]["ID"] == "consul"
}
