//! `--watch -o prometheus-sd=FILE`: the file follows each source, and keeps what it has while the source is away.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::contract::{ConsulRegistry, DnsRegistry, EtcdRegistry, Registry};
#[cfg(feature = "serve")]
use super::contract::{OwnDns, OwnRegistry};
use crate::support::{Ended, HANG, TempDir, finish, kill};

/// A watch that keeps a file of targets.
struct TargetsFile {
    child: Option<Child>,
    dir: TempDir,
    /// The address of the targets that count.
    ip: Ipv4Addr,
}

impl TargetsFile {
    /// Watches what `discover WORDS` lists.
    fn start(words: &str, ip: Ipv4Addr) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("targets.json");
        fs::write(&file, "[]").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.arg("discover").args(words.split(' ')).args(["--watch", "--interval", "100ms", "-o"]);
        command.arg(format!("prometheus-sd={}", file.display())).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child: Some(child), dir, ip }
    }

    /// The ports of the targets. Half a file is an error.
    fn ports(&self) -> BTreeSet<u16> {
        let text = fs::read(self.dir.path().join("targets.json")).expect("there is a file at any time");
        let groups: Value = serde_json::from_slice(&text).expect("whole JSON");
        let groups = groups.as_array().expect("a list").iter();
        let targets =
            groups.map(|group| group["targets"][0].as_str().expect("a target").parse::<SocketAddr>().unwrap());
        // Consul lists itself.
        targets.filter(|target| target.ip() == self.ip).map(|target| target.port()).collect()
    }

    #[track_caller]
    fn until(&self, ports: &[u16]) {
        let wanted: BTreeSet<u16> = ports.iter().copied().collect();
        let begun = Instant::now();
        loop {
            let found = self.ports();
            if found == wanted {
                return;
            }
            assert!(begun.elapsed() < HANG, "{found:?}, not {wanted:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The targets stay as they are for some intervals.
    #[track_caller]
    fn stays(&self, ports: &[u16]) {
        for _ in 0..25 {
            assert_eq!(self.ports(), ports.iter().copied().collect(), "nothing is known to be gone");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn end(mut self) {
        let child = self.child.take().unwrap();
        kill(child.id(), Signal::INT);
        assert_eq!(finish(child).and_then(|status| status.code()), Some(0));
        assert_eq!(fs::read_dir(self.dir.path()).unwrap().count(), 1, "no draft stays");
    }
}

impl Drop for TargetsFile {
    fn drop(&mut self) {
        self.child.take().map(Ended);
    }
}

fn keeps_a_file_up_to_date<R: Registry>() {
    let mut registry = R::start();
    registry.put("web", 80);
    let file = TargetsFile::start(&registry.words(), Ipv4Addr::LOCALHOST);
    file.until(&[80]);
    registry.put("web", 81);
    file.until(&[80, 81]);
    registry.remove("web", 80);
    file.until(&[81]);

    registry.program().kill();
    file.stays(&[81]);
    registry.program().restart();
    registry.put("web", 82);
    file.until(&[81, 82]);
    file.end();
}

/// Every source of `discover` has a test here, except `k8s`, whose is `tests/k8s/targets.rs`.
#[test]
fn every_source_is_tested() {
    let pages = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/man")).unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    let sources: BTreeSet<String> = pages
        .filter_map(|page| Some(page.strip_prefix("portolan-discover-")?.strip_suffix(".1")?.to_owned()))
        .collect();
    let own = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/sources/files.rs")).unwrap();
    for source in &sources {
        assert!(source == "k8s" || own.contains(&format!("fn {source}_in_a_file()")), "{source} has no test");
    }
    assert!(sources.contains("k8s") && sources.len() >= 8, "{sources:?}");
}

/// An address on loopback at which only this test listens.
fn own_ip(last: u8) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 10 + high % 80, low, last)
}

/// Two listeners at an address.
fn two_listeners(ip: Ipv4Addr) -> [(TcpListener, u16); 2] {
    [(); 2].map(|()| {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    })
}

/// The file follows listeners that close and come back.
fn follows_listeners(ip: Ipv4Addr, words: impl FnOnce([u16; 2]) -> String) {
    let [(first, one), (second, two)] = two_listeners(ip);
    let file = TargetsFile::start(&words([one, two]), ip);
    file.until(&[one, two]);
    drop(first);
    file.until(&[two]);
    let again = TcpListener::bind((ip, one)).unwrap();
    file.until(&[one, two]);
    drop((again, second));
    file.until(&[]);
    file.end();
}

#[test]
fn local_in_a_file() {
    follows_listeners(own_ip(1), |[one, two]| format!("local -p {one},{two}"));
}

#[test]
fn scan_in_a_file() {
    let ip = own_ip(2);
    follows_listeners(ip, |[one, two]| format!("scan {ip} -p {one},{two}"));
}

#[test]
fn file_in_a_file() {
    let dir = TempDir::new();
    let services = dir.path().join("services.toml");
    let ip = own_ip(3);
    fs::write(&services, declared(ip, &[80, 81])).unwrap();
    let file = TargetsFile::start(&format!("file {}", services.display()), ip);
    file.until(&[80, 81]);
    fs::write(&services, declared(ip, &[81])).unwrap();
    file.until(&[81]);

    fs::write(&services, "[[service]]\nname = ").unwrap();
    file.stays(&[81]);
    fs::remove_file(&services).unwrap();
    file.stays(&[81]);
    fs::write(&services, declared(ip, &[81, 82])).unwrap();
    file.until(&[81, 82]);
    file.end();
}

/// A services file with these ports.
fn declared(ip: Ipv4Addr, ports: &[u16]) -> String {
    let endpoints: Vec<String> = ports.iter().map(|port| format!("\"{ip}:{port}\"")).collect();
    format!("[[service]]\nname = \"web\"\nendpoints = [{}]\n", endpoints.join(", "))
}

#[test]
fn consul_in_a_file() {
    keeps_a_file_up_to_date::<ConsulRegistry>();
}

#[test]
fn etcd_in_a_file() {
    keeps_a_file_up_to_date::<EtcdRegistry>();
}

#[test]
fn dns_in_a_file() {
    keeps_a_file_up_to_date::<DnsRegistry>();
}

#[cfg(feature = "serve")]
#[test]
fn portolan_in_a_file() {
    keeps_a_file_up_to_date::<OwnRegistry>();
}

#[cfg(feature = "serve")]
#[test]
fn dns_of_portolan_in_a_file() {
    keeps_a_file_up_to_date::<OwnDns>();
}
