//! The names, the records and the limits of replies, from bytes to bytes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{DnsOutcome, Responder, Transport};
use super::name::{DomainName, skipped_length};
use super::protocol::{
    CODE_BAD_VERSION, CODE_FORMAT_ERROR, CODE_NO_NAME, CODE_NOT_IMPLEMENTED, CODE_OK, CODE_REFUSED, TYPE_A, TYPE_AAAA,
    TYPE_ANY, TYPE_AXFR, TYPE_CNAME, TYPE_NS, TYPE_OPT, TYPE_PTR, TYPE_SOA, TYPE_SRV,
};
use super::shuffle::Shuffle;
use super::zone::Zone;
use crate::model::{OperatorStatus, Registration};
use crate::registry::{Command, Now, Rules, State, step};
use crate::server::view::View;

/// A reply, read as a client reads it.
#[derive(Debug, Default)]
struct DecodedReply {
    code: u16,
    is_authoritative: bool,
    is_truncated: bool,
    bytes: usize,
    answers: Vec<Record>,
    authorities: Vec<Record>,
    additionals: Vec<Record>,
    opt: Option<(u16, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    owner: String,
    kind: u16,
    ttl: u32,
    data: String,
}

fn number(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The name at an offset, with its pointers followed.
fn name_at(message: &[u8], mut at: usize) -> String {
    let mut labels = Vec::new();
    for _ in 0..128 {
        match message[at] {
            0 => return labels.join("."),
            pointer @ 0xc0.. => {
                let to = (usize::from(pointer & 0x3f) << 8) | usize::from(message[at + 1]);
                assert!(to < at, "a pointer leads back");
                at = to;
            }
            length => {
                let end = at + 1 + usize::from(length);
                labels.push(String::from_utf8(message[at + 1..end].to_vec()).unwrap());
                at = end;
            }
        }
    }
    panic!("a name of more than 128 parts");
}

fn records(message: &[u8], at: &mut usize, count: u16, opt: &mut Option<(u16, u8)>) -> Vec<Record> {
    let mut records = Vec::new();
    for _ in 0..count {
        let owner = name_at(message, *at);
        let fixed = *at + skipped_length(&message[*at..]).unwrap();
        let (kind, length) = (number(message, fixed), usize::from(number(message, fixed + 8)));
        let data = fixed + 10;
        *at = data + length;
        if kind == TYPE_OPT {
            assert!(opt.replace((number(message, fixed + 2), message[fixed + 4])).is_none());
            continue;
        }
        let bytes = &message[data..data + length];
        let text = match kind {
            TYPE_A => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()).to_string(),
            TYPE_AAAA => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_string(),
            TYPE_SRV => {
                let numbers = [number(bytes, 0), number(bytes, 2), number(bytes, 4)];
                format!("{} {} {} {}", numbers[0], numbers[1], numbers[2], name_at(message, data + 6))
            }
            TYPE_SOA => {
                let second = data + skipped_length(bytes).unwrap();
                let serial = second + skipped_length(&message[second..]).unwrap() + 2;
                format!("{} {} {}", name_at(message, data), name_at(message, second), number(message, serial))
            }
            _ => name_at(message, data),
        };
        let ttl = u32::from(number(message, fixed + 4)) << 16 | u32::from(number(message, fixed + 6));
        records.push(Record { owner, kind, ttl, data: text });
    }
    records
}

fn read(message: &[u8]) -> DecodedReply {
    let flags = number(message, 2);
    assert_eq!(flags & 0x8000, 0x8000, "it is a reply");
    let mut at = 12;
    for _ in 0..number(message, 4) {
        at += skipped_length(&message[at..]).unwrap() + 4;
    }
    let mut opt = None;
    let answers = records(message, &mut at, number(message, 6), &mut opt);
    let authorities = records(message, &mut at, number(message, 8), &mut opt);
    let additionals = records(message, &mut at, number(message, 10), &mut opt);
    assert_eq!(at, message.len(), "nothing follows");
    let high = opt.map_or(0, |(_, high)| u16::from(high));
    DecodedReply {
        code: flags & 0xf | high << 4,
        is_authoritative: flags & 0x400 != 0,
        is_truncated: flags & 0x200 != 0,
        bytes: message.len(),
        answers,
        authorities,
        additionals,
        opt,
    }
}

/// A query for a name; `payload` is that of EDNS.
fn query(name: &str, kind: u16, payload: Option<u16>) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(payload.is_some())];
    match name {
        "" => message.push(0),
        name => message.extend(DomainName::parse(name).unwrap().as_wire()),
    }
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    if let Some(payload) = payload {
        message.extend([0, 0, 41]);
        message.extend(payload.to_be_bytes());
        message.extend([0; 6]);
    }
    message
}

struct TestServer {
    responder: Responder,
    state: State,
    view: View,
    shuffle: Shuffle,
}

impl TestServer {
    fn new(registrations: impl IntoIterator<Item = Registration>) -> Self {
        let mut state = State::new(Rules::default());
        for registration in registrations {
            let registration = registration.ttl(Duration::ZERO);
            step(&mut state, Command::Register(Arc::new(registration)), now()).unwrap();
        }
        let zone = Zone::new("portolan", "DC1", vec!["127.0.0.1".parse().unwrap()]).unwrap();
        let view = View::new(state.snapshot(), true);
        Self { responder: Responder { zone, ttl: 7 }, state, view, shuffle: Shuffle::seeded(1) }
    }

    fn command(&mut self, command: Command) {
        step(&mut self.state, command, now()).unwrap();
        self.view = View::new(self.state.snapshot(), true);
    }

    fn send(&mut self, message: &[u8], transport: Transport) -> Option<DecodedReply> {
        let mut out = Vec::new();
        match self.responder.answer(message, transport, &self.view, &mut self.shuffle, &mut out) {
            DnsOutcome::Ignored => None,
            DnsOutcome::Reply { code, is_truncated } => {
                let reply = read(&out);
                assert_eq!((reply.code, reply.is_truncated), (code, is_truncated));
                Some(reply)
            }
        }
    }

    fn ask(&mut self, name: &str, kind: u16) -> DecodedReply {
        self.send(&query(name, kind, Some(4_096)), Transport::LOCAL_UDP).unwrap()
    }

    /// The data of the answers, sorted.
    fn data(&mut self, name: &str, kind: u16) -> Vec<String> {
        let reply = self.ask(name, kind);
        assert_eq!(reply.code, CODE_OK, "{name}");
        let mut data: Vec<String> = reply.answers.into_iter().map(|record| record.data).collect();
        data.sort();
        data
    }
}

/// The address of a query may be forged: a reply to another machine is no flood for its owner.
#[test]
fn a_reply_to_another_machine_fits_one_packet() {
    let mut server = TestServer::new((1..=200).map(|at| instance("web", &format!("10.0.0.{at}:80"))));
    for (peer, bytes, is_whole) in [("127.0.0.1", 8_192, true), ("::1", 8_192, true), ("10.9.0.2", 1_232, false)] {
        let mut out = Vec::new();
        let message = query("web.service.portolan", TYPE_A, Some(u16::MAX));
        let transport = Transport::udp(peer.parse().unwrap());
        server.responder.answer(&message, transport, &server.view, &mut server.shuffle, &mut out);
        assert!(out.len() <= bytes && read(&out).is_truncated != is_whole, "{peer}: {} bytes", out.len());
    }
}

fn now() -> Now {
    Now { elapsed: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH }
}

fn instance(name: &str, place: &str) -> Registration {
    Registration::new(name, place.parse().unwrap()).id(format!("{name}-{}", place.replace(['[', ']'], "")))
}

fn fleet(count: u32) -> TestServer {
    TestServer::new((0..count).map(|at| {
        let ip = IpAddr::from((0x0a00_0001 + at).to_be_bytes());
        instance("web", &format!("{ip}:8080"))
    }))
}

fn example() -> TestServer {
    TestServer::new([
        instance("web", "10.0.0.1:8080").tag("api").tag("v1").weight(10).node("Node-1").protocol("http"),
        instance("web", "10.0.0.1:8081").tag("v1"),
        instance("web", "[2001:db8::5]:8080").weight(20).node("node-2"),
        instance("web", "10.0.0.9:8080").status(OperatorStatus::Draining).tag("old"),
        instance("dns", "10.0.0.53:53").protocol("udp"),
        instance("Mixed.Case", "10.0.0.3:1"),
        instance("mail", "mx.example.org:25"),
        instance("down", "10.0.0.8:1").status(OperatorStatus::Maintenance),
        instance("cart", "10.0.0.7:1").namespace("shop"),
    ])
}

#[test]
fn each_form_of_a_name_finds_its_instances() {
    let mut server = example();
    for name in ["web.service.portolan", "WEB.Service.DC1.pOrToLaN", "web.service.default.ns.dc1.portolan"] {
        assert_eq!(server.data(name, TYPE_A), ["10.0.0.1"], "{name}: one address once, without the one that drains");
        assert_eq!(server.data(name, TYPE_AAAA), ["2001:db8::5"], "{name}");
    }
    assert_eq!(server.data("web.service.portolan", TYPE_ANY), ["10.0.0.1", "2001:db8::5"]);
    assert_eq!(
        server.data("_web._tcp.service.portolan", TYPE_SRV),
        [
            "1 1 8081 0a000001.addr.dc1.portolan",
            "1 10 8080 0a000001.addr.dc1.portolan",
            "1 20 8080 20010db8000000000000000000000005.addr.dc1.portolan",
        ]
    );
    assert_eq!(server.data("api.web.service.portolan", TYPE_SRV), ["1 10 8080 0a000001.addr.dc1.portolan"]);
    assert_eq!(server.data("_web._api.service.portolan", TYPE_SRV), ["1 10 8080 0a000001.addr.dc1.portolan"]);
    assert_eq!(server.data("_dns._udp.service.portolan", TYPE_SRV), ["1 1 53 0a000035.addr.dc1.portolan"]);
    assert_eq!(server.data("mixed.case.service.portolan", TYPE_A), ["10.0.0.3"]);
    assert_eq!(server.data("cart.service.shop.ns.portolan", TYPE_A), ["10.0.0.7"]);
    assert_eq!(server.data("node-1.node.portolan", TYPE_A), ["10.0.0.1"]);
    assert_eq!(server.data("0A000001.addr.dc1.portolan", TYPE_A), ["10.0.0.1"]);
    assert_eq!(server.data("20010db8000000000000000000000005.addr.portolan", TYPE_AAAA), ["2001:db8::5"]);
    assert_eq!(server.data("ns.portolan", TYPE_A), ["127.0.0.1"]);
    assert_eq!(server.data("portolan", TYPE_NS), ["ns.portolan"]);
    assert_eq!(server.data("portolan", TYPE_SOA), ["ns.portolan hostmaster.portolan 9"]);
    assert_eq!(
        server.data("1.0.0.10.in-addr.arpa", TYPE_PTR),
        ["node-1.node.dc1.portolan", "web.service.dc1.portolan"].map(|name| name.replace("node-1", "Node-1"))
    );
    let nibbles = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    assert_eq!(server.data(nibbles, TYPE_PTR), ["node-2.node.dc1.portolan", "web.service.dc1.portolan"]);
}

#[test]
fn a_service_without_addresses_answers_a_name() {
    let mut server = example();
    assert_eq!(server.ask("mail.service.portolan", TYPE_A).answers[0].kind, TYPE_CNAME);
    assert_eq!(server.data("mail.service.portolan", TYPE_A), ["mx.example.org"]);
    assert_eq!(server.data("mail.service.portolan", TYPE_SRV), ["1 1 25 mx.example.org"]);
}

#[test]
fn what_is_not_there_is_told_apart() {
    let mut server = example();
    let rows = [
        ("nothing.service.portolan", TYPE_A, CODE_NO_NAME),
        ("web.service.dc2.portolan", TYPE_A, CODE_NO_NAME),
        ("cart.service.portolan", TYPE_A, CODE_NO_NAME),
        ("none.web.service.portolan", TYPE_A, CODE_NO_NAME),
        ("_web._none.service.portolan", TYPE_SRV, CODE_NO_NAME),
        ("_none._tcp.service.portolan", TYPE_SRV, CODE_NO_NAME),
        ("node-3.node.portolan", TYPE_A, CODE_NO_NAME),
        ("0a00000.addr.portolan", TYPE_A, CODE_NO_NAME),
        ("web.query.portolan", TYPE_A, CODE_NO_NAME),
        ("a.b.portolan", TYPE_A, CODE_NO_NAME),
        // The name exists; records of this type do not.
        ("dns.service.portolan", TYPE_AAAA, CODE_OK),
        ("web.service.portolan", TYPE_SOA, CODE_OK),
        ("down.service.portolan", TYPE_A, CODE_OK),
        ("old.web.service.portolan", TYPE_A, CODE_OK),
        ("0a000001.addr.portolan", TYPE_AAAA, CODE_OK),
        ("service.portolan", TYPE_A, CODE_OK),
        ("_tcp.service.portolan", TYPE_SRV, CODE_OK),
        ("dc1.portolan", TYPE_A, CODE_OK),
        ("portolan", TYPE_A, CODE_OK),
    ];
    for (name, kind, code) in rows {
        let reply = server.ask(name, kind);
        assert_eq!((reply.code, reply.answers.len(), reply.is_truncated), (code, 0, false), "{name}");
        assert!(reply.is_authoritative, "{name}");
        let soa = &reply.authorities[0];
        assert_eq!((soa.owner.as_str(), soa.kind, soa.ttl), ("portolan", TYPE_SOA, 7), "{name}");
    }

    for name in ["example.org", "portolan.org", "xportolan", "", "99.0.0.10.in-addr.arpa", "0.10.in-addr.arpa"] {
        let reply = server.send(&query(name, TYPE_A, None), Transport::LOCAL_UDP).unwrap();
        assert_eq!((reply.code, reply.is_authoritative), (CODE_REFUSED, false), "{name}");
        assert!(reply.answers.is_empty() && reply.authorities.is_empty(), "{name}");
    }
    assert_eq!(server.ask("portolan", TYPE_AXFR).code, CODE_REFUSED);
}

/// Whatever the limit of a reply is: it is kept, TC says truly whether something is missing, and TCP has everything.
#[test]
fn tc_is_set_exactly_when_something_is_missing() {
    for count in [0, 1, 3, 4, 7, 25, 60, 150] {
        let mut server = fleet(count);
        for payload in [None, Some(0), Some(512), Some(600), Some(1_232), Some(4_096), Some(65_535)] {
            let limit = usize::from(payload.unwrap_or(512).clamp(512, 8_192));
            for (kind, additionals) in [(TYPE_A, 0), (TYPE_SRV, count)] {
                let message = query("web.service.portolan", kind, payload);
                let reply = server.send(&message, Transport::LOCAL_UDP).unwrap();
                let what = format!("{count} instances, type {kind}, EDNS {payload:?}: {reply:?}");
                assert!(reply.bytes <= limit, "{what}");
                assert_eq!(reply.opt.is_some(), payload.is_some(), "{what}");
                let is_whole = (reply.answers.len(), reply.additionals.len()) == (count as usize, additionals as usize);
                assert_eq!(reply.is_truncated, !is_whole, "{what}");
                let different: BTreeSet<&Record> = reply.answers.iter().collect();
                assert_eq!(different.len(), reply.answers.len(), "{what}");

                let reply = server.send(&message, Transport::Tcp).unwrap();
                assert!(!reply.is_truncated, "{what}");
                assert_eq!((reply.answers.len(), reply.additionals.len()), (count as usize, additionals as usize));
            }
        }
    }
}

#[test]
fn tcp_has_everything_up_to_64_kib() {
    let mut server = fleet(1_000);
    let a = server.send(&query("web.service.portolan", TYPE_A, None), Transport::Tcp).unwrap();
    assert_eq!((a.answers.len(), a.is_truncated), (1_000, false));
    let srv = server.send(&query("web.service.portolan", TYPE_SRV, None), Transport::Tcp).unwrap();
    assert_eq!((srv.answers.len(), srv.is_truncated), (1_000, false), "every target, and the addresses of some");
    let known: BTreeSet<&str> = srv.answers.iter().filter_map(|record| record.data.rsplit(' ').next()).collect();
    assert!(srv.additionals.iter().all(|record| known.contains(record.owner.as_str())));
    assert!(srv.additionals.len() > 300);

    let mut server = fleet(5_000);
    for kind in [TYPE_A, TYPE_SRV] {
        let reply = server.send(&query("web.service.portolan", kind, Some(1_232)), Transport::Tcp).unwrap();
        assert!(reply.is_truncated && reply.bytes <= 65_535 && reply.bytes > 65_400, "{}", reply.bytes);
        assert!(reply.answers.len() > 1_200, "{}", reply.answers.len());
    }
}

#[test]
fn the_order_is_random_and_each_instance_is_first() {
    let mut server = fleet(4);
    let first: BTreeSet<String> =
        (0..200).map(|_| server.ask("web.service.portolan", TYPE_A).answers[0].data.clone()).collect();
    assert_eq!(first.len(), 4);
}

#[test]
fn an_instance_that_fails_or_goes_is_no_longer_answered() {
    let mut server = fleet(2);
    let id: Arc<str> = "web-10.0.0.1:8080".into();
    server.command(Command::SetStatus {
        id: Arc::clone(&id),
        generation: None,
        status: OperatorStatus::Draining,
        reason: None,
    });
    assert_eq!(server.data("web.service.portolan", TYPE_A), ["10.0.0.2"]);
    server.command(Command::Deregister { id: "web-10.0.0.2:8080".into(), generation: None });
    assert_eq!(server.data("web.service.portolan", TYPE_A), Vec::<String>::new());
    server.command(Command::Deregister { id, generation: None });
    assert_eq!(server.ask("web.service.portolan", TYPE_A).code, CODE_NO_NAME);
}

/// The code of the reply to a changed message.
fn code_of(server: &mut TestServer, good: &[u8], change: fn(&mut Vec<u8>)) -> Option<u16> {
    let mut message = good.to_vec();
    change(&mut message);
    server.send(&message, Transport::LOCAL_UDP).map(|reply| reply.code)
}

#[test]
fn other_messages_get_a_code_or_nothing() {
    let mut server = example();
    let good = query("web.service.portolan", TYPE_A, Some(1_232));
    assert_eq!(code_of(&mut server, &good, |_| {}), Some(CODE_OK));
    assert_eq!(code_of(&mut server, &good, |message| message[2] = 0x80), None, "a reply");
    assert_eq!(code_of(&mut server, &good, |message| message.truncate(11)), None, "less than a head");
    assert_eq!(code_of(&mut server, &good, |message| message[2] = 0x28), Some(CODE_NOT_IMPLEMENTED), "an update");
    assert_eq!(code_of(&mut server, &good, |message| message.truncate(20)), Some(CODE_FORMAT_ERROR));
    assert_eq!(code_of(&mut server, &good, |message| message[5] = 2), Some(CODE_FORMAT_ERROR));
    assert_eq!(
        code_of(&mut server, &good, |message| {
            let at = message.len() - 5;
            message[at] = 1;
        }),
        Some(CODE_BAD_VERSION)
    );
    assert_eq!(
        code_of(&mut server, &good, |message| {
            let class = message.len() - 12;
            message[class] = 3;
        }),
        Some(CODE_REFUSED),
        "the class CHAOS"
    );

    // A client that is referred to TCP gets no more bytes than it sent.
    let mut out = Vec::new();
    let answered = server.responder.refer_to_tcp(&good, &mut out);
    assert_eq!(answered, DnsOutcome::Reply { code: CODE_OK, is_truncated: true });
    assert!(out.len() <= good.len() && read(&out).answers.is_empty());
}
