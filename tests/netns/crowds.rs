//! Many listeners, and few file descriptors for portolan.

use crate::support::{Listing, Scene, assert_same};

#[test]
fn twenty_thousand_listeners_are_all_listed() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=4 [ many=5000@{i} ]");
    assert_eq!(fixture.truth.0.len(), 20_000);
    assert_same(&scene.portolan().list().truth(), &fixture.truth);
}

/// A page is mailed and attached to tickets.
#[test]
fn a_page_of_five_thousand_listeners_is_under_a_megabyte() {
    let scene = Scene::new();
    let _fixture = scene.fixture("repeat=5 [ many=1000@{i} ]");
    let page = scene.portolan().args("-o html").run().text().to_owned();
    assert_eq!(page.matches("<tr").count(), 5_001, "a row for each, and the headings");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn the_last_of_many_descriptors_is_found() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=2 [ fds=15000 many=1@{i} ] repeat=50 [ fds=20 ]");
    assert_same(&scene.portolan().list().truth(), &fixture.truth);
    // A search for one port skips most processes; it must not skip the owner.
    let one = fixture.truth.filter(|what| what.ends_with(":20001"));
    assert_same(&scene.portolan().args("-p 20001").list().truth(), &one);
}

/// Long lists of descriptors are read in parts by several threads: no seam may swallow a descriptor, and the parts
/// are counted by how many there are, not by their highest number.
#[test]
fn no_descriptor_is_lost_where_a_long_list_is_cut() {
    let scene = Scene::new();
    let seams = (1..=9).map(|part| part * 2048).chain([1000, 9_999, 10_000, 10_001]);
    let around: Vec<i32> = seams.flat_map(|seam| [seam - 2, seam - 1, seam, seam + 1, seam + 2]).collect();
    let lifted = |count: usize| {
        let sockets = around.iter().enumerate().map(|(n, fd)| format!("tcp=127.0.0.1:{} lift={fd}", count + n));
        sockets.collect::<Vec<_>>().join(" ")
    };
    // Once with gaps only, once with every number taken, once with a few far behind a gap.
    let fixture = scene.fixture(&format!(
        "[ {} ] [ {} fds=18800 ] [ fds=5000 tcp=127.0.0.1:3001 lift=19900 ]",
        lifted(1000),
        lifted(2000)
    ));
    for _ in 0..5 {
        assert_same(&scene.portolan().list().truth(), &fixture.truth);
    }
}

#[test]
fn sixty_four_descriptors_are_enough() {
    let scene = Scene::new();
    let fixture = scene.fixture("repeat=200 [ many=10@{i} fds=30 ] fds=3000 tcp=127.0.0.1:8001");
    let limited = scene.portolan().under("sh", &["-c", r#"ulimit -n 64 && exec "$0" "$@""#]);
    assert_same(&limited.list().truth(), &fixture.truth);
}

#[test]
fn with_hardly_a_descriptor_the_answer_is_whole_or_says_that_it_is_not() {
    let scene = Scene::new();
    let fixture = scene.fixture("[ fds=100 tcp=127.0.0.1:8001 ] fds=9000 tcp=127.0.0.1:8002 share [ ]");
    let mut whole = 0;
    for limit in 4..=20 {
        let limited = format!(r#"ulimit -n {limit} && exec "$0" "$@""#);
        let outcome = scene.portolan().under("sh", &["-c", &limited]).args("--json").run();
        match outcome.code {
            Some(0) => {
                assert_same(&outcome.listing().truth(), &fixture.truth);
                whole += 1;
            }
            // With fewer than about ten, none is left for the process table.
            Some(3) => {
                assert!(outcome.stderr.contains("Too many open files"), "{limit}: {}", outcome.stderr);
                assert!(!outcome.stderr.contains("(os error"), "{limit}: {}", outcome.stderr);
                if !outcome.stdout.is_empty() {
                    let document = outcome.document();
                    assert_eq!(document["complete"], false, "{limit}");
                    for (what, pids) in &Listing::new(&document).truth().0 {
                        assert!(pids.is_subset(&fixture.truth.0[what]), "{limit}: {what} {pids:?}");
                    }
                }
            }
            // The loader of shared libraries needs some too.
            Some(127) => assert!(outcome.stdout.is_empty()),
            other => panic!("exit {other:?} with {limit} descriptors: {}", outcome.stderr),
        }
    }
    assert!(whole >= 4, "only {whole} of the limits from 4 to 20 were enough");
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
