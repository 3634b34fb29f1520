//! Completeness: what was requested and could not be checked is unknown, never healthy. The table of src/check/README.md.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peer::{Peer, answer};
use crate::{TempDir, portolan};

/// A way of failing, and its verdict.
struct Row {
    what: &'static str,
    args: Vec<String>,
    state: &'static str,
    /// The exit codes of `validate` alone, with `--min-score 80`, and with `--require-complete`.
    codes: [i32; 3],
}

fn row(what: &'static str, args: &str, state: &'static str, codes: [i32; 3]) -> Row {
    Row { what, args: args.split_whitespace().map(ToOwned::to_owned).collect(), state, codes }
}

fn mute() -> Peer {
    Peer::serving(|_stream| thread::sleep(Duration::from_mins(1)))
}

/// W1 and W5: a verdict that no check earned.
#[test]
fn a_verdict_is_earned_in_every_format() {
    let (good, mute) = (Peer::http(|_| answer("200 OK", "", "ok")), mute());
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (ok, silent, resolver) = (good.url("/"), mute.address, resolver.local_addr().unwrap());
    let cut = "--timeout 1m --deadline 400ms";

    let rows = [
        row("every check ran", &ok, "healthy", [0, 0, 0]),
        row("http is silent", &format!("http://{silent}/ --timeout 300ms"), "unhealthy", [1, 1, 1]),
        row("redis is silent", &format!("redis://{silent} --timeout 300ms"), "unhealthy", [1, 1, 1]),
        row("grpc is silent", &format!("grpc://{silent} --timeout 300ms"), "unhealthy", [1, 1, 1]),
        row("http is cut short", &format!("http://{silent}/ {cut}"), "unknown", [3, 3, 3]),
        row("https is cut short", &format!("https://{silent}/ {cut}"), "unknown", [3, 3, 3]),
        row("redis is cut short", &format!("redis://{silent} {cut}"), "unknown", [3, 3, 3]),
        row("grpc is cut short", &format!("grpc://{silent} {cut}"), "unknown", [3, 3, 3]),
        row("smtp is cut short", &format!("smtp://{silent} {cut}"), "unknown", [3, 3, 3]),
        row("no script", &format!("{ok} --script /nonexistent ;"), "unknown", [3, 3, 3]),
        row("no right to run it", &format!("{ok} --script /dev/null ;"), "unknown", [3, 3, 3]),
        row(
            "the resolver is silent",
            &format!("http://portolan.test:9/ --resolver {resolver} --timeout 300ms"),
            "unknown",
            [0, 1, 3],
        ),
    ];
    for Row { what, args, state, codes } in rows {
        let run = |more: &[&str]| {
            let words = ["validate", "--retries", "0"].into_iter().chain(args.iter().map(String::as_str));
            portolan(words.chain(more.iter().copied()))
        };
        let plain = run(&["--json"]);
        let document: Value = serde_json::from_str(&plain.stdout).unwrap_or_else(|error| panic!("{error}: {plain:?}"));
        let service = &document["items"][0];
        let health = &service["endpoints"][0]["health"];
        assert_eq!((&health["state"], &service["health"]["state"]), (&state.into(), &state.into()), "{what}: {health}");
        assert_eq!(health["score"].is_null(), state == "unknown", "{what}: {health}");
        assert_eq!(health["complete"], state != "unknown", "{what}: {health}");

        let exits = [plain.code, run(&["--min-score", "80"]).code, run(&["--require-complete"]).code];
        assert_eq!(exits, codes.map(Some), "{what}");

        let junit = run(&["-o", "junit"]).stdout;
        let outcome = if state == "unknown" { "<error " } else { "<failure " };
        assert_eq!(junit.contains(outcome), state != "healthy", "{what}: {junit}");
        assert_eq!(junit.contains("errors=\"1\""), state == "unknown", "{what}: {junit}");

        let metrics = run(&["-o", "prometheus"]).stdout;
        let has_score = metrics.lines().any(|line| line.starts_with("portolan_") && line.contains("_score{"));
        assert_eq!(has_score, state != "unknown", "{what}: {metrics}");
    }
}

/// W2: a threshold over nothing does not hold.
#[test]
fn a_threshold_over_nothing_fails() {
    let udp = r#"{"id":"x","source":"local","endpoints":[{"address":"127.0.0.1","port":53,"transport":"udp"}]}"#;
    for input in ["", "\n", r#"{"schema":"portolan/v1","items":[],"complete":true}"#, udp] {
        for (options, code) in [
            (&[][..], 0),
            (&["--min-score", "80"], 1),
            (&["--require-complete"], 1),
            (&["--min-score", "80", "--require-complete"], 1),
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
            command.args(["validate", "-"]).args(options).env_clear();
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{input:?} {options:?}: {told}");
            assert_eq!(told.contains("nothing was checked"), code == 1, "{input:?} {options:?}: {told}");
        }
    }

    let directory = TempDir::new();
    let empty = directory.path("empty.toml");
    fs::write(&empty, "").unwrap();
    let ran = portolan(["validate", &empty.display().to_string(), "--min-score", "80"]);
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
}

/// W7: a script ends with its process, not with its pipe.
#[test]
fn a_script_ends_with_its_process() {
    let peer = Peer::serving(drop);
    for (script, codes) in [
        ("sleep 30 & exit 0", &[][..]),
        ("echo hello; setsid sleep 3 & exit 1", &["script-warning"]),
        ("head -c 60000 /dev/zero; sleep 30 & exit 0", &[]),
        ("head -c 70000 /dev/zero; sleep 30 & exit 0", &["script-timeout"]),
    ] {
        let begun = Instant::now();
        let target = peer.target();
        let args =
            ["validate", "--json", "--timeout", "20s", &target, "--check", "script", "--script", "sh", "-c", script];
        let document: Value = serde_json::from_str(&portolan(args).stdout).unwrap();
        let findings = document["items"][0]["endpoints"][0]["health"]["findings"].as_array().unwrap().clone();
        let found: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert_eq!(found, codes, "{script}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{script}");
    }
}
