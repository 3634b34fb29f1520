//! DNS of a running server: dig, portolan's own source, HAProxy, and clients that do harm.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Server;
use super::server::{exchange, folder};
use crate::proxies::haproxy_settings;
use crate::support::{HANG, finish, kill, output, portolan_path, tool};

/// A server with DNS on a free port, and where that is.
pub(super) fn server(args: &[&str]) -> (Server, SocketAddr) {
    let server = Server::with(["--data", ":memory:", "--dns", "127.0.0.1:0"].iter().chain(args));
    let address = dns_address(&server);
    (server, address)
}

fn dns_address(server: &Server) -> SocketAddr {
    let begun = Instant::now();
    loop {
        let log = server.log();
        if let Some((_, rest)) = log.split_once("DNS on ") {
            return rest.split(": ").next().unwrap().parse().unwrap();
        }
        assert!(begun.elapsed() < HANG, "it does not say where DNS is: {log}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Registers `10.0.0.1:8080` and the following addresses as instances of `web`.
pub(super) fn register_fleet(server: &Server, count: u32) {
    let all: Vec<Value> = (0..count)
        .map(|at| {
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0001 + at);
            json!({ "register": { "name": "web", "address": ip.to_string(), "port": 8080, "ttl": 0 } })
        })
        .collect();
    for part in all.chunks(1_000) {
        let reply = server.post("/api/v1/bulk", &json!({ "operations": part }).to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// What dig shows of a reply.
#[derive(Debug, Default)]
pub(super) struct Dug {
    pub(super) status: String,
    pub(super) flags: Vec<String>,
    pub(super) answers: Vec<String>,
    pub(super) authorities: Vec<String>,
    pub(super) additionals: Vec<String>,
}

impl Dug {
    fn is_truncated(&self) -> bool {
        self.flags.iter().any(|flag| flag == "tc")
    }

    /// The last column of the answers, sorted.
    fn data(&self) -> Vec<&str> {
        let mut data: Vec<&str> = self.answers.iter().filter_map(|line| line.split_whitespace().last()).collect();
        data.sort_unstable();
        data
    }
}

/// Records without the blanks between their parts, sorted: the order is random.
pub(super) fn sorted_records(lines: &[impl AsRef<str>]) -> Vec<String> {
    let parts = lines.iter().map(|line| line.as_ref().split_whitespace().collect::<Vec<_>>());
    let mut records: Vec<String> = parts.map(|parts| parts.join(" ")).collect();
    records.sort();
    records
}

pub(super) fn dig(address: SocketAddr, args: &str) -> Dug {
    let mut command = tool("dig");
    command.arg(format!("@{}", address.ip())).args(["-p", &address.port().to_string(), "+tries=1", "+time=20"]);
    // Nothing of the machine's own settings counts.
    command.args(["-r", "+nocookie", "+norecurse"]).args(args.split(' ')).env_clear();
    let out = output(&mut command);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "dig {args}: {text} {}", String::from_utf8_lossy(&out.stderr));
    assert!(!text.contains("WARNING") && !text.contains("Warning"), "dig {args}: {text}");

    let mut dug = Dug::default();
    let mut section = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once(" status: ") {
            rest.split(',').next().unwrap().clone_into(&mut dug.status);
        } else if let Some(rest) = line.strip_prefix(";; flags: ") {
            dug.flags = rest.split(';').next().unwrap().split(' ').map(str::to_owned).collect();
        } else if line.starts_with(";; ") {
            section = line.strip_prefix(";; ").and_then(|line| line.strip_suffix(" SECTION:"));
        } else if !line.is_empty() && !line.starts_with(';') {
            match section {
                Some("ANSWER") => dug.answers.push(line.to_owned()),
                Some("AUTHORITY") => dug.authorities.push(line.to_owned()),
                Some("ADDITIONAL") => dug.additionals.push(line.to_owned()),
                _ => panic!("a record outside of a section: {text}"),
            }
        }
    }
    dug
}

#[test]
fn dig_reads_each_kind_of_record() {
    let (server, dns) = server(&["--dns-domain", "consul", "--cluster", "dc1", "--dns-ttl", "5"]);
    server
        .register(r#"{"name":"web","address":"10.0.0.1","port":8080,"weight":10,"tags":["api"],"node":"n1","ttl":0}"#);
    server.register(r#"{"name":"web","address":"2001:db8::5","port":8081,"node":"n2","ttl":0}"#);

    let srv = dig(dns, "_web._tcp.service.consul SRV");
    assert_eq!(
        sorted_records(&srv.answers),
        [
            "_web._tcp.service.consul. 5 IN SRV 1 1 8081 20010db8000000000000000000000005.addr.dc1.consul.",
            "_web._tcp.service.consul. 5 IN SRV 1 10 8080 0a000001.addr.dc1.consul.",
        ]
    );
    assert_eq!(srv.additionals.len(), 2, "{srv:?}");
    assert_eq!((srv.status.as_str(), srv.is_truncated()), ("NOERROR", false));
    assert!(srv.flags.contains(&"aa".to_owned()), "{srv:?}");

    for (question, data) in [
        ("web.service.consul A", "10.0.0.1"),
        ("WeB.SERVICE.dc1.consul A", "10.0.0.1"),
        ("web.service.consul AAAA", "2001:db8::5"),
        ("api.web.service.consul A", "10.0.0.1"),
        ("n1.node.consul A", "10.0.0.1"),
        ("0a000001.addr.dc1.consul A", "10.0.0.1"),
        ("consul NS", "ns.consul."),
        ("ns.consul A", "127.0.0.1"),
    ] {
        for more in ["", " +tcp", " +noedns", " +bufsize=512"] {
            let dug = dig(dns, &format!("{question}{more}"));
            assert_eq!(dug.data(), [data], "{question}{more}: {dug:?}");
        }
    }
    assert_eq!(dig(dns, "-x 10.0.0.1").data(), ["n1.node.dc1.consul.", "web.service.dc1.consul."]);
    assert_eq!(dig(dns, "consul SOA").answers.len(), 1);

    for (question, status, authorities) in [
        ("nothing.service.consul A", "NXDOMAIN", 1),
        ("api.web.service.consul AAAA", "NOERROR", 1),
        ("web.service.consul TXT", "NOERROR", 1),
        ("example.org A", "REFUSED", 0),
        ("-x 10.0.0.99", "REFUSED", 0),
        ("consul AXFR +noall +comments", "", 0),
    ] {
        let dug = dig(dns, question);
        assert_eq!((dug.answers.len(), dug.authorities.len()), (0, authorities), "{question}: {dug:?}");
        assert!(status.is_empty() || dug.status == status, "{question}: {dug:?}");
    }

    let metrics = server.get("/metrics").text();
    for part in ["portolan_dns_replies_total{code=\"nxdomain\"} 1", "portolan_dns_queries_total{transport=\"tcp\"}"] {
        assert!(metrics.contains(part), "{part} is not in {metrics}");
    }
    assert!(server.stop().success());
}

/// What does not fit is marked, and TCP has it.
#[test]
fn replies_keep_their_limit_and_say_so() {
    for count in [1, 3, 4, 60] {
        let (server, dns) = server(&[]);
        register_fleet(&server, count);
        let count = count as usize;
        for edns in ["+noedns", "+bufsize=512", "+bufsize=1232", "+bufsize=4096"] {
            for kind in ["A", "SRV"] {
                let dug = dig(dns, &format!("web.service.portolan {kind} {edns} +ignore"));
                let addresses = if kind == "SRV" { count } else { 0 };
                let is_whole = (dug.answers.len(), dug.additionals.len()) == (count, addresses);
                assert_eq!(dug.is_truncated(), !is_whole, "{count} {kind} {edns}: {dug:?}");
            }
            // dig itself goes on to TCP.
            let dug = dig(dns, &format!("web.service.portolan SRV {edns}"));
            assert_eq!((dug.answers.len(), dug.additionals.len()), (count, count), "{count} {edns}");
        }
    }

    let (server, dns) = server(&[]);
    register_fleet(&server, 1_000);
    assert_eq!(dig(dns, "web.service.portolan A").answers.len(), 1_000);
    let srv = dig(dns, "web.service.portolan SRV");
    assert_eq!((srv.answers.len(), srv.is_truncated()), (1_000, false));
    register_fleet(&server, 5_000);
    for kind in ["A", "SRV"] {
        let dug = dig(dns, &format!("web.service.portolan {kind} +tcp"));
        assert!(dug.is_truncated() && dug.answers.len() > 1_200, "{kind}: {}", dug.answers.len());
    }
}

/// The source that lists DNS finds what was registered over REST.
#[test]
fn discover_dns_lists_the_registry() {
    let (server, dns) = server(&[]);
    register_fleet(&server, 3);
    let mut command = Command::new(portolan_path());
    command.args(["discover", "dns", "_web._tcp.service.portolan", "--json", "--server", &dns.to_string()]).env_clear();
    let out = output(&mut command);
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(document["complete"], true, "{document}");
    let endpoints = document["items"][0]["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 3, "{document}");
}

#[test]
fn an_address_above_its_limit_is_referred_to_tcp() {
    let settings = folder();
    let file = settings.path().join("serve.yaml");
    fs::write(&file, "server:\n  dns:\n    queries_per_second: 1\n").unwrap();
    let (server, dns) = server(&["--config", file.to_str().unwrap()]);
    register_fleet(&server, 1);

    // The first may pass; the second within the same second does not. A slow machine needs more tries.
    let begun = Instant::now();
    loop {
        let replies = [(); 2].map(|()| dig(dns, "web.service.portolan A +ignore"));
        if replies.iter().any(|dug| dug.is_truncated() && dug.answers.is_empty()) {
            break;
        }
        assert!(begun.elapsed() < HANG, "{replies:?}");
    }
    assert_eq!(dig(dns, "web.service.portolan A +tcp").answers.len(), 1);
    assert!(!server.get("/metrics").text().contains("portolan_dns_limited_total 0"));
}

/// Bytes that are no queries, connections that say nothing or too much: the next client is answered.
#[test]
fn hostile_clients_cost_nothing_but_their_own_connection() {
    let (server, dns) = server(&[]);
    register_fleet(&server, 1);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut seed = 1_u64;
    for length in (0..600).chain([1_500, 4_096, 4_097, 9_000]) {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        socket.send_to(&bytes, dns).unwrap();
    }

    // A message that is too long, one that ends early, and one that is not begun.
    let mut long = TcpStream::connect(dns).unwrap();
    long.write_all(&[0xff, 0xff]).unwrap();
    long.set_read_timeout(Some(HANG)).unwrap();
    assert_eq!(long.read(&mut [0; 1]).unwrap_or(0), 0, "it is closed");
    let mut short = TcpStream::connect(dns).unwrap();
    short.write_all(&[0, 40, 1, 2]).unwrap();
    let silent: Vec<TcpStream> = (0..150).map(|_| TcpStream::connect(dns).unwrap()).collect();

    assert_eq!(dig(dns, "web.service.portolan A").data(), ["10.0.0.1"]);
    drop((short, silent));
    let begun = Instant::now();
    let mut stream = loop {
        // The server sees the closed connections a moment later.
        if let Some(stream) = asked_over_tcp(dns) {
            break stream;
        }
        assert!(begun.elapsed() < HANG, "no connection has room");
    };

    // Many queries on one connection, sent before the first answer is read.
    let query = query("web.service.portolan");
    let mut message = u16::try_from(query.len()).unwrap().to_be_bytes().to_vec();
    message.extend(&query);
    stream.write_all(&message.repeat(100)).unwrap();
    for _ in 0..100 {
        assert!(read_message(&mut stream).is_some());
    }
    let metrics = server.get("/metrics").text();
    assert!(!metrics.contains("portolan_dns_refused_connections_total 0"), "{metrics}");
    assert!(server.stop().success(), "open connections do not hold a stop up");
}

/// Queries have threads of their own: however many strangers send, they take no worker of the requests of the other APIs.
#[test]
fn queries_over_udp_are_answered_on_threads_of_their_own() {
    let (server, dns) = server(&[]);
    register_fleet(&server, 1);
    assert_eq!(dig(dns, "web.service.portolan A").data(), ["10.0.0.1"]);
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    assert!(names.filter(|name| name.trim() == "dns-udp").count() >= 1);
    assert!(server.stop().success(), "they end with the server");
}

/// A query for the A records of a name.
fn query(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

fn asked_over_tcp(dns: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(dns).ok()?;
    stream.set_read_timeout(Some(HANG)).unwrap();
    let query = query("web.service.portolan");
    stream.write_all(&u16::try_from(query.len()).unwrap().to_be_bytes()).ok()?;
    stream.write_all(&query).ok()?;
    read_message(&mut stream).map(|_| stream)
}

fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// An HTTP server that answers with its name, until it is dropped.
struct Backend {
    address: SocketAddr,
    is_closed: Arc<AtomicBool>,
}

impl Backend {
    fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, is_closed) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let closed = Arc::clone(&is_closed);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                thread::spawn(move || answer(stream, name));
            }
        });
        Self { address, is_closed }
    }
}

fn answer(mut stream: TcpStream, name: &str) {
    let mut request = Vec::new();
    let mut buffer = [0; 1_024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&buffer[..length]),
        }
    }
    let length = name.len();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{name}");
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A program that is ended with the test.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            kill(child.id(), rustix::process::Signal::TERM);
            finish(child);
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn haproxy(folder: &Path, dns: SocketAddr) -> (Running, SocketAddr) {
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let file = folder.join("haproxy.cfg");
    fs::write(&file, haproxy_settings(dns, address)).unwrap();
    let mut command = tool("haproxy");
    command.args(["-db", "-f"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    (Running(Some(command.spawn().unwrap())), address)
}

/// The name of the backend that answers through a proxy, or the status of the proxy's own answer.
fn through(proxy: SocketAddr) -> String {
    if TcpStream::connect(proxy).is_err() {
        return "no connection".to_owned();
    }
    let reply = exchange(proxy, b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
    if reply.status == 200 { reply.text() } else { reply.status.to_string() }
}

/// Sends requests until the last twenty answers are exactly by these backends.
fn until_served_by(proxy: SocketAddr, names: &[&str]) {
    let begun = Instant::now();
    loop {
        let answers: Vec<String> = (0..20).map(|_| through(proxy)).collect();
        let mut seen: Vec<&str> = answers.iter().map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        if seen == names {
            return;
        }
        assert!(begun.elapsed() < HANG, "{answers:?}, not {names:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Registers a backend as an instance of `web`, and returns its id.
fn register(server: &Server, backend: &Backend) -> String {
    let port = backend.address.port();
    let body = json!({ "name": "web", "address": "127.0.0.1", "port": port, "ttl": 0 });
    server.register(&body.to_string())["id"].as_str().unwrap().to_owned()
}

/// HAProxy takes its servers from SRV records, follows registrations, and loses none when the registry starts again.
#[test]
fn haproxy_follows_the_registry() {
    let dir = folder();
    let dns = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let data = dir.path().join("registry.db");
    let start = || Server::with(["--data", data.to_str().unwrap(), "--dns", &dns.to_string()]);
    let registered = start();
    let (one, two) = (Backend::start("one"), Backend::start("two"));

    register(&registered, &one);
    let (_haproxy, proxy) = haproxy(dir.path(), dns);
    until_served_by(proxy, &["one"]);
    let id = register(&registered, &two);
    until_served_by(proxy, &["one", "two"]);

    // Half a second without the registry is several times as long as an answer is valid.
    registered.kill();
    for _ in 0..50 {
        assert!(["one", "two"].contains(&through(proxy).as_str()), "no route is lost");
        thread::sleep(Duration::from_millis(10));
    }
    let again = start();
    until_served_by(proxy, &["one", "two"]);

    assert_eq!(again.send("DELETE", &format!("/api/v1/services/{id}"), None).status, 204);
    until_served_by(proxy, &["one"]);
    assert!(again.stop().success());
}
