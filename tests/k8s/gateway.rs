//! Routes of the Gateway API, with their Gateways.

use serde_json::{Value, json};

use crate::clusters::shop;
use crate::double::{Double, Fault, Resource, Rights};
use crate::portolan::{Portolan, addresses, by_id};

/// A Gateway of the namespace `infra` for the routes of all others, except at its last listener.
fn gateway() -> Value {
    let all = json!({"namespaces": {"from": "All"}});
    json!({
        "metadata": {"namespace": "infra", "name": "public"},
        "spec": {"gatewayClassName": "any", "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": all},
            {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.shop.example", "allowedRoutes": all},
            {"name": "db", "port": 8443, "protocol": "TLS", "hostname": "db.example", "allowedRoutes": all},
            {"name": "raw", "port": 5432, "protocol": "TCP", "allowedRoutes": all},
            {"name": "own", "port": 8080, "protocol": "HTTP", "hostname": "own.example"},
        ]},
        "status": {"addresses": [{"type": "IPAddress", "value": "203.0.113.9"}]},
    })
}

/// A route with one backend, at that Gateway.
fn route(namespace: &str, name: &str, section: Option<&str>, hosts: &[&str]) -> Value {
    let mut parent =
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "public"});
    if let Some(section) = section {
        parent["sectionName"] = json!(section);
    }
    let mut route = json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    });
    if !hosts.is_empty() {
        route["spec"]["hostnames"] = json!(hosts);
    }
    route
}

fn put(double: &Double, resource: Resource, routes: impl IntoIterator<Item = Value>) {
    double.store().put(Resource::GATEWAYS, gateway());
    double.store().put_all(resource, routes);
}

/// Hosts, those with TLS among them, addresses of the Gateway, and where clients go.
fn met(route: &Value) -> (Value, Value, Value, Vec<String>) {
    let detail = &route["detail"];
    (detail["hosts"].clone(), detail["tls_hosts"].clone(), detail["addresses"].clone(), addresses(route))
}

#[test]
fn gateways_say_where_their_routes_are_met() {
    let double = shop();
    let own = route("infra", "own", Some("own"), &[]);
    let mut by_port = route("shop", "by-port", None, &["a.b.shop.example"]);
    by_port["spec"]["parentRefs"][0]["port"] = json!(443);
    let routes = [
        route("shop", "any", None, &[]),
        route("shop", "named", Some("https"), &["www.shop.example", "other.example"]),
        route("shop", "stranger", Some("own"), &["own.example"]),
        own,
        by_port,
    ];
    put(&double, Resource::HTTP_ROUTES, routes);
    let services = Portolan::new(&double).args("-A --ingress").services();
    let of = |name: &str| met(&services[&format!("k8s/{name}")]);
    let at = |list: &[&str]| list.iter().map(|at| (*at).to_owned()).collect::<Vec<_>>();
    let gateway = json!(["203.0.113.9"]);
    let by_address = at(&["203.0.113.9:80", "203.0.113.9:443"]);
    let (any, tls) = (json!(["*", "*.shop.example"]), json!(["*.shop.example"]));
    assert_eq!(of("shop/httproute/any"), (any, tls, gateway.clone(), by_address), "the listeners' hosts");
    let www = json!(["www.shop.example"]);
    assert_eq!(
        of("shop/httproute/named"),
        (www.clone(), www, gateway.clone(), at(&["www.shop.example:443"])),
        "what the route and the listener have in common"
    );
    let inner = json!(["own.example"]);
    assert_eq!(of("infra/httproute/own"), (inner.clone(), json!([]), gateway.clone(), at(&["own.example:8080"])));
    assert_eq!(of("shop/httproute/stranger"), (inner, json!([]), json!([]), at(&[])), "its namespace is not allowed");
    let deep = json!(["a.b.shop.example"]);
    assert_eq!(of("shop/httproute/by-port"), (deep.clone(), deep, gateway, at(&["a.b.shop.example:443"])));
}

#[test]
fn routes_of_grpc_and_tls() {
    let double = shop();
    let mut calls = route("shop", "calls", Some("https"), &["grpc.shop.example"]);
    calls["spec"]["rules"][0]["matches"] = json!([{"method": {"type": "Exact", "service": "pkg.Svc", "method": "Get"}}, {"method": {"service": "pkg.Other"}}]);
    put(&double, Resource::GRPC_ROUTES, [calls]);
    put(&double, Resource::TLS_ROUTES, [route("shop", "db", None, &["db.example"])]);
    let services = Portolan::new(&double).args("-n shop --ingress").services();
    let calls = &services["k8s/shop/grpcroute/calls"];
    assert_eq!(
        (&calls["detail"]["type"], addresses(calls)),
        (&json!("GRPCRoute"), vec!["grpc.shop.example:443".into()])
    );
    let paths: Vec<_> =
        calls["detail"]["rules"].as_array().unwrap().iter().map(|rule| (&rule["path"], &rule["path_type"])).collect();
    assert_eq!(paths, [(&json!("/pkg.Svc/Get"), &json!("Exact")), (&json!("/pkg.Other/*"), &Value::Null)]);
    let db = &services["k8s/shop/tlsroute/db"];
    assert_eq!((&db["detail"]["type"], addresses(db)), (&json!("TLSRoute"), vec!["db.example:8443".into()]));
    assert_eq!(
        (&db["detail"]["rules"][0]["service"], &db["detail"]["tls_hosts"]),
        (&json!("web"), &json!(["db.example"]))
    );
}

#[test]
fn without_rights_to_gateways_routes_speak_for_themselves() {
    let double = shop();
    put(&double, Resource::HTTP_ROUTES, [route("shop", "named", Some("https"), &["www.shop.example"])]);
    double.access().user("viewer", "v", Rights::default().in_namespace("*", "shop"));
    let asked = || Portolan::with(&double.kubeconfig().token("v")).args("-n shop --ingress");
    let (document, ran) = asked().json();
    let of = met(&by_id(&document)["k8s/shop/httproute/named"]);
    assert_eq!(of, (json!(["www.shop.example"]), json!([]), json!([]), vec!["www.shop.example:null".to_owned()]));
    assert_eq!(ran.code, Some(0), "every route is there");
    let said = "cannot read the Gateways infra/public: gateways.gateway.networking.k8s.io \"public\" is forbidden";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert_eq!(asked().args("--strict").run().code, Some(4));
}

#[test]
fn a_missing_gateway_is_ignored() {
    let double = shop();
    let mut mesh = route("shop", "mesh", None, &[]);
    mesh["spec"]["parentRefs"] = json!([{"group": "", "kind": "Service", "name": "web", "port": 80}]);
    let mut bare = route("shop", "bare", None, &["bare.example"]);
    bare["spec"]["parentRefs"] = Value::Null;
    double.store().put_all(Resource::HTTP_ROUTES, [route("shop", "lost", None, &["lost.example"]), mesh, bare]);
    let services = Portolan::new(&double).args("-n shop --ingress").services();
    let at = |name: &str| addresses(&services[&format!("k8s/shop/httproute/{name}")]);
    assert_eq!((at("lost"), at("bare")), (vec!["lost.example:null".to_owned()], vec!["bare.example:null".to_owned()]));
    assert_eq!(at("mesh"), [""; 0]);
    assert!(!double.seen().iter().any(|seen| seen.path.ends_with("/gateways/web")), "{:?}", double.seen());
}

#[test]
fn a_server_without_the_api_is_asked_once_and_one_without_a_kind_is_well() {
    let double = shop();
    double.faults().add("/grpcroutes", usize::MAX, Fault::NoSuchResource);
    put(&double, Resource::HTTP_ROUTES, [route("shop", "named", Some("https"), &["www.shop.example"])]);
    let ran = Portolan::new(&double).args("-n shop --ingress -o name").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "k8s/shop/web\nk8s/shop/httproute/named\n"), "{ran:?}");
    assert!(!ran.stderr.contains("Gateway"), "{ran:?}");
    double.faults().add("/apis/gateway.networking.k8s.io", usize::MAX, Fault::NoSuchResource);
    let before = double.seen().len();
    let ran = Portolan::new(&double).args("-n shop -n bank --ingress -o name").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "k8s/shop/web\n"), "{ran:?}");
    assert!(ran.stderr.contains("the server has no Gateway API\n"), "{ran:?}");
    let asked = double.seen()[before..].iter().filter(|seen| seen.path.contains("gateway.networking")).count();
    assert_eq!(asked, 1);
    double.faults().clear();
    double.faults().add("/gateways/public", usize::MAX, Fault::Status(500, "InternalError", "no"));
    let ran = Portolan::new(&double).args("-n shop --ingress -o name --deadline 5s").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "k8s/shop/web\nk8s/shop/httproute/named\n"), "{ran:?}");
    assert!(ran.stderr.contains("error: cannot read the Gateways of routes: no (500)\n"), "{ran:?}");
}
