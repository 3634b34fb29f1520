//! Findings that need pods; and without permission to read pods, a report of what was not checked.

use serde_json::{Value, json};

use crate::clusters::shop;
use crate::double::{Double, Fault, Resource, Rights};
use crate::objects::{endpoint, http_port, pod, service, slice, slice_of};
use crate::portolan::{Portolan, by_id};

/// A service whose only port leads to `target`, and a pod of it as `change` makes it.
fn with_target(double: &Double, name: &str, target: Value, change: impl FnOnce(&mut Value)) {
    let mut service = service("shop", name);
    service["spec"]["ports"][0]["targetPort"] = target;
    let mut pod = pod("shop", &format!("{name}-1"), name);
    change(&mut pod);
    let mut store = double.store();
    store.put(Resource::SERVICES, service);
    store.put(Resource::PODS, pod);
}

fn give_endpoint(double: &Double, name: &str) {
    double.store().put(Resource::SLICES, slice("shop", name, "a", 7, 1));
}

/// `NAME CODE: TEXT` of every finding.
fn found(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for item in document["items"].as_array().unwrap() {
        for finding in item["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap();
            assert!(text("hint").contains("kubectl"), "{finding}");
            found.push(format!("{} {}: {}", item["name"].as_str().unwrap(), text("code"), text("text")));
        }
    }
    found
}

fn all(double: &Double) -> Vec<String> {
    found(&Portolan::new(double).args("-n shop").json().0)
}

#[test]
fn a_selector_without_pods_differs_from_pods_without_an_address() {
    let double = shop();
    let mut store = double.store();
    for name in ["unselected", "elsewhere", "pending", "ended"] {
        store.put(Resource::SERVICES, service("shop", name));
    }
    // The same labels in another namespace do not count.
    store.put(Resource::PODS, pod("bank", "elsewhere-1", "elsewhere"));
    let mut pending = pod("shop", "pending-1", "pending");
    pending["status"] = json!({"phase": "Pending"});
    store.put(Resource::PODS, pending);
    let mut ended = pod("shop", "ended-1", "ended");
    ended["status"]["phase"] = json!("Succeeded");
    store.put(Resource::PODS, ended);
    drop(store);
    assert_eq!(
        all(&double),
        [
            "elsewhere k8s-no-pod: no pod has app=elsewhere",
            "ended k8s-no-pod: all pods with app=ended have finished",
            "pending k8s-no-endpoints: no pod with app=pending has an address",
            "unselected k8s-no-pod: no pod has app=unselected",
        ]
    );
}

#[test]
fn a_target_port_that_no_container_has() {
    let double = shop();
    let ports = |ports: Value| move |pod: &mut Value| pod["spec"]["containers"][0]["ports"] = ports;
    with_target(&double, "name", json!("metrics"), |_| {});
    with_target(&double, "number", json!(9090), |_| {});
    with_target(
        &double,
        "other-protocol",
        json!("http"),
        ports(json!([{"name": "http", "containerPort": 8080, "protocol": "UDP"}])),
    );
    // Valid ports: by name, by number, undeclared, in a sidecar, and in some pod only.
    with_target(&double, "by-name", json!("http"), |_| {});
    with_target(&double, "by-number", json!(8080), |_| {});
    with_target(&double, "unwritten", json!(9090), ports(Value::Null));
    with_target(&double, "sidecar", json!("mesh"), |pod| {
        pod["spec"]["initContainers"] =
            json!([{"name": "mesh", "restartPolicy": "Always", "ports": [{"name": "mesh", "containerPort": 15001}]}]);
    });
    with_target(&double, "rolling", json!("new"), |_| {});
    let mut newer = pod("shop", "rolling-2", "rolling");
    newer["spec"]["containers"][0]["ports"][0]["name"] = json!("new");
    double.store().put(Resource::PODS, newer);
    for name in ["name", "number", "other-protocol", "by-name", "by-number", "unwritten", "sidecar", "rolling"] {
        give_endpoint(&double, name);
    }
    assert_eq!(
        all(&double),
        [
            "name k8s-target-port: port http 80 targets metrics, which no container of its pods has; they have http 8080",
            "number k8s-target-port: port http 80 targets 9090, which no container of its pods has; they have http 8080",
            "other-protocol k8s-target-port: port http 80 targets http, which no container of its pods has; they have http 8080",
        ]
    );
}

#[test]
fn slices_that_call_a_port_differently() {
    let double = shop();
    let mut manual = service("shop", "manual");
    manual["spec"]["selector"] = Value::Null;
    double.store().put(Resource::SERVICES, manual);
    let ports = json!([{"name": "web", "port": 8080, "protocol": "TCP"}]);
    let slice = slice_of("shop", "manual", "a", "IPv4", &json!([endpoint("manual", "10.9.0.1")]), &ports);
    double.store().put(Resource::SLICES, slice);
    assert_eq!(all(&double), ["manual k8s-port-name: port http 80 has no endpoint; the slices name their ports web"]);
    let right = slice_of("shop", "manual", "a", "IPv4", &json!([endpoint("manual", "10.9.0.1")]), &http_port());
    double.store().put(Resource::SLICES, right);
    assert_eq!(all(&double), [""; 0]);
}

#[test]
fn without_permission_for_pods_the_other_findings_remain() {
    let double = shop();
    double.store().put(Resource::SERVICES, service("shop", "unselected"));
    let rights = Rights::default().in_namespace("services", "shop").in_namespace("endpointslices", "shop");
    double.access().user("viewer", "v", rights);
    let asked = || Portolan::with(&double.kubeconfig().token("v")).args("-n shop");
    let (document, ran) = asked().json();
    assert_eq!(found(&document), ["unselected k8s-no-endpoints: no pod with app=unselected has an address"]);
    assert_eq!((ran.code, &document["complete"]), (Some(0), &true.into()), "every service is there");
    let said = "cannot read the pods of shop: pods is forbidden: User \"viewer\" cannot list resource \"pods\" in API group \
                \"\" in the namespace \"shop\" (403); k8s-no-pod and k8s-target-port are missing there";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert_eq!(asked().args("--strict").run().code, Some(4));
    let (document, ran) = asked().args("--pods").json();
    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()), "pods were requested");
    assert!(ran.stderr.starts_with("error: cannot list all pods in namespace 'shop': pods is forbidden"), "{ran:?}");
}

#[test]
fn pods_that_fail_to_come_are_a_part_that_is_missing() {
    let double = shop();
    double.faults().add("/pods", usize::MAX, Fault::Status(500, "InternalError", "no"));
    let (document, ran) = Portolan::new(&double).args("-n shop --deadline 5s").json();
    assert_eq!((by_id(&document).len(), ran.code), (1, Some(3)));
    assert!(ran.stderr.contains("error: cannot list all pods in namespace 'shop': no (500)\n"), "{ran:?}");
}

#[test]
fn pods_are_read_only_on_request_and_page_by_page() {
    let double = shop();
    let asked = |words: &str| {
        let before = double.seen().len();
        Portolan::new(&double).args(words).run();
        double.seen()[before..].iter().filter(|seen| seen.path.ends_with("/pods")).count()
    };
    assert_eq!(asked("-n bank"), 0, "no service there selects pods");
    assert_eq!(asked("-n shop -o name"), 0, "this format has no findings");
    assert_eq!(asked("-n shop"), 1);
    double.store().put_all(Resource::PODS, (0..600).map(|at| pod("shop", &format!("web-{at}"), "web")));
    assert_eq!(asked("-n shop"), 3);
}
