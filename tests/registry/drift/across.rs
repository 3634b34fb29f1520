//! 200 listeners in two registries and in DNS, with 12 planted differences of each kind: each is found, and nothing else.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::world::{EACH, inside, scene};
use super::{Findings, drift};
use crate::sources::contract::base64;
use crate::sources::json_http::send;
use crate::sources::programs::{consul, etcd, knot, write_zone};
use crate::support::{HANG, needs_root};

/// The ports.
const COUNT: u16 = 200;
const FIRST_PORT: u16 = 20_000;
const ADDRESS: &str = "10.0.0.5";

/// The planted differences, one group of ports for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Difference {
    NotInEtcd,
    NotInConsul,
    Version,
    NotInDns,
    /// DNS has a port that no registry has.
    OnlyInDns,
}

impl Difference {
    fn ports(self) -> Range<u16> {
        let (at, each) = (self as u16, u16::try_from(EACH).unwrap());
        let first = if self == Self::OnlyInDns { FIRST_PORT + COUNT } else { FIRST_PORT + at * each };
        first..first + each
    }

    fn has(self, port: u16) -> bool {
        self.ports().contains(&port)
    }

    fn code(self) -> &'static str {
        match self {
            Self::NotInEtcd | Self::NotInConsul => "drift-registries-differ",
            Self::Version => "drift-version-differs",
            Self::NotInDns | Self::OnlyInDns => "drift-dns-differs",
        }
    }
}

/// The distance to the other instance of a pair.
const PAIR: u16 = 100;

/// Services of many instances; a reply of DNS may be shortened to three, so one that lacks an instance has only a pair.
fn service(port: u16) -> String {
    let is_pair = |port: u16| Difference::NotInDns.has(port);
    match port {
        _ if is_pair(port) => format!("pair-{port}"),
        _ if is_pair(port - PAIR) => format!("pair-{}", port - PAIR),
        _ => format!("svc-{}", port % 7),
    }
}

fn ports() -> Range<u16> {
    FIRST_PORT..FIRST_PORT + COUNT
}

fn fill_consul(server: SocketAddr) {
    for port in ports().filter(|port| !Difference::NotInConsul.has(*port)) {
        let body = json!({ "ID": format!("i-{port}"), "Name": service(port), "Address": ADDRESS, "Port": port,
            "Meta": { "version": "1.0" }, "Check": { "TTL": "1h", "Status": "passing" } });
        send(server, "PUT", "/v1/agent/service/register", None, &body);
    }
}

fn fill_etcd(server: SocketAddr) {
    let granted = send(server, "POST", "/v3/lease/grant", None, &json!({ "TTL": "3600" }));
    let granted: Value = serde_json::from_str(&granted).unwrap();
    for port in ports().filter(|port| !Difference::NotInEtcd.has(*port)) {
        let version = if Difference::Version.has(port) { "1.1" } else { "1.0" };
        let (id, name) = (format!("i-{port}"), service(port));
        let value = json!({ "id": id, "name": name, "address": ADDRESS, "port": port, "version": version });
        let key = base64(&format!("/services/{name}/{id}"));
        let body = json!({ "key": key, "value": base64(&value.to_string()), "lease": granted["ID"] });
        send(server, "POST", "/v3/kv/put", None, &body);
    }
}

fn zone() -> String {
    let mut records = format!("host.test. 0 A {ADDRESS}\n");
    for port in ports().filter(|port| !Difference::NotInDns.has(*port)).chain(Difference::OnlyInDns.ports()) {
        writeln!(records, "{}.test. 0 SRV 0 5 {port} host.test.", service(port)).unwrap();
    }
    records
}

#[test]
fn every_planted_difference_of_two_registries_and_dns_is_found_and_nothing_else() {
    needs_root("it enters a network namespace");
    let scene = scene();
    inside(&scene, || {
        let _sockets: Vec<TcpListener> =
            ports().map(|port| TcpListener::bind((ADDRESS, port)).expect("the port is free")).collect();
        let (consul, etcd, names) = (consul(), etcd(), knot());
        fill_consul(consul.address);
        fill_etcd(etcd.address);
        write_zone(names.dir.path(), &zone());
        names.signal(Signal::HUP);

        let all = [
            Difference::NotInEtcd,
            Difference::NotInConsul,
            Difference::Version,
            Difference::NotInDns,
            Difference::OnlyInDns,
        ];
        let expected = all.into_iter().flat_map(|difference| {
            difference.ports().map(move |port| (difference.code().to_owned(), format!("{ADDRESS}:{port}")))
        });
        let expected: Findings = expected.collect();

        let registries = [format!("consul://{}", consul.address), format!("etcd://{}", etcd.address)];
        let dns = format!("dns://{}/test", names.address);
        let begun = std::time::Instant::now();
        loop {
            let ran = drift(&[&registries[0], &registries[1], &dns, "--json", "--node", "n1"]);
            let found = ran.findings();
            if found == expected {
                assert_eq!((ran.code, found.len()), (Some(1), all.len() * EACH), "{}", ran.stderr);
                break;
            }
            // Knot reads the zone when it gets to it.
            let missed: Vec<_> = expected.difference(&found).collect();
            let false_ones: Vec<_> = found.difference(&expected).collect();
            assert!(begun.elapsed() < HANG, "missed {missed:?}, false {false_ones:?}\n{}", ran.stderr);
        }
    });
}
