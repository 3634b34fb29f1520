//! Objects for the clusters of tests.

use serde_json::{Value, json};

pub fn namespace(name: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"phase": "Active"}})
}

/// A ClusterIP service with one port, `http` 80 -> 8080, that selects `app=NAME`.
pub fn service(namespace: &str, name: &str) -> Value {
    json!({
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {
            "type": "ClusterIP", "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"],
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
        },
        "status": {"loadBalancer": {}},
    })
}

/// A slice of a service, with that many ready endpoints on port 8080, from 10.1.`net`.1 on.
pub fn slice(namespace: &str, service: &str, suffix: &str, net: u8, count: u8) -> Value {
    let endpoints: Vec<Value> = (1..=count).map(|host| endpoint(service, &format!("10.1.{net}.{host}"))).collect();
    slice_of(namespace, service, suffix, "IPv4", &json!(endpoints), &http_port())
}

pub fn http_port() -> Value {
    json!([{"name": "http", "port": 8080, "protocol": "TCP"}])
}

pub fn slice_of(namespace: &str, service: &str, suffix: &str, family: &str, endpoints: &Value, ports: &Value) -> Value {
    json!({
        "metadata": {
            "namespace": namespace, "name": format!("{service}-{suffix}"),
            "labels": {"kubernetes.io/service-name": service,
                       "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
        },
        "addressType": family, "endpoints": endpoints, "ports": ports,
    })
}

/// A ready endpoint: a pod on a node whose number is the address's last.
pub fn endpoint(service: &str, address: &str) -> Value {
    let host = address.rsplit(['.', ':']).next().unwrap();
    json!({
        "addresses": [address],
        "conditions": {"ready": true, "serving": true, "terminating": false},
        "nodeName": format!("node-{host}"), "zone": "zone-a",
        "targetRef": {"kind": "Pod", "name": format!("{service}-{host}")},
    })
}

/// A running pod with the label `app=APP` and one container that serves `http` at 8080.
pub fn pod(namespace: &str, name: &str, app: &str) -> Value {
    json!({
        "metadata": {
            "namespace": namespace, "name": name, "labels": {"app": app, "pod-template-hash": "abc"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-abc"),
                                 "uid": "u", "controller": true}],
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "image": "registry.example/app:1",
                            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}],
        },
        "status": {
            "phase": "Running", "podIP": "10.1.1.1", "podIPs": [{"ip": "10.1.1.1"}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "registry.example/app:1",
                                   "imageID": "", "state": {"running": {}}}],
        },
    })
}
