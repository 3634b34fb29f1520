//! How portolan identifies servers whose every byte the test knows.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::own::{Peers, identified, mute, pause, portolan, run};
use crate::support::TempDir;

async fn says(mut stream: TcpStream, text: &[u8]) {
    let _ = stream.write_all(text).await;
    mute(stream).await;
}

/// Waits for a question, whatever it is, and answers.
async fn answers(mut stream: TcpStream, text: &[u8]) {
    let mut question = [0; 2048];
    if stream.read(&mut question).await.is_ok_and(|read| read > 0) {
        let _ = stream.write_all(text).await;
    }
}

#[test]
fn a_listing_connects_to_nothing() {
    let peers = Peers::new();
    let peer = peers.serve(|stream| says(stream, b"SSH-2.0-Test_1.0\r\n"));
    let port = peer.address.port().to_string();
    let output = run(&["discover", "local", "--tcp", "-p", &port, "--json"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(&port));
    assert_eq!(peer.accepted(), 0, "a listing sends nothing");
    let output = run(&["discover", "local", "--tcp", "-p", &port, "--identify"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ssh") && text.contains("Test 1.0"), "{text}");
    assert!(peer.accepted() > 0);
}

#[test]
fn a_greeting_is_known_on_whatever_port_and_after_one_connection_or_two() {
    let peers = Peers::new();
    let peer = peers.serve(|stream| says(stream, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"));
    let service = identified(&peer, &[]);
    assert_eq!(
        (&service["protocol"], &service["product"], &service["version"]),
        (&"ssh".into(), &"OpenSSH".into(), &"9.2p1".into())
    );
    // One by the scan itself.
    assert!(peer.accepted() <= 3, "{} connections", peer.accepted());
}

#[test]
fn a_reply_to_a_probe_of_another_protocol_is_recognised() {
    let peers = Peers::new();
    // Replies to any probe.
    let peer = peers.serve(|stream| answers(stream, b"SSH-2.0-Late_2\r\n"));
    assert_eq!(identified(&peer, &[])["protocol"], "ssh");
    // Greets, but late.
    let peer = peers.serve(|stream| async {
        pause(600).await;
        says(stream, b"SSH-2.0-Slow_3\r\n").await;
    });
    assert_eq!(identified(&peer, &[])["protocol"], "ssh");
    // And with a reply that only a greeting may be.
    let peer = peers.serve(|stream| async {
        pause(600).await;
        let mut stream = stream;
        let _ = stream.write_all(b"+OK at last\r\n").await;
        answers(stream, b"-ERR what?\r\n").await;
    });
    assert_eq!(identified(&peer, &[])["protocol"], "pop3");
}

#[test]
fn http_is_read_with_its_title_and_its_redirect() {
    let peers = Peers::new();
    let page = b"HTTP/1.1 302 Found\r\nServer: Test/1.2 (x)\r\nLocation: /login\r\nContent-Length: 40\r\n\r\n<html><title> Welcome \n home</title>....";
    let peer = peers.serve(move |stream| answers(stream, page));
    let service = identified(&peer, &[]);
    assert_eq!(
        (&service["protocol"], &service["product"], &service["version"]),
        (&"http".into(), &"Test".into(), &"1.2".into())
    );
    let facts = &service["facts"];
    assert_eq!(
        (&facts["status"], &facts["title"], &facts["location"]),
        (&302.into(), &"Welcome home".into(), &"/login".into())
    );
    assert!(peer.accepted() <= 3, "a redirect is reported, not followed: {} connections", peer.accepted());
}

#[test]
fn an_unknown_protocol_is_reported_as_unknown_with_a_harmless_first_line() {
    let peers = Peers::new();
    let greeting = "\x1b]0;owned\x07\x1b[31m\u{202e}hello\u{9b}1m there\r\nmore\r\n";
    let peer = peers.serve(move |stream| says(stream, greeting.as_bytes()));
    let service = identified(&peer, &[]);
    assert!(service["protocol"].is_null(), "{service}");
    assert!(service["banner"].as_str().unwrap().contains("hello"));
    let port = peer.address.port().to_string();
    for format in ["table", "wide", "json", "ndjson", "csv", "yaml", "prometheus-sd", "nmap-xml", "name"] {
        let output = run(&["scan", "127.0.0.1", "-p", &port, "--identify", "-o", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        let bad = |c: char| matches!(c, '\x1b' | '\x07' | '\u{9b}' | '\u{202e}' | '\r');
        assert!(!text.contains(bad), "{format}: {text:?}");
    }
    let table = run(&["scan", "127.0.0.1", "-p", &port, "--identify"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("unknown"));
}

#[test]
fn a_guess_from_the_number_is_never_shown_as_an_answer() {
    let peers = Peers::new();
    // The port of PostgreSQL, at an address of the test's own, held by a silent listener.
    let peer = peers.serve_at(([127, 3, 0, 1], 5432).into(), mute);
    let service = identified(&peer, &["--intensity", "light"]);
    assert!(service["protocol"].is_null(), "{service}");
    let table = run(&["scan", "127.3.0.1", "-p", "5432", "--identify", "--intensity", "light"]);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(text.contains("unknown") && !text.contains("postgresql"), "{text}");
    let json = run(&["scan", "127.3.0.1", "-p", "5432", "--json"]);
    assert!(String::from_utf8_lossy(&json.stdout).contains(r#""service_guess":"postgresql""#));
}

#[test]
fn printers_are_probed_only_with_intensity_all() {
    let peers = Peers::new();
    let peer = peers.serve_at(([127, 3, 0, 2], 9100).into(), |stream| answers(stream, b"HTTP/1.1 200 OK\r\n\r\n"));
    let output = run(&["scan", "127.3.0.2", "-p", "9100", "--identify", "--json"]);
    let found = peer.accepted();
    assert!(found <= 1, "only the scan itself connected");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(r#""service":"#));
    assert!(String::from_utf8_lossy(&output.stderr).contains("port 9100 was not probed"));
    assert_eq!(identified(&peer, &["--intensity", "all"])["protocol"], "http");
}

#[test]
fn probes_from_a_file_are_sent_and_recognised() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut question = [0; 64];
        let read = stream.read(&mut question).await.unwrap_or(0);
        if question[..read] == *b"HELO acme\r\n" {
            let _ = stream.write_all(b"ACME 4.5 region=eu\r\n").await;
        }
    });
    let dir = TempDir::new();
    let file = dir.path().join("probes.toml");
    let probe = format!(
        "[[probe]]\nprotocol = 'acme'\nports = [{}]\nsend = 'HELO acme\\r\\n'\nproduct = 'Acme Server'\n\
         pattern = '^ACME (?<version>[0-9.]+) region=(?<region>[a-z]+)'\n",
        peer.address.port()
    );
    fs::write(&file, probe).unwrap();
    let service = identified(&peer, &["--probes", file.to_str().unwrap()]);
    assert_eq!(
        (&service["protocol"], &service["product"], &service["version"]),
        (&"acme".into(), &"Acme Server".into(), &"4.5".into())
    );
    assert_eq!(service["facts"]["region"], "eu");
}

#[test]
fn a_file_of_probes_that_cannot_be_used_is_refused_with_its_place() {
    let dir = TempDir::new();
    let file = dir.path().join("probes.toml");
    let name = file.to_str().unwrap();
    let cases = [
        ("[[probe]]\nprotocol = 'x'\npatern = 'y'\n", ":3:1: a probe has no key 'patern'", "did you mean 'pattern'?"),
        ("[[probe]]\nprotocol = 'x'\npattern = '(a'\n", ":3:11: pattern does not compile", "no look-around"),
        (
            "[[probe]]\nprotocol = 'x'\npattern = '(((x{99}){99}){99}){99}'\n",
            ":3:11: pattern is too large when compiled",
            "reduce repetitions",
        ),
    ];
    for (text, why, hint) in cases {
        fs::write(&file, text).unwrap();
        let output = run(&["scan", "127.0.0.1", "-p", "1", "--identify", "--probes", name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why) && said.contains("hint:") && said.contains(hint), "{said}");
        assert!(output.stdout.is_empty());
    }
    let output = run(&["scan", "127.0.0.1", "-p", "1", "--identify", "--probes", "/nowhere/at.all"]);
    assert_ne!(output.status.code(), Some(0));
    let output = portolan(&["scan", "127.0.0.1", "-p", "1", "--probes", name]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "--probes without --identify is a slip");
}
