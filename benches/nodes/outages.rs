//! PostgreSQL stands still, or is killed.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Node, instance, three, wait};
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
    text
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
