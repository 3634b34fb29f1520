//! One suite for every registry that a source lists: list, watch, changes, outages, restarts, and nothing that is lost or
//! invented in between. The servers are real.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use portolan::client::watch_typed;
use portolan::model::{Completeness, EventKind};
use portolan::source::{Consul, Dns, Etcd, TypedSource, collect};
use portolan::{Error, Source};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::json_http::send;
use super::programs::{Program, consul, etcd, knot, write_zone};
use super::suite;
use super::watched::{Watched, line, shown};

/// A registry: how a test changes it, and the source that lists it.
pub trait Registry {
    const NAME: &'static str;
    type Listed: TypedSource + Clone + 'static;

    fn start() -> Self;
    fn program(&mut self) -> &mut Program;
    /// What an error about a dead server names.
    fn address(&mut self) -> SocketAddr {
        self.program().address
    }
    /// Registers `127.0.0.1:PORT` as an instance.
    fn put(&mut self, service: &str, port: u16);
    fn remove(&mut self, service: &str, port: u16);
    fn source(&self) -> Self::Listed;
    /// The command that lists it.
    fn words(&self) -> String;
    /// The id of a service.
    fn id(service: &str) -> String {
        format!("{}/{service}", Self::NAME)
    }
}

pub struct ConsulRegistry(Program);

impl Registry for ConsulRegistry {
    const NAME: &'static str = "consul";
    type Listed = Consul;

    fn start() -> Self {
        Self(consul())
    }

    fn program(&mut self) -> &mut Program {
        &mut self.0
    }

    fn put(&mut self, service: &str, port: u16) {
        let body = json!({ "ID": format!("{service}-{port}"), "Name": service, "Address": "127.0.0.1", "Port": port });
        send(self.0.address, "PUT", "/v1/agent/service/register", None, &body);
    }

    fn remove(&mut self, service: &str, port: u16) {
        let path = format!("/v1/agent/service/deregister/{service}-{port}");
        send(self.0.address, "PUT", &path, None, &Value::Null);
    }

    fn words(&self) -> String {
        format!("consul --address {}", self.0.address)
    }

    fn source(&self) -> Consul {
        Consul { address: Some(self.0.address.to_string()), timeout: TIMEOUT, ..Consul::default() }
    }
}

/// Our own server in the place of Consul.
#[cfg(feature = "serve")]
struct OwnConsul(ConsulRegistry);

#[cfg(feature = "serve")]
impl Registry for OwnConsul {
    const NAME: &'static str = "consul";
    type Listed = Consul;

    fn start() -> Self {
        Self(ConsulRegistry(super::programs::portolan_as_consul()))
    }

    fn program(&mut self) -> &mut Program {
        self.0.program()
    }

    fn put(&mut self, service: &str, port: u16) {
        self.0.put(service, port);
    }

    fn remove(&mut self, service: &str, port: u16) {
        self.0.remove(service, port);
    }

    fn source(&self) -> Consul {
        self.0.source()
    }

    fn words(&self) -> String {
        self.0.words()
    }
}

pub struct EtcdRegistry(Program);

impl EtcdRegistry {
    fn call(&self, path: &str, body: &Value) {
        send(self.0.address, "POST", path, None, body);
    }
}

/// The test's own encoder: what goes into the registry does not go through portolan.
pub fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    encoded
}

impl Registry for EtcdRegistry {
    const NAME: &'static str = "etcd";
    type Listed = Etcd;

    fn start() -> Self {
        Self(etcd())
    }

    fn program(&mut self) -> &mut Program {
        &mut self.0
    }

    fn put(&mut self, service: &str, port: u16) {
        let (key, value) = (format!("/services/{service}/{port}"), format!("127.0.0.1:{port}"));
        self.call("/v3/kv/put", &json!({ "key": base64(&key), "value": base64(&value) }));
    }

    fn remove(&mut self, service: &str, port: u16) {
        self.call("/v3/kv/deleterange", &json!({ "key": base64(&format!("/services/{service}/{port}")) }));
    }

    fn words(&self) -> String {
        format!("etcd --endpoint {}", self.0.address)
    }

    fn source(&self) -> Etcd {
        Etcd { endpoint: vec![self.0.address.to_string()], timeout: TIMEOUT, ..Etcd::default() }
    }
}

/// The id of an instance is a UUID, here made of its port.
#[cfg(feature = "serve")]
pub struct OwnRegistry(Program);

#[cfg(feature = "serve")]
fn own_id(port: u16) -> String {
    format!("00000000-0000-4000-8000-{port:012}")
}

#[cfg(feature = "serve")]
impl Registry for OwnRegistry {
    const NAME: &'static str = "portolan";
    type Listed = portolan::source::Portolan;

    fn start() -> Self {
        Self(super::programs::portolan())
    }

    fn program(&mut self) -> &mut Program {
        &mut self.0
    }

    fn put(&mut self, service: &str, port: u16) {
        // Without a lease: nothing renews it.
        let body = json!({ "id": own_id(port), "name": service, "address": "127.0.0.1", "port": port, "ttl": 0 });
        send(self.0.address, "POST", "/api/v1/services", None, &body);
    }

    fn remove(&mut self, _service: &str, port: u16) {
        send(self.0.address, "DELETE", &format!("/api/v1/services/{}", own_id(port)), None, &Value::Null);
    }

    fn words(&self) -> String {
        format!("portolan --address {}", self.0.address)
    }

    fn source(&self) -> Self::Listed {
        Self::Listed { address: Some(self.0.address.to_string()), timeout: TIMEOUT, ..Self::Listed::default() }
    }

    fn id(service: &str) -> String {
        format!("portolan/default/{service}")
    }
}

/// The same registry, listed by its DNS.
#[cfg(feature = "serve")]
pub struct OwnDns(OwnRegistry);

#[cfg(feature = "serve")]
impl Registry for OwnDns {
    const NAME: &'static str = "dns";
    type Listed = Dns;

    fn start() -> Self {
        Self(OwnRegistry(super::programs::portolan_with_dns()))
    }

    fn program(&mut self) -> &mut Program {
        self.0.program()
    }

    fn address(&mut self) -> SocketAddr {
        super::programs::dns_of(self.0.0.address)
    }

    fn put(&mut self, service: &str, port: u16) {
        self.0.put(service, port);
    }

    fn remove(&mut self, service: &str, port: u16) {
        self.0.remove(service, port);
    }

    fn words(&self) -> String {
        let source = self.source();
        format!("dns {} --server {}", source.names.join(" "), source.server.join(","))
    }

    fn source(&self) -> Dns {
        Dns {
            names: ["web", "db", "cart"].map(|service| format!("_{service}._tcp.service.portolan")).to_vec(),
            server: vec![super::programs::dns_of(self.0.0.address).to_string()],
            timeout: TIMEOUT,
            ..Dns::default()
        }
    }

    fn id(service: &str) -> String {
        format!("dns/_{service}._tcp.service.portolan")
    }
}

/// DNS lists only names that are asked for.
pub struct DnsRegistry {
    program: Program,
    records: BTreeMap<String, Vec<u16>>,
}

impl DnsRegistry {
    fn write(&self) {
        let mut records = String::new();
        for (service, ports) in &self.records {
            for port in ports {
                writeln!(records, "_{service}._tcp.test. 0 SRV 0 1 {port} host.test.").unwrap();
            }
        }
        write_zone(self.program.dir.path(), &format!("host.test. 0 A 127.0.0.1\n{records}"));
        self.program.signal(Signal::HUP);
    }
}

impl Registry for DnsRegistry {
    const NAME: &'static str = "dns";
    type Listed = Dns;

    fn start() -> Self {
        Self { program: knot(), records: BTreeMap::new() }
    }

    fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    fn put(&mut self, service: &str, port: u16) {
        self.records.entry(service.to_owned()).or_default().push(port);
        self.write();
    }

    fn remove(&mut self, service: &str, port: u16) {
        self.records.entry(service.to_owned()).or_default().retain(|known| *known != port);
        self.write();
    }

    fn words(&self) -> String {
        let source = self.source();
        format!("dns {} --server {}", source.names.join(" "), source.server.join(","))
    }

    fn source(&self) -> Dns {
        Dns {
            names: ["web", "db", "cart"].map(|service| format!("_{service}._tcp.test")).to_vec(),
            server: vec![self.program.address.to_string()],
            timeout: TIMEOUT,
            ..Dns::default()
        }
    }

    fn id(service: &str) -> String {
        format!("dns/_{service}._tcp.test")
    }
}

/// Long enough for a loaded machine, and what a dead server costs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the set should be: `ID ADDRESS…`, sorted.
fn expected<R: Registry>(services: &[(&str, &[u16])]) -> Vec<String> {
    let mut lines: Vec<String> = services
        .iter()
        .map(|(service, ports)| {
            let places: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
            format!("{} {}", R::id(service), places.join(" "))
        })
        .collect();
    lines.sort();
    lines
}

async fn listed(source: &impl Source) -> Vec<String> {
    let listing = collect(source).await.unwrap();
    assert_eq!(listing.completeness, Completeness::Complete, "{:?}", listing.errors);
    let services = listing.services.iter().filter(|service| service.id != "consul/consul");
    services.map(line).collect()
}

/// Waits until a listing has this.
async fn lists(source: &impl Source, wanted: &[String]) {
    let begun = std::time::Instant::now();
    loop {
        let found = listed(source).await;
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < crate::support::HANG, "{found:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn keeps_the_contract<R: Registry>() {
    let mut registry = R::start();
    let source = registry.source();
    assert!(collect_when_ready(&source).await.is_empty(), "an empty registry is empty, and that is known");

    for (service, port) in [("web", 81), ("web", 80), ("db", 5432)] {
        registry.put(service, port);
    }
    let full = expected::<R>(&[("db", &[5432]), ("web", &[80, 81])]);
    lists(&source, &full).await;
    is_typed(&source, &full).await;
    let same = source.clone();
    tokio::task::block_in_place(|| thread::spawn(move || suite::keeps_the_contract(&same)).join())
        .expect("the contract");

    // Changes of instances and of services, each in both directions.
    let watched = Watched::start(source.clone(), R::NAME);
    watched.until("everything that a listing has", |set| set.is_synced() && shown(set) == full).await;
    registry.put("web", 82);
    registry.put("cart", 83);
    let more = expected::<R>(&[("cart", &[83]), ("db", &[5432]), ("web", &[80, 81, 82])]);
    watched.until("what was registered", |set| shown(set) == more).await;
    registry.remove("web", 81);
    registry.remove("cart", 83);
    let fewer = expected::<R>(&[("db", &[5432]), ("web", &[80, 82])]);
    watched.until("what was removed", |set| shown(set) == fewer && set.stale().is_none()).await;

    // A server that answers nothing: what is known stays, and is stale.
    registry.program().stop();
    let stale = watched.until("stale while the server is stopped", |set| set.stale().is_some()).await;
    assert_eq!(shown(&stale), fewer, "the last good set is kept");
    registry.program().resume();
    let back = watched.until("up to date again", |set| set.stale().is_none()).await;
    assert_eq!(shown(&back), fewer);
    registry.put("web", 84);
    let later = expected::<R>(&[("db", &[5432]), ("web", &[80, 82, 84])]);
    watched.until("changes after the pause", |set| shown(set) == later).await;

    // A server that is gone, and comes back with what it had.
    registry.program().kill();
    let stale = watched.until("stale while the server is gone", |set| set.stale().is_some()).await;
    assert_eq!(shown(&stale), later, "the last good set is kept");
    let address = registry.address().to_string();
    let failed = collect(&source).await;
    is_clear(&failed.map(|listing| listing.errors), &address);
    registry.program().restart();
    watched.until("up to date after the restart", |set| set.stale().is_none() && shown(set) == later).await;
    registry.remove("db", 5432);
    let last = expected::<R>(&[("web", &[80, 82, 84])]);
    watched.until("changes after the restart", |set| shown(set) == last).await;
    lists(&source, &last).await;
    assert_eq!(watched.now(), last);
}

/// Listed and watched, each service has the detail of its source.
async fn is_typed<S: TypedSource + Clone + 'static>(source: &S, wanted: &[String]) {
    let typed = source.typed_listing().await.unwrap();
    assert_eq!((typed.completeness, typed.errors), (Completeness::Complete, Vec::new()));
    let services = typed.services.into_iter().map(portolan::Service::erase);
    let lines: Vec<String> = services.filter(|one| one.id != "consul/consul").map(|one| line(&one)).collect();
    assert_eq!(lines, wanted);

    let mut events = watch_typed(Arc::new(source.clone()), None);
    let mut added = Vec::new();
    loop {
        match timeout(crate::support::HANG, events.next()).await.expect("an event").expect("more events").unwrap().kind
        {
            EventKind::Added(item) => added.push(item.id.to_string()),
            EventKind::Synced { duration, .. } => break assert!(duration.is_some(), "how long it took is known"),
            other => panic!("{other:?}"),
        }
    }
    assert!(wanted.iter().all(|line| added.iter().any(|id| line.starts_with(&format!("{id} ")))), "{added:?}");
}

/// The first listing. A server that has just started may refuse for a moment.
async fn collect_when_ready(source: &impl Source) -> Vec<String> {
    let begun = std::time::Instant::now();
    loop {
        match collect(source).await {
            Ok(listing) if listing.completeness == Completeness::Complete => return listed(source).await,
            other => assert!(begun.elapsed() < crate::support::HANG, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A dead server is an error that names it, or a part that is not known; never an empty list.
fn is_clear(failed: &Result<Vec<portolan::model::PartialError>, Error>, address: &str) {
    let (text, hint) = match failed {
        Ok(errors) => {
            let error = errors.first().expect("an error");
            (format!("{}: {}", error.operation, error.cause), error.hint.clone())
        }
        Err(error) => (error.to_string(), error.hint().to_owned()),
    };
    assert!(text.contains(address), "{text} does not name {address}");
    assert!(!text.contains('\n') && !text.contains("Error {") && !text.contains("(os error"), "{text}");
    assert!(!hint.is_empty(), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consul_keeps_the_contract() {
    keeps_the_contract::<ConsulRegistry>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_keeps_the_contract() {
    keeps_the_contract::<EtcdRegistry>().await;
}

#[cfg(feature = "serve")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portolan_in_the_place_of_consul_keeps_the_contract() {
    keeps_the_contract::<OwnConsul>().await;
}

#[cfg(feature = "serve")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portolan_keeps_the_contract() {
    keeps_the_contract::<OwnRegistry>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dns_keeps_the_contract() {
    keeps_the_contract::<DnsRegistry>().await;
}

#[cfg(feature = "serve")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dns_of_portolan_keeps_the_contract() {
    keeps_the_contract::<OwnDns>().await;
}
