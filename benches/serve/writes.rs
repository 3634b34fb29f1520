//! How fast registrations and renewals are kept.

use std::fmt::Write as _;
use std::time::Instant;

use crate::Options;
use crate::load::{bench, latency_header, latency_line, millis, report, wrk_script};
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
    if let Some(rnacos) = Server::rnacos() {
        let rate = wrk_script(rnacos.address, NACOS_REGISTER, seconds);
        let _ = writeln!(text, "r-nacos, closed loop of wrk: {rate:.0}/s, kept in memory and not on the disk");
    }
    text
}

/// Registers an instance at another address with each request.
const NACOS_REGISTER: &str = r#"
local thread = 0
function setup(t) t:set("thread", thread); thread = thread + 1 end
local number = 0
function request()
  number = number + 1
  local ip = (10 + thread) .. "." .. math.floor(number / 65536) % 256 .. "." .. math.floor(number / 256) % 256 .. "." .. number % 256
  return wrk.format("POST", "/nacos/v1/ns/instance?serviceName=bench&ip=" .. ip .. "&port=8080&metadata=%7B%22region%22:%22eu%22%7D")
end
"#;

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
