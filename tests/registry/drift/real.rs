//! Several registries against each other, repairs, and a watch.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Findings, drift, finding, run};
use crate::sources::contract::base64;
use crate::sources::json_http::send;
use crate::sources::programs::{consul, etcd, knot, write_zone};
use crate::support::{Lines, finish};

fn listeners(count: usize) -> (Vec<TcpListener>, Vec<u16>) {
    let sockets: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    (sockets, ports)
}

fn in_consul(server: SocketAddr, id: &str, port: u16, version: &str) {
    let body = json!({ "ID": id, "Name": "web", "Address": "127.0.0.1", "Port": port, "Meta": { "version": version },
        "Check": { "TTL": "1h", "Status": "passing" } });
    send(server, "PUT", "/v1/agent/service/register", None, &body);
}

fn in_etcd(server: SocketAddr, id: &str, port: u16, version: &str) {
    let value = json!({ "id": id, "name": "web", "address": "127.0.0.1", "port": port, "version": version });
    let body = json!({ "key": base64(&format!("/services/web/{id}")), "value": base64(&value.to_string()) });
    send(server, "POST", "/v3/kv/put", None, &body);
}

/// The findings of some codes: other tests of this machine listen on loopback too.
fn of_codes(findings: Findings, codes: &[&str]) -> Findings {
    findings.into_iter().filter(|(code, _)| codes.contains(&code.as_str())).collect()
}

#[test]
fn registries_and_dns_are_compared_with_each_other() {
    let (_sockets, ports) = listeners(3);
    let (consul, etcd, names) = (consul(), etcd(), knot());
    for (at, id) in ["w1", "w2", "w3"].iter().enumerate() {
        in_consul(consul.address, id, ports[at], "1.0");
    }
    in_etcd(etcd.address, "w1", ports[0], "1.0");
    in_etcd(etcd.address, "w2", ports[1], "1.1");
    let records = [ports[0], 9].map(|port| format!("web.test. 0 SRV 0 5 {port} host.test.\n"));
    write_zone(names.dir.path(), &format!("{}host.test. 0 A 127.0.0.1\n", records.concat()));
    names.signal(rustix::process::Signal::HUP);

    let registries = [format!("consul://{}", consul.address), format!("etcd://{}", etcd.address)];
    let dns = format!("dns://{}/test", names.address);
    let codes = ["drift-registries-differ", "drift-version-differs", "drift-dns-differs"];
    let of = |code: &str, port: u16| (code.to_owned(), format!("127.0.0.1:{port}"));
    let expected: Findings = [
        of("drift-registries-differ", ports[2]),
        of("drift-version-differs", ports[1]),
        of("drift-dns-differs", ports[1]),
        of("drift-dns-differs", ports[2]),
        of("drift-dns-differs", 9),
    ]
    .into();

    let begun = std::time::Instant::now();
    loop {
        let ran = drift(&[&registries[0], &registries[1], &dns, "--json"]);
        let found = of_codes(ran.findings(), &codes);
        // Knot reads the zone when it gets to it.
        if found == expected {
            break;
        }
        assert!(begun.elapsed() < crate::support::HANG, "{found:?} is not {expected:?}\n{}", ran.stderr);
    }
}

#[test]
fn a_repair_removes_a_fifth_of_a_service_and_never_what_listens() {
    let (sockets, ports) = listeners(10);
    let server = consul();
    for (at, port) in ports.iter().enumerate() {
        in_consul(server.address, &format!("w{at}"), *port, "1.0");
    }
    let registry = format!("consul://{}", server.address);
    let mut sockets = sockets;
    sockets.truncate(6);

    let printed = drift(&[&registry, "--fix", "--fail-on", "not-listening"]);
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    assert_eq!(printed.stdout.matches("\nconsul services deregister -http-addr=").count(), 4, "{}", printed.stdout);
    assert_eq!(registered(server.address).len(), 10, "--fix alone changes nothing");

    let fixed = drift(&[&registry, "--fix", "--yes", "--fail-on", "not-listening"]);
    let removed = fixed.stdout.lines().filter(|line| line.starts_with("deregistered "));
    assert_eq!(removed.count(), 2, "{} {}", fixed.stdout, fixed.stderr);
    assert!(fixed.stdout.starts_with("deregistered n1/w") && fixed.code == Some(1), "{}", fixed.stdout);
    assert!(fixed.stderr.contains("--yes removes at most 20 % of the instances of web"), "{}", fixed.stderr);
    let left = registered(server.address);
    assert_eq!(left.len(), 8);
    assert!(["w0", "w1", "w2", "w3", "w4", "w5"].iter().all(|id| left.contains(&format!("n1/{id}"))), "{left:?}");
}

/// The ids of the instances.
fn registered(server: SocketAddr) -> Vec<String> {
    let mut portolan = Command::new(env!("CARGO_BIN_EXE_portolan"));
    let ran = run(portolan.args(["discover", "consul", "web", "--json", "--address", &server.to_string()]));
    let items = ran.items();
    let endpoints = items[0]["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["instance"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_watch_reports_a_drift_when_it_begins_and_when_it_ends() {
    let (sockets, ports) = listeners(1);
    let server = etcd();
    in_etcd(server.address, "w1", ports[0], "1.0");

    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["drift", &format!("etcd://{}", server.address), "--watch", "--json", "--interval", "50ms"]);
    command.env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines::of(&mut child);
    let next = |kind: &str| {
        loop {
            let event: Value = serde_json::from_str(&lines.next().expect("an event")).unwrap();
            let is_own = finding(&event["item"]).is_some_and(|found| found == own(ports[0]));
            if event["type"] == kind && (is_own || kind == "synced") {
                return event;
            }
            assert!(!is_own, "{event} before {kind}");
        }
    };

    next("synced");
    drop(sockets);
    let added = next("added");
    assert!(added["item"]["detail"]["since"].is_string(), "{added}");
    let again = TcpListener::bind(("127.0.0.1", ports[0])).expect("the port is free again");
    next("removed");
    drop(again);
    crate::support::kill(child.id(), rustix::process::Signal::INT);
    assert!(finish(child).is_some());
}

fn own(port: u16) -> (String, String) {
    ("drift-not-listening".to_owned(), format!("127.0.0.1:{port}"))
}
