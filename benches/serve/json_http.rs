//! A request with JSON to a server on loopback, and its reply. HTTP/1.0 has no chunks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::HANG;

/// Sends a request until it succeeds: a server that has just started may have no leader. Returns the body.
pub fn send(address: SocketAddr, method: &str, path: &str, body: &Value) -> String {
    let begun = Instant::now();
    loop {
        let (status, text) = request(address, method, path, body);
        if (200..300).contains(&status) {
            return text;
        }
        assert!(begun.elapsed() < HANG, "{method} {path}: {status} {text}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn request(address: SocketAddr, method: &str, path: &str, body: &Value) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("the request is sent");

    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}
