//! The programs in `examples/` do what they say.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::example_programs::examples;

fn run(example: &str, args: &[String]) -> String {
    let out = Command::new(examples().join(example)).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{example}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A server on loopback that greets.
fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"SSH-2.0-Test\r\n");
        }
    });
    address
}

#[test]
fn they_are_short() {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files: Vec<PathBuf> = std::fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 7);
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 60, "{} has {lines} lines", file.display());
    }
}

#[test]
fn local_lists_this_machine() {
    let address = greeter();
    assert!(run("local", &[]).lines().any(|line| line.starts_with(&format!("{address} "))));
}

#[test]
fn own_format_writes_hosts() {
    let address = greeter();
    let line = format!("127.0.0.1 port-{0} # {0}", address.port());
    let text = run("own_format", &[]);
    assert!(text.lines().any(|found| found.ends_with(&format!("# {}", address.port()))), "{line} in {text}");
}

#[test]
fn scan_into_map_finds_open_ports() {
    let address = greeter();
    let text = run("scan_into_map", &["127.0.0.1".into(), address.port().to_string()]);
    assert_eq!(text, format!("127.0.0.1 [{}]\n", address.port()));
}

#[test]
fn watch_into_map_follows_a_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut watch = Command::new(examples().join("watch_into_map"));
    let child = watch.arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_secs(2));
    drop(listener);

    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let words: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(words, ["added", "synced", "removed"], "{text}");
}

#[test]
fn own_source_is_written_as_json() {
    let document: serde_json::Value = serde_json::from_str(&run("own_source", &[])).unwrap();
    assert_eq!(document["items"][2]["detail"]["rack"], 3);
}

#[test]
fn own_check_wants_a_greeting() {
    let text = run("own_check", &[greeter().to_string()]);
    assert!(text.contains("greeting") && text.contains("None"), "{text}");
}

#[test]
fn validate_list_counts() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = run("validate_list", &[greeter().to_string(), closed.to_string()]);
    assert!(text.ends_with("1 of 2 valid\n"), "{text}");
}
