//! `serve --import k8s:NAMESPACE`: the services of a cluster beside those of a registry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::double::{Double, Kubeconfig, Resource, Rights, TOKEN};
use crate::objects::{namespace, service, slice};
use crate::portolan::Portolan;
use crate::support::{Ended, HANG, TempDir};

/// A registry server that imports from a cluster.
struct Importer {
    address: SocketAddr,
    _child: Ended,
    _home: TempDir,
}

impl Importer {
    fn start(double: &Double) -> Self {
        Self::with(&double.kubeconfig())
    }

    fn with(kubeconfig: &Kubeconfig) -> Self {
        let words = "serve --data :memory: --port 0 --import k8s:shop";
        let (mut child, home): (Child, TempDir) = Portolan::other(kubeconfig, words).start();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find_map(|line| line.split_once("listens on http://").map(|(_, address)| address.to_owned()));
        let address = said.expect("it says where it listens").parse().unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self { address, _child: Ended(child), _home: home }
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn import(&self) -> Value {
        self.get("/api/v1/status")["data"]["imports"][0].clone()
    }

    fn instances(&self) -> Vec<Value> {
        self.get("/api/v1/services?namespace=shop")["data"]["services"].as_array().unwrap().clone()
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < HANG, "{what}: {} {}", self.get("/api/v1/status"), self.get("/api/v1/services"));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_cluster_is_imported_and_lost_permissions_empty_nothing() {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("shop"));
    store.put(Resource::SERVICES, service("shop", "web"));
    store.put(Resource::SLICES, slice("shop", "web", "a", 1, 2));
    drop(store);

    let server = Importer::start(&double);
    server.until("two pods", |server| server.instances().len() == 2);
    server.until("ready pods are healthy", |server| server.instances().iter().all(|one| one["health"] == "healthy"));
    let one = &server.instances()[0];
    assert_eq!((one["name"].as_str(), one["metadata"]["imported_from"].as_str()), (Some("web"), Some("k8s")), "{one}");
    assert_eq!(one["port"], 8080);

    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 3));
    server.until("a third pod", |server| server.instances().len() == 3);

    double.access().user("admin", TOKEN, Rights::default());
    double.store().compact();
    double.end_watches();
    server.until("it is stale", |server| server.get("/api/v1/status")["data"]["imports"][0]["state"] == "stale");
    assert_eq!(server.instances().len(), 3);
}

/// An import of a namespace that may not be read says so, and shows its services once it may.
#[test]
fn a_namespace_that_is_refused_at_the_start_is_imported_later() {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 2));
    double.access().user("viewer", "v", Rights::default());
    let server = Importer::with(&double.kubeconfig().token("v"));
    let is_refused = |server: &Importer| server.import()["error"].as_str().is_some_and(|why| why.contains("forbidden"));
    server.until("it says why", is_refused);
    assert_eq!(server.instances(), Vec::<Value>::new());

    let rights = ["services", "endpointslices", "pods"];
    let rights = rights.iter().fold(Rights::default(), |rights, resource| rights.in_namespace(resource, "shop"));
    double.access().user("viewer", "v", rights);
    server.until("two pods", |server| server.instances().len() == 2);
    server.until("no error", |server| server.import()["error"] == Value::Null);
}

/// What may not be read is missing from every list, also from one that comes later without a word of it.
#[test]
fn a_missing_permission_keeps_an_import_incomplete() {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    double.access().user("viewer", "v", Rights::default().in_namespace("services", "shop"));
    let server = Importer::with(&double.kubeconfig().token("v"));
    server.until("it is incomplete", |server| server.import()["state"] == "incomplete");
    assert!(server.import()["error"].as_str().unwrap().contains("endpoints"), "{}", server.import());

    // The list is read again.
    let old = Instant::now();
    double.store().compact();
    double.end_watches();
    server.until("it was read again", |server| {
        let age = server.import()["age_seconds"].as_f64().unwrap();
        Duration::from_secs_f64(age) < old.elapsed()
    });
    assert_eq!(server.import()["state"], "incomplete");
}
