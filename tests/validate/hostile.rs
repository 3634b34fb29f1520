//! Peers that lie, stall and flood: each is checked in time, and none takes more than its share.

use std::process::Stdio;

use serde_json::Value;

use crate::peers::{self, Peer};
use crate::support::{Outcome, hear, portolan_path, tool};

/// The most memory, in KiB.
const MAX_MEMORY: u64 = 96 * 1024;

/// Validates all of them at once within a deadline; returns the results in order.
async fn judged(hostile: &[Peer], protocol: &str) -> Vec<Value> {
    let mut command = tool("time");
    command.args(["-f", "peak %M"]).arg(portolan_path()).arg("validate");
    command.args(hostile.iter().map(|peer| peer.address.to_string()));
    command.args(["--protocol", protocol, "--timeout", "1s", "--deadline", "20s", "--json"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("time starts");
    let heard = tokio::task::spawn_blocking(move || hear(child, "portolan validate")).await;
    let outcome = Outcome::new(heard.expect("it is heard"));
    assert_eq!(outcome.code, Some(0), "{protocol}: not every one was judged in time: {}", outcome.stderr);
    let peak = outcome.stderr.lines().find_map(|line| line.strip_prefix("peak ")).expect("time tells the peak");
    let peak: u64 = peak.parse().expect("a number");
    assert!(peak < MAX_MEMORY, "{protocol}: {peak} KiB");
    let controls = |byte: &u8| matches!(byte, 0..0x20 | 0x7f) && *byte != b'\n';
    assert!(!outcome.stdout.iter().any(controls), "{protocol}: a control character got through");
    let document = outcome.document();
    let said = |peer: &Peer| {
        let of = |item: &&Value| item["endpoints"][0]["port"] == peer.address.port();
        let item = document["items"].as_array().unwrap().iter().find(of);
        let health = item.unwrap_or_else(|| panic!("{} is not listed", peer.name))["endpoints"][0]["health"].clone();
        assert!(health["score"].is_u64(), "{} ({protocol}): {health}", peer.name);
        health
    };
    hostile.iter().map(said).collect()
}

/// Everything that `tests/peers` has.
fn everybody() -> Vec<Peer> {
    [peers::tcp::all(), peers::http::all(), peers::tls::all(), peers::dns::all(), peers::grpc::all()]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_judged_in_time_whatever_it_is_taken_for() {
    for protocol in ["http", "https", "grpc", "grpcs", "redis", "postgresql", "mysql", "imap"] {
        let hostile = everybody();
        let said = judged(&hostile, protocol).await;
        if protocol == "http" {
            for (peer, health) in hostile.iter().zip(&said).filter(|(peer, _)| matches!(peer.name, "mute" | "tarpit")) {
                assert!(health["score"].as_u64() <= Some(20), "{}: {health}", peer.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_take_little() {
    for protocol in ["http", "https"] {
        let hostile: Vec<Peer> = std::iter::repeat_with(everybody).flatten().take(200).collect();
        assert_eq!(judged(&hostile, protocol).await.len(), 200);
    }
}
