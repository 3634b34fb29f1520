//! How fast registrations and renewals are kept.

use std::fmt::Write as _;
use std::time::Instant;

use crate::Options;
use crate::load::{bench, latency_header, latency_line, millis, report};
use crate::servers::{Server, fill};
use crate::support::TempDir;

/// Registrations: each is on the disk before it is acknowledged.
pub fn registrations(options: &Options) -> String {
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &[], &[]);
    let url = format!("http://{}", server.address);
    let seconds = options.seconds;
    let open = format!("register --rate 5000 --duration {seconds}s");
    let closed = format!("register --closed --duration {seconds}s");

    let mut text = latency_header();
    let mut rates = Vec::new();
    for (label, instances) in [("no instances before", 0), ("100,000 instances before", 100_000)] {
        fill(&server, 0, instances);
        text.push_str(&latency_line(&format!("open loop, {label}"), &report(bench(&url, &open)), "latency"));
        let most = report(bench(&url, &closed));
        text.push_str(&latency_line(&format!("closed loop, {label}"), &most, "latency"));
        rates.push(most["answered_per_second"].as_f64().unwrap_or(0.0));
    }
    let _ = writeln!(
        text,
        "goal: p99 < 10 ms at 5,000/s; 10,000/s closed; flat: {:.2} of the rate at the beginning",
        rates[1] / rates[0]
    );

    let consul = Server::consul();
    let url = format!("consul://{}", consul.address);
    let most = report(bench(&url, &closed));
    text.push_str(&latency_line("Consul's agent, closed loop", &most, "latency"));
    text
}

/// Heartbeats, and the time of processors that they cost the server.
pub fn heartbeats(options: &Options) -> String {
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &[], &[]);
    let url = format!("http://{}", server.address);

    let (before, begun) = (server.usage().cpu, Instant::now());
    let words = format!("heartbeat --rate 10000 --instances 1000 --duration {}s --warm-up 0", options.seconds);
    let known = report(bench(&url, &words));
    let (used, took) = (server.usage().cpu.saturating_sub(before), begun.elapsed());
    let mut text = latency_header();
    text.push_str(&latency_line("10,000 heartbeats/s of 1,000 instances", &known, "latency"));
    let _ = writeln!(
        text,
        "cores of the server: {:.2} (goal 1.0); send delay p99 {:.2} ms",
        used.as_secs_f64() / took.as_secs_f64(),
        millis(&known, "send_delay", "p99_us")
    );
    text
}
