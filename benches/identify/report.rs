//! The table.

use std::fmt::Write as _;

use crate::cases::{Case, Contender};
use crate::measure::Figures;

pub fn table(case: &Case, checked: &str, commands: &[Contender], results: &[Figures], runs: usize) -> String {
    let mut text =
        format!("\n{}: {}\nportolan's answer was right before it was timed: {checked}\n", case.letter, case.about);
    let _ = writeln!(
        text,
        "{:<34}{:>10}{:>10}{:>10}{:>14}{:>10}{:>10}",
        "median of whole processes", "ms", "min", "max", "of portolan", "peak MB", "cpu s"
    );
    for (command, figures) in commands.iter().zip(results) {
        let (least, most) = figures.times.iter().fold((f64::MAX, 0.0_f64), |(a, b), &t| (a.min(t), b.max(t)));
        let _ = writeln!(
            text,
            "{:<34}{:>10.1}{least:>10.1}{most:>10.1}{:>14.2}{:>10.1}{:>10.2}",
            command.name,
            figures.median(),
            figures.of(&results[0]),
            figures.peak,
            figures.cpu
        );
    }
    let share = results[0].of(&results[1]);
    let _ = writeln!(
        text,
        "{runs} rounds. portolan: {share:.3} of nmap's time (goal {:.3}), {:.1} MB",
        case.goal, results[0].peak
    );
    text
}
