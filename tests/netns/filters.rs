//! Each filter keeps what it names and leaves out the rest.

use std::collections::BTreeSet;

use crate::support::{Fixture, Scene, UNPRIVILEGED_UID, needs_root};

/// Rows for every filter to keep one and drop one.
const LISTENERS: &str = "name=alpha tcp=127.0.0.1:22 tcp=0.0.0.0:8080 udp=127.0.0.1:53 udp=0.0.0.0:9999 tcp=[::1]:8443 \
     tcp=[::]:9000,dual tcp=127.0.0.1:9001,device=lo tcp=0.0.0.0:9002,device=lo [ name=beta tcp=127.0.0.1:9100 udp=127.0.0.1:9101 ] \
     tcp=10.1.2.3:7000 tcp=203.0.113.5:7001 tcp=[fd00::5]:7002 \
     udp=127.0.0.1:9998,peer=127.0.0.1:9999";

/// A scene with a network card (the other end of a pair), one private and one public address on it.
fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    scene.sh("ip link add wan0 type veth peer name wan1
ip link set wan0 up
ip link set wan1 up
         ip addr add 10.1.2.3/24 dev wan0
ip addr add 203.0.113.5/24 dev wan0
ip addr add fd00::5/64 dev wan0 nodad");
    let fixture = scene.fixture(LISTENERS);
    (scene, fixture)
}

/// The rows of a run with these arguments, in its order.
fn shown(scene: &Scene, args: &str) -> Vec<String> {
    scene.portolan().args(args).list().keys()
}

#[track_caller]
fn keeps(scene: &Scene, args: &str, expected: &[&str]) {
    let said: BTreeSet<String> = shown(scene, args).into_iter().collect();
    assert_eq!(said, expected.iter().map(ToString::to_string).collect(), "{args}");
}

#[test]
fn ports_by_number_range_and_name() {
    let (scene, _fixture) = scene();
    keeps(&scene, "-p 22", &["tcp 127.0.0.1:22"]);
    keeps(&scene, "-p ssh", &["tcp 127.0.0.1:22"]);
    keeps(
        &scene,
        "--ports 22,9000-9100",
        &["tcp 127.0.0.1:22", "tcp [::]:9000", "tcp 127.0.0.1:9001%lo", "tcp 0.0.0.0:9002%lo", "tcp 127.0.0.1:9100"],
    );
    keeps(&scene, "-p 53,domain", &["udp 127.0.0.1:53"]);
    keeps(&scene, "-p 1", &[]);
}

#[test]
fn transports() {
    let (scene, fixture) = scene();
    let tcp = fixture.truth.only(&["tcp"]);
    keeps(&scene, "--tcp", &tcp.keys().into_iter().collect::<Vec<_>>());
    keeps(&scene, "--udp", &["udp 127.0.0.1:53", "udp 0.0.0.0:9999", "udp 127.0.0.1:9101"]);
    keeps(&scene, "--udp --tcp -p 53,22", &["udp 127.0.0.1:53", "tcp 127.0.0.1:22"]);
}

#[test]
fn process_names_by_pattern() {
    let (scene, _fixture) = scene();
    let beta = ["tcp 127.0.0.1:9100", "udp 127.0.0.1:9101"];
    keeps(&scene, "--process beta", &beta);
    keeps(&scene, "--process b*", &beta);
    keeps(&scene, "--process ?et[a-c]", &beta);
    keeps(&scene, "--process bet", &[]);
    keeps(&scene, "--process alpha -p 22", &["tcp 127.0.0.1:22"]);
}

#[test]
fn a_process_filter_looks_at_every_process_of_a_row() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=master tcp=127.0.0.1:8001 share [ name=worker ] [ tcp=127.0.0.1:8002 ]");
    keeps(&scene, "--process master", &["tcp 127.0.0.1:8001"]);
    keeps(&scene, "--process worker", &["tcp 127.0.0.1:8001"]);
}

#[test]
fn users_by_name_and_number() {
    needs_root("it starts a program as another user");
    let scene = Scene::new();
    let program = scene.public_copy(crate::support::fixture_path(), "listeners".as_ref());
    let _fixture = Fixture::start(
        scene
            .command(program)
            .args(format!("tcp=127.0.0.1:8001 uid={UNPRIVILEGED_UID} [ tcp=127.0.0.1:8002 ]").split_whitespace()),
    );
    keeps(&scene, "--user 0", &["tcp 127.0.0.1:8001"]);
    keeps(&scene, "--user root", &["tcp 127.0.0.1:8001"]);
    keeps(&scene, &format!("--user {UNPRIVILEGED_UID}"), &["tcp 127.0.0.1:8002"]);
    keeps(&scene, "--user nobody", &["tcp 127.0.0.1:8002"]);
    keeps(&scene, "--user daemon", &[]);
}

#[test]
fn interfaces() {
    let (scene, _fixture) = scene();
    let wildcards = ["tcp 0.0.0.0:8080", "udp 0.0.0.0:9999", "tcp [::]:9000"];
    let on_wan = [&wildcards[..], &["tcp 10.1.2.3:7000", "tcp 203.0.113.5:7001", "tcp [fd00::5]:7002"]].concat();
    keeps(&scene, "--interface wan0", &on_wan);
    let lo = [
        "tcp 127.0.0.1:22",
        "udp 127.0.0.1:53",
        "tcp [::1]:8443",
        "tcp 127.0.0.1:9001%lo",
        "tcp 0.0.0.0:9002%lo",
        "tcp 127.0.0.1:9100",
        "udp 127.0.0.1:9101",
    ];
    keeps(&scene, "--interface lo", &[&wildcards[..], &lo].concat());
}

#[test]
fn scopes() {
    let (scene, _fixture) = scene();
    let all = ["tcp 0.0.0.0:8080", "udp 0.0.0.0:9999", "tcp [::]:9000"];
    let private = ["tcp 10.1.2.3:7000", "tcp [fd00::5]:7002"];
    let public = ["tcp 203.0.113.5:7001"];
    keeps(&scene, "--skip-loopback", &[&all[..], &private, &public].concat());
    keeps(&scene, "--skip-loopback --skip-private", &[&all[..], &public].concat());
    let loopback: Vec<String> = shown(&scene, "--skip-private");
    assert!(loopback.contains(&"tcp 127.0.0.1:22".to_owned()) && !loopback.contains(&"tcp 10.1.2.3:7000".to_owned()));
    for (what, scope) in [
        ("tcp 127.0.0.1:22", "loopback"),
        ("tcp [::1]:8443", "loopback"),
        ("tcp 0.0.0.0:9002%lo", "loopback"),
        ("tcp 10.1.2.3:7000", "private"),
        ("tcp [fd00::5]:7002", "private"),
        ("tcp 203.0.113.5:7001", "public"),
        ("tcp 0.0.0.0:8080", "all"),
        ("tcp [::]:9000", "all"),
    ] {
        assert_eq!(scene.portolan().list().row(what).detail("scope"), scope, "{what}");
    }
}

#[test]
fn exposed_is_what_another_host_could_reach() {
    let (scene, _fixture) = scene();
    // A socket bound to lo is out of reach whatever its address.
    keeps(
        &scene,
        "--exposed",
        &[
            "tcp 0.0.0.0:8080",
            "udp 0.0.0.0:9999",
            "tcp [::]:9000",
            "tcp 10.1.2.3:7000",
            "tcp 203.0.113.5:7001",
            "tcp [fd00::5]:7002",
        ],
    );
    let listing = scene.portolan().list();
    assert_eq!(listing.row("tcp 127.0.0.1:9001%lo").detail("exposed"), false);
    assert_eq!(listing.row("tcp 0.0.0.0:9002%lo").detail("exposed"), false);
    assert_eq!(listing.row("tcp 0.0.0.0:8080").detail("exposed"), true);
}

#[test]
fn nothing_is_exposed_where_there_is_only_loopback() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=0.0.0.0:8001 udp=[::]:8002,dual");
    keeps(&scene, "--exposed", &[]);
    assert_eq!(scene.portolan().list().row("tcp 0.0.0.0:8001").detail("exposed"), false);
}

#[test]
fn states() {
    let (scene, fixture) = scene();
    let tcp = fixture.truth.only(&["tcp"]);
    keeps(&scene, "--state listen", &tcp.keys().into_iter().collect::<Vec<_>>());
    keeps(&scene, "--state unconnected", &["udp 127.0.0.1:53", "udp 0.0.0.0:9999", "udp 127.0.0.1:9101"]);
    keeps(&scene, "--state connected", &["udp-connected 127.0.0.1:9998"]);
    keeps(&scene, "--state connected,listen -p 22,9998", &["udp-connected 127.0.0.1:9998", "tcp 127.0.0.1:22"]);
}

#[test]
fn a_state_that_no_chosen_socket_can_have_is_refused() {
    let scene = Scene::new();
    for args in ["--tcp --state connected", "--udp --state listen", "--unix --state connected"] {
        let outcome = scene.portolan().args(args).run();
        assert_eq!((outcome.code, outcome.text()), (Some(2), ""), "{args}");
        assert!(outcome.stderr.starts_with("error: cannot use --state '"), "{}", outcome.stderr);
    }
}

#[test]
fn common_ports() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22 tcp=127.0.0.1:5432 tcp=127.0.0.1:23456 udp=127.0.0.1:53");
    keeps(&scene, "--common-ports", &["tcp 127.0.0.1:22", "tcp 127.0.0.1:5432", "udp 127.0.0.1:53"]);
}

#[test]
fn every_sort_key_sorts() {
    let scene = Scene::new();
    let fixture = scene.fixture("[ name=zeta tcp=127.0.0.1:1001 ] [ name=beta tcp=127.0.0.1:3003 udp=127.0.0.9:2002 ]");
    let (zeta, beta, udp) = ("tcp 127.0.0.1:1001", "tcp 127.0.0.1:3003", "udp 127.0.0.9:2002");
    assert_eq!(shown(&scene, ""), [zeta, udp, beta]);
    assert_eq!(shown(&scene, "--sort port"), [zeta, udp, beta]);
    assert_eq!(shown(&scene, "--sort address"), [zeta, beta, udp]);
    assert_eq!(shown(&scene, "--sort proto"), [zeta, beta, udp]);
    assert_eq!(shown(&scene, "--sort name"), [udp, beta, zeta]);
    assert_eq!(shown(&scene, "--sort process"), [udp, beta, zeta]);
    // Process ids may have wrapped around between the two.
    let by_pid = if fixture.truth.0[zeta] < fixture.truth.0[beta] { [zeta, udp, beta] } else { [udp, beta, zeta] };
    assert_eq!(shown(&scene, "--sort pid"), by_pid);
    assert_eq!(shown(&scene, "--sort user"), [zeta, udp, beta]);
}

#[test]
fn an_unknown_interface_is_answered_with_those_there_are() {
    let (scene, _fixture) = scene();
    let outcome = scene.portolan().args("--interface wlan7").run();
    assert_eq!((outcome.code, outcome.text()), (Some(2), ""));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("wlan7"), "{lines:?}");
    assert!(lines[1].starts_with("hint: "), "{lines:?}");
    for name in ["lo", "wan0"] {
        assert!(lines[1].split(|c: char| !c.is_alphanumeric()).any(|word| word == name), "{name}: {lines:?}");
    }
}

#[test]
fn an_unknown_user_is_refused() {
    let scene = Scene::new();
    let outcome = scene.portolan().args("--user no-such-user-here").run();
    assert_eq!((outcome.code, outcome.text()), (Some(2), ""));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("no-such-user-here"), "{lines:?}");
    assert!(lines[1].starts_with("hint: "), "{lines:?}");
}
