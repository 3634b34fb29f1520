//! DNS with dnspython: it reads the same as dig, goes on to TCP by itself, and picks by the weights.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::dns::{Dug, dig, register_fleet, server, sorted_records};
use crate::support::output;

/// What dnspython reads of the replies to some questions.
fn read(dns: SocketAddr, questions: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/serve/query.py");
    // The package is for Debian's own Python.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).args([dns.ip().to_string(), dns.port().to_string()]).arg(Value::from(questions).to_string());
    let out = output(&mut command);
    let said = String::from_utf8_lossy(&out.stderr);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("apt-get install python3-dnspython? {said}"))
}

fn section(reply: &Value, name: &str) -> Vec<String> {
    let lines: Vec<&str> = reply[name].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    sorted_records(&lines)
}

/// dnspython and dig read the same records and flags.
#[track_caller]
fn assert_same(question: &Value, reply: &Value, dug: &Dug) {
    let has = |flag: &str| dug.flags.iter().any(|own| own == flag);
    assert_eq!(
        (&reply["status"], &reply["authoritative"], &reply["truncated"]),
        (&json!(dug.status), &json!(has("aa")), &json!(has("tc"))),
        "{question}: {reply} {dug:?}"
    );
    for (name, lines) in
        [("answers", &dug.answers), ("authorities", &dug.authorities), ("additionals", &dug.additionals)]
    {
        assert_eq!(section(reply, name), sorted_records(lines), "{question} {name}");
    }
}

#[test]
fn dnspython_reads_the_same_as_dig() {
    let (server, dns) = server(&["--dns-domain", "consul", "--cluster", "dc1", "--dns-ttl", "5"]);
    server
        .register(r#"{"name":"web","address":"10.0.0.1","port":8080,"weight":10,"tags":["api"],"node":"n1","ttl":0}"#);
    server.register(r#"{"name":"web","address":"2001:db8::5","port":8081,"node":"n2","ttl":0}"#);
    server.register(r#"{"name":"alias","address":"db.example.org","port":5432,"ttl":0}"#);

    let mut questions = Vec::new();
    for (name, kind) in [
        ("web.service.consul", "A"),
        ("WeB.SERVICE.dc1.consul", "AAAA"),
        ("web.service.consul", "ANY"),
        ("_web._tcp.service.consul", "SRV"),
        ("api.web.service.consul", "AAAA"),
        ("alias.service.consul", "A"),
        ("1.0.0.10.in-addr.arpa", "PTR"),
        ("consul", "SOA"),
        ("consul", "NS"),
        ("nothing.service.consul", "A"),
        ("web.service.consul", "TXT"),
        ("example.org", "A"),
    ] {
        for (way, edns) in [
            ("udp", None),
            ("udp", Some(512)),
            ("udp", Some(1_232)),
            ("udp", Some(4_096)),
            ("tcp", None),
            ("tcp", Some(512)),
        ] {
            questions.push(json!({ "name": name, "type": kind, "way": way, "edns": edns }));
        }
    }
    for (question, reply) in questions.iter().zip(read(dns, &questions)) {
        let [name, kind, way] = ["name", "type", "way"].map(|field| question[field].as_str().unwrap());
        let edns = question["edns"].as_u64().map_or("+noedns".to_owned(), |size| format!("+bufsize={size}"));
        let way = if way == "tcp" { "+tcp" } else { "+notcp" };
        assert_same(question, &reply, &dig(dns, &format!("{name} {kind} {edns} {way}")));
    }

    // Its own resolver, which programs use, says why there is nothing.
    let questions = [
        ("web.service.consul", "A"),
        ("nothing.service.consul", "A"),
        ("web.service.consul", "TXT"),
        ("example.org", "A"),
    ]
    .map(|(name, kind)| json!({ "name": name, "type": kind, "way": "resolver" }));
    assert_eq!(
        read(dns, &questions),
        [
            json!({ "answers": ["web.service.consul. 5 IN A 10.0.0.1"] }),
            json!({ "error": "NXDOMAIN" }),
            json!({ "error": "NoAnswer" }),
            json!({ "error": "NoNameservers" }),
        ]
    );
}

/// A reply that says that it is not whole is asked for over TCP, and is whole there.
#[test]
fn dnspython_goes_on_to_tcp_for_what_does_not_fit() {
    for count in [1, 4, 60, 1_000] {
        let (server, dns) = server(&[]);
        register_fleet(&server, count);
        let count = count as usize;
        let sizes = [None, Some(512), Some(1_232), Some(4_096)];
        let questions = |way: &str| -> Vec<Value> {
            let kinds = ["A", "SRV"].into_iter();
            let questions = kinds.flat_map(|kind| {
                sizes.map(|edns| json!({ "name": "web.service.portolan", "type": kind, "way": way, "edns": edns }))
            });
            questions.collect()
        };

        let plain = questions("udp");
        let replies = read(dns, &plain).into_iter().zip(read(dns, &questions("fallback")));
        for (question, (plain, whole)) in plain.iter().zip(replies) {
            let length = |reply: &Value, name: &str| reply[name].as_array().unwrap().len();
            let addresses = if question["type"] == "SRV" { count } else { 0 };
            let is_whole = (length(&plain, "answers"), length(&plain, "additionals")) == (count, addresses);
            assert_eq!(plain["truncated"], !is_whole, "{count} {question}");
            assert!(plain["size"].as_u64() <= Some(question["edns"].as_u64().unwrap_or(512)), "{count} {question}");

            assert_eq!((&whole["tcp"], &whole["truncated"]), (&plain["truncated"], &json!(false)), "{question}");
            // A client looks up the addresses that are not there.
            let has_all = length(&whole, "additionals") == addresses || count > 500;
            assert_eq!((length(&whole, "answers"), has_all), (count, true), "{question}");
        }
    }

    let (server, dns) = server(&[]);
    register_fleet(&server, 5_000);
    let replies = read(dns, &[json!({ "name": "web.service.portolan", "type": "A", "way": "tcp" })]);
    let reply = &replies[0];
    assert_eq!(reply["truncated"], true, "64 KiB hold fewer");
    assert!(reply["answers"].as_array().unwrap().len() > 1_200);
}

#[test]
fn dnspython_picks_by_the_weights_and_sees_each_order() {
    let (server, dns) = server(&[]);
    for (port, weight) in [(8_001, 1), (8_009, 9)] {
        let body = json!({ "name": "web", "address": "10.0.0.1", "port": port, "weight": weight, "ttl": 0 });
        server.register(&body.to_string());
    }
    let picks = 500;
    let reply = read(dns, &[json!({ "name": "web.service.portolan", "type": "SRV", "way": "udp", "picks": picks })]);
    let [light, heavy] = ["8001", "8009"].map(|port| reply[0]["picks"][port].as_u64().unwrap_or(0));
    // Nine of ten, and more than six standard deviations to both sides.
    assert_eq!(light + heavy, picks);
    assert!((400..500).contains(&heavy), "{heavy} of {picks}");

    register_fleet(&server, 3);
    let question = json!({ "name": "web.service.portolan", "type": "A", "way": "udp" });
    let replies = read(dns, &vec![question; 200]);
    let firsts: std::collections::BTreeSet<&str> =
        replies.iter().map(|reply| reply["answers"][0].as_str().unwrap()).collect();
    assert_eq!(firsts.len(), 3, "{firsts:?}");
}
