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
    // Some are unhealthy. Only a busy machine leaves some unknown, which is looked at below.
    assert!(matches!(outcome.code, Some(1 | 3)), "{protocol}: {:?}: {}", outcome.code, outcome.stderr);
    let peak = outcome.stderr.lines().find_map(|line| line.strip_prefix("peak ")).expect("time tells the peak");
    let peak: u64 = peak.parse().expect("a number");
    assert!(peak < MAX_MEMORY, "{protocol}: {peak} KiB");
    let controls = |byte: &u8| matches!(byte, 0..0x20 | 0x7f) && *byte != b'\n';
    assert!(!outcome.stdout.iter().any(controls), "{protocol}: a control character got through");
    let document = outcome.document();
    let said = |peer: &Peer| {
        let of = |item: &&Value| item["endpoints"][0]["port"] == peer.address.port();
        let item = document["items"].as_array().unwrap().iter().find(of);
        item.unwrap_or_else(|| panic!("{} is not listed", peer.name))["endpoints"][0]["health"].clone()
    };
    let said: Vec<Value> = hostile.iter().map(said).collect();

    let (judged, unknown): (Vec<_>, Vec<_>) =
        hostile.iter().zip(&said).partition(|(_, health)| health["score"].is_u64());
    for (peer, health) in &unknown {
        assert!(names_busy_machine(health), "{} ({protocol}): {health}", peer.name);
    }
    assert!(unknown.len() <= judged.len(), "{protocol}: {} were not judged", unknown.len());
    said
}

/// Whether the verdict is unknown because this machine had no time to receive the reply: true on a busy machine, and
/// never the peer's fault.
pub(crate) fn names_busy_machine(health: &Value) -> bool {
    let reasons = health["hindered"].as_array().map(Vec::as_slice).unwrap_or_default();
    health["state"] == "unknown" && reasons.iter().any(|reason| reason.as_str().unwrap_or("").contains("too busy"))
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
    for protocol in ["http", "https", "grpc", "grpcs", "redis", "postgresql", "mysql", "imap", "mongodb"] {
        let hostile = everybody();
        let said = judged(&hostile, protocol).await;
        if protocol == "http" {
            for (peer, health) in hostile.iter().zip(&said).filter(|(peer, _)| matches!(peer.name, "mute" | "tarpit")) {
                let is_low = health["score"].as_u64().is_some_and(|score| score <= 20);
                assert!(is_low || names_busy_machine(health), "{}: {health}", peer.name);
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
