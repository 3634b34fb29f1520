//! `portolan bench`: what it measures is what happened, and it leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::Server;
use crate::support::{hear, kill, portolan_path};

fn command(words: &str, server: &str) -> Command {
    let mut command = Command::new(portolan_path());
    command.arg("bench").args(words.split_whitespace()).args(["--server", server]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a bench that ends with this code. What it printed, and its notes.
#[track_caller]
fn bench(words: &str, server: &str, code: i32) -> (String, String) {
    let output = hear(command(words, server).spawn().unwrap(), words);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{words}: {out}{err}");
    (out, err)
}

#[track_caller]
fn report(words: &str, server: &str) -> Value {
    let (out, err) = bench(&format!("{words} --json"), server, 0);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{words}: {error}: {out}{err}"))
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

const SHORT: &str = "--rate 200 --duration 500ms --warm-up 100ms --connections 8";

/// Each scenario sends all it planned, gets the right replies, and removes what it registered.
#[test]
fn every_scenario_measures_all_requests_and_cleans_up() {
    let server = Server::in_memory();
    for scenario in ["discover", "register", "heartbeat", "watch --watchers 3", "checks"] {
        let report = report(&format!("{scenario} {SHORT}"), &url(&server));
        let figures = |name: &str| report[name].as_u64().unwrap();
        assert_eq!((figures("planned"), figures("answered"), figures("failed")), (100, 100, 0), "{report}");
        assert_eq!(report["latency"]["count"], 100, "{report}");
        assert!(report["latency"]["p99_us"].as_f64() >= report["latency"]["p50_us"].as_f64(), "{report}");
        if scenario.starts_with("watch") {
            let (first, last) = (&report["first_watcher"], &report["last_watcher"]);
            assert_eq!(
                (&first["count"], &last["count"]),
                (&100.into(), &100.into()),
                "each watcher learns of each write"
            );
            assert!(last["p50_us"].as_f64() >= first["p50_us"].as_f64(), "{report}");
        }
        let status = server.get("/api/v1/status").json();
        assert_eq!(status["data"]["instances"], 0, "{scenario} leaves nothing behind");
    }
}

/// The stall test: a server that stands still for a second delays the fifth part of all requests of five seconds, and the
/// report shows it. A client that waits for each reply before it plans the next request would show next to nothing.
#[test]
fn a_stall_of_the_server_is_part_of_the_latencies() {
    let server = Server::in_memory();
    let mut child = command("discover --rate 1000 --duration 5s --warm-up 0 --connections 32 --json", &url(&server))
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().starts_with("sending discover to http://"));

    // The stall itself is what is tested.
    thread::sleep(Duration::from_millis(1_500));
    kill(server.pid(), Signal::STOP);
    thread::sleep(Duration::from_secs(1));
    kill(server.pid(), Signal::CONT);

    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let latency = |name: &str| report["latency"][name].as_f64().unwrap() / 1_000.0;
    assert_eq!((&report["answered"], &report["failed"]), (&5_000.into(), &0.into()), "{report}");
    assert!(latency("p95_us") >= 700.0 && latency("p99_us") >= 900.0, "{report}");
}

/// It keeps to the processor that it is given, so that the others are the server's.
#[test]
fn it_keeps_to_one_processor() {
    let allowed = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        list.trim().to_owned()
    };
    let server = Server::in_memory();
    let own = allowed("self").split(['-', ',']).next().unwrap().to_owned();
    let words = format!("discover {SHORT} --cpu {own}");
    let mut child = command(&words, &url(&server)).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().starts_with("sending discover to http://"));
    assert_eq!(allowed(&child.id().to_string()), own);
    assert!(child.wait_with_output().unwrap().status.success());

    let (_, err) = bench("discover --cpu 99999", &url(&server), 2);
    assert!(err.starts_with("error: cannot use --cpu 99999: there is no such processor\nhint: `nproc` shows"), "{err}");
}

/// A closed loop says that it is one; CSV has a line of names and a line of figures.
#[test]
fn the_other_loop_and_the_other_formats() {
    let server = Server::in_memory();
    let (text, _) = bench("discover --closed --duration 200ms --warm-up 0 --connections 2", &url(&server), 0);
    assert!(
        text.starts_with("discover at http://127.0.0.1:") && text.contains("closed loop: a server that stalls"),
        "{text}"
    );
    assert!(text.contains("\n  latency        p50 "), "{text}");

    let (csv, _) = bench(&format!("discover {SHORT} -o csv"), &url(&server), 0);
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0][0], lines[0].len()), (2, "scenario", lines[1].len()), "{csv}");
    let answered = lines[0].iter().position(|name| *name == "answered").unwrap();
    assert_eq!((lines[1][0], lines[1][answered]), ("discover", "100"), "{csv}");
}

/// A load that fails is no success: of a server that refuses writes, that is no registry, or that is not there.
#[test]
fn failures_are_counted_and_never_called_answers() {
    let (out, err) = bench("discover", "http://127.0.0.1:1", 3);
    assert!(out.is_empty() && err.contains("error: cannot reach http://127.0.0.1:1: Connection refused"), "{out}{err}");
    let (_, err) = bench("discover", "https://127.0.0.1", 2);
    assert!(err.contains("the load is sent without it"), "{err}");

    // Two connections are not enough for eight, and the others are refused.
    let server = Server::with(["--data", ":memory:", "--max-connections-per-address", "2"]);
    let (out, err) = bench(&format!("discover {SHORT} --instances 1 --json"), &url(&server), 3);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert!(
        report["failed"].as_u64() > Some(0) && report["errors"].as_object().is_some_and(|errors| !errors.is_empty())
    );
    let sum: u64 = ["answered", "failed", "unsent"].iter().map(|name| report[*name].as_u64().unwrap()).sum();
    assert_eq!(sum, 100, "{report}");
}

/// The same load, at the real Consul.
#[cfg(all(feature = "consul", feature = "etcd"))]
#[test]
fn consul_takes_the_same_load() {
    let consul = crate::sources::programs::consul();
    crate::sources::json_http::send(consul.address, "GET", "/v1/catalog/nodes", None, &Value::Null);
    let url = format!("consul://{}", consul.address);
    for scenario in ["discover", "heartbeat --instances 3", "checks", "register"] {
        let words = format!("{scenario} --rate 20 --duration 500ms --warm-up 0 --connections 4");
        let report = report(&words, &url);
        assert_eq!((&report["answered"], &report["failed"]), (&10.into(), &0.into()), "{report}");
    }
    let watch = report("watch --rate 5 --duration 1s --warm-up 0 --connections 1", &url);
    assert!(watch["last_watcher"]["count"].as_u64() > Some(0), "{watch}");
    let left = crate::sources::json_http::send(consul.address, "GET", "/v1/agent/services", None, &Value::Null);
    assert_eq!(left.trim(), "{}");
}
