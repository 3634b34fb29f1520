//! `portolan agent` on several hosts: a real server, and real agents in network namespaces that are wired together.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::run;
use super::world::inside;
use crate::serve::{Reply, Server, exchange, wait_until};
use crate::support::{HANG, Scene, finish, kill, needs_root, output, portolan_path};

const SERVER: &str = "10.50.0.1:7440";

/// Two hosts on one wire, and a server with authentication on the first.
struct Fleet<'s> {
    one: &'s Scene,
    other: &'s Scene,
    folder: PathBuf,
    server: Option<Server>,
    admin: String,
}

impl<'s> Fleet<'s> {
    /// Must be called in the namespace of `one`.
    fn new(one: &'s Scene, other: &'s Scene) -> Self {
        let folder = one.dir().to_owned();
        let mut fleet = Self { one, other, folder, server: None, admin: String::new() };
        fleet.admin = fleet.key(&["--role", "admin"]);
        let settings = format!("[auth]\nkeys_file = \"{}\"\n", fleet.folder.join("keys.json").display());
        let file = fleet.folder.join("serve.toml");
        fs::write(&file, settings).unwrap();
        fleet.server =
            Some(Server::with(["--data", ":memory:", "--config", file.to_str().unwrap(), "--listen", SERVER]));
        fleet
    }

    fn key(&self, args: &[&str]) -> String {
        let mut command = Command::new(portolan_path());
        command.args(["key", "create", "--name", "test", "--keys-file"]).arg(self.folder.join("keys.json"));
        let made = output(command.args(args).env_clear());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        if self.server.is_some() {
            wait_until(|| Self::send(&key, "GET", "/api/v1/status", None).status != 401);
        }
        key
    }

    fn send(key: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(SERVER.parse().unwrap(), request.as_bytes())
    }

    fn drift(&self, query: &str) -> Value {
        let reply = Self::send(&self.admin, "GET", &format!("/api/v1/drift{query}"), None);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["data"].clone()
    }

    /// Host, code, port and state of each finding.
    fn findings(&self, query: &str) -> Vec<(String, String, String, String)> {
        let drift = self.drift(query);
        let mut found: Vec<_> = drift["findings"].as_array().unwrap().iter().map(line).collect();
        found.sort();
        found
    }

    fn register(key: &str, id: &str, address: &str, node: Option<&str>) -> u16 {
        let (ip, port) = address.rsplit_once(':').unwrap();
        let port: u16 = port.parse().unwrap();
        let body = json!({ "id": id, "name": id, "address": ip, "port": port, "node": node, "ttl": "1h" });
        Self::send(key, "POST", "/api/v1/services", Some(&body)).status
    }

    fn agent(&self, host: &str, key: &str, args: &[&str]) -> Child {
        let scene = if host == "web1" { self.one } else { self.other };
        let mut command = scene.command(portolan_path());
        command.args(["agent", "--registry", &format!("portolan://{SERVER}"), "--host", host, "--interval", "3s"]);
        command.args(args).env_clear().env("PORTOLAN_CONFIG", "/dev/null").env("PORTOLAN_TOKEN", key);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> super::Ran {
        // `run` empties the environment.
        let mut command = Command::new("/usr/bin/env");
        command.arg(format!("PORTOLAN_TOKEN={}", self.admin)).arg("PORTOLAN_CONFIG=/dev/null").arg(portolan_path());
        run(command.args(args))
    }
}

fn line(finding: &Value) -> (String, String, String, String) {
    let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let port = text("address").rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap_or_default();
    (text("host"), text("code"), port, text("state"))
}

fn of(host: &str, code: &str, port: u16, state: &str) -> (String, String, String, String) {
    (host.to_owned(), format!("drift-{code}"), port.to_string(), state.to_owned())
}

/// Two scenes with the addresses 10.50.0.1 and 10.50.0.2.
fn wired() -> (Scene, Scene) {
    let (one, other) = (Scene::new(), Scene::new());
    one.sh(&format!(
        "ip link add w0 type veth peer name w1 netns {} && ip address add 10.50.0.1/24 dev w0 && ip link set w0 up",
        other.pid()
    ));
    other.sh("ip address add 10.50.0.2/24 dev w1 && ip link set w1 up");
    (one, other)
}

/// The events of hosts, one line at a time.
fn events(key: &str) -> mpsc::Receiver<Value> {
    let mut stream = TcpStream::connect(SERVER).unwrap();
    let head = format!(
        "GET /api/v1/events?drift=*&format=ndjson HTTP/1.0\r\nHost: registry\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();

    let (sender, events) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            if sender.send(event).is_err() {
                break;
            }
        }
    });

    events
}

#[track_caller]
fn next(events: &mpsc::Receiver<Value>, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = events.recv_timeout(HANG).expect("an event");
        if is_it(&event) {
            return event;
        }
    }
}

fn names(event: &Value, part: &str, code: &str) -> bool {
    let findings = event["item"][part].as_array();
    findings.is_some_and(|findings| findings.iter().any(|finding| finding["code"] == code))
}

#[test]
fn agents_make_drift_fleet_wide() {
    needs_root("it enters network namespaces");
    let (one, other) = wired();
    inside(&one, || follow_two_hosts(&one, &other));
}

/// The test itself, inside of the namespace of the server.
fn follow_two_hosts(one: &Scene, other: &Scene) {
    let fleet = Fleet::new(one, other);
    let keys = ["web1", "web2"].map(|host| fleet.key(&["--role", "agent", "--host", host]));
    let files = [("rules", "[[service]]\nname = \"shop\"\nmatch = { port = 8001 }\n"), ("allow", "7440\n")];
    let [rules, allow] = files.map(|(name, text)| {
        let file = fleet.folder.join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let _shop = TcpListener::bind("10.50.0.1:8001").unwrap();
    let _forgotten = inside(other, || TcpListener::bind("10.50.0.2:8002").unwrap());
    for (id, address, node) in [
        ("ghost", "10.50.0.1:9999", Some("web1")),
        ("elsewhere", "10.60.0.1:1", Some("db1")),
        ("lost", "10.60.0.1:2", None),
    ] {
        assert_eq!(Fleet::register(&fleet.admin, id, address, node), 201);
    }
    let events = events(&fleet.admin);
    assert_eq!(next(&events, |_| true)["type"], "reset");

    let mut agents =
        [fleet.agent("web1", &keys[0], &["--rules", &rules, "--allow", &allow]), fleet.agent("web2", &keys[1], &[])];
    // The agent registers what its rules match, with its host as the node.
    wait_until(|| {
        let shop = Fleet::send(&fleet.admin, "GET", "/api/v1/services/by-name/shop", None).json();
        let instances = shop["data"]["services"].as_array().unwrap().clone();
        instances.len() == 1 && instances[0]["node"] == "web1"
    });
    let [ghost, forgotten] =
        [of("web1", "not-listening", 9999, "present"), of("web2", "unregistered", 8002, "present")];
    wait_until(|| fleet.findings("") == [ghost.clone(), forgotten.clone()]);
    next(&events, |event| event["service"] == "web2" && names(event, "added", "drift-unregistered"));
    wait_until(|| fleet.findings("?host=web2") == std::slice::from_ref(&forgotten));
    wait_until(|| fleet.findings("?code=not-listening&service=ghost") == std::slice::from_ref(&ghost));

    // What no agent looks at is not said to be well.
    let unseen = fleet.drift("")["cannot_tell"].clone();
    let reasons = ["the registrations name no host", "no agent reports on this host"];
    assert_eq!(
        unseen,
        json!([{ "host": null, "instances": 1, "reason": reasons[0] }, { "host": "db1", "instances": 1, "reason": reasons[1] }])
    );
    for line in ["portolan_drift{code=\"drift-not-listening\"} 1", "portolan_drift_agents{state=\"reporting\"} 2"] {
        wait_until(|| Fleet::send(&fleet.admin, "GET", "/metrics", None).text().contains(line));
    }
    assert_commands(&fleet);
    assert_limits(&fleet, &keys[0]);

    // A finding ends with what it was about, and is unknown while its agent is silent.
    let mended = TcpListener::bind("10.50.0.1:9999").unwrap();
    next(&events, |event| event["service"] == "web1" && names(event, "removed", "drift-not-listening"));
    agents[1].kill().unwrap();
    agents[1].wait().unwrap();
    let silent = next(&events, |event| event["service"] == "web2" && event["item"]["agent"] == "silent");
    assert_eq!(silent["item"]["removed"], json!([]), "unknown, not gone");
    wait_until(|| fleet.findings("") == [of("web2", "unregistered", 8002, "unknown")]);
    let ran = fleet.command(&["drift", &format!("portolan://{SERVER}"), "--fleet", "--json"]);
    assert_eq!((ran.code, ran.items().len()), (Some(3), 0), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot determine the drift of web2: its agent sent no report"), "{}", ran.stderr);
    for line in ["portolan_drift_unknown{code=\"drift-unregistered\"} 1", "portolan_drift_agents{state=\"silent\"} 1"] {
        wait_until(|| Fleet::send(&fleet.admin, "GET", "/metrics", None).text().contains(line));
    }
    drop(mended);

    // It comes back with what it knew.
    agents[1] = fleet.agent("web2", &keys[1], &[]);
    wait_until(|| fleet.findings("?host=web2") == std::slice::from_ref(&forgotten));
    let [first, second] = agents;
    for agent in [first, second] {
        kill(agent.id(), Signal::TERM);
        let mut said = String::new();
        let mut agent = agent;
        agent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("reports the drift of web"), "{said}");
        assert_eq!(finish(agent).and_then(|status| status.code()), Some(143), "{said}");
    }
    // The first one took its registration with it.
    let shop = Fleet::send(&fleet.admin, "GET", "/api/v1/services/by-name/shop", None).json();
    assert_eq!(shop["data"]["services"], json!([]));
}

/// `portolan drift --fleet` shows what both agents report.
fn assert_commands(fleet: &Fleet<'_>) {
    let registry = format!("portolan://{SERVER}");
    let ran = fleet.command(&["drift", "--fleet", &registry, "--json"]);
    let hosts: Vec<_> = ran.items().iter().map(|item| item["detail"]["host"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ran.code, hosts), (Some(1), vec!["web1".to_owned(), "web2".to_owned()]), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot tell for 1 instance of db1: no agent reports on this host"), "{}", ran.stderr);

    let ran = fleet.command(&["drift", "--fleet", &registry, "--host", "web2", "--fail-on", "not-listening"]);
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("drift-unregistered") && ran.stdout.contains("web2"), "{}", ran.stdout);
    // A host that only registrations name was not looked at, also where another one was.
    for hosts in [&["--host", "db1"][..], &["--host", "web2", "--host", "db1"]] {
        let ran = fleet.command(&[&["drift", "--fleet", &registry, "--fail-on", "none"], hosts].concat());
        assert_eq!(ran.code, Some(3), "{hosts:?}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("cannot determine the drift of db1: no agent reports on db1"), "{}", ran.stderr);
    }
    let ran = fleet.command(&["drift", "--fleet", &registry, "--host", "web9"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("no agent reports on it"), "{:?} {}", ran.code, ran.stderr);
}

/// The key of an agent reports and registers for its host, and does nothing else.
fn assert_limits(fleet: &Fleet<'_>, key: &str) {
    let report = |host: &str| json!({ "host": host, "interval": 10, "findings": [] });
    let send = |method: &str, path: &str, body: &Value| {
        let reply = Fleet::send(key, method, path, Some(body));
        (reply.status, reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let outside = (403, "outside_scope".to_owned());
    assert_eq!(send("POST", "/api/v1/drift", &report("web2")), outside);
    assert_eq!(send("DELETE", "/api/v1/drift/web2", &Value::Null), outside);
    assert_eq!(send("DELETE", "/api/v1/services/elsewhere", &Value::Null), outside);
    assert_eq!(send("PUT", "/api/v1/services/elsewhere", &json!({ "weight": 9 })), outside);
    assert_eq!(send("POST", "/api/v1/services/lost/heartbeat", &json!({})), outside);
    assert_eq!(send("PUT", "/api/v1/services/ghost/traffic", &json!({ "to": { "tag": "x" } })), outside);
    assert_eq!(send("PUT", "/api/v1/config/ghost", &json!({})), (403, "forbidden".to_owned()));
    assert_eq!(send("GET", "/api/v1/audit", &Value::Null).0, 403);
    for (id, node, status) in
        [("new", Some("web2"), 403), ("new", None, 403), ("elsewhere", Some("web1"), 403), ("own", Some("web1"), 201)]
    {
        assert_eq!(Fleet::register(key, id, "10.50.0.1:8001", node), status, "{id} {node:?}");
    }
    assert_eq!(Fleet::send(key, "DELETE", "/api/v1/services/own", None).status, 204);

    let viewer = fleet.key(&["--role", "viewer"]);
    assert_eq!(Fleet::send(&viewer, "POST", "/api/v1/drift", Some(&report("web1"))).status, 403);
    let audit = Fleet::send(&fleet.admin, "GET", "/api/v1/audit", None).json()["data"]["records"].clone();
    let recorded = |action: &str, result: &str, target: &str| {
        let mut records = audit.as_array().unwrap().iter();
        records.any(|record| record["action"] == action && record["result"] == result && record["target"] == target)
    };
    assert!(recorded("report_drift", "ok", "host web2"), "{audit}");
    // Namespaces and services limit what is read of it.
    let shop = fleet.key(&["--role", "viewer", "--service", "gho"]);
    let seen = Fleet::send(&shop, "GET", "/api/v1/drift", None).json()["data"].clone();
    let codes: Vec<_> = seen["findings"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(codes, [of("web1", "not-listening", 9999, "present")], "{seen}");
    assert_eq!(seen["cannot_tell"], json!([]), "{seen}");
}

#[test]
fn a_report_that_is_too_much_is_refused_and_changes_nothing() {
    let server = Server::in_memory();
    let finding = |id: usize| json!({ "id": id.to_string(), "code": "drift-stale", "text": "x".repeat(400) });
    let report = |findings: Vec<Value>| json!({ "host": "h", "interval": 1, "findings": findings }).to_string();
    let mut unknown = finding(1);
    unknown["code"] = "tcp-refused".into();

    for (body, status) in [
        (report((0..501).map(finding).collect()), 400),
        (report(vec![finding(1), finding(1)]), 400),
        (report(vec![unknown]), 400),
        ("[]".to_owned(), 400),
        (format!("{{\"host\":\"{}\"", "x".repeat(2 << 20)), 413),
    ] {
        let reply = server.post("/api/v1/drift", &body);
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert_eq!(server.get("/api/v1/drift").json()["data"]["hosts"], json!([]));
    let mut command = Command::new(portolan_path());
    command.args(["drift", "--fleet", &format!("portolan://{}", server.address)]).env_clear();
    let ran = output(&mut command);
    assert_eq!(ran.status.code(), Some(3), "nothing was looked at: {}", String::from_utf8_lossy(&ran.stdout));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no agent reports to this registry"));

    assert_eq!(server.post("/api/v1/drift", &report((0..500).map(finding).collect())).status, 204);
    let drift = server.get("/api/v1/drift?limit=10&code=stale").json()["data"].clone();
    assert_eq!((drift["findings"].as_array().unwrap().len(), &drift["omitted"]), (10, &json!(490)));
    assert_eq!(server.get("/api/v1/drift?code=duplicate").json()["data"]["counts"], json!({}));
    let before = server.get("/api/v1/drift").index();
    assert_eq!(server.post("/api/v1/drift", &report((0..500).map(finding).collect())).status, 204);
    assert_eq!(server.get("/api/v1/drift").index(), before, "a repeated report changes nothing");
    assert!(server.get("/metrics").text().contains("portolan_drift{code=\"drift-stale\"} 500"));

    assert_eq!(server.send("DELETE", "/api/v1/drift/h", None).status, 204);
    assert_eq!(server.send("DELETE", "/api/v1/drift/h", None).status, 404);
    assert!(server.get("/metrics").text().contains("portolan_drift{code=\"drift-stale\"} 0"));
}
