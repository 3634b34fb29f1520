//! Clients that stall, lie or attack. Honest ones are answered meanwhile.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use rustix::net::{AddressFamily, SocketType};

use super::access::Guarded;
use super::server::{folder, wait_until};
use super::{Server, exchange};
use crate::consul::ConsulServer;
use crate::support::HANG;

/// A server with short limits.
fn impatient() -> (Server, crate::support::TempDir) {
    let folder = folder();
    let config = folder.path().join("serve.toml");
    let text = "[server.limits]\nheader_timeout = \"500ms\"\nbody_timeout = \"500ms\"\nidle_timeout = \"1s\"\n\
        write_timeout = \"1s\"\nconnections = 40\nconnections_per_address = 30\nbody_bytes = 4096\n";
    std::fs::write(&config, text).unwrap();
    (Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]), folder)
}

/// Reads until the server ends the connection, and returns what it said.
fn until_closed(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(HANG)).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server never closed it"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[test]
fn slow_clients_are_cut_off_and_others_are_answered() {
    let (server, _folder) = impatient();
    let connect = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let silent = connect(b"");
    let slow_head = connect(b"GET /health HTTP/1.1\r\nHost: x\r\nX-A");
    let idle = connect(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    let slow_body = connect(
        b"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    let endless_chunks = connect(
        b"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    );
    // A byte now and then does not help.
    let mut dripping = connect(b"G");
    let mut drip = dripping.try_clone().unwrap();
    let dripper = thread::spawn(move || while drip.write_all(b"E").is_ok() {});

    for _ in 0..20 {
        assert_eq!(server.get("/health").status, 200);
    }
    assert_eq!(until_closed(silent), "");
    assert_eq!(until_closed(slow_head), "");
    assert!(until_closed(idle).starts_with("HTTP/1.1 200"));
    assert!(until_closed(slow_body).starts_with("HTTP/1.1 408"));
    assert!(until_closed(endless_chunks).starts_with("HTTP/1.1 408"));
    let _ = dripping.read(&mut [0]);
    let _ = dripping.shutdown(Shutdown::Both);
    dripper.join().unwrap();

    // How many of them exceeded which limit depends on the load of this machine.
    assert!(figure(&server, "portolan_overdue_connections_total{limit=\"first_byte\"}") >= 1);
    assert!(figure(&server, "portolan_overdue_connections_total{limit=\"head\"}") >= 1);
}

/// The value of a metric.
fn figure(server: &Server, name: &str) -> u64 {
    let metrics = server.get("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
    line.trim().parse().unwrap()
}

#[test]
fn too_many_connections_are_refused_and_room_comes_back() {
    let (server, _folder) = impatient();
    let held: Vec<TcpStream> = (0..30).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    // Accepted in order: the thirty are in before this one.
    let refused = exchange(server.address, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(refused.status == 503 || refused.status == 0, "{}", refused.status);
    drop(held);
    let deadline = std::time::Instant::now() + HANG;
    while exchange(server.address, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status != 200 {
        assert!(std::time::Instant::now() < deadline, "there is never room again");
    }
    assert!(figure(&server, "portolan_refused_connections_total{limit=\"address\"}") >= 1);
}

/// Strangers that keep connections open after a refused request do not keep a client with a key out.
#[test]
fn idle_connections_of_strangers_give_way_to_a_client_with_a_key() {
    const ROOM: usize = 40;
    let limits = format!("[server.limits]\nconnections = {ROOM}\nconnections_per_address = {}\n", ROOM * 2);
    let guarded = Guarded::with(&limits);
    let key = guarded.key(&["--role", "viewer"]);
    let own = format!("GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    let (mut known, _) = answered(guarded.server.address, &own);

    let strangers: Vec<TcpStream> = (0..ROOM * 2)
        .map(|_| {
            let (stream, answer) = answered(guarded.server.address, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
            assert!(answer.starts_with("HTTP/1.1 401"), "each finds room: {answer}");
            stream
        })
        .collect();
    for _ in 0..5 {
        let reply = guarded.send(Some(&key), "GET", "/api/v1/status", None);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    known.write_all(own.as_bytes()).unwrap();
    assert!(read_answer(&mut known).starts_with("HTTP/1.1 200"), "its connection was open all the time");

    let metrics = guarded.send(Some(&key), "GET", "/metrics", None).text();
    let evicted = metrics.lines().find_map(|line| line.strip_prefix("portolan_evicted_connections_total "));
    assert!(evicted.unwrap().parse::<usize>().unwrap() > ROOM, "{metrics}");
    drop(strangers);
}

/// A connection with its first answer.
fn answered(server: SocketAddr, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let answer = read_answer(&mut stream);
    (stream, answer)
}

/// The head of an answer, and as much of its body as came with it.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 16 * 1024];
    let length = stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// A client that reads no events is cut off, and costs nothing but its place.
#[test]
fn a_slow_reader_of_events_delays_only_itself() {
    let (server, _folder) = impatient();
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();

    let filler = "x".repeat(3_000);
    let deadline = std::time::Instant::now() + HANG;
    let mut at = 0;
    // The buffers of the kernel take some megabytes first.
    while server.get("/api/v1/status").json()["data"]["event_streams"] != 0 || at < 100 {
        let operations: Vec<serde_json::Value> = (0..20)
            .map(|part| {
                serde_json::json!({ "register": { "id": format!("i{part}"), "name": "web", "address": "10.0.0.1",
                "port": 80, "metadata": { "filler": filler, "at": at.to_string() } } })
            })
            .collect();
        let body = serde_json::json!({ "operations": operations }).to_string();
        let reply = server.post("/api/v1/bulk", &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        at += 1;
        assert!(std::time::Instant::now() < deadline, "the slow reader is never cut off");
    }
    assert_eq!(figure(&server, "portolan_overdue_connections_total{limit=\"write\"}"), 1);
}

/// Clients that ask for a list of megabytes and read nothing are cut off, and the server holds no copy of it for them.
#[test]
fn slow_readers_of_a_long_list_are_cut_off_and_cost_no_memory() {
    const CLIENTS: u64 = 12;
    let folder = folder();
    let config = folder.path().join("serve.toml");
    std::fs::write(&config, "[server.limits]\nwrite_timeout = \"1s\"\n").unwrap();
    let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let filler = "x".repeat(3_000);
    for bulk in 0..10 {
        let operations: Vec<serde_json::Value> = (0..250)
            .map(|part| {
                serde_json::json!({ "register": { "id": format!("i{bulk}-{part}"), "name": "web", "address": "10.0.0.1",
                "port": 80, "metadata": { "filler": filler } } })
            })
            .collect();
        let reply = server.post("/api/v1/bulk", &serde_json::json!({ "operations": operations }).to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let list = u64::try_from(server.get("/api/v1/services").body.len()).unwrap();
    assert!(list > 8_000_000, "the buffers of the kernel take some of {list} bytes");
    let before = peak_bytes(&server);

    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| client_that_does_not_read(&server)).collect();
    let overdue = || figure(&server, "portolan_overdue_connections_total{limit=\"write\"}");
    wait_until(|| server.get("/health").status == 200 && overdue() == CLIENTS);
    let more = peak_bytes(&server) - before;
    assert!(more < CLIENTS * list / 4, "{more} bytes more for {CLIENTS} readers of {list} bytes");
    wait_until(|| server.get("/api/v1/status").json()["data"]["connections"] == 1);
    drop(clients);
}

/// A client that asks for the whole list, with a small buffer for it.
fn client_that_does_not_read(server: &Server) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4_096).unwrap();
    rustix::net::connect(&socket, &server.address).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"GET /api/v1/services HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

/// The most memory that the process of a server had.
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

#[test]
fn hostile_bodies_are_refused() {
    let (server, _folder) = impatient();
    let post = |body: &str| server.post("/api/v1/services", body);
    assert_eq!(post(&"x".repeat(5_000)).status, 413);
    assert_eq!(post(&"[".repeat(4_000)).status, 400);
    assert_eq!(post(&format!("{}1{}", r#"{"a":"#.repeat(600), "}".repeat(600))).status, 400);
    // A hundred thousand levels in a body that may be long.
    let deep = format!(r#"{{"operations":[{}]}}"#, "[".repeat(30_000));
    assert_eq!(server.post("/api/v1/bulk", &deep).status, 400);
    // A length of an exbibyte is refused before a byte of it comes.
    let huge = exchange(
        server.address,
        b"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1152921504606846976\r\n\r\n",
    );
    assert_eq!(huge.status, 413);
    stream_past_the_limit(&server);
    for body in [
        r#"{"name":"a","address":"10.0.0.1","port":1,"port":2}"#,
        r#"{"name":"a\u0000b","address":"10.0.0.1","port":1}"#,
        "{\"name\":\"a\u{202e}b\",\"address\":\"10.0.0.1\",\"port\":1}",
        r#"{"name":"../../etc/passwd","address":"10.0.0.1","port":1}"#,
        r#"{"name":"a","address":"10.0.0.1","port":1e400}"#,
        r#"{"name":"a","address":"file:///etc/passwd","port":1}"#,
        "\u{feff}{}",
    ] {
        let reply = post(body);
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(!reply.text().contains(['\u{0}', '\u{202e}', '\u{1b}']), "{body}");
    }
    let form = exchange(
        server.address,
        b"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    assert_eq!(form.status, 415, "a page of another site may send this from a browser");
    assert_eq!(server.get("/api/v1/status").json()["data"]["instances"], 0);
}

/// A body without a length goes on after the limit: it is refused at once, and the rest of its gibibyte is not taken.
fn stream_past_the_limit(server: &Server) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.set_write_timeout(Some(HANG)).unwrap();
    let head = "POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    // The limit is four of them.
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");

    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    let taken = (0..1_024).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(taken < 64, "the server took {taken} MiB of a body of at most 4 KiB");
    until_closed(stream);
}

/// Clients that send long bodies slowly do not use up the memory: what does not fit is refused, and short bodies go on.
#[test]
fn the_bodies_of_all_requests_have_a_limit_together() {
    let folder = folder();
    let config = folder.path().join("serve.yaml");
    std::fs::write(&config, "server:\n  limits: { body_timeout: 300 }\n").unwrap();
    let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let head =
        "POST /api/v1/bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n{";
    let connect = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let is_refused = |stream: &TcpStream| {
        let mut start = [0; 12];
        stream.peek(&mut start).is_ok() && start.ends_with(b"503")
    };
    let held: Vec<TcpStream> = (0..260).map(|_| connect()).collect();
    wait_until(|| held.iter().filter(|stream| is_refused(stream)).count() == 4);
    server.register(r#"{"name":"web","address":"10.0.0.1","port":80}"#);

    drop(held);
    let body = format!("{{\"operations\":[]{}}}", " ".repeat(20_000));
    wait_until(|| server.post("/api/v1/bulk", &body).status == 400);
}

#[test]
fn hostile_paths_are_refused() {
    let (server, _folder) = impatient();
    for path in [
        "/api/v1/services/..%2f..%2fetc%2fpasswd",
        "/api/v1/services/%00",
        "/api/v1/services/%e2%80%ae",
        "/api/v1/services/%2e%2e",
        "/api/v1/services/../status",
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(!reply.text().contains(['\u{0}', '\u{202e}']), "{path}");
    }
    assert_eq!(server.get("/api/v1/services/%ff").status, 400);
    assert_eq!(server.get("/api/v1/services//instances").status, 400);
    assert_eq!(server.get(&format!("/api/v1/discover?service_name={}", "a".repeat(9_000))).status, 400);
    let head = format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(40_000));
    let status = exchange(server.address, head.as_bytes()).status;
    assert!(matches!(status, 431 | 0), "{status}");
}

/// A site can let its own name lead to this machine (DNS rebinding): its page is of the same origin as the server then.
#[test]
fn a_page_of_another_site_is_refused_also_when_its_name_leads_here() {
    let folder = folder();
    let config = folder.path().join("serve.yaml");
    std::fs::write(&config, "server:\n  cors: { allowed_origins: [\"https://ui.example\"] }\n").unwrap();
    let server = ConsulServer::with(&["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let body = r#"{"name":"web","address":"10.0.0.1","port":80}"#;
    let register = |host: &str| {
        let head = "Connection: close\r\nContent-Type: application/json";
        let length = body.len();
        let request = format!(
            "POST /api/v1/services HTTP/1.1\r\nHost: {host}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        exchange(server.rest.address, request.as_bytes())
    };
    let read = |address, line: &str, host: &str| {
        exchange(address, format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
    };

    for host in ["evil.example", "evil.example:7440", "127.0.0.1.evil.example"] {
        let refused = register(host);
        assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (421, Some("unknown_host")), "{host}");
        for line in ["GET /api/v1/services", "GET /health", "GET /api/v1/events", "GET http://evil.example/metrics"] {
            assert_eq!(read(server.rest.address, line, host).status, 421, "{line} {host}");
        }
        for line in ["GET /v1/catalog/services", "PUT /v1/agent/service/deregister/web"] {
            assert_eq!(read(server.address, line, host).status, 421, "{line} {host}");
        }
    }
    assert_eq!(server.rest.get("/api/v1/status").json()["data"]["instances"], 0);
    for host in ["127.0.0.1", "localhost:7440", "[::1]", "registry", "ui.example"] {
        assert_eq!(register(host).status, 201, "{host}");
    }

    // Requests without a body are those that a page may send to any address.
    let ask = |origin: &str| {
        let request = format!(
            "POST /api/v1/services/web/monitoring HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
        );
        exchange(server.rest.address, request.as_bytes())
    };
    for origin in ["https://evil.example", "http://localhost:3000", "null"] {
        let refused = ask(origin);
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_str()),
            (403, Some("foreign_origin")),
            "{origin}"
        );
    }
    for origin in ["https://ui.example", "http://localhost"] {
        assert_eq!(ask(origin).status, 200, "{origin}");
    }

    // A credential protects a server whatever it is called.
    let guarded = Guarded::start();
    assert_eq!(read(guarded.server.address, "GET /health", "registry.example").status, 200);
}

/// A proxy and the server must agree on whom a request is for, and where it ends (RFC 9112, sections 3.2 and 6.1).
#[test]
fn a_request_without_one_host_or_with_an_unknown_coding_is_refused() {
    let server = Server::in_memory();
    let chunked = "POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close";
    for (head, status, code) in [
        ("GET /health HTTP/1.1\r\nConnection: close".to_owned(), 400, "invalid_host"),
        ("GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close".to_owned(), 400, "invalid_host"),
        ("GET /health HTTP/1.0\r\nHost: x\r\nHost: y".to_owned(), 400, "invalid_host"),
        (format!("{chunked}\r\nTransfer-Encoding: gzip, chunked"), 501, "unknown_transfer_encoding"),
        (
            format!("{chunked}\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
            501,
            "unknown_transfer_encoding",
        ),
    ] {
        let reply = exchange(server.address, format!("{head}\r\n\r\n0\r\n\r\n").as_bytes());
        let error = &reply.json()["error"];
        assert_eq!((reply.status, error["code"].as_str()), (status, Some(code)), "{head}: {error}");
        assert!(error["hint"].is_string(), "{error}");
    }
    assert_eq!(exchange(server.address, b"GET /health HTTP/1.0\r\n\r\n").status, 200, "it had no Host yet");
    let body = r#"{"name":"web","address":"10.0.0.1","port":80}"#;
    let whole = format!("{chunked}\r\nTransfer-Encoding: Chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(exchange(server.address, whole.as_bytes()).status, 201);
}

/// Requests that two servers in a row may read differently: the second request in them is never carried out.
#[test]
fn no_request_is_smuggled_in_the_body_of_another() {
    let (server, _folder) = impatient();
    server.register(r#"{"id":"victim","name":"web","address":"10.0.0.1","port":80}"#);
    let smuggled = "DELETE /api/v1/services/victim HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    for head in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n"),
        "Transfer-Encoding: xchunked\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: +{length}\r\n\r\n"),
        format!("Content-Length: {length}\r\n\r\n"),
    ] {
        let request =
            format!("POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}{smuggled}");
        exchange(server.address, request.as_bytes());
        assert_eq!(server.get("/api/v1/services/victim/instances").status, 200);
        assert_eq!(
            server.get("/api/v1/query?name=web").json()["data"]["services"].as_array().unwrap().len(),
            1,
            "{head}"
        );
    }
}

/// Fifty clients race for one id: each change has an index of its own, and the registry agrees with its events.
#[test]
fn fifty_clients_race_for_one_id() {
    let server = Server::in_memory();
    thread::scope(|scope| {
        for client in 0..50 {
            let server = &server;
            scope.spawn(move || {
                for turn in 0..6 {
                    let body =
                        format!(r#"{{"id":"one","name":"web","address":"10.0.0.{client}","port":{}}}"#, turn + 1);
                    let body = body.replace("10.0.0.0", "10.0.1.0");
                    assert!(matches!(server.post("/api/v1/services", &body).status, 200 | 201));
                    if turn % 3 == 2 {
                        assert!(matches!(server.send("DELETE", "/api/v1/services/one", None).status, 204 | 404));
                    }
                }
            });
        }
    });

    let index = server.get("/api/v1/services").index();
    let request = "GET /api/v1/events?since=0&format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while !text.windows(8).any(|window| window == b"\"synced\"") {
        let count = stream.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8(text).unwrap();
    let mut seen = BTreeSet::new();
    let mut present = false;
    for line in text.lines().filter(|line| line.starts_with("{\"index\"") && line.contains("\"cause\"")) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(seen.insert(event["index"].as_u64().unwrap()), "an index twice");
        match event["type"].as_str().unwrap() {
            "added" => assert!(!std::mem::replace(&mut present, true), "added twice: {line}"),
            "removed" => assert!(std::mem::replace(&mut present, false), "removed twice: {line}"),
            _ => assert!(present, "changed while it was gone: {line}"),
        }
    }
    assert_eq!(seen, (1..=index).collect(), "dense");
    let listed = server.get("/api/v1/services").json()["data"]["services"].as_array().unwrap().len();
    assert_eq!(listed, usize::from(present), "the list is what the events say");
}
