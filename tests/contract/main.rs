//! What every source must keep. Each source is put through the same questions, on whatever is here.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, missing_docs)]

use std::collections::HashSet;
use std::net::{TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use portolan::{Completeness, DetailLevel, Local, PartialError, Scan, Service, Sink, Source};

/// A sink that asks for so much, and takes so many.
struct Taking {
    depth: DetailLevel,
    most: usize,
    closed: Arc<AtomicBool>,
    services: Vec<Service>,
    faults: Vec<PartialError>,
}

impl Sink for Taking {
    fn depth(&self) -> DetailLevel {
        self.depth
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        assert!(self.services.len() < self.most, "handed over after Break");
        self.services.push(service);
        if self.services.len() == self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn fault(&mut self, fault: PartialError) {
        self.faults.push(fault);
    }

    fn limit(&mut self, limit: PartialError) {
        assert!(!limit.operation.is_empty() && !limit.cause.is_empty() && !limit.hint.is_empty());
    }
}

fn ask(source: &dyn Source, depth: DetailLevel, most: usize, closed: bool) -> (Taking, Completeness) {
    let closed = Arc::new(AtomicBool::new(closed));
    let mut sink = Taking { depth, most, closed, services: Vec::new(), faults: Vec::new() };
    let completeness = wait(source.list(&mut sink)).unwrap();
    (sink, completeness)
}

/// Waits for a future on this thread, as a caller without a runtime would.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let begin = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(begin.elapsed() < HANG, "the source hangs");
        thread::park_timeout(HANG);
    }
}

/// A minute without a word is a hang, not a measurement.
const HANG: Duration = Duration::from_mins(1);

fn ids(sink: &Taking) -> Vec<String> {
    sink.services.iter().map(|service| service.id.clone()).collect()
}

/// The questions. The source must know at least two services, the same ones all the time.
fn keeps_the_contract(source: &dyn Source) {
    let (full, completeness) = ask(source, DetailLevel::Full, usize::MAX, false);
    assert!(full.services.len() >= 2);
    assert_eq!(
        completeness == Completeness::Complete,
        full.faults.is_empty(),
        "a fault and nothing else is incomplete"
    );

    let unique: HashSet<String> = ids(&full).into_iter().collect();
    assert_eq!(unique.len(), full.services.len(), "ids are unique");
    assert_eq!(
        ids(&full),
        ids(&ask(source, DetailLevel::Full, usize::MAX, false).0),
        "asked again, the same ids in order"
    );
    assert_eq!(
        ids(&full),
        ids(&ask(source, DetailLevel::Names, usize::MAX, false).0),
        "the depth does not choose services"
    );
    assert_eq!(
        ids(&full),
        ids(&ask(source, DetailLevel::Brief, usize::MAX, false).0),
        "the depth does not choose services"
    );

    let mut names = HashSet::new();
    for column in source.columns() {
        assert!(names.insert(column.name), "column {} stands twice", column.name);
        assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    }
    for service in &full.services {
        assert!(service.id.starts_with(&format!("{}/", source.name())), "{}", service.id);
        assert_eq!(service.source, source.name());
        for column in source.columns() {
            let mut cell = String::new();
            for endpoint in service.endpoints.iter().map(Some).chain([None]) {
                (column.cell)(service, endpoint, &mut cell).unwrap();
            }
            assert!(!cell.chars().any(char::is_control), "{}: {cell:?}", column.name);
        }
    }

    assert_eq!(ask(source, DetailLevel::Full, 1, false).0.services.len(), 1, "Break ends the listing");
    let (sink, completeness) = ask(source, DetailLevel::Full, usize::MAX, true);
    assert!(completeness == Completeness::Incomplete || ids(&sink) == ids(&full), "stopped, it says so");
}

#[test]
fn local() {
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string());
    let ports = ports.chain([socket.local_addr().unwrap().port().to_string()]).collect::<Vec<_>>().join(",");
    let ports = Some(ports.parse().unwrap());
    keeps_the_contract(&Local { ports, skip_loopback: false, ..Local::default() });
}

#[test]
fn scan() {
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string());
    let ports = Some(ports.collect::<Vec<_>>().join(",").parse().unwrap());
    keeps_the_contract(&Scan { targets: vec!["127.0.0.1".to_owned()], ports, ..Scan::default() });
}

#[cfg(feature = "k8s")]
#[path = "../k8s/double/mod.rs"]
mod double;
#[cfg(feature = "k8s")]
#[path = "../k8s/objects.rs"]
#[allow(dead_code)]
mod objects;

#[test]
#[cfg(feature = "k8s")]
fn k8s() {
    let cluster = double::Double::start();
    for name in ["web", "cart", "mail"] {
        cluster.store().put(double::Resource::SERVICES, objects::service("shop", name));
        cluster.store().put(double::Resource::SLICES, objects::slice("shop", name, "a", 1, 2));
    }
    let config = std::env::temp_dir().join(format!("portolan-contract-{}.kubeconfig", std::process::id()));
    std::fs::write(&config, cluster.kubeconfig().text()).unwrap();
    keeps_the_contract(&portolan::K8s { all_namespaces: true, kubeconfig: vec![config.clone()], ..Default::default() });
    std::fs::remove_file(config).unwrap();
}
