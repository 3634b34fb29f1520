//! The time to identify the servers behind 200 open ports: portolan beside nmap -sV, on the same real servers.
//!
//! `cargo bench --bench identify` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(missing_docs)]

#[path = "identify/cases.rs"]
mod cases;
#[path = "local/machine.rs"]
mod machine;
#[path = "local/measure.rs"]
mod measure;
#[path = "identify/report.rs"]
mod report;
#[path = "identify/slow.rs"]
mod slow;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use cases::Case;

const HELP: &str = "cargo bench --bench identify -- [--runs N] [--cases UO] [--save]

  --runs N    counted runs of each command, after one warm-up (default 3)
  --cases UO  only these (default): U at their usual ports, O at odd ones; S servers that greet after seconds, and silent
              ports, which takes nmap minutes: `--runs 1` will do
  --save      also write benches/runs/DATE-identify.txt
";

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut runs, mut letters, mut save) = (3, "UO".to_owned(), false);
    while let Some(word) = words.next() {
        match word.as_str() {
            // How this program starts itself inside a namespace, so that getting there is not part of the time.
            "--inside" => return measure::inside(),
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--cases" => letters = words.next().expect("--cases UO"),
            "--save" => save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }
    let mut text = machine::describe("What speaks at 200 ports of 20 kinds", &[("nmap", "--version")]);
    print!("{text}");
    let chosen: Vec<&Case> = cases::CASES.iter().filter(|case| letters.contains(case.letter)).collect();
    if !chosen.is_empty() {
        let stage = cases::Stage::new();
        for case in chosen {
            let checked = stage.check(case);
            let commands = stage.commands(case);
            let results = measure::measure(stage.scene(), &commands, runs);
            add(&mut text, &report::table(case, &checked, &commands, &results, runs));
        }
    }
    if letters.contains(slow::CASE.letter) {
        let stage = slow::Stage::new();
        let checked = stage.check();
        let commands = slow::Stage::commands();
        let results = measure::measure(stage.scene(), &commands, runs);
        add(&mut text, &report::table(&slow::CASE, &checked, &commands, &results, runs));
    }
    if save {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-identify.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}

/// Prints a part of the text, and adds it.
fn add(text: &mut String, part: &str) {
    print!("{part}");
    text.push_str(part);
}
