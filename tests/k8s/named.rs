//! `k8s/NAMESPACE/NAME` as a target of `validate` and `wait` (FAULTS K7): the name's own namespace counts.

use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::kubectl::kubectl_says;
use crate::objects::{endpoint, namespace, service, slice_of};
use crate::portolan::{Portolan, RunOutput};
use crate::validate::{Silent, web};

/// A cluster whose service `zoo/one` has one endpoint there; the context's namespace is `shop`.
fn cluster(address: std::net::SocketAddr, is_ready: bool) -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put_all(Resource::NAMESPACES, ["shop", "zoo"].map(namespace));
    store.put(Resource::SERVICES, service("zoo", "one"));
    let mut endpoint = endpoint("one", &address.ip().to_string());
    endpoint["conditions"] = json!({"ready": is_ready, "serving": is_ready, "terminating": false});
    let port = json!([{"name": "http", "port": address.port(), "protocol": "TCP"}]);
    store.put(Resource::SLICES, slice_of("zoo", "one", "a", "IPv4", &json!([endpoint]), &port));
    drop(store);
    double
}

fn run(double: &Double, words: &str) -> RunOutput {
    Portolan::other(&double.kubeconfig().namespace("shop"), words).run()
}

#[test]
fn a_name_is_looked_for_in_its_own_namespace() {
    let double = cluster(web("200 OK"), true);
    let ran = run(&double, "validate k8s/zoo/one --json");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(
        (&document["items"][0]["id"], &document["items"][0]["health"]["state"]),
        (&"k8s/zoo/one".into(), &"healthy".into())
    );

    let ran = run(&double, "wait k8s/zoo/one");
    assert!(ran.code == Some(0) && ran.stderr.starts_with("k8s/zoo/one is healthy"), "{ran:?}");
    assert_eq!(run(&double, "validate k8s/one").code, Some(2), "without a namespace, the context's counts");
}

#[test]
fn only_a_service_that_is_not_listed_is_gone() {
    let double = cluster(web("200 OK"), true);
    let gone = || run(&double, "wait --gone k8s/zoo/one --timeout 1s");
    let ran = gone();
    assert!(ran.code == Some(1) && ran.stderr.contains("k8s/zoo/one is still listed after 1 s"), "{ran:?}");

    // A selector in the settings hides nothing that is named.
    let hiding = "[discover.k8s]\nselector = \"app=another\"\nfield-selector = \"metadata.name=another\"\n";
    let portolan = Portolan::other(&double.kubeconfig(), "wait --gone k8s/zoo/one --timeout 1s --config hiding.toml");
    let ran = portolan.file("hiding.toml", hiding).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");

    double.store().delete(Resource::SERVICES, "zoo", "one");
    let ran = gone();
    assert!(ran.code == Some(0) && ran.stderr.starts_with("k8s/zoo/one is gone"), "{ran:?}");
    assert_eq!(kubectl_says(&double, "get service one -n zoo --ignore-not-found"), b"");

    // A service is gone with its namespace.
    double.store().delete(Resource::NAMESPACES, "", "zoo");
    assert_eq!(gone().code, Some(0));
}

#[test]
fn a_pod_is_not_gone_because_pods_are_not_listed_by_default() {
    let double = cluster(web("200 OK"), true);
    double.store().put(Resource::PODS, crate::objects::pod("zoo", "one-1", "one"));
    let gone = || run(&double, "wait --gone k8s/zoo/pod/one-1 --timeout 1s");
    assert_eq!(gone().code, Some(1));
    double.store().delete(Resource::PODS, "zoo", "one-1");
    assert_eq!(gone().code, Some(0));
}

#[test]
fn where_addresses_are_unreachable_the_clusters_word_counts() {
    let silent = Silent::new();
    let ready = cluster(silent.address(), true);
    let ran = run(&ready, "wait k8s/zoo/one --timeout 30s");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.starts_with("k8s/zoo/one is ready according to its source (unreachable from here)"), "{ran:?}");

    let ran = run(&ready, "validate k8s/zoo/one --json");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let health = &document["items"][0]["endpoints"][0]["health"];
    assert_eq!((&health["state"], &health["out_of_reach"]), (&"unknown".into(), &true.into()), "{health}");

    let asleep = cluster(silent.address(), false);
    let ran = run(&asleep, "wait k8s/zoo/one --timeout 4s");
    assert!(ran.code == Some(1) && ran.stderr.contains("scored 0 (none of 1 endpoints is ready)"), "{ran:?}");
}
