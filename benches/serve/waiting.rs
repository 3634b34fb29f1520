//! How soon waiting clients learn of a change, and that a change wakes no other client.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Options;
use crate::json_http::send;
use crate::load::{bench, latency_header, latency_line, report};
use crate::servers::{Server, instance};
use crate::support::{HANG, TempDir};

/// The limits of the server that the cases need.
pub const MANY: [&str; 4] = ["--max-connections", "30000", "--max-connections-per-address", "30000"];
pub const MANY_STREAMS: [(&str, &str); 1] = [("PORTOLAN__SERVER__LIMITS__EVENT_STREAMS", "20000")];

/// From the planned time of a write to its watchers.
pub fn watchers(options: &Options) -> String {
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &MANY, &MANY_STREAMS);
    let consul = Server::consul();
    let url = format!("http://{}", server.address);
    let seconds = options.seconds;

    let mut text = latency_header();
    let one = report(bench(&url, &format!("watch --rate 100 --duration {seconds}s --connections 8")));
    text.push_str(&latency_line("portolan, 100 writes/s, one watcher", &one, "last_watcher"));
    let peer = format!("watch --rate 50 --duration {seconds}s --connections 8");
    let peer = report(bench(&format!("consul://{}", consul.address), &peer));
    text.push_str(&latency_line("Consul, 50 writes/s, one blocking query", &peer, "last_watcher"));
    let many = format!("watch --rate 10 --watchers 1000 --duration {seconds}s --connections 8");
    let many = report(bench(&url, &many));
    text.push_str(&latency_line("portolan, the first of 1,000 watchers", &many, "first_watcher"));
    text.push_str(&latency_line("portolan, the last of 1,000 watchers", &many, "last_watcher"));
    text + "goal: p50 <= 1 ms, p99 <= 3 ms; the last of 1,000 <= 20 ms\n"
}

const STREAMS: usize = 10_000;

/// Each stream waits for a service of its own. One service changes: one stream has something to read.
pub fn one_wakes(_: &Options) -> String {
    allow_descriptors(STREAMS);
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &MANY, &MANY_STREAMS);
    let mut streams: Vec<TcpStream> = (0..STREAMS).map(|number| open(server.address, number)).collect();
    let deadline = Instant::now() + HANG;
    for stream in &mut streams {
        // The first piece: reset and synced.
        let mut text = Vec::new();
        while !text.windows(8).any(|part| part == b"\"synced\"") {
            assert!(Instant::now() < deadline, "a stream does not begin");
            text.extend(received(stream));
        }
        stream.set_nonblocking(true).unwrap();
    }
    let (cpu, chosen) = (server.usage().cpu, STREAMS / 2);

    let begun = Instant::now();
    send(server.address, "POST", "/api/v1/services", &instance(&service(chosen), 1, false));
    let mut woken = Vec::new();
    while woken.is_empty() && begun.elapsed() < HANG {
        woken = received(&mut streams[chosen]);
    }
    let took = begun.elapsed();
    // A stream that is woken by mistake would have something to read by now.
    thread::sleep(Duration::from_secs(1));
    let others = streams.iter_mut().enumerate().filter(|(number, _)| *number != chosen);
    let mistaken = others.filter_map(|(_, stream)| Some(received(stream)).filter(|bytes| !bytes.is_empty())).count();
    assert!(!woken.is_empty(), "the stream of the changed service is not woken");
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{STREAMS} streams, one write: its stream has it {:.2} ms after the request was begun; {mistaken} others were woken (goal 0)",
        took.as_secs_f64() * 1e3
    );
    let usage = server.usage();
    let used = usage.cpu.saturating_sub(cpu).as_millis();
    let _ = writeln!(text, "the server used {used} ms of a processor for it, and has {:.1} MB", usage.resident_mb);
    text
}

/// Raises the limit of open descriptors of this process, for this many connections.
pub fn allow_descriptors(connections: usize) {
    let allowed = getrlimit(Resource::Nofile).maximum;
    let is_enough = allowed.is_none_or(|allowed| allowed > connections as u64 + 100);
    assert!(is_enough, "more descriptors are needed (ulimit -Hn)");
    setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed }).unwrap();
}

pub fn service(number: usize) -> String {
    format!("waiting-{number}")
}

/// Opens a stream of the events of one service.
pub fn open(address: SocketAddr, number: usize) -> TcpStream {
    let mut stream = connect(address);
    get(&mut stream, &format!("/api/v1/events?format=ndjson&service={}", service(number)));
    stream
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// Sends a request, and reads nothing.
pub fn get(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n").unwrap();
}

/// What can be read now.
pub fn received(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4_096];
    match stream.read(&mut buffer) {
        Ok(0) => panic!("the server closed a stream"),
        Ok(length) => buffer[..length].to_vec(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}
