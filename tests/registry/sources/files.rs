//! `--watch -o prometheus-sd=FILE`: the file follows each registry, and keeps what it has while the registry is away.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::contract::{ConsulRegistry, DnsRegistry, EtcdRegistry, Registry};
#[cfg(feature = "serve")]
use super::contract::{OwnDns, OwnRegistry};
use crate::support::{HANG, TempDir, finish, kill};

/// The targets of a file; `None` while there is no file. Half a file is an error.
fn targets(file: &Path) -> Option<BTreeSet<String>> {
    let text = fs::read(file).ok()?;
    let groups: Value = serde_json::from_slice(&text).expect("whole JSON");
    let groups = groups.as_array().expect("a list").iter();
    let targets = groups.map(|group| group["targets"][0].as_str().expect("a target").to_owned());
    // Consul lists itself.
    Some(targets.filter(|target| !target.ends_with(":28503")).collect())
}

#[track_caller]
fn until(file: &Path, ports: &[u16]) {
    let wanted: BTreeSet<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let begun = Instant::now();
    loop {
        let found = targets(file);
        if found.as_ref() == Some(&wanted) {
            return;
        }
        assert!(begun.elapsed() < HANG, "{found:?}, not {wanted:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn keeps_a_file_up_to_date<R: Registry>() {
    let mut registry = R::start();
    registry.put("web", 80);
    let dir = TempDir::new();
    let file = dir.path().join("targets.json");
    fs::write(&file, "[]").unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.arg("discover").args(registry.words().split(' ')).args(["--watch", "--interval", "100ms", "-o"]);
    command.arg(format!("prometheus-sd={}", file.display())).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(&file, &[80]);
    registry.put("web", 81);
    until(&file, &[80, 81]);
    registry.remove("web", 80);
    until(&file, &[81]);

    registry.program().kill();
    for _ in 0..25 {
        assert_eq!(targets(&file), Some(BTreeSet::from(["127.0.0.1:81".to_owned()])), "nothing is known to be gone");
        thread::sleep(Duration::from_millis(20));
    }
    registry.program().restart();
    registry.put("web", 82);
    until(&file, &[81, 82]);
    kill(child.id(), Signal::INT);
    assert_eq!(finish(child).and_then(|status| status.code()), Some(0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
}

#[test]
fn consul_in_a_file() {
    keeps_a_file_up_to_date::<ConsulRegistry>();
}

#[test]
fn etcd_in_a_file() {
    keeps_a_file_up_to_date::<EtcdRegistry>();
}

#[test]
fn dns_in_a_file() {
    keeps_a_file_up_to_date::<DnsRegistry>();
}

#[cfg(feature = "serve")]
#[test]
fn portolan_in_a_file() {
    keeps_a_file_up_to_date::<OwnRegistry>();
}

#[cfg(feature = "serve")]
#[test]
fn dns_of_portolan_in_a_file() {
    keeps_a_file_up_to_date::<OwnDns>();
}
