//! The scan waits out shortages of this machine, and never takes them for a reply of the target.

use crate::support::Scene;
use crate::{assert_found, open, truth, wired};

#[test]
fn few_descriptors() {
    let (here, there) = wired();
    let fixture = there.fixture("random=1000@21,0.0.0.0");
    let scan = here.scan().args("-p- 10.77.0.2").under("prlimit", &["--nofile=64:64"]);
    assert_found(&open(&scan.list()), &truth(&fixture));
    let scan = there.scan().args("-p- 127.0.0.1").under("prlimit", &["--nofile=64:64"]);
    assert_found(&open(&scan.list()), &truth(&fixture));
}

/// Replies take 20 ms, so that more probes are in flight than there are descriptors.
#[test]
fn fewer_descriptors_than_would_wait() {
    let (here, there) = wired();
    let fixture = there.fixture("random=1000@24,0.0.0.0");
    let _ways = (there.far("10"), here.far("10"));
    let found = truth(&fixture).into_iter().filter(|port| *port <= 3000).collect();
    let scan = here.scan().args("-p 1-3000 10.77.0.2").under("prlimit", &["--nofile=64:64"]);
    assert_found(&open(&scan.list()), &found);
}

#[test]
fn hardly_any_descriptors() {
    let (here, there) = wired();
    let fixture = there.fixture("random=50@22,0.0.0.0");
    let scan = here.scan().args("-p 1-20000 10.77.0.2").under("prlimit", &["--nofile=16:16"]);
    let found = truth(&fixture).into_iter().filter(|port| *port <= 20_000).collect();
    assert_found(&open(&scan.list()), &found);
}

#[test]
fn a_hundred_ephemeral_ports() {
    let (here, there) = wired();
    let fixture = there.fixture("random=1000@23,0.0.0.0");
    here.sh("echo '50000 50099' > /proc/sys/net/ipv4/ip_local_port_range");
    assert_found(&open(&here.scan().args("-p- 10.77.0.2").list()), &truth(&fixture));
    there.sh("echo '50000 50099' > /proc/sys/net/ipv4/ip_local_port_range");
    assert_found(&open(&there.scan().args("-p- 127.0.0.1").list()), &truth(&fixture));
}

/// Found ports are checked within the time the scan has left: a silent one delays no other.
#[test]
fn the_time_of_a_scan_is_that_of_its_checks_too() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    let outcome = scene.scan().args("-p 80 127.0.0.1 --validate --deadline 1s --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    let hindered = &document["items"][0]["endpoints"][0]["health"]["hindered"];
    assert!(hindered.to_string().contains("the run's deadline passed"), "{document}");
    assert!(outcome.stderr.contains("cannot finish the checks of 1 endpoint"), "{}", outcome.stderr);
}

/// One source port, and another process holds it: no probe can be sent, and no result is made up.
#[test]
fn no_ephemeral_port_at_all_is_no_answer() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    scene.sh("echo '50000 50000' > /proc/sys/net/ipv4/ip_local_port_range; echo 50000 > /proc/sys/net/ipv4/ip_local_reserved_ports");
    let outcome = scene.scan().args("-p 80,81 127.0.0.1 --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!((document["items"].as_array().unwrap().len(), &document["complete"]), (0, &false.into()));
    assert!(outcome.stderr.contains("cannot scan 2 of 2 ports: Cannot assign requested address"), "{}", outcome.stderr);
}
