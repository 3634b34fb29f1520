//! Spans: a collector of the test's own receives them by OTLP over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AttributeValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use super::Server;
use super::access::Guarded;
use super::server::{exchange, wait_until};

const ID: &str = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// What a server of HTTP received: the head and the body of each request.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Answers every request with 200 and an empty body.
fn serve(listener: TcpListener) -> Received {
    let received = Received::default();
    let kept = Arc::clone(&received);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let kept = Arc::clone(&kept);
            thread::spawn(move || while read_request(&stream, &kept).is_some() {});
        }
    });
    received
}

fn read_request(stream: &TcpStream, kept: &Received) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    kept.lock().unwrap().push((head, body));
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()
}

/// A collector, and what it received.
struct Collector {
    address: SocketAddr,
    received: Received,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), received: serve(listener) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.received.lock().unwrap();
        received.iter().map(|(_, body)| ExportTraceServiceRequest::decode(body.as_slice()).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Waits for a span with this name.
    #[track_caller]
    fn span(&self, name: &str) -> Span {
        wait_until(|| self.spans().iter().any(|span| span.name == name));
        self.spans().into_iter().find(|span| span.name == name).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

fn attribute(span: &Span, key: &str) -> Option<AttributeValue> {
    span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value
}

/// Row O12: spans of requests, commits, checks and choices; the parent that a client names, and the one that a check names.
#[test]
fn a_collector_receives_the_spans_of_a_request_a_commit_a_check_and_a_choice() {
    let collector = Collector::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let checked = serve(listener);
    let url = collector.url();
    let server = Server::with_variables(
        ["--data", ":memory:", "--node", "n1"],
        &[("PORTOLAN__MONITORING__TRACING__ENDPOINT", url.as_str())],
    );

    let checks = json!([{ "check_type": "http", "interval": 1, "timeout": 1, "config": { "path": "/health" } }]);
    let web =
        json!({ "id": ID, "name": "web", "address": "127.0.0.1", "port": target.port(), "health_checks": checks });
    server.register(&web.to_string());
    let head = format!(
        "GET /api/v1/discover?service_name=web HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(exchange(server.address, head.as_bytes()).status, 200);

    let request = collector.span("GET /api/v1/discover");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(attribute(&request, "http.route"), Some(AttributeValue::StringValue("/api/v1/discover".to_owned())));
    assert_eq!(attribute(&request, "http.response.status_code"), Some(AttributeValue::IntValue(200)));
    let choice = collector.span("balance");
    assert_eq!((&choice.trace_id, &choice.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!(attribute(&choice, "portolan.instance"), Some(AttributeValue::StringValue(ID.to_owned())));

    let write = collector.span("POST /api/v1/services");
    let commits = collector.spans().into_iter().filter(|span| span.name == "commit");
    let commit = commits.into_iter().find(|commit| commit.parent_span_id == write.span_id);
    assert_eq!(commit.expect("the commit of the registration").trace_id, write.trace_id);

    let check = collector.span("check http");
    assert_eq!(attribute(&check, "portolan.check.result"), Some(AttributeValue::StringValue("healthy".to_owned())));
    let heads: Vec<String> = checked.lock().unwrap().iter().map(|(head, _)| head.to_ascii_lowercase()).collect();
    let named = format!("traceparent: 00-{}-", hex(&check.trace_id));
    assert!(heads.iter().any(|head| head.contains(&named)), "{named}: {heads:?}");

    let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap();
    let names = ["service.name", "service.version", "service.instance.id"];
    assert!(
        names.iter().all(|name| resource.attributes.iter().any(|attribute| attribute.key == *name)),
        "{resource:?}"
    );
    let head = collector.received.lock().unwrap()[0].0.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1") && head.contains("application/x-protobuf"), "{head}");
}

/// Which traces are exported is decided by the settings, and by clients that the server has admitted.
#[test]
fn a_stranger_does_not_decide_what_is_exported() {
    let collector = Collector::start();
    let tracing = format!("[monitoring.tracing]\nendpoint = \"{}\"\nsample_percent = 0\n", collector.url());
    let guarded = Guarded::with(&tracing);
    let key = guarded.key(&["--role", "viewer"]);
    let parent = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    let path = "/api/v1/discover?service_name=web";
    for key in [None, Some("ptl_0_wrong")] {
        assert_eq!(guarded.send_with(key, &parent, "GET", path, None).status, 401);
    }
    guarded.send_with(None, &parent, "GET", "/health", None);
    guarded.send(Some(&key), "GET", "/api/v1/services", None);
    guarded.send_with(Some(&key), &parent, "GET", path, None);

    // The spans are exported in their order: what came before the last one would be there.
    let request = collector.span("GET /api/v1/discover");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert!(guarded.server.stop().success());
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    let strange = names.iter().filter(|name| !matches!(name.as_str(), "GET /api/v1/discover" | "balance"));
    assert_eq!(strange.count(), 0, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "GET /api/v1/discover").count(), 1, "{names:?}");
}

#[test]
fn the_last_spans_are_exported_when_the_server_stops() {
    let collector = Collector::start();
    let url = collector.url();
    let server = Server::with_variables(["--data", ":memory:"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())]);
    server.get("/api/v1/status");
    assert!(server.stop().success());
    assert!(collector.spans().iter().any(|span| span.name == "GET /api/v1/status"), "{:?}", collector.spans());
}

#[test]
fn a_collector_that_is_away_costs_one_warning() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let server =
        Server::with_variables(["--data", ":memory:"], &[("PORTOLAN__MONITORING__TRACING__ENDPOINT", url.as_str())]);
    for round in 0..3 {
        assert_eq!(server.get("/api/v1/status").status, 200, "{round}");
    }
    wait_until(|| server.log().contains("spans cannot be exported"));
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.log().matches("spans cannot be exported").count(), 1, "{}", server.log());
    assert!(server.stop().success());
}
