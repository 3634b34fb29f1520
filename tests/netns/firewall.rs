//! The word for the firewall is a proof: "filtered" where no other host connects, "open" where each one does. Real rules of nft and
//! iptables, and real connections from another namespace.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::support::Scene;

/// How long a connection may take that must succeed, and one that must not.
const CONNECT_TIMEOUT: Duration = Duration::from_mins(1);
const NO_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How many layouts are tried at once: most of the time is waiting.
const PARALLEL: usize = 8;

/// The rules of a host, and whether a neighbour connects to its listener at 10.77.0.1:80.
struct Layout {
    name: &'static str,
    rules: &'static str,
    listener: &'static str,
    target: &'static str,
    connects: bool,
    firewall: &'static str,
}

const fn at_80(name: &'static str, rules: &'static str, connects: bool, firewall: &'static str) -> Layout {
    Layout { name, rules, listener: "tcp=10.77.0.1:80", target: "10.77.0.1:80", connects, firewall }
}

const INPUT: &str = "nft add table inet f; nft 'add chain inet f i { type filter hook input priority 0; }'";

#[expect(clippy::too_many_lines, reason = "a table")]
fn layouts() -> Vec<Layout> {
    let dropped = "nft add rule inet f i tcp dport 80 drop";

    vec![
        at_80("no rules", "", true, "open"),
        at_80("a table without chains", "nft add table inet f", true, "open"),
        at_80("a drop", dropped, false, "filtered"),
        at_80("a reject", "nft add rule inet f i tcp dport 80 reject with tcp reset", false, "filtered"),
        at_80("a drop of another port", "nft add rule inet f i tcp dport 81 drop", true, "open"),
        at_80("a drop of every other port", "nft add rule inet f i tcp dport != 80 drop", true, "open"),
        at_80("a drop of UDP", "nft add rule inet f i udp dport 80 drop", true, "open"),
        at_80("a policy", "nft 'chain inet f i { policy drop; }'", false, "filtered"),
        at_80(
            "what most hosts have",
            "nft 'chain inet f i { policy drop; }'; nft add rule inet f i iifname lo accept
            nft add rule inet f i ct state established,related accept; nft add rule inet f i ct state invalid drop
            nft add rule inet f i tcp dport '{ 22, 80-90, 443 }' accept",
            true,
            "open",
        ),
        at_80(
            "what most hosts have, without this port",
            "nft 'chain inet f i { policy drop; }'; nft add rule inet f i iif lo accept
            nft add rule inet f i ct state vmap '{ established : accept, related : accept, invalid : drop }'
            nft add rule inet f i tcp dport '{ 22, 81-90, 443 }' accept",
            false,
            "filtered",
        ),
        at_80("a range", "nft add rule inet f i tcp dport 70-90 drop", false, "filtered"),
        at_80("a range that ends before", "nft add rule inet f i tcp dport 70-79 drop", true, "open"),
        at_80("a map of verdicts", "nft add rule inet f i tcp dport vmap '{ 80 : drop, 81 : accept }'", false, "filtered"),
        at_80(
            "a set with a name",
            "nft 'add set inet f closed { type inet_service; flags interval; elements = { 1-100 } }'
            nft add rule inet f i tcp dport @closed drop",
            false,
            "filtered",
        ),
        at_80(
            "a set of addresses with ports",
            "nft add rule inet f i ip daddr . tcp dport '{ 10.77.0.1 . 80 }' drop",
            false,
            "filtered",
        ),
        at_80(
            "a set of ranges of addresses with ports",
            "nft add rule inet f i ip daddr . tcp dport '{ 10.77.0.0/24 . 70-90 }' drop",
            false,
            "filtered",
        ),
        at_80("a network", "nft add rule inet f i ip daddr 10.0.0.0/8 tcp dport 80 drop", false, "filtered"),
        at_80("another network", "nft add rule inet f i ip daddr 11.0.0.0/8 tcp dport 80 drop", true, "open"),
        at_80("one sender", "nft add rule inet f i ip saddr 10.77.0.2 drop", false, "partly"),
        at_80("another sender", "nft add rule inet f i ip saddr 10.77.0.3 drop", true, "partly"),
        at_80(
            "only some senders",
            "nft 'chain inet f i { policy drop; }'; nft add rule inet f i ip saddr 10.77.0.0/24 tcp dport 80 accept",
            true,
            "partly",
        ),
        at_80("the only interface", "nft add rule inet f i iifname wire drop", false, "filtered"),
        at_80("names that begin like it", "nft add rule inet f i iifname 'wi*' drop", false, "filtered"),
        at_80("another interface", "nft add rule inet f i iifname eth7 drop", true, "open"),
        at_80("every other interface", "nft add rule inet f i iifname != wire drop", true, "open"),
        at_80("a limit", "nft add rule inet f i tcp dport 80 limit rate over 1000/second drop", true, "partly"),
        at_80("the flags of a first segment", "nft add rule inet f i tcp flags syn / syn,ack drop", false, "filtered"),
        at_80("the kind of an address", "nft add rule inet f i fib daddr type local tcp dport 80 drop", false, "filtered"),
        at_80("a new connection", "nft add rule inet f i ct state new tcp dport 80 drop", false, "filtered"),
        at_80(
            "a chain that drops",
            "nft add chain inet f c; nft add rule inet f c tcp dport 80 drop; nft add rule inet f i jump c",
            false,
            "filtered",
        ),
        at_80(
            "a chain that returns",
            "nft add chain inet f c; nft add rule inet f c tcp dport 80 return; nft add rule inet f c drop
            nft add rule inet f i jump c",
            true,
            "open",
        ),
        at_80(
            "a chain without a way back",
            "nft 'chain inet f i { policy drop; }'; nft add chain inet f c
            nft add rule inet f i goto c; nft add rule inet f i accept",
            false,
            "filtered",
        ),
        at_80(
            "accepted first, dropped by a later chain",
            "nft add rule inet f i accept; nft 'add chain inet f j { type filter hook input priority 10; policy drop; }'",
            false,
            "filtered",
        ),
        at_80(
            "before the addresses change",
            "nft 'add chain inet f r { type filter hook prerouting priority raw; }'; nft add rule inet f r tcp dport 80 drop",
            false,
            "filtered",
        ),
        Layout {
            target: "10.77.0.1:8080",
            ..at_80(
                "dropped under its own port, and another port leads to it",
                "nft 'add chain inet f r { type filter hook prerouting priority raw; }'; nft add rule inet f r tcp dport 80 drop
                nft 'add chain inet f n { type nat hook prerouting priority dstnat; }'
                nft add rule inet f n tcp dport 8080 redirect to :80",
                true,
                "partly",
            )
        },
        at_80(
            "at the interface",
            "nft add table netdev n; nft 'add chain netdev n i { type filter hook ingress device wire priority 0; }'
            nft add rule netdev n i tcp dport 80 drop",
            false,
            "partly",
        ),
        at_80("a table that is dormant", "nft add rule inet f i drop; nft 'table inet f { flags dormant; }'", true, "open"),
        at_80(
            "without tracking",
            "nft 'add chain inet f r { type filter hook prerouting priority raw; }'; nft add rule inet f r tcp dport 80 notrack
            nft 'chain inet f i { policy drop; }'; nft add rule inet f i ct state new accept",
            false,
            "partly",
        ),
        // Nothing was given another destination, and packets that were would come in by the rules for what is passed on.
        at_80(
            "what firewalld begins with",
            "nft 'chain inet f i { policy drop; }'; nft add rule inet f i ct state established,related accept
            nft add rule inet f i ct status dnat accept; nft add rule inet f i iifname lo accept",
            false,
            "filtered",
        ),
        at_80(
            "what firewalld begins with, and a port that leads to another host",
            "nft 'chain inet f i { policy drop; }'; nft add rule inet f i ct status dnat accept
            nft 'add chain inet f n { type nat hook prerouting priority dstnat; }'
            nft add rule inet f n tcp dport 8080 dnat ip to 10.77.0.9:80",
            false,
            "filtered",
        ),
        Layout {
            target: "10.77.0.1:8080",
            ..at_80(
                "what firewalld begins with, and a port that leads to this one",
                "nft 'chain inet f i { policy drop; }'; nft add rule inet f i ct status dnat accept
                nft 'add chain inet f n { type nat hook prerouting priority dstnat; }'
                nft add rule inet f n tcp dport 8080 redirect to :80",
                true,
                "partly",
            )
        },
        at_80(
            "iptables, connections with another destination",
            "iptables -P INPUT DROP; iptables -A INPUT -m conntrack --ctstate DNAT -j ACCEPT",
            false,
            "filtered",
        ),
        Layout {
            listener: "tcp=[fd77::1]:80",
            target: "[fd77::1]:80",
            ..at_80(
                "a set of ranges of IPv6 addresses with ports",
                "nft add rule inet f i ip6 daddr . tcp dport '{ fd77::-fd78:: . 80 }' drop",
                false,
                "filtered",
            )
        },
        Layout {
            listener: "tcp=[fd77::1]:80",
            target: "[fd77::1]:80",
            ..at_80(
                "another range of IPv6 addresses",
                "nft add rule inet f i ip6 daddr . tcp dport '{ fd77::2-fd78:: . 80 }' drop",
                true,
                "open",
            )
        },
        at_80("rules for IPv6", "ip6tables -P INPUT DROP", true, "open"),
        at_80("iptables, a policy", "iptables -P INPUT DROP", false, "filtered"),
        at_80("iptables, a port", "iptables -A INPUT -p tcp --dport 80 -j DROP", false, "filtered"),
        at_80("iptables, a reject", "iptables -A INPUT -p tcp --dport 80 -j REJECT", false, "filtered"),
        at_80("iptables, another port", "iptables -A INPUT -p tcp --dport 81 -j DROP", true, "open"),
        at_80(
            "iptables, several ports",
            "iptables -P INPUT DROP; iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            iptables -A INPUT -p tcp -m multiport --dports 22,70:90 -m comment --comment web -j ACCEPT",
            true,
            "open",
        ),
        at_80(
            "iptables, several other ports",
            "iptables -P INPUT DROP; iptables -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
            iptables -A INPUT -p tcp -m multiport --dports 22,81:90 -j ACCEPT",
            false,
            "filtered",
        ),
        at_80(
            "iptables, every other port",
            "iptables -A INPUT -p tcp -m multiport ! --dports 80,443 -j DROP",
            true,
            "open",
        ),
        at_80("iptables, connections that begin", "iptables -A INPUT -p tcp --syn --dport 80 -j DROP", false, "filtered"),
        at_80("iptables, the kind of address", "iptables -A INPUT -m addrtype --dst-type LOCAL -j DROP", false, "filtered"),
        at_80("iptables, a match of its own", "iptables -A INPUT -m ttl --ttl-gt 200 -j DROP", true, "partly"),
        Layout {
            listener: "tcp=0.0.0.0:80",
            ..at_80("every address", "nft add rule inet f i ip daddr 10.77.0.1 tcp dport 80 drop", false, "filtered")
        },
        Layout {
            listener: "tcp=[::]:80,dual",
            ..at_80("one family of two", "nft add rule inet f i meta nfproto ipv4 drop", false, "partly")
        },
        Layout {
            listener: "tcp=[::]:80,v6only",
            target: "[fd77::1]:80",
            ..at_80("the other family", "nft add rule inet f i meta nfproto ipv4 drop", true, "open")
        },
        Layout {
            listener: "tcp=[::]:80,v6only",
            target: "[fd77::1]:80",
            ..at_80("iptables for IPv6", "ip6tables -A INPUT -p tcp --dport 80 -j DROP", false, "filtered")
        },
        at_80(
            "iptables-legacy, whose rules cannot be read",
            "iptables-legacy -A INPUT -p tcp --dport 80 -j DROP",
            false,
            "unknown",
        ),
    ]
}

#[test]
fn what_the_firewall_does_is_what_a_neighbour_sees() {
    for some in layouts().chunks(PARALLEL) {
        thread::scope(|scope| {
            let tries: Vec<_> = some.iter().map(|layout| scope.spawn(|| check(layout))).collect();
            for one in tries {
                one.join().expect("the layout is as it should be");
            }
        });
    }
}

fn check(layout: &Layout) {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    here.sh(&format!("{INPUT}\n{}", layout.rules));
    let _fixture = here.fixture(layout.listener);
    let name = layout.name;

    assert_eq!(connects(&there, layout.target, layout.connects), layout.connects, "{name}");
    let outcome = here.portolan().args("--tcp --state listen --json").run();
    let row = outcome.listing().rows.remove(0);
    assert_eq!(row.detail("firewall"), layout.firewall, "{name}: {}", row.0);
    let exposed = match layout.firewall {
        "open" => json!(true),
        "filtered" => json!(false),
        _ => Value::Null,
    };
    assert_eq!(row.detail("exposed"), &exposed, "{name}");
    let is_unknown = layout.firewall == "unknown";
    assert_eq!(outcome.stderr.contains("cannot read the firewall rules"), is_unknown, "{}", outcome.stderr);

    let kept = here.portolan().args("--tcp --state listen --exposed").list().rows.len();
    assert_eq!(kept, usize::from(layout.firewall != "filtered"), "{name}: what is unknown is kept");
    let table = here.portolan().args("--tcp --state listen --columns address,exposed --no-headers").run();
    let word = if layout.firewall == "open" { "yes" } else { layout.firewall };
    assert!(table.text().trim_end().ends_with(word), "{name}: {}", table.text());
}

/// A UDP socket on every address gets what is sent to a group, too: what ufw lets through by default.
#[test]
fn a_udp_socket_of_every_address_may_be_reached_by_a_group() {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    here.sh("iptables -P INPUT DROP; iptables -A INPUT -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT");

    let _fixture = here.fixture("udp=0.0.0.0:5353 udp=10.77.0.1:5354 udp=0.0.0.0:5355");
    let listing = here.portolan().args("--udp").list();
    for (what, firewall, exposed) in [
        ("udp 0.0.0.0:5353", "partly", Value::Null),
        ("udp 10.77.0.1:5354", "filtered", json!(false)),
        ("udp 0.0.0.0:5355", "filtered", json!(false)),
    ] {
        let row = listing.row(what);
        assert_eq!((row.detail("firewall"), row.detail("exposed")), (&json!(firewall), &exposed), "{what}");
    }
}

/// Whether a connection from a scene succeeds.
pub(crate) fn connects(from: &Scene, to: &str, must: bool) -> bool {
    let to: SocketAddr = to.parse().unwrap();
    let timeout = if must { CONNECT_TIMEOUT } else { NO_CONNECT_TIMEOUT };
    let namespace = File::open(format!("/proc/{}/ns/net", from.pid())).unwrap();
    let connecting = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        TcpStream::connect_timeout(&to, timeout).is_ok()
    });
    connecting.join().unwrap()
}

#[test]
fn without_rights_the_firewall_is_unknown_and_that_is_said_once() {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    let _fixture = here.fixture("tcp=10.77.0.1:80 tcp=127.0.0.1:81 tcp=0.0.0.0:82");
    let outcome = here.portolan().by_nobody().args("--json").run();
    let listing = outcome.listing();
    for (what, firewall, exposed) in [
        ("tcp 10.77.0.1:80", json!("unknown"), Value::Null),
        ("tcp 127.0.0.1:81", Value::Null, json!(false)),
        ("tcp 0.0.0.0:82", json!("unknown"), Value::Null),
    ] {
        let row = listing.row(what);
        let found = row.0["detail"].get("firewall").cloned().unwrap_or_default();
        assert_eq!((&found, row.detail("exposed")), (&firewall, &exposed), "{what}");
    }
    assert_eq!(outcome.stderr.matches("the firewall rules: no permission").count(), 1, "{}", outcome.stderr);

    let quiet = here.portolan().by_nobody().args("-p 81 --json").run();
    assert!(!quiet.stderr.contains("firewall"), "it does not matter to a loopback listener: {}", quiet.stderr);
    let table = here.portolan().by_nobody().args("-o wide --exposed").run();
    assert!(table.text().contains("unknown") && table.stderr.contains("CAP_NET_ADMIN"), "{}", table.stderr);
}
