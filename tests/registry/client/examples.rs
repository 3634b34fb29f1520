//! The programs in `examples/` that need a registry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

#[cfg(feature = "grpc")]
use super::grpc_servers::Server;
use crate::sources::json_http;
use crate::sources::programs;
use crate::support::{HANG, TempDir, examples, kill};

fn example(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(examples().join(name));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What an example prints, which ends well.
fn run(name: &str, args: &[&str]) -> String {
    let out = example(name, args).output().unwrap();
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A program that is killed when a test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(name: &str, args: &[&str]) -> (Self, impl Iterator<Item = String> + use<>) {
        let mut child = example(name, args).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, receiver) = channel();
        thread::spawn(move || lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop));
        let lines = std::iter::from_fn(move || receiver.recv_timeout(HANG).ok());
        (Self(child), lines)
    }
}

/// H21: registered, found, deregistered, with both registries.
#[test]
fn the_examples_register_and_find_themselves() {
    let expected = "registered\nfound 127.0.0.1:8080\nderegistered\n";
    let consul = programs::consul();
    json_http::send(consul.address, "GET", "/v1/catalog/nodes", None, &Value::Null);
    assert_eq!(run("consul", &[&consul.address.to_string()]), expected);
    let etcd = programs::etcd();
    json_http::send(etcd.address, "POST", "/v3/kv/range", None, &json!({ "key": "AA==" }));
    assert_eq!(run("etcd", &[&etcd.address.to_string()]), expected);

    // H22: two processes register themselves and find each other.
    let url = format!("etcd://{}", etcd.address);
    let (mut one, mut lines) = Running::start("agent", &["agents", "0", &url]);
    assert!(lines.next().unwrap().starts_with("I am 127.0.0.1:"));
    let (mut other, mut other_lines) = Running::start("agent", &["agents", "0", &url]);
    assert!(lines.next().unwrap().starts_with("peer 127.0.0.1:"));
    assert!(other_lines.next().is_some());
    kill(other.0.id(), Signal::INT);
    assert!(lines.next().unwrap().ends_with(" left"), "the other one deregistered");
    assert!(other.0.wait().unwrap().success());
    kill(one.0.id(), Signal::INT);
    assert!(one.0.wait().unwrap().success());
}

/// A server on loopback that answers each request with its own first line.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // All of it is read: a connection that is closed with unread bytes is reset, and its reply may be lost.
            let head: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            // Some only connect.
            let Some(first) = head.first() else { continue };
            let line = format!("{first}\r\n");
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", line.len());
        }
    });
    port
}

/// H3, H23: endpoints of a file, and a gateway that routes to them by name.
#[test]
fn the_examples_pick_and_route_by_name() {
    let (dir, port) = (TempDir::new(), echo());
    let file = dir.path().join("services.toml");
    std::fs::write(&file, format!("[[service]]\nname = \"echo\"\nendpoints = [\"127.0.0.1:{port}\"]\n")).unwrap();
    let url = format!("file:{}", file.display());

    let text = run("basic", &["echo", &url]);
    let called = format!("called 127.0.0.1:{port}: ok\n");
    assert_eq!(text, format!("found 127.0.0.1:{port}\n{called}{called}{called}"));

    let (_gateway, mut lines) = Running::start("gateway", &["0", &url]);
    let line = lines.next().unwrap();
    let mut stream = TcpStream::connect(line.strip_prefix("listening on ").unwrap()).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(b"GET /echo/deep/path HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with("GET /deep/path HTTP/1.1\r\n"), "{reply}");
}

/// H21: gRPC calls by name, one to each instance.
#[cfg(feature = "grpc")]
#[test]
fn the_grpc_example_calls_each_instance() {
    let servers = [Server::start(), Server::start()];
    let dir = TempDir::new();
    let file = dir.path().join("services.toml");
    let [one, other] = servers.each_ref().map(|server| server.address);
    std::fs::write(&file, format!("[[service]]\nname = \"users\"\nendpoints = [\"{one}\", \"{other}\"]\n")).unwrap();

    assert_eq!(run("grpc", &["users", &format!("file:{}", file.display())]), "SERVING\nSERVING\n");
    assert_eq!(servers.map(|server| server.calls()), [1, 1]);
}

/// Part 6 of the server's traffic: a canary, started and watched by a program.
#[cfg(feature = "serve")]
#[test]
fn the_canary_moves_the_calls_step_by_step() {
    let server = programs::portolan();
    for (at, version) in [(1, "1.2"), (2, "1.3")] {
        let body = json!({ "id": version, "name": "web", "version": version, "address": format!("127.0.0.{at}"), "port": 9,
            "ttl": 0 });
        json_http::send(server.address, "POST", "/api/v1/services", None, &body);
    }
    let text = run("canary", &["web", "1.3", &format!("portolan://{}", server.address)]);
    let lines: Vec<&str> = text.lines().collect();
    // A busy machine may pass over a step between two looks.
    assert!(lines[0].starts_with("running at "), "{text}");
    assert_eq!(lines[lines.len() - 2..], ["finished at 100 %", "calls go to 127.0.0.2:9"], "{text}");
}
