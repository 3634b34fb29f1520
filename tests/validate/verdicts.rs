//! Completeness: what was requested and could not be checked is unknown, never healthy. The table of src/check/README.md.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peer::{Peer, answer, closed_port};
use crate::{RunOutput, TempDir, portolan};

/// A way of failing, and its verdict in every command.
struct Row {
    what: &'static str,
    /// The options of `validate` beside the services file.
    options: &'static str,
    /// The keys of the service in the file.
    keys: String,
    state: &'static str,
    codes: Codes,
}

/// The exit codes of the commands that judge services, with and without a threshold.
#[derive(Debug, PartialEq)]
struct Codes {
    /// `validate`, and the same with `--min-score 80` and with `--require-complete`.
    validate: [i32; 3],
    /// `discover file --validate`, alone and with `--min-score 80`; only where the way of failing does not need an option of `validate`.
    discover: Option<[i32; 2]>,
    /// `score` of the evidence.
    score: i32,
    /// `wait`.
    wait: Option<i32>,
}

const fn all(code: i32) -> Codes {
    let wait = if code == 0 { 0 } else { 1 };
    Codes { validate: [code; 3], discover: Some([code; 2]), score: code, wait: Some(wait) }
}

/// Of a way of failing that only `validate` can be given.
const fn validate_only(code: i32) -> Codes {
    Codes { discover: None, wait: None, ..all(code) }
}

fn row(what: &'static str, keys: String, options: &'static str, state: &'static str, codes: Codes) -> Row {
    Row { what, options, keys, state, codes }
}

fn mute() -> Peer {
    Peer::serving(|_stream| thread::sleep(Duration::from_mins(1)))
}

/// Every way of failing, with servers that live as long as the vector.
fn rows(peers: &mut Vec<Peer>) -> Vec<Row> {
    let good = Peer::http(|_| answer("200 OK", "", "ok"));
    let failing = Peer::http(|_| answer("500 No", "", ""));
    let missing = Peer::http(|_| answer("404 No", "", ""));
    let packed = Peer::http(|_| answer("200 OK", "Content-Encoding: x-unknown\r\n", "ok"));
    let silent = mute();
    let at = |scheme: &str, peer: &Peer, more: &str| format!("endpoints = '{scheme}://{}/'\n{more}", peer.address);

    let impatient = "timeout = 0.3";
    let cut = "--timeout 1m --deadline 400ms";
    let closed = format!("endpoints = 'http://{}/'", closed_port());
    let rows = vec![
        row("every check ran", at("http", &good, ""), "", "healthy", all(0)),
        row(
            "it is degraded",
            at("http", &missing, "path = '/x'"),
            "",
            "degraded",
            Codes { validate: [0, 1, 0], discover: Some([0, 1]), score: 0, wait: Some(1) },
        ),
        row("it fails", at("http", &failing, ""), "", "unhealthy", all(1)),
        row("it refuses", closed, "", "unhealthy", all(1)),
        row("http is silent", at("http", &silent, impatient), "", "unhealthy", all(1)),
        row("https is silent", at("https", &silent, impatient), "", "unhealthy", all(1)),
        row("redis is silent", at("redis", &silent, impatient), "", "unhealthy", all(1)),
        row("grpc is silent", at("grpc", &silent, impatient), "", "unhealthy", all(1)),
        row("mongodb is silent", at("mongodb", &silent, impatient), "", "unhealthy", all(1)),
        row("mqtt is silent", at("mqtt", &silent, impatient), "", "unhealthy", all(1)),
        row("amqp is another protocol", at("amqp", &good, impatient), "", "unhealthy", all(1)),
        row("http is cut short", at("http", &silent, ""), cut, "unknown", validate_only(3)),
        row("https is cut short", at("https", &silent, ""), cut, "unknown", validate_only(3)),
        row("redis is cut short", at("redis", &silent, ""), cut, "unknown", validate_only(3)),
        row("grpc is cut short", at("grpc", &silent, ""), cut, "unknown", validate_only(3)),
        row("smtp is cut short", at("smtp", &silent, ""), cut, "unknown", validate_only(3)),
        row("no script", at("http", &good, "script = '/nonexistent'"), "", "unknown", all(3)),
        row("no right to run it", at("http", &good, "script = '/dev/null'"), "", "unknown", all(3)),
        row("a body that cannot be read", at("http", &packed, "expect-body = 'ok'"), "", "unknown", all(3)),
        row("its own limit holds", at("http", &failing, "min-score = 0"), "", "unhealthy", all(0)),
        row("its own limit does not hold", at("http", &missing, "min-score = 99"), "", "healthy", all(1)),
    ];
    peers.extend([good, failing, missing, packed, silent]);
    rows
}

/// W1 and W5: a verdict that no check earned. One rule holds for every command, format and exit code.
#[test]
fn a_verdict_is_earned_in_every_command_and_format() {
    let mut peers = Vec::new();
    for Row { what, options, keys, state, codes } in rows(&mut peers) {
        let directory = TempDir::new();
        let (file, evidence) = (directory.path("services.toml"), directory.path("evidence"));
        fs::write(&file, format!("[[service]]\nname = 'it'\nretries = 0\n{keys}\n")).unwrap();
        let (file, evidence) = (file.display().to_string(), evidence.display().to_string());
        let run = |command: &str, more: &[&str]| {
            let words = command.split(' ').chain([file.as_str()]).chain(options.split_whitespace());
            portolan(words.chain(more.iter().copied()))
        };

        let plain = run("validate", &["--json", "--evidence", &evidence]);
        let document: Value = serde_json::from_str(&plain.stdout).unwrap_or_else(|error| panic!("{error}: {plain:?}"));
        let service = &document["items"][0];
        let health = &service["endpoints"][0]["health"];
        assert_eq!((&health["state"], &service["health"]["state"]), (&state.into(), &state.into()), "{what}: {health}");
        assert_eq!(health["score"].is_null(), state == "unknown", "{what}: {health}");
        assert_eq!(health["complete"], state != "unknown", "{what}: {health}");
        assert_eq!(document["complete"], state != "unknown", "{what}: {document}");
        assert_eq!(plain.stderr.contains("error: "), state == "unknown", "{what}: {}", plain.stderr);

        let stored = fs::read_dir(&evidence).unwrap().next().unwrap().unwrap().path().display().to_string();
        let code = |ran: RunOutput| ran.code.unwrap();
        let discovers = codes.discover.map(|_| {
            let validated = ["--validate"];
            let limited = ["--validate", "--min-score", "80"];
            [code(run("discover file", &validated)), code(run("discover file", &limited))]
        });
        let came = Codes {
            validate: [
                code(plain),
                code(run("validate", &["--min-score", "80"])),
                code(run("validate", &["--require-complete"])),
            ],
            discover: discovers,
            score: code(portolan(["score", &stored])),
            wait: codes.wait.map(|_| code(run("wait", &["--timeout", "700ms"]))),
        };
        assert_eq!(came, codes, "{what}");

        let junit = run("validate", &["-o", "junit"]).stdout;
        let outcome = if state == "unknown" { "<error " } else { "<failure " };
        let is_bad = if keys.contains("min-score") { codes.validate[0] != 0 } else { state != "healthy" };
        assert_eq!(junit.contains(outcome), is_bad, "{what}: {junit}");
        assert_eq!(junit.contains("errors=\"1\""), state == "unknown", "{what}: {junit}");

        // With a limit, the report says what the exit code says.
        let junit = run("validate", &["-o", "junit", "--min-score", "80"]).stdout;
        let is_bad = junit.contains("<error ") || junit.contains("<failure ");
        assert_eq!(is_bad, codes.validate[1] != 0, "{what}: {junit}");

        let metrics = run("validate", &["-o", "prometheus"]).stdout;
        let has_score = metrics.lines().any(|line| line.starts_with("portolan_") && line.contains("_score{"));
        assert_eq!(has_score, state != "unknown", "{what}: {metrics}");
        let complete = format!("portolan_listing_complete {}\n", u8::from(state != "unknown"));
        assert!(metrics.contains(&complete), "{what}: {metrics}");
    }
}

/// A resolver that does not reply, and descriptors that are missing, are limits of this side: named, and never a verdict.
#[test]
fn a_limit_of_this_side_is_named_as_such() {
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = resolver.local_addr().unwrap().to_string();
    let silent =
        ["validate", "http://portolan.test:9/", "--resolver", &resolver, "--timeout", "300ms", "--retries", "0"];
    let ran = portolan(silent);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let said = "error: cannot judge 1 endpoint: dns: ";
    assert!(ran.stderr.contains(said) && ran.stderr.contains("does not count against"), "{}", ran.stderr);
    assert!(ran.stdout.contains("unknown"), "{}", ran.stdout);

    let junit = portolan([&silent[..], &["-o", "junit", "--min-score", "80"]].concat());
    assert!(junit.code == Some(3) && junit.stdout.contains("errors=\"1\""), "{junit:?}");
}

/// A report in which every case passed, beside exit code 1: a service without endpoints, and one whose endpoints all reach
/// the score that the service misses.
#[test]
fn junit_fails_for_a_service_that_misses_its_score() {
    let good = Peer::http(|_| answer("200 OK", "", "ok"));
    let directory = TempDir::new();
    let file = directory.path("services.toml");
    let good = format!("[[service]]\nname = 'good'\nendpoints = '{}'\n", good.address);
    fs::write(&file, format!("{good}[[service]]\nname = 'empty'\nendpoints = []\n")).unwrap();

    let file = file.display().to_string();
    let ran = portolan(["validate", &file, "-o", "junit", "--min-score", "80"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let case = "<failure type=\"min-score\" message=\"has no score, and must reach 80\">";
    assert!(ran.stdout.contains("tests=\"2\" failures=\"1\"") && ran.stdout.contains(case), "{}", ran.stdout);

    let ran = portolan(["validate", &file, "-o", "junit"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("tests=\"1\" failures=\"0\""), "{}", ran.stdout);

    let json = portolan(["validate", &file, "--json", "--min-score", "80"]).stdout;
    assert_eq!(json.matches("\"min_score\":80").count(), 2, "{json}");
}

/// What a listing lacks is an error of the report too: no service of it could be a test case.
#[test]
fn a_part_that_could_not_be_read_is_an_error_of_junit() {
    let listing = r#"{"schema":"portolan/v1","items":[],"complete":false,"errors":[]}"#;
    let ran = with_input(&["validate", "-", "-o", "junit"], listing);
    let (code, junit) = (ran.status.code(), String::from_utf8(ran.stdout).unwrap());
    assert_eq!(code, Some(3), "{junit}");
    assert!(junit.contains("errors=\"1\"") && junit.contains("<error type=\"not-checked\""), "{junit}");
}

/// Runs portolan with this on its standard input.
fn with_input(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(args).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
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
            let output = with_input(&[&["validate", "-"], options].concat(), input);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{input:?} {options:?}: {told}");
            assert_eq!(told.contains("nothing was checked"), code == 1, "{input:?} {options:?}: {told}");
        }
    }

    // The same for what another command lists, and for evidence of nothing.
    let nothing = [&["discover", "scan", "127.0.0.1", "-p", "1", "--validate"][..], &["--min-score", "80"]].concat();
    assert_eq!(portolan(&nothing[..6]).code, Some(0));
    assert_eq!(portolan(&nothing).code, Some(1));
    let refused = portolan(["discover", "scan", "127.0.0.1", "-p", "1", "--min-score", "80"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("add --validate"), "{refused:?}");

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
        ("head -c 70000 /dev/zero; sleep 30 & exit 0", &[]),
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
