//! Outages of a watched cluster (FAULTS K6 and K8): what was known stays, is reported as stale once, and is asked for again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::double::{Double, Fault, Kubeconfig, Resource, Rights, TOKEN};
use crate::objects::{namespace, service, slice};
use crate::portolan::Portolan;
use crate::watch_command::Watch;

/// Two namespaces, each with one service of two endpoints.
fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    for (net, name) in (1..).zip(["bank", "shop"]) {
        store.put(Resource::NAMESPACES, namespace(name));
        store.put(Resource::SERVICES, service(name, "web"));
        store.put(Resource::SLICES, slice(name, "web", "a", net, 2));
    }
    drop(store);
    double
}

const KINDS: [&str; 4] = ["services", "endpointslices", "pods", "namespaces"];

/// The permission to read these kinds everywhere.
fn everywhere<'k>(kinds: impl IntoIterator<Item = &'k str>) -> Rights {
    kinds.into_iter().fold(Rights::default(), Rights::in_cluster)
}

fn viewer(double: &Double, rights: Rights, words: &str) -> Watch {
    double.access().user("viewer", "v", rights);
    Watch::of(Portolan::with(&double.kubeconfig().token("v")).args("--watch --json").args(words))
}

fn endpoints(line: &Value) -> usize {
    line["item"]["endpoints"].as_array().unwrap().len()
}

#[test]
fn a_permission_that_is_lost_for_a_moment_empties_no_service() {
    let double = cluster();
    let watch = viewer(&double, everywhere(KINDS), "-A");
    assert_eq!(watch.until("synced").0, ["added k8s/bank/web", "added k8s/shop/web", "synced"]);

    // A real server ends no watch for that; the next one is refused.
    double.access().user("viewer", "v", everywhere(["services", "pods", "namespaces"]));
    double.store().compact();
    double.end_watches();
    let (told, stale) = watch.until("stale");
    assert_eq!(told, ["stale"]);
    assert!(
        stale["error"]["why"].as_str().unwrap().contains("endpointslices.discovery.k8s.io is forbidden"),
        "{stale}"
    );

    // What can be read is still followed, without a word about endpoints that are not known now.
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    assert_eq!(watch.until("added").0, ["added k8s/shop/orders"]);
    double.store().put(Resource::SLICES, slice("shop", "web", "b", 9, 3));
    double.access().user("viewer", "v", everywhere(KINDS));
    let (told, updated) = watch.until("updated");
    assert_eq!((told, endpoints(&updated)), (vec!["updated k8s/shop/web".to_owned()], 5));
    assert_eq!(watch.until("synced").0, ["synced"], "the outage is over");
    watch.end();
}

#[test]
fn a_busy_server_at_the_start_costs_no_endpoints() {
    let double = cluster();
    // More refusals than a listing retries, of the list and of the watch.
    double.faults().add("/endpointslices", 7, Fault::TooManyRequests);
    let watch = Watch::start(&double, "");
    let added = watch.until("added").1;
    assert_eq!((endpoints(&added), &added["item"]["detail"]["endpoints_from"]), (2, &json!("slices")));
    watch.end();
}

#[test]
fn a_lost_permission_is_not_a_removal() {
    let double = cluster();
    let both = || Rights::default().in_namespace("*", "shop").in_namespace("*", "bank");
    let watch = viewer(&double, both(), "-n shop,bank");
    watch.until("synced");
    double.access().user("viewer", "v", Rights::default().in_namespace("*", "shop"));
    double.end_watches();
    assert_eq!(watch.until("stale").0, ["stale"]);

    double.store().put(Resource::SERVICES, service("shop", "orders"));
    assert_eq!(watch.until("added").0, ["added k8s/shop/orders"]);
    double.access().user("viewer", "v", both());
    let (told, _) = watch.until("synced");
    assert_eq!(told, ["synced"]);
    watch.end();
}

#[test]
fn a_namespace_that_is_created_later_is_watched() {
    let double = cluster();
    let watch = Watch::of(Portolan::new(&double).args("-n shop,later --watch --json"));
    let told = watch.until("error").1;
    assert!(told.to_string().contains("namespace 'later'"), "{told}");
    double.store().put(Resource::NAMESPACES, namespace("later"));
    double.store().put(Resource::SERVICES, service("later", "new"));
    assert_eq!(watch.until("added").0, ["added k8s/later/new"]);
    watch.end();

    // Without permission for the whole cluster, each namespace is watched on its own.
    let rights = |names: &[&str]| {
        names.iter().fold(Rights::default().in_cluster("namespaces"), |rights, name| rights.in_namespace("*", name))
    };
    let watch = viewer(&double, rights(&["shop", "bank", "later", "last"]), "-A");
    watch.until("synced");
    double.store().put(Resource::NAMESPACES, namespace("last"));
    double.store().put(Resource::SERVICES, service("last", "new"));
    assert_eq!(watch.until("added").0, ["added k8s/last/new"]);
    watch.end();

    // A pattern selects namespaces that are created later, and no others.
    let watch = Watch::of(Portolan::new(&double).args("-n shop,next-* --watch --json"));
    let told = watch.until("error").1;
    assert!(told.to_string().contains("'next-*'"), "{told}");
    for name in ["previous", "next-1"] {
        double.store().put(Resource::NAMESPACES, namespace(name));
        double.store().put(Resource::SERVICES, service(name, "new"));
    }
    assert_eq!(watch.until("added").0, ["added k8s/next-1/new"]);
    watch.end();
}

#[test]
fn a_watch_whose_server_never_replied_says_so() {
    let double = cluster();
    double.faults().add("/", usize::MAX, Fault::Stall);
    let error = "list the services of k8s within 1s: no complete reply so far";
    Portolan::new(&double).args("-A --watch --for 1s").fails(
        3,
        error,
        "raise the time limit, or list once without --watch to see the cause",
    );
}

/// A way to a server that can be stopped, as SIGSTOP stops a server: connections stay open, and nothing passes.
struct Gate {
    address: SocketAddr,
    is_shut: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, is_shut) = (listener.local_addr().unwrap(), Arc::new((Mutex::new(false), Condvar::new())));
        let gate = Arc::clone(&is_shut);
        thread::spawn(move || {
            for client in listener.incoming() {
                wait_open(&gate);
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { return };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, gate) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&gate));
                    thread::spawn(move || copy(from, to, &gate));
                }
            }
        });
        Self { address, is_shut }
    }

    fn shut(&self, is_shut: bool) {
        *self.is_shut.0.lock().unwrap() = is_shut;
        self.is_shut.1.notify_all();
    }
}

fn wait_open(gate: &(Mutex<bool>, Condvar)) {
    drop(gate.1.wait_while(gate.0.lock().unwrap(), |is_shut| *is_shut).unwrap());
}

fn copy(mut from: TcpStream, mut to: TcpStream, gate: &(Mutex<bool>, Condvar)) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        wait_open(gate);
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn a_server_that_is_stopped_is_stale_once_with_the_right_reason() {
    let double = cluster();
    let gate = Gate::to(double.address());
    let kubeconfig = Kubeconfig::new(format!("https://{}", gate.address), double.authority()).token(TOKEN);
    // The time until a silent connection is tested follows from the timeout.
    let watch = Watch::of(Portolan::with(&kubeconfig).args("-A --watch --json --timeout 1s"));
    watch.until("synced");

    gate.shut(true);
    let (told, stale) = watch.until("stale");
    // The second is what kubectl says: "http2: client connection lost".
    let whys = ["no reply in time", "the connection was lost"];
    assert!(told == ["stale"] && whys.iter().any(|why| stale["error"]["why"] == *why), "{told:?} {stale}");
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    gate.shut(false);
    assert_eq!(watch.until("synced").0, ["added k8s/shop/orders", "synced"]);
    watch.end();
}

/// FAULTS K9: one connection for each stream were 120 of them.
#[test]
fn the_streams_of_many_namespaces_share_connections() {
    let double = Double::start();
    let mut rights = Rights::default().in_cluster("namespaces");
    for number in 0..40 {
        let name = format!("n{number:02}");
        double.store().put(Resource::NAMESPACES, namespace(&name));
        double.store().put(Resource::SERVICES, service(&name, "web"));
        rights = rights.in_namespace("*", &name);
    }
    let watch = viewer(&double, rights, "-A");
    assert_eq!(watch.until("synced").0.len(), 41);
    double.store().put(Resource::SERVICES, service("n39", "late"));
    watch.until("added");
    assert!(double.connections() <= 6, "{} connections", double.connections());
    let versions: Vec<String> =
        double.seen().into_iter().filter(|seen| seen.query.contains("watch=")).map(|seen| seen.version).collect();
    assert!(!versions.is_empty() && versions.iter().all(|version| version == "HTTP/2.0"), "{versions:?}");
    watch.end();
}
