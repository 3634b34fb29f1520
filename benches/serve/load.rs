//! Loads: wrk for the maximum throughput, `portolan bench` for everything that is a latency.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{TempDir, output, portolan_path, tool};

/// Requests a second that a server answers, as fast as it can. A body makes it a POST.
///
/// # Panics
/// If a reply is not a success.
pub fn wrk(address: SocketAddr, path: &str, body: Option<&str>, seconds: u32) -> f64 {
    let Some(body) = body else { return wrk_with(address, path, None, seconds) };
    let script = format!(
        "wrk.method = \"POST\"\nwrk.path = \"{path}\"\nwrk.body = [[{body}]]\nwrk.headers[\"Content-Type\"] = \"application/json\"\n"
    );
    wrk_script(address, &script, seconds)
}

/// The same with requests of a script.
pub fn wrk_script(address: SocketAddr, script: &str, seconds: u32) -> f64 {
    let dir = TempDir::new();
    let file = dir.path().join("requests.lua");
    std::fs::write(&file, script).expect("the script is written");
    rate(command(seconds).arg("-s").arg(file).arg(format!("http://{address}")))
}

/// The same for reads, with this header.
pub fn wrk_with(address: SocketAddr, path: &str, header: Option<&str>, seconds: u32) -> f64 {
    let mut command = command(seconds);
    if let Some(header) = header {
        command.args(["-H", header]);
    }
    rate(command.arg(format!("http://{address}{path}")))
}

fn command(seconds: u32) -> Command {
    let mut command = tool("wrk");
    command.args(["-t2", "-c64", &format!("-d{seconds}s")]);
    command
}

fn rate(command: &mut Command) -> f64 {
    let out = output(command);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// `portolan bench WORDS` at a server, as it starts.
pub fn bench(server: &str, words: &str) -> Child {
    let mut command = Command::new(portolan_path());
    command.arg("bench").args(words.split_whitespace()).args(["--server", server, "--json", "--quiet"]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("portolan starts")
}

/// Its report, when it has ended.
pub fn report(bench: Child) -> Value {
    let out = bench.wait_with_output().expect("it ends");
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stdout)))
}

/// A figure of a latency in milliseconds.
pub fn millis(report: &Value, part: &str, figure: &str) -> f64 {
    report[part][figure].as_f64().unwrap_or(f64::NAN) / 1_000.0
}

/// A line with the latencies of a report.
pub fn latency_line(label: &str, report: &Value, part: &str) -> String {
    let figures = ["p50_us", "p99_us", "p999_us", "max_us"].map(|figure| millis(report, part, figure));
    format!(
        "{label:<42} {:>8.2} {:>8.2} {:>8.2} {:>8.2}   {:>8.0}/s {} failed {} unsent\n",
        figures[0],
        figures[1],
        figures[2],
        figures[3],
        report["answered_per_second"].as_f64().unwrap_or(0.0),
        report["failed"],
        report["unsent"],
    )
}

/// The header of such lines.
pub fn latency_header() -> String {
    format!("{:<42} {:>8} {:>8} {:>8} {:>8}   {:>10}\n", "milliseconds", "p50", "p99", "p99.9", "max", "answered")
}

/// The median; of an even number of values, the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] }
}
