//! The contract of every source. Each source passes the same tests, on this machine as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod suite;

use std::net::{TcpListener, UdpSocket};

use portolan::source::{File, Local, Scan};

use self::suite::keeps_the_contract;

#[test]
fn local() {
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string());
    let ports = ports.chain([socket.local_addr().unwrap().port().to_string()]).collect::<Vec<_>>().join(",");
    let ports = Some(ports.parse().unwrap());
    keeps_the_contract(&Local { ports, skip_loopback: false, ..Local::default() });
}

#[test]
fn scan() {
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string());
    let ports = Some(ports.collect::<Vec<_>>().join(",").parse().unwrap());
    keeps_the_contract(&Scan { targets: vec!["127.0.0.1".to_owned()], ports, ..Scan::default() });
}

#[test]
fn file() {
    let path = std::env::temp_dir().join(format!("portolan-contract-{}.toml", std::process::id()));
    let entry = |name| format!("[[service]]\nname = '{name}'\nendpoints = ['127.0.0.1:80', 'web.test:81']\n");
    std::fs::write(&path, ["web", "cart", "mail"].map(entry).concat()).unwrap();
    keeps_the_contract(&File::new(&path));
    std::fs::remove_file(path).unwrap();
}

#[cfg(feature = "k8s")]
#[path = "../k8s/double/mod.rs"]
mod double;
#[cfg(feature = "k8s")]
#[path = "../k8s/objects.rs"]
#[allow(dead_code)]
mod objects;

#[test]
#[cfg(feature = "k8s")]
fn k8s() {
    let cluster = double::Double::start();
    for name in ["web", "cart", "mail"] {
        cluster.store().put(double::Resource::SERVICES, objects::service("shop", name));
        cluster.store().put(double::Resource::SLICES, objects::slice("shop", name, "a", 1, 2));
    }
    let config = std::env::temp_dir().join(format!("portolan-contract-{}.kubeconfig", std::process::id()));
    std::fs::write(&config, cluster.kubeconfig().text()).unwrap();
    keeps_the_contract(&portolan::source::K8s {
        all_namespaces: true,
        kubeconfig: vec![config.clone()],
        ..Default::default()
    });
    std::fs::remove_file(config).unwrap();
}
