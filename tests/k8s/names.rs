//! External names, with the test's own resolver on loopback.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::double::{Double, Resource};
use crate::objects::namespace;
use crate::portolan::Portolan;
use crate::support::{Ended, HANG, tool};

/// A dnsmasq that knows `mail.example` and nothing else.
pub struct Resolver {
    address: SocketAddr,
    _dnsmasq: Ended,
}

impl Resolver {
    pub fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut dnsmasq = tool("dnsmasq");
        dnsmasq.args(["-k", "-C", "/dev/null", "-u", "root", "-R", "-h", "-z", "-a", "127.0.0.1", "-p"]);
        dnsmasq.arg(address.port().to_string()).args(["--local=/example/", "--host-record=mail.example,127.0.0.9"]);
        dnsmasq.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let dnsmasq = Ended(dnsmasq.spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < HANG, "dnsmasq does not come up");
            thread::yield_now();
        }
        Self { address, _dnsmasq: dnsmasq }
    }

    /// The option that makes portolan use it.
    pub fn option(&self) -> String {
        format!(" --resolver {}", self.address)
    }
}

pub fn external(name: &str, leads_to: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"type": "ExternalName", "externalName": leads_to},
    })
}

fn cluster() -> Double {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    let names = [
        ("mail", "mail.example"),
        ("gone", "gone.example"),
        ("inner", "db.bank.svc.cluster.local"),
        ("number", "192.0.2.7"),
    ];
    double.store().put_all(Resource::SERVICES, names.map(|(name, leads_to)| external(name, leads_to)));
    double
}

#[test]
fn a_name_without_an_address_is_reported() {
    let (double, resolver) = (cluster(), Resolver::start());
    let services = Portolan::new(&double).args("-n shop").args(&resolver.option()).services();
    let found = |name: &str| {
        let finding = &services[&format!("k8s/shop/{name}")]["findings"][0];
        assert!(finding.is_null() || finding["hint"].as_str().unwrap().contains("kubectl"));
        (finding["code"].as_str().map(str::to_owned), finding["text"].as_str().map(str::to_owned))
    };
    let told = |text: &str| (Some("k8s-external-name".to_owned()), Some(text.to_owned()));
    assert_eq!(found("mail"), (None, None));
    assert_eq!(found("gone"), told("gone.example does not resolve"));
    assert_eq!(found("number"), told("192.0.2.7 is an address, not a name"));
    assert_eq!(found("inner"), (None, None), "only the cluster's own resolver knows it");
}

#[test]
fn a_resolver_that_is_not_there_says_nothing_of_names() {
    let double = cluster();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (document, ran) =
        Portolan::new(&double).args("-n shop --timeout 300ms --resolver").arg(&closed.to_string()).json();
    let found: Vec<&Value> =
        document["items"].as_array().unwrap().iter().filter(|item| !item["findings"].is_null()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(ran.stderr.contains("cannot resolve gone.example, mail.example: "), "{ran:?}");
    assert_eq!(ran.code, Some(0), "every service is there");
    Portolan::new(&double).args("--resolver dns").fails(
        2,
        "use --resolver 'dns': it is not an address",
        "write 10.96.0.10, 127.0.0.1:5353 or [::1]:5353",
    );
}
