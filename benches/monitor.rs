//! The health monitor of `portolan serve`: 10,000 TCP checks a second, a thousand slow ones at once, black holes among healthy
//! instances, and how soon a killed instance is found.
//!
//! `cargo bench --bench monitor` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]
#![allow(clippy::cast_precision_loss)]

#[path = "local/machine.rs"]
mod machine;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};

use support::{HANG, TempDir, portolan_path};

const HELP: &str = "cargo bench --bench monitor -- [--rows A,B] [--runs N] [--save]

  --rows A,B   only these: fast, slow, holes, failover (default all)
  --runs N     how often black holes are tried (default 10)
  --save       also write benches/runs/DATE-monitor.txt
";

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut rows, mut runs, mut save) = ("fast,slow,holes,failover".to_owned(), 10, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--rows" => rows = words.next().expect("--rows A,B"),
            "--runs" => runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--save" => save = true,
            _ => return print!("{HELP}"),
        }
    }

    let mut text = machine::describe("The health monitor of portolan serve", &[]);
    for row in rows.split(',') {
        text.push_str(&match row {
            "fast" => fast(),
            "slow" => slow(),
            "holes" => holes(runs),
            "failover" => failover(),
            _ => return print!("{HELP}"),
        });
    }
    print!("{text}");
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-monitor.txt", machine::today()));
        fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }
}

/// A server in memory. It is killed with its owner.
struct Server {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    fn new() -> Self {
        let folder = TempDir::new();
        let file = folder.path().join("serve.yaml");
        fs::write(&file, "registry:\n  registration:\n    max_instances_per_service: 100000\n").unwrap();
        let mut command = Command::new(portolan_path());
        command.args(["serve", "--port", "0", "--data", ":memory:", "--log-level", "error", "--config"]).arg(&file);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| Some(line.split_once("listens on http://")?.1.split(' ').next()?.parse().unwrap()));
        thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it listens"), _folder: folder }
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let length = body.len();
        let head = "Host: bench\r\nConnection: close\r\nContent-Type: application/json";
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole answer") + 4;
        let head = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 2"), "{head}");
        let body = if head.contains("chunked") { joined(&reply[end..]) } else { reply[end..].to_vec() };
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    fn register(&self, instances: &[Value]) {
        for some in instances.chunks(1_000) {
            let operations: Vec<Value> = some.iter().map(|one| json!({ "register": one })).collect();
            self.send("POST", "/api/v1/bulk", &json!({ "operations": operations }).to_string());
        }
    }

    fn stats(&self) -> Value {
        self.send("GET", "/api/v1/health-monitor/stats", "")["data"].clone()
    }

    /// How many instances have each health.
    fn health(&self) -> Value {
        self.send("GET", "/api/v1/status", "")["data"]["health"].clone()
    }

    /// The processor time that it took, in seconds.
    fn processor_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Its memory, in MB.
    fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n").expect("a chunk has a length");
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 4 + length..];
    }
}

/// Listeners on many addresses of loopback, so that source ports suffice. They note when a connection came.
struct Targets {
    addresses: Vec<SocketAddr>,
    accepted: Arc<Mutex<Vec<Instant>>>,
}

impl Targets {
    fn new(count: u8) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let addresses = (1..=count).map(|at| {
            let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 77, at), 0)).unwrap();
            let (address, accepted) = (listener.local_addr().unwrap(), Arc::clone(&accepted));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    accepted.lock().unwrap().push(Instant::now());
                    drop(stream);
                }
            });
            address
        });
        Self { addresses: addresses.collect(), accepted }
    }

    fn instances(&self, name: &str, count: usize, check: &Value) -> Vec<Value> {
        let addresses = self.addresses.iter().cycle().take(count);
        addresses.enumerate().map(|(at, address)| instance(&format!("{name}-{at}"), *address, check)).collect()
    }
}

fn instance(id: &str, address: SocketAddr, check: &Value) -> Value {
    let (ip, port) = (address.ip().to_string(), address.port());
    json!({ "id": id, "name": "web", "address": ip, "port": port, "ttl": 0, "health_checks": [check] })
}

fn tcp_check() -> Value {
    json!({ "check_type": "tcp", "interval": 1, "timeout": 1 })
}

fn wait_for(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}

/// The most connections that came within 10 ms.
fn most_within_slot(times: &mut [Instant]) -> usize {
    times.sort_unstable();
    let mut from = 0;
    let mut most = 0;
    for at in 0..times.len() {
        while times[at].duration_since(times[from]) >= Duration::from_millis(10) {
            from += 1;
        }
        most = most.max(at + 1 - from);
    }
    most
}

/// 10,000 instances with a TCP check each second.
fn fast() -> String {
    const SECONDS: u64 = 20;
    let (server, targets) = (Server::new(), Targets::new(100));
    server.register(&targets.instances("fast", 10_000, &tcp_check()));
    wait_for("all are healthy", HANG, || server.health()["healthy"] == 10_000);
    targets.accepted.lock().unwrap().clear();

    let (before, processor) = (server.stats(), server.processor_seconds());
    let begun = Instant::now();
    thread::sleep(Duration::from_secs(SECONDS));
    let (after, processor, time) = (server.stats(), server.processor_seconds() - processor, begun.elapsed());
    let done = after["checks"].as_u64().unwrap() - before["checks"].as_u64().unwrap();
    let failed = after["results"]["unhealthy"].as_u64().unwrap() + after["results"]["unknown"].as_u64().unwrap();
    let most = most_within_slot(&mut targets.accepted.lock().unwrap());
    assert_eq!(server.health()["healthy"], 10_000, "no healthy instance is marked otherwise");

    let mut text = format!("\n10,000 instances, a TCP check each second, {SECONDS} s\n");
    for (label, value) in [
        ("checks/s", format!("{:.0}", done as f64 / time.as_secs_f64())),
        ("of them failed or not run", failed.to_string()),
        ("most connections within 10 ms", most.to_string()),
        ("processor of the server", format!("{:.2} cores", processor / time.as_secs_f64())),
        ("memory of the server", format!("{:.0} MB", server.memory())),
        ("mean time of a check", format!("{} ms", after["mean_duration_ms"])),
        ("late at the end", format!("{} ms", after["late_ms"])),
    ] {
        let _ = writeln!(text, "  {label:<32}{value:>14}");
    }
    assert!(most < 2_000, "two thousand checks start within 10 ms: {most}");
    text
}

/// A thousand checks that hang, and a thousand others beside them.
fn slow() -> String {
    let (server, targets) = (Server::new(), Targets::new(20));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = listener.local_addr().unwrap();
    thread::spawn(move || {
        let held: Vec<_> = listener.incoming().collect();
        drop(held);
    });

    let check = json!({ "check_type": "http", "interval": 60, "timeout": 30, "config": { "path": "/" } });
    let slow: Vec<Value> = (0..1_000).map(|at| instance(&format!("slow-{at}"), hanging, &check)).collect();
    server.register(&slow);
    server.register(&targets.instances("fast", 1_000, &tcp_check()));
    let took = wait_for("1,000 slow checks run at once", HANG, || server.stats()["slow_in_flight"] == 1_000);
    let before = server.stats()["checks"].as_u64().unwrap();
    thread::sleep(Duration::from_secs(5));
    let stats = server.stats();
    let others = (stats["checks"].as_u64().unwrap() - before) as f64 / 5.0;
    assert_eq!((&stats["slow_in_flight"], &server.health()["healthy"]), (&1_000.into(), &1_000.into()), "{stats}");
    format!(
        "\n1,000 HTTP checks that hang, beside 1,000 TCP checks a second\n  all in flight after {:>28.1} s\n  checks/s of the others meanwhile {others:>13.0}\n  memory of the server {:>25.0} MB\n",
        took.as_secs_f64(),
        server.memory()
    )
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

/// 7,000 healthy instances and 3,000 black holes, each checked every second.
fn holes(runs: usize) -> String {
    let mut marked = 0;
    for _ in 0..runs {
        let (server, targets) = (Server::new(), Targets::new(100));
        let (_listener, _queued, hole) = black_hole();
        server.register(&targets.instances("good", 7_000, &tcp_check()));
        let holes: Vec<Value> = (0..3_000).map(|at| instance(&format!("hole-{at}"), hole, &tcp_check())).collect();
        server.register(&holes);
        wait_for("the holes are found", HANG, || server.health()["unhealthy"].as_u64().unwrap() >= 3_000);
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            marked = marked.max(server.health()["unhealthy"].as_u64().unwrap().saturating_sub(3_000));
            thread::sleep(Duration::from_millis(250));
        }
    }
    assert_eq!(marked, 0, "healthy instances are marked unhealthy");
    format!(
        "\n7,000 healthy instances and 3,000 black holes, {runs} runs\n  healthy ones marked unhealthy {marked:>18}\n"
    )
}

/// From the end of a process until `discover` leaves it out.
fn failover() -> String {
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..20 {
        let (server, target) = (Server::new(), Server::new());
        let check = json!({ "check_type": "http", "interval": 1, "timeout": 1, "failure_threshold": 3, "config": { "path": "/health" } });
        server.register(&[instance("target", target.address, &check)]);
        wait_for("it is healthy", HANG, || server.health()["healthy"] == 1);
        drop(target);
        let gone = || server.send("GET", "/api/v1/discover?service_name=web", "")["data"]["services"] == json!([]);
        times.push(wait_for("it is gone", HANG, gone).as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(worst < 5.0, "failover takes {worst} s");
    format!(
        "\nFrom kill -9 until discover leaves the instance out, checks of 1 s, threshold 3, 20 runs\n  formula 1.1 x interval x threshold + timeout {:>6.1} s\n  median {median:>40.2} s\n  worst {worst:>41.2} s\n",
        1.1 * 3.0 + 1.0
    )
}
