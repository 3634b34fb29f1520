//! The table.

use std::fmt::Write as _;

use crate::cases::{Case, Contender, FACTS_FLOOR, PLAIN_START, SET_LISTING, SET_START};
use crate::measure::Figures;

pub fn table(case: &Case, checked: &str, commands: &[Contender], results: &[Figures], runs: usize) -> String {
    let mut text = format!("\n{}: {}\n", case.letter, case.about);
    let _ = writeln!(text, "portolan's answer was right before it was timed: {checked}");
    let _ = writeln!(
        text,
        "{:<34}{:>10}{:>10}{:>10}{:>8}{:>10}{:>10}",
        "median of whole processes", "ms", "min", "max", "of ss", "peak MB", "cpu s"
    );
    for (command, figures) in commands.iter().zip(results) {
        let shortest = figures.times.iter().copied().fold(f64::INFINITY, f64::min);
        let longest = figures.times.iter().copied().fold(0.0, f64::max);
        let ratio = command.against.map(|peer| format!("{:.2}", figures.of(&results[peer])));
        let _ = writeln!(
            text,
            "{:<34}{:>10.2}{:>10.2}{:>10.2}{:>8}{:>10.1}{:>10.3}",
            command.name,
            figures.median(),
            shortest,
            longest,
            ratio.unwrap_or_default(),
            figures.peak,
            figures.cpu
        );
    }
    let of = |name: &str| {
        let at = commands.iter().position(|command| command.name == name).expect("the command is in the list");
        &results[at]
    };
    let (own, ss) = (of("portolan discover local"), of("ss -tulpn"));
    let floor = own.of(of("floor in C, 1 thread")).max(own.of(of("floor in C, 2 threads")));
    let one = of("portolan discover local -p PORT").of(of("ss -tulpn 'sport = :PORT'"));
    let _ = writeln!(
        text,
        "{runs} rounds. portolan: {:.2} of ss (goal {:.2}), {:.2} of the floor (goal 1.25, not in A), {:.1} MB (goal {}), \
         one port {one:.2} of ss (goal 0.60)",
        own.of(ss),
        case.goal,
        floor,
        own.peak,
        case.memory_goal
    );
    if case.letter == 'A' {
        let (start, listing) = (of(SET_START).of(of(PLAIN_START)), of(SET_LISTING).of(own));
        let _ = writeln!(
            text,
            "a settings file of one line: `ports 80` takes {start:.2} of the time without (goal 1.10), `discover local` \
             {listing:.2}"
        );
    }
    if case.letter == 'B' {
        let (json, facts) = (of("portolan discover local -o json"), of(FACTS_FLOOR));
        let _ = writeln!(
            text,
            "processor time of ss: table {:.2}, JSON {:.2}; the floor with the facts of JSON {:.2}, which is {:.2} of JSON's",
            own.cpu / ss.cpu,
            json.cpu / ss.cpu,
            facts.cpu / ss.cpu,
            facts.cpu / json.cpu
        );
    }
    text
}
