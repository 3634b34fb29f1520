//! The servers, their ports, and the programs that identify them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{KINDS, Kind, Scene, Server, Servers, portolan_path, tool};

/// The ports of the servers.
pub struct Case {
    pub letter: char,
    pub about: &'static str,
    /// The offset to a server's usual port.
    pub shift: u16,
    /// The share of nmap's time that is not to be exceeded.
    pub goal: f64,
}

pub const CASES: &[Case] = &[
    Case { letter: 'U', about: "20 kinds at their usual ports of 10 addresses", shift: 0, goal: 0.2 },
    Case { letter: 'O', about: "20 kinds at odd ports of 10 addresses", shift: 30_000, goal: 0.2 },
];

/// The test servers that start within seconds and share their usual port with no other.
const NAMES: [&str; 20] = [
    "bind",
    "cups",
    "etcd",
    "imap",
    "imaps",
    "mariadb",
    "memcached",
    "mosquitto",
    "nats",
    "nginx",
    "nginx-tls",
    "pop3",
    "postfix",
    "postgresql",
    "prometheus",
    "redis",
    "slapd",
    "ssh",
    "vnc",
    "vsftpd",
];
/// Where the servers themselves listen.
const OWN_SHIFT: u16 = 20_000;
/// The kernel hands on what comes to any of these, so that each server answers at ten ports.
const TARGETS: &str = "127.9.0.1-10";
const ADDRESSES: usize = 10;

/// A command that is measured.
pub struct Contender {
    pub name: String,
    pub argv: Vec<String>,
}

/// The servers in a network namespace of their own.
pub struct Stage(Servers);

impl Stage {
    pub fn new() -> Self {
        let kinds = NAMES.map(|name| KINDS.iter().find(|kind| kind.name == name).expect("a kind of the tests"));
        let servers = Servers::start(kinds, OWN_SHIFT);
        let mut rules =
            String::from("add table ip bench\nadd chain ip bench out { type nat hook output priority -100; }\n");
        for Server { kind, address, .. } in &servers.all {
            for case in CASES {
                let port = case.port(kind);
                let _ =
                    writeln!(rules, "add rule ip bench out ip daddr 127.9.0.0/28 tcp dport {port} dnat to {address}");
            }
        }
        servers.scene().sh(&format!("nft -f - <<'RULES'\n{rules}RULES"));
        Self(servers)
    }

    pub fn scene(&self) -> &Scene {
        self.0.scene()
    }

    /// Stops unless portolan identifies every one of them correctly.
    pub fn check(&self, case: &Case) -> String {
        let ports = self.ports(case);
        let listing = self.scene().scan().args(&format!("-p {ports} --identify")).arg(TARGETS).list();
        assert_eq!(listing.rows.len(), NAMES.len() * ADDRESSES, "all are open");
        let truth: BTreeMap<u64, &Server> =
            self.0.all.iter().map(|server| (case.port(server.kind).into(), server)).collect();
        for row in &listing.rows {
            let endpoint = &row.0["endpoints"][0];
            let (server, said) = (truth[&endpoint["port"].as_u64().expect("a port")], &endpoint["service"]);
            assert_eq!(said["protocol"], server.kind.protocol, "{}: {said}", server.kind.name);
            if let Some(product) = server.kind.product {
                assert_eq!(said["product"], product, "{}: {said}", server.kind.name);
            }
            let version = said["version"].as_str().unwrap_or_default();
            let right = !server.kind.tells_version
                || (!version.is_empty() && server.version.starts_with(version))
                || version.starts_with(&server.version);
            assert!(right, "{} {}: {said}", server.kind.name, server.version);
            assert!(!server.kind.tls || matches!(said["tls"], Value::Object(_)), "{}: {said}", server.kind.name);
        }
        format!("{} ports, each with its right protocol, product and version", listing.rows.len())
    }

    /// What is measured: portolan first, then nmap with the same ports and without name resolution.
    pub fn commands(&self, case: &Case) -> Vec<Contender> {
        let portolan = portolan_path().to_str().expect("a path in UTF-8").to_owned();
        let nmap = tool("nmap").get_program().to_str().expect("a path in UTF-8").to_owned();
        let ports = self.ports(case);
        let command = |name: &str, program: &str, args: &str| Contender {
            name: name.to_owned(),
            argv: std::iter::once(program).chain(args.split(' ')).chain(["-p", &ports]).map(str::to_owned).collect(),
        };
        vec![
            command("portolan scan --identify", &portolan, &format!("scan -q --identify {TARGETS}")),
            command("nmap -sT -sV", &nmap, "-n -Pn -sT -sV -T4 127.9.0.1-10"),
        ]
    }

    fn ports(&self, case: &Case) -> String {
        let ports: Vec<String> = self.0.all.iter().map(|server| case.port(server.kind).to_string()).collect();
        ports.join(",")
    }
}

impl Case {
    fn port(&self, kind: &Kind) -> u16 {
        kind.port + self.shift
    }
}
