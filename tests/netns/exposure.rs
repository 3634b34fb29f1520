//! "Not exposed" is a proof: wherever another host connects, portolan says `true` or does not know.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::support::Scene;

/// Two hosts with a wire between them, and what is said of a listener on the first.
#[derive(Clone)]
struct Layout {
    name: &'static str,
    /// Prepares the first host,
    here: &'static str,
    /// and the other one.
    there: &'static str,
    listener: &'static str,
    /// Where the other host connects to.
    target: &'static str,
    connects: bool,
    exposed: Value,
}

const LOCALNET: &str = "echo 1 > /proc/sys/net/ipv4/conf/wire/route_localnet
    ip route del local 127.0.0.0/8 dev lo table local; ip route add 127.9.9.9 via 10.77.0.1 src 10.77.0.2";

/// Packets for ports 80 and 81 go to the sockets at 127.0.0.1:7002 and 127.0.0.1:7003.
const TPROXY: &str = "nft add table ip t
    nft 'add chain ip t p { type filter hook prerouting priority mangle; }'
    nft add rule ip t p tcp dport 80 tproxy to 127.0.0.1:7002 meta mark set 1 accept
    ip rule add fwmark 1 lookup 100; ip route add local 0.0.0.0/0 dev lo table 100";

/// Packets for port 8080 get another address.
macro_rules! dnat {
    () => {
        "nft add table ip t
        nft 'add chain ip t p { type nat hook prerouting priority dstnat; }'
        nft add rule ip t p tcp dport 8080 dnat to 127.0.0.1:80"
    };
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn layouts() -> Vec<Layout> {
    let plain = Layout {
        name: "an address of an interface that is up",
        here: "",
        there: "",
        listener: "tcp=10.77.0.1:80",
        target: "10.77.0.1:80",
        connects: true,
        exposed: json!(true),
    };
    let routed = "ip route add 10.88.0.1 via 10.77.0.1";
    let down = "ip link add d0 type veth peer name d1; ip addr add 10.88.0.1/24 dev d0";
    let no_carrier = "ip link add d0 type veth peer name d1; ip addr add 10.88.0.1/24 dev d0; ip link set d0 up";
    let far = Layout { there: routed, listener: "tcp=10.88.0.1:80", target: "10.88.0.1:80", ..plain.clone() };

    vec![
        Layout { name: "an address of an interface that is down", here: down, ..far.clone() },
        Layout {
            name: "an address of an interface without carrier",
            here: no_carrier,
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "an address of lo",
            here: "ip addr add 10.88.0.1/32 dev lo",
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "every address, by one of an interface that is down",
            here: down,
            listener: "tcp=0.0.0.0:80",
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "bound to the wire, by an address of another interface",
            here: down,
            listener: "tcp=10.88.0.1:80,device=wire",
            exposed: json!(null),
            ..far.clone()
        },
        Layout {
            name: "bound to the interface that is down",
            here: down,
            listener: "tcp=10.88.0.1:80,device=d0",
            connects: false,
            exposed: json!(false),
            ..far.clone()
        },
        Layout {
            name: "a route to here without an interface",
            here: "ip route add local 10.88.0.0/24 dev lo",
            exposed: json!(null),
            ..far.clone()
        },
        Layout {
            name: "an IPv6 address of lo",
            here: "ip addr add fd88::1/128 dev lo nodad",
            there: "ip route add fd88::1 via fd77::1",
            listener: "tcp=[fd88::1]:80",
            target: "[fd88::1]:80",
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "loopback, and the interface routes it",
            here: "echo 1 > /proc/sys/net/ipv4/conf/wire/route_localnet",
            there: LOCALNET,
            listener: "tcp=127.9.9.9:80",
            target: "127.9.9.9:80",
            exposed: json!(null),
            ..far.clone()
        },
        Layout {
            name: "loopback, and all interfaces route it",
            here: "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet",
            there: LOCALNET,
            listener: "tcp=127.9.9.9:80",
            target: "127.9.9.9:80",
            exposed: json!(null),
            ..far.clone()
        },
        Layout {
            name: "loopback",
            there: LOCALNET,
            listener: "tcp=127.9.9.9:80",
            target: "127.9.9.9:80",
            connects: false,
            exposed: json!(false),
            ..far.clone()
        },
        Layout {
            name: "bound to lo",
            listener: "tcp=0.0.0.0:80,device=lo",
            target: "10.77.0.1:80",
            connects: false,
            exposed: json!(false),
            ..far.clone()
        },
        Layout {
            name: "every interface is down",
            here: "ip link set wire down",
            listener: "tcp=0.0.0.0:80",
            target: "10.77.0.1:80",
            connects: false,
            exposed: json!(false),
            ..far.clone()
        },
        Layout {
            name: "loopback, transparent, and a rule leads there",
            here: TPROXY,
            listener: "tcp=127.0.0.1:7002,transparent",
            exposed: json!(null),
            ..plain.clone()
        },
        Layout {
            name: "loopback, not transparent, and a rule leads there",
            here: TPROXY,
            listener: "tcp=127.0.0.1:7002",
            connects: false,
            exposed: json!(false),
            ..plain.clone()
        },
        Layout {
            name: "loopback, another address becomes this one, and the interface routes it",
            here: concat!("echo 1 > /proc/sys/net/ipv4/conf/wire/route_localnet\n", dnat!()),
            listener: "tcp=127.0.0.1:80",
            target: "10.77.0.1:8080",
            exposed: json!(null),
            ..plain.clone()
        },
        Layout {
            name: "loopback, another address becomes this one",
            here: dnat!(),
            listener: "tcp=127.0.0.1:80",
            target: "10.77.0.1:8080",
            connects: false,
            exposed: json!(false),
            ..plain.clone()
        },
        Layout {
            name: "loopback, and a rule leads to the address of the interface",
            here: "nft add table ip t; nft 'add chain ip t p { type nat hook prerouting priority dstnat; }'
                nft add rule ip t p tcp dport 8080 redirect to :80",
            listener: "tcp=127.0.0.1:80",
            target: "10.77.0.1:8080",
            connects: false,
            exposed: json!(false),
            ..plain.clone()
        },
        Layout {
            name: "an address of a bridge",
            here: "ip addr del 10.77.0.1/24 dev wire; ip link add br0 type bridge; ip link set wire master br0
                ip link set br0 up; ip addr add 10.77.0.1/24 dev br0",
            ..plain.clone()
        },
        Layout {
            name: "an address of a macvlan",
            here: "ip link add mv link wire type macvlan mode bridge; ip addr add 10.99.0.1/24 dev mv; ip link set mv up",
            there: "ip addr add 10.99.0.2/24 dev wire",
            listener: "tcp=10.99.0.1:80",
            target: "10.99.0.1:80",
            ..plain.clone()
        },
        Layout { name: "every IPv4 address", listener: "tcp=0.0.0.0:80", ..plain.clone() },
        Layout { name: "every IPv6 address", listener: "tcp=[::]:80,v6only", target: "[fd77::1]:80", ..plain.clone() },
        Layout { name: "every address, by IPv4", listener: "tcp=[::]:80,dual", ..plain.clone() },
        Layout { name: "an IPv4 address in IPv6", listener: "tcp=[::ffff:10.77.0.1]:80", ..plain.clone() },
        Layout {
            name: "bound to the wire",
            listener: "tcp=[::]:80,v6only,device=wire",
            target: "[fd77::1]:80",
            ..plain.clone()
        },
        Layout {
            name: "an IPv6 address of an interface that is up",
            listener: "tcp=[fd77::1]:80",
            target: "[fd77::1]:80",
            ..plain.clone()
        },
        Layout {
            name: "IPv6 loopback",
            listener: "tcp=[::1]:80",
            target: "[fd77::1]:80",
            connects: false,
            exposed: json!(false),
            ..plain.clone()
        },
        Layout {
            name: "an address of a bridge without ports",
            here: "ip link add br1 type bridge; ip addr add 10.88.0.1/24 dev br1; ip link set br1 up",
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "an address with a peer",
            here: "ip addr add 10.88.0.1 peer 10.88.0.9 dev wire",
            exposed: json!(true),
            ..far.clone()
        },
        Layout {
            name: "a second address of lo with a label",
            here: "ip addr add 10.88.0.1/32 dev lo label lo:1",
            exposed: json!(true),
            ..far
        },
        Layout {
            name: "an address that this machine does not have, and a route to here",
            here: "echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind; ip route add local 10.88.0.1 dev lo",
            there: routed,
            listener: "tcp=10.88.0.1:80",
            target: "10.88.0.1:80",
            exposed: json!(null),
            ..plain.clone()
        },
        plain,
    ]
}

#[test]
fn what_another_host_connects_to_is_never_called_unexposed() {
    let layouts = layouts();
    assert!(layouts.len() >= 30, "{} layouts", layouts.len());
    for layout in layouts {
        let (here, there) = (Scene::new(), Scene::new());
        here.wire_to(&there);
        here.sh(layout.here);
        there.sh(layout.there);
        let _fixture = here.fixture(layout.listener);

        assert_eq!(connects(&there, layout.target), layout.connects, "{}", layout.name);
        let listing = here.portolan().args("--tcp --state listen").list();
        assert_eq!(listing.rows[0].detail("exposed"), &layout.exposed, "{}", layout.name);
        let kept = here.portolan().args("--tcp --state listen --exposed").list().rows.len();
        assert_eq!(kept, usize::from(layout.exposed != json!(false)), "{}: what is unknown is kept", layout.name);
    }
}

/// Whether a connection from a scene succeeds. One that is dropped fails only after a while.
fn connects(from: &Scene, to: &str) -> bool {
    let to: SocketAddr = to.parse().unwrap();
    let namespace = File::open(format!("/proc/{}/ns/net", from.pid())).unwrap();
    let connecting = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        TcpStream::connect_timeout(&to, Duration::from_secs(2)).is_ok()
    });
    connecting.join().unwrap()
}
