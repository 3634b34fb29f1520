//! Real servers with known protocol, product and version.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{KINDS, Kind, Listing, Outcome, Row, Server, Servers};

/// The result for a server: for its address, or for all addresses if it listens on them.
fn row<'l>(listing: &'l Listing, server: &Server) -> &'l Row {
    let SocketAddr::V4(address) = server.address else { panic!("servers have addresses of IPv4") };
    let keys = [
        format!("{} {address}", server.kind.transport),
        format!("{} [::ffff:{}]:{}", server.kind.transport, address.ip(), address.port()),
    ];
    let found = listing.rows.iter().find(|row| keys.contains(&row.key()));
    found.unwrap_or_else(|| panic!("no row for {} in {:?}", keys[0], listing.keys()))
}

/// What is wrong with the result for a server.
fn wrong(said: &Value, server: &Server) -> Option<String> {
    let kind = server.kind;
    let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
    let right = text("protocol") == kind.protocol
        && kind.product.is_none_or(|product| text("product") == product)
        && (!kind.tells_version || text("version").starts_with(&server.version))
        && (kind.tells_version || said["version"].is_null())
        && said["tls"].is_object() == kind.tls;
    (!right).then(|| format!("{} {} ({:?}, {}): {said}", kind.name, server.address, kind.product, server.version))
}

/// Asserts that each was identified correctly.
fn assert_named(outcome: &Outcome, servers: &[Server]) {
    let listing = outcome.listing();
    let said = |server| &row(&listing, server).0["endpoints"][0]["service"];
    let wrong: Vec<String> = servers.iter().filter_map(|server| wrong(said(server), server)).collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), servers.len(), wrong.join("\n"));
}

#[test]
fn at_their_usual_ports_each_is_named() {
    let servers = Servers::start(KINDS, 0);
    assert_named(&servers.scene().portolan().args("--identify --intensity all --json").run(), &servers.all);
}

#[test]
fn at_odd_ports_each_is_named() {
    let servers = Servers::start(KINDS, 20000);
    assert_named(&servers.scene().portolan().args("--identify --json").run(), &servers.all);
}

/// Pairs of which each has the other's port.
const LIARS: &[(&str, &str)] = &[
    ("ssh", "nginx"),
    ("imap", "redis"),
    ("postgresql", "mariadb"),
    ("mosquitto", "vsftpd"),
    ("postfix", "nats"),
    ("slapd", "vnc"),
    ("nginx-tls", "telnetd"),
    ("chrony", "snmpd"),
];

#[test]
fn a_port_of_another_process_is_no_evidence() {
    let both =
        |(one, other): &(&'static str, &'static str)| [Kind::at_port_of(one, other), Kind::at_port_of(other, one)];
    let servers = Servers::start(LIARS.iter().flat_map(both), 0);
    assert_named(&servers.scene().portolan().args("--identify --json").run(), &servers.all);
}

/// Servers that have no reason to connect to anything, nor to each other.
const QUIET: &[&str] = &["chrony", "dnsmasq", "memcached", "nginx", "redis", "snmpd", "ssh", "vsftpd"];

/// How many TCP connections were accepted, and how many datagrams came, in the network namespace of a process.
fn arrivals(pid: u32) -> (u64, u64) {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/snmp")).unwrap();
    let value = |protocol: &str, name: &str| -> u64 {
        let mut lines = table.lines().filter(|line| line.starts_with(protocol)).map(str::split_whitespace);
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        names.zip(values).find(|(found, _)| *found == name).unwrap().1.parse().unwrap()
    };
    (value("Tcp:", "PassiveOpens"), value("Udp:", "InDatagrams"))
}

#[test]
fn a_listing_connects_to_no_server() {
    let servers = Servers::start(KINDS.iter().filter(|kind| QUIET.contains(&kind.name)), 0);
    let scene = servers.scene();
    let before = arrivals(scene.pid());
    for format in ["--json", "-o wide", "-o ndjson"] {
        assert_eq!(scene.portolan().args(format).run().code, Some(0));
    }
    assert_eq!(arrivals(scene.pid()), before);
    assert_named(&scene.portolan().args("--identify --json").run(), &servers.all);
    let (connections, datagrams) = arrivals(scene.pid());
    assert!(connections > before.0 && datagrams > before.1, "{connections} {datagrams}");
}
