//! Servers of one registry, each at a free port of 127.0.0.1.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::json_http::send;
use crate::support::{HANG, kill, portolan_path};

/// One server.
pub struct Node {
    pub address: SocketAddr,
    child: Child,
}

impl Node {
    pub fn start(url: &str, name: &str, more: &[&str]) -> Self {
        Self::with(&[&["--database-url", url, "--node", name], more].concat())
    }

    /// A server with these options.
    pub fn with(options: &[&str]) -> Self {
        let mut command = Command::new(portolan_path());
        command.args(["serve", "--port", "0"]).args(options).env_clear();
        // Every event that a server may miss is kept.
        command.env("PORTOLAN__REGISTRY__EVENTS__BUFFER_SIZE", "200000");
        command.env("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false");
        command.env("PORTOLAN__REGISTRY__REGISTRATION__MAX_INSTANCES_PER_SERVICE", "1000000");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("portolan starts");

        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listens = lines.find(|line| line.contains("listens on http://")).expect("it listens");
        // What it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let address = listens.rsplit_once("http://").and_then(|(_, address)| address.parse().ok());
        Self { address: address.expect("an address"), child }
    }

    pub fn status(&self) -> Value {
        let text = send(self.address, "GET", "/api/v1/status", &Value::Null);
        serde_json::from_str::<Value>(&text).unwrap()["data"].clone()
    }

    pub fn index(&self) -> u64 {
        self.status()["index"].as_u64().unwrap()
    }

    pub fn pause(&self) {
        kill(self.child.id(), Signal::STOP);
    }

    pub fn resume(&self) {
        kill(self.child.id(), Signal::CONT);
    }

    pub fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1e3
    }

    /// The processor time that it used until now.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three servers.
pub fn three(url: &str, more: &[&str]) -> Vec<Node> {
    let nodes: Vec<Node> = ["a", "b", "c"].iter().map(|name| Node::start(url, name, more)).collect();
    // Each knows of all.
    wait(|| nodes.iter().all(|node| node.status()["servers"].as_array().unwrap().len() == 3));
    nodes
}

/// Waits until something is so, and returns how long that took.
pub fn wait(is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "it never became so");
        thread::sleep(Duration::from_millis(2));
    }
    begun.elapsed()
}

/// The processor time of a process; zero if it has ended. Fields 14 and 15 of proc(5), in ticks of 10 ms.
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, after_name)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Registers instances with these numbers, in services of a thousand each.
pub fn fill(node: &Node, numbers: impl Iterator<Item = usize>, ttl: u32) {
    let all: Vec<usize> = numbers.collect();
    for some in all.chunks(250) {
        let operations: Vec<Value> = some.iter().map(|number| json!({ "register": instance(*number, ttl) })).collect();
        let reply = send(node.address, "POST", "/api/v1/bulk", &json!({ "operations": operations }));
        assert!(!reply.contains("\"error\""), "{reply}");
    }
}

pub fn instance(number: usize, ttl: u32) -> Value {
    let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    json!({
        "id": id(number), "name": format!("bench-{}", number / 1_000), "version": "1.2.0", "address": address,
        "port": 8080, "tags": ["api", "blue"], "metadata": { "region": "eu" }, "ttl": ttl,
    })
}

pub fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
