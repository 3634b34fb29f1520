//! Servers of one registry, and clients that follow them.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::history::{List, Log};
use crate::serve::{Server, exchange, wait_until};
use crate::support::HANG;

/// A server of the registry in this database.
pub fn node(url: &str, name: &str) -> Server {
    node_with(url, name, &[])
}

/// The same with more options.
pub fn node_with(url: &str, name: &str, more: &[&str]) -> Server {
    let args = ["--database-url", url, "--node", name];
    Server::with(args.iter().chain(more).copied())
}

/// Three servers that start together.
pub fn three(url: &str) -> Vec<Server> {
    thread::scope(|scope| {
        let started: Vec<_> = ["a", "b", "c"].map(|name| scope.spawn(move || node(url, name))).into_iter().collect();
        started.into_iter().map(|node| node.join().unwrap()).collect()
    })
}

pub fn registration(id: &str, ttl: u32) -> String {
    format!(r#"{{"id":"{id}","name":"web","address":"10.0.0.1","port":80,"ttl":{ttl}}}"#)
}

pub fn index_of(node: &Server) -> u64 {
    node.get("/api/v1/status").json()["data"]["index"].as_u64().unwrap()
}

/// Waits until all servers are at the index of the first.
pub fn wait_for_the_same_index(nodes: &[&Server]) -> u64 {
    let index = index_of(nodes[0]);
    wait_until(|| nodes.iter().all(|node| index_of(node) >= index));
    index
}

pub fn list(node: &Server) -> List {
    let data = node.get("/api/v1/services").json()["data"].clone();
    List { index: data["index"].as_u64().unwrap(), instances: data["services"].as_array().unwrap().clone() }
}

/// A reply to a request that may fail because its server is killed; `None` if it did.
pub fn try_send(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Option<u64>, Value)> {
    TcpStream::connect(address).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let reply = std::panic::catch_unwind(|| exchange(address, request.as_bytes())).ok()?;
    let index = reply.header("x-portolan-index").and_then(|index| index.parse().ok());
    let value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    (reply.status > 0).then_some((reply.status, index, value))
}

/// A client that follows all events. When its server ends, it goes on at the next one, with the last index that it knows.
pub struct Watcher {
    lines: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    open: Arc<Mutex<Option<TcpStream>>>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// `servers` may change meanwhile: a killed one comes back at another address.
    pub fn start(servers: Arc<Mutex<Vec<SocketAddr>>>, first: usize) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(None));

        let (kept, stopped, stream) = (Arc::clone(&lines), Arc::clone(&stop), Arc::clone(&open));
        let thread = thread::spawn(move || {
            let mut at = first;
            let mut known = None;
            while !stopped.load(Ordering::SeqCst) {
                let address = {
                    let servers = servers.lock().unwrap();
                    servers[at % servers.len()]
                };
                follow(address, &mut known, &kept, &stream);
                at += 1;
            }
        });

        Self { lines, stop, open, thread }
    }

    /// Waits until it has read such a line.
    pub fn wait_for(&self, is_it: impl Fn(&str) -> bool) {
        wait_until(|| self.lines.lock().unwrap().iter().any(|line| is_it(line)));
    }

    /// Waits until it has read an index, and returns everything that it read.
    pub fn finish(self, index: u64) -> Log {
        wait_until(|| self.lines.lock().unwrap().iter().rev().take(20).any(|line| index_in(line) >= index));
        self.end()
    }

    /// Ends it, and returns everything that it read.
    pub fn end(self) -> Log {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(stream) = self.open.lock().unwrap().take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.thread.join().unwrap();
        Log(std::mem::take(&mut *self.lines.lock().unwrap()))
    }
}

fn index_in(line: &str) -> u64 {
    let value: Value = serde_json::from_str(line).unwrap();
    // The index of a list is reached only when it is whole.
    if value["type"] == "reset" { 0 } else { value["index"].as_u64().unwrap_or(0) }
}

/// Reads events until the connection ends. `known`: the last index and the epoch that it belongs to.
fn follow(
    address: SocketAddr,
    known: &mut Option<(u64, String)>,
    kept: &Mutex<Vec<String>>,
    open: &Mutex<Option<TcpStream>>,
) {
    let Ok(mut stream) = TcpStream::connect(address) else {
        thread::sleep(std::time::Duration::from_millis(20));
        return;
    };
    stream.set_read_timeout(Some(HANG)).unwrap();
    let since = known.as_ref().map_or_else(String::new, |(index, epoch)| format!("&since={index}&epoch={epoch}"));
    // A client of HTTP/1.0 gets the lines without the lengths of chunks.
    let request = format!("GET /api/v1/events?format=ndjson{since} HTTP/1.0\r\nHost: x\r\n\r\n");
    if stream.write_all(request.as_bytes()).is_err() {
        return;
    }

    *open.lock().unwrap() = stream.try_clone().ok();
    let mut reader = BufReader::new(stream);
    let mut is_listing = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || !line.ends_with('\n') {
            return;
        }
        let line = line.trim_end();
        if !line.starts_with('{') {
            continue;
        }
        let value: Value = serde_json::from_str(line).unwrap();
        let index = value["index"].as_u64().unwrap();
        match value["type"].as_str().unwrap() {
            "reset" => {
                is_listing = true;
                *known = None;
            }
            "synced" => {
                is_listing = false;
                *known = Some((index, value["epoch"].as_str().unwrap().to_owned()));
            }
            "keep-alive" => {}
            _ if is_listing => {}
            _ => {
                if let Some((last, _)) = known {
                    *last = index;
                }
            }
        }
        kept.lock().unwrap().push(line.to_owned());
    }
}
