//! Many listeners, and few descriptors to read them with.

use crate::support::{Scene, assert_same};

#[test]
fn twenty_thousand_listeners_are_all_listed() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=4 [ many=5000@{i} ]");
    assert_eq!(fixture.truth.0.len(), 20_000);
    assert_same(&scene.portolan().list().truth(), &fixture.truth);
}

#[test]
fn the_last_of_many_descriptors_is_found() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=2 [ fds=15000 many=1@{i} ] repeat=50 [ fds=20 ]");
    assert_same(&scene.portolan().list().truth(), &fixture.truth);
    // One port takes a short cut past most processes; it must not miss what it is about.
    let one = fixture.truth.filter(|what| what.ends_with(":20001"));
    assert_same(&scene.portolan().args("-p 20001").list().truth(), &one);
}

#[test]
fn sixty_four_descriptors_are_enough() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=200 [ many=10@{i} fds=30 ] fds=3000 tcp=127.0.0.1:8001");
    let limited = scene.portolan().under("sh", &["-c", r#"ulimit -n 64 && exec "$0" "$@""#]);
    assert_same(&limited.list().truth(), &fixture.truth);
}

#[test]
fn many_processes_share_one_socket() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001 repeat=150 share [ fds=30 ]");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").pids().len(), 151);
    // The short cut for one port must not stop at the first owner either.
    assert_same(&scene.portolan().args("-p 8001").list().truth(), &fixture.truth);
}
