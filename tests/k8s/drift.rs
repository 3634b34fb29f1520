//! `portolan drift k8s:`: twelve planted faults of each kind that a cluster shows, beside services without one.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::objects::{endpoint, http_port, namespace, pod, service, slice_of};
use crate::portolan::{Portolan, RunOutput};
use crate::support::{Scene, needs_root};

const EACH: u8 = 12;

/// A service with one endpoint, which belongs to a node.
fn put(double: &Double, service: &Value, (address, node): (&str, &str), is_ready: bool) {
    let name = service["metadata"]["name"].as_str().unwrap();
    let mut endpoint = endpoint(name, address);
    endpoint["nodeName"] = json!(node);
    endpoint["conditions"]["ready"] = json!(is_ready);
    endpoint["targetRef"]["name"] = json!(format!("{name}-1"));
    let mut store = double.store();
    store.put(Resource::SERVICES, service.clone());
    store.put(Resource::SLICES, slice_of("shop", name, "a", "IPv4", &json!([endpoint]), &http_port()));
}

/// A pod behind a service.
fn put_pod(double: &Double, name: &str, address: &str) {
    let mut pod = pod("shop", &format!("{name}-1"), name);
    pod["status"]["podIP"] = json!(address);
    pod["status"]["podIPs"] = json!([{ "ip": address }]);
    double.store().put(Resource::PODS, pod);
}

/// Twelve services of each kind.
fn plant(double: &Double) {
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    for at in 1..=EACH {
        let served = format!("10.7.0.{at}");
        let well = service("shop", &format!("well-{at:02}"));
        put(double, &well, (&served, "two"), true);
        put_pod(double, &format!("well-{at:02}"), &served);

        let name = format!("asleep-{at:02}");
        put(double, &service("shop", &name), (&served, "two"), false);
        put_pod(double, &name, &served);

        double.store().put(Resource::SERVICES, service("shop", &format!("absent-{at:02}")));

        let name = format!("target-{at:02}");
        let mut target = service("shop", &name);
        target["spec"]["ports"][0]["targetPort"] = json!("adm");
        put(double, &target, (&served, "two"), true);
        put_pod(double, &name, &served);

        let mut manual = service("shop", &format!("manual-{at:02}"));
        manual["spec"]["selector"] = Value::Null;
        put(double, &manual, (&format!("10.7.1.{at}"), "two"), true);

        let name = format!("foreign-{at:02}");
        let address = format!("10.9.9.{at}");
        put(double, &service("shop", &name), (&address, "here"), true);
        put_pod(double, &name, &address);
    }
}

/// How many services of each kind have a finding, by `KIND CODE`.
fn found(ran: &RunOutput) -> BTreeMap<String, usize> {
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    let mut found = BTreeMap::new();
    for item in document["items"].as_array().unwrap() {
        let kind = item["name"].as_str().unwrap_or("-").split('-').next().unwrap();
        let code = item["findings"][0]["code"].as_str().unwrap();
        assert!(item["findings"][0]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{item}");
        *found.entry(format!("{kind} {code}")).or_default() += 1;
    }
    found
}

#[test]
fn every_planted_fault_of_a_cluster_is_found_and_nothing_else() {
    needs_root("it enters a network namespace");
    let scene = Scene::new();
    // Every address of this network refuses where nothing listens. No route leads to 10.9.9.0.
    scene.sh("ip route add local 10.7.0.0/16 dev lo");
    for at in 1..=EACH {
        scene.sh(&format!("ip address add 10.7.0.{at}/32 dev lo"));
    }
    let namespace = File::open(format!("/proc/{}/ns/net", scene.pid())).unwrap();
    let ran = thread::scope(|scope| {
        let inside = scope.spawn(|| {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root enters");
            let double = Double::start();
            plant(&double);
            let _served: Vec<TcpListener> =
                (1..=EACH).map(|at| TcpListener::bind(format!("10.7.0.{at}:8080")).unwrap()).collect();
            let kubeconfig = double.kubeconfig();
            Portolan::other(&kubeconfig, "drift k8s:shop --node here --json").run()
        });
        inside.join().expect("the work inside the namespace")
    });

    let expected = [
        ("absent", "drift-selector-empty"),
        ("asleep", "drift-no-ready-endpoint"),
        ("foreign", "drift-foreign-address"),
        ("manual", "drift-manual-endpoint-dead"),
        ("target", "drift-target-port"),
    ];
    let expected: BTreeMap<String, usize> =
        expected.into_iter().map(|(kind, code)| (format!("{kind} {code}"), usize::from(EACH))).collect();
    assert_eq!(found(&ran), expected, "{}", ran.stderr);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}
