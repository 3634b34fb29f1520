//! `--watch -o prometheus-sd=FILE`: the file follows the cluster, and keeps what it has while the API server is away.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::double::{Double, Resource};
use crate::objects::{namespace, service, slice};
use crate::portolan::Portolan;
use crate::support::{Ended, HANG, kill};

/// The targets of a file; nothing while there is no file. Half a file is an error.
fn targets(file: &Path) -> BTreeSet<String> {
    let Ok(text) = fs::read(file) else { return BTreeSet::new() };
    let groups: Value = serde_json::from_slice(&text).expect("whole JSON");
    let groups = groups.as_array().expect("a list").iter();
    groups.map(|group| group["targets"][0].as_str().expect("a target").to_owned()).collect()
}

#[track_caller]
fn until(file: &Path, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|target| (*target).to_owned()).collect();
    let begun = Instant::now();
    loop {
        let found = targets(file);
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < HANG, "{found:?}, not {wanted:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn k8s_in_a_file() {
    let mut double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 2));
    let portolan = Portolan::new(&double).args("-n shop --watch -q -o");
    let file = portolan.path("targets.json");
    let (child, _home) = portolan.arg(&format!("prometheus-sd={}", file.display())).start();
    let mut child = Ended(child);
    until(&file, &["10.1.1.1:8080", "10.1.1.2:8080"]);
    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 1));
    until(&file, &["10.1.1.1:8080"]);

    double.stop();
    for _ in 0..25 {
        assert_eq!(targets(&file), BTreeSet::from(["10.1.1.1:8080".to_owned()]), "nothing is known to be gone");
        thread::sleep(Duration::from_millis(20));
    }
    double.resume();
    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 3));
    until(&file, &["10.1.1.1:8080", "10.1.1.2:8080", "10.1.1.3:8080"]);
    kill(child.0.id(), Signal::INT);
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < HANG, "it does not end");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}
