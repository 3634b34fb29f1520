//! Peers that lie, stall and flood: each is probed, none delays another, and none takes more than its share.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::peers::{self, Peer};
use crate::support::{Outcome, hear, portolan_path, tool};

/// More than one connection of the kernel's buffers take in unread on loopback, beside the 128 KiB that are read.
const MAX_PER_CONNECTION: u64 = 16 << 20;
/// Two connections of the scan, those of the default intensity, and two silent ones: outside TLS and inside.
const MAX_CONNECTIONS: usize = 2 + 16 + 2 + 1;
/// The most memory that peers cost, in KiB, beyond that of a start: a debug build has much code.
const MAX_MEMORY: u64 = 48 * 1024;

/// Scans these ports of this machine, which the test has opened, with `--identify`; what it said, and its peak memory in
/// KiB.
fn identify(ports: impl Iterator<Item = u16>) -> (Outcome, u64) {
    let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
    let (_, start) = measured(&["ports", "80"]);
    let (outcome, peak) = measured(&["scan", "127.0.0.1", "-p", &ports.join(","), "--identify", "--json"]);
    (outcome, peak.saturating_sub(start))
}

/// Runs portolan. Also returns its peak memory in KiB.
fn measured(args: &[&str]) -> (Outcome, u64) {
    let mut command: Command = tool("time");
    command.args(["-f", "peak %M"]).arg(portolan_path()).args(args);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let outcome = Outcome::new(hear(child.expect("time starts"), &args.join(" ")));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);

    let peak = outcome.stderr.lines().find_map(|line| line.strip_prefix("peak ")).expect("time tells the peak");
    let peak = peak.parse().expect("a number");
    (outcome, peak)
}

/// The result for a port.
fn service(document: &Value, port: u16) -> &Value {
    let items = document["items"].as_array().expect("items");
    let endpoint = |item: &&Value| item["endpoints"][0]["port"] == port;
    &items.iter().find(endpoint).unwrap_or_else(|| panic!("port {port} is not listed"))["endpoints"][0]["service"]
}

fn check(hostile: &[Peer]) -> Value {
    let (outcome, peak) = identify(hostile.iter().map(|peer| peer.address.port()));
    let document = outcome.document();
    assert!(peak < MAX_MEMORY, "{peak} KiB");
    for peer in hostile {
        let said = service(&document, peer.address.port());
        // Where every connection is reset before a byte arrives, nothing was probed.
        assert!(said.is_object() || peer.name == "reset at once", "{}: {said}", peer.name);
        assert!((1..=MAX_CONNECTIONS).contains(&peer.accepts()), "{}: {} connections", peer.name, peer.accepts());
        let most = MAX_PER_CONNECTION * peer.accepts() as u64;
        assert!(peer.said() < most, "{}: {} bytes in {} connections", peer.name, peer.said(), peer.accepts());
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_below_any_protocol() {
    let hostile = peers::tcp::all();
    let document = check(&hostile);
    let of = |name: &str| service(&document, hostile.iter().find(|peer| peer.name == name).unwrap().address.port());
    for name in ["mute", "tarpit", "firehose", "zero window"] {
        assert_eq!(of(name)["protocol"], Value::Null, "{name}");
    }
    assert!(of("escapes")["banner"].is_string());
    for (name, how) in [
        ("mute", "timeout"),
        ("tarpit", "timeout"),
        ("firehose", "too-long"),
        ("reset after a byte", "reset"),
        ("reset in the middle", "reset"),
    ] {
        assert_eq!(of(name)["facts"]["ended"], how, "{name}: {}", of(name));
    }
    assert_eq!(of("reset in the middle")["protocol"], "http");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_in_http() {
    let hostile = peers::http::all();
    let document = check(&hostile);
    let of = |name: &str| service(&document, hostile.iter().find(|peer| peer.name == name).unwrap().address.port());
    for name in ["endless body", "endless length", "redirect to itself", "title of 1 MB"] {
        assert_eq!(of(name)["protocol"], "http", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_in_tls() {
    let hostile = peers::tls::all();
    let document = check(&hostile);
    let of = |name: &str| service(&document, hostile.iter().find(|peer| peer.name == name).unwrap().address.port());
    for name in ["expired", "not yet valid", "no subject", "escapes in a certificate", "10,000 names", "chain of 200"] {
        assert!(of(name)["tls"].is_object(), "{name}: {}", of(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_in_dns() {
    check(&peers::dns::all());
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_in_grpc() {
    check(&peers::grpc::all());
}

#[tokio::test(flavor = "multi_thread")]
async fn good_servers_between_a_thousand_tarpits_are_all_named() {
    let tarpits: Vec<Peer> = (0..1000).map(|_| peers::tcp::tarpit()).collect();
    let good: Vec<Peer> = (0..50)
        .map(|number| {
            Peer::new("good", move |mut connection| async move {
                connection.say(format!("SSH-2.0-Good_1.{number}\r\n")).await?;
                connection.wait().await
            })
        })
        .collect();
    let all = tarpits.chunks(20).zip(&good).flat_map(|(tarpits, good)| tarpits.iter().chain([good]));
    let (outcome, peak) = identify(all.map(|peer| peer.address.port()));
    let document = outcome.document();
    for (number, peer) in good.iter().enumerate() {
        let said = service(&document, peer.address.port());
        assert_eq!((&said["protocol"], &said["version"]), (&"ssh".into(), &format!("1.{number}").into()));
    }
    for peer in &tarpits {
        assert_eq!(service(&document, peer.address.port())["protocol"], Value::Null);
    }
    assert!(peak < MAX_MEMORY, "{peak} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_ports_with_the_same_reply_are_reported() {
    let greet = |_| {
        Peer::new("alike", |mut connection| async move {
            connection.say("SSH-2.0-Everywhere_1.0\r\n").await?;
            connection.wait().await
        })
    };
    let alike: Vec<Peer> = (0..500).map(greet).collect();
    let (outcome, _) = identify(alike.iter().map(|peer| peer.address.port()));
    assert!(outcome.stderr.contains("uniform answers: 500 ports of 127.0.0.1"), "{}", outcome.stderr);
}
