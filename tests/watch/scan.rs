//! A scan that is watched: what answers comes and goes, and so does the way there.

use rustix::process::Signal;

use crate::support::Scene;
use crate::watched::{Watched, listener};

#[test]
fn a_scan_is_watched_by_asking_again() {
    let scene = Scene::new();
    let (open, _) = listener(&scene, "127.0.0.1:7001");
    let mut watched = Watched::start(scene.scan().args("127.0.0.1 -p 7001-7002 --interval 50ms"));
    assert_eq!(watched.history.ids(), ["scan/tcp/127.0.0.1:7001"]);
    let _second = listener(&scene, "127.0.0.1:7002");
    assert_eq!(watched.about("scan/tcp/127.0.0.1:7002")["type"], "added");
    drop(open);
    assert_eq!(watched.about("scan/tcp/127.0.0.1:7001")["type"], "removed");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// Two scenes with a wire between them, a server in the second at 10.77.0.2:7001, and a watch of its ports in the first.
fn across(wire: impl Fn(&Scene, &Scene, Watched)) {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    let _server = there.fixture("tcp=10.77.0.2:7001");
    let watched = Watched::start(here.scan().args("10.77.0.2 -p 7001-7002 --interval 50ms"));
    assert_eq!(watched.history.ids(), ["scan/tcp/10.77.0.2:7001"]);
    wire(&here, &there, watched);
}

#[test]
fn a_network_outage_removes_nothing() {
    across(|here, there, mut watched| {
        here.sh("ip link set wire down");
        let stale = watched.until(|line| line["type"] == "stale");
        assert!(stale["age_ms"].is_u64() && stale["error"]["hint"].is_string(), "{stale}");
        let _second = there.fixture("tcp=10.77.0.2:7002");
        here.sh("ip link set wire up");
        watched.until(|line| line["type"] == "synced");
        while watched.history.count("added") < 2 {
            watched.next().expect("the second is reported");
        }
        let (status, history) = watched.end(Signal::INT);
        assert_eq!(status.code(), Some(0));
        assert_eq!((history.count("removed"), history.count("updated")), (0, 0), "{history:?}");
        assert_eq!(history.ids(), ["scan/tcp/10.77.0.2:7001", "scan/tcp/10.77.0.2:7002"]);
    });
}

/// Neither yes nor no comes back, as from a host that hangs.
#[test]
fn a_silent_port_is_removed_until_it_replies_again() {
    across(|_, there, mut watched| {
        there.sh("iptables -A INPUT -p tcp -j DROP");
        assert_eq!(watched.about("scan/tcp/10.77.0.2:7001")["type"], "removed");
        there.sh("iptables -F INPUT");
        assert_eq!(watched.about("scan/tcp/10.77.0.2:7001")["type"], "added");
        assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
    });
}

/// X7: the deadline ends the watch too, not only each scan.
#[test]
fn the_deadline_ends_the_watch() {
    let scene = Scene::new();
    let _open = listener(&scene, "[::1]:7001");
    let ran = scene.scan().args("[::1] -p 7001 --watch --interval 50ms --deadline 3s --json").run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(String::from_utf8_lossy(&ran.stdout).contains("scan/tcp/[::1]:7001"), "{ran:?}");
}
