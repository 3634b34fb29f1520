//! `--syn`: half connections find the same ports as full ones, and no connection is ever made.

use std::collections::BTreeSet;

use crate::support::{Outcome, Portolan, Scene, hear, kill};
use crate::{assert_found, open, ports, truth, wired};

fn syn<'a>(scene: &'a Scene, args: &str) -> Portolan<'a> {
    scene.scan().arg("--syn").args(args)
}

/// How many connections were made to listeners of a scene, by the kernel's own count.
fn accepted(scene: &Scene) -> u64 {
    let text = scene.sh("cat /proc/net/snmp");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let named = names.split(' ').zip(values.split(' '));
    named.into_iter().find(|(name, _)| *name == "PassiveOpens").unwrap().1.parse().unwrap()
}

#[test]
fn every_open_port_and_no_connection() {
    for seed in 51..=53 {
        let (here, there) = wired();
        let fixture = there.fixture(&format!("random=200@{seed},0.0.0.0"));
        assert_found(&open(&syn(&here, "-p- 10.77.0.2").list()), &truth(&fixture));
        assert_found(&open(&syn(&there, "-p- 127.0.0.1").list()), &truth(&fixture));
        assert_found(&open(&syn(&there, "-p- 10.77.0.2").list()), &truth(&fixture));
        assert_eq!(accepted(&there), 0, "connections were made");
        // The kernel's own count does see a whole one.
        let port = truth(&fixture).pop_first().unwrap();
        here.scan().args("10.77.0.2 -p").arg(&port.to_string()).list();
        assert_eq!(accepted(&there), 1);
    }
}

#[test]
fn every_open_port_of_ipv6() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@54,::");
    assert_found(&open(&syn(&here, "-p- fd77::2").list()), &truth(&fixture));
    assert_found(&open(&syn(&there, "-p- ::1").list()), &truth(&fixture));
    there.sh("ip address add fe80::77:2/64 dev wire nodad");
    here.sh("ip address add fe80::77:1/64 dev wire nodad");
    assert_found(
        &open(&syn(&here, "-p 1-20000 fe80::77:2%wire").list()),
        &truth(&fixture).into_iter().filter(|port| *port <= 20_000).collect(),
    );
    assert_eq!(accepted(&there), 0, "connections were made");
}

#[test]
fn every_state_adds_up_and_each_port_takes_one_packet() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@55,0.0.0.0");
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
              add rule ip t c tcp flags & (syn | ack) == syn counter'");
    let listing = syn(&here, "-p- 10.77.0.2 --all").list();
    assert_eq!(listing.rows.len(), 65_535);
    assert_found(&open(&listing), &truth(&fixture));
    let closed = listing.rows.iter().filter(|row| row.detail("state") == "closed" && row.detail("reason") == "refused");
    assert_eq!(closed.count(), 65_535 - 200);
    let counted = there.sh("nft list chain ip t c");
    assert!(counted.contains("counter packets 65535 "), "{counted}");
}

#[test]
fn three_in_ten_packets_lost() {
    find_despite_loss(30);
}

#[test]
fn one_in_six_packets_lost() {
    find_despite_loss(17);
}

/// Scans ten times, and misses at most one open port in a thousand.
fn find_despite_loss(percent: u32) {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@56,0.0.0.0");
    there.sh(&format!(
        "nft 'add table ip t; add chain ip t c {{ type filter hook input priority 0; }}; \
         add rule ip t c tcp flags & (syn | ack) == syn numgen random mod 100 < {percent} drop'"
    ));
    let expected = truth(&fixture);
    let list: Vec<String> =
        expected.iter().flat_map(|port| [*port, port ^ 1, port ^ 2]).map(|p| p.to_string()).collect();
    let mut missed = 0;
    for _ in 0..10 {
        let document = syn(&here, "10.77.0.2 --all --json -p").arg(&list.join(",")).run().document();
        let (found, closed) = (ports(&document, "open"), ports(&document, "closed"));
        assert!(found.is_subset(&expected), "false: {:?}", found.difference(&expected));
        assert!(closed.is_disjoint(&expected), "called closed: {:?}", closed.intersection(&expected));
        missed += expected.len() - found.len();
    }
    assert!(missed <= 2, "{missed} of 2,000 missed: more than one in a thousand");
}

/// The host keeps half a connection after its reply was lost, and repeats the reply only to the same probe.
#[test]
fn three_in_ten_answers_lost() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@60,0.0.0.0");
    // What the host repeats by itself, a second later and more, is not there to help.
    there.sh("echo 0 > /proc/sys/net/ipv4/tcp_synack_retries
              nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; \
              add rule ip t c tcp flags & (syn | ack) == syn | ack numgen random mod 100 < 30 drop; \
              add rule ip t c tcp flags & (syn | ack | rst) == ack counter'");
    let expected = truth(&fixture);
    let list: Vec<String> = expected.iter().map(u16::to_string).collect();
    let mut missed = 0;
    for _ in 0..5 {
        let document = syn(&here, "10.77.0.2 --json -p").arg(&list.join(",")).run().document();
        missed += expected.difference(&ports(&document, "open")).count();
    }
    assert!(missed <= 1, "{missed} of 1,000 missed: more than one in a thousand");
    // With an acknowledgement alone it would refer to another probe, and a retry would be wasted.
    let counted = there.sh("nft list chain ip t c");
    assert!(counted.contains("counter packets 0 "), "{counted}");
}

#[test]
fn a_host_that_drops_all_but_a_few() {
    let (here, there) = wired();
    let fixture = there.fixture("random=20@57,0.0.0.0");
    let allowed: Vec<String> = truth(&fixture).iter().map(u16::to_string).collect();
    there.sh(&format!(
        "nft 'add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; \
         add rule inet t c tcp dport != {{ {} }} drop'",
        allowed.join(", ")
    ));
    let outcome = syn(&here, "-p- 10.77.0.2 --json").run();
    assert_found(&ports(&outcome.document(), "open"), &truth(&fixture));
    assert!(outcome.stderr.contains(": 20 open, 0 closed, 65515 filtered"), "{}", outcome.stderr);
}

#[test]
fn resets_and_icmp_messages_are_answers() {
    let (here, there) = wired();
    let _fixture = there.fixture("tcp=[::]:1000 tcp=[::]:1001 tcp=[::]:1002 tcp=[::]:1003 tcp=[::]:1004");
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
              add rule inet t c tcp dport 1001 reject with tcp reset; \
              add rule inet t c tcp dport 1002 reject with icmpx host-unreachable; \
              add rule inet t c tcp dport 1003 reject with icmpx port-unreachable; \
              add rule inet t c tcp dport 1004 reject with icmpx admin-prohibited'");
    for host in ["10.77.0.2", "fd77::2"] {
        let document = syn(&here, "-p 1000-1005 --all --json").arg(host).run().document();
        let states = ["open", "closed", "unreachable", "filtered"].map(|state| ports(&document, state));
        let expected = [vec![1000], vec![1001, 1003, 1005], vec![1002, 1004], vec![]];
        assert_eq!(states, expected.map(|ports| ports.into_iter().collect::<BTreeSet<u16>>()), "{host}");
    }
}

#[test]
fn a_target_without_a_route() {
    let scene = Scene::new();
    scene.sh("ip route add unreachable 10.1.0.0/16; ip route add blackhole 10.2.0.0/16");
    for (host, reason) in [("192.0.2.1", "net-unreachable"), ("10.1.0.1", "host-unreachable"), ("10.2.0.1", "no-route")]
    {
        let document = syn(&scene, "-p 80 --all --json").arg(host).run().document();
        assert_eq!(document["items"][0]["detail"]["reason"], reason, "{host}");
    }
}

/// Retries count too: no target gets more packets than `--rate` allows.
#[test]
fn retries_respect_the_rate() {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
              add rule ip t c tcp flags & (syn | ack) == syn counter; \
              add rule ip t c tcp flags & (syn | ack) == syn limit rate over 110/second burst 30 packets counter; \
              add rule ip t c drop'");
    let outcome = syn(&here, "10.77.0.2 -p 1-300 --rate 100 --retries 1 --json").run();
    assert!(outcome.stderr.contains("300 filtered"), "{}", outcome.stderr);
    let counted = there.sh("nft list chain ip t c");
    let counts: Vec<u32> = counted
        .split("counter packets ")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect();
    // Each port twice, the second time after a second; almost none of the retries was too early.
    assert!(counts[0] > 650 && counts[1] < 30, "{counted}");
}

/// Only a host that received the probe knows the number its reply must acknowledge. Here every reply looks like a
/// connection, from the probed address and port, and acknowledges another number.
#[test]
fn forged_connections_count_for_nothing() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:1000");
    scene.sh("nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; \
              add rule ip t c tcp flags & (syn | ack) == syn | ack tcp ackseq set 12345 counter; \
              add rule ip t c tcp flags & (rst | ack) == rst | ack tcp flags set syn | ack tcp ackseq set 12345 counter'");
    let outcome = syn(&scene, "-p 1000-1010 127.0.0.1 --json --all --retries 0 --timeout 300ms").run();
    let filtered = ports(&outcome.document(), "filtered");
    assert_eq!(filtered, (1000..=1010).collect(), "{}", outcome.stderr);
    let counted = scene.sh("nft list chain ip t c");
    assert!(!counted.contains("counter packets 0 "), "they did come: {counted}");
}

/// The same for resets: those of closed ports acknowledge a wrong number; the open port's reply is genuine.
#[test]
fn forged_resets_count_for_nothing() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:1000");
    scene.sh("nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; \
              add rule ip t c tcp flags & (rst | ack) == rst | ack tcp ackseq set 12345'");
    let outcome = syn(&scene, "-p 1000-1010 127.0.0.1 --json --all --retries 0 --timeout 300ms").run();
    let document = outcome.document();
    assert_eq!(ports(&document, "open"), truth(&fixture));
    assert_eq!((ports(&document, "closed").len(), ports(&document, "filtered").len()), (0, 10), "{}", outcome.stderr);
}

#[test]
fn sparse_networks_and_two_at_once() {
    let (here, there) = wired();
    there.sh("ip address add 10.77.0.9/24 dev wire");
    let fixture = there.fixture("random=100@58,0.0.0.0");
    let outcome = syn(&here, "10.77.0.2-31 -p 1-1000,2000 --json").run();
    assert!(outcome.stderr.contains("28 hosts absent"), "{}", outcome.stderr);
    let runs = [(); 2].map(|()| syn(&here, "-p- 10.77.0.2 --json").spawn());
    for run in runs {
        let listing = Outcome::new(hear(run, "one of two scans")).listing();
        assert_found(&open(&listing), &truth(&fixture));
    }
}

#[test]
fn without_the_right_it_says_what_is_missing_and_what_works() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    let outcome = syn(&scene, "127.0.0.1 -p 80 --json").by_nobody().run();
    let expected = "error: cannot open raw sockets for --syn: CAP_NET_RAW is missing\nhint: ";
    assert!(outcome.stderr.starts_with(expected) && outcome.stderr.lines().count() == 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a scan without --syn needs no permissions"), "{}", outcome.stderr);
    assert_eq!((outcome.code, outcome.text()), (Some(4), ""));
    let both = syn(&scene, "127.0.0.1 --udp").run();
    assert_eq!(both.code, Some(2), "{}", both.stderr);
}

/// That one capability is enough.
#[test]
fn with_the_right_alone() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=100@59,0.0.0.0");
    let raw = ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"];
    let listing = syn(&scene, "-p- 127.0.0.1").by_nobody_with("--bounding-set=-all,+net_raw", &raw).list();
    assert_found(&open(&listing), &truth(&fixture));
}

#[test]
fn it_stops_when_told() {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }'");
    let child = syn(&here, "-p- 10.77.0.2 --json --pace polite").spawn();
    let pid = child.id();
    crate::signals::until_thread(pid, "scan-0");
    kill(pid, rustix::process::Signal::INT);
    let outcome = Outcome::new(hear(child, "a scan that waits"));
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(130), &false.into()), "{}", outcome.stderr);
}
