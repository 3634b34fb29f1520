//! Processes in a frozen control group, as a paused container is: they run no instruction, and what they hold is read all the
//! same.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Cgroup, HANG, Isolation, Scene, finish, kill, needs_root};

/// The processes of a control group, frozen until this is dropped.
struct Frozen<'g>(&'g Cgroup);

impl<'g> Frozen<'g> {
    fn new(group: &'g Cgroup) -> Self {
        let frozen = Self(group);
        frozen.write("1");
        let begin = Instant::now();
        while !fs::read_to_string(group.path().join("cgroup.events")).unwrap().contains("frozen 1") {
            assert!(begin.elapsed() < HANG, "it is not frozen");
            thread::sleep(Duration::from_millis(5));
        }
        frozen
    }

    fn write(&self, state: &str) {
        fs::write(self.0.path().join("cgroup.freeze"), state).unwrap();
    }
}

impl Drop for Frozen<'_> {
    /// The processes end only where they run.
    fn drop(&mut self) {
        self.write("0");
    }
}

#[test]
fn a_frozen_process_delays_no_output_and_is_described() {
    needs_root("it freezes a control group");
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    let group = Cgroup::new("frozen.service");
    let fixture = scene.fixture_in(&group, "tcp=127.0.0.1:7001");
    let other = scene.fixture("tcp=127.0.0.1:7002");
    let frozen = Frozen::new(&group);

    for args in ["", "-o wide", "--json", "-o csv", "-o yaml", "--watch --json --until type=synced"] {
        let outcome = scene.portolan().args(args).run();
        assert_eq!(outcome.code, Some(0), "{args}: {}", outcome.stderr);
        assert!(outcome.text().contains("7001") && outcome.text().contains("7002"), "{args}: {}", outcome.text());
    }

    // Nothing of it is missing, and the row says so: no field is unread.
    let listing = scene.portolan().list();
    let row = listing.row("tcp 127.0.0.1:7001");
    assert_eq!((row.detail("owner"), row.detail("unit")), (&json!("known"), &json!("frozen.service")));
    let process = &row.detail("processes")[0];
    assert_eq!(process["unread"], json!(null), "{process}");
    assert!(process["command"].is_string() && process["exe"].is_string(), "{process}");
    for _ in 0..5 {
        let child = scene.portolan().args("--json").spawn();
        kill(child.id(), Signal::INT);
        assert!(finish(child).is_some(), "it hangs");
    }

    drop(frozen);
    fixture.end();
    other.end();
}
