//! The table.

use std::fmt::Write as _;

use crate::Options;
use crate::cases::{Case, Contender};
use crate::measure::Figures;

pub fn table(case: &Case, checked: &str, options: &Options, commands: &[Contender], results: &[Figures]) -> String {
    let Options { seed, runs, checks, .. } = options;
    let mut text = format!("\n{}: {} (seed {seed})\n", case.letter, case.about);
    let _ = writeln!(
        text,
        "portolan's answer, by connects and by --syn, was right {checks} times before it was timed and once after: {checked}"
    );
    let _ = writeln!(
        text,
        "{:<50}{:>10}{:>10}{:>10}{:>14}{:>10}{:>10}",
        "median of whole processes", "ms", "min", "max", "of portolan", "peak MB", "cpu s"
    );
    for (command, figures) in commands.iter().zip(results) {
        let (least, most) = figures.times.iter().fold((f64::MAX, 0.0_f64), |(a, b), &t| (a.min(t), b.max(t)));
        let _ = writeln!(
            text,
            "{:<50}{:>10.1}{least:>10.1}{most:>10.1}{:>14.2}{:>10.1}{:>10.2}",
            command.name,
            figures.median(),
            figures.of(&results[0]),
            figures.peak,
            figures.cpu
        );
    }
    let best = |name: &str| {
        let named = commands.iter().zip(results).filter(|(command, _)| command.name.starts_with(name));
        named.map(|(_, figures)| figures).min_by(|a, b| a.median().total_cmp(&b.median()))
    };
    let _ = write!(text, "{runs} rounds. portolan: {:.1} MB (goal 16)", results[0].peak);
    for (name, goal) in [("floor in C, 2 threads", " (goal 1.30)"), ("nmap", ""), ("masscan", ""), ("rustscan", "")] {
        if let Some(peer) = best(name) {
            let _ = write!(text, ", {:.2} of {name}{goal}", results[0].of(peer));
        }
    }
    if let Some(least) = case.least_ms {
        let _ = write!(text, ", {:.2} of the way's own {least:.0} ms (goal 1.30)", results[0].median() / least);
    }
    if let Some(masscan) = best("masscan") {
        let _ = write!(text, "; --syn {:.2} of masscan (goal 1.00)", results[1].of(masscan));
    }
    let _ = writeln!(text);
    text
}
