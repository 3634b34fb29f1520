//! The hosts that are scanned, and by what.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Fixture, Scene, output, portolan_path, tool};

/// A way to the host.
pub struct Case {
    pub letter: char,
    pub about: &'static str,
    pub target: &'static str,
}

pub const CASES: &[Case] = &[
    Case { letter: 'L', about: "loopback, 65,535 ports, 200 of them open", target: "127.0.0.1" },
    Case { letter: 'V', about: "a wire between two namespaces, 65,535 ports, 200 of them open", target: "10.77.0.2" },
];

const OPEN: usize = 200;

/// A command that is measured.
pub struct Measured {
    pub name: String,
    pub argv: Vec<String>,
}

/// A host with open ports, and where it is scanned from.
pub struct Stage {
    pub here: Scene,
    target: &'static str,
    truth: BTreeSet<String>,
    floor: String,
    /// Dropped in this order: who listens before where.
    _fixture: Fixture,
    _there: Option<Scene>,
}

impl Stage {
    pub fn new(case: &Case, seed: u64) -> Self {
        let here = Scene::new();
        let there = (case.letter == 'V').then(Scene::new);
        if let Some(there) = &there {
            here.wire_to(there);
        }
        let fixture = there.as_ref().unwrap_or(&here).fixture(&format!("random={OPEN}@{seed},0.0.0.0"));
        let truth = fixture.truth.0.keys().map(|what| what.replace("0.0.0.0", case.target)).collect();
        let floor = floor(&here);
        Self { here, target: case.target, truth, floor, _fixture: fixture, _there: there }
    }

    /// Refuses to go on unless portolan finds every open port and no other, and the floor as many.
    pub fn check(&self) -> String {
        let found = self.here.scan().args("-p-").args(self.target).list().truth_keys();
        assert_eq!(found, self.truth, "portolan's answer is not right");
        let counted = output(self.here.command(&self.floor).args(["2", self.target])).stdout;
        assert_eq!(String::from_utf8_lossy(&counted).trim(), OPEN.to_string(), "the floor's count");
        format!("{} open ports, none missed, none false", found.len())
    }

    /// What is measured: portolan first, then the floor, then the peers.
    pub fn commands(&self) -> Vec<Measured> {
        let portolan = portolan_path().to_str().expect("a path in UTF-8").to_owned();
        let nmap = tool("nmap").get_program().to_str().expect("a path in UTF-8").to_owned();
        let command = |name: &str, program: &str, args: &str| Measured {
            name: name.to_owned(),
            argv: std::iter::once(program).chain(args.split(' ')).chain([self.target]).map(str::to_owned).collect(),
        };
        vec![
            command("portolan scan -p-", &portolan, "scan -q -p-"),
            command("floor in C, 2 threads", &self.floor, "2"),
            command("floor in C, 1 thread", &self.floor, "1"),
            command("nmap -sT -T5 --min-rate 100000", &nmap, "-n -Pn -sT -T5 --min-rate 100000 --max-retries 1 -p-"),
            command("nmap -sT -T4", &nmap, "-n -Pn -sT -T4 -p-"),
            command("nmap -sS -T4 (root)", &nmap, "-n -Pn -sS -T4 -p-"),
        ]
    }
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
