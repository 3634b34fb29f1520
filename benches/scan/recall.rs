//! How often a scan finds every open port where this machine lacks something, or the path loses packets.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use crate::support::{Fixture, Scene};

/// What is missing.
struct Shortage {
    about: &'static str,
    /// Open ports of the scanned host, and the last port that is scanned; `None`: the open ports and two neighbours of each.
    open: usize,
    last: Option<u16>,
    /// Descriptors that the scan may have.
    descriptors: Option<u32>,
    /// The delay each way, as the fixture's `far` describes it; empty: none.
    far: &'static str,
    /// The range of source ports of the scanning host; empty: the kernel's own.
    source_ports: &'static str,
    /// Probes that the path loses, in percent.
    loss: u32,
    options: &'static str,
}

const NONE: Shortage = Shortage {
    about: "",
    open: 1000,
    last: Some(u16::MAX),
    descriptors: None,
    far: "",
    source_ports: "",
    loss: 0,
    options: "",
};
const LOSS: Shortage = Shortage { open: 200, last: None, ..NONE };

const SHORTAGES: &[Shortage] = &[
    Shortage { about: "64 descriptors", descriptors: Some(64), ..NONE },
    Shortage {
        about: "64 descriptors, 20 ms there and back",
        descriptors: Some(64),
        last: Some(3000),
        far: "10",
        ..NONE
    },
    Shortage { about: "16 descriptors", descriptors: Some(16), last: Some(20_000), ..NONE },
    Shortage { about: "100 source ports", source_ports: "50000 50099", ..NONE },
    Shortage { about: "17% of the probes lost", loss: 17, ..LOSS },
    Shortage { about: "17% of the probes lost, --syn", loss: 17, options: "--syn", ..LOSS },
    Shortage { about: "30% of the probes lost", loss: 30, ..LOSS },
    Shortage { about: "30% of the probes lost, --syn", loss: 30, options: "--syn", ..LOSS },
];

const TARGET: &str = "10.77.0.2";

/// A scanned host, and the path to it.
struct Stage {
    here: Scene,
    truth: BTreeSet<u16>,
    ports: String,
    /// Dropped in this order: listeners before their namespaces.
    _fixture: Fixture,
    _ways: Vec<Fixture>,
    _there: Scene,
}

impl Stage {
    fn new(shortage: &Shortage, seed: u64) -> Self {
        let (here, there) = (Scene::new(), Scene::new());
        here.wire_to(&there);
        let fixture = there.fixture(&format!("random={}@{seed},0.0.0.0", shortage.open));
        let ways =
            if shortage.far.is_empty() { Vec::new() } else { vec![there.far(shortage.far), here.far(shortage.far)] };
        if !shortage.source_ports.is_empty() {
            here.sh(&format!("echo '{}' > /proc/sys/net/ipv4/ip_local_port_range", shortage.source_ports));
        }
        if shortage.loss > 0 {
            there.sh(&format!(
                "nft 'add table ip t; add chain ip t c {{ type filter hook input priority 0; }}; \
                 add rule ip t c tcp flags & (syn | ack) == syn numgen random mod 100 < {} drop'",
                shortage.loss
            ));
        }

        let all = fixture.truth.0.keys().filter_map(|what| what.rsplit(':').next()?.parse::<u16>().ok());
        let truth: BTreeSet<u16> = all.filter(|port| shortage.last.is_none_or(|last| *port <= last)).collect();
        let ports = match shortage.last {
            Some(last) => format!("1-{last}"),
            None => {
                let listed = truth.iter().flat_map(|port| [*port, port ^ 1, port ^ 2]).filter(|port| *port > 0);
                listed.map(|port| port.to_string()).collect::<Vec<_>>().join(",")
            }
        };
        Self { here, truth, ports, _fixture: fixture, _ways: ways, _there: there }
    }

    /// The open ports that a scan missed, and those that it made up.
    fn errors(&self, shortage: &Shortage) -> (usize, usize) {
        let mut scan = self.here.scan().args("-p").arg(&self.ports).args(TARGET).args(shortage.options).arg("--json");
        if let Some(descriptors) = shortage.descriptors {
            scan = scan.under("prlimit", &[&format!("--nofile={descriptors}:{descriptors}")]);
        }
        let document = scan.run().document();
        let items = document["items"].as_array().expect("items").iter();
        let open = items.filter(|item| item["detail"]["state"] == "open");
        let found: BTreeSet<u16> =
            open.filter_map(|item| u16::try_from(item["endpoints"][0]["port"].as_u64()?).ok()).collect();
        (self.truth.difference(&found).count(), found.difference(&self.truth).count())
    }
}

/// Scans with each shortage that many times.
pub fn recall(runs: usize, seed: u64) -> String {
    let mut text = format!("\nR: every open port found, where something is missing ({runs} scans each, seed {seed})\n");
    let _ = writeln!(
        text,
        "{:<42}{:>12}{:>10}{:>14}{:>8}{:>12}",
        "", "all found", "open", "missed in all", "false", "s a scan"
    );
    for shortage in SHORTAGES {
        let stage = Stage::new(shortage, seed);
        let begin = Instant::now();
        let errors: Vec<(usize, usize)> = (0..runs).map(|_| stage.errors(shortage)).collect();
        let seconds = begin.elapsed().as_secs_f64() / f64::from(u32::try_from(runs).expect("a few"));

        let right = errors.iter().filter(|errors| **errors == (0, 0)).count();
        let (missed, made_up) = errors.iter().fold((0, 0), |sum, error| (sum.0 + error.0, sum.1 + error.1));
        let _ = writeln!(
            text,
            "{:<42}{:>12}{:>10}{missed:>14}{made_up:>8}{seconds:>12.2}",
            shortage.about,
            format!("{right} of {runs}"),
            stage.truth.len()
        );
    }
    text
}
