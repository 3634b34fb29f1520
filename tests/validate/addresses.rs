//! A name with several addresses: one that a client can use is enough (RFC 8305), and the dead ones are named.

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::process::Command;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::http_client::codes_of;
use crate::oracle::{Running, start};
use crate::peer::closed_port;
use crate::portolan;
use crate::support::needs_root;

/// A DNS server with these records, and its address.
fn dns(records: &[&str]) -> (Running, String) {
    let at = closed_port().to_string();
    let port = format!("-p{}", at.rsplit(':').next().unwrap());
    let mut args =
        vec!["-k", "-C", "/dev/null", "-u", "root", "-R", "-h", "-z", "-a", "127.0.0.1", &port, "--local=/test/"];
    args.extend(records);
    let running = start("dnsmasq", &args, &at);
    (running, at)
}

/// The health of the only endpoint.
fn health(args: &[&str]) -> Value {
    let ran = portolan([&["validate", "--json", "--retries", "0"], args].concat());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    document["items"][0]["endpoints"][0]["health"].clone()
}

/// A listener whose queue is full: further connections get no reply.
struct BlackHole(#[allow(dead_code, reason = "they stay open")] Vec<Socket>);

impl BlackHole {
    fn at(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();

        let mut all = vec![listener];
        for _ in 0..8 {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            // It is in progress.
            let _ = client.connect(&address.into());
            all.push(client);
        }

        Self(all)
    }
}

/// H5: no order of addresses changes the verdict, and what is dead is named without a cap.
#[test]
fn a_name_is_usable_with_one_live_address() {
    let live = TcpListener::bind("127.0.0.5:0").unwrap();
    let port = live.local_addr().unwrap().port();
    let _hole = BlackHole::at(SocketAddr::from(([127, 0, 0, 2], port)));
    let (_running, resolver) = dns(&[
        "--host-record=live.test,127.0.0.5",
        "--host-record=first.test,127.0.0.5",
        "--host-record=first.test,127.0.0.9",
        "--host-record=last.test,127.0.0.4",
        "--host-record=last.test,127.0.0.5",
        "--host-record=many.test,127.0.0.3",
        "--host-record=many.test,127.0.0.4",
        "--host-record=many.test,127.0.0.6",
        "--host-record=many.test,127.0.0.7",
        "--host-record=many.test,127.0.0.8",
        "--host-record=many.test,127.0.0.5",
        "--host-record=hole.test,127.0.0.2",
        "--host-record=hole.test,127.0.0.5",
        "--host-record=dead.test,127.0.0.3",
        "--host-record=dead.test,127.0.0.4",
        "--host-record=my_app.test,127.0.0.5",
    ]);
    for (name, codes, named) in [
        ("live", &[""; 0][..], &[""; 0][..]),
        ("first", &["dns-address-dead"], &["127.0.0.9 (connection refused)"]),
        ("last", &["dns-address-dead"], &["127.0.0.4 (connection refused)"]),
        ("many", &["dns-address-dead"], &["127.0.0.3 (", "127.0.0.4 (", "127.0.0.6 (", "127.0.0.7 (", "and 1 more"]),
        ("hole", &["dns-address-dead"], &["127.0.0.2 (no reply in "]),
        ("dead", &["tcp-refused"], &["connection refused (2 times)"]),
        ("my_app", &[], &[]),
    ] {
        let health = health(&[&format!("{name}.test:{port}"), "--resolver", &resolver, "--timeout", "20s"]);
        assert_eq!(codes_of(&health), codes, "{name}: {health}");
        assert_eq!(health["state"], if name == "dead" { "unhealthy" } else { "healthy" }, "{name}: {health}");
        let text = health["findings"][0]["text"].as_str().unwrap_or_default();
        assert!(named.iter().all(|named| text.contains(named)), "{name}: {text}");
    }

    // A black hole costs neither the deadline nor a check.
    let target = format!("hole.test:{port}");
    for more in [&["--deadline", "20s", "--timeout", "1m"][..], &["--check", "tcp", "--timeout", "20s"]] {
        let health = health(&[&[target.as_str(), "--resolver", &resolver], more].concat());
        assert_eq!((&health["state"], &health["complete"]), (&"healthy".into(), &true.into()), "{more:?}: {health}");
    }
}

/// The addresses of `localhost` on this machine, as other programs get them.
fn localhost() -> Vec<IpAddr> {
    ("localhost", 0).to_socket_addrs().unwrap().map(|address| address.ip()).collect()
}

/// `localhost` of a server that listens on one of its addresses is in order, and the address is named.
#[test]
fn localhost_needs_one_of_its_addresses() {
    for at in localhost() {
        let live = TcpListener::bind((at, 0)).unwrap();
        let port = live.local_addr().unwrap().port();
        let health = health(&[&format!("localhost:{port}"), "--timeout", "20s"]);
        assert_eq!((codes_of(&health), &health["state"]), (Vec::new(), &"healthy".into()), "{at}: {health}");
        assert_eq!(health["checked_address"], at.to_string(), "{health}");
    }
}

/// A server at an address that other programs do not take for `localhost` is another one.
#[test]
fn localhost_has_no_more_addresses_than_for_other_programs() {
    needs_root("a file is mounted over the hosts file");
    let other = TcpListener::bind("[::1]:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let script = "printf '127.0.0.1 localhost\\n' > /tmp/hosts.$$ && mount --bind /tmp/hosts.$$ /etc/hosts && rm /tmp/hosts.$$ && \
                  \"$0\" validate -q --columns score localhost:$1; \"$0\" wait --timeout 100ms -q localhost:$1; echo $?";
    let ran = Command::new("unshare")
        .args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_portolan"), &port])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["SCORE", "0", "1"], "{:?}", ran.stderr);
}

/// SERVFAIL and REFUSED are replies.
#[test]
fn an_error_of_a_resolver_is_no_timeout() {
    for (code, name) in [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED")] {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let resolver = socket.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                query[2] |= 0x80;
                query[3] = query[3] & 0xf0 | code;
                // Without the additional record of the query.
                query[10..12].fill(0);
                let end = 12 + query[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
                let _ = socket.send_to(&query[..end], from);
            }
        });

        let health = health(&["web.test:80", "--resolver", &resolver, "--timeout", "20s"]);
        assert_eq!(codes_of(&health), ["dns-failed"], "{name}: {health}");
        assert_eq!((&health["state"], &health["complete"]), (&"unknown".into(), &false.into()), "{name}: {health}");
        let text = health["findings"][0]["text"].as_str().unwrap();
        assert_eq!(text, format!("{resolver} replies {name} for web.test"));
    }
}

/// H6: as getent and curl resolve it. A name of the hosts file needs no DNS: the other family was looked up there, which took
/// seconds where no resolver replies (`dns-slow`).
#[test]
fn names_of_the_hosts_file_may_have_underscores() {
    needs_root("files are mounted over the hosts file and the resolver's");
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = live.local_addr().unwrap().port();
    let script = "printf '127.0.0.1 my_app _x.my_app\n' > /tmp/hosts.$$ && mount --bind /tmp/hosts.$$ /etc/hosts && \
                  echo nameserver 127.0.0.99 > /tmp/hosts.$$.r && mount --bind /tmp/hosts.$$.r /etc/resolv.conf && \
                  rm /tmp/hosts.$$ /tmp/hosts.$$.r && getent hosts my_app && \"$0\" validate --json my_app:$1 _x.my_app:$1";
    let ran = Command::new("unshare")
        .args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_portolan"), &port.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let (resolved, document) = text.split_once('\n').unwrap_or_else(|| panic!("{text} {:?}", ran.stderr));
    assert!(resolved.starts_with("127.0.0.1"), "{resolved}");

    let document: Value = serde_json::from_str(document).unwrap();
    for item in document["items"].as_array().unwrap() {
        assert_eq!(item["health"]["state"], "healthy", "{item}");
        let codes = codes_of(&item["endpoints"][0]["health"]);
        assert!(!codes.iter().any(|code| code.starts_with("dns-")), "{item}");
    }
}

/// H5: each address of `localhost` counts for `wait` too; gone is refused by all.
#[test]
fn localhost_is_each_of_its_addresses() {
    for address in localhost() {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        for name in ["localhost", "LOCALHOST.", "shop.localhost"] {
            let target = format!("{name}:{port}");
            let ran = portolan(["wait", &target, "--timeout", "20s"]);
            assert_eq!(ran.code, Some(0), "{address} {target}: {ran:?}");
            let still = portolan(["wait", "--gone", &target, "--timeout", "300ms"]);
            assert_eq!(still.code, Some(1), "{address} {target}: {still:?}");
        }
        drop(listener);
        let gone = portolan(["wait", "--gone", &format!("localhost:{port}"), "--timeout", "20s"]);
        assert_eq!(gone.code, Some(0), "{address}: {gone:?}");
    }
}
