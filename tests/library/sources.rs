//! One interface for every source, typed results, one-shot lists and streams of changes.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use portolan::client::{watch, watch_typed};
use portolan::identify::{IdentifiedSource, IdentifyOptions};
use portolan::model::{
    Address, Column, Completeness, DeclaredDetail, Event, EventKind, LocalDetail, PortState, ScanDetail, Transport,
};
use portolan::source::{File, ItemSink, ListContext, ListFuture, Local, Scan, TypedSource, collect};
use portolan::{Detail, Endpoint, Error, Listing, Service, Source};

/// A service type of this program's own.
#[derive(Debug, serde::Serialize)]
struct Berth {
    depth_m: u32,
}

impl Detail for Berth {}

/// A source that can be made to fail.
struct Harbour {
    closed: Arc<AtomicBool>,
}

impl Source for Harbour {
    fn name(&self) -> &'static str {
        "harbour"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            if self.closed.load(Ordering::Relaxed) {
                return Err(Error::io("ask the harbour", std::io::Error::other("closed"), "wait"));
            }
            let _ = out.service(berth().erase());
            Ok(Completeness::Complete)
        })
    }
}

fn berth() -> Service<Berth> {
    let endpoint = Endpoint::new(Address::Ip([127, 0, 0, 1].into()), Some(9), Transport::Tcp);
    Service::new("harbour/1", "harbour", vec![endpoint], Berth { depth_m: 12 })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn local(port: u16) -> Local {
    Local { tcp: true, ports: Some(port.to_string().parse().unwrap()), ..Local::default() }
}

fn scan(ports: &str) -> Scan {
    Scan { targets: vec!["127.0.0.1".into()], ports: Some(ports.parse().unwrap()), ..Scan::default() }
}

async fn next(events: &mut portolan::client::EventStream) -> Event {
    tokio::time::timeout(Duration::from_secs(30), events.next()).await.unwrap().unwrap().unwrap()
}

#[test]
fn each_source_returns_its_own_type() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own: Listing<LocalDetail> = local(port_of(&listener)).listing().unwrap();
    let scanned: Listing<ScanDetail> = scan(&port_of(&listener).to_string()).listing().unwrap();

    assert_eq!(own.services[0].source, "local");
    assert!(own.services[0].detail.processes.iter().any(|process| process.pid == std::process::id()));
    assert_eq!(scanned.services[0].detail.state, PortState::Open);
}

/// The registries do the same in their contract, with real servers.
#[tokio::test]
async fn a_services_file_is_listed_and_watched_typed() {
    let file = std::env::temp_dir().join(format!("portolan-library-{}-typed.toml", std::process::id()));
    std::fs::write(&file, "[[service]]\nname = \"web\"\nendpoints = [\"http://127.0.0.1:80/\"]\n").unwrap();
    let source = Arc::new(File::new(&file));

    let listing: Listing<DeclaredDetail> = source.listing().await.unwrap();
    let mut events = watch_typed(source, None);
    let first = tokio::time::timeout(Duration::from_secs(30), events.next()).await.unwrap().unwrap().unwrap();
    std::fs::remove_file(&file).unwrap();

    assert_eq!(listing.services[0].detail.protocol.as_deref(), Some("http"));
    let EventKind::Added(service) = &first.kind else { panic!("{first:?}") };
    assert_eq!(service.detail.protocol.as_deref(), Some("http"));
    let line = serde_json::to_string(&first).unwrap();
    let read: Event<DeclaredDetail> = serde_json::from_str(&line).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), line, "a typed event is read back typed");
}

/// What a source lists beside its usual services is named, not dropped.
#[tokio::test]
async fn a_detail_of_another_type_is_an_error_of_the_listing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let connections = Local { connections: true, ..local(port_of(&listener)) };

    let typed = connections.typed_listing().await.unwrap();
    drop(client);
    assert!(typed.services.is_empty() && typed.completeness == Completeness::Incomplete);
    assert!(typed.errors[0].operation.starts_with("read the detail of local/"), "{:?}", typed.errors);
}

#[tokio::test]
async fn the_event_after_a_listing_says_how_long_it_took() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut events = watch(Arc::new(local(port_of(&listener))), None);
    let _added = next(&mut events).await;
    let synced = next(&mut events).await;

    let line = serde_json::to_value(&synced).unwrap();
    assert_eq!((&line["type"], &line["services"]), (&"synced".into(), &1.into()));
    assert!(line["duration_ms"].is_u64(), "{line}");
}

#[tokio::test]
async fn any_source_is_listed_once_within_a_runtime() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port_of(&listener);
    let sources: [Box<dyn Source>; 3] =
        [Box::new(local(port)), Box::new(scan(&port.to_string())), Box::new(Harbour { closed: Arc::default() })];

    for source in sources {
        let listing = collect(&*source).await.unwrap();
        assert_eq!(listing.services.len(), 1, "{}", source.name());
        let json: serde_json::Value = serde_json::from_str(&listing.to_json().unwrap()).unwrap();
        assert_eq!(json["items"][0]["source"], source.name());
        assert_eq!(json["complete"], true);
    }
}

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_changes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut events = watch(Arc::new(local(port_of(&listener))), Some(Duration::from_millis(50)));

    let EventKind::Added(item) = next(&mut events).await.kind else { panic!("what is there comes first") };
    assert!(item.detail.downcast_ref::<LocalDetail>().is_some(), "typed");
    assert!(matches!(next(&mut events).await.kind, EventKind::Synced { services: 1, .. }));

    drop(listener);
    assert!(matches!(next(&mut events).await.kind, EventKind::Removed(_)));
    assert!(events.snapshot().services().is_empty());
}

#[tokio::test]
async fn a_source_that_fails_is_stale_and_keeps_what_was_known() {
    let closed = Arc::new(AtomicBool::new(false));
    let mut events = watch(Arc::new(Harbour { closed: Arc::clone(&closed) }), Some(Duration::from_millis(20)));
    assert!(matches!(next(&mut events).await.kind, EventKind::Added(_)));
    assert!(matches!(next(&mut events).await.kind, EventKind::Synced { services: 1, .. }));

    closed.store(true, Ordering::Relaxed);
    let event = next(&mut events).await;
    let EventKind::Stale { error, .. } = &event.kind else { panic!("{event:?}") };
    assert_eq!(error.cause, "closed");
    assert_eq!(events.snapshot().services().len(), 1, "the services stay");
    let line = serde_json::to_value(&event).unwrap();
    assert!(line["error"].is_object() && line["time"].is_string() && line.get("item").is_none());
}

#[tokio::test]
async fn a_source_that_never_answers_ends_the_stream_with_its_error() {
    let mut events = watch(Arc::new(Harbour { closed: Arc::new(AtomicBool::new(true)) }), None);
    assert!(matches!(events.next().await, Some(Err(Error::Io { .. }))));
    assert!(events.next().await.is_none());
}

#[test]
fn every_service_has_an_id_a_source_endpoints_and_detail_also_when_erased() {
    let typed = berth();
    assert_eq!(typed.detail.depth_m, 12);
    let erased = typed.erase();

    assert_eq!(
        (erased.id.to_string(), erased.source.as_str(), erased.endpoints.len()),
        ("harbour/1".to_owned(), "harbour", 1)
    );
    assert_eq!(erased.detail.downcast_ref::<Berth>().unwrap().depth_m, 12);
    assert_eq!(serde_json::to_value(&erased).unwrap()["detail"]["depth_m"], 12);
}

#[test]
fn an_endpoint_has_an_address_a_port_and_a_transport() {
    let endpoint = Endpoint::new(Address::Ip("::1".parse().unwrap()), Some(8080), Transport::Tcp);
    assert_eq!(endpoint.to_string(), "[::1]:8080");
    let json = serde_json::to_value(&endpoint).unwrap();
    assert_eq!((&json["address"], &json["port"], &json["transport"]), (&"::1".into(), &8080.into(), &"tcp".into()));
}

#[test]
fn a_scan_takes_targets_and_a_range_of_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port_of(&listener);
    let found = scan(&format!("{port}-{}", port.saturating_add(3))).listing().unwrap();
    assert!(found.services.iter().any(|service| service.endpoints[0].port == Some(port)));
}

#[tokio::test]
async fn services_are_identified_within_a_runtime() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port_of(&listener);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-Test_1.0\r\n");
        }
    });

    let source = IdentifiedSource::new(Arc::new(scan(&port.to_string())), IdentifyOptions::default());
    let listing = collect(&source).await.unwrap();
    let identity = listing.services[0].endpoints[0].identity.as_ref().unwrap();
    assert_eq!(identity.protocol.as_deref(), Some("ssh"));
}

#[test]
fn udp_sockets_are_listed_too() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let local = Local { udp: true, ports: Some(port.to_string().parse().unwrap()), ..Local::default() };
    assert_eq!(local.listing().unwrap().services[0].endpoints[0].transport, Transport::Udp);
}
