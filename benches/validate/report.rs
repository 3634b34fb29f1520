//! The table.

use std::fmt::Write as _;

use crate::cases::{Case, Contender};
use crate::measure::Figures;

pub fn table(case: &Case, checked: &str, commands: &[Contender], results: &[Figures], runs: usize) -> String {
    let mut text = format!("\n{}: {}\n{checked}\n", case.letter, case.about);
    let _ = writeln!(
        text,
        "{:<36}{:>10}{:>10}{:>10}{:>12}{:>14}{:>10}{:>10}",
        "median of whole processes", "ms", "min", "max", "checks/s", "of portolan", "peak MB", "cpu s"
    );
    for (command, figures) in commands.iter().zip(results) {
        let (least, most) = figures.times.iter().fold((f64::MAX, 0.0_f64), |(a, b), &t| (a.min(t), b.max(t)));
        let _ = writeln!(
            text,
            "{:<36}{:>10.1}{least:>10.1}{most:>10.1}{:>12.0}{:>14.2}{:>10.1}{:>10.3}",
            command.name,
            figures.median(),
            f64::from(u32::try_from(case.checks).expect("a count")) * 1e3 / figures.median(),
            figures.of(&results[0]),
            figures.peak,
            figures.cpu
        );
    }
    let _ = writeln!(
        text,
        "{runs} rounds. portolan: {:.0} ms (goal {:.0}), {:.2} of the exporter's time; the exporter's memory is not in its row",
        results[0].median(),
        case.goal,
        results[0].of(&results[1])
    );
    text
}
