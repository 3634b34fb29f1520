//! Name servers that lie, truncate, or stay silent: a name that does not exist is known to be absent, and nothing else is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use portolan::model::{Completeness, Finding};
use portolan::source::{Dns, DnsEnvironment, collect};
use portolan::{Listing, Service};

use super::watched::{Watched, line};

const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// A question: its id, its name as it was sent, its type, and whether it came over TCP.
struct Question<'q> {
    message: &'q [u8],
    kind: u16,
    over_tcp: bool,
    count: usize,
}

/// A name server on loopback, at one port of UDP and TCP.
struct NameServer {
    address: SocketAddr,
}

type Answer = Option<Vec<u8>>;

impl NameServer {
    fn start(answer: impl Fn(&Question<'_>) -> Answer + Send + Sync + 'static) -> Self {
        // A port that is free for both.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let (address, counter) = (udp.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let answer = Arc::new(answer);

        // Both end with the test program.
        let (over_udp, of_udp) = (Arc::clone(&answer), Arc::clone(&counter));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let count = of_udp.fetch_add(1, Ordering::Relaxed);
                let question =
                    Question { message: &buffer[..length], kind: kind(&buffer[..length]), over_tcp: false, count };
                if let Some(reply) = over_udp(&question) {
                    let _ = udp.send_to(&reply, from);
                }
            }
        });
        thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                        if stream.read_exact(&mut message).is_err() {
                            return;
                        }
                        let count = counter.fetch_add(1, Ordering::Relaxed);
                        let question = Question { message: &message, kind: kind(&message), over_tcp: true, count };
                        let Some(reply) = answer(&question) else { continue };
                        let length = u16::try_from(reply.len()).unwrap_or(u16::MAX).to_be_bytes();
                        if stream.write_all(&[&length[..], &reply].concat()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address }
    }

    fn source(&self, name: &str) -> Dns {
        Dns {
            names: vec![name.to_owned()],
            server: vec![self.address.to_string()],
            timeout: Duration::from_secs(2),
            ..Dns::default()
        }
    }
}

/// The end of the question's name, at a fixed place: its head has 12 bytes.
fn end_of_name(message: &[u8]) -> usize {
    let mut at = 12;
    while message[at] != 0 {
        at += usize::from(message[at]) + 1;
    }
    at + 1
}

fn kind(message: &[u8]) -> u16 {
    let at = end_of_name(message);
    u16::from_be_bytes([message[at], message[at + 1]])
}

/// A reply with this code and these records in its answer section.
fn reply(question: &Question<'_>, code: u8, records: &[Vec<u8>]) -> Answer {
    let end = end_of_name(question.message) + 4;
    let mut message = question.message[..end].to_vec();
    message[2] |= 0x80;
    message[3] = 0x80 | code;
    let count = u16::try_from(records.len()).unwrap();
    message[6..12].copy_from_slice(&[count.to_be_bytes(), [0; 2], [0; 2]].concat());
    message.extend(records.concat());
    Some(message)
}

/// A record of the question's name.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0xc0, 12][..], &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

fn srv(ttl: u32, [priority, weight, port]: [u16; 3], target: &[u8]) -> Vec<u8> {
    let numbers = [priority.to_be_bytes(), weight.to_be_bytes(), port.to_be_bytes()].concat();
    record(SRV, ttl, &[&numbers[..], target].concat())
}

const NXDOMAIN: u8 = 3;
/// The name `host.test`.
const HOST: &[u8] = b"\x04host\x04test\0";

fn only(listing: &Listing) -> &Service {
    assert_eq!(listing.services.len(), 1, "{listing:?}");
    &listing.services[0]
}

/// No reply, a wrong one, or an error says nothing about the name: it is unknown, and that is reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_not_a_name_that_does_not_exist() {
    type Behaviour = fn(&Question<'_>) -> Answer;
    let cases: [(&str, Behaviour, &str); 7] = [
        ("silence", |_| None, "no reply in time"),
        (
            "a wrong id",
            |question| {
                reply(question, 0, &[]).map(|mut text| {
                    text[0] ^= 1;
                    text
                })
            },
            "no reply in time",
        ),
        (
            "a wrong question",
            |question| {
                reply(question, 0, &[]).map(|mut text| {
                    text[13] ^= 1;
                    text
                })
            },
            "127.0.0.1",
        ),
        (
            "always truncated, and mute over TCP",
            |question| {
                if question.over_tcp {
                    return None;
                }
                reply(question, 0, &[]).map(|mut text| {
                    text[2] |= 2;
                    text
                })
            },
            "no reply in time",
        ),
        ("SERVFAIL", |question| reply(question, 2, &[]), "SERVFAIL"),
        ("REFUSED", |question| reply(question, 5, &[]), "REFUSED"),
        (
            "a name that points to itself",
            |question| {
                let at = u8::try_from(end_of_name(question.message) + 4).unwrap();
                reply(
                    question,
                    0,
                    &[[&[0xc0, at][..], &[0, 33, 0, 1, 0, 0, 0, 0, 0, 7, 0, 1, 0, 1, 0, 80, 0]].concat()],
                )
            },
            "127.0.0.1",
        ),
    ];
    let mut tasks = Vec::new();
    for (what, behaviour, expected) in cases {
        let server = NameServer::start(behaviour);
        tasks.push(tokio::spawn(async move {
            let listing = collect(&server.source("_http._tcp.test")).await.unwrap();
            assert_eq!((listing.completeness, listing.services.len()), (Completeness::Incomplete, 0), "{what}");
            let error = &listing.errors[0];
            assert_eq!(error.operation, "look up _http._tcp.test (SRV)", "{what}");
            assert!(error.cause.starts_with(&server.address.to_string()), "{what}: {}", error.cause);
            assert!(error.cause.contains(expected), "{what}: {}", error.cause);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    let none = NameServer::start(|question| reply(question, NXDOMAIN, &[]));
    let listing = collect(&none.source("web.test")).await.unwrap();
    assert_eq!((listing.completeness, listing.services.len()), (Completeness::Complete, 0), "NXDOMAIN is known");
}

/// 4,000 addresses come over TCP, and the limit is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_thousand_records_are_cut_aloud() {
    let server = NameServer::start(|question| {
        if !question.over_tcp {
            return reply(question, 0, &[]).map(|mut text| {
                text[2] |= 2;
                text
            });
        }
        let addresses: Vec<_> =
            (0..4000_u16).map(|at| record(A, 60, &[10, 0, (at >> 8) as u8, (at & 255) as u8])).collect();
        reply(question, 0, if question.kind == A { &addresses } else { &[] })
    });
    let listing = collect(&server.source("web.test:80")).await.unwrap();
    assert_eq!((listing.completeness, only(&listing).endpoints.len()), (Completeness::Incomplete, 1024));
    assert_eq!(listing.errors[0].cause, "it has 4000 records, and portolan uses the first 1024");
}

/// Records that are allowed and odd: each gives what it says, and a finding where no client can connect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_records_are_listed_with_their_findings() {
    type Records = fn(u16) -> Vec<Vec<u8>>;
    let cases: [(&str, Records, &str, &[&str]); 6] = [
        (
            "weights of 0",
            |kind| if kind == SRV { vec![srv(60, [0, 0, 80], HOST), srv(60, [0, 0, 81], HOST)] } else { address(kind) },
            "dns/web.test 127.0.0.9:80 127.0.0.9:81",
            &[],
        ),
        (
            "port 0",
            |kind| if kind == SRV { vec![srv(60, [0, 1, 0], HOST)] } else { address(kind) },
            "dns/web.test 127.0.0.9",
            &["dns-srv-port-zero"],
        ),
        (
            "to itself",
            |kind| if kind == SRV { vec![srv(60, [0, 1, 80], &[0xc0, 12])] } else { Vec::new() },
            "dns/web.test web.test:80",
            &["dns-target-unresolved"],
        ),
        (
            "a service that is not there",
            |kind| if kind == SRV { vec![srv(60, [0, 0, 0], b"\0")] } else { Vec::new() },
            "",
            &[],
        ),
        (
            "a TTL of 2^31",
            |kind| if kind == SRV { vec![srv(1 << 31, [0, 1, 80], HOST)] } else { address(kind) },
            "dns/web.test 127.0.0.9:80",
            &[],
        ),
        (
            "aliases",
            |kind| match kind {
                // An alias, and an address of it.
                A => vec![record(CNAME, 60, HOST), [HOST, &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 8]].concat()],
                _ => Vec::new(),
            },
            "dns/web.test 127.0.0.8",
            &[],
        ),
    ];
    for (what, records, expected, codes) in cases {
        let server = NameServer::start(move |question| reply(question, 0, &records(question.kind)));
        let listing = collect(&server.source("web.test")).await.unwrap();
        assert_eq!(listing.completeness, Completeness::Complete, "{what}: {:?}", listing.errors);
        assert_eq!(listing.services.iter().map(line).collect::<Vec<_>>().join("\n"), expected, "{what}");
        let found: Vec<_> = listing.services.iter().flat_map(|service| &service.findings).map(Finding::code).collect();
        assert_eq!(found, codes, "{what}");
    }
}

fn address(kind: u16) -> Vec<Vec<u8>> {
    match kind {
        A => vec![record(A, 60, &[127, 0, 0, 9])],
        TXT => vec![record(TXT, 60, b"\x0dversion=1.2.0\x04beta")],
        _ => Vec::new(),
    }
}

/// Two servers that disagree are a finding, and both sets are listed; TXT records become metadata.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_disagree_are_a_finding() {
    let old = NameServer::start(|question| reply(question, 0, &address(question.kind)));
    let new = NameServer::start(|question| {
        reply(question, 0, &if question.kind == A { vec![record(A, 60, &[127, 0, 0, 10])] } else { Vec::new() })
    });
    let mut source = old.source("web.test:80");
    source.server.push(new.address.to_string());
    let listing = collect(&source).await.unwrap();
    let service = only(&listing);
    assert_eq!(line(service), "dns/web.test:80 127.0.0.10:80 127.0.0.9:80");
    assert_eq!(service.findings.iter().map(Finding::code).collect::<Vec<_>>(), ["dns-servers-differ"]);
    let instance = service.endpoints[0].instance.as_deref().unwrap();
    assert_eq!(instance.version.as_ref().map(ToString::to_string).as_deref(), Some("1.2.0"));
    assert!(instance.metadata.contains_key(&"beta".into()));

    // One of them dead: what the other says is listed, and the listing is not whole.
    let silent = NameServer::start(|_| None);
    source.server = vec![old.address.to_string(), silent.address.to_string()];
    let listing = collect(&source).await.unwrap();
    assert_eq!(
        (listing.completeness, line(only(&listing)).as_str()),
        (Completeness::Incomplete, "dns/web.test:80 127.0.0.9:80")
    );
}

/// The variables of DNS name the server, the port and the domain; a name with a dot keeps its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_names_server_port_and_domain() {
    let server = NameServer::start(|question| {
        let is_ours = question.message[12..].starts_with(b"\x03web\x07service\x06consul\0");
        reply(question, if is_ours { 0 } else { NXDOMAIN }, &if is_ours { address(question.kind) } else { Vec::new() })
    });
    let environment = DnsEnvironment {
        server: Some(server.address.ip().to_string()),
        port: Some(server.address.port().to_string()),
        domain: Some("service.consul".to_owned()),
        ..DnsEnvironment::default()
    };
    let names = ["web:80", "web.test:80"].map(str::to_owned).to_vec();
    let listing = collect(&Dns { names, environment, ..Dns::default() }).await.unwrap();
    assert_eq!(
        (listing.completeness, line(only(&listing)).as_str()),
        (Completeness::Complete, "dns/web:80 127.0.0.9:80")
    );
}

/// A watch looks a name up again, keeps what it knows while the server is silent, and forgets what does not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_asks_again_and_keeps_what_it_knows() {
    // A TTL of 0: otherwise the name would not be looked up again before it has passed.
    let server = NameServer::start(|question| match question.count / 10 {
        0 => reply(question, 0, &[record(A, 0, &[127, 0, 0, 9])]),
        1 => reply(question, 2, &[]),
        2 => reply(question, 0, &[record(A, 0, &[127, 0, 0, 11])]),
        _ => reply(question, NXDOMAIN, &[]),
    });
    let source = Dns { record: vec![portolan::source::DnsRecordType::A], ..server.source("web.test:80") };
    let watched = Watched::start(source, "dns");
    let shows = |address: &'static str| {
        move |set: &portolan::catalog::Snapshot| {
            set.stale().is_none() && super::watched::shown(set) == [format!("dns/web.test:80 {address}:80")]
        }
    };
    watched.until("the first address", shows("127.0.0.9")).await;
    let stale = watched.until("stale", |set| set.stale().is_some()).await;
    assert_eq!(super::watched::shown(&stale), ["dns/web.test:80 127.0.0.9:80"]);
    watched.until("the other address", shows("127.0.0.11")).await;
    watched.until("nothing", |set| set.services().is_empty() && set.stale().is_none()).await;
}
