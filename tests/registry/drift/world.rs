//! A network namespace with listeners and planted faults, and the same registrations for every registry.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use super::Findings;
use crate::sources::json_http::send;
use crate::support::{Scene, output, tool};

/// What is wrong with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    NotListening,
    Unregistered,
    LoopbackOnly,
    WrongProcess,
    /// Another host refuses, and the registry gives it calls.
    Refuses,
    ForeignAddress,
    NoCheck,
    Duplicate,
    /// Consul and portolan: its heartbeat stopped.
    Stale,
    /// Only Consul: its TCP check fails, and it accepts connections.
    CheckFails,
    /// Its certificate is for another name, and ends soon.
    Certificate,
}

/// The planted faults of each kind.
pub const EACH: usize = 12;
/// The ports.
const COUNT: usize = 200;
const FIRST_PORT: u16 = 20_000;
/// The address of the machine, and one of another host that refuses everything.
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const REFUSING: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 9);
const TLS_PORT: u16 = 8443;

impl Fault {
    pub fn codes(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::NotListening => &["drift-not-listening"],
            Self::Unregistered => &["drift-unregistered"],
            Self::LoopbackOnly => &["drift-loopback-only"],
            Self::WrongProcess => &["drift-wrong-process"],
            Self::Refuses | Self::CheckFails => &["drift-health-differs"],
            Self::ForeignAddress => &["drift-foreign-address"],
            Self::NoCheck => &["drift-no-check"],
            Self::Duplicate => &["drift-duplicate"],
            Self::Stale => &["drift-stale"],
            Self::Certificate => &["drift-certificate-name", "drift-certificate-ends"],
        }
    }

    fn address(self, number: usize) -> Ipv4Addr {
        let host = u8::try_from(number % 250).unwrap();
        match self {
            Self::Refuses => REFUSING,
            Self::ForeignAddress => Ipv4Addr::new(10, 9, 9, host),
            Self::Certificate => Ipv4Addr::new(10, 0, 1, host),
            _ => OWN,
        }
    }

    /// Where it listens, if it does.
    fn bound(self, number: usize) -> Option<&'static str> {
        match self {
            Self::NotListening | Self::Refuses | Self::ForeignAddress | Self::Certificate => None,
            Self::LoopbackOnly => Some("127.0.0.1"),
            _ => Some(["10.0.0.5", "0.0.0.0", "[::]"][number % 3]),
        }
    }
}

/// One registration.
pub struct Planted {
    pub fault: Fault,
    pub id: String,
    pub service: String,
    pub address: SocketAddr,
    pub metadata: BTreeMap<&'static str, String>,
}

/// The listeners of a namespace, and what is to be registered.
pub struct World {
    pub planted: Vec<Planted>,
    sockets: Vec<TcpListener>,
    tls: Option<Child>,
}

impl World {
    /// Listens and plans with these faults. Must be called in the namespace.
    pub fn new(faults: &[Fault], dir: &Path) -> Self {
        let process = fs::read_to_string("/proc/self/comm").unwrap().trim().to_owned();
        let mut world = Self { planted: Vec::new(), sockets: Vec::new(), tls: None };

        for number in 0..COUNT {
            let fault = faults.get(number / EACH).copied().unwrap_or(Fault::None);
            let port = if fault == Fault::Certificate { TLS_PORT } else { FIRST_PORT + u16::try_from(number).unwrap() };
            if let Some(bound) = fault.bound(number) {
                world.sockets.push(TcpListener::bind(format!("{bound}:{port}")).expect("the port is free"));
            }

            let declared = if fault == Fault::WrongProcess { "another-program".to_owned() } else { process.clone() };
            let mut metadata = BTreeMap::from([("process", declared)]);
            if fault == Fault::Certificate {
                metadata = [("protocol", "https"), ("server_name", "shop.test")]
                    .map(|(key, value)| (key, value.to_owned()))
                    .into();
            }
            let address = SocketAddr::from((fault.address(number), port));
            let (id, service) = (format!("i-{number:03}"), format!("svc-{}", number % 7));
            world.planted.push(Planted { fault, id, service, address, metadata });
        }
        if faults.contains(&Fault::Certificate) {
            world.tls = Some(tls_server(dir));
        }
        world
    }

    /// The findings that the faults are to have, without those of these kinds.
    pub fn expected(&self, without: &[Fault]) -> Findings {
        let planted = self.planted.iter().filter(|planted| !without.contains(&planted.fault));
        let found = planted.flat_map(|planted| planted.fault.codes().iter().map(move |code| (*code, planted)));
        found.map(|(code, planted)| (code.to_owned(), planted.place())).collect()
    }

    fn registered(&self) -> impl Iterator<Item = &Planted> {
        self.planted.iter().filter(|planted| planted.fault != Fault::Unregistered)
    }

    pub fn register_in_consul(&self, server: SocketAddr) {
        for planted in self.registered() {
            let passing = json!({ "TTL": "1h", "Status": "passing" });
            let check = match planted.fault {
                Fault::NoCheck => Value::Null,
                Fault::Stale => json!({ "TTL": "1h", "Status": "critical" }),
                Fault::CheckFails => json!({ "TCP": format!("{REFUSING}:1"), "Interval": "1h", "Status": "critical" }),
                _ => passing,
            };
            for id in planted.ids() {
                let mut body = json!({ "ID": id, "Service": planted.service, "Address": planted.address.ip(),
                    "Port": planted.address.port(), "Meta": planted.metadata });
                if planted.fault == Fault::Refuses {
                    // An agent registers for its own node only.
                    let check = json!({ "CheckID": id, "Name": "http", "Status": "passing", "ServiceID": id });
                    let body = json!({ "Node": "n2", "Address": REFUSING, "Service": body, "Check": check });
                    send(server, "PUT", "/v1/catalog/register", None, &body);
                    continue;
                }
                body.as_object_mut().unwrap().remove("Service");
                body["Name"] = json!(planted.service);
                body["Check"] = check.clone();
                send(server, "PUT", "/v1/agent/service/register", None, &body);
            }
        }
    }

    pub fn register_in_etcd(&self, server: SocketAddr, base64: fn(&str) -> String) {
        let granted = send(server, "POST", "/v3/lease/grant", None, &json!({ "TTL": "3600" }));
        let granted: Value = serde_json::from_str(&granted).unwrap();

        for planted in self.registered() {
            let lease = if planted.fault == Fault::NoCheck { json!("0") } else { granted["ID"].clone() };
            for id in planted.ids() {
                let value = json!({ "id": id, "name": planted.service, "address": planted.address.ip(),
                    "port": planted.address.port(), "metadata": planted.metadata, "node": planted.node(),
                    "protocol": planted.metadata.get("protocol") });
                let key = format!("/services/{}/{id}", planted.service);
                let body = json!({ "key": base64(&key), "value": base64(&value.to_string()), "lease": lease });
                send(server, "POST", "/v3/kv/put", None, &body);
            }
        }
    }

    pub fn register_in_portolan(&self, server: SocketAddr) {
        let operations = self.registered().flat_map(|planted| {
            let ttl = match planted.fault {
                Fault::NoCheck => "0s",
                Fault::Stale => "1s",
                _ => "1h",
            };
            planted.ids().into_iter().enumerate().map(move |(copy, _)| {
                let port = planted.address.port();
                let number: usize = planted.id.trim_start_matches("i-").parse().unwrap();
                let id = format!("00000000-0000-4000-8000-{copy:04}{number:08}");
                json!({ "register": { "id": id, "name": planted.service, "address": planted.address.ip().to_string(),
                    "port": port, "metadata": planted.metadata, "node": planted.node(), "ttl": ttl,
                    "protocol": planted.metadata.get("protocol").map_or("tcp", String::as_str) } })
            })
        });
        let operations: Vec<Value> = operations.collect();
        let reply = send(server, "POST", "/api/v1/bulk", None, &json!({ "operations": operations }));

        assert!(!reply.contains("\"error\""), "{reply}");
    }

    /// A services file.
    pub fn services_file(&self) -> String {
        let mut text = String::new();
        for planted in self.registered() {
            let Planted { id, address, metadata, .. } = planted;
            let process = metadata.get("process").map(String::as_str).unwrap_or_default();
            write!(
                text,
                "[[service]]\nname = \"{id}\"\nendpoints = [\"{address}\"]\nlabels = {{ process = \"{process}\" }}\n"
            )
            .unwrap();
            if let Some(name) = metadata.get("server_name") {
                writeln!(text, "protocol = \"https\"\nserver-name = \"{name}\"").unwrap();
            }
        }

        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut tls) = self.tls.take() {
            let _ = tls.kill();
            let _ = tls.wait();
        }
    }
}

impl Planted {
    /// As findings name it. A listener is named by the address that it is bound to.
    pub fn place(&self) -> String {
        let number = usize::from(self.address.port().saturating_sub(FIRST_PORT));
        match self.fault {
            Fault::Unregistered => {
                let bound = self.fault.bound(number).unwrap_or_default();
                format!("{}:{}", bound.trim_matches(['[', ']']), self.address.port())
            }
            _ => self.address.to_string(),
        }
    }

    fn ids(&self) -> Vec<String> {
        let twin = (self.fault == Fault::Duplicate).then(|| format!("{}-twin", self.id));
        [self.id.clone()].into_iter().chain(twin).collect()
    }

    /// The node that it is registered for: this machine, if that matters.
    fn node(&self) -> Option<String> {
        (self.fault == Fault::ForeignAddress).then(|| "n1".to_owned())
    }
}

/// A TLS server for every address of its port, whose certificate is for another name and ends in five days.
fn tls_server(dir: &Path) -> Child {
    let (key, certificate) = (dir.join("tls.key"), dir.join("tls.crt"));
    let mut request = tool("openssl");
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "5"]);
    request.args(["-subj", "/CN=other.test", "-addext", "subjectAltName=DNS:other.test", "-keyout"]).arg(&key);
    let made = output(request.arg("-out").arg(&certificate));
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));

    let mut server = tool("openssl");
    server.args(["s_server", "-www", "-quiet", "-accept", &format!("0.0.0.0:{TLS_PORT}")]);
    server.arg("-key").arg(&key).arg("-cert").arg(&certificate);
    let child =
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("openssl starts");
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, TLS_PORT)).is_err() {
        assert!(begun.elapsed() < crate::support::HANG, "openssl does not listen");
        thread::sleep(std::time::Duration::from_millis(20));
    }
    child
}

/// A namespace with the addresses of the machine, and a network of which every address refuses.
pub fn scene() -> Scene {
    let scene = Scene::new();
    scene.sh("ip address add 10.0.0.5/32 dev lo && ip route add local 10.7.0.0/24 dev lo");
    let addresses: Vec<String> = (1..250).map(|host| format!("address add 10.0.1.{host}/32 dev lo\n")).collect();
    let batch = scene.dir().join("addresses");
    fs::write(&batch, addresses.concat()).unwrap();
    scene.sh(&format!("ip -batch {}", batch.display()));
    scene
}

/// Runs `work` on a thread in the network namespace: the programs that it starts are in there too.
pub fn inside<T: Send>(scene: &Scene, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/proc/{}/ns/net", scene.pid())).unwrap();
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root enters");
            work()
        });
        worker.join().expect("the work inside the namespace")
    })
}
