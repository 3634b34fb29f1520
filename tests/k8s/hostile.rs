//! A cluster whose every text attacks the terminal, the spreadsheet or the log of its reader.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::double::{Double, Fault, Resource, Rights};
use crate::names::external;
use crate::objects::{endpoint, namespace, pod, service, slice_of};
use crate::portolan::{Portolan, RunOutput};

/// A window's title, a C1 sequence, an override of the direction, what has no width, lines of their own, and what deletes.
const HOSTILE: &str = "=1+1\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{200b}\r\n{\"type\":\"removed\"}\u{8}\u{7f}\0<script>";

/// Fields whose values have a meaning to programs.
const KEPT: [&str; 14] = [
    "namespace",
    "resourceVersion",
    "type",
    "protocol",
    "clusterIP",
    "clusterIPs",
    "addresses",
    "addressType",
    "podIP",
    "podIPs",
    "phase",
    "kind",
    "name",
    "status",
];

/// The object with all its texts hostile, except those that would make it invalid.
fn hostile(mut value: Value) -> Value {
    fn spoil(value: &mut Value) {
        match value {
            Value::String(text) => text.insert_str(0, HOSTILE),
            Value::Array(all) => all.iter_mut().for_each(spoil),
            Value::Object(fields) => {
                fields.iter_mut().filter(|(key, _)| !KEPT.contains(&key.as_str())).for_each(|(_, field)| spoil(field));
            }
            _ => {}
        }
    }
    spoil(&mut value);
    // Names are hostile too, other than in a status.
    for path in ["/metadata", "/spec/ports/0", "/ports/0", "/endpoints/0/targetRef", "/spec/containers/0/ports/0"] {
        if let Some(Value::String(name)) = value.pointer_mut(path).and_then(|place| place.get_mut("name")) {
            name.insert_str(0, HOSTILE);
        }
    }
    value
}

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("shop"));
    let mut balanced = service("shop", "web");
    balanced["spec"]["type"] = json!("LoadBalancer");
    balanced["spec"]["ports"][0]["appProtocol"] = json!("http");
    balanced["spec"]["ports"][0]["targetPort"] = json!("absent");
    balanced["status"]["loadBalancer"]["ingress"] = json!([{"hostname": "lb.example"}]);
    // A loopback address without a listener: some of these are checked.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ports = json!([{"name": "http", "port": closed.port(), "protocol": "TCP"}]);
    let slice = slice_of("shop", "web", "a", "IPv4", &json!([endpoint("web", "127.0.0.1")]), &ports);
    let mut crashed = pod("shop", "web-1", "web");
    (crashed["status"]["podIP"], crashed["status"]["podIPs"]) = (json!("127.0.0.1"), Value::Null);
    crashed["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": format!("{HOSTILE}Crash")}});
    let ingress = json!({
        "metadata": {"namespace": "shop", "name": "front"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"name": "http"}}}}]}}]},
    });
    let route = json!({
        "metadata": {"namespace": "shop", "name": "gate"},
        "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["b.example"], "rules": [{"backendRefs": [{"name": "web"}]}]},
    });
    store.put_all(
        Resource::SERVICES,
        [balanced, external("mail", "192.0.2.1"), service("shop", "unselected")].map(hostile),
    );
    store.put(Resource::SLICES, hostile(slice));
    store.put(Resource::PODS, hostile(crashed));
    store.put(Resource::INGRESSES, hostile(ingress));
    store.put(Resource::HTTP_ROUTES, hostile(route));
    drop(store);
    double
}

#[track_caller]
fn is_clean(ran: &RunOutput) {
    let is_hostile = |c: &char| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
    for text in [&ran.stdout, &ran.stderr] {
        assert_eq!(text.chars().find(is_hostile), None, "{text:?}");
    }
}

#[test]
fn no_text_of_a_cluster_is_printed_unescaped() {
    let double = cluster();
    for format in ["table", "wide", "csv", "json", "ndjson", "yaml", "name", "prometheus-sd"] {
        let ran = Portolan::new(&double).args("-n shop --pods --ingress -o").arg(format).run();
        assert_eq!(ran.code, Some(0), "{format}: {ran:?}");
        is_clean(&ran);
        match format {
            // There is a finding of every kind that quotes text.
            "json" => {
                for code in ["k8s-target-port", "k8s-no-pod"] {
                    assert!(ran.stdout.contains(code), "{}", ran.stdout);
                }
            }
            "name" => assert_eq!(ran.stdout.lines().count(), 6, "{ran:?}"),
            "csv" => {
                assert_eq!(ran.stdout.lines().count(), 7, "{ran:?}");
                assert!(
                    !ran.stdout.contains(",=") && !ran.stdout.contains(",\"="),
                    "a spreadsheet would run it: {ran:?}"
                );
            }
            _ => {}
        }
    }
    for format in ["table", "json"] {
        let ran = Portolan::new(&double).args("-n shop --watch --lines --for 1s -o").arg(format).run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.stdout.lines().count(), 4, "three services, and that these are all: {ran:?}");
        is_clean(&ran);
    }
}

#[test]
fn no_text_of_a_refusal_is_printed_unescaped() {
    for (part, fault) in [
        ("/services", Fault::Status(400, "BadRequest", HOSTILE)),
        ("/services", Fault::Status(403, "Forbidden", HOSTILE)),
        ("/services", Fault::Status(418, HOSTILE, HOSTILE)),
        ("/pods", Fault::Status(403, "Forbidden", HOSTILE)),
        ("/endpointslices", Fault::Status(403, "Forbidden", HOSTILE)),
        ("/proxy/", Fault::Status(403, "Forbidden", HOSTILE)),
    ] {
        let double = cluster();
        double.store().put(Resource::NAMESPACES, namespace(HOSTILE));
        double.store().put(Resource::SERVICES, service("shop", "plain"));
        double.faults().add(part, usize::MAX, fault.clone());
        for words in ["-n shop -l app=x", "-A", "-n shop --validate --via api-proxy"] {
            let ran = Portolan::new(&double).args(words).run();
            is_clean(&ran);
            assert!(ran.stderr.lines().count() < 20, "{part} {fault:?} {words}: {ran:?}");
        }
    }
    let double = cluster();
    double.access().user(HOSTILE, "v", Rights::default());
    is_clean(&Portolan::with(&double.kubeconfig().token("v")).args("-n shop").run());
}

#[test]
fn no_text_of_a_kubeconfig_is_printed_unescaped() {
    let double = Double::start();
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let text = double.kubeconfig().text().replace("name: test\n", &format!("name: {quoted}\n"));
    for words in ["", "--context tset"] {
        let ran = Portolan::with_text(&text).args(words).run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 2), "{ran:?}");
        is_clean(&ran);
    }
    let program = double.kubeconfig().exec(&quoted).text();
    for words in ["", "--allow-exec"] {
        let ran = Portolan::with_text(&program).args(words).run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 2), "{ran:?}");
        is_clean(&ran);
    }
}
