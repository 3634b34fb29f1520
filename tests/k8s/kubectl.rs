//! kubectl sees the same cluster.

use std::fs;

use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::objects::{namespace, pod, service, slice};
use crate::portolan::Portolan;
use crate::support::{TempDir, output, tool};

/// What kubectl prints.
pub fn kubectl_says(double: &Double, words: &str) -> Vec<u8> {
    let home = TempDir::new();
    let config = home.path().join("config");
    fs::write(&config, double.kubeconfig().text()).unwrap();
    let mut kubectl = tool("kubectl");
    kubectl.env_clear().env("HOME", home.path()).env("KUBECONFIG", &config);
    let out = output(kubectl.args(words.split(' ')));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn kubectl(double: &Double, words: &str) -> Value {
    serde_json::from_slice(&kubectl_says(double, words)).unwrap()
}

#[test]
fn kubectl_and_portolan_list_the_same_pods_and_ingresses() {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("shop"));
    store.put_all(Resource::PODS, (0..300).map(|at| pod("shop", &format!("web-{at}"), "web")));
    let ingress = |name: &str| json!({"metadata": {"namespace": "shop", "name": name}, "spec": {"rules": []}});
    store.put_all(Resource::INGRESSES, ["front", "back"].map(ingress));
    drop(store);
    let listed = kubectl(&double, "get pods,ingresses -n shop -o json");
    let mut theirs: Vec<String> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            format!("k8s/shop/{}/{}", text(&item["kind"]).to_lowercase(), text(&item["metadata"]["name"]))
        })
        .collect();
    theirs.sort();
    let ours = Portolan::new(&double).args("-n shop --pods --ingress").services();
    assert_eq!(ours.into_keys().collect::<Vec<_>>(), theirs);
    assert_eq!(theirs.len(), 302);
}

#[test]
fn kubectl_and_portolan_list_the_same() {
    let double = Double::start();
    let mut store = double.store();
    for name in ["alpha", "beta"] {
        store.put(Resource::NAMESPACES, namespace(name));
        for at in 0..400_u16 {
            let service_name = format!("s{at:03}");
            let mut service = service(name, &service_name);
            service["spec"]["type"] = ["ClusterIP", "NodePort"][usize::from(at % 2)].into();
            store.put(Resource::SERVICES, service);
            let net = u8::try_from(at % 200).unwrap();
            store.put(Resource::SLICES, slice(name, &service_name, "a", net, 3));
        }
    }
    drop(store);
    let services = Portolan::new(&double).args("-A").services();
    let row = |namespace: &Value, name: &Value, kind: &Value| {
        [namespace, name, kind].map(|text| text.as_str().unwrap().to_owned())
    };
    let mut ours: Vec<_> = services
        .values()
        .map(|service| row(&service["namespace"], &service["name"], &service["detail"]["type"]))
        .collect();
    let mut our_addresses: Vec<_> = services
        .values()
        .flat_map(|service| service["endpoints"].as_array().unwrap().iter())
        .map(|endpoint| endpoint["address"].as_str().unwrap().to_owned())
        .collect();
    let listed = kubectl(&double, "get services -A -o json");
    let listed = listed["items"].as_array().unwrap().iter();
    let mut theirs: Vec<_> = listed
        .map(|item| row(&item["metadata"]["namespace"], &item["metadata"]["name"], &item["spec"]["type"]))
        .collect();
    let slices = kubectl(&double, "get endpointslices -A -o json");
    let mut their_addresses: Vec<_> = slices["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|slice| slice["endpoints"].as_array().unwrap().iter())
        .map(|endpoint| endpoint["addresses"][0].as_str().unwrap().to_owned())
        .collect();
    for list in [&mut our_addresses, &mut their_addresses] {
        list.sort();
    }
    ours.sort();
    theirs.sort();
    assert_eq!((ours.len(), our_addresses.len()), (800, 2400));
    assert_eq!(ours, theirs);
    assert_eq!(our_addresses, their_addresses);
    assert!(double.seen().iter().any(|seen| seen.version == "HTTP/2.0"), "kubectl speaks HTTP/2");
}
