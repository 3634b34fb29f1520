//! How a conversation without a result ends, and how it is reported.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::own::{Peer, Peers, identified, mute, run, start};
use crate::support::{finish, kill};

#[test]
fn a_peer_that_is_silent_or_hangs_up_is_unknown_and_the_reason_is_kept() {
    let peers = Peers::new();
    let silent = identified(&peers.serve(mute), &["--intensity", "light"]);
    assert!(silent["protocol"].is_null());
    assert_eq!(silent["facts"]["ended"], "timeout");
    let reset = peers.serve(|stream| async move {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    assert_eq!(identified(&reset, &["--intensity", "light"])["facts"]["ended"], "reset");
}

#[test]
fn a_flood_is_cut_off() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let block = vec![0x9f; 64 * 1024];
        while stream.write_all(&block).await.is_ok() {}
    });
    let flood = identified(&peer, &[]);
    assert!(flood["protocol"].is_null());
    assert_eq!(flood["facts"]["ended"], "too-long");
    // A head without an end, and a body without one.
    let peer = peers.serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2048]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-More: and more\r\n").await.is_ok() {}
    });
    assert_eq!(identified(&peer, &[])["protocol"], "http", "what came first is a head of HTTP");
    let peer = peers.serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2048]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nServer: endless/1\r\nContent-Length: 9223372036854775807\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    assert_eq!(identified(&peer, &[])["product"], "endless");
}

#[test]
fn stopped_it_prints_what_it_knows_and_says_that_it_is_not_all() {
    let peers = Peers::new();
    let silent = peers.serve(mute);
    let peer = peers.serve(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-Known_1\r\n").await;
        mute(stream).await;
    });
    let ports = format!("{},{}", silent.address.port(), peer.address.port());
    let mut child = start(&["scan", "127.0.0.1", "-p", &ports, "--identify", "--intensity", "all", "-o", "ndjson"]);
    let mut out = child.stdout.take().unwrap();
    // The first row is there long before the last.
    let mut text = Vec::new();
    let mut byte = [0];
    while text.last() != Some(&b'\n') && out.read(&mut byte).unwrap() == 1 {
        text.push(byte[0]);
    }
    let first: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(first["endpoints"][0]["service"]["product"], "Known");
    kill(child.id(), Signal::INT);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(finish(child).unwrap().code(), Some(130));
    let lines: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{rest}");
    assert_eq!(lines[0]["endpoints"][0]["port"], silent.address.port());
    assert_eq!(lines[1]["complete"], false, "{rest}");
    let fault = lines[1]["errors"].to_string();
    assert!(fault.contains("identify 1 of 2 ports") && fault.contains("it was stopped"), "{fault}");
}

/// A peer that alternates between two behaviours from connection to connection. The first connection is the scan's, which
/// probes only once where no other process could hold the port.
fn alternating<O, E>(
    peers: &Peers,
    port: u16,
    even: impl Fn(TcpStream) -> E + Send + Sync + 'static,
    odd: impl Fn(TcpStream) -> O + Send + Sync + 'static,
) -> Peer
where
    E: Future<Output = ()> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    let count = AtomicUsize::new(0);
    peers.serve_at(([127, 3, 0, 6], port).into(), move |stream| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let done: Pin<Box<dyn Future<Output = ()> + Send>> =
            if number.is_multiple_of(2) { Box::pin(even(stream)) } else { Box::pin(odd(stream)) };
        done
    })
}

#[test]
fn a_peer_that_replies_to_some_connections_only_or_differently_each_time_is_unstable() {
    let peers = Peers::new();
    let says = |text: &'static str| {
        move |mut stream: TcpStream| async move {
            let _ = stream.write_all(text.as_bytes()).await;
            mute(stream).await;
        }
    };
    let answers = |text: &'static str| {
        move |mut stream: TcpStream| async move {
            let _ = stream.read(&mut [0; 2048]).await;
            let _ = stream.write_all(text.as_bytes()).await;
            mute(stream).await;
        }
    };
    let reset = |stream: TcpStream| async move {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    };
    let flip_flop = alternating(&peers, 7001, reset, says("SSH-2.0-Flip_1.0\r\n"));
    let said = identified(&flip_flop, &[]);
    assert_eq!((&said["protocol"], &said["facts"]["unstable"]), (&"ssh".into(), &true.into()), "{said}");

    let tongues = alternating(&peers, 7002, answers("SSH-2.0-Two_1\r\n"), says("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let said = identified(&tongues, &[]);
    assert_eq!((&said["protocol"], &said["facts"]["unstable"]), (&"ssh".into(), &true.into()), "{said}");
    let steady = peers.serve_at(([127, 3, 0, 6], 7003).into(), says("SSH-2.0-Steady_1\r\n"));
    let said = identified(&steady, &[]);
    assert!(said["facts"]["unstable"].is_null(), "{said}");
}

#[test]
fn half_a_greeting_is_no_product() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-Op").await;
        mute(stream).await;
    });
    let said = identified(&peer, &[]);
    assert_eq!(said["protocol"], "ssh", "{said}");
    assert!(said["product"].is_null() && said["version"].is_null(), "{said}");
}

#[test]
fn the_deadline_of_the_scan_covers_identification() {
    let peers = Peers::new();
    let port = peers.serve(mute).address.port().to_string();
    let asked = ["scan", "127.0.0.1", "-p", &port, "--identify", "--intensity", "all", "--deadline", "500ms", "--json"];
    let output = run(&asked);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["complete"], false, "{document}");
    assert_eq!(document["items"].as_array().unwrap().len(), 1, "what was found is reported: {document}");
    let fault = document["errors"].to_string();
    assert!(fault.contains("identify 1 of 1 port") && fault.contains("--deadline"), "{fault}");
}
