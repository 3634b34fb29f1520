//! The health monitor: what the checks of registrations find, at real targets on loopback.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Server;
use super::server::folder;
use crate::support::{HANG, TempDir, kill, output, portolan_path};

/// A server of HTTP that answers as the test wants.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    status: Arc<AtomicU8>,
}

/// It accepts, and never answers.
const HANGS: u8 = 0;

impl Target {
    pub(super) fn new(status: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Self { address: listener.local_addr().unwrap(), status: Arc::new(AtomicU8::new(status)) };
        let status = Arc::clone(&target.status);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let status = Arc::clone(&status);
                thread::spawn(move || answer(stream, status.load(Ordering::SeqCst)));
            }
        });
        target
    }

    /// Answers with the status `100 * hundreds` from now on.
    fn answer(&self, hundreds: u8) {
        self.status.store(hundreds, Ordering::SeqCst);
    }

    /// A registration with these checks.
    pub(super) fn registration(&self, id: &str, checks: &Value) -> String {
        registration(id, self.address, checks)
    }
}

fn answer(mut stream: TcpStream, status: u8) {
    let mut buffer = [0; 4_096];
    let Ok(1..) = stream.read(&mut buffer) else { return };
    if status == HANGS {
        // Until the client leaves.
        let _ = stream.read(&mut buffer);
        return;
    }
    let _ = write!(stream, "HTTP/1.1 {status}00 Answer\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

fn registration(id: &str, address: SocketAddr, checks: &Value) -> String {
    let (ip, port) = (address.ip().to_string(), address.port());
    json!({ "id": id, "name": "web", "address": ip, "port": port, "ttl": 0, "health_checks": checks }).to_string()
}

/// An HTTP check each second that believes a change after two results.
pub(super) fn http_check() -> Value {
    json!([{ "check_type": "http", "interval": 1, "timeout": 0.5, "failure_threshold": 2, "success_threshold": 2,
        "config": { "path": "/health" } }])
}

fn with_checks() -> (Server, TempDir) {
    let folder = folder();
    (Server::with_checks(folder.path(), ""), folder)
}

/// Waits until a question has an answer.
fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + HANG;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn health(server: &Server, id: &str) -> Value {
    let reply = server.get(&format!("/api/v1/services/{id}/health"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].clone()
}

/// Waits until an instance has this health.
pub(super) fn reach(server: &Server, id: &str, state: &str) -> Value {
    until(&format!("{id} becomes {state}"), || Some(health(server, id)).filter(|health| health["health"] == state))
}

fn check_now(server: &Server, id: &str) -> Value {
    let reply = server.post(&format!("/api/v1/services/{id}/health"), "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].clone()
}

/// The health of each instance after each of its changes, in order.
fn states(server: &Server) -> BTreeMap<String, Vec<String>> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    write!(stream, "GET /api/v1/events?since=0&format=ndjson HTTP/1.1\r\nHost: registry\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !String::from_utf8_lossy(&bytes).contains("\"type\":\"synced\"") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the stream ended");
        bytes.extend_from_slice(&buffer[..count]);
    }

    let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = String::from_utf8(bytes).unwrap();
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if let Some(state) = event["item"]["health"].as_str() {
            states.entry(event["id"].as_str().unwrap().to_owned()).or_default().push(state.to_owned());
        }
    }
    states
}

/// Rows J6, B22: three failures make it unhealthy, two successes healthy; both ways as the registration says.
#[test]
fn results_are_believed_after_as_many_as_the_thresholds_say() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    let healthy = reach(&server, "a", "healthy");
    assert_eq!((&healthy["checks"][0]["state"], &healthy["healthy"]), (&"healthy".into(), &true.into()));

    target.answer(5);
    let failed = reach(&server, "a", "unhealthy");
    assert!(failed["reasons"][0].as_str().unwrap().contains("returns 500"), "{failed}");
    assert_eq!(server.discover("service_name=web"), Vec::<Value>::new());
    target.answer(2);
    reach(&server, "a", "healthy");
    target.answer(HANGS);
    let silent = reach(&server, "a", "unhealthy");
    assert!(silent["reasons"][0].as_str().unwrap().contains("no complete reply in time"), "{silent}");

    let all = states(&server);
    assert_eq!(all["a"], ["unknown", "healthy", "unhealthy", "healthy", "unhealthy"], "each change once");
    // The oldest first: two of a kind before each change.
    let results = health(&server, "a")["history"].as_array().unwrap().clone();
    let results: Vec<bool> = results.iter().rev().map(|result| result["state"] == "healthy").collect();
    let runs: Vec<usize> = results.chunk_by(|a, b| a == b).map(<[bool]>::len).collect();
    assert!(results[0] && runs[1..].iter().all(|length| *length >= 2), "{results:?}");
}

/// Row I18: a check at once, with its result, score, findings and evidence.
#[test]
fn a_client_asks_for_a_check_at_once() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rarely = json!([{ "check_type": "http", "interval": 86_400, "config": { "path": "/health" } }]);
    let tcp = json!([{ "check_type": "tcp", "interval": 86_400, "failure_threshold": 1 }]);
    server.register(&target.registration("good", &rarely));
    server.register(&registration("closed", closed, &tcp));

    let good = check_now(&server, "good");
    assert_eq!((&good["finished"], &good["health"]), (&true.into(), &"healthy".into()), "{good}");
    let last = &good["checks"][0]["last"];
    assert!(good["score"].as_u64().unwrap() >= 80 && last["evidence"]["seen"].is_array(), "{good}");
    let bad = check_now(&server, "closed");
    assert_eq!((&bad["health"], &bad["score"], &bad["grade"]), (&"unhealthy".into(), &0.into(), &"F".into()));
    assert_eq!(bad["checks"][0]["last"]["findings"][0]["code"], "tcp-refused");
    assert_eq!(bad["checks"][0]["note"], "connection refused");

    // By the name of the service, and everything.
    let service = check_now(&server, "web");
    assert_eq!((&service["instances"], &service["health"]), (&2.into(), &"degraded".into()));
    assert!(is_mean(&service["score"]), "{service}");
    let all = server.post("/api/v1/health-monitor/check", "").json()["data"].clone();
    assert_eq!((&all["finished"], &all["health"]["unhealthy"]), (&true.into(), &1.into()), "{all}");
    assert_eq!(all["services"][0]["id"], "closed", "the worst first");
    assert_eq!(server.post("/api/v1/services/missing/health", "").status, 404);

    // Row A22: where services are listed.
    let line = server.get("/api/v1/services?instances=false").json()["data"]["services"][0].clone();
    assert_eq!(line["health"], "degraded");
    assert!(is_mean(&line["score"]) && line["grade"].is_string(), "{line}");
    assert!(is_mean(&server.get("/api/v1/services/web").json()["data"]["score"]));
}

/// Whether a score is the mean of one that is good, on a busy machine too, and of 0.
fn is_mean(score: &Value) -> bool {
    (40..=50).contains(&score.as_u64().unwrap())
}

/// Row I20: the counter of checks stops, and goes on.
#[test]
fn monitoring_stops_and_starts() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    server.register(&target.registration("b", &http_check()));
    reach(&server, "a", "healthy");
    let runs = |id: &str| health(&server, id)["history"].as_array().unwrap().len();

    assert_eq!(server.send("DELETE", "/api/v1/services/a/monitoring", None).status, 204);
    let stopped = health(&server, "a");
    assert_eq!((&stopped["monitored"], &stopped["health"]), (&false.into(), &"unknown".into()));
    assert!(stopped["reasons"][0].as_str().unwrap().contains("monitoring is stopped"), "{stopped}");
    assert_eq!(server.discover("service_name=web").len(), 2, "what is not known gets calls");

    // A run that was under way may still end; the other one shows that time passes.
    let later = runs("b") + 2;
    until("b is checked", || (runs("b") >= later).then_some(()));
    let (before, later) = (runs("a"), runs("b") + 2);
    until("b is checked", || (runs("b") >= later).then_some(()));
    assert_eq!(runs("a"), before);
    check_now(&server, "a");
    assert_eq!((runs("a"), &health(&server, "a")["health"]), (before + 1, &"unknown".into()), "one look is no state");

    let started = server.post("/api/v1/services/web/monitoring", "");
    assert_eq!((started.status, &started.json()["data"]["instances"]), (200, &2.into()));
    reach(&server, "a", "healthy");
}

/// What must not be contacted is unknown, with the reason, and never unhealthy.
#[test]
fn a_refused_target_is_unknown_and_says_why() {
    let folder = folder();
    let server = Server::with_checks(folder.path(), "    allow_own_addresses: false\n");
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    let checked = check_now(&server, "a");
    assert_eq!(
        (&checked["health"], &checked["score"], &checked["complete"]),
        (&"unknown".into(), &Value::Null, &false.into())
    );

    let why = checked["reasons"][0].as_str().unwrap();
    assert!(why.contains("addresses of its own machine") && why.contains("allow_own_addresses"), "{why}");
    assert_eq!(server.discover("service_name=web").len(), 1, "it may be fine");
    let stats = server.get("/api/v1/health-monitor/stats").json()["data"].clone();
    assert!(stats["refused"].as_u64().unwrap() >= 1 && stats["results"]["unhealthy"] == 0, "{stats}");

    // A name leads to the same address: it is looked up first, and then refused.
    let by_name = json!({ "id": "b", "name": "web", "address": "localhost", "port": target.address.port(), "health_checks": http_check() });
    server.register(&by_name.to_string());
    let checked = check_now(&server, "b");
    assert_eq!(checked["health"], "unknown", "{checked}");
    assert!(checked["reasons"][0].as_str().unwrap().contains("addresses of its own machine"), "{checked}");
}

/// A draining instance gets no new picks, and its checks go on.
#[test]
fn a_draining_instance_gets_no_picks_and_keeps_its_health() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    reach(&server, "a", "healthy");
    assert_eq!(server.send("PUT", "/api/v1/services/a", Some(r#"{"status":"draining"}"#)).status, 200);
    assert_eq!(server.discover("service_name=web"), Vec::<Value>::new());
    let draining = health(&server, "a");
    assert_eq!(
        (&draining["checks"][0]["state"], &draining["reasons"][0]),
        (&"healthy".into(), &"its status is draining".into())
    );

    target.answer(5);
    reach(&server, "a", "unhealthy");
    target.answer(2);
    until("it is well again", || (health(&server, "a")["checks"][0]["state"] == "healthy").then_some(()));
    server.send("PUT", "/api/v1/services/a", Some(r#"{"status":"up"}"#));
    assert_eq!(server.discover("service_name=web").len(), 1);
}

/// Checks of 1 s find a killed process: `interval x threshold + timeout`, and its instance leaves discover.
#[test]
fn a_killed_target_leaves_discover() {
    let (server, _folder) = with_checks();
    let [first, second] = [Server::in_memory(), Server::in_memory()];
    server.register(&registration("first", first.address, &http_check()));
    server.register(&registration("second", second.address, &http_check()));
    reach(&server, "first", "healthy");
    reach(&server, "second", "healthy");

    first.kill();
    until("discover leaves it out", || (server.discover("service_name=web").len() == 1).then_some(()));
    assert_eq!(server.discover("service_name=web")[0]["id"], "second");
    let history = health(&server, "first")["history"].as_array().unwrap().clone();
    let failed = history.iter().take_while(|result| result["finding"] == "tcp-refused").count();
    assert!(failed >= 2, "{history:?}");
    assert_eq!(states(&server)["first"], ["unknown", "healthy", "unhealthy"]);
    assert_eq!(states(&server)["second"], ["unknown", "healthy"]);
}

/// A server that was stopped takes nothing that happened meanwhile for a failure of others.
#[test]
fn a_stopped_server_blames_no_one() {
    let folder = folder();
    let settings = "  registration:\n    default_ttl: 4s\n    heartbeat_interval: 1s\n    grace_period: 0\n";
    let server = Server::with_checks(folder.path(), settings);
    let target = Target::new(2);
    server.register(&target.registration("leased", &http_check()).replace("\"ttl\":0", "\"ttl\":4"));
    server.register(&target.registration("checked", &http_check()));
    let heartbeat = || assert_eq!(server.post("/api/v1/services/leased/heartbeat", "").status, 200);
    until("both are healthy", || {
        heartbeat();
        ["leased", "checked"].iter().all(|id| health(&server, id)["health"] == "healthy").then_some(())
    });

    kill(server.pid(), Signal::STOP);
    // Longer than the ttl, and than the longest time between two ticks.
    thread::sleep(Duration::from_millis(6_500));
    kill(server.pid(), Signal::CONT);
    let runs = || health(&server, "checked")["history"].as_array().unwrap().len();
    heartbeat();
    let later = runs() + 3;
    until("checks go on", || {
        heartbeat();
        (runs() >= later).then_some(())
    });

    let all = states(&server);
    for id in ["leased", "checked"] {
        assert_eq!(all[id], ["unknown", "healthy"], "{id}");
    }
    assert!(server.log().contains("this process did not run for"), "{}", server.log());
}

/// A listener whose queue is full: the kernel drops what comes.
fn black_hole() -> (OwnedFd, Vec<TcpStream>, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let address: SocketAddr = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(stream);
    }
    (socket, queued, address)
}

/// With 30 % black holes no healthy instance is marked unhealthy, and each is checked as often as the others.
#[test]
fn black_holes_do_no_harm_to_the_others() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    let (_listener, _queued, hole) = black_hole();
    let tcp = json!([{ "check_type": "tcp", "interval": 1, "timeout": 1, "failure_threshold": 2 }]);
    for at in 0..70 {
        server.register(&target.registration(&format!("good-{at}"), &tcp));
    }
    for at in 0..30 {
        server.register(&registration(&format!("hole-{at}"), hole, &tcp));
    }

    let state = |name: &str| {
        server.get("/api/v1/services/web").json()["data"]["services"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["id"].as_str().unwrap().starts_with(name))
            .map(|one| one["health"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until("the holes are found", || state("hole").iter().all(|state| state == "unhealthy").then_some(()));
    until("the others are healthy", || state("good").iter().all(|state| state == "healthy").then_some(()));
    let all = states(&server);
    for at in 0..70 {
        assert_eq!(all[&format!("good-{at}")], ["unknown", "healthy"], "good-{at}");
    }
}

/// A check by report has nothing to run, and the server says so; a client cannot register a program.
#[test]
fn reports_come_by_themselves_and_programs_not_at_all() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &json!([{ "check_type": "ttl", "interval": 60 }])));
    let checked = check_now(&server, "a");
    assert_eq!((&checked["finished"], &checked["monitored"]), (&true.into(), &false.into()));
    assert_eq!((&checked["health"], &checked["checks"][0]["last"]), (&"unknown".into(), &Value::Null));

    let script = target.registration("b", &json!([{ "check_type": "script", "config": { "command": ["true"] } }]));
    let refused = server.post("/api/v1/services", &script);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("cannot run a program"), "{}", refused.text());
}

/// Row I21: the stats and the metrics; and what a server without checks says.
#[test]
fn the_monitor_says_what_it_does() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    reach(&server, "a", "healthy");
    let stats = server.get("/api/v1/health-monitor/stats").json()["data"].clone();
    assert_eq!((&stats["enabled"], &stats["registered_checks"]), (&true.into(), &1.into()));
    assert!(stats["checks"].as_u64().unwrap() >= 1 && stats["mean_duration_ms"].as_f64().unwrap() > 0.0, "{stats}");
    for (field, value) in [("default_interval", 30.0), ("timeout", 5.0)] {
        assert_eq!(stats[field].as_f64(), Some(value), "{field}");
    }
    assert_eq!((&stats["failure_threshold"], &stats["success_threshold"]), (&3.into(), &2.into()));

    let metrics = server.get("/metrics").text();
    for line in [
        "portolan_checks_total{kind=\"http\",result=\"healthy\"}",
        "portolan_checks_scheduled 1",
        "portolan_check_duration_seconds_count",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let status = server.get("/api/v1/status").json()["data"]["off"].clone();
    assert!(!status.as_array().unwrap().contains(&"health_checks".into()), "{status}");

    let without = Server::in_memory();
    without.register(&target.registration("a", &http_check()));
    let stats = without.get("/api/v1/health-monitor/stats").json()["data"].clone();
    assert_eq!((&stats["enabled"], &stats["checks"]), (&false.into(), &0.into()));
    assert!(stats["reason"].as_str().unwrap().contains("registry.health_checks.enabled"), "{stats}");
    let refused = without.post("/api/v1/services/a/health", "");
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &"health_checks_off".into()));
}

fn command(server: &Server, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(portolan_path());
    command.env_clear().arg("health").args(args).args(["--server", &format!("http://{}", server.address)]);
    let output = output(&mut command);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// `portolan health check` and `portolan health show`.
#[test]
fn the_command_checks_and_shows() {
    let (server, _folder) = with_checks();
    let target = Target::new(2);
    server.register(&target.registration("a", &http_check()));
    let (code, out, err) = command(&server, &["check", "a"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("healthy") && out.contains("web") && out.contains("http"), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("HEALTH") && lines[0].ends_with("ID"), "{out}");
    assert_eq!(lines[0].find("ADDRESS"), lines[1].find("127.0.0.1:"), "{out}");

    target.answer(5);
    reach(&server, "a", "unhealthy");
    for args in [&["check", "web"][..], &["check", "--all"], &["show", "a"]] {
        let (code, out, _) = command(&server, args);
        let expected = i32::from(args[0] != "show");
        assert_eq!(code, Some(expected), "{args:?}: {out}");
        assert!(out.contains("unhealthy"), "{args:?}: {out}");
    }
    let (_, shown, _) = command(&server, &["show", "a"]);
    assert!(shown.contains("http-5xx") && shown.contains("returns 500"), "{shown}");

    let (code, out, _) = command(&server, &["show", "a", "--json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["items"][0]["id"]), (Some(0), &"a".into()));
    let (code, _, err) = command(&server, &["check", "missing"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.starts_with("error: ") && err.lines().count() == 2, "{err}");
    let (code, _, err) = command(&server, &["check"]);
    assert_eq!(code, Some(2), "{err}");
}
