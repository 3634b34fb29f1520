//! Where netlink is refused, `/proc/net` tells the same rows.

use crate::support::{Scene, assert_same};

/// Everything that `/proc/net` can tell: it does not know of devices.
const LISTENERS: &str = "tcp=127.0.0.1:8001,conns=3 tcp=127.0.0.1:8007,queued=2 tcp=0.0.0.0:8002 tcp=[::1]:8001,conns=2 \
     tcp=[::]:8003,dual,conns=4,to=127.0.0.1 tcp=[::]:8002,v6only udp=127.0.0.1:8001 udp=[::]:8002,v6only \
     udp=0.0.0.0:8002 udp=127.0.0.1:8005,peer=127.0.0.1:8001 tcp=127.0.0.1:8006,reuseport \
     repeat=2 [ tcp=127.0.0.1:8006,reuseport ] repeat=2 share [ ] unix=stream:@one unix=dgram:@two";

/// Runs portolan with every `socket` call answered by this error; the kernel's own tables are then all it has.
fn refused<'a>(scene: &'a Scene, error: &str) -> crate::support::Portolan<'a> {
    let inject = format!("inject=socket:error={error}");
    scene.portolan().under("strace", &["-f", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e", &inject])
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
    let facts = |listing: &crate::support::Listing| -> Vec<_> {
        let fact = |row: &crate::support::Row| {
            (row.id().to_owned(), row.detail("user").clone(), row.name().map(str::to_owned))
        };
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
