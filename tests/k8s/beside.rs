//! Pods, Ingresses and HTTPRoutes, with `--pods` and `--ingress`.

use serde_json::{Value, json};

use crate::clusters::shop;
use crate::double::{Fault, Resource, Rights};
use crate::objects::{pod, service};
use crate::portolan::{Portolan, addresses, by_id};

fn ingress() -> Value {
    let to = |name: &str, port: Value| json!({"service": {"name": name, "port": port}});
    json!({
        "metadata": {"namespace": "shop", "name": "front", "labels": {"app": "web"}},
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["*.shop.example"], "secretName": "tls"}],
            "rules": [
                {"host": "www.shop.example", "http": {"paths": [
                    {"path": "/", "pathType": "Prefix", "backend": to("web", json!({"number": 80}))},
                    {"path": "/cart", "pathType": "Exact", "backend": to("cart", json!({"name": "http"}))},
                ]}},
                {"host": "shop.example", "http": {"paths": [
                    {"path": "/", "pathType": "Prefix", "backend": to("web", json!({"number": 80}))},
                ]}},
            ],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}},
    })
}

fn route() -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "gate", "labels": {"app": "web"}},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "infra", "port": 443}],
            "hostnames": ["api.shop.example", "*.api.example"],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}, {"path": {"type": "Exact", "value": "/v2"}}],
                "backendRefs": [{"name": "web", "port": 80, "weight": 9}, {"name": "next", "namespace": "bank", "port": 81}],
            }],
        },
    })
}

#[test]
fn pods_are_listed_with_their_state_and_their_services() {
    let double = shop();
    let mut crashed = pod("shop", "job-1", "job");
    crashed["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    crashed["status"]["podIP"] = json!("10.1.1.2");
    crashed["status"]["podIPs"] = json!([{"ip": "10.1.1.2"}, {"ip": "fd00::2"}]);
    crashed["status"]["containerStatuses"][0]["restartCount"] = json!(7);
    crashed["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    crashed["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
    let mut ended = pod("shop", "old-1", "old");
    ended["status"]["phase"] = json!("Failed");
    ended["status"]["reason"] = json!("Evicted");
    let mut bare = pod("shop", "bare", "bare");
    bare["spec"]["containers"][0]["ports"] = Value::Null;
    bare["status"]["podIP"] = json!("10.1.1.3");
    bare["status"]["podIPs"] = Value::Null;
    double.store().put_all(Resource::PODS, [crashed, ended, bare]);
    let services = Portolan::new(&double).args("-n shop --pods").services();
    let ids: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        ["k8s/shop/pod/bare", "k8s/shop/pod/job-1", "k8s/shop/pod/old-1", "k8s/shop/pod/web-1", "k8s/shop/web"]
    );
    let web = &services["k8s/shop/pod/web-1"];
    assert_eq!(
        web["endpoints"][0],
        json!({
            "address": "10.1.1.1", "port": 8080, "interface": null, "transport": "tcp", "ready": true,
            "service_guess": "http-alt",
            "instance": {"id": "k8s/shop/pod/web-1/tcp/10.1.1.1:8080/http", "serving": true, "terminating": false,
                         "port_name": "http", "pod": "web-1", "node": "node-1"},
        })
    );
    assert_eq!(
        web["detail"],
        json!({
            "type": "Pod", "phase": "Running", "reason": null, "ready": true, "terminating": false, "node": "node-1",
            "controller": "ReplicaSet/web-abc",
            "containers": [{"name": "app", "image": "registry.example/app:1", "ready": true, "restarts": 0}],
            "services": ["web"],
        })
    );
    let crashed = &services["k8s/shop/pod/job-1"];
    assert_eq!(addresses(crashed), ["10.1.1.2:8080", "fd00::2:8080"]);
    assert_eq!(
        (&crashed["detail"]["reason"], &crashed["detail"]["terminating"], &crashed["endpoints"][0]["ready"]),
        (&json!("CrashLoopBackOff"), &json!(true), &json!(false))
    );
    assert_eq!(services["k8s/shop/pod/old-1"]["endpoints"], json!([]), "its address may belong to another pod by now");
    assert_eq!(addresses(&services["k8s/shop/pod/bare"]), ["10.1.1.3:null"]);
    let table = Portolan::new(&double).args("-n shop --pods").run().stdout;
    assert!(table.lines().any(|line| line.contains("job-1") && line.contains("CrashLoopBackOff")), "{table}");
}

#[test]
fn labels_choose_pods_too_and_services_are_judged_by_all_of_them() {
    let double = shop();
    double.store().put(Resource::PODS, pod("shop", "job-1", "job"));
    let mut labelled = service("shop", "labelled");
    labelled["metadata"]["labels"] = json!({"app": "job"});
    labelled["spec"]["selector"] = json!({"app": "web"});
    double.store().put(Resource::SERVICES, labelled);
    let services = Portolan::new(&double).args("-n shop --pods -l app=job").services();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["k8s/shop/labelled", "k8s/shop/pod/job-1"]);
    let code = &services["k8s/shop/labelled"]["findings"][0]["code"];
    assert_eq!(code, "k8s-no-endpoints", "there is a pod with its labels, though not among those that are listed");
}

#[test]
fn hosts_and_paths_of_ingresses_and_routes() {
    let double = shop();
    double.store().put(Resource::INGRESSES, ingress());
    double.store().put(Resource::HTTP_ROUTES, route());
    let services = Portolan::new(&double).args("-n shop --ingress").services();
    let front = &services["k8s/shop/ingress/front"];
    assert_eq!(addresses(front), ["shop.example:80", "www.shop.example:443"]);
    let rule = |host: &str, path: &str, kind: &str, service: &str, port: Value| json!({"host": host, "path": path, "path_type": kind, "service": service, "port": port});
    assert_eq!(
        front["detail"],
        json!({
            "type": "Ingress", "served_by": ["nginx"], "hosts": ["shop.example", "www.shop.example"],
            "tls_hosts": ["*.shop.example"], "addresses": ["203.0.113.5"],
            "rules": [
                rule("www.shop.example", "/", "Prefix", "web", json!(80)),
                rule("www.shop.example", "/cart", "Exact", "cart", json!("http")),
                rule("shop.example", "/", "Prefix", "web", json!(80)),
            ],
        })
    );
    let gate = &services["k8s/shop/httproute/gate"];
    assert_eq!(addresses(gate), ["api.shop.example:443"], "a pattern is not a host to connect to");
    assert_eq!(
        (&gate["detail"]["type"], &gate["detail"]["served_by"]),
        (&json!("HTTPRoute"), &json!(["infra/public"]))
    );
    assert_eq!(gate["detail"]["rules"].as_array().unwrap().len(), 8);
    assert_eq!(gate["detail"]["rules"][1], rule("api.shop.example", "/v1", "PathPrefix", "bank/next", json!(81)));
    let table = Portolan::new(&double).args("-n shop --ingress").run().stdout;
    assert!(table.contains("/->web:80,/cart->cart:http"), "{table}");
}

#[test]
fn an_ingress_for_any_host_is_met_at_its_balancer() {
    let double = shop();
    let mut any = ingress();
    any["spec"] = json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
    double.store().put(Resource::INGRESSES, any);
    let services = Portolan::new(&double).args("-n shop --ingress").services();
    let front = &services["k8s/shop/ingress/front"];
    assert_eq!((addresses(front), &front["detail"]["hosts"]), (vec!["203.0.113.5:80".to_owned()], &json!(["*"])));
}

#[test]
fn an_unknown_resource_is_not_an_error_and_a_refused_one_is() {
    let double = shop();
    double.store().put(Resource::INGRESSES, ingress());
    double.faults().add("/apis/gateway.networking.k8s.io", usize::MAX, Fault::NoSuchResource);
    let ran = Portolan::new(&double).args("-n shop --ingress -o name").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "k8s/shop/web\nk8s/shop/ingress/front\n"), "{ran:?}");
    assert!(ran.stderr.contains("the server has no Gateway API\n"), "{ran:?}");
    let rights = Rights::default().in_namespace("services", "shop").in_namespace("endpointslices", "shop");
    double.access().user("viewer", "v", rights.in_namespace("pods", "shop"));
    let (document, ran) = Portolan::with(&double.kubeconfig().token("v")).args("-n shop --ingress").json();
    assert_eq!((by_id(&document).len(), ran.code), (1, Some(3)));
    assert!(
        ran.stderr.starts_with(
            "error: cannot list all Ingresses in namespace 'shop': ingresses.networking.k8s.io is forbidden"
        ),
        "{ran:?}"
    );
}

#[test]
fn a_watch_tells_of_services_only_and_says_so() {
    let double = shop();
    let hint = "leave one of them out; without --watch both are listed";
    for option in ["--pods", "--ingress"] {
        let error = format!("use {option}: a watch reports only services and their endpoints");
        Portolan::new(&double).args(&format!("-n shop --watch {option}")).fails(2, &error, hint);
    }
    assert!(double.seen().is_empty());
}
