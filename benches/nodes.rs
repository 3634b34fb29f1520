//! Three servers with one PostgreSQL, on this machine: what they cost, and how soon each knows what another wrote.
//!
//! `cargo bench --bench nodes` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]
#![allow(clippy::cast_precision_loss, dead_code)]

#[path = "nodes/alone.rs"]
mod alone;
#[path = "nodes/cluster.rs"]
mod cluster;
#[path = "../tests/registry/nodes/database.rs"]
mod database;
#[path = "serve/json_http.rs"]
mod json_http;
#[path = "nodes/leases.rs"]
mod leases;
#[path = "local/machine.rs"]
mod machine;
#[path = "nodes/outages.rs"]
mod outages;
#[path = "../tests/registry/nodes/redis_server.rs"]
mod redis_server;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "nodes/writes.rs"]
mod writes;

use std::path::Path;

/// What the helpers of the tests use.
mod serve {
    use std::time::{Duration, Instant};

    pub fn wait_until(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + crate::support::HANG;
        while !is_so() {
            assert!(Instant::now() < deadline, "it never became so");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

const HELP: &str = "cargo bench --bench nodes -- [--size N] [--cases LETTERS] [--save]

  --size N         in percent: 100 is what the figures are claimed for, 1 a try (default 100)
  --cases LETTERS  only these:
                     W from a write at one server to a watcher at another, without Redis, with one, and with one
                       that is flushed or stands still
                     R durable registrations, at one server and at three at once
                     L 100,000 leases of 10 s: processor time of PostgreSQL, and memory of a server
                     C a server that missed 100,000 events
                     O PostgreSQL stands still, and is killed: stale answers, writes afterwards, and leases after 30 s
                     N one of three servers beside a single one with SQLite: memory and reads
  --save           also write benches/runs/DATE-nodes.txt
";

/// A case: its letter, its title, and what measures it. The size is in percent.
type Case = (char, &'static str, fn(usize) -> String);

const CASES: [Case; 6] = [
    ('W', "from a write at one server to a watcher at another", writes::propagation),
    ('R', "durable registrations", writes::registrations),
    ('L', "leases", leases::renewals),
    ('C', "catching up", leases::catch_up),
    ('O', "outages of PostgreSQL", outages::outages),
    ('N', "one of three servers beside a single one", alone::beside_a_single_one),
];

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut letters, mut size, mut save) = ("WRLCON".to_owned(), 100, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo passes this to every bench.
            "--bench" => {}
            "--size" => size = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--size N"),
            "--cases" => letters = words.next().expect("--cases LETTERS"),
            "--save" => save = true,
            _ => return print!("{HELP}"),
        }
    }

    let mut text = machine::describe("Three servers with one PostgreSQL", &[("redis-server", "--version")]);
    print!("{text}");
    for (letter, title, measure) in CASES.iter().filter(|(letter, ..)| letters.contains(*letter)) {
        let part = format!("\n{letter}: {title}\n{}", measure(size));
        print!("{part}");
        text.push_str(&part);
    }
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-nodes.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}
