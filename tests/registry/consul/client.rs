//! A server with Consul's API, and what a test sends to it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::serve::{Reply, Server, exchange};
use crate::support::HANG;

/// A server of the test's own.
pub struct ConsulServer {
    pub rest: Server,
    pub address: SocketAddr,
}

impl ConsulServer {
    /// A server that keeps everything in memory.
    pub fn start() -> Self {
        Self::with(&["--data", ":memory:"])
    }

    pub fn with(args: &[&str]) -> Self {
        let own = ["--consul", "127.0.0.1:0", "--cluster", "dc1", "--node", "n1"];
        let rest = Server::with(args.iter().chain(&own));
        let begun = Instant::now();
        loop {
            let log = rest.log();
            let line = log.lines().find_map(|line| line.strip_prefix("Consul's API on http://"));
            if let Some(address) = line.and_then(|address| address.trim().parse().ok()) {
                return Self { rest, address };
            }
            assert!(begun.elapsed() < HANG, "it does not say where Consul's API is: {log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, "", &Value::Null)
    }

    pub fn put(&self, path: &str, body: &Value) -> Reply {
        send(self.address, "PUT", path, "", body)
    }

    /// A write that must succeed.
    pub fn write(&self, path: &str, body: &Value) {
        let reply = self.put(path, body);
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.text());
    }

    /// What a read that must succeed answers with.
    pub fn read(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// The index of an answer.
    pub fn index(&self, path: &str) -> u64 {
        index_of(&self.get(path))
    }

    pub fn send(&self, method: &str, path: &str, headers: &str) -> Reply {
        send(self.address, method, path, headers, &Value::Null)
    }
}

pub fn index_of(reply: &Reply) -> u64 {
    reply.header("x-consul-index").unwrap_or_else(|| panic!("no index: {}", reply.head)).parse().unwrap()
}

/// Sends a request, with a content type that is not JSON: Consul's clients send none, or another.
pub fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &Value) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send_text(address, method, path, headers, &body)
}

pub fn send_text(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: consul\r\nConnection: close\r\n{headers}");
    let _ = write!(request, "Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    exchange(address, request.as_bytes())
}

/// The ids of the services in an answer of `health/service`.
pub fn ids(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().unwrap().iter();
    entries.map(|entry| entry["Service"]["ID"].as_str().unwrap().to_owned()).collect()
}

/// The statuses of the checks with these ids.
pub fn status_of<'v>(checks: &'v Value, id: &str) -> &'v str {
    let check = checks.as_array().unwrap().iter().find(|check| check["CheckID"] == id);
    check.unwrap_or_else(|| panic!("no check {id}: {checks}"))["Status"].as_str().unwrap()
}
