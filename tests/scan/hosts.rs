//! Networks where hardly anybody is: who is there is found, who is not is said.

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
    let said =
        "100 ports of 30 hosts: 5 open, 395 closed; 26 hosts not seen, 2600 ports not tried (--no-ping tries them)";
    assert!(outcome.code == Some(0) && outcome.stderr.contains(said), "{}", outcome.stderr);
    // Who is there was asked for every port once, and what it was looked for by is not among them.
    let counted = there.sh("nft list chain ip t c");
    assert!(counted.contains("counter packets 400 "), "{counted}");
}

/// It answers no question, but for its address on the link: so it is there.
#[test]
fn a_silent_neighbour_is_seen() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport != 1005 drop'");
    let outcome = here.scan().args("10.77.0.8-11 -p 1001-1020 --json").run();
    assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005"]), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 open, 0 closed, 19 filtered; 3 hosts not seen"), "{}", outcome.stderr);
}

/// Somebody answers only when asked a second time.
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
fn without_looking_first_every_port_is_asked() {
    let (here, there) = few();
    let _fixture = there.fixture("tcp=0.0.0.0:1005");
    for args in ["-p 1001-1020 --no-ping", "-p 1005"] {
        let outcome = here.scan().args("10.77.0.9-11 --retries 0 --timeout 200ms --json").args(args).run();
        assert_eq!(open(&outcome.document()), set(&["10.77.0.9:1005"]));
        assert!(!outcome.stderr.contains("not seen") && !outcome.stderr.contains("not tried"), "{}", outcome.stderr);
    }
}

#[test]
fn nobody_anywhere() {
    let (here, _there) = wired();
    let outcome = here.scan().args("10.77.0.100-103 -p 1-100 --json").run();
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(0), &true.into()), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("0 open, 0 closed; 4 hosts not seen, 400 ports not tried"), "{}", outcome.stderr);
}
