//! Many at once: no service is charged for this machine's own delays, and none is misjudged because another is silent.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::hostile::names_busy_machine;
use crate::peer::{Peer, answer};
use crate::support::{Outcome, Scene, hear, kill};
use crate::{TempDir, portolan};

/// The codes of all findings, in order.
fn codes(document: &Value) -> Vec<String> {
    let endpoints = document["items"].as_array().unwrap().iter().flat_map(|item| item["endpoints"].as_array().unwrap());
    let findings = endpoints.flat_map(|endpoint| endpoint["health"]["findings"].as_array().unwrap());
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Keeps every processor busy until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn new() -> Self {
        let over = Arc::<AtomicBool>::default();
        for _ in 0..2 * thread::available_parallelism().unwrap().get() {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(over)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn delays_of_this_machine_are_not_charged() {
    let listeners: Vec<TcpListener> = (0..200).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let port = |n: usize| listeners[n % listeners.len()].local_addr().unwrap().port();
    let items: Vec<Value> = (0..2000)
        .map(|n| {
            let endpoint = json!({"address": "127.0.0.1", "port": port(n), "transport": "tcp"});
            json!({"id": format!("local/{n}"), "source": "local", "endpoints": [endpoint]})
        })
        .collect();
    let directory = TempDir::new();
    let file = directory.path("told.json");
    fs::write(&file, json!({ "items": items }).to_string()).unwrap();

    let _load = Load::new();
    let ran = portolan_fed(&file, &["validate", "-", "--json", "--check", "tcp", "--concurrency", "4096"]);
    let document: Value = serde_json::from_str(&ran).unwrap();
    assert_eq!(document["items"].as_array().unwrap().len(), 2000);
    assert_eq!(codes(&document), [""; 0]);
}

/// The output of portolan with a file as its standard input.
fn portolan_fed(file: &std::path::Path, args: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(args).env_clear().stdin(fs::File::open(file).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_peer_that_is_slow_by_itself_is() {
    let peer = Peer::http(|head| {
        if !head.is_empty() {
            thread::sleep(Duration::from_millis(300));
        }
        answer("200 OK", "", "ok")
    });
    let ran = portolan(["validate", &peer.url("/x"), "--json", "--check", "http", "--goal", "answer=50ms"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = codes(&document);
    // How busy this machine is may only let it look a little better.
    assert!(matches!(&found[..], [code] if code.starts_with("http-latency-")), "{found:?}");
}

#[test]
fn black_holes_cost_their_neighbours_nothing() {
    const HEALTHY: usize = 7_000;
    const SILENT: usize = 3_000;
    let scene = Scene::new();
    let fixture = scene.fixture(&format!("many={HEALTHY}@0"));
    scene.sh("iptables -A INPUT -d 127.200.0.0/16 -j DROP");
    let healthy = fixture.truth.0.keys().map(|key| key.strip_prefix("tcp ").unwrap().to_owned());
    let silent = (0..SILENT).map(|n| {
        let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
        format!("{}:80", Ipv4Addr::new(127, 200, high, low))
    });
    let (mut healthy, mut silent) = (healthy, silent);
    let mut targets = Vec::new();
    for n in 0..HEALTHY + SILENT {
        targets.extend(if n % 10 < 7 { healthy.next() } else { silent.next() });
    }
    let file = scene.dir().join("services.yaml");
    let mut text = "service:\n".to_owned();

    for (n, target) in targets.iter().enumerate() {
        writeln!(text, "- {{name: s{n}, endpoints: ['{target}'], ask: {{check: [tcp]}}}}").unwrap();
    }
    fs::write(&file, text).unwrap();
    let run = scene.validate().arg(file.to_str().unwrap()).args("--timeout 500ms --retries 0 --json");
    let outcome = run.run();
    // 3 where this machine had no time for some of them, which are looked at below.
    assert!(matches!(outcome.code, Some(1 | 3)), "{:?}: {}", outcome.code, outcome.stderr);
    let document = outcome.document();
    let items = document["items"].as_array().unwrap();
    assert_eq!((items.len(), &document["complete"]), (targets.len(), &(outcome.code == Some(1)).into()));
    let busy = items.iter().filter(|item| names_busy_machine(&item["endpoints"][0]["health"])).count();
    assert!(busy * 2 <= items.len(), "{busy} were not judged");
    for item in items.iter().filter(|item| !names_busy_machine(&item["endpoints"][0]["health"])) {
        let endpoint = &item["endpoints"][0];
        let is_silent = endpoint["address"].as_str().unwrap().starts_with("127.200.");
        let expected = if is_silent { json!(["tcp-timeout"]) } else { json!([]) };
        let found: Value =
            endpoint["health"]["findings"].as_array().unwrap().iter().map(|found| found["code"].clone()).collect();
        assert_eq!(found, expected, "{endpoint}");
    }

    fixture.end();
}

#[test]
fn a_slow_way_is_charged() {
    let scene = Scene::new();
    let fixture = scene.fixture("many=1@0");
    let far = scene.far("200");
    let target = fixture.truth.0.keys().next().unwrap().trim_start_matches("tcp ").to_owned();
    let outcome = scene.validate().arg(&target).args("--check tcp --json").run();
    let found = codes(&outcome.document());
    assert!(matches!(&found[..], [code] if code.starts_with("tcp-latency-")), "{found:?}");
    far.end();
    fixture.end();
}

#[test]
fn a_stall_of_this_process_is_not_taken_for_a_silent_peer() {
    // Checks that begin after the stop have this much: the fixture that delays their packets may be late on a busy machine.
    const TIMEOUT: Duration = Duration::from_secs(4);
    let scene = Scene::new();
    let fixture = scene.fixture("many=200@0");
    let far = scene.far("100");
    let targets: Vec<&str> = fixture.truth.0.keys().map(|key| key.trim_start_matches("tcp ")).collect();
    let args = format!("{} --check tcp --timeout 4s --retries 0 --goal connect=3900ms --json", targets.join(" "));
    let child = scene.validate().args(&args).spawn();
    scene.sh("until ss -Htn state syn-sent | grep -q .; do :; done");
    kill(child.id(), Signal::STOP);

    // Meanwhile the kernel completes the connection, and its time limit passes.
    scene.sh("while ss -Htn state syn-sent | grep -q .; do :; done");
    thread::sleep(TIMEOUT);
    kill(child.id(), Signal::CONT);
    let outcome = Outcome::new(hear(child, "portolan validate"));
    let document = outcome.document();
    assert_eq!((codes(&document), &document["complete"]), (Vec::new(), &true.into()), "{}", outcome.stderr);
    far.end();

    fixture.end();
}
