//! Servers with a Redis: it carries hints, counts and revocations, and nothing depends on it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::database::shared;
use super::node::{Watcher, index_of, node_with, registration};
use super::redis_server::Redis;
use super::together::{StopOnDrop, Writes, gather, write_until};
use crate::serve::{Server, exchange, folder, wait_until};
use crate::support::portolan_path;

pub(super) fn is_connected(node: &Server) -> bool {
    node.get("/api/v1/status").json()["data"]["redis"]["connected"] == true
}

/// Servers with one database and one Redis, connected to it.
fn with_redis<const N: usize>(url: &str, redis: &Redis, names: [&str; N]) -> [Server; N] {
    let nodes = names.map(|name| node_with(url, name, &["--redis", &redis.url()]));
    wait_until(|| nodes.iter().all(is_connected));
    nodes
}

#[test]
fn the_index_travels_by_a_stream() {
    let (database, redis) = (shared(), Redis::start());
    let url = database.create();
    let nodes = with_redis(&url, &redis, ["a", "b"]);
    let status = nodes[0].get("/api/v1/status").json()["data"]["redis"].clone();
    assert_eq!(status["url"], redis.url(), "{status}");

    for number in 0..20 {
        let index = nodes[number % 2].register(&registration(&format!("i-{number}"), 0))["index"].as_u64().unwrap();
        wait_until(|| nodes.iter().all(|node| index_of(node) >= index));
        wait_until(|| {
            redis.ask(&["XREVRANGE", "portolan:default:changes", "+", "-"]).contains(&format!("index\n{index}"))
        });
    }
    // PostgreSQL wakes no server meanwhile: nothing listens for more than the connections that are there.
    let length: u64 = redis.ask(&["XLEN", "portolan:default:changes"]).parse().unwrap();
    assert!((1..=20).contains(&length), "{length}");

    // What is no hint harms nothing.
    redis.ask(&["XADD", "portolan:default:changes", "*", "index", "no number", "revoked", "\u{1b}[2J", "x", "y"]);
    redis.ask(&["XADD", "portolan:default:changes", "*", "index", "18446744073709551615"]);
    redis.ask(&["SET", "portolan:default:rate:requests:address:10.0.0.1", "text"]);
    let index = nodes[0].register(&registration("after", 0))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[1]) == index);
    // Another type in the place of the stream is one that Redis refuses: the store wakes the servers.
    redis.ask(&["DEL", "portolan:default:changes"]);
    redis.ask(&["SET", "portolan:default:changes", "text"]);
    nodes[0].register(&registration("blocked", 0));
    wait_until(|| !is_connected(&nodes[0]));
    let index = nodes[0].register(&registration("by-the-store", 0))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[1]) == index);
    redis.ask(&["DEL", "portolan:default:changes"]);
    wait_until(|| nodes.iter().all(is_connected));
}

#[test]
fn a_redis_that_is_flushed_stopped_and_killed_changes_no_answer() {
    let (database, mut redis) = (shared(), Redis::start());
    let url = database.create();
    let nodes = with_redis(&url, &redis, ["a", "b", "c"]);
    let servers = Arc::new(Mutex::new(nodes.iter().map(|node| node.address).collect::<Vec<_>>()));
    let watchers: Vec<Watcher> = (0..3).map(|first| Watcher::start(Arc::clone(&servers), first)).collect();
    let (writes, stop) = (Writes::default(), AtomicBool::new(false));
    // However slow the machine is: the servers get on, also with each other.
    let get_on = || {
        let wanted = nodes.iter().map(index_of).max().unwrap() + 40;
        wait_until(|| nodes.iter().all(|node| index_of(node) >= wanted));
        assert!(nodes.iter().all(|node| node.get("/health?ready=true").status == 200));
    };

    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for client in 0..3 {
            let (stop, servers, writes) = (&stop, &servers, &writes);
            scope.spawn(move || write_until(stop, client, servers, writes));
        }
        for _ in 0..5 {
            redis.ask(&["FLUSHALL"]);
            get_on();
        }
        redis.pause();
        wait_until(|| {
            get_on();
            nodes.iter().all(|node| !is_connected(node))
        });
        redis.resume();
        wait_until(|| nodes.iter().all(is_connected));

        redis.kill();
        get_on();
        wait_until(|| nodes.iter().all(|node| !is_connected(node)));
        get_on();
        redis.begin();
        wait_until(|| nodes.iter().all(is_connected));
        get_on();
        stop.store(true, Ordering::SeqCst);
    });

    // No hint has to arrive: each server reads what is new at this interval.
    let interval = |node: &Server| node.get("/api/v1/status").json()["data"]["registry_sync_interval"].as_f64();
    assert!(nodes.iter().all(|node| interval(node) == Some(1.0)));
    let nodes: Vec<&Server> = nodes.iter().collect();
    let history = gather(&nodes, watchers, writes);
    assert_eq!(history.problems(), [] as [String; 0]);
    assert!(history.acknowledged.len() > 20);
    assert!(history.logs.iter().all(|log| log.0.iter().filter(|line| line.contains("reset")).count() <= 1));
}

#[test]
fn a_server_starts_without_its_redis_and_uses_it_once_it_is_there() {
    let (database, mut redis) = (shared(), Redis::absent());
    let url = database.create();
    let nodes = ["a", "b"].map(|name| node_with(&url, name, &["--redis", &redis.url()]));
    let index = nodes[0].register(&registration("i", 30))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[1]) == index);
    assert!(!nodes.iter().any(is_connected));
    wait_until(|| nodes.iter().all(|node| node.log().contains("Redis cannot be used yet")));

    redis.begin();
    wait_until(|| nodes.iter().all(is_connected));
    nodes[1].register(&registration("j", 30));
    wait_until(|| redis.ask(&["XLEN", "portolan:default:changes"]) != "0");
}

#[test]
fn a_caller_has_one_limit_at_all_servers() {
    const PER_SECOND: usize = 2;
    const BURST: usize = 10;
    let (database, redis, folder) = (shared(), Redis::start(), folder());
    let url = database.create();
    let file = folder.path().join("serve.yaml");
    let limits = format!("server:\n  limits:\n    requests_per_second_per_address: {PER_SECOND}\n");
    fs::write(&file, limits).unwrap();
    let args = ["--redis", &redis.url(), "--config", file.to_str().unwrap()];
    let nodes = ["a", "b"].map(|name| node_with(&url, name, &args));
    // Whether they are connected cannot be asked: each request counts.
    wait_until(|| nodes.iter().all(|node| node.log().contains("Redis replies")));

    let begin = Instant::now();
    let send = |node: &Server| node.get("/api/v1/services").status;
    let mut passed = 0;
    while send(&nodes[0]) == 200 {
        passed += 1;
    }
    // The servers tell each other within milliseconds, if the machine lets them.
    wait_until(|| redis.ask(&["EXISTS", "portolan:default:rate:requests:address:127.0.0.1"]) == "1");
    while send(&nodes[1]) == 200 {
        passed += 1;
        thread::sleep(Duration::from_millis(100));
    }
    // Without the other's counts the second server would let its whole burst pass.
    let since = begin.elapsed();
    assert!((BURST..2 * BURST).contains(&passed), "{passed} in {since:?}");
}

/// The command that changes a file of keys.
fn key_command(file: &Path, args: &[&str]) -> String {
    let mut command = Command::new(portolan_path());
    command.arg("key").args(args).arg("--keys-file").arg(file).env_clear();
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_key_that_is_revoked_at_one_server_is_refused_by_all() {
    let (database, redis, folder) = (shared(), Redis::start(), folder());
    let url = database.create();
    let keys = ["a", "b"].map(|name| folder.path().join(format!("{name}.json")));
    let [revoked, kept] =
        ["one", "two"].map(|name| key_command(&keys[0], &["create", "--name", name, "--role", "viewer"]));
    fs::copy(&keys[0], &keys[1]).unwrap();

    let start = |at: usize| {
        let file = folder.path().join(format!("{at}.toml"));
        fs::write(&file, format!("[auth]\nkeys_file = \"{}\"\n", keys[at].display())).unwrap();
        node_with(&url, ["a", "b"][at], &["--redis", &redis.url(), "--config", file.to_str().unwrap()])
    };
    let send = |node: &Server, key: &str| {
        let head = format!("GET /api/v1/services HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {key}\r\n\r\n");
        exchange(node.address, head.as_bytes()).status
    };
    let nodes = [start(0), start(1)];
    assert!(nodes.iter().all(|node| send(node, &revoked) == 200 && send(node, &kept) == 200));

    key_command(&keys[0], &["revoke", revoked.split('_').nth(1).unwrap()]);
    wait_until(|| nodes.iter().all(|node| send(node, &revoked) == 401));
    assert!(nodes.iter().all(|node| send(node, &kept) == 200));
    // An empty Redis gives nothing back, and a server that starts learns of it from the others.
    redis.ask(&["FLUSHALL"]);
    assert_eq!(send(&nodes[1], &revoked), 401);
    let [first, second] = nodes;
    second.kill();
    wait_until(|| redis.ask(&["SCARD", "portolan:default:revoked"]) == "1");
    let again = start(1);
    wait_until(|| send(&again, &revoked) == 401);
    assert_eq!((send(&first, &kept), send(&again, &kept)), (200, 200));
}

#[test]
fn a_url_that_is_none_of_a_redis_is_refused_and_a_single_server_needs_none() {
    let database = shared();
    let url = database.create();
    for wrong in ["http://127.0.0.1", "redis://u:s3cret@127.0.0.1:port", "redis://127.0.0.1/x"] {
        let said = Server::try_with(["--database-url", &url, "--redis", wrong]).err().unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].contains("redis://HOST"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let alone = Server::with(["--data", ":memory:", "--redis", "redis://127.0.0.1:1"]);
    wait_until(|| alone.log().contains("off: "));
    assert!(alone.log().contains("Redis (only servers that share a PostgreSQL database"), "{}", alone.log());
}

/// Rows N14 and L6: the password, the number of the database, and what the keys begin with.
#[test]
fn a_redis_is_used_with_its_password_and_with_a_prefix() {
    let (database, redis) = (shared(), Redis::start_with_password("s3cret-of-redis"));
    let url = database.create();
    let folder = folder();
    let named = |password: &str, file: &str| {
        let address = format!("redis://:{password}@127.0.0.1:{}/3", redis.port);
        let path = folder.path().join(file);
        let settings = format!("database:\n  redis: {{ url: \"{address}\", prefix: \"service_discovery:\" }}\n");
        fs::write(&path, settings).unwrap();
        node_with(&url, file, &["--config", path.to_str().unwrap()])
    };
    let node = named("s3cret-of-redis", "right.yaml");
    wait_until(|| is_connected(&node));
    node.register(&registration("web", 0));
    wait_until(|| redis.ask(&["KEYS", "*"]).lines().any(|key| key.starts_with("service_discovery:")));
    assert!(!redis.ask(&["KEYS", "*"]).contains("portolan:"), "{}", redis.ask(&["KEYS", "*"]));

    // A wrong one costs only Redis, and shows nowhere.
    let wrong = named("wr0ng-password", "wrong.yaml");
    wait_until(|| wrong.log().contains("Redis cannot be used"));
    assert!(!is_connected(&wrong));
    wrong.register(&registration("api", 0));
    let said = wrong.get("/api/v1/status").text() + &wrong.log();
    assert!(said.contains("WRONGPASS") || said.to_lowercase().contains("password"), "{said}");
    assert!(!said.contains("wr0ng-password"), "{said}");
}
