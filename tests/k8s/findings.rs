//! Findings of services: each case, and beside each a similar one without a problem.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::objects::{endpoint, http_port, namespace, service, slice_of};
use crate::portolan::Portolan;
use crate::support::{output, portolan_path};

/// A service of the namespace `shop` with these ready endpoints: address and node.
fn with_endpoints(double: &Double, service: Value, endpoints: &[(&str, &str)]) {
    let name = service["metadata"]["name"].as_str().unwrap().to_owned();
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(address, node)| {
            let mut endpoint = endpoint(&name, address);
            endpoint["nodeName"] = json!(node);
            endpoint
        })
        .collect();
    let slice = slice_of("shop", &name, "a", "IPv4", &json!(endpoints), &http_port());
    let mut store = double.store();
    store.put(Resource::SERVICES, service);
    store.put(Resource::SLICES, slice);
}

/// Changes a service's spec.
fn spec(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut service = service("shop", name);
    change(&mut service["spec"]);
    service
}

/// A cluster of two nodes, with one service without a problem.
fn cluster() -> Double {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    with_endpoints(&double, service("shop", "well"), &[("10.1.0.1", "one"), ("10.1.0.2", "two")]);
    double
}

/// `NAME CODE: TEXT` of every finding, except those of services called `other-…`.
fn found(double: &Double) -> Vec<String> {
    let services = Portolan::new(double).args("-n shop").services();
    let mut found = Vec::new();
    for service in services.values() {
        for finding in service["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap();
            assert!(text("hint").contains("kubectl"), "{finding}");
            found.push(format!("{} {}: {}", service["name"].as_str().unwrap(), text("code"), text("text")));
        }
    }
    found
}

#[test]
fn a_healthy_cluster_has_no_findings() {
    assert_eq!(found(&cluster()), Vec::<String>::new());
}

#[test]
fn a_service_without_ready_endpoints() {
    let double = cluster();
    with_endpoints(&double, spec("absent", |_| {}), &[]);
    with_endpoints(&double, spec("by-hand", |spec| spec["selector"] = Value::Null), &[]);
    let mut asleep = endpoint("asleep", "10.1.0.3");
    asleep["conditions"]["ready"] = json!(false);
    double.store().put(Resource::SERVICES, service("shop", "asleep"));
    double.store().put(Resource::SLICES, slice_of("shop", "asleep", "a", "IPv4", &json!([asleep]), &http_port()));
    assert_eq!(
        found(&double),
        ["absent k8s-no-pod: no pod has app=absent", "asleep k8s-none-ready: none of 1 endpoints is ready",]
    );
}

#[test]
fn endpoints_that_could_not_be_read_are_not_missing() {
    let double = cluster();
    with_endpoints(&double, spec("absent", |_| {}), &[]);
    let rights = crate::double::Rights::default().in_namespace("services", "shop");
    double.access().user("viewer", "v", rights);
    let (document, _) = Portolan::with(&double.kubeconfig().token("v")).args("-n shop").json();
    assert!(document["items"].as_array().unwrap().iter().all(|item| item["findings"].is_null()), "{document}");
}

#[test]
fn a_port_that_leads_nowhere() {
    let double = cluster();
    let ports =
        json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "admin", "port": 81, "targetPort": "adm"}]);
    with_endpoints(&double, spec("half", |spec| spec["ports"] = ports), &[("10.1.0.4", "one")]);
    assert_eq!(found(&double), ["half k8s-port-no-endpoints: port admin 81 to adm has no endpoint"]);
}

#[test]
fn an_endpoint_that_ends_and_is_still_called() {
    let double = cluster();
    for (name, publish) in [("leaving", false), ("peers", true)] {
        let mut leaving = endpoint(name, "10.1.0.5");
        leaving["conditions"]["terminating"] = json!(true);
        double.store().put(Resource::SERVICES, spec(name, |spec| spec["publishNotReadyAddresses"] = json!(publish)));
        double.store().put(Resource::SLICES, slice_of("shop", name, "a", "IPv4", &json!([leaving]), &http_port()));
    }
    assert_eq!(found(&double), ["leaving k8s-terminating-ready: 1 of 1 ready endpoints are terminating"]);
}

#[test]
fn endpoints_that_are_all_on_one_node() {
    let double = cluster();
    with_endpoints(&double, service("shop", "crowd"), &[("10.1.0.6", "one"), ("10.1.0.7", "one")]);
    with_endpoints(&double, service("shop", "single"), &[("10.1.0.8", "one")]);
    assert_eq!(found(&double), ["crowd k8s-one-node: all 2 ready endpoints are on one"]);
    let small = Double::start();
    small.store().put(Resource::NAMESPACES, namespace("shop"));
    with_endpoints(&small, service("shop", "crowd"), &[("10.1.0.6", "one"), ("10.1.0.7", "one")]);
    assert_eq!(found(&small), Vec::<String>::new(), "a cluster of one node has no other");
}

#[test]
fn a_pod_with_two_addresses_is_one() {
    let double = cluster();
    let at = |address: &str| {
        let mut endpoint = endpoint("both", address);
        (endpoint["nodeName"], endpoint["targetRef"]["name"]) = (json!("one"), json!("both-1"));
        json!([endpoint])
    };
    double.store().put(Resource::SERVICES, service("shop", "both"));
    double.store().put(Resource::SLICES, slice_of("shop", "both", "a", "IPv4", &at("10.1.0.20"), &http_port()));
    double.store().put(Resource::SLICES, slice_of("shop", "both", "b", "IPv6", &at("fd00::20"), &http_port()));
    assert_eq!(found(&double), Vec::<String>::new());
}

#[test]
fn a_balancer_that_does_not_come() {
    let double = cluster();
    with_endpoints(&double, spec("wants", |spec| spec["type"] = json!("LoadBalancer")), &[("10.1.0.9", "one")]);
    let mut has = spec("has", |spec| spec["type"] = json!("LoadBalancer"));
    has["status"]["loadBalancer"]["ingress"] = json!([{"ip": "203.0.113.1"}]);
    with_endpoints(&double, has, &[("10.1.0.10", "one")]);
    assert_eq!(found(&double), ["wants k8s-balancer-pending: the load balancer has no address"]);
}

#[test]
fn services_that_are_in_each_others_way() {
    let double = cluster();
    let twin = |spec: &mut Value| spec["selector"] = json!({"app": "well"});
    with_endpoints(&double, spec("twin", twin), &[("10.1.0.1", "one")]);
    let headless = |spec: &mut Value| {
        (spec["selector"], spec["clusterIP"], spec["clusterIPs"]) =
            (json!({"app": "well"}), json!("None"), json!(["None"]));
    };
    with_endpoints(&double, spec("headless", headless), &[("10.1.0.1", "one")]);
    for (name, transport) in [("a", "TCP"), ("b", "TCP"), ("c", "UDP")] {
        let ports = json!([{"name": "http", "port": 80, "nodePort": 30080, "protocol": transport}]);
        with_endpoints(&double, spec(name, |spec| spec["ports"] = ports), &[("10.1.0.11", "one")]);
    }
    assert_eq!(
        found(&double),
        [
            "a k8s-node-port-twice: node port 30080 is also a port of shop/b",
            "b k8s-node-port-twice: node port 30080 is also a port of shop/a",
            "twin k8s-same-selector: same labels and port 80 as shop/well",
            "well k8s-same-selector: same labels and port 80 as shop/twin",
        ]
    );
}

#[test]
fn an_external_name_chooses_no_pods() {
    let double = cluster();
    // A leftover of its earlier type.
    let external = |spec: &mut Value| {
        (spec["type"], spec["externalName"], spec["selector"]) =
            (json!("ExternalName"), json!("db.bank.svc.cluster.local"), json!({"app": "well"}));
    };
    double.store().put(Resource::SERVICES, spec("moved", external));
    assert_eq!(found(&double), Vec::<String>::new());
}

#[test]
fn each_kind_is_explained_with_the_command_that_shows_it() {
    let codes = [
        "k8s-no-pod",
        "k8s-no-endpoints",
        "k8s-none-ready",
        "k8s-target-port",
        "k8s-port-name",
        "k8s-port-no-endpoints",
        "k8s-endpoint-refused",
        "k8s-terminating-ready",
        "k8s-one-node",
        "k8s-balancer-pending",
        "k8s-same-selector",
        "k8s-node-port-twice",
        "k8s-external-name",
        "k8s-no-service",
    ];
    let explain = |words: &[&str]| {
        let out = output(Command::new(portolan_path()).arg("explain").args(words));
        assert_eq!(out.status.code(), Some(0), "{words:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let all: Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    let all = all["items"].as_array().unwrap();
    let of_cluster: BTreeSet<_> =
        all.iter().filter_map(|kind| kind["code"].as_str()).filter(|code| code.starts_with("k8s-")).collect();
    assert_eq!(of_cluster, BTreeSet::from(codes));
    for code in codes {
        let text = explain(&[code]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(code) && text.contains("`kubectl get") || text.contains("`kubectl describe"), "{text}");
    }
}

#[test]
fn findings_are_shown_and_explained() {
    let double = cluster();
    with_endpoints(&double, spec("absent", |_| {}), &[]);
    let ran = Portolan::new(&double).args("-n shop").run();
    assert!(ran.stdout.contains("  FINDINGS\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  k8s-no-pod\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 finding: k8s-no-pod 1; `portolan explain CODE` explains them\n"), "{ran:?}");
    assert_eq!(ran.code, Some(0), "a finding is a result");
}

/// An Ingress whose rules lead to these services.
fn ingress(name: &str, services: &[&str]) -> Value {
    let backend = |service: &&str| {
        json!({"path": format!("/{service}"), "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": 80}}}})
    };
    let paths: Vec<Value> = services.iter().map(backend).collect();
    json!({"metadata": {"namespace": "shop", "name": name}, "spec": {"rules": [{"http": {"paths": paths}}]}})
}

/// FAULTS K10: an Ingress or a route to a service that does not exist.
#[test]
fn a_route_that_leads_to_no_service() {
    let double = cluster();
    let mut store = double.store();
    store.put(Resource::INGRESSES, ingress("front", &["well", "lost", "lost"]));
    store.put(Resource::INGRESSES, ingress("fine", &["well"]));
    // A backend of another namespace, which is not listed, may exist.
    let backends = json!([{"name": "gone", "port": 80}, {"name": "far", "namespace": "bank", "port": 80}]);
    store.put(
        Resource::HTTP_ROUTES,
        json!({"metadata": {"namespace": "shop", "name": "api"}, "spec": {"rules": [{"backendRefs": backends}]}}),
    );
    drop(store);

    let found = |words: &str| {
        let services = Portolan::new(&double).args("--ingress").args(words).services();
        let texts = services.values().flat_map(|service| {
            service["findings"].as_array().into_iter().flatten().map(move |finding| {
                format!("{} {} {}", service["name"], finding["code"], finding["text"]).replace('"', "")
            })
        });
        texts.filter(|text| text.contains("k8s-no-service")).collect::<Vec<_>>()
    };
    let here = ["front k8s-no-service no service shop/lost", "api k8s-no-service no service shop/gone"];
    let mut of_namespace = found("-n shop");
    of_namespace.sort();
    let mut expected = here.map(str::to_owned);
    expected.sort();
    assert_eq!(of_namespace, expected);
    assert_eq!(found("-A").len(), 3, "bank/far does not exist either");
    assert_eq!(found("-n shop -l app=well"), Vec::<String>::new(), "a filter hides services that exist");
}

/// FAULTS K10: findings change with the filter only with a word.
#[test]
fn a_filter_that_may_hide_findings_is_named() {
    let double = cluster();
    for name in ["a", "b"] {
        let ports = json!([{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]);
        let twin = |spec: &mut Value| (spec["ports"], spec["selector"]) = (ports, json!({"app": "same"}));
        with_endpoints(&double, spec(name, twin), &[("10.1.0.11", "one")]);
    }
    let ran = |words: &str| Portolan::new(&double).args(words).run().stderr;
    let note = "findings that compare services see only the listed ones: ";
    let all = ran("-A");
    assert!(all.contains("k8s-same-selector 2") && !all.contains(note), "{all}");
    let filtered = ran("-A -l app=a");
    assert!(!filtered.contains("k8s-same-selector 1"), "{filtered}");
    assert!(filtered.contains(&format!("{note}k8s-same-selector, k8s-node-port-twice\n")), "{filtered}");
    assert!(ran("-n shop").contains(&format!("{note}k8s-node-port-twice\n")));
}

/// FAULTS K5: findings had no exit code.
#[test]
fn findings_fail_the_listing_where_that_is_asked_for() {
    let double = cluster();
    let code = |words: &str| Portolan::new(&double).args("-n shop").args(words).run().code;
    assert_eq!(code("--fail-findings"), Some(0), "there is none");

    with_endpoints(&double, service("shop", "crowd"), &[("10.1.0.6", "one"), ("10.1.0.7", "one")]);
    for (words, expected) in [("", 0), ("--fail-findings", 1), ("--fail-findings=advice", 1)] {
        assert_eq!(code(words), Some(expected), "{words}");
    }
    assert_eq!(code("--fail-findings=degraded"), Some(0), "all endpoints on one node are advice");

    with_endpoints(&double, spec("absent", |_| {}), &[]);
    assert_eq!(code("--fail-findings=unhealthy"), Some(1));
    assert_eq!(code("--fail-findings=none"), Some(2));
    let ran = Portolan::new(&double).args("-n shop --fail-findings=unhealthy").run();
    assert!(ran.stderr.contains("1 finding, so --fail-findings fails\n"), "{ran:?}");
}
