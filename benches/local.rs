//! The time to list this machine's listeners: portolan beside `ss`, `lsof`, `netstat`, and a minimal C program.
//!
//! `cargo bench --bench local` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(missing_docs)]

#[path = "local/cases.rs"]
mod cases;
#[path = "local/machine.rs"]
mod machine;
#[path = "local/measure.rs"]
mod measure;
#[path = "local/report.rs"]
mod report;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use cases::Case;

const HELP: &str = "cargo bench --bench local -- [--runs N] [--cases ABCD] [--save]

  --runs N      counted runs of each command, after one warm-up (default 15)
  --cases ABCD  only these
  --save        also write benches/runs/DATE-local.txt
";

struct Options {
    runs: usize,
    cases: String,
    save: bool,
}

fn main() {
    let mut words = std::env::args().skip(1);
    let mut options = Options { runs: 15, cases: "ABCD".to_owned(), save: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            // How this program starts itself inside a namespace, so that getting there is not part of the time.
            "--inside" => return measure::inside(),
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => options.runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--cases" => options.cases = words.next().expect("--cases ABCD"),
            "--save" => options.save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }
    let mut text = machine::describe("What listens here", &[("ss", "-V"), ("lsof", "-v"), ("netstat", "--version")]);
    print!("{text}");
    for case in cases::CASES.iter().filter(|case| options.cases.contains(case.letter)) {
        let part = bench(case, options.runs);
        print!("{part}");
        text.push_str(&part);
    }
    if options.save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-local.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}

/// Sets up a case, compares portolan's listing with the truth, and only then measures.
fn bench(case: &Case, runs: usize) -> String {
    let scene = support::Scene::new();
    let fixture = scene.fixture(case.fixture);
    let checked = cases::check(case, &scene, &fixture);
    let commands = cases::commands(case, &scene);
    let results = measure::measure(&scene, &commands, runs);
    fixture.end();
    report::table(case, &checked, &commands, &results, runs)
}
