//! PostgreSQL stands still, or is killed.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Node, fill, instance, three, wait};
use crate::database::Database;
use crate::support::HANG;

/// How soon answers say that they are stale, and how soon writes go on afterwards.
pub fn outages(size: usize) -> String {
    let mut database = Database::start();
    let nodes = three(&database.create(), &[]);
    let runs = (size / 20).max(1);
    let mut text = String::new();
    let mut next = 0;
    let mut write = |node: &Node| {
        next += 1;
        let body = instance(next, 0).to_string();
        request(node, "POST", "/api/v1/services", &body).starts_with("HTTP/1.1 201")
    };

    for _ in 0..runs {
        assert!(write(&nodes[0]));
        let begun = Instant::now();
        database.pause();
        wait(|| nodes.iter().all(is_stale));
        let said = begun.elapsed().as_secs_f64();
        thread::sleep(Duration::from_secs(5));
        database.resume();
        let stalled = until(|| write(&nodes[0]));

        database.kill();
        wait(|| nodes.iter().all(is_stale));
        database.begin();
        let killed = until(|| write(&nodes[0]));
        let _ = writeln!(
            text,
            "stale said {said:.2} s after the cut (goal 5); a write {stalled:.2} s after it goes on, {killed:.2} s after it runs again (goal 2)"
        );
        wait(|| !nodes.iter().any(is_stale));
    }
    text + &long_cut(&database, &nodes)
}

/// How long the database is away in the end.
const LONG_CUT: Duration = Duration::from_secs(30);
/// The leases that are over meanwhile, with their grace period of 15 s.
const TTL: u32 = 10;
const LEASES: usize = 300;
/// Their numbers begin behind those of all others.
const FIRST_LEASE: usize = 900_000;

/// Reads while the database stands still for long, and leases that no heartbeat renewed since.
fn long_cut(database: &Database, nodes: &[Node]) -> String {
    fill(&nodes[0], FIRST_LEASE..FIRST_LEASE + LEASES, TTL);
    let index = nodes[0].index();
    wait(|| nodes.iter().all(|node| node.index() >= index));

    database.pause();
    let (begun, mut reads, mut answered) = (Instant::now(), 0, 0);
    let path = format!("/api/v1/discover?service_name=bench-{}", FIRST_LEASE / 1_000);
    while begun.elapsed() < LONG_CUT {
        for node in nodes {
            let reply = request(node, "GET", &path, "");
            reads += 1;
            answered += usize::from(reply.starts_with("HTTP/1.1 200") && reply.contains("00000000-0000-4000-8000-"));
        }
        thread::sleep(Duration::from_millis(20));
    }

    database.resume();
    wait(|| !nodes.iter().any(is_stale));
    let (back, mut expired) = (Instant::now(), 0);
    while back.elapsed() < Duration::from_secs(u64::from(TTL)) {
        let unhealthy = nodes.iter().filter_map(|node| node.status()["health"]["unhealthy"].as_u64());
        expired = expired.max(unhealthy.max().unwrap_or(0));
        thread::sleep(Duration::from_millis(100));
    }
    format!(
        "{} s without PostgreSQL: {answered} of {reads} reads answered; {expired} of {LEASES} leases of {TTL} s expired within {TTL} s afterwards (goal 0)\n",
        LONG_CUT.as_secs()
    )
}

/// The seconds until something succeeds.
fn until(mut succeeds: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    while !succeeds() {
        assert!(begun.elapsed() < HANG, "it never became so");
        thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed().as_secs_f64()
}

fn is_stale(node: &Node) -> bool {
    request(node, "GET", "/api/v1/services?limit=1", "").to_ascii_lowercase().contains("\r\nx-portolan-stale: ")
}

/// A request that may fail. Returns what came back.
fn request(node: &Node, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(node.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}
