//! `portolan services`, `deregister` and `status`: what an operator sees and changes, in our own registry, Consul and etcd.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::sources::json_http::send;
use crate::sources::programs;
use crate::support::hear;

fn run(words: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(words.split_whitespace()).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    hear(command.spawn().unwrap(), words)
}

/// Runs a command that ends with this code; its standard output and error.
#[track_caller]
fn ran(words: &str, code: i32) -> (String, String) {
    let output = run(words, &[]);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{words}: {out}{err}");
    (out, err)
}

#[track_caller]
fn document(words: &str) -> Value {
    let (out, err) = ran(words, 0);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{words}: {error}: {out}{err}"))
}

/// A20 to A23, D16 to D18, REGISTRY section 2: against our own server, through --server, --registry and the environment.
#[cfg(all(feature = "registry", feature = "serve"))]
#[test]
fn our_own_registry_is_listed_shown_and_changed() {
    let server = programs::portolan();
    let address = server.address;
    let instances = [("a", "1.2.0", "export", 81), ("b", "1.10.0", "import", 82), ("c", "1.10.0", "import", 83)];
    for (id, version, capability, port) in instances {
        let body = json!({ "id": id, "name": "web", "address": "127.0.0.1", "port": port, "version": version,
            "tags": ["blue"], "capabilities": [capability] });
        send(address, "POST", "/api/v1/services", None, &body);
    }
    send(
        address,
        "POST",
        "/api/v1/services",
        None,
        &json!({ "id": "d", "name": "db", "address": "127.0.0.1", "port": 84 }),
    );
    send(address, "POST", "/api/v1/services/c/heartbeat", None, &json!({ "status": "unhealthy" }));

    let at = format!("--server http://{address}");
    let (table, notes) = ran(&format!("services list {at}"), 0);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["default", "db", "1/1", "passing", "by", "lease"], "{table}{notes}");
    assert_eq!(lines[2], ["default", "web", "2/3", "degraded", "1.2.0,", "1.10.0", "blue"], "{table}");
    let filtered = document(&format!("services list w* --json --registry portolan://{address}"));
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1, "{filtered}");

    let (csv, _) = ran(&format!("services list -o csv {at}"), 0);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "namespace,name,instances,usable,healthy,health,versions,tags,capabilities,zones");
    assert_eq!(rows[2], "default,web,3,2,2,degraded,\"1.2.0, 1.10.0\",blue,\"export, import\",", "{csv}");
    let (_, err) = ran(&format!("services list -o yaml {at}"), 2);
    assert!(err.contains("hint: write --json or -o csv; "), "{err}");

    let shown = document(&format!("services get web --json {at}"));
    let item = &shown["items"][0];
    assert_eq!((&item["instances"], &item["healthy"], &item["health"]), (&json!(3), &json!(2), &json!("degraded")));
    assert_eq!((&item["versions"], &item["capabilities"]), (&json!(["1.2.0", "1.10.0"]), &json!(["export", "import"])));
    assert_eq!(item["endpoints"][2]["instance"]["health"], "unhealthy", "{item}");
    let (text, _) = ran(&format!("services get default/web {at}"), 0);
    assert!(text.contains("  healthy       2 of 3\n"), "{text}");
    let (_, err) = ran(&format!("services get gone {at}"), 1);
    assert!(err.starts_with("error: no service has the name gone\nhint: "), "{err}");

    ran(&format!("services update a --status maintenance --weight 7 --reason patching {at}"), 0);
    let (text, _) = ran(&format!("services get web {at}"), 0);
    assert!(text.contains("maintenance: patching"), "an operator's reason is shown: {text}");
    let shown = document(&format!("services get web --json {at}"));
    let changed = &shown["items"][0]["endpoints"][0];
    assert_eq!(
        (&changed["weight"], &changed["instance"]["lifecycle"]),
        (&json!(7), &json!("maintenance")),
        "{changed}"
    );
    assert_eq!(shown["items"][0]["healthy"], 1);
    let (_, err) = ran(&format!("services update web --status up {at}"), 1);
    assert!(err.contains("nothing was changed: it was not confirmed"), "{err}");
    ran(&format!("services update web --status up --yes {at}"), 0);
    assert_eq!(document(&format!("services get web --json {at}"))["items"][0]["usable"], 2);

    let environment = [("PORTOLAN_REGISTRY", address.to_string())].map(|(name, value)| (name, value));
    let output = run("status --json", &environment.each_ref().map(|(name, value)| (*name, value.as_str())));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status = &status["status"];
    assert_eq!(
        (&status["ready"], &status["local_count"], &status["cache_entries"]),
        (&json!(true), &json!(4), &json!(0))
    );
    let (text, _) = ran(&format!("status {at}"), 0);
    assert!(
        text.contains("4: 3 healthy, 0 degraded, 1 unhealthy, 0 unknown") && text.contains("SQLite file"),
        "{text}"
    );
}

/// A host is taken out of service as a whole, and others can read why.
#[cfg(all(feature = "registry", feature = "serve"))]
#[test]
fn the_instances_of_a_node_are_drained_with_a_reason() {
    let server = programs::portolan();
    let address = server.address;
    for (id, name, node) in [("a", "web", "web1"), ("b", "web", "web2"), ("c", "db", "web1")] {
        let body = json!({ "id": id, "name": name, "address": "127.0.0.1", "port": 81, "node": node });
        send(address, "POST", "/api/v1/services", None, &body);
    }
    let at = format!("--server http://{address}");
    let update = |words: &[&str], code: i32| {
        let words: Vec<&str> = ["services", "update"].iter().chain(words).copied().chain(at.split(' ')).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.args(&words).env_clear().env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = hear(child, "services update");
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {err}");
        err
    };

    let asked = update(&["--node", "web1", "--status", "maintenance"], 1);
    assert!(asked.contains("nothing was changed: it was not confirmed"), "{asked}");
    update(&["--node", "web1", "--status", "maintenance", "--reason", "patch day", "--yes"], 0);
    let (shown, _) = ran(&format!("health show web {at}"), 0);
    assert!(shown.contains("  its status is maintenance: patch day\n"), "{shown}");
    assert_eq!(shown.matches("patch day").count(), 1, "the other node stays as it is: {shown}");
    let (list, _) = ran(&format!("services list {at}"), 0);
    assert!(list.contains("0/1  maintenance: patch day") && list.contains("1/2  degraded"), "{list}");
    let (instances, _) = ran(&format!("services get web {at}"), 0);
    assert!(instances.contains("127.0.0.1:81  maintenance  maintenance: patch day"), "{instances}");
    assert!(!instances.contains("unhealthy"), "nothing found that it is: {instances}");
    let (log, _) = ran(&format!("audit {at}"), 0);
    assert_eq!(log.matches("(maintenance: patch day)").count(), 2, "{log}");

    update(&["--node", "web2", "--status", "maintenance", "--reason", "new disk", "--yes"], 0);
    let (list, _) = ran(&format!("services list {at}"), 0);
    assert!(list.contains("0/2  maintenance\n") || list.contains("0/2  maintenance "), "{list}");
    update(&["--node", "web2", "--status", "draining", "--yes"], 0);
    let (list, _) = ran(&format!("services list {at}"), 0);
    assert!(list.contains("0/2  maintenance, draining"), "{list}");

    update(&["--node", "web1", "--status", "up", "--yes"], 0);
    let (shown, _) = ran(&format!("health show web {at}"), 0);
    assert!(!shown.contains("patch day"), "{shown}");
    let absent = update(&["--node", "web9", "--status", "up"], 1);
    assert!(absent.contains("no such instance is on the node web9"), "{absent}");
    update(&["web", "--weight", "1", "--reason", "x"], 2);
}

/// What a terminal of 60 columns shows of a command: the lines of its output and of its notes.
#[cfg(all(feature = "registry", feature = "serve"))]
fn at_60_columns(words: &str) -> Vec<String> {
    let mut script = crate::support::tool("script");
    script.args(["-qefc", &format!("'{}' {words}", env!("CARGO_BIN_EXE_portolan")), "/dev/null"]);
    script.env_clear().env("TERM", "xterm").env("COLUMNS", "60").env("PORTOLAN_CONFIG", "/dev/null");
    let child = script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = hear(child, words);
    let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
    assert_eq!(output.status.code(), Some(0), "{words}: {text}");
    text.lines().map(ToOwned::to_owned).collect()
}

/// No row wraps: ids are cut in the middle, the least useful columns go, and a line names them.
#[cfg(all(feature = "registry", feature = "serve"))]
#[test]
fn a_narrow_terminal_shows_whole_rows() {
    let server = programs::portolan();
    let address = server.address;
    let id = "6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11";
    let body = json!({ "id": id, "name": "a-service-with-a-long-name", "address": "127.0.0.1", "port": 8081,
        "version": "1.10.0", "tags": ["blue", "canary", "eu-central-1"], "zone": "eu-central-1", "node": "web1", "ttl": 30 });
    send(address, "POST", "/api/v1/services", None, &body);
    let at = format!("--server http://{address}");

    for words in
        ["services list", "services get a-service-with-a-long-name", "health show a-service-with-a-long-name", "audit"]
    {
        let lines = at_60_columns(&format!("{words} {at}"));
        let (notes, rows): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| line.starts_with("no room for "));
        assert!(!rows.is_empty() && rows.iter().all(|line| line.chars().count() <= 60), "{words}: {lines:#?}");
        if words.starts_with("services get") {
            assert!(rows.iter().any(|line| line.starts_with("6c1f") && line.contains('…') && line.contains("9a11")));
            assert!(notes[0].contains("ZONE") && notes[0].ends_with("widen the terminal, or add --json"), "{notes:?}");
        }
    }
    let (whole, _) = ran(&format!("services get a-service-with-a-long-name {at}"), 0);
    assert!(whole.contains(id) && whole.contains("eu-central-1"), "nothing is cut in a pipe: {whole}");
}

/// A name that several instances have needs --yes; ids and single instances do not.
#[cfg(all(feature = "registry", feature = "serve"))]
#[test]
fn several_instances_are_not_removed_without_a_yes() {
    let server = programs::portolan();
    let address = server.address;
    for (id, name) in [("a", "web"), ("b", "web"), ("c", "web"), ("d", "db")] {
        let body = json!({ "id": id, "name": name, "address": "127.0.0.1", "port": 81 });
        send(address, "POST", "/api/v1/services", None, &body);
    }
    let at = format!("--server http://{address}");

    let (out, err) = ran(&format!("deregister web {at}"), 1);
    assert!(out.is_empty() && err.starts_with("error: nothing was deregistered: it was not confirmed"), "{err}");
    let (_, err) = ran(&format!("deregister a db ghost {at}"), 1);
    assert!(err.contains("no instance has the id ghost"), "{err}");
    assert!(err.contains("deregistered web 127.0.0.1:81 (a)\n") && err.contains("deregistered db"), "{err}");
    let (_, err) = ran(&format!("deregister web --yes {at}"), 0);
    assert!(
        err.ends_with("2 of them had a lease that a client renews: a client that still runs registers again\n"),
        "{err}"
    );
    let left = document(&format!("services list --json {at}"));
    assert_eq!(left["items"], json!([]));
}

/// Where nothing answers, nothing is claimed.
#[test]
fn a_registry_that_is_away_is_an_error() {
    for words in ["services list", "services get web", "deregister a", "status"] {
        let (out, err) = ran(&format!("{words} --server http://127.0.0.1:1"), 3);
        assert!(out.is_empty() && err.starts_with("error: cannot "), "{words}: {out}{err}");
    }
    let (_, err) = ran("status --registry file:services.toml", 2);
    assert!(err.contains("only registries that `portolan serve` runs"), "{err}");
}

/// The same against the real Consul.
#[test]
fn consul_is_listed_shown_and_cleared() {
    let server = programs::consul();
    let address = server.address;
    for (id, status) in [("w1", "passing"), ("w2", "critical")] {
        let body = json!({ "ID": id, "Name": "web", "Address": "127.0.0.1", "Port": 80, "Tags": ["blue"],
            "Meta": { "version": "1.2.0" }, "Check": { "TTL": "1h", "Status": status } });
        send(address, "PUT", "/v1/agent/service/register", None, &body);
    }
    let at = format!("--registry consul://{address}");
    let listed = document(&format!("services list web --json {at}"));
    let item = &listed["items"][0];
    assert_eq!(
        (&item["instances"], &item["healthy"], &item["health"]),
        (&json!(2), &json!(1), &json!("degraded")),
        "{item}"
    );
    let shown = document(&format!("services get web --json {at}"));
    assert_eq!(shown["items"][0]["endpoints"][1]["instance"]["health"], "unhealthy", "{shown}");

    let (_, err) = ran(&format!("services update w1 --status maintenance {at}"), 2);
    assert!(err.contains("only registries that `portolan serve` runs") && err.contains("consul maint"), "{err}");
    ran(&format!("deregister w1 {at}"), 0);
    ran(&format!("deregister web {at}"), 0);
    assert_eq!(send(address, "GET", "/v1/agent/services", None, &Value::Null).trim(), "{}");
}

/// The same against the real etcd, whose keys are removed.
#[test]
fn etcd_is_listed_shown_and_cleared() {
    let server = programs::etcd();
    let address = server.address;
    let keys = [("L3NlcnZpY2VzL3dlYi8x", "MTI3LjAuMC4xOjgw"), ("L3NlcnZpY2VzL3dlYi8y", "MTI3LjAuMC4xOjgx")];
    for (key, value) in keys {
        // `/services/web/1` and `127.0.0.1:80`
        send(address, "POST", "/v3/kv/put", None, &json!({ "key": key, "value": value }));
    }
    let at = format!("--registry etcd://{address}/services/");
    let shown = document(&format!("services get web --json {at}"));
    let item = &shown["items"][0];
    assert_eq!(
        (&item["instances"], &item["usable"], &item["health"]),
        (&json!(2), &json!(2), &json!("unknown")),
        "{item}"
    );

    ran(&format!("deregister web/1 {at}"), 0);
    assert_eq!(document(&format!("services get web --json {at}"))["items"][0]["instances"], 1);
    ran(&format!("deregister web {at}"), 0);
    let range = json!({ "key": "L3NlcnZpY2VzLw==", "range_end": "L3NlcnZpY2VzMA==", "count_only": true });
    let left: Value = serde_json::from_str(&send(address, "POST", "/v3/kv/range", None, &range)).unwrap();
    assert_eq!(left.get("count"), None, "{left}");
}

/// The strategy of the service counts for clients that choose none, and `--lb` for this one.
#[cfg(all(feature = "registry", feature = "serve"))]
#[test]
fn resolve_picks_with_the_strategy_of_the_service() {
    let server = programs::portolan();
    let address = server.address;
    for (port, weight) in [(81, 1), (82, 9)] {
        let body = json!({ "name": "web", "address": "127.0.0.1", "port": port, "weight": weight });
        send(address, "POST", "/api/v1/services", None, &body);
    }
    let at = format!("--server http://{address}");
    let picks_of_81 = |words: &str| {
        let (out, err) = ran(&format!("resolve web --count 20 {words} {at}"), 0);
        (out.lines().filter(|line| *line == "127.0.0.1:81").count(), err)
    };

    assert_eq!(picks_of_81(""), (10, String::new()), "in turn");
    ran(&format!("services balance web weighted_round_robin {at}"), 0);
    assert_eq!(picks_of_81(""), (2, String::new()), "by weight");
    assert_eq!(picks_of_81("--lb round_robin").0, 10);
    let (_, err) = ran(&format!("resolve web --key a {at}"), 2);
    assert!(err.contains("only consistent_hash and ip_hash pick by a key"), "{err}");

    ran(&format!("services balance web consistent_hash {at}"), 0);
    assert!([0, 20].contains(&picks_of_81("--key user-42").0), "one key, one instance");
    let (count, err) = picks_of_81("");
    assert!(count == 10 && err.contains("picks by a key: picked in turn; add --key"), "{err}");
}
