//! `examples/kubernetes.rs` does what it says.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::double::{Double, Resource};
use crate::objects::{endpoint, namespace, service, slice_of};
use crate::support::{TempDir, examples};

/// Puts a slice with two endpoints of `shop/web`; the second one is never ready.
fn put_slice(double: &Double, is_ready: bool) {
    let endpoints = [("one", "127.0.0.1", is_ready), ("two", "127.0.0.2", false)].map(|(name, address, ready)| {
        let mut endpoint = endpoint(name, address);
        endpoint["conditions"] = json!({ "ready": ready, "serving": ready, "terminating": false });
        endpoint
    });
    let port = json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]);
    double.store().put(Resource::SLICES, slice_of("shop", "web", "a", "IPv4", &json!(endpoints), &port));
}

#[test]
fn the_example_waits_for_an_endpoint_that_can_be_called() {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    put_slice(&double, false);

    let dir = TempDir::new();
    let kubeconfig = dir.path().join("config");
    fs::write(&kubeconfig, double.kubeconfig().text()).unwrap();
    let mut command = Command::new(examples().join("kubernetes"));
    command.args(["web", "shop"]).env("KUBECONFIG", &kubeconfig).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);

    let first = lines.next();
    put_slice(&double, true);
    let rest: Vec<String> = lines.filter(|line| !line.starts_with("no endpoint")).collect();
    let status = child.wait().unwrap();
    assert_eq!(first.as_deref(), Some("no endpoint of web is ready"), "{status}");
    assert_eq!(
        rest,
        ["127.0.0.1:8080 ready", "127.0.0.2:8080 not ready", "the next call goes to 127.0.0.1:8080"],
        "{status}"
    );
}
