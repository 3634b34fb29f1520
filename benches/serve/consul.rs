//! Consul's API of our server: `health/service` beside Consul, and blocking queries.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Options;
use crate::json_http::send;
use crate::load::{median, wrk};
use crate::servers::{Server, free_port};
use crate::support::{HANG, TempDir};
use crate::waiting::{MANY, allow_descriptors, connect, get, received, service};

const HEALTH: &str = "/v1/health/service/web?passing=1";
const FILTERED: &str = "/v1/health/service/web?passing=1&filter=Service.Port+%3D%3D+8080";
const REGISTER: &str = "/v1/agent/service/register";

/// Our server with Consul's API, and where that is.
fn portolan(folder: &Path, options: &[&str]) -> (Server, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = address.to_string();
    let options: Vec<&str> =
        ["--consul", &text, "--cluster", "dc1", "--node", "n1"].iter().chain(options).copied().collect();
    (Server::portolan(folder, &options, &[]), address)
}

fn registration(number: usize) -> Value {
    json!({ "ID": format!("web-{number:04}"), "Name": "web", "Address": format!("10.0.0.{number}"), "Port": 8080,
        "Tags": ["api", "blue"], "Meta": { "region": "eu", "version": "1.2.0" },
        "Check": { "TTL": "1h", "Status": "passing" } })
}

/// What both servers must say of each instance, in the order of the ids.
fn said(list: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let mut said: Vec<Value> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let service = &entry["Service"];
            let mut checks: Vec<String> =
                entry["Checks"].as_array().unwrap().iter().map(|check| format!("{} {}", check["CheckID"], check["Status"])).collect();
            checks.sort();
            json!({ "ID": service["ID"], "Address": service["Address"], "Port": service["Port"], "Tags": service["Tags"],
                "Meta": service["Meta"], "Weights": service["Weights"], "Node": entry["Node"]["Node"], "Checks": checks })
        })
        .collect();
    said.sort_by_key(|entry| entry["ID"].to_string());
    said
}

/// Requests a second, and the ratios of the rounds.
pub fn health(options: &Options) -> String {
    let mut text = String::new();
    for (instances, goal) in [(1, 5.0), (10, 15.0)] {
        let folder = TempDir::new();
        let (_server, own) = portolan(folder.path(), &[]);
        let consul = Server::consul();
        for number in 1..=instances {
            for address in [own, consul.address] {
                send(address, "PUT", REGISTER, &registration(number));
            }
        }
        for path in [HEALTH, FILTERED] {
            assert_alike(own, consul.address, path, instances);
        }

        let _ = writeln!(text, "{instances} instances of the service: median of {} rounds", options.runs);
        for (path, what, goal) in
            [(HEALTH, "?passing=1", format!("goal {goal}")), (FILTERED, "with a filter", String::new())]
        {
            let rounds: Vec<[f64; 2]> = (0..options.runs)
                .map(|_| [own, consul.address].map(|address| wrk(address, path, None, options.seconds)))
                .collect();
            let rates = [0, 1].map(|at| median(rounds.iter().map(|round| round[at]).collect()));
            let ratio = median(rounds.iter().map(|round| round[0] / round[1]).collect());
            let _ = writeln!(
                text,
                "  {what:<14} portolan {:>8.0}/s   Consul {:>8.0}/s   portolan is {ratio:>6.2} of it   {goal}",
                rates[0], rates[1]
            );
        }
    }
    text
}

/// Both servers list the same instances, or this is not measured.
fn assert_alike(own: SocketAddr, consul: SocketAddr, path: &str, instances: usize) {
    // The agent of Consul passes registrations on to the catalog a little later.
    let begun = Instant::now();
    loop {
        let lists = [own, consul].map(|address| said(&send(address, "GET", path, &Value::Null)));
        if lists[0].len() == instances && lists[0] == lists[1] {
            return;
        }
        assert!(begun.elapsed() < HANG, "{path} differs: {lists:?}");
    }
}

const QUERIES: usize = 10_000;
/// Those of them that wait for the service that changes.
const WOKEN: usize = 1_000;
/// The index of a registry without changes.
const FIRST_INDEX: u64 = 2;

/// Most queries wait for a service of their own, some for the one that changes. What each costs in memory, and how soon after
/// a write the last one has its answer.
pub fn blocking(options: &Options) -> String {
    allow_descriptors(QUERIES);
    let folder = TempDir::new();
    let (server, address) = portolan(folder.path(), &MANY);
    // What the first connections of a server cost is not part of it.
    drop((0..100).map(|number| ask(address, &service(number), FIRST_INDEX)).collect::<Vec<_>>());
    wait_for(&server, 0);
    let before = server.usage();

    let mut others: Vec<TcpStream> =
        (WOKEN..QUERIES).map(|number| ask(address, &service(number), FIRST_INDEX)).collect();
    let mut woken: Vec<TcpStream> = (0..WOKEN).map(|_| ask(address, "web", FIRST_INDEX)).collect();
    wait_for(&server, QUERIES as u64);
    let held = server.usage();
    let each = (held.resident_mb - before.resident_mb) * 1e3 / QUERIES as f64;
    let mut text = format!("{QUERIES} queries held: {each:.1} KB each (goal 10), {:.1} MB in all\n", held.resident_mb);

    let mut times = Vec::new();
    for round in 1..=options.runs.max(3) {
        let begun = Instant::now();
        send(address, "PUT", REGISTER, &registration(round));
        let written = begun.elapsed();
        let indexes: Vec<u64> = woken.iter_mut().map(answer).collect();
        times.push((begun.elapsed().as_secs_f64() * 1e3, written.as_secs_f64() * 1e3));
        for (stream, index) in woken.iter_mut().zip(indexes) {
            get(stream, &path("web", index));
        }
        thread::sleep(Duration::from_secs(1));
    }
    let last = median(times.iter().map(|(last, _)| *last).collect());
    let written = median(times.iter().map(|(_, written)| *written).collect());
    let _ = writeln!(
        text,
        "one write wakes {WOKEN} of them: the last has its answer {last:.2} ms after the request was begun (goal 20), which was answered after {written:.2} ms; median of {} writes",
        times.len()
    );

    for stream in &mut others {
        stream.set_nonblocking(true).unwrap();
    }
    let mistaken =
        others.iter_mut().filter_map(|stream| Some(received(stream)).filter(|bytes| !bytes.is_empty())).count();
    let used = server.usage().cpu.saturating_sub(held.cpu).as_millis();
    let _ =
        writeln!(text, "{mistaken} others were woken (goal 0); the server used {used} ms of a processor for all of it");
    drop((others, woken, server));
    let _ = writeln!(text, "a bare axum holds as many requests in {:.1} KB each", bare_waiting());
    text
}

/// What a request that waits for ever costs a bare server, in KB: the connection, its buffers and a future without content.
fn bare_waiting() -> f64 {
    let server = Server::bare(b"{}");
    drop((0..100).map(|_| waiting_at(server.address)).collect::<Vec<_>>());
    settle(&server);
    let before = server.usage().resident_mb;

    let held: Vec<_> = (0..QUERIES).map(|_| waiting_at(server.address)).collect();
    settle(&server);
    let each = (server.usage().resident_mb - before) * 1e3 / QUERIES as f64;
    drop(held);
    each
}

fn waiting_at(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    get(&mut stream, "/wait");
    stream
}

/// Connections are accepted in order: once this one is answered, all before it are accepted, and have time to be read.
fn settle(server: &Server) {
    send(server.address, "GET", "/", &Value::Null);
    thread::sleep(Duration::from_secs(2));
}

fn path(service: &str, index: u64) -> String {
    format!("/v1/health/service/{service}?index={index}&wait=10m")
}

fn ask(address: SocketAddr, service: &str, index: u64) -> TcpStream {
    let mut stream = connect(address);
    get(&mut stream, &path(service, index));
    stream
}

/// Waits until the server has `connections` connections besides the one that reads the number, and has had time to read from them.
fn wait_for(server: &Server, connections: u64) {
    let begun = Instant::now();
    loop {
        let status = send(server.address, "GET", "/api/v1/status", &Value::Null);
        let status: Value = serde_json::from_str(&status).unwrap();
        if status["data"]["connections"].as_u64().is_some_and(|open| open.abs_diff(connections) <= 1) {
            break;
        }
        assert!(begun.elapsed() < HANG, "the server does not have {connections} connections: {status}");
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_secs(2));
}

/// The index of an answer, which is read whole.
fn answer(stream: &mut TcpStream) -> u64 {
    let mut text = String::new();
    loop {
        text.push_str(&String::from_utf8_lossy(&received(stream)));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = header(head, "content-length").expect("a length");
        if body.len() as u64 >= length {
            return header(head, "x-consul-index").expect("an index");
        }
    }
}

fn header(head: &str, name: &str) -> Option<u64> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.parse().ok())
}
