//! Sockets that systemd holds for a service: the row shows the service, not PID 1.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{Scene, Truth, assert_same};

/// A machine whose first process is called `systemd` and holds these sockets, with these units and no others in
/// `/run/systemd/system`.
fn machine(units: &[(&str, &str)], sockets: &str) -> (Scene, Truth) {
    let mut prepare = "mount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/system".to_owned();
    for (name, text) in units {
        let _ = write!(prepare, "\ncat > '/run/systemd/system/{name}' <<'END'\n{text}\nEND");
    }
    Scene::of_fixture(&prepare, &format!("name=systemd {sockets}"))
}

#[test]
fn a_socket_that_waits_for_its_service_is_named_after_it() {
    let (scene, truth) = machine(
        &[
            ("portolan-web.socket", "[Socket]\nListenStream=127.0.0.1:8080\nListenStream=/run/portolan-web.sock"),
            ("portolan-echo.socket", "[Socket]\nListenStream=8081\nListenDatagram=[::1]:8082\nAccept=yes"),
            ("portolan-other.socket", "[Socket]\nListenStream=8083\nService=portolan-named@x.service"),
        ],
        "tcp=127.0.0.1:8080 unix=stream:/run/portolan-web.sock tcp=[::]:8081,dual udp=[::1]:8082 tcp=[::]:8083,dual \
         tcp=127.0.0.1:8084",
    );
    assert_eq!(truth.pids().into_iter().collect::<Vec<_>>(), [1], "the fixture is PID 1");
    let listing = scene.portolan().args("--tcp --udp --unix").list();
    assert_same(&listing.truth(), &truth);
    for (what, unit, name) in [
        ("tcp 127.0.0.1:8080", json!("portolan-web.service"), "portolan-web"),
        ("unix /run/portolan-web.sock", json!("portolan-web.service"), "portolan-web"),
        ("tcp [::]:8081", json!("portolan-echo@.service"), "portolan-echo@"),
        ("udp [::1]:8082", json!("portolan-echo@.service"), "portolan-echo@"),
        ("tcp [::]:8083", json!("portolan-named@x.service"), "portolan-named@x"),
        // No unit claims it: it stays PID 1's own.
        ("tcp 127.0.0.1:8084", json!(null), "systemd"),
    ] {
        let row = listing.row(what);
        assert_eq!((row.detail("unit"), row.name()), (&unit, Some(name)), "{what}");
    }
    let table = scene.portolan().args("-o wide -p 8080").run();
    assert!(table.text().contains("portolan-web.service"), "{}", table.text());
}

#[test]
fn a_service_that_runs_is_known_by_its_own_process() {
    let (scene, truth) = machine(
        &[("portolan-web.socket", "[Socket]\nListenStream=127.0.0.1:8080")],
        "tcp=127.0.0.1:8080 share [ name=webserver ]",
    );
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &truth);
    let row = listing.row("tcp 127.0.0.1:8080");
    assert_eq!(row.pids().len(), 2);
    assert!(row.name().is_some_and(|name| name != "systemd"), "{}", row.0);
}

#[test]
fn a_first_process_of_another_name_is_no_service_manager() {
    let prepare = "mount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/system\n\
         printf '[Socket]\\nListenStream=127.0.0.1:8080\\n' > /run/systemd/system/portolan-web.socket";
    let (scene, truth) = Scene::of_fixture(prepare, "name=tini tcp=127.0.0.1:8080");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8080").name(), Some("tini"));
}

/// `systemctl enable portolan-web@8080.socket` makes such a link.
#[test]
fn an_instance_of_a_template_is_named_after_its_own_service() {
    let prepare = "mount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/system/sockets.target.wants\n\
         printf '[Socket]\\nListenStream=127.0.0.1:%%i\\n' > /run/systemd/system/portolan-web@.socket\n\
         ln -s ../portolan-web@.socket /run/systemd/system/sockets.target.wants/portolan-web@8080.socket";
    let (scene, truth) = Scene::of_fixture(prepare, "name=systemd tcp=127.0.0.1:8080");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &truth);
    let row = listing.row("tcp 127.0.0.1:8080");
    assert_eq!((row.detail("unit"), row.name()), (&json!("portolan-web@8080.service"), Some("portolan-web@8080")));
}
