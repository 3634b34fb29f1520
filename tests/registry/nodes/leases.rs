//! Leases of several servers: a heartbeat at any of them counts, and only the clock of the database lets one expire.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portolan::model::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::database::shared;
use super::node::{Watcher, index_of, node_with, registration, three, wait_for_the_same_index};
use crate::serve::{Server, wait_until};
use crate::support::kill;

/// A short grace period: what is not renewed is unhealthy two seconds after its ttl.
fn short(url: &str, name: &str, folder: &Path) -> Server {
    node_with(url, name, &["--config", settings(name, folder).to_str().unwrap()])
}

fn settings(name: &str, folder: &Path) -> PathBuf {
    let file = folder.join(format!("{name}.yaml"));
    let settings = "registry:\n  registration:\n    grace_period: 2s\n  health_checks:\n    enabled: false\n";
    std::fs::write(&file, settings).unwrap();
    file
}

/// The library that gives a program another time, and changes it while it runs (Debian's package libfaketime).
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
    library.expect("libfaketime is installed (tests/run does)")
}

/// A server whose clocks are ahead by `ahead` seconds. Writing another offset to the file `NAME.clock` changes that.
fn with_clock(url: &str, name: &str, folder: &Path, (ahead, keeps_monotonic): (&str, bool)) -> Server {
    let (clock, library) = (folder.join(format!("{name}.clock")), faketime());
    std::fs::write(&clock, ahead).unwrap();
    let config = settings(name, folder);
    let env = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", if keeps_monotonic { "1" } else { "0" }),
    ];
    let args = ["--database-url", url, "--node", name, "--config", config.to_str().unwrap()];
    Server::with_variables(args, &env)
}

/// The time of day of a server, by what it says of itself.
fn time_of(node: &Server, id: &str) -> Timestamp {
    node.register(&registration(id, 0));
    let registered = node.get(&format!("/api/v1/services/{id}")).json();
    registered["data"]["registered_at"].as_str().unwrap().parse().unwrap()
}

fn health(node: &Server, id: &str) -> Value {
    node.get(&format!("/api/v1/services/{id}")).json()["data"]["health"].clone()
}

/// Sends heartbeats of an instance to a server for some time.
fn keep_alive(node: &Server, id: &str, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let reply = node.post(&format!("/api/v1/services/{id}/heartbeat"), "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_heartbeat_at_one_server_counts_at_all_and_what_ends_is_unhealthy_at_all() {
    let database = shared();
    let (url, folder) = (database.create(), crate::serve::folder());
    let nodes = ["a", "b", "c"].map(|name| short(&url, name, folder.path()));
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[2].address])), 0);
    nodes[0].register(&registration("alive", 3));
    nodes[0].register(&registration("silent", 3));

    // Another server does not know it yet, or not for long: it looks before it says that there is none.
    assert_eq!(nodes[1].post("/api/v1/services/alive/heartbeat", "").status, 200);
    // One server stands still meanwhile, for longer than a lease lasts.
    kill(nodes[0].pid(), Signal::STOP);
    keep_alive(&nodes[1], "alive", Duration::from_secs(8));
    kill(nodes[0].pid(), Signal::CONT);
    keep_alive(&nodes[1], "alive", Duration::from_secs(4));

    wait_until(|| nodes.iter().all(|node| health(node, "silent") == "unhealthy"));
    assert!(nodes.iter().all(|node| health(node, "alive") == "healthy"));
    let log = watcher.end();
    let of_alive: Vec<&String> = log.0.iter().filter(|line| line.contains(r#""id":"alive""#)).collect();
    assert_eq!(of_alive.len(), 1, "it was registered, and nothing else: {of_alive:#?}");
    let expired = log.0.iter().filter(|line| line.contains("lease-expired")).count();
    assert_eq!(expired, 1, "all servers together found it once");

    // What comes back is healthy at all.
    assert_eq!(nodes[1].post("/api/v1/services/silent/heartbeat", "").status, 200);
    wait_for_the_same_index(&[&nodes[1], &nodes[0], &nodes[2]]);
    assert!(nodes.iter().all(|node| health(node, "silent") == "healthy"));
}

#[test]
fn an_old_generation_is_refused_by_every_server_at_once() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    for round in 0..10 {
        let first = nodes[round % 3].register(&registration("x", 30))["generation"].as_u64().unwrap();
        let other = &nodes[(round + 1) % 3];
        assert_eq!(other.send("DELETE", "/api/v1/services/x", None).status, 204);
        let second = nodes[(round + 2) % 3].register(&registration("x", 30))["generation"].as_u64().unwrap();
        assert!(second > first);

        let old = format!(r#"{{"generation":{first}}}"#);
        let reply = nodes[(round + 2) % 3].post("/api/v1/services/x/heartbeat", &old);
        assert_eq!(reply.status, 404, "{}", reply.text());
        let reply = nodes[round % 3].send("DELETE", &format!("/api/v1/services/x?generation={first}"), None);
        assert_eq!(reply.status, 404, "{}", reply.text());
        let current = format!(r#"{{"generation":{second}}}"#);
        assert_eq!(other.post("/api/v1/services/x/heartbeat", &current).status, 200);
        assert_eq!(other.send("DELETE", "/api/v1/services/x", None).status, 204);
    }
}

/// The time of a lease whose server's clock jumps, and its grace period.
const JUMPED_TTL: Duration = Duration::from_secs(7);
const GRACE: Duration = Duration::from_secs(2);

#[test]
fn a_clock_that_jumps_ends_no_lease_too_early_and_keeps_none_alive() {
    let database = shared();
    let (url, folder) = (database.create(), crate::serve::folder());
    // Both clocks of the first jump ahead; the time of day of the second goes back.
    let nodes = [
        with_clock(&url, "a", folder.path(), ("+0", false)),
        with_clock(&url, "b", folder.path(), ("+0", true)),
        short(&url, "c", folder.path()),
    ];
    let watcher = Watcher::start(Arc::new(Mutex::new(vec![nodes[2].address])), 0);
    let begun = Instant::now();
    for (node, id) in nodes.iter().zip(["silent-a", "silent-b", "silent-c"]) {
        node.register(&registration(id, 7));
    }
    nodes[0].register(&registration("alive", 5));
    wait_for_the_same_index(&nodes.each_ref());

    keep_alive(&nodes[1], "alive", Duration::from_secs(2));
    std::fs::write(folder.path().join("a.clock"), "+30").unwrap();
    std::fs::write(folder.path().join("b.clock"), "-30").unwrap();
    let [a, b, c] = [0, 1, 2].map(|at| time_of(&nodes[at], &format!("now-{at}")));
    let apart = |later: Timestamp, earlier: Timestamp| later.duration_since(earlier).as_secs();
    assert!(apart(a, c) > 20 && apart(c, b) > 20, "they jumped: {a} {b} {c}");

    while begun.elapsed() < JUMPED_TTL + GRACE {
        for id in ["silent-a", "silent-b", "silent-c"] {
            let before_the_end = health(&nodes[2], id) == "healthy" || begun.elapsed() >= JUMPED_TTL + GRACE;
            assert!(before_the_end, "{id} ended after {:?}", begun.elapsed());
        }
        keep_alive(&nodes[1], "alive", Duration::ZERO);
        assert_eq!(nodes[0].post("/api/v1/services/alive/heartbeat", "").status, 200);
        thread::sleep(Duration::from_millis(200));
    }
    wait_until(|| {
        assert_eq!(nodes[1].post("/api/v1/services/alive/heartbeat", "").status, 200);
        let has_ended = |node: &Server, id: &str| health(node, id) == "unhealthy";
        nodes.iter().all(|node| ["silent-a", "silent-b", "silent-c"].iter().all(|id| has_ended(node, id)))
    });
    let log = watcher.end();
    let of_alive = log.0.iter().filter(|line| line.contains(r#""id":"alive""#)).count();
    assert_eq!(of_alive, 1, "nothing but its registration: {:#?}", log.0);
}

#[test]
fn a_server_whose_clock_is_far_from_that_of_the_database_says_so_and_its_leases_do_not_suffer() {
    let database = shared();
    let (url, folder) = (database.create(), crate::serve::folder());
    let nodes = [("a", "+3600", "behind"), ("b", "-3600", "ahead of")].map(|(name, ahead, direction)| {
        let node = with_clock(&url, name, folder.path(), (ahead, true));
        let said = node.log();
        let line = said.lines().find(|line| line.contains("the clock of the database")).unwrap_or_default();
        assert!(line.contains("WARN") && line.contains(&format!("is {direction} that of this machine")), "{said}");
        assert!(line.contains("seconds=3") && line.contains("set both by NTP"), "{said}");
        node
    });

    // A heartbeat at either of them counts at both.
    for (node, id) in nodes.iter().zip(["at-a", "at-b"]) {
        node.register(&registration(id, 30));
    }
    wait_for_the_same_index(&[&nodes[1], &nodes[0]]);
    for node in &nodes {
        for id in ["at-a", "at-b"] {
            assert_eq!(node.post(&format!("/api/v1/services/{id}/heartbeat"), "").status, 200);
            assert_eq!(health(node, id), "healthy");
        }
    }
}

/// How many instances fail at once, in bulk requests of this size.
const MANY: usize = 1_200;
const BULK: usize = 20;

/// Sends an operation for each of these instances.
fn bulk(node: &Server, numbers: impl Iterator<Item = usize>, operation: impl Fn(usize) -> Value) {
    let operations: Vec<Value> = numbers.map(operation).collect();
    let body = json!({ "operations": operations }).to_string();
    wait_until(|| {
        let reply = node.post("/api/v1/bulk", &body);
        assert!(reply.status == 503 || !reply.text().contains("\"error\""), "{}", reply.text());
        reply.status == 200
    });
}

#[test]
fn many_leases_that_end_at_once_end_in_portions_and_their_heartbeats_revive_them_in_few_turns() {
    let database = shared();
    let (url, folder) = (database.create(), crate::serve::folder());
    let nodes = ["a", "b"].map(|name| short(&url, name, folder.path()));
    let register = |number: usize| {
        let (id, name) = (format!("i-{number}"), format!("many-{}", number / 500));
        json!({ "register": { "id": id, "name": name, "address": "10.0.0.1", "port": 80, "ttl": 5 } })
    };
    for first in (0..MANY).step_by(BULK) {
        bulk(&nodes[0], first..first + BULK, register);
    }
    let count = |node: &Server, state: &str| node.get("/api/v1/status").json()["data"]["health"][state].clone();
    wait_until(|| nodes.iter().all(|node| count(node, "unhealthy") == MANY));
    let largest = "SELECT max(size) FROM (SELECT count(*) AS size FROM portolan.event GROUP BY xmin::text) AS turn";
    assert!(database.sql(&url, largest).parse::<usize>().unwrap() < MANY);

    let before = index_of(&nodes[0]);
    thread::scope(|scope| {
        // For a moment no server has the turn: the heartbeats come meanwhile.
        scope.spawn(|| {
            database.sql(&url, "SELECT last_index FROM portolan.meta FOR UPDATE; SELECT pg_sleep(2)");
        });
        for first in (0..MANY).step_by(BULK) {
            let node = &nodes[0];
            scope.spawn(move || {
                bulk(node, first..first + BULK, |number| json!({ "heartbeat": { "id": format!("i-{number}") } }));
            });
        }
    });
    let revived = format!("SELECT count(*) FROM portolan.event WHERE number > {before}");
    assert!(database.sql(&url, &revived).parse::<usize>().unwrap() >= MANY);
    let turns = format!("SELECT count(DISTINCT xmin::text) FROM portolan.event WHERE number > {before}");
    let turns: usize = database.sql(&url, &turns).parse().unwrap();
    assert!(turns <= MANY / BULK / 2, "{turns} turns for {} requests", MANY / BULK);
    wait_for_the_same_index(&nodes.each_ref());
}
