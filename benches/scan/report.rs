//! The table.

use std::fmt::Write as _;

use crate::cases::{Case, Measured};
use crate::measure::Figures;

pub fn table(case: &Case, checked: &str, seed: u64, commands: &[Measured], results: &[Figures], runs: usize) -> String {
    let mut text = format!("\n{}: {} (seed {seed})\n", case.letter, case.about);
    let _ = writeln!(text, "portolan's answer was right before it was timed, and after: {checked}");
    let _ = writeln!(
        text,
        "{:<34}{:>10}{:>10}{:>10}{:>14}{:>10}",
        "median of whole processes", "ms", "min", "max", "of portolan", "peak MB"
    );
    for (command, figures) in commands.iter().zip(results) {
        let (least, most) = figures.times.iter().fold((f64::MAX, 0.0_f64), |(a, b), &t| (a.min(t), b.max(t)));
        let _ = writeln!(
            text,
            "{:<34}{:>10.1}{least:>10.1}{most:>10.1}{:>14.2}{:>10.1}",
            command.name,
            figures.median(),
            figures.of(&results[0]),
            figures.peak
        );
    }
    let nmap = results[3..].iter().min_by(|a, b| a.median().total_cmp(&b.median())).expect("three of nmap's");
    let _ = writeln!(
        text,
        "{runs} rounds. portolan: {:.2} of the floor with 2 threads (goal 1.30), {:.2} of nmap's best (goal 0.50), \
         {:.1} MB (goal 16)",
        results[0].of(&results[1]),
        results[0].of(nmap),
        results[0].peak
    );
    text
}
