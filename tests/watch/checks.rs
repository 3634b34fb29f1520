//! `validate --watch`: a health change is reported once it is confirmed, with the previous score; flapping is reported.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Lines, Scene, finish};
use crate::watched::{Watched, listener};

/// How a server answers its n-th request.
pub type Answer = fn(mode: usize, n: usize) -> &'static str;

pub const WELL: &str = "200 OK";
pub const FAILED: &str = "500 Failed";
/// No reply ever comes, and the connection stays open.
const SILENT: &str = "";
/// The reply is not HTTP.
const NONSENSE: &str = "\0\u{1b}[2J\r\n\r\n";

/// A web server in a scene, whose answers depend on its mode.
pub struct Web {
    pub url: String,
    mode: Arc<AtomicUsize>,
    /// How often it failed.
    failures: Arc<AtomicUsize>,
}

impl Web {
    pub fn new(scene: &Scene, answer: Answer) -> Self {
        Self::at(scene, "127.0.0.1:0", answer)
    }

    pub fn at(scene: &Scene, address: &str, answer: Answer) -> Self {
        let (listener, _) = listener(scene, address);
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let (mode, failures) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let shared = (Arc::clone(&mode), Arc::clone(&failures));
        thread::spawn(move || serve(&listener, &shared.0, &shared.1, answer));
        Self { url, mode, failures }
    }

    pub fn set(&self, mode: usize) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

fn serve(listener: &TcpListener, mode: &AtomicUsize, failures: &AtomicUsize, answer: Answer) {
    let (mut requests, mut silent) = (0, Vec::new());
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { break };
        // A connection without a request is the TCP check's.
        if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
            let status = answer(mode.load(Ordering::SeqCst), requests);
            requests += 1;
            failures.fetch_add(usize::from(status == FAILED), Ordering::SeqCst);
            let _ = match status {
                SILENT => {
                    silent.push(stream);
                    continue;
                }
                NONSENSE => stream.write_all(NONSENSE.as_bytes()),
                status => stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()),
            };
        }
    }
}

fn state(line: &Value) -> &str {
    line["item"]["health"]["state"].as_str().unwrap()
}

fn codes(line: &Value) -> Vec<&str> {
    let findings = line["item"]["endpoints"][0]["health"]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn a_confirmed_change_is_reported_with_the_previous_score() {
    let scene = Scene::new();
    let web = Web::new(&scene, |mode, _| [WELL, FAILED][mode]);
    let mut watched = Watched::start(scene.validate().arg(&web.url).args("--interval 20ms"));
    assert_eq!((watched.history.count("added"), watched.history.count("updated")), (1, 0));
    web.set(1);
    let down = watched.until(|line| line["type"] == "updated");
    assert_eq!((state(&down), &down["was"]["state"]), ("unhealthy", &"healthy".into()), "{down}");
    assert!(codes(&down).contains(&"http-5xx"), "{down}");
    assert!(down["changed"].as_array().unwrap().contains(&"health.state".into()), "{down}");
    web.set(0);
    let up = watched.until(|line| line["type"] == "updated");
    assert_eq!((state(&up), &up["was"]), ("degraded", &down["item"]["health"]), "{up}");
    assert!(codes(&up).contains(&"success-below-95"), "{up}");
    // The failures leave the window one by one.
    let well = watched.until(|line| line["type"] == "updated" && state(line) == "healthy");
    assert_eq!(well["was"]["state"], "degraded");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn hanging_and_invalid_replies_are_reported_and_so_is_recovery() {
    let scene = Scene::new();
    let web = Web::new(&scene, |mode, _| [WELL, SILENT, NONSENSE][mode]);
    let run = scene.validate().arg(&web.url).args("--interval 20ms --timeout 500ms --retries 0 --fall 2");
    let mut watched = Watched::start(run);
    for (mode, code) in [(1, "http-timeout"), (2, "http-invalid")] {
        web.set(mode);
        let down = watched.until(|line| codes_of(line).contains(&code));
        assert_eq!(state(&down), "unhealthy", "{down}");
        web.set(0);
        watched.until(|line| line["type"] == "updated" && state(line) != "unhealthy");
    }
    assert_eq!(watched.history.count("removed"), 0);
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn flapping_is_reported() {
    let scene = Scene::new();
    let web = Web::new(&scene, |_, n| [WELL, FAILED][n % 2]);
    let mut watched = Watched::start(scene.validate().arg(&web.url).args("--interval 20ms"));
    watched.until(|line| codes_of(line).iter().any(|code| code.starts_with("flapping-")));
    assert_eq!(watched.end(Signal::TERM).0.code(), Some(143));
    let mut child = scene.validate().arg(&web.url).args("--watch --interval 20ms --fall 1").spawn();
    let lines = Lines::of(&mut child);
    let line = std::iter::from_fn(|| lines.next()).find(|line| line.contains("  flapping=")).unwrap();
    assert!(line.contains("Z  updated  tcp 127.0.0.1:") && line.contains("  changed=health"), "{line}");
    crate::support::kill(child.id(), Signal::INT);
    while lines.next().is_some() {}
    assert_eq!(finish(child).unwrap().code(), Some(0));
}

/// The same of any line.
fn codes_of(line: &Value) -> Vec<&str> {
    if line["type"] == "updated" { codes(line) } else { Vec::new() }
}

#[test]
fn a_failing_service_is_checked_rarely_until_it_recovers() {
    let scene = Scene::new();
    let (open, _) = listener(&scene, "127.0.0.1:0");
    let target = open.local_addr().unwrap().to_string();
    let mut watched = Watched::start(scene.validate().arg(&target).args("--interval 20ms --fall 6"));
    drop(open);
    let down = watched.until(|line| line["type"] == "updated");
    assert_eq!(state(&down), "unhealthy");
    assert!(codes(&down).contains(&"circuit-open"), "{down}");
    let (_again, _) = listener(&scene, &target);
    let up = watched.until(|line| line["type"] == "updated" && state(line) != "unhealthy");
    assert_eq!(up["was"]["state"], "unhealthy", "{up}");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn an_open_circuit_adds_no_failures() {
    let scene = Scene::new();
    let web = Web::new(&scene, |mode, _| [WELL, FAILED][mode]);
    let mut watched = Watched::start(scene.validate().arg(&web.url).args("--interval 20ms --fall 15"));
    web.set(1);
    let down = watched.until(|line| line["type"] == "updated");
    assert_eq!(state(&down), "unhealthy", "{down}");
    // The circuit opens after 5 of them, and then lets a trial through now and then.
    let failures = web.failures.load(Ordering::SeqCst);
    assert!(failures >= 15, "only {failures} checks failed");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn a_new_service_is_checked_from_then_on() {
    let scene = Scene::new();
    let (first, first_id) = listener(&scene, "127.0.0.1:0");
    let mut watched = Watched::start(scene.portolan().args("--validate --interval 20ms --rise 1 --fall 1"));
    assert_eq!(watched.history.ids(), [&first_id]);
    let (_second, id) = listener(&scene, "127.0.0.1:0");
    let added = watched.about(&id);
    assert_eq!((&added["type"], state(&added)), (&"added".into(), "healthy"), "{added}");
    drop(first);
    watched.until(|line| line["type"] == "removed" && line["item"]["id"] == first_id);
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn checks_go_on_while_the_source_fails() {
    let scene = Scene::new();
    let web = Web::new(&scene, |mode, _| [WELL, FAILED][mode]);
    let file = scene.dir().join("services.toml");
    let address = web.url.trim_start_matches("http://").trim_end_matches("/health");
    let text = format!("[[service]]\nname = 'web'\nendpoints = ['{address}']\nask = {{ protocol = 'http' }}\n");
    fs::write(&file, &text).unwrap();
    let run = scene.runs(&["discover", "file"]).arg(file.to_str().unwrap()).args("--validate --interval 20ms");
    let mut watched = Watched::start(run);
    fs::remove_file(&file).unwrap();
    watched.until(|line| line["type"] == "stale");
    web.set(1);
    let down = watched.next().unwrap();
    assert_eq!((&down["type"], state(&down)), (&"updated".into(), "unhealthy"), "no check made it fresh: {down}");
    fs::write(&file, &text).unwrap();
    watched.until(|line| line["type"] == "synced");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn options_that_a_watch_cannot_apply_are_refused() {
    let scene = Scene::new();
    for (args, error) in [
        ("--watch --min-score 80", "cannot use --watch: it cannot be combined with --min-score"),
        ("--watch --samples 3", "cannot use --watch: it cannot be combined with --samples"),
        ("--watch -o junit", "cannot use --output 'junit': --watch cannot write junit"),
        ("--fall 0 --watch", "cannot use --fall '0'"),
        ("--fall many --watch", "cannot use --fall 'many'"),
        ("--rise 2", "cannot use --rise: it requires --watch"),
    ] {
        let ran = scene.validate().args("127.0.0.1:1").args(args).run();
        assert_eq!(ran.code, Some(2), "{args}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(&format!("error: {error}")), "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains("\nhint: ") && ran.stdout.is_empty(), "{args}: {}", ran.stderr);
    }
    let ran = scene.portolan().args("--watch --rise 2").run();
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.starts_with("error: cannot use --rise: it requires checks\nhint: add --validate"));
}
