//! What clients that mean harm cost honest ones: slow heads on 5,000 connections, and 5,000 connections a second.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Options;
use crate::load::{bench, latency_header, latency_line, report};
use crate::servers::Server;
use crate::support::TempDir;

/// The slow clients, from several addresses: one address may have 2,500 connections.
const SLOW: usize = 5_000;
const ADDRESSES: usize = 4;
/// A slow client sends a byte of its head in this time.
const DRIP: Duration = Duration::from_millis(500);
/// The connections that are opened and closed in a second.
const OPENED: usize = 5_000;
/// What honest clients may wait at most, in 99 of 100 requests.
const GOAL: &str = "goal: p99 < 50 ms";

/// Honest reads at 1,000/s: alone, beside slow clients, and beside a flood of connections.
pub fn honest_clients(options: &Options) -> String {
    let allowed = getrlimit(Resource::Nofile).maximum;
    assert!(allowed.is_none_or(|allowed| allowed > 2 * SLOW as u64), "more descriptors are needed (ulimit -Hn)");
    setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed }).unwrap();
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &[], &[]);
    let seconds = options.seconds.max(10);

    let mut text = latency_header();
    let measure = |label: &str, text: &mut String| {
        let words = format!("discover --rate 1000 --duration {seconds}s --connections 8");
        let read = report(bench(&format!("http://{}", server.address), &words));
        text.push_str(&latency_line(label, &read, "latency"));
        let _ = writeln!(text, "  the server has {:.1} MB", server.usage().resident_mb);
    };
    measure("alone", &mut text);

    let stop = AtomicBool::new(false);
    let (open, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| drip(server.address, &open, &stop));
        while open.load(Ordering::SeqCst) < SLOW {
            thread::sleep(Duration::from_millis(20));
        }
        measure("beside 5,000 clients with slow heads", &mut text);
        stop.store(true, Ordering::SeqCst);
    });

    stop.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    let opened = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(server.address, &refused, &stop));
        measure("beside a flood of connections", &mut text);
        stop.store(true, Ordering::SeqCst);
        flood.join().expect("it ends")
    });
    let rate = opened as f64 / begun.elapsed().as_secs_f64();
    let _ = writeln!(text, "  {rate:.0} connections/s were opened (wanted {OPENED}), {} refused", refused.into_inner());
    text + GOAL + "\n"
}

/// A connection from an address of its own.
fn connect(to: SocketAddr, number: usize) -> std::io::Result<TcpStream> {
    let from = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(number % ADDRESSES).unwrap_or_default());
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Keeps [`SLOW`] connections open, each with a head that never ends, and replaces those that the server closes.
fn drip(to: SocketAddr, open: &AtomicUsize, stop: &AtomicBool) {
    let mut clients: Vec<Option<TcpStream>> = (0..SLOW).map(|_| None).collect();
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        for (number, client) in clients.iter_mut().enumerate() {
            let is_open = client.as_mut().is_some_and(|stream| stream.write_all(b"x").is_ok() && !is_closed(stream));
            if !is_open {
                *client = connect(to, number).ok();
                if let Some(stream) = client {
                    let _ = stream.write_all(b"GET /api/v1/services HTTP/1.1\r\nHost: x\r\nX: ");
                }
            }
        }
        open.store(clients.iter().flatten().count(), Ordering::SeqCst);
        thread::sleep(DRIP.saturating_sub(begun.elapsed()));
    }
}

/// Whether the server has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 512];
    match stream.read(&mut answer) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Opens and closes connections at a rate, and returns how many were opened.
fn flood(to: SocketAddr, refused: &AtomicUsize, stop: &AtomicBool) -> usize {
    let (begun, mut opened) = (Instant::now(), 0);
    while !stop.load(Ordering::SeqCst) {
        let due = usize::try_from(begun.elapsed().as_micros() * OPENED as u128 / 1_000_000).unwrap_or(usize::MAX);
        if opened >= due {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        match connect(to, opened) {
            Ok(_) => {}
            Err(_) => drop(refused.fetch_add(1, Ordering::SeqCst)),
        }
        opened += 1;
    }
    opened
}
