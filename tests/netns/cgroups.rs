//! Units and containers, from the control group that the kernel reports for each socket; with and without permission.

use serde_json::{Value, json};

use crate::support::{Cgroup, Listing, Scene};

const ID: &str = "3f4e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7";
const POD: &str = "12345678-9abc-def0-1234-56789abcdef0";

/// A listing as root and one as an unprivileged user, of a listener in the control group.
fn seen_by_both(relative: &str) -> [Listing; 2] {
    let group = Cgroup::new(relative);
    let scene = Scene::new();
    let fixture = scene.fixture_in(&group, "tcp=127.0.0.1:8001 udp=[::]:8002,dual");
    let seen = [scene.portolan().list(), scene.portolan().by_nobody().list()];
    fixture.end();
    seen
}

#[track_caller]
fn both_say(relative: &str, name: &str, unit: &Value, container: &Value) {
    let [root, nobody] = seen_by_both(relative);
    assert_eq!((root.rows.len(), nobody.rows.len()), (2, 2));
    assert!(root.rows.iter().all(|row| row.detail("owner") == "known"));
    assert!(nobody.rows.iter().all(|row| row.detail("owner") == "no-permission"));
    for row in root.rows.iter().chain(&nobody.rows) {
        assert_eq!(row.name(), Some(name), "{}", row.0);
        assert_eq!(row.detail("unit"), unit, "{}", row.0);
        assert_eq!(row.detail("container"), container, "{}", row.0);
    }
}

#[test]
fn a_unit() {
    both_say("web@1.service", "web@1", &json!("web@1.service"), &json!(null));
}

#[test]
fn a_unit_with_groups_of_its_own_below() {
    both_say("app.service/workers/one", "app", &json!("app.service"), &json!(null));
}

#[test]
fn a_docker_container() {
    let scope = format!("docker-{ID}.scope");
    let container = json!({"runtime": "docker", "id": ID, "pod": null});
    both_say(&scope, "docker-3f4e8a1b2c3d", &json!(scope), &container);
}

#[test]
fn a_container_of_a_pod() {
    let pod = POD.replace('-', "_");
    let scope = format!("cri-containerd-{ID}.scope");
    let path = format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod}.slice/{scope}");
    let container = json!({"runtime": "containerd", "id": ID, "pod": POD});
    both_say(&path, "containerd-3f4e8a1b2c3d", &json!(scope), &container);
}

#[test]
fn a_podman_container() {
    let scope = format!("libpod-{ID}.scope");
    let container = json!({"runtime": "podman", "id": ID, "pod": null});
    both_say(&scope, "podman-3f4e8a1b2c3d", &json!(scope), &container);
}

#[test]
fn sockets_of_different_groups_keep_their_own() {
    let (web, db) = (Cgroup::new("web.service"), Cgroup::new("db.service"));
    let scene = Scene::new();
    let one = scene.fixture_in(&web, "tcp=127.0.0.1:8001");
    let two = scene.fixture_in(&db, "tcp=127.0.0.1:8002");
    let none = scene.fixture("tcp=127.0.0.1:8003");
    let listing = scene.portolan().list();
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("unit"), "web.service");
    assert_eq!(listing.row("tcp 127.0.0.1:8002").detail("unit"), "db.service");
    assert_ne!(listing.row("tcp 127.0.0.1:8003").detail("unit"), "web.service");
    for fixture in [one, two, none] {
        fixture.end();
    }
}

#[test]
fn a_group_that_is_gone_is_no_name() {
    let scene = Scene::new();
    let fixture = {
        let group = Cgroup::new("old.service");
        let fixture = scene.fixture_in(&group, "name=mover tcp=127.0.0.1:8001");
        // Its process moves out, so that the group can go while the socket keeps the id.
        let pid = fixture.truth.pids().into_iter().next().unwrap();
        let root = group.path().ancestors().nth(2).unwrap().join("cgroup.procs");
        std::fs::write(&root, pid.to_string()).unwrap();
        fixture
    };
    let listing = scene.portolan().list();
    let row = listing.row("tcp 127.0.0.1:8001");
    assert_ne!(row.detail("unit"), "old.service", "that unit is no more: {}", row.0);
    assert_eq!(row.pids(), fixture.truth.pids());
}

/// A scope of a user's own service manager is that user's, and not named after the manager.
#[test]
fn a_scope_of_a_user() {
    let [root, nobody] = seen_by_both("user@1000.service/app.slice/app-x\\x2dy-7.scope");
    for row in root.rows.iter().chain(&nobody.rows) {
        assert_eq!(row.detail("unit"), "app-x\\x2dy-7.scope", "{}", row.0);
        assert_eq!(row.detail("unit_user")["uid"], 1000, "{}", row.0);
        assert_ne!(row.name(), Some("user@1000"));
    }
}

/// systemd's escapes are written as systemctl accepts them.
#[test]
fn an_escaped_unit_is_shown_as_it_is() {
    let group = Cgroup::new("a\\x2db.service");
    let scene = Scene::new();
    let fixture = scene.fixture_in(&group, "tcp=127.0.0.1:8001");
    for format in ["-o wide", "-o csv"] {
        let text = scene.portolan().args(format).run().text().to_owned();
        assert!(text.contains("a\\x2db.service") && !text.contains("a\\\\x2db"), "{text}");
    }
    fixture.end();
}
