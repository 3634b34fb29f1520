//! The time to check many endpoints: portolan beside prometheus-blackbox-exporter, on the same targets.
//!
//! `cargo bench --bench validate` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(missing_docs)]

#[path = "validate/cases.rs"]
mod cases;
#[path = "validate/exporter.rs"]
mod exporter;
#[path = "local/machine.rs"]
mod machine;
#[path = "local/measure.rs"]
mod measure;
#[path = "validate/report.rs"]
mod report;
#[path = "validate/slow.rs"]
mod slow;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

const HELP: &str = "cargo bench --bench validate -- [--runs N] [--cases TS] [--save]

  --runs N    counted runs of each command, after one warm-up (default 7)
  --cases TS  only these: T 10,000 TCP checks, S 1,000 HTTP checks that take a second each
  --save      also write benches/runs/DATE-validate.txt
";

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut runs, mut letters, mut save) = (7, "TS".to_owned(), false);
    while let Some(word) = words.next() {
        match word.as_str() {
            // How this program starts itself inside a namespace: to measure, to query the exporter, and to reply slowly.
            "--inside" => return measure::inside(),
            "--ask" => return exporter::ask(words),
            "--slow" => return slow::serve(),
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--cases" => letters = words.next().expect("--cases TS"),
            "--save" => save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }
    let peers = [("prometheus-blackbox-exporter", "--version")];
    let mut text = machine::describe("Checks of many endpoints", &peers);
    print!("{text}");
    for case in cases::CASES.iter().filter(|case| letters.contains(case.letter)) {
        let stage = cases::Stage::new(case);
        let checked = stage.check();
        let commands = stage.commands();
        let results = measure::measure(stage.scene(), &commands, runs);
        // The result is still right after the runs: no queue is full by now.
        stage.check();
        let part = report::table(case, &checked, &commands, &results, runs);
        print!("{part}");
        text.push_str(&part);
    }
    if save {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-validate.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}
