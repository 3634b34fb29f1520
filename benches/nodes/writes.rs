//! How soon a write is known elsewhere, and how many are kept.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Node, instance, three, wait};
use crate::database::Database;
use crate::json_http::send;
use crate::redis_server::Redis;
use crate::support::{HANG, portolan_path};

/// From the moment before the request to the moment after the event was read.
pub fn propagation(size: usize) -> String {
    let (database, redis) = (Database::start(), Redis::start());
    let count = 10 * size.max(3);
    let mut text = String::new();
    let with_redis: &[&str] = &["--redis", &redis.url()];
    for (label, more) in [("NOTIFY of PostgreSQL", &[] as &[&str]), ("a stream of Redis", with_redis)] {
        let nodes = three(&database.create(), more);
        if !more.is_empty() {
            wait(|| nodes.iter().all(|node| node.status()["redis"]["connected"] == true));
        }
        text.push_str(&row(label, measure(&nodes[0], &nodes[1], 0..count), "p50 5, p99 50"));
        if more.is_empty() {
            continue;
        }
        for (part, (label, disturb)) in (1..).zip(DISTURBANCES) {
            let stop = AtomicBool::new(false);
            let taken = thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        disturb(&redis);
                    }
                });
                let taken = measure(&nodes[0], &nodes[1], part * count..(part + 1) * count);
                stop.store(true, Ordering::Relaxed);
                taken
            });
            text.push_str(&row(label, taken, "max 1100"));
        }
    }
    text
}

/// What befalls Redis, for about a second.
type Disturbance = (&'static str, fn(&Redis));

const DISTURBANCES: [Disturbance; 2] = [
    ("Redis, flushed each second", |redis| {
        redis.ask(&["FLUSHALL"]);
        thread::sleep(Duration::from_secs(1));
    }),
    ("Redis, standing still half the time", |redis| {
        redis.pause();
        thread::sleep(Duration::from_millis(700));
        redis.resume();
        thread::sleep(Duration::from_millis(700));
    }),
];

fn row(label: &str, mut taken: Vec<Duration>, goal: &str) -> String {
    taken.sort();
    let count = taken.len();
    let [half, most, last] = [taken[count / 2], taken[count * 99 / 100], taken[count - 1]].map(millis);
    format!("{label:<36} {count} writes: p50 {half:.2} ms, p99 {most:.2} ms, max {last:.2} ms (goal {goal})\n")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Registers new instances: one that is there already would be no change.
fn measure(writer: &Node, reader: &Node, numbers: Range<usize>) -> Vec<Duration> {
    let events = watch(reader.address);
    let next = |wanted: u64| loop {
        let (index, at) = events.recv_timeout(HANG).expect("an event");
        if index >= wanted {
            return at;
        }
    };
    numbers
        .map(|number| {
            let begun = Instant::now();
            let reply = send(writer.address, "POST", "/api/v1/services", &instance(number, 0));
            let reply: Value = serde_json::from_str(&reply).unwrap();
            let at = next(reply["data"]["index"].as_u64().unwrap());
            // Not in step with the interval at which servers look.
            thread::sleep(Duration::from_millis(7 + number as u64 % 11));
            at.saturating_duration_since(begun)
        })
        .collect()
}

/// The indexes of all events of a server, with the time at which each was read.
fn watch(address: SocketAddr) -> Receiver<(u64, Instant)> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /api/v1/events?format=ndjson HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let at = Instant::now();
            let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
            if sender.send((value["index"].as_u64().unwrap_or(0), at)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Closed loop, at one server and at three at once.
pub fn registrations(size: usize) -> String {
    let database = Database::start();
    let nodes = three(&database.create(), &[]);
    let seconds = (size / 10).max(2);
    let mut text = String::new();
    for many in [1, 3] {
        let loads: Vec<Child> = nodes.iter().take(many).map(|node| load("register", node.address, seconds)).collect();
        let rates: Vec<f64> = loads.into_iter().map(rate).collect();
        let _ = writeln!(text, "closed loop at {many}: {:.0} registrations/s (goal 5,000)", rates.iter().sum::<f64>());
    }
    text
}

pub fn load(scenario: &str, address: SocketAddr, seconds: usize) -> Child {
    let mut command = Command::new(portolan_path());
    command.args(["bench", scenario, "--closed", "--json", "--quiet", "--duration", &format!("{seconds}s")]);
    command.args(["--server", &format!("http://{address}")]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("portolan starts")
}

/// The replies per second of a load that ends.
pub fn rate(load: Child) -> f64 {
    let out = load.wait_with_output().expect("it ends");
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    report["answered_per_second"].as_f64().unwrap_or(0.0)
}
