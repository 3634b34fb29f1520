//! The scanned hosts, and the scanners.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Fixture, Scene, output, portolan_path, tool};

/// Hosts, and the path to them.
#[derive(Clone, Copy)]
pub struct Case {
    pub letter: char,
    pub about: &'static str,
    pub target: &'static str,
    pub ports: &'static str,
    /// The delay of packets each way, as the fixture's `far` describes; empty: none.
    pub far: &'static str,
    /// The lower bound of any scan: the time the path takes to pass one packet per port.
    pub least_ms: Option<f64>,
    /// The listeners there.
    pub who: Who,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// One host with N open ports.
    One(usize),
    /// One host that drops packets to all except N ports.
    Firewalled(usize),
    /// N hosts of a network, with three open ports each.
    Network(u32),
}

pub const CASES: &[Case] = &[
    Case { letter: 'L', about: "loopback, 65,535 ports, 200 of them open", target: "127.0.0.1", ..WIRE },
    WIRE,
    Case {
        letter: 'N',
        about: "a network of 253 hosts, 1,000 ports each, 759 open",
        who: Who::Network(253),
        ..NETWORK
    },
    Case {
        letter: 'S',
        about: "32 hosts among 253 addresses, 1,000 ports each, 96 open",
        who: Who::Network(32),
        ..NETWORK
    },
    Case { letter: 'D', about: "a host that drops all but 20 of 65,535 ports", who: Who::Firewalled(20), ..WIRE },
    Case { letter: 'F', about: "20 ms there and back, 1% lost each way", far: "10,loss=10", ..WIRE },
    Case { letter: 'G', about: "20 ms there and back, 5% lost each way", far: "10,loss=50", ..WIRE },
    Case {
        letter: 'B',
        about: "10,000 packets a second, 200 may wait, 20 ms",
        far: "10,rate=10000,limit=200",
        least_ms: Some(65_535.0 / 10.0),
        ..WIRE
    },
];

const WIRE: Case = Case {
    letter: 'V',
    about: "a wire between two namespaces, 65,535 ports, 200 of them open",
    target: "10.77.0.2",
    ports: "1-65535",
    far: "",
    least_ms: None,
    who: Who::One(200),
};

const NETWORK: Case = Case { target: "10.78.0.1-253", ports: "1-1000", ..WIRE };

impl Case {
    /// Whether it is one host that replies at once.
    fn is_near(&self) -> bool {
        self.far.is_empty() && matches!(self.who, Who::One(_))
    }

    /// The arguments of the C program that marks the floor, after its number of threads. It needs hosts that all reply at
    /// once.
    fn floor(&self) -> Option<&'static str> {
        match self.letter {
            'N' => Some("10.78.0.1 253 1000"),
            _ => self.is_near().then_some(self.target),
        }
    }
}

/// A command that is measured.
#[derive(Clone)]
pub struct Contender {
    pub name: String,
    pub argv: Vec<String>,
}

/// Hosts with open ports, and where they are scanned from.
pub struct Stage {
    pub here: Scene,
    case: Case,
    truth: BTreeSet<String>,
    floor: String,
    /// The link address of the other end, an argument of masscan.
    link: Option<String>,
    /// Dropped in this order: listeners before their namespaces.
    _fixture: Fixture,
    _ways: Vec<Fixture>,
    _there: Option<Scene>,
}

impl Stage {
    pub fn new(case: &Case, seed: u64) -> Self {
        let here = Scene::new();
        let there = (case.letter != 'L').then(Scene::new);
        if let Some(there) = &there {
            here.wire_to(there);
        }
        let host = there.as_ref().unwrap_or(&here);
        let fixture = match case.who {
            Who::One(open) | Who::Firewalled(open) => host.fixture(&format!("random={open}@{seed},0.0.0.0")),
            Who::Network(hosts) => network(&here, host, hosts, seed),
        };
        let far = |scene: &Scene, seed| scene.far(&format!("{},seed={seed}", case.far));
        let ways = match &there {
            Some(there) if !case.far.is_empty() => vec![far(there, seed), far(&here, seed + 1)],
            _ => Vec::new(),
        };
        if matches!(case.who, Who::Firewalled(_)) {
            drop_others(host, &fixture);
        }
        let link =
            there.as_ref().map(|there| there.sh("ip -o link show wire | grep -o 'link/ether [^ ]*' | cut -d' ' -f2"));
        let truth = fixture.truth.0.keys().map(|what| what.replace("0.0.0.0", case.target)).collect();
        let floor = floor(&here);
        let link = link.map(|link| link.trim().to_owned());
        Self { here, case: *case, truth, floor, link, _fixture: fixture, _ways: ways, _there: there }
    }

    /// Stops unless portolan finds every open port and no other, and the floor as many.
    pub fn check(&self, times: usize) -> String {
        for way in ["", "--syn"].repeat(times) {
            let scan = self.here.scan().args("-p").args(self.case.ports).args(self.case.target).args(way);
            assert_eq!(scan.list().truth_keys(), self.truth, "portolan's answer is not right {way}");
        }
        if let Some(whom) = self.case.floor() {
            let counted = output(self.here.command(&self.floor).arg("2").args(whom.split(' '))).stdout;
            assert_eq!(String::from_utf8_lossy(&counted).trim(), self.truth.len().to_string(), "the floor's count");
        }
        format!("{} open ports, none missed, none false", self.truth.len())
    }

    /// What is measured: portolan first, then the floor, then the peers.
    pub fn commands(&self) -> Vec<Contender> {
        let portolan = portolan_path().to_str().expect("a path in UTF-8").to_owned();
        let nmap = tool("nmap").get_program().to_str().expect("a path in UTF-8").to_owned();
        let (target, ports) = (self.case.target, self.case.ports);
        let command = |name: &str, program: &str, args: &str| Contender {
            name: name.to_owned(),
            argv: std::iter::once(program).chain(args.split(' ')).chain([target]).map(str::to_owned).collect(),
        };
        let mut commands = vec![
            command("portolan scan", &portolan, &format!("scan -q -p {ports}")),
            command("portolan scan --syn (root)", &portolan, &format!("scan -q --syn -p {ports}")),
        ];
        if let Some(whom) = self.case.floor() {
            for (name, threads) in [("floor in C, 2 threads", "2"), ("floor in C, 1 thread", "1")] {
                let argv = [self.floor.as_str(), threads].into_iter().chain(whom.split(' ')).map(str::to_owned);
                commands.push(Contender { name: name.to_owned(), argv: argv.collect() });
            }
        }
        let rates: &[&str] = match self.case.who {
            Who::Network(_) => &["-sS -T4", "-sT -T4"],
            _ if self.case.is_near() => {
                &["-Pn -sT -T5 --min-rate 100000 --max-retries 1", "-Pn -sT -T4", "-Pn -sS -T4"]
            }
            // By default it scans one of these hosts for minutes.
            _ => &["-Pn -sT -T5 --min-rate 100000 --max-retries 1", "-Pn -sS -T5 --min-rate 100000 --max-retries 1"],
        };
        for rate in rates {
            let name = format!("nmap {}", rate.trim_start_matches("-Pn "));
            commands.push(command(&name, &nmap, &format!("-n {rate} -p {ports}")));
        }
        if let (Some(masscan), 'V', Some(link)) = (installed("masscan"), self.case.letter, &self.link) {
            let args = format!("--rate 1000000 --wait 0 -e wire --router-mac {link} -p {ports}");
            commands.push(command("masscan (misses some)", &masscan, &args));
        }
        if let Some(rustscan) = installed("rustscan") {
            let mut rustscan = command("rustscan", &rustscan, &format!("-g --no-banner -r {ports} -a"));
            if matches!(self.case.who, Who::Network(_)) {
                // It does not accept address ranges.
                rustscan.argv.pop();
                rustscan.argv.push("10.78.0.0/24".to_owned());
            }
            let mut again = rustscan.clone();
            commands.push(rustscan);
            if self.case.letter == 'G' {
                again.name.push_str(" --tries 3");
                again.argv.splice(1..1, ["--tries", "3"].map(str::to_owned));
                commands.push(again);
            }
        }
        commands
    }
}

/// N hosts at one end of the wire, with three ports each below 1,000 that the seed draws.
fn network(here: &Scene, there: &Scene, hosts: u32, seed: u64) -> Fixture {
    here.sh("ip address add 10.78.0.254/24 dev wire");
    let (mut random, mut wanted) = (seed, BTreeSet::new());
    let mut draw = |below: u64| {
        // Knuth's multiplier; its high bits are good enough for places.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below + 1
    };
    let mut taken = BTreeSet::new();
    while taken.len() < hosts as usize {
        taken.insert(draw(253));
    }
    for host in &taken {
        there.sh(&format!("ip address add 10.78.0.{host}/24 dev wire"));
        let mut ports = BTreeSet::new();
        while ports.len() < 3 {
            ports.insert(draw(1000));
        }
        wanted.extend(ports.into_iter().map(|port| format!("tcp=10.78.0.{host}:{port}")));
    }
    there.fixture(&wanted.into_iter().collect::<Vec<_>>().join(" "))
}

/// A firewall that lets only the fixture's ports through.
fn drop_others(scene: &Scene, fixture: &Fixture) {
    let ports: Vec<&str> = fixture.truth.0.keys().filter_map(|what| what.rsplit(':').next()).collect();
    scene.sh(&format!(
        "nft 'add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; \
         add rule inet t c tcp dport != {{ {} }} drop'",
        ports.join(", ")
    ));
}

/// An optional peer.
fn installed(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let file = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    if file.is_none() {
        println!("{name} is not installed, and not compared with");
    }
    file?.to_str().map(str::to_owned)
}

fn floor(scene: &Scene) -> String {
    let program = scene.dir().join("floor-connect");
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-pthread", "-o"]).arg(&program);
    compile.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/floor-connect.c"));
    let out = output(&mut compile);
    assert!(out.status.success(), "cc: {}", String::from_utf8_lossy(&out.stderr));
    program.to_str().expect("a path in UTF-8").to_owned()
}
