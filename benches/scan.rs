//! The time to find every open port of a host or a network: portolan beside nmap, masscan, RustScan and a minimal C
//! program.
//!
//! `cargo bench --bench scan` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(missing_docs)]

#[path = "scan/cases.rs"]
mod cases;
#[path = "local/machine.rs"]
mod machine;
#[path = "local/measure.rs"]
mod measure;
#[path = "scan/recall.rs"]
mod recall;
#[path = "scan/report.rs"]
mod report;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cases::Case;

const HELP: &str = "cargo bench --bench scan -- [--runs N] [--cases LVNS] [--checks N] [--recalls N] [--seed N]
                                [--save]

  --runs N      counted runs of each command, after one warm-up (default 7)
  --cases LVNS  only these (default): L loopback, V a wire between two namespaces, N a network of 253 hosts, S one where
                32 of 253 are; D a host that drops nearly everything, F a far host that loses 1% each way, G 5%,
                B a bottleneck: these four take minutes, `--runs 3` will do,
                as does N where RustScan is installed;
                R counts the scans that find everything, with few descriptors or source ports and on lossy paths
  --recalls N   scans of each case of R (default 50)
  --checks N    how often portolan's answer is held against the truth before it is timed (default 1)
  --seed N      which ports are open; otherwise drawn anew
  --save        also write benches/runs/DATE-scan.txt
";

struct Options {
    runs: usize,
    cases: String,
    checks: usize,
    recalls: usize,
    seed: u64,
    save: bool,
}

fn main() {
    let mut words = std::env::args().skip(1);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let mut options = Options { runs: 7, cases: "LVNS".to_owned(), checks: 1, recalls: 50, seed, save: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            // How this program starts itself inside a namespace, so that getting there is not part of the time.
            "--inside" => return measure::inside(),
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => options.runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--cases" => options.cases = words.next().expect("--cases LVNS"),
            "--checks" => {
                options.checks = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--checks N");
            }
            "--recalls" => {
                options.recalls = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--recalls N");
            }
            "--seed" => options.seed = words.next().and_then(|n| n.parse().ok()).expect("--seed N"),
            "--save" => options.save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }
    let mut text = machine::describe("Open ports of hosts", &[("nmap", "--version")]);
    print!("{text}");
    for case in cases::CASES.iter().filter(|case| options.cases.contains(case.letter)) {
        let part = bench(case, &options);
        print!("{part}");
        text.push_str(&part);
    }
    if options.cases.contains('R') {
        let part = recall::recall(options.recalls, options.seed);
        print!("{part}");
        text.push_str(&part);
    }
    if options.save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-scan.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}

/// Sets up a case, compares portolan's result with the truth, and only then measures.
fn bench(case: &Case, options: &Options) -> String {
    let stage = cases::Stage::new(case, options.seed);
    let checked = stage.check(options.checks);
    let commands = stage.commands();
    let results = measure::measure(&stage.here, &commands, options.runs);
    // The result is still right after the runs: nothing has piled up that closes a port.
    stage.check(1);
    report::table(case, &checked, options, &commands, &results)
}
