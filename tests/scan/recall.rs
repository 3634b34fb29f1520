//! Every open port is found, and no other is reported as open.

use std::collections::BTreeSet;

use crate::support::{Outcome, Scene, hear};
use crate::{assert_found, open, truth, wired};

#[test]
fn every_open_port_of_loopback() {
    for seed in 1..=5 {
        let scene = Scene::new();
        let fixture = scene.fixture(&format!("random=200@{seed},0.0.0.0"));
        let listing = scene.scan().args("-p- 127.0.0.1").list();
        assert_found(&open(&listing), &truth(&fixture));
    }
}

#[test]
fn every_open_port_over_a_wire() {
    for seed in 6..=10 {
        let (here, there) = wired();
        let fixture = there.fixture(&format!("random=200@{seed},0.0.0.0"));
        let listing = here.scan().args("-p- 10.77.0.2").list();
        assert_found(&open(&listing), &truth(&fixture));
    }
}

#[test]
fn every_open_port_of_ipv6() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@11,::");
    assert_found(&open(&here.scan().args("-p- fd77::2").list()), &truth(&fixture));
    assert_found(&open(&there.scan().args("-p- ::1").list()), &truth(&fixture));
}

#[test]
fn every_state_adds_up() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=200@12,0.0.0.0");
    let listing = scene.scan().args("-p- 127.0.0.1 --all").list();
    assert_eq!(listing.rows.len(), 65_535);
    assert_found(&open(&listing), &truth(&fixture));
    let closed = listing.rows.iter().filter(|row| row.detail("state") == "closed" && row.detail("reason") == "refused");
    assert_eq!(closed.count(), 65_535 - 200);
    assert!(listing.rows.iter().all(|row| row.detail("rtt_us").is_u64() && row.detail("attempts") == 1));
}

#[test]
fn only_open_ports_are_listed_without_all() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    let names = |args: &str| scene.scan().args("127.0.0.1 -p 80,81 -o name").args(args).run().text().lines().count();
    assert_eq!(["", "--open", "--all", "--all --open", "--open --all"].map(names), [1, 1, 2, 1, 2]);
    std::fs::create_dir(scene.dir().join("portolan")).unwrap();
    std::fs::write(scene.dir().join("portolan/config.toml"), "[discover.scan]\nall = true\n").unwrap();
    assert_eq!(["", "--open", "--all"].map(names), [2, 1, 2]);
}

/// A socket that connects to a port in the ephemeral range can meet itself, or another socket of the scan.
#[test]
fn sockets_that_only_wanted_to_connect_are_no_open_ports() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:40000");
    for _ in 0..8 {
        let found = open(&scene.scan().args("-p 32768-60999 127.0.0.1").list());
        assert_found(&found, &truth(&fixture));
    }
    // The fewer ports there are, the more often they meet.
    scene.sh("echo '40000 40015' > /proc/sys/net/ipv4/ip_local_port_range");
    for _ in 0..20 {
        assert_found(&open(&scene.scan().args("-p 40000-40015 127.0.0.1").list()), &truth(&fixture));
    }
}

/// Where this machine drops packets to itself, sockets wait for replies, and one may wait just where another one
/// knocks: the kernel connects the two.
#[test]
fn sockets_that_wait_for_an_answer_are_no_open_ports() {
    let scene = Scene::new();
    scene.sh("echo '40000 40063' > /proc/sys/net/ipv4/ip_local_port_range
         nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
         add rule ip t c tcp flags & (syn | ack) == syn numgen random mod 100 < 10 drop'");
    for _ in 0..40 {
        let outcome = scene.scan().args("-p 40000-40063 127.0.0.1 -o name").run();
        assert_eq!((outcome.code, outcome.text()), (Some(0), ""), "{}", outcome.stderr);
    }
}

#[test]
fn two_scans_at_once_do_not_take_each_other_for_services() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=200@13,0.0.0.0");
    for _ in 0..3 {
        let runs = [(); 2].map(|()| scene.scan().args("-p- 127.0.0.1 --json").spawn());
        for run in runs {
            let listing = Outcome::new(hear(run, "one of two scans")).listing();
            assert_found(&open(&listing), &truth(&fixture));
        }
    }
}

#[test]
fn many_hosts_and_few_ports() {
    let scene = Scene::new();
    // 127.1.0.1 to 127.1.0.4, 200 ports each from 20,000 up.
    let fixture = scene.fixture("many=800@0");
    let listing = scene.scan().args("127.1.0.0/24 -p 19990-20210 --exclude 127.1.0.3").list();
    let expected: BTreeSet<&str> = fixture.truth.0.keys().map(String::as_str).collect();
    let said = listing.truth_keys();
    let wanted = expected.into_iter().filter(|what| !what.contains("127.1.0.3:")).map(str::to_owned).collect();
    assert_eq!(said, wanted);
}

#[test]
fn an_open_port_leaves_nothing_behind() {
    let (here, there) = wired();
    let _fixture = there.fixture("random=100@14,0.0.0.0");
    here.scan().args("-p- 10.77.0.2").list();
    assert_eq!(here.sh("ss -Htan").trim(), "", "connections stay");
}

/// Each port has a reply, and there were no more packets than ports: so each was probed once, without a socket table.
#[test]
fn each_port_takes_one_packet() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@15,::");
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
              add rule inet t c iif wire tcp flags & (syn | ack) == syn counter; \
              add rule inet t c iif lo tcp flags & (syn | ack) == syn counter'");
    let scan = |scene: &Scene, args: &str, last: u16| {
        let listing = scene.scan().args(args).args("--all").list();
        assert_eq!(listing.rows.len(), usize::from(last));
        assert_found(&open(&listing), &truth(&fixture).into_iter().filter(|port| *port <= last).collect());
    };
    let counted = || there.sh("nft list chain inet t c");
    scan(&here, "-p- 10.77.0.2", u16::MAX);
    assert!(counted().contains("iif \"wire\" tcp flags syn / syn,ack counter packets 65535 "), "{}", counted());
    scan(&here, "-p- fd77::2", u16::MAX);
    assert!(counted().contains("iif \"wire\" tcp flags syn / syn,ack counter packets 131070 "), "{}", counted());
    // Ports from 32,768 up are this machine's ephemeral ports, where an open port is probed twice.
    scan(&there, "-p 1-32767 127.0.0.1", 32_767);
    scan(&there, "-p 1-32767 10.77.0.2", 32_767);
    assert!(counted().contains("iif \"lo\" tcp flags syn / syn,ack counter packets 65534 "), "{}", counted());
}
