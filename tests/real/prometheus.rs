//! A real Prometheus and promtool accept `-o prometheus-sd`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Fixture, HANG, Scene, finish, kill, output, tool};

/// Every family and transport, and names that try to break out of a JSON string or a label. No address twice:
/// Prometheus makes one target of those.
const LISTENERS: &str = "name=a%22%7d,%5b%0a%1b[2J tcp=127.0.0.1:8001 tcp=[::1]:8002 tcp=[::]:8003,dual tcp=0.0.0.0:8004 \
     udp=127.0.0.1:8005 udp=[::]:8006,v6only [ name=caf%e9 tcp=127.0.0.1:8007 ] [ name=%e2%80%ae tcp=127.0.0.1:8008 ] \
     tcp=127.0.0.1:8009,device=lo [ name=$1%24%7b1%7d tcp=127.0.0.2:8010 ]";

/// A scene with listeners, and Prometheus' settings with a file of targets that portolan wrote.
fn scene() -> (Scene, Fixture, Value) {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    let outcome = scene.portolan().args("-o prometheus-sd").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    fs::write(scene.dir().join("targets.json"), &outcome.stdout).unwrap();
    let settings = "global: {scrape_interval: 1h}\n\
         scrape_configs:\n- job_name: local\n  file_sd_configs:\n  - files: [targets.json]\n";
    fs::write(scene.dir().join("prometheus.yml"), settings).unwrap();
    let groups = serde_json::from_slice(&outcome.stdout).unwrap();
    (scene, fixture, groups)
}

/// The labels of every target, by its address.
fn labels(groups: &Value) -> BTreeMap<String, Value> {
    let groups = groups.as_array().unwrap().iter();
    groups.map(|group| (group["targets"][0].as_str().unwrap().to_owned(), group["labels"].clone())).collect()
}

fn checked(scene: &Scene) -> Result<String, String> {
    let out = output(tool("promtool").args(["check", "config"]).arg(scene.dir().join("prometheus.yml")));
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if out.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn promtool_accepts_the_targets() {
    let (scene, fixture, groups) = scene();
    assert_eq!(labels(&groups).len(), fixture.truth.0.len());
    checked(&scene).unwrap();
    // Guards against a Prometheus that never reads the file.
    fs::write(scene.dir().join("targets.json"), r#"[{"targets":["127.0.0.1:1"],"labels":{"a":1}}]"#).unwrap();
    checked(&scene).unwrap_err();
}

#[test]
fn promtool_accepts_an_empty_list() {
    let (scene, fixture, _) = scene();
    fixture.end();
    let outcome = scene.portolan().args("-o prometheus-sd").run();
    fs::write(scene.dir().join("targets.json"), &outcome.stdout).unwrap();
    checked(&scene).unwrap();
}

/// A Prometheus that runs in the scene, where it can reach nothing but the test's own listeners.
struct Prometheus(Option<Child>);

impl Prometheus {
    fn start(scene: &Scene) -> Self {
        let mut command = scene.command(tool("prometheus").get_program());
        command.arg(format!("--config.file={}", scene.dir().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", scene.dir().join("data").display()));
        command.arg("--web.listen-address=127.0.0.1:9090").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (send, receive) = channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        // Reads on after the word is there: a full pipe would stop the server.
        thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let server = Self(Some(child));
        let begin = Instant::now();
        while let Ok(line) = receive.recv_timeout(HANG.saturating_sub(begin.elapsed())) {
            if line.contains("Server is ready to receive web requests") {
                return server;
            }
        }
        panic!("Prometheus did not become ready");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            kill(child.id(), Signal::TERM);
            finish(child);
        }
    }
}

/// What the server knows of its targets, asked by plain HTTP from inside the scene.
fn targets(scene: &Scene) -> BTreeMap<String, Value> {
    let ask = r"exec 3<>/dev/tcp/127.0.0.1/9090
         printf 'GET /api/v1/targets?state=active HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; cat <&3";
    let out = output(scene.command(tool("bash").get_program()).args(["-c", ask]));
    let answer = String::from_utf8(out.stdout).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    assert!(head.contains(" 200 "), "{answer:?} {}", String::from_utf8_lossy(&out.stderr));
    let body: Value = serde_json::from_str(body).unwrap();
    let active = body["data"]["activeTargets"].as_array().unwrap().iter();
    active
        .map(|target| {
            let mut labels = target["discoveredLabels"].clone();
            labels.as_object_mut().unwrap().retain(|name, _| name.starts_with("__meta_portolan_"));
            (target["discoveredLabels"]["__address__"].as_str().unwrap().to_owned(), labels)
        })
        .collect()
}

#[test]
fn a_running_prometheus_loads_every_target_with_its_labels() {
    let (scene, _fixture, groups) = scene();
    let _server = Prometheus::start(&scene);
    let (expected, begin) = (labels(&groups), Instant::now());
    // It reloads the targets every five seconds.
    let mut known = targets(&scene);
    while known.len() < expected.len() && begin.elapsed() < HANG {
        thread::sleep(Duration::from_millis(100));
        known = targets(&scene);
    }
    assert_eq!(known, expected);
}
