//! Sparse networks: the hosts that are up are found, the others are counted as down.

use std::collections::BTreeSet;

use crate::support::Scene;
use crate::wired;

/// The address and port of everything open.
fn open(document: &serde_json::Value) -> BTreeSet<String> {
    let items = document["items"].as_array().unwrap().iter();
    items
        .map(|item| format!("{}:{}", item["endpoints"][0]["address"].as_str().unwrap(), item["endpoints"][0]["port"]))
        .collect()
}

fn set(found: &[&str]) -> BTreeSet<String> {
    found.iter().map(|&found| found.to_owned()).collect()
}

/// Two scenes of which the second has three addresses more.
fn few() -> (Scene, Scene) {
    let (here, there) = wired();
    for last in [9, 17, 25] {
        there.sh(&format!("ip address add 10.77.0.{last}/24 dev wire"));
    }
    (here, there)
}

#[test]
fn a_sparse_network() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005 tcp=10.77.0.17:1017");
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
              add rule ip t c tcp dport 1001-1100 tcp flags & (syn | ack) == syn counter'");
    let outcome = here.scan().args("10.77.0.2-31 -p 1001-1100 --json").run();
    let found = ["10.77.0.2:1005", "10.77.0.9:1005", "10.77.0.17:1005", "10.77.0.17:1017", "10.77.0.25:1005"];
    assert_eq!(open(&outcome.document()), set(&found));
    let said = "100 ports of 30 hosts: 5 open, 395 closed; 26 hosts absent, 2600 ports not scanned (use --no-ping to scan them)";
    assert!(outcome.code == Some(0) && outcome.stderr.contains(said), "{}", outcome.stderr);
    // Each host that is up got one probe per port; the probes of host discovery are not counted among them.
    let counted = there.sh("nft list chain ip t c");
    assert!(counted.contains("counter packets 400 "), "{counted}");
}

/// It replies to nothing except ARP: so it is up.
#[test]
fn a_silent_neighbour_is_seen() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport != 1005 drop'");
    let outcome = here.scan().args("10.77.0.8-11 -p 1001-1020 --json").run();
    assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005"]), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 open, 0 closed, 19 filtered; 3 hosts absent"), "{}", outcome.stderr);
}

/// A host cannot have connections without revealing its link address: whatever else it drops, ARP and neighbor discovery
/// find it, with permission or without. An unused address costs one resolution of the kernel's, which are three packets at
/// most (`mcast_solicit`), however many questions wait for it.
#[test]
fn a_host_that_drops_everything_is_found_by_arp_and_an_unused_address_costs_one_resolution() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=[::]:1005");
    there.sh("ip address add fd77::9/64 dev wire nodad
         nft 'add table inet t; add chain inet t c { type filter hook input priority 0; policy drop; }; \
         add rule inet t c icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; add rule inet t c tcp dport 1005 accept; \
         add table netdev t; add chain netdev t c { type filter hook ingress device wire priority 0; }; \
         add rule netdev t c arp operation request arp daddr ip 10.77.0.8 counter; \
         add rule netdev t c icmpv6 type nd-neighbor-solicit @th,64,128 0xfd770000000000000000000000000008 counter'");
    for (scan, runs) in [(here.scan(), 1), (here.scan().by_nobody(), 2)] {
        here.sh("ip neighbour flush dev wire");
        let outcome = scan.args("10.77.0.8-11 fd77::8 fd77::9 fd77::a fd77::b -p 1001-1020 --json").run();
        assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005", "fd77::9:1005"]), "{}", outcome.stderr);
        let said = "2 open, 0 closed, 38 filtered; 6 hosts absent, 120 ports not scanned";
        assert!(outcome.code == Some(0) && outcome.stderr.contains(said), "{}", outcome.stderr);
        let counted = there.sh("nft list chain netdev t c");
        let packets = counted.split("counter packets ").skip(1).map(|rest| rest.split(' ').next().unwrap());
        let packets: Vec<u32> = packets.map(|packets| packets.parse().unwrap()).collect();
        assert!(packets.len() == 2 && packets.iter().all(|&packets| (1..=3 * runs).contains(&packets)), "{counted}");
    }
}

/// A host that replies to the second probe only.
#[test]
fn a_host_is_looked_for_twice() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    // The first question to each port is lost.
    there.sh(
        "nft 'add table ip t; add set ip t asked { type ipv4_addr . inet_service; flags dynamic; }; add chain ip t c { type filter hook input priority 0; };
         add rule ip t c tcp dport { 443, 80, 22, 445 } ip daddr . tcp dport != @asked add @asked { ip daddr . tcp dport } drop'",
    );
    let outcome = here.scan().args("10.77.0.9 10.77.0.17 -p 1001-1020 --json").run();
    assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005", "10.77.0.17:1005"]), "{}", outcome.stderr);
}

#[test]
fn without_host_discovery_every_port_is_probed() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    for args in ["-p 1001-1020 --no-ping", "-p 1005"] {
        let outcome = here.scan().args("10.77.0.9-11 --retries 0 --timeout 200ms --json").args(args).run();
        assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005"]));
        assert!(!outcome.stderr.contains("absent") && !outcome.stderr.contains("not scanned"), "{}", outcome.stderr);
    }
}

#[test]
fn a_network_without_hosts() {
    let (here, _there) = wired();
    let outcome = here.scan().args("10.77.0.100-103 -p 1-100 --json").run();
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(0), &true.into()), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("0 open, 0 closed; 4 hosts absent, 400 ports not scanned"), "{}", outcome.stderr);
}

/// Beyond a router, where no neighbour table reaches, and silent at the ports that are tried first.
fn beyond_a_router() -> (Scene, Scene) {
    let (here, there) = wired();
    for last in [1, 9] {
        there.sh(&format!("ip address add 10.99.0.{last}/32 dev lo; ip address add fd99::{last}/128 dev lo nodad"));
    }
    here.sh("ip route add 10.99.0.0/24 via 10.77.0.2; ip route add fd99::/64 via fd77::2");
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
         add rule inet t c tcp dport { 443, 80, 22, 445 } drop'");
    (here, there)
}

#[test]
fn a_host_that_replies_to_icmp_only_is_found() {
    let (here, there) = beyond_a_router();
    let _fixture = there.fixture("tcp=[::]:1005");
    let scan = || here.scan().args("10.99.0.1-16 fd99::1 fd99::9 fd99::10 -p 1001-1020 --json");
    let found = ["10.99.0.1:1005", "10.99.0.9:1005", "fd99::1:1005", "fd99::9:1005"];
    let by_root = scan().run();
    assert_eq!(open(&by_root.document()), set(&found), "{}", by_root.stderr);
    assert!(by_root.stderr.contains("15 hosts absent"), "{}", by_root.stderr);
    // Unprivileged users may not by default; then there is only TCP.
    here.sh("echo '1 0' > /proc/sys/net/ipv4/ping_group_range");
    let refused = scan().by_nobody().run();
    assert_eq!((refused.code, open(&refused.document())), (Some(0), BTreeSet::new()), "{}", refused.stderr);
    here.sh("echo '0 65534' > /proc/sys/net/ipv4/ping_group_range");
    let permitted = scan().by_nobody().run();
    assert_eq!(open(&permitted.document()), set(&found), "{}", permitted.stderr);
}

/// A firewall that rejects every probe says nothing about the host behind it.
#[test]
fn a_host_that_replies_to_icmp_is_found_though_a_firewall_rejects_its_ports() {
    let (here, there) = beyond_a_router();
    // Every rejection must be sent, and not only the first six a second.
    there.sh("echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
         nft 'flush chain inet t c; \
         add rule inet t c tcp dport { 443, 80, 22, 445 } reject with icmpx admin-prohibited'");
    let _fixture = there.fixture("tcp=[::]:1005");
    let found = ["10.99.0.1:1005", "10.99.0.9:1005", "fd99::1:1005", "fd99::9:1005"];
    let scan = || here.scan().args("10.99.0.1-16 fd99::1 fd99::9 fd99::10 -p 1001-1020 --json");
    let outcome = scan().run();
    assert_eq!(open(&outcome.document()), set(&found), "{}", outcome.stderr);
    // A lost echo is retried once.
    there.sh("nft 'add set inet t asked { type ipv4_addr; flags dynamic; }; \
         add rule inet t c icmp type echo-request ip daddr != @asked add @asked { ip daddr } drop'");
    let outcome = scan().run();
    assert_eq!(open(&outcome.document()), set(&found), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("15 hosts absent"), "{}", outcome.stderr);
}

#[test]
fn udp_ports_are_probed_on_hosts_that_are_up() {
    let (here, there) = few();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
         add rule ip t c udp dport 1001-1020 counter; add rule ip t c tcp dport != { 443, 80, 22, 445 } counter drop'");
    let outcome = here.scan().args("10.77.0.2-31 --udp -p 1001-1020 --json --all --retries 0 --timeout 200ms").run();
    let said = "20 ports of 30 hosts:";
    assert!(outcome.code == Some(0) && outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("; 26 hosts absent, 520 ports not scanned"), "{}", outcome.stderr);
    assert_eq!(open(&outcome.document()).len(), 4 * 20, "each port of who is there");
    let counted = there.sh("nft list chain ip t c");
    // Each UDP port once, and no TCP port except those of host discovery.
    assert!(counted.contains("counter packets 80 ") && counted.contains("counter packets 0 "), "{counted}");
    let all = here.scan().args("10.77.0.30-31 --udp -p 1001-1020 --no-ping --json --all --retries 0 --timeout 200ms");
    assert_eq!(open(&all.run().document()).len(), 40);
}

#[test]
fn only_the_hosts_that_are_up_are_listed_without_a_port_scan() {
    let (here, there) = few();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
              add rule ip t c tcp dport != { 443, 80, 22, 445 } counter; add rule ip t c ip daddr 10.77.0.17 drop'");
    for option in ["-sn", "--discover-only"] {
        let outcome = here.scan().args(option).args("10.77.0.0/27 --json").run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let items = outcome.document()["items"].as_array().unwrap().clone();
        let found: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        // The last one drops everything, and replies to ARP.
        let up = ["10.77.0.1", "10.77.0.2", "10.77.0.9", "10.77.0.17", "10.77.0.25"].map(|ip| format!("scan/ip/{ip}"));
        assert_eq!(found, up, "{}", outcome.stderr);
        assert!(items.iter().all(|item| item["detail"]["state"] == "up" && item["endpoints"][0]["port"].is_null()));
        assert_eq!(items[3]["detail"]["reason"], "neighbor-reply");
        assert!(outcome.stderr.contains("32 addresses: 5 hosts up, 27 absent"), "{}", outcome.stderr);
    }
    let counted = there.sh("nft list chain ip t c");
    assert!(counted.contains("counter packets 0 "), "{counted}");
    let refused = here.scan().args("-sn -p 80 10.77.0.2").run();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

/// A few ports of a whole network: unused addresses are absent and not filtered, every time; and a host is found by the
/// wanted port alone.
#[test]
fn a_network_has_the_same_verdict_every_time_though_few_ports_are_scanned() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    let file = here.dir().join("before.json");
    let file = file.to_str().unwrap();
    let first = here.scan().args("10.77.0.2-254 -p 1005,1006 --all -o").arg(&format!("json={file}")).run();
    let said = "2 ports of 253 hosts: 4 open, 4 closed; 249 hosts absent, 498 ports not scanned";
    assert!(first.code == Some(0) && first.stderr.contains(said), "{}", first.stderr);
    for _ in 0..2 {
        let again = here.scan().args("10.77.0.2-254 -p 1005,1006 --all --fail-changed --diff").arg(file).run();
        assert!(again.code == Some(0) && again.stderr.contains(said), "{}{}", again.text(), again.stderr);
    }
}

#[test]
fn a_host_beyond_a_router_is_found_by_the_only_port_that_replies() {
    let (here, there) = beyond_a_router();
    there.sh("nft 'add rule inet t c icmp type echo-request drop; add rule inet t c tcp dport != 1005 drop'");
    let _fixture = there.fixture("tcp=10.99.0.9:1005");
    let outcome = here.scan().args("10.99.0.1-16 -p 1005 --json").run();
    assert_eq!(open(&outcome.document()), set(&["10.99.0.9:1005"]), "{}", outcome.stderr);
}

/// A SYN proxy accepts every connection, whether or not anything listens behind it.
#[test]
fn a_host_whose_every_port_is_open_is_pointed_out() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:7000");
    scene.sh("nft 'add table ip t; add chain ip t c { type nat hook output priority -100; }; \
              add rule ip t c ip daddr 127.0.0.1 tcp dport 1-100 redirect to :7000'");
    let outcome = scene.scan().args("127.0.0.1 -p 1-100 -o name").run();
    assert_eq!(outcome.text().lines().count(), 100);
    let said = "100 of 100 ports of 127.0.0.1 are open: a SYN proxy, a firewall or a tarpit may reply for them";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

/// Its card is in the kernel's neighbour table by then, which needs no permission.
#[test]
fn a_host_on_the_link_is_listed_with_its_network_card() {
    let (here, there) = wired();
    there.sh("ip link set wire address 00:00:0c:01:02:03");
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    let _own = here.fixture("tcp=10.77.0.1:1005");
    for args in ["10.77.0.2 -p 1005 --json", "10.77.0.2 -sn --json"] {
        let document = here.scan().args(args).run().document();
        assert_eq!(document["items"][0]["detail"]["mac"], "00:00:0c:01:02:03", "{args}: {document}");
    }

    let own = here.scan().args("10.77.0.1 -p 1005 --json").run().document();
    assert!(own["items"][0]["detail"]["mac"].is_null(), "{own}");
    let wide = here.scan().args("10.77.0.2 -p 1005 -o wide").run();
    assert!(wide.text().contains("00:00:0c:01:02:03"), "{}", wide.text());
    let xml = here.scan().args("10.77.0.2 -p 1005 -o nmap-xml").run();
    assert!(xml.text().contains("addr=\"00:00:0C:01:02:03\" addrtype=\"mac\""), "{}", xml.text());
}
