//! What a run says at its end: one number for each service, its address, and what was not checked.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::{Peer, answer, closed_port};
use crate::{TempDir, portolan};

/// Standard error without the notes about the load of this machine.
fn notes(stderr: &str) -> Vec<String> {
    stderr.lines().filter(|line| !line.contains("this machine was busy")).map(ToOwned::to_owned).collect()
}

/// W8: the checks stand next to the grade, and the way to more of them is named.
#[test]
fn the_checks_that_ran_stand_next_to_the_grade() {
    let peer = Peer::http(|_| answer("500 No", "", ""));
    let target = peer.target();
    let ran = portolan(["validate", &target]);
    let (names, row) = ran.stdout.split_once('\n').unwrap();
    let at = names.find("CHECKED").unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(names[..at].trim_end().ends_with("STATE") && row[at..].starts_with("tcp only"), "{}", ran.stdout);
    let hint = format!(
        "1 endpoint checked by connecting only (tcp); a scheme, as in http://{target}/, or --protocol says what to check"
    );
    assert!(notes(&ran.stderr).contains(&hint), "{}", ran.stderr);

    for chosen in [&["--protocol", "tcp"][..], &["--protocol", "http"], &["--check", "tcp"], &["--path", "/"]] {
        let ran = portolan([&["validate", &target], chosen].concat());
        assert_eq!(ran.stdout.contains("tcp only"), chosen[1] == "tcp", "{chosen:?}: {}", ran.stdout);
        assert!(!ran.stderr.contains("connecting only"), "{chosen:?}: {}", ran.stderr);
    }
    let refused = portolan(["validate", &closed_port().to_string()]);
    assert!(!refused.stderr.contains("connecting only"), "{}", refused.stderr);
}

/// W9: the exit code, the address in the summary, and one number.
#[test]
fn unhealthy_services_fail_the_run_and_are_named_with_their_address() {
    let (bad, good) = (Peer::http(|_| answer("500 No", "", "")), Peer::http(|_| answer("200 OK", "", "")));
    let (bad_url, good_url) = (bad.url("/"), good.url("/"));
    for (args, code) in [
        (&[bad_url.as_str()][..], 1),
        (&[&good_url], 0),
        (&[&good_url, &bad_url], 1),
        (&[&bad_url, "--min-score", "0"], 0),
        (&[&bad_url, "--ignore", "http-5xx"], 0),
    ] {
        assert_eq!(portolan([&["validate", "-q"], args].concat()).code, Some(code), "{args:?}");
    }

    let directory = TempDir::new();
    let file = directory.path("services.yaml");
    let text = format!(
        "service:\n- {{name: one, endpoints: ['{0}'], ask: {{protocol: http}}}}\n\
         - {{name: two, endpoints: ['{0}', '{1}'], ask: {{protocol: http}}}}\n\
         - {{name: three, endpoints: ['{1}'], ask: {{protocol: http}}}}\n",
        bad.address, good.address
    );
    fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let ran = portolan(["validate", &file, "--ignore", "http-latency-1x,http-latency-2x,http-latency-4x"]);
    assert_eq!(ran.code, Some(1));
    let notes = notes(&ran.stderr);
    let bad_at = bad.address.to_string();
    assert!(
        notes.iter().any(|line| line.trim() == format!("30  one  {bad_at}  cap 30 http-5xx  GET / returns 500")),
        "{notes:?}"
    );
    let two = notes.iter().find(|line| line.contains("  two  ")).unwrap();
    assert!(two.contains("the mean of the endpoints") && two.contains(&bad_at), "{two}");

    let explained = portolan(["validate", &bad_url, "--explain"]).stdout;
    assert!(
        explained.starts_with(&format!("{bad_url}  F 0 unhealthy: no endpoint scores 50 or more\n")),
        "{explained}"
    );
    let evidence = directory.path("seen");
    let stored = portolan(["validate", &bad_url, "--evidence", &evidence.display().to_string()]);
    let written = fs::read_dir(&evidence).unwrap().next().unwrap().unwrap().path().display().to_string();
    assert_eq!((stored.code, portolan(["score", &written]).code), (Some(1), Some(1)));
    assert_eq!(portolan(["score", &written, "--min-score", "0"]).code, Some(0));
}

/// A development server with a short queue is not slow because of these checks, and failures of some paths keep none of the others
/// from being judged.
#[test]
fn few_endpoints_of_one_port_are_checked_at_once() {
    let (running, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&most);
    let peer = Peer::http(move |head| {
        // A connection without a request is the TCP check's.
        if !head.is_empty() {
            counted.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
            running.fetch_sub(1, Ordering::SeqCst);
        }
        answer("500 No", "", "")
    });

    let urls: Vec<String> = (0..12).map(|n| peer.url(&format!("/{n}"))).collect();
    let mut args = vec!["validate", "--json"];
    args.extend(urls.iter().map(String::as_str));
    let ran = portolan(args);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let items = document["items"].as_array().unwrap().iter();
    let scores: Vec<&Value> = items.map(|item| &item["endpoints"][0]["health"]["score"]).collect();
    assert_eq!(scores, [&json!(30); 12], "{}", ran.stdout);
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

/// A program that says DOWN with 200 is what a developer forgets, and what a test waits for in vain.
#[test]
fn a_success_whose_body_reports_a_failure_is_noted() {
    let peer = Peer::http(|_| answer("200 OK", "Content-Type: application/json\r\n", r#"{"status":"DOWN"}"#));
    let url = peer.url("/health");
    let ran = portolan(["validate", &url, "--explain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = "    http-reports-failure  GET /health returns 200 with the status 'DOWN' in its body\n      hint: ";
    assert!(ran.stdout.contains(text) && ran.stdout.contains("--expect-json /status=UP"), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 endpoint replies with a success status, but the body reports a failure"));

    let checked = portolan(["validate", &url, "--expect-json", "/status=UP"]);
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    assert!(!checked.stderr.contains("reports a failure"), "{}", checked.stderr);
    let waited = portolan(["wait", &url, "--timeout", "60s"]);
    assert_eq!(waited.code, Some(0));
    assert!(waited.stderr.contains("replies with a success, but its body reports a failure"), "{}", waited.stderr);
}

/// Why a service is not well often stands in its reply.
#[test]
fn the_body_of_a_failure_is_quoted_without_secrets() {
    let body = r#"{"db":{"error":"ECONNREFUSED 127.0.0.1:5432"},"token":"s3cret-value"}"#;
    let peer = Peer::http(move |_| answer("503 No", "Content-Type: application/json\r\n", body));
    let url = peer.url("/health");
    for format in ["explain", "json", "junit", "html", "table"] {
        let ran = portolan(["validate", &url, "-o", format]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stdout.contains("ECONNREFUSED 127.0.0.1:5432"), "{format}: {}", ran.stdout);
        assert!(!ran.stdout.contains("s3cret"), "{format}: {}", ran.stdout);
    }
}

/// One of two servers is down: the service works, and a job that looks at servers wants to know.
#[test]
fn an_unhealthy_endpoint_fails_the_run_where_that_is_asked() {
    let good = Peer::http(|_| answer("200 OK", "", ""));
    let directory = TempDir::new();
    let file = directory.path("services.toml");
    let bad = closed_port();
    let text = format!("[[service]]\nname = 'web'\nendpoints = ['{}', '{bad}']\nprotocol = 'http'\n", good.address);
    fs::write(&file, text).unwrap();
    let file = file.display().to_string();

    assert_eq!(portolan(["validate", &file]).code, Some(0), "degraded");
    let ran = portolan(["validate", &file, "--fail-endpoint"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let note = format!("1 endpoint is unhealthy, so --fail-endpoint fails: {bad}");
    assert!(notes(&ran.stderr).contains(&note), "{}", ran.stderr);
    assert_eq!(portolan(["validate", &good.url("/"), "--fail-endpoint"]).code, Some(0));
}

/// H7: each series once, and the name of the port tells two of them apart.
#[test]
fn no_series_comes_twice() {
    let peer = Peer::serving(drop);
    let endpoint = |name: &str| {
        json!({"address": "127.0.0.1", "port": peer.address.port(), "transport": "tcp", "ready": true,
               "instance": {"id": name, "port_name": name}})
    };
    let twice = json!({"address": "127.0.0.1", "port": peer.address.port(), "transport": "tcp"});
    let document = json!({"schema": "portolan/v1", "complete": true, "errors": [], "limits": [], "items": [
        {"id": "k8s/shop/web", "name": "web", "source": "k8s", "endpoints": [endpoint("http"), endpoint("metrics")]},
        {"id": "x/1", "name": "x", "source": "x", "endpoints": [twice, twice]},
    ]});
    let directory = TempDir::new();
    let file = directory.path("listed.json");
    fs::write(&file, document.to_string()).unwrap();

    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["validate", "-", "-o", "prometheus"]).env_clear().stdin(fs::File::open(&file).unwrap());
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut series: Vec<&str> = text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    series.retain(|series| !series.starts_with('#'));
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "{text}");
    for name in ["http", "metrics"] {
        assert!(text.contains(&format!("port_name=\"{name}\"}} 100")), "{text}");
    }
}

/// Zones in URLs, percent-encoded (RFC 6874) or as people write them.
#[test]
fn urls_may_have_a_zone() {
    for target in ["http://[fe80::1%25lo]:9/", "http://[fe80::1%lo]:9", "tcp://[fe80::1%25lo]:9", "[fe80::1%lo]:9"] {
        let ran = portolan(["validate", "--json", "--timeout", "300ms", "--retries", "0", target]);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{target}: {ran:?}"));
        let endpoint = &document["items"][0]["endpoints"][0];
        assert_eq!((&endpoint["address"], &endpoint["interface"]), (&"fe80::1".into(), &"lo".into()), "{target}");
    }
    for target in ["http://[::1%25lo]:9/", "http://[fe80::1%a/b]:9/"] {
        let ran = portolan(["validate", target]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{target}: {ran:?}");
    }
}
