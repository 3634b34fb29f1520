//! Where netlink is refused, `/proc/net` gives the same rows.

use crate::support::{Listing, Portolan, Row, Scene, assert_same};

/// The sockets that `/proc/net` can show: it has no devices.
const LISTENERS: &str = "tcp=127.0.0.1:8001,conns=3 tcp=127.0.0.1:8007,queued=2 tcp=0.0.0.0:8002 tcp=[::1]:8001,conns=2 \
     tcp=[::]:8003,dual,conns=4,to=127.0.0.1 tcp=[::]:8002,v6only udp=127.0.0.1:8001 udp=[::]:8002,v6only \
     udp=0.0.0.0:8002 udp=127.0.0.1:8005,peer=127.0.0.1:8001 tcp=127.0.0.1:8006,reuseport \
     repeat=2 [ tcp=127.0.0.1:8006,reuseport ] repeat=2 share [ ] unix=stream:@one unix=dgram:@two";

/// Runs portolan with a system call that `strace` tampers with.
fn injected<'a>(scene: &'a Scene, call: &str, what: &str) -> Portolan<'a> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}"));
    scene.portolan().under("strace", &["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
}

/// Runs portolan with every `socket` call answered by this error; the kernel's own tables are then all it has.
fn refused<'a>(scene: &'a Scene, error: &str) -> Portolan<'a> {
    injected(scene, "socket", &format!("error={error}"))
}

#[test]
fn the_same_rows_without_netlink() {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    for error in ["EPERM", "EAFNOSUPPORT", "EACCES"] {
        let listing = refused(&scene, error).list();
        assert_same(&listing.truth(), &fixture.truth.only(&["tcp", "udp"]));
        for (what, count) in [
            ("tcp 127.0.0.1:8001", 3),
            ("tcp 0.0.0.0:8002", 0),
            ("tcp [::1]:8001", 2),
            ("tcp [::]:8003", 4),
            ("tcp 127.0.0.1:8006", 0),
        ] {
            assert_eq!(listing.row(what).detail("connections"), count, "{error} {what}");
        }
        assert_eq!(listing.row("tcp 127.0.0.1:8006").detail("sockets"), 3, "{error}");
    }
}

#[test]
fn the_same_ids_and_users_without_netlink() {
    let scene = Scene::new();
    let _fixture = scene.fixture(LISTENERS);
    let facts = |listing: &Listing| -> Vec<_> {
        let fact = |row: &Row| (row.id().to_owned(), row.detail("user").clone(), row.name().map(str::to_owned));
        listing.rows.iter().map(fact).collect()
    };
    assert_eq!(facts(&refused(&scene, "EPERM").list()), facts(&scene.portolan().list()));
}

#[test]
fn connected_udp_and_unix_domain_sockets_without_netlink() {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    assert_same(&refused(&scene, "EPERM").args("--unix").list().truth(), &fixture.truth.only(&["unix"]));
    let connected = fixture.truth.only(&["udp-connected"]);
    assert_same(&refused(&scene, "EPERM").args("--udp --state connected").list().truth(), &connected);
}

#[test]
fn a_namespace_without_listeners_is_empty_by_both_ways() {
    let scene = Scene::new();
    assert!(refused(&scene, "EPERM").list().rows.is_empty());
}

#[test]
fn an_answer_that_breaks_off_is_neither_doubled_nor_mixed_with_the_next() {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    // The kernel answers each question in two parts at least; each of them is lost once.
    for part in 1..=10 {
        let listing = injected(&scene, "recvfrom", &format!("error=EIO:when={part}")).list();
        assert_same(&listing.truth(), &fixture.truth.only(&["tcp", "udp"]));
        for (what, sockets, connections) in
            [("tcp 127.0.0.1:8001", 1, 3), ("tcp [::1]:8001", 1, 2), ("tcp 127.0.0.1:8006", 3, 0)]
        {
            assert_eq!(listing.row(what).detail("sockets"), sockets, "part {part}: {what}");
            assert_eq!(listing.row(what).detail("connections"), connections, "part {part}: {what}");
        }
        assert_eq!(listing.row("udp 0.0.0.0:8002").detail("sockets"), 1, "part {part}");
    }
}

#[test]
fn what_is_exposed_is_not_known_where_interfaces_cannot_be_listed() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=0.0.0.0:8001 tcp=127.0.0.1:8002");
    let outcome = refused(&scene, "EPERM").args("--json").run();
    assert_same(&outcome.listing().truth(), &fixture.truth);
    assert!(outcome.listing().rows.iter().all(|row| row.detail("exposed").is_null()));
    assert_eq!(outcome.stderr.matches("interfaces").count(), 1, "{}", outcome.stderr);
    // A filter on an unknown field may drop rows, and the listing says so.
    for filter in ["--exposed", "--interface lo"] {
        let outcome = refused(&scene, "EPERM").args("--json").args(filter).run();
        assert_eq!(outcome.code, Some(3), "{filter}: {}", outcome.stderr);
        assert_eq!(outcome.document()["complete"], false, "{filter}");
    }
}
