//! The rows of a cluster: every type of service, joined with its endpoints.

use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::names::{Resolver, external};
use crate::objects::{endpoint, http_port, namespace, service, slice, slice_of};
use crate::portolan::{Portolan, addresses};

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put_all(Resource::NAMESPACES, ["default", "shop", "bank"].map(namespace));
    store.put(Resource::SERVICES, service("shop", "web"));
    store.put(Resource::SLICES, slice("shop", "web", "aaaaa", 1, 2));
    store.put(Resource::SERVICES, service("bank", "vault"));
    store.put(Resource::SLICES, slice("bank", "vault", "bbbbb", 2, 1));
    drop(store);
    double
}

#[test]
fn a_service_has_its_endpoints_with_all_that_is_known_of_them() {
    let double = cluster();
    let services = Portolan::new(&double).args("-n shop").services();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["k8s/shop/web"]);
    let web = &services["k8s/shop/web"];
    assert_eq!((&web["name"], &web["namespace"], &web["source"]), (&json!("web"), &json!("shop"), &json!("k8s")));
    assert_eq!(
        web["endpoints"][1],
        json!({
            "address": "10.1.1.2", "port": 8080, "interface": null, "transport": "tcp", "ready": true,
            "service_guess": "http-alt",
            "instance": {
                "id": "k8s/shop/web/tcp/10.1.1.2:8080/http", "serving": true, "terminating": false, "port_name": "http", "protocol": "http",
                "pod": "web-2", "node": "node-2", "zone": "zone-a",
            },
        })
    );
    assert_eq!(
        web["detail"],
        json!({
            "type": "ClusterIP", "headless": false, "cluster_ips": ["10.96.0.10"], "external": [],
            "external_name": null, "labels": {"app": "web"}, "selector": {"app": "web"}, "publish_not_ready": false, "endpoints_from": "slices",
            "ports": [{"name": "http", "port": 80, "target": 8080, "node_port": null, "transport": "tcp",
                       "app_protocol": null}],
        })
    );
}

#[test]
fn every_type_is_listed() {
    let double = cluster();
    let mut store = double.store();
    let mut headless = service("shop", "db");
    headless["spec"]["clusterIP"] = json!("None");
    headless["spec"]["clusterIPs"] = json!(["None"]);
    store.put(Resource::SERVICES, headless);
    store.put(Resource::SERVICES, external("mail", "mail.example"));
    let mut balanced = service("shop", "lb");
    balanced["spec"]["type"] = json!("LoadBalancer");
    balanced["spec"]["externalIPs"] = json!(["192.0.2.9"]);
    balanced["spec"]["ports"] = json!([
        {"name": "web", "port": 443, "targetPort": "https", "nodePort": 30443, "appProtocol": "https"},
        {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
        {"name": "sig", "port": 36412, "protocol": "SCTP"},
    ]);
    balanced["status"]["loadBalancer"]["ingress"] = json!([{"ip": "203.0.113.7"}, {"hostname": "lb.example"}]);
    store.put(Resource::SERVICES, balanced);
    let mut manual = service("shop", "legacy");
    manual["spec"]["selector"] = Value::Null;
    manual["spec"]["type"] = json!("NodePort");
    store.put(Resource::SERVICES, manual);
    drop(store);

    let resolver = Resolver::start();
    let services = Portolan::new(&double).args("-n shop").args(&resolver.option()).services();
    let detail = |name: &str| &services[&format!("k8s/shop/{name}")]["detail"];
    assert_eq!((&detail("db")["headless"], &detail("db")["cluster_ips"]), (&json!(true), &json!([])));
    assert_eq!(detail("mail")["type"], "ExternalName");
    assert_eq!(detail("mail")["external_name"], "mail.example");
    assert_eq!(detail("legacy")["selector"], json!({}));
    assert_eq!(detail("lb")["external"], json!(["203.0.113.7", "lb.example", "192.0.2.9"]));
    let port = |at: usize| {
        let port = &detail("lb")["ports"][at];
        (port["target"].clone(), port["node_port"].clone(), port["transport"].clone(), port["app_protocol"].clone())
    };
    assert_eq!(port(0), (json!("https"), json!(30443), json!("tcp"), json!("https")));
    assert_eq!(port(1), (json!(5353), Value::Null, json!("udp"), Value::Null));
    assert_eq!(port(2), (Value::Null, Value::Null, json!("sctp"), Value::Null));
}

#[test]
fn slices_add_up_and_what_stands_in_two_counts_once() {
    let double = cluster();
    let mut store = double.store();
    let service = service("shop", "big");
    store.put(Resource::SERVICES, service);
    store.put(Resource::SLICES, slice("shop", "big", "a", 3, 100));
    store.put(Resource::SLICES, slice("shop", "big", "b", 4, 99));
    // One that is still in the first as well, there no longer ready.
    let mut moving = endpoint("big", "10.1.3.7");
    moving["conditions"]["ready"] = json!(false);
    store.put(Resource::SLICES, slice_of("shop", "big", "c", "IPv4", &json!([moving]), &http_port()));
    store.put(
        Resource::SLICES,
        slice_of("shop", "big", "six", "IPv6", &json!([endpoint("big", "fd00::5")]), &http_port()),
    );
    // The real controller writes this where no pod matches.
    store.put(Resource::SLICES, slice_of("shop", "big", "none", "IPv4", &Value::Null, &Value::Null));
    // Another owner's.
    store.put(Resource::SLICES, slice("bank", "big", "x", 9, 5));
    drop(store);
    let services = Portolan::new(&double).args("-n shop").services();
    let big = &services["k8s/shop/big"];
    let addresses = addresses(big);
    assert_eq!(addresses.len(), 200);
    assert!(addresses.contains(&"fd00::5:8080".to_owned()), "{addresses:?}");
    let moving =
        big["endpoints"].as_array().unwrap().iter().find(|endpoint| endpoint["address"] == "10.1.3.7").unwrap();
    assert_eq!(moving["ready"], true);
}

#[test]
fn absent_conditions_have_their_default() {
    let double = cluster();
    let mut store = double.store();
    store.put(Resource::SERVICES, service("shop", "app"));
    let said = |address: &str, conditions: Value| json!({"addresses": [address], "conditions": conditions});
    let endpoints = json!([
        said("10.2.0.1", Value::Null),
        said("10.2.0.2", json!({"ready": null})),
        said("10.2.0.3", json!({"ready": false})),
        said("10.2.0.4", json!({"ready": false, "serving": true, "terminating": true})),
        {"addresses": ["10.2.0.5"]},
    ]);
    let ports = json!([{"name": "", "port": 8080, "protocol": "TCP"}, {"name": "admin", "port": 9000}]);
    store.put(Resource::SLICES, slice_of("shop", "app", "a", "IPv4", &endpoints, &ports));
    drop(store);
    let services = Portolan::new(&double).args("-n shop -l app=app").services();
    let rows: Vec<_> = services["k8s/shop/app"]["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| {
            let (address, instance) = (endpoint["address"].as_str().unwrap(), &endpoint["instance"]);
            let flags = [&endpoint["ready"], &instance["serving"], &instance["terminating"]]
                .map(|flag| flag.as_bool().unwrap());
            (&address[7..], endpoint["port"].as_u64().unwrap(), flags, instance["port_name"].as_str())
        })
        .collect();
    let (yes, no, leaving) = ([true, true, false], [false, false, false], [false, true, true]);
    let admin = Some("admin");
    assert_eq!(
        rows,
        [
            ("1", 8080, yes, None),
            ("1", 9000, yes, admin),
            ("2", 8080, yes, None),
            ("2", 9000, yes, admin),
            ("3", 8080, no, None),
            ("3", 9000, no, admin),
            ("4", 8080, leaving, None),
            ("4", 9000, leaving, admin),
            ("5", 8080, yes, None),
            ("5", 9000, yes, admin),
        ]
    );
}

#[test]
fn namespace_and_context_can_be_chosen() {
    let double = cluster();
    let ids = |words: &str| Portolan::new(&double).args(words).services().into_keys().collect::<Vec<_>>();
    assert_eq!(ids(""), Vec::<String>::new(), "the context's namespace, which is `default`");
    assert_eq!(ids("-A"), ["k8s/bank/vault", "k8s/shop/web"]);
    assert_eq!(ids("-n shop -n bank"), ["k8s/bank/vault", "k8s/shop/web"]);
    assert_eq!(ids("-A -l app=web"), ["k8s/shop/web"]);
    assert_eq!(ids("-A --field-selector metadata.name!=web"), ["k8s/bank/vault"]);
    let of_context = Portolan::with(&double.kubeconfig().namespace("bank")).services();
    assert_eq!(of_context.into_keys().collect::<Vec<_>>(), ["k8s/bank/vault"]);
    let by_environment = Portolan::new(&double).env("K8S_NAMESPACE", "shop,bank").env("K8S_LABEL_SELECTOR", "app!=web");
    assert_eq!(by_environment.services().into_keys().collect::<Vec<_>>(), ["k8s/bank/vault"]);
    let line_first = Portolan::new(&double).env("K8S_NAMESPACE", "bank").args("-A").services();
    assert_eq!(line_first.len(), 2, "the command line goes before the environment");
}

#[test]
fn many_come_page_by_page_and_compressed() {
    let double = cluster();
    let large = |at: u32| {
        let mut service = service("shop", &format!("s{at:03}"));
        service["metadata"]["annotations"] = json!({"example.org/notes": "n".repeat(500)});
        service
    };
    double.store().put_all(Resource::SERVICES, (0..600).map(large));
    assert_eq!(Portolan::new(&double).args("-n shop").services().len(), 601);
    let lists: Vec<_> = double.seen().into_iter().filter(|seen| seen.path.ends_with("/services")).collect();
    assert_eq!(lists.len(), 3);
    // The library's client speaks HTTP/1.1 only, so that no GOAWAY of HTTP/2 interferes.
    assert!(lists.iter().all(|seen| seen.version == "HTTP/1.1"), "{lists:?}");
    assert!(lists.iter().any(|seen| seen.gzip), "{lists:?}");
}

#[test]
fn an_old_server_is_asked_for_its_endpoints() {
    let double = cluster();
    double.faults().add("/apis/discovery.k8s.io", usize::MAX, crate::double::Fault::NoSuchResource);
    let endpoints = json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "subsets": [{
            "addresses": [{"ip": "10.7.0.1", "nodeName": "n1", "targetRef": {"kind": "Pod", "name": "web-1"}}],
            "notReadyAddresses": [{"ip": "10.7.0.2"}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }],
    });
    double.store().put(Resource::ENDPOINTS, endpoints);
    let (document, ran) = Portolan::new(&double).args("-n shop").json();
    let web = &document["items"][0];
    assert_eq!(addresses(web), ["10.7.0.1:8080", "10.7.0.2:8080"]);
    assert_eq!(
        (&web["endpoints"][0]["instance"]["pod"], &web["endpoints"][1]["ready"]),
        (&json!("web-1"), &json!(false))
    );
    assert_eq!(web["detail"]["endpoints_from"], "endpoints");
    assert!(ran.stderr.contains("the server has no EndpointSlices; portolan read its Endpoints"), "{ran:?}");
}

#[test]
fn rows_and_targets_are_for_people_and_programs() {
    let double = cluster();
    double.store().put(Resource::SERVICES, external("mail", "mail.example"));
    let resolver = Resolver::start();
    let print = |words: &str| Portolan::new(&double).args("-n shop").args(&resolver.option()).args(words).run().stdout;
    assert_eq!(
        print(""),
        "PROTO  ADDRESS        SERVICE   NAME  NAMESPACE  TYPE          PORT-NAME  READY  POD    NODE\n\
         -      -              -         mail  shop       ExternalName  -          -      -      -\n\
         tcp    10.1.1.1:8080  http-alt  web   shop       ClusterIP     http       yes    web-1  node-1\n\
         tcp    10.1.1.2:8080  http-alt  web   shop       ClusterIP     http       yes    web-2  node-2\n"
    );
    assert_eq!(print("-o name"), "k8s/shop/mail\nk8s/shop/web\n");
    let csv = print("-o csv");
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.contains("\nk8s/shop/mail,,,,,,mail,shop,k8s,ExternalName,"), "{csv}");
    let targets: Value = serde_json::from_str(&print("-o prometheus-sd")).unwrap();
    assert_eq!(targets.as_array().unwrap().len(), 2);
    assert_eq!(targets[0]["targets"], json!(["10.1.1.1:8080"]));
    let labels = &targets[0]["labels"];
    let label = |name: &str| labels[format!("__meta_portolan_{name}")].as_str();
    assert_eq!(
        (label("namespace"), label("k8s_pod"), label("k8s_node")),
        (Some("shop"), Some("web-1"), Some("node-1"))
    );
    assert_eq!((label("ready"), label("label_app")), (Some("true"), Some("web")));
}

/// FAULTS K10: Prometheus' own discovery of clusters keeps such endpoints too, with a label.
#[test]
fn targets_that_are_not_ready_are_kept_with_a_label() {
    let double = cluster();
    let mut slice = slice("shop", "web", "aaaaa", 1, 2);
    slice["endpoints"][1]["conditions"]["ready"] = json!(false);
    let mut labelled = service("shop", "web");
    labelled["metadata"]["labels"] = json!({"app.kubernetes.io/name": "web"});
    double.store().put(Resource::SLICES, slice);
    double.store().put(Resource::SERVICES, labelled);

    let printed = Portolan::new(&double).args("-n shop -o prometheus-sd").run().stdout;
    let targets: Value = serde_json::from_str(&printed).unwrap();
    let labels = |at: usize| &targets[at]["labels"];
    assert_eq!(targets.as_array().unwrap().len(), 2, "{targets}");
    assert_eq!(labels(0)["__meta_portolan_ready"], "true");
    assert_eq!(labels(1)["__meta_portolan_ready"], "false");
    assert_eq!(labels(1)["__meta_portolan_label_app_kubernetes_io_name"], "web");
}

/// FAULTS K5: a line of a watch showed the first endpoint's pod and readiness as those of all.
#[test]
fn a_line_of_a_watch_speaks_for_every_endpoint() {
    let double = cluster();
    let mut slice = slice("shop", "web", "aaaaa", 1, 3);
    slice["endpoints"][0]["conditions"]["ready"] = json!(false);
    double.store().put(Resource::SLICES, slice);

    let ran = Portolan::new(&double).args("-n shop --watch --lines --until type=synced").run();
    let (line, _) = ran.stdout.split_once('\n').unwrap();
    for cell in ["  type=ClusterIP", "  port_name=http", "  ready=no:1,yes:2", "  pod=web-1,web-2,web-3"] {
        assert!(line.contains(cell), "{cell}: {line}");
    }
}
