//! The table of `docs/consul-compatibility.md`: what the comparison with the real Consul sent to each endpoint, and what is
//! not there. `REGENERATE=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::client::ConsulServer;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/consul-compatibility.md");

/// Endpoints that describe the server itself, whose answers differ from Consul's on purpose, and where they are tested.
const OWN: [(&str, &str, &str); 4] = [
    ("/v1/agent/self", "GET", "`consul::agent`, `consul::clients`"),
    ("/v1/agent/members", "GET", "`consul::agent`, `consul::programs`"),
    ("/v1/agent/metrics", "GET", "`consul::agent`"),
    ("/v1/agent/reload", "PUT", "`consul::agent`, `consul::programs`"),
];
/// All endpoints.
const ENDPOINTS: usize = 33;

/// Parts of Consul that are not here.
const NOT_THERE: [&str; 13] = [
    "/v1/kv/a",
    "/v1/session/list",
    "/v1/acl/tokens",
    "/v1/agent/token/default",
    "/v1/connect/ca/roots",
    "/v1/agent/connect/ca/roots",
    "/v1/config/service-defaults",
    "/v1/query",
    "/v1/event/list",
    "/v1/txn",
    "/v1/snapshot",
    "/v1/coordinate/nodes",
    "/v1/operator/raft/configuration",
];

const HEAD: &str = "\
# Endpoints of Consul's API
A test compares `portolan serve --consul` with Consul 1.8.7 and writes this page: it sends the same generated requests to both,
and fails if one answer differs beyond the [deviations](consul.md#deviations).
`REGENERATE=1 cargo test --test registry consul::differential` writes it anew.

";

/// Method and route of requests, with their number.
type Requests = BTreeMap<(String, String), u64>;

/// Holds the page against what was compared.
#[track_caller]
pub fn assert_current(server: &ConsulServer) {
    let compared = requests(&server.rest.get("/metrics").text());
    let known: BTreeSet<&str> =
        compared.keys().map(|(_, route)| route.as_str()).chain(OWN.iter().map(|(route, ..)| *route)).collect();
    assert_eq!(known.len(), ENDPOINTS, "every endpoint is compared or has a test of its own: {known:?}");

    let text = page(&compared, server);
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert_eq!(committed, text, "write it anew: REGENERATE=1 cargo test --test registry consul::differential");
}

fn page(compared: &Requests, server: &ConsulServer) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| method | endpoint | requests with the same answer |\n|---|---|---|\n");
    let mut rows: Vec<(String, String, String)> = compared
        .iter()
        .map(|((method, route), count)| (shown(route), method.clone(), count.to_string()))
        .chain(OWN.iter().map(|(route, method, tests)| {
            (shown(route), (*method).to_owned(), format!("describes the server; tested by {tests}"))
        }))
        .collect();
    rows.sort();
    for (route, method, count) in rows {
        writeln!(text, "| {method} | `{route}` | {count} |").unwrap();
    }

    text.push_str("\n## Not there\n| path | answer |\n|---|---|\n");
    for path in NOT_THERE {
        let reply = server.get(path);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        writeln!(text, "| `{path}` | 404, {} |", reply.text().trim()).unwrap();
    }
    text
}

/// A route with the name that follows its prefix.
fn shown(route: &str) -> String {
    if route.ends_with('/') { format!("{route}NAME") } else { route.to_owned() }
}

/// The requests that the server counted; those with another method, which it refused, do not count.
fn requests(metrics: &str) -> Requests {
    let mut counts = Requests::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("portolan_http_requests_total{")) {
        let (labels, count) = line.split_once("} ").expect("labels and a count");
        let labels: BTreeMap<&str, &str> = labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(k, v)| (k, v.trim_matches('"')))
            .collect();
        if labels["route"].starts_with("/v1/") && labels["status"] != "405" {
            let key = (labels["method"].to_owned(), labels["route"].to_owned());
            *counts.entry(key).or_default() += count.parse::<u64>().expect("a count");
        }
    }

    counts
}
