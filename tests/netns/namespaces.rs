//! Network namespaces: one's own by default, every one on request, and never mixed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Fixture, Isolation, Scene, Truth, assert_same, fixture_path, key_of, needs_root};

/// A scene whose `/proc` shows its own processes only, so that "every namespace" means those of the test; its
/// `/run` is its own too, for the names that `ip netns` gives.
fn scene() -> Scene {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    scene.sh("mount -t tmpfs tmpfs /run");
    scene
}

/// Starts the fixture in a namespace that has no name.
fn unnamed(scene: &Scene, args: &str) -> Fixture {
    let mut command = scene.command("unshare");
    command.args(["--net", "sh", "-ec", r#"ip link set lo up; exec "$0" "$@""#]).arg(fixture_path());
    Fixture::start(command.args(args.split_whitespace()))
}

/// Starts the fixture in a namespace made by `ip netns add`.
fn named(scene: &Scene, name: &str, args: &str) -> Fixture {
    scene.sh(&format!("ip netns add {name} && ip netns exec {name} ip link set lo up"));
    let mut command = scene.command("ip");
    command.args(["netns", "exec", name]).arg(fixture_path());
    Fixture::start(command.args(args.split_whitespace()))
}

/// The rows by socket and namespace: `Null` for one's own, its name, or its inode.
fn by_namespace(document: &Value) -> BTreeMap<(String, String), Vec<u64>> {
    let mut rows = BTreeMap::new();
    for item in document["items"].as_array().unwrap() {
        let netns = match &item["detail"]["netns"] {
            Value::Null => "own".to_owned(),
            netns if netns["name"].is_null() => "unnamed".to_owned(),
            netns => netns["name"].as_str().unwrap().to_owned(),
        };
        let pids = item["detail"]["processes"].as_array().unwrap().iter().map(|p| p["pid"].as_u64().unwrap());
        let twice = rows.insert((key_of(item), netns), pids.collect());
        assert!(twice.is_none(), "a row stands twice: {item}");
    }
    rows
}

fn expected<'a>(parts: impl IntoIterator<Item = (&'a str, &'a Truth)>) -> BTreeMap<(String, String), Vec<u64>> {
    let mut rows = BTreeMap::new();
    for (netns, truth) in parts {
        for (what, pids) in &truth.0 {
            rows.insert((what.clone(), netns.to_owned()), pids.iter().copied().map(u64::from).collect());
        }
    }
    rows
}

#[test]
fn every_namespace_on_request_and_each_row_says_which() {
    let scene = scene();
    // The same sockets in three namespaces: only the namespace tells them apart.
    let sockets = "tcp=127.0.0.1:8001 udp=[::]:8002,dual repeat=1 share [ ]";
    let own = scene.fixture(sockets);
    let blue = named(&scene, "blue", sockets);
    let other = unnamed(&scene, sockets);

    let outcome = scene.portolan().args("--all-netns --json").run();
    // This also holds that no two rows share an id.
    outcome.listing();
    let document = outcome.document();
    assert_eq!(
        by_namespace(&document),
        expected([("own", &own.truth), ("blue", &blue.truth), ("unnamed", &other.truth)])
    );
    let inodes: Vec<&Value> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["detail"]["netns"]["inode"])
        .filter(|inode| **inode != json!(null))
        .collect();
    assert!(inodes.iter().all(|inode| inode.as_u64().is_some_and(|inode| inode > 0 && inode != scene.netns())));
}

#[test]
fn without_the_flag_namespaces_are_never_mixed() {
    let scene = scene();
    let own = scene.fixture("tcp=127.0.0.1:8001");
    let _blue = named(&scene, "blue", "tcp=127.0.0.1:8001,conns=3 tcp=127.0.0.1:8002");
    let _other = unnamed(&scene, "tcp=127.0.0.1:8003 udp=127.0.0.1:8001");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &own.truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("netns"), &json!(null));
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("connections"), 0);
}

#[test]
fn connections_and_filters_stay_in_their_namespace() {
    let scene = scene();
    let _own = scene.fixture("tcp=127.0.0.1:8001,conns=1");
    let _blue = named(&scene, "blue", "tcp=127.0.0.1:8001,conns=4 tcp=127.0.0.1:8002");
    let outcome = scene.portolan().args("--all-netns --json -p 8001").run();
    let document = outcome.document();
    let counts: BTreeMap<String, u64> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let netns = item["detail"]["netns"]["name"].as_str().unwrap_or("own").to_owned();
            (netns, item["detail"]["connections"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(counts, BTreeMap::from([("own".to_owned(), 1), ("blue".to_owned(), 4)]));
}

#[test]
fn one_abstract_name_in_two_namespaces_makes_two_rows() {
    let scene = scene();
    let own = scene.fixture("unix=stream:@same");
    let blue = named(&scene, "blue", "unix=stream:@same");
    let outcome = scene.portolan().args("--all-netns --unix --json").run();
    outcome.listing();
    assert_eq!(by_namespace(&outcome.document()), expected([("own", &own.truth), ("blue", &blue.truth)]));
}

#[test]
fn more_namespaces_than_descriptors() {
    let scene = scene();
    let names: Vec<String> = (0..70).map(|n| format!("ns{n}")).collect();
    let fixtures: Vec<Fixture> = names.iter().map(|name| named(&scene, name, "tcp=127.0.0.1:8001")).collect();
    let limited = scene.portolan().under("sh", &["-c", r#"ulimit -n 64 && exec "$0" "$@""#]);
    let outcome = limited.args("--all-netns --json").run();
    outcome.listing();
    let truths = names.iter().map(String::as_str).zip(fixtures.iter().map(|fixture| &fixture.truth));
    assert_eq!(by_namespace(&outcome.document()), expected(truths));
}

#[test]
fn without_rights_ones_own_namespace_is_listed_and_the_rest_called_missing() {
    needs_root("it runs portolan as another user");
    let scene = scene();
    let own = scene.fixture("tcp=127.0.0.1:8001");
    let _blue = named(&scene, "blue", "tcp=127.0.0.1:8002");
    let outcome = scene.portolan().by_nobody().args("--all-netns --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!(document["complete"], false);
    assert_eq!(document["errors"].as_array().unwrap().len(), 1, "{}", document["errors"]);
    assert_eq!(by_namespace(&document), expected([("own", &own.truth.without_pids())]));
}
