//! What many instances cost: memory, and the time of a start.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::Value;

use crate::Options;
use crate::json_http::send;
use crate::servers::{Server, fill};
use crate::support::TempDir;
use crate::waiting::{MANY, MANY_STREAMS, open};

const MEMORY: [(usize, f64); 2] = [(10_000, 50.0), (100_000, 300.0)];
const WATCHERS: usize = 1_000;

/// Resident memory: of instances with a check each, and then with watchers.
pub fn memory(_: &Options) -> String {
    let mut text = String::new();
    for (count, goal) in MEMORY {
        let folder = TempDir::new();
        let server = Server::portolan(folder.path(), &MANY, &MANY_STREAMS);
        let empty = server.usage().resident_mb;
        fill(&server, 0, count);
        check(&server, count);
        let filled = server.usage().resident_mb;
        let streams: Vec<_> = (0..WATCHERS).map(|number| open(server.address, number)).collect();
        // Each of them is accepted when the one after it has been answered.
        check(&server, count);
        let watched = server.usage().resident_mb;
        drop(streams);
        let _ = writeln!(
            text,
            "{count:>7} instances: {empty:.1} MB empty, {filled:.1} MB filled, {watched:.1} MB with {WATCHERS} watchers (goal {goal})"
        );
    }
    text
}

/// From the start of the process to its first right answer, after a stop and after a power failure.
pub fn start(options: &Options) -> String {
    let count = 100_000;
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &[], &[]);
    fill(&server, 0, count);
    check(&server, count);
    server.kill();

    let mut text = String::new();
    for _ in 0..options.runs {
        let begun = Instant::now();
        let server = Server::portolan(folder.path(), &[], &[]);
        let listens = begun.elapsed();
        check(&server, count);
        let _ = writeln!(
            text,
            "{count} instances: listens after {:.2} s, answers after {:.2} s (goal 2), {:.1} MB",
            listens.as_secs_f64(),
            begun.elapsed().as_secs_f64(),
            server.usage().resident_mb
        );
        server.kill();
    }
    text
}

/// The server has this many instances, and lists a service whole.
fn check(server: &Server, count: usize) {
    let status: Value = serde_json::from_str(&send(server.address, "GET", "/api/v1/status", &Value::Null)).unwrap();
    assert_eq!(status["data"]["instances"], count);
    let list = send(server.address, "GET", "/api/v1/services/bench-9/instances", &Value::Null);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"]["services"].as_array().unwrap().len(), 1_000);
}
