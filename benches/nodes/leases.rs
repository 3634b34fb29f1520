//! Many leases that are renewed, and a server that missed many events.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::{Node, fill, id, processor_time, three, wait};
use crate::database::Database;
use crate::json_http::send;

const TTL: u32 = 10;
/// Each instance sends a heartbeat this often.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(3_300);

/// Each instance is renewed at one of three servers, in bulk: the cost of single requests is measured by `serve.rs`.
pub fn renewals(size: usize) -> String {
    let database = Database::start();
    let nodes = three(&database.create(), &[]);
    let count = 1_000 * size;
    let empty = nodes[0].resident_mb();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut text = String::new();

    thread::scope(|scope| {
        for (at, node) in nodes.iter().enumerate() {
            let numbers = at * count / 3..(at + 1) * count / 3;
            let (stop, sent) = (&stop, &sent);
            scope.spawn(move || fill_and_renew(node, numbers, stop, sent));
        }
        wait(|| nodes.iter().all(|node| node.status()["instances"] == count));
        // Every lease was renewed at least twice.
        thread::sleep(HEARTBEAT_INTERVAL * 2);

        let measured = Duration::from_secs(20);
        let (begun, before, sent_before) = (Instant::now(), of_database(&database), sent.load(Ordering::Relaxed));
        let own_before = nodes[0].processor_time();
        thread::sleep(measured);
        let seconds = begun.elapsed().as_secs_f64();
        let used = of_database(&database).saturating_sub(before).as_secs_f64() * 1e3 / seconds;
        let own = nodes[0].processor_time().saturating_sub(own_before).as_secs_f64() * 1e3 / seconds;
        let rate = (sent.load(Ordering::Relaxed) - sent_before) as f64 / seconds;
        let health = nodes[0].status()["health"].clone();
        stop.store(true, Ordering::Relaxed);
        let _ = writeln!(
            text,
            "{count} leases of {TTL} s, {rate:.0} heartbeats/s: PostgreSQL {used:.0} ms/s (goal 50), a server {own:.0} ms/s"
        );
        let _ = writeln!(
            text,
            "health of all: {health}; memory of a server {empty:.0} MB empty, {:.0} MB filled",
            nodes[0].resident_mb()
        );
    });
    text
}

/// Registers these instances, and sends heartbeats of each at the interval from then on, until it is stopped.
fn fill_and_renew(node: &Node, numbers: Range<usize>, stop: &AtomicBool, sent: &AtomicU64) {
    let all: Vec<usize> = numbers.collect();
    let mut waiting = all.chunks(250);
    let mut rounds: VecDeque<(Instant, &[usize])> = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        let due = rounds.front().map(|(at, _)| *at).filter(|at| *at <= Instant::now());
        if due.is_some()
            && let Some((_, some)) = rounds.pop_front()
        {
            renew(node, some, sent);
            rounds.push_back((Instant::now() + HEARTBEAT_INTERVAL, some));
        } else if let Some(some) = waiting.next() {
            fill(node, some.iter().copied(), TTL);
            rounds.push_back((Instant::now() + HEARTBEAT_INTERVAL, some));
        } else {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn renew(node: &Node, some: &[usize], sent: &AtomicU64) {
    let operations: Vec<Value> = some.iter().map(|number| json!({ "heartbeat": { "id": id(*number) } })).collect();
    let reply = send(node.address, "POST", "/api/v1/bulk", &json!({ "operations": operations }));
    assert!(!reply.contains("\"error\""), "{reply}");
    sent.fetch_add(some.len() as u64, Ordering::Relaxed);
}

/// The processor time of PostgreSQL: of its processes that run now.
fn of_database(database: &Database) -> Duration {
    database.processes().into_iter().map(processor_time).sum()
}

/// One of three servers stands still while the others write. From the moment in which it goes on to the one in which it
/// has everything.
pub fn catch_up(size: usize) -> String {
    let database = Database::start();
    let nodes = three(&database.create(), &[]);
    let count = 1_000 * size;
    nodes[2].pause();
    let begun = Instant::now();
    fill(&nodes[0], 0..count, 0);
    let (wanted, wrote) = (nodes[0].index(), begun.elapsed().as_secs_f64());

    nodes[2].resume();
    let took = wait(|| nodes[2].index() >= wanted).as_secs_f64();
    assert_eq!(nodes[2].status()["instances"], count);
    format!("{count} events, written in {wrote:.1} s: {took:.2} s until the server has them (goal 2 s)\n")
}
