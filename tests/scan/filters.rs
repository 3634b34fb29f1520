//! Firewalls, losses and full queues: replying ports are found, silent ports are filtered, and neither is mistaken.

use std::collections::BTreeSet;

use crate::support::{Scene, portolan_path};
use crate::{assert_found, open, ports, truth, wired};

/// A firewall in a scene: a rule for what comes in.
fn firewall(scene: &Scene, rule: &str) {
    scene.sh(&format!(
        "nft 'add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; add rule inet t c {rule}'"
    ));
}

/// 30 % of all probes are lost. By default a silent port is retried while a reply is likely.
#[test]
fn three_in_ten_questions_lost() {
    find_despite_loss(30, 20);
}

#[test]
fn one_in_six_questions_lost() {
    find_despite_loss(17, 10);
}

/// Scans several times, and misses at most one open port in a thousand.
fn find_despite_loss(percent: u32, runs: usize) {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@31,0.0.0.0");
    firewall(&there, &format!("tcp flags & (syn | ack) == syn numgen random mod 100 < {percent} drop"));
    let expected = truth(&fixture);
    let list: Vec<String> =
        expected.iter().flat_map(|port| [*port, port ^ 1, port ^ 2]).map(|p| p.to_string()).collect();
    let mut missed = 0;
    for _ in 0..runs {
        let outcome = here.scan().args("10.77.0.2 --all --json -p").arg(&list.join(",")).run();
        let document = outcome.document();
        let (found, closed) = (ports(&document, "open"), ports(&document, "closed"));
        assert!(found.is_subset(&expected), "false: {:?}", found.difference(&expected));
        assert!(closed.is_disjoint(&expected), "called closed: {:?}", closed.intersection(&expected));
        missed += expected.len() - found.len();
    }
    let all = expected.len() * runs;
    assert!(missed <= all / 1000, "{missed} of {all} missed: more than one in a thousand");
}

/// A filter, and losses on the path: lost probes are retried, though nearly every port is silent.
#[test]
fn losses_beside_a_filter() {
    let (here, there) = wired();
    let fixture = there.fixture("random=20@34,0.0.0.0");
    let expected = truth(&fixture);
    let allowed: Vec<String> = expected.iter().map(u16::to_string).collect();
    firewall(&there, "tcp flags & (syn | ack) == syn numgen random mod 100 < 1 drop");
    there.sh(&format!("nft 'add rule inet t c tcp dport != {{ {} }} drop'", allowed.join(", ")));
    let list = format!("{},20000-24000", allowed.join(","));
    let mut missed = 0;
    for _ in 0..5 {
        let found = ports(&here.scan().args("10.77.0.2 --json -p").arg(&list).run().document(), "open");
        assert!(found.is_subset(&expected), "false: {:?}", found.difference(&expected));
        missed += expected.len() - found.len();
    }
    // Lost twice in a row are two in a thousand of the 20.
    assert!(missed <= 1, "{missed} of 100 missed");
}

/// 20 ms there and back, and one in twenty packets lost each way.
#[test]
fn a_far_host_and_a_bad_line() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@35,0.0.0.0");
    let _ways = (there.far("10,loss=50,seed=1"), here.far("10,loss=50,seed=2"));
    let expected: BTreeSet<u16> = truth(&fixture).into_iter().filter(|port| *port <= 20_000).collect();
    assert_found(&open(&here.scan().args("-p 1-20000 10.77.0.2").list()), &expected);
}

/// A line of 10,000 packets a second where 200 wait and more are lost.
#[test]
fn a_line_with_a_short_queue() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@36,0.0.0.0");
    let _ways = (there.far("10,rate=10000,limit=200"), here.far("10,rate=10000,limit=200"));
    let expected: BTreeSet<u16> = truth(&fixture).into_iter().filter(|port| *port <= 20_000).collect();
    assert_found(&open(&here.scan().args("-p 1-20000 10.77.0.2").list()), &expected);
}

/// A reply takes longer than the first timeout, and longer than the kernel's own retransmission timeout.
#[test]
fn more_than_a_second_away() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@37,0.0.0.0");
    let _ways = (there.far("600"), here.far("600"));
    let expected: BTreeSet<u16> = truth(&fixture).into_iter().filter(|port| *port <= 2000).collect();
    let outcome = here.scan().args("-p 1-2000 10.77.0.2 --json").run();
    assert_found(&ports(&outcome.document(), "open"), &expected);
    assert!(outcome.stderr.contains(&format!("{} closed\n", 2000 - expected.len())), "{}", outcome.stderr);
}

/// Packets above this rate are lost, so that the scan has to find the rate.
#[test]
fn a_bottleneck() {
    let (here, there) = wired();
    let fixture = there.fixture("random=200@33,0.0.0.0");
    firewall(&there, "tcp flags & (syn | ack) == syn limit rate over 10000/second burst 200 packets drop");
    let expected: BTreeSet<u16> = truth(&fixture).into_iter().filter(|port| *port <= 12_000).collect();
    let outcome = here.scan().args("-p 1-12000 10.77.0.2 --json").run();
    assert_found(&ports(&outcome.document(), "open"), &expected);
    assert!(
        outcome.stderr.contains(&format!("{} open, {} closed\n", expected.len(), 12_000 - expected.len())),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_host_that_drops_all_but_a_few() {
    let (here, there) = wired();
    let fixture = there.fixture("random=20@32,0.0.0.0");
    let allowed: Vec<String> = truth(&fixture).iter().map(u16::to_string).collect();
    firewall(&there, &format!("tcp dport != {{ {} }} drop", allowed.join(", ")));
    let outcome = here.scan().args("-p- 10.77.0.2 --json").run();
    assert_found(&ports(&outcome.document(), "open"), &truth(&fixture));
    assert!(outcome.stderr.contains(": 20 open, 0 closed, 65515 filtered"), "{}", outcome.stderr);
}

#[test]
fn a_black_hole() {
    let (here, there) = wired();
    firewall(&there, "drop");
    let outcome = here.scan().args("-p 1-300 10.77.0.2 --all --json").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!(ports(&document, "filtered").len(), 300);
    // The first hundreds are retried; when these stay silent too, the others are not retried.
    let again = |item: &&serde_json::Value| item["detail"]["attempts"].as_u64().unwrap() > 1;
    let again = document["items"].as_array().unwrap().iter().filter(again).count();
    assert!((200..300).contains(&again), "{again} of 300 silent ports were asked again");
    let once = here.scan().args("-p 1-300 10.77.0.2 --all --json --retries 0 --timeout 100ms").run().document();
    assert!(once["items"].as_array().unwrap().iter().all(|item| item["detail"]["attempts"] == 1));
}

#[test]
fn resets_and_icmp_messages_are_answers() {
    let (here, there) = wired();
    let _fixture = there.fixture("tcp=0.0.0.0:1000 tcp=0.0.0.0:1001 tcp=0.0.0.0:1002 tcp=0.0.0.0:1003");
    firewall(&there, "tcp dport 1001 reject with tcp reset");
    there.sh("nft add rule inet t c tcp dport 1002 reject with icmpx host-unreachable");
    there.sh("nft add rule inet t c tcp dport 1003 reject with icmpx port-unreachable");
    for host in ["10.77.0.2", "fd77::2"] {
        let document = here.scan().args("-p 1000-1003 --all --json").arg(host).run().document();
        let states = ["open", "closed", "unreachable", "filtered"].map(|state| ports(&document, state));
        // The IPv6 address has no listener.
        let (open, closed) =
            if host.contains(':') { (vec![], vec![1000, 1001, 1003]) } else { (vec![1000], vec![1001, 1003]) };
        let expected = [open, closed, vec![1002], vec![]];
        assert_eq!(states, expected.map(|ports| ports.into_iter().collect::<BTreeSet<u16>>()), "{host}");
    }
}

#[test]
fn a_full_accept_queue_is_neither_open_nor_closed() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:1000,backlog=0,queued=1 tcp=127.0.0.1:1001");
    let document = scene.scan().args("-p 1000-1002 127.0.0.1 --all --json").run().document();
    assert_eq!(ports(&document, "filtered"), [1000].into());
    assert_eq!((ports(&document, "open"), ports(&document, "closed")), ([1001].into(), [1002].into()));
}

#[test]
fn a_target_without_a_route() {
    let scene = Scene::new();
    scene.sh(
        "ip route add unreachable 10.1.0.0/16; ip route add blackhole 10.2.0.0/16; ip route add prohibit 10.3.0.0/16",
    );
    let reason = |host: &str| {
        let document = scene.scan().args("-p 80 --all --json").arg(host).run().document();
        document["items"][0]["detail"]["reason"].as_str().map(str::to_owned)
    };
    assert_eq!(reason("192.0.2.1").as_deref(), Some("net-unreachable"));
    assert_eq!(reason("10.1.0.1").as_deref(), Some("host-unreachable"));
    assert_eq!(reason("10.2.0.1").as_deref(), Some("no-route"));
    // Nothing was sent, so nothing was accepted.
    for route in ["10.1.0.1:80", "10.2.0.1:80"] {
        let run = |args: &[&str]| scene.command(portolan_path()).args(args).output().unwrap();
        assert_eq!(run(&["wait", route, "--timeout", "500ms"]).status.code(), Some(1), "{route}");
        let validated = run(&["validate", route, "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&validated.stdout).unwrap();
        let findings = &document["items"][0]["endpoints"][0]["health"]["findings"];
        assert_eq!(findings[0]["code"], "tcp-unreachable", "{route}: {document}");
    }
    let outcome = scene.scan().args("-p 80,81 10.3.0.1 --json").run();
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(3), &false.into()));
    assert!(outcome.stderr.contains("cannot scan 2 of 2 ports: this machine does not permit it"), "{}", outcome.stderr);
}

#[test]
fn an_address_without_a_host() {
    let (here, _there) = wired();
    let document = here.scan().args("-p 80,81 10.77.0.9 --all --json").run().document();
    let (silent, unreachable) = (ports(&document, "filtered").len(), ports(&document, "unreachable").len());
    assert_eq!(silent + unreachable, 2, "{document}");
}
