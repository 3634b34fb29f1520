//! The colors of states and changes. A color only repeats what a word or a sign says.

use std::borrow::Cow;

/// A color or a weight, as the parameter of a terminal's SGR sequence. These four are readable on light and on dark.
pub(super) const BOLD: &str = "1";
pub(in crate::output) const GOOD: &str = "32";
pub(in crate::output) const DOUBTFUL: &str = "33";
pub(in crate::output) const BAD: &str = "31";
pub(in crate::output) const FAINT: &str = "2";

/// The tone of a cell; `None` if its column has no states.
pub(in crate::output) fn tone(column: &str, cell: &str) -> Option<&'static str> {
    if cell.is_empty() || cell == "-" {
        return None;
    }
    let word = cell.split([',', ' ']).next().unwrap_or_default();

    match column {
        "state" | "status" => state_tone(word),
        "ready" => Some(if word == "yes" { GOOD } else { BAD }),
        "grade" => Some(match word.chars().next() {
            Some('A' | 'B') => GOOD,
            Some('C' | 'D') => DOUBTFUL,
            _ => BAD,
        }),
        "score" => cell.parse().ok().map(score_tone),
        "exposed" if word == "yes" => Some(DOUBTFUL),
        "checks" => Some(checks_tone(cell)),
        "findings" => Some(DOUBTFUL),
        "finding" => Some(match cell {
            "agrees" => GOOD,
            "cannot tell" => DOUBTFUL,
            _ => BAD,
        }),
        "process" if cell.starts_with("owner ") || cell == "no process found" => Some(DOUBTFUL),
        _ => None,
    }
}

fn state_tone(word: &str) -> Option<&'static str> {
    Some(match word {
        "open" | "up" | "healthy" | "Running" | "Succeeded" | "passing" => GOOD,
        "degraded" | "filtered" | "no-answer" | "unknown" | "Pending" | "warning" => DOUBTFUL,
        "unhealthy" | "unreachable" | "Failed" | "CrashLoopBackOff" | "critical" => BAD,
        "closed" => FAINT,
        _ => return None,
    })
}

fn score_tone(score: u8) -> &'static str {
    match score {
        80.. => GOOD,
        50..80 => DOUBTFUL,
        _ => BAD,
    }
}

fn checks_tone(cell: &str) -> &'static str {
    if cell.contains("critical") {
        BAD
    } else if cell.ends_with(" passing") {
        GOOD
    } else {
        DOUBTFUL
    }
}

/// The tone of a change: `added`, `removed` and so on.
pub(in crate::output) fn change_tone(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "added" => GOOD,
        "updated" | "stale" | "lagged" => DOUBTFUL,
        "removed" | "error" => BAD,
        _ => return None,
    })
}

/// A text in a tone.
pub(in crate::output) fn toned<'t>(text: &'t str, tone: Option<&str>) -> Cow<'t, str> {
    match tone {
        Some(tone) => Cow::Owned(format!("\u{1b}[{tone}m{text}\u{1b}[0m")),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_tone_of_their_meaning() {
        for (column, cell, expected) in [
            ("state", "healthy", Some(GOOD)),
            ("state", "open", Some(GOOD)),
            ("state", "filtered", Some(DOUBTFUL)),
            ("state", "unhealthy", Some(BAD)),
            ("state", "listen", None),
            ("ready", "yes", Some(GOOD)),
            ("ready", "no, terminating", Some(BAD)),
            ("grade", "A?", Some(GOOD)),
            ("grade", "F", Some(BAD)),
            ("score", "79", Some(DOUBTFUL)),
            ("score", "-", None),
            ("checks", "2 passing", Some(GOOD)),
            ("checks", "web critical", Some(BAD)),
            ("name", "healthy", None),
        ] {
            assert_eq!(tone(column, cell), expected, "{column} {cell}");
        }
        assert_eq!(toned("x", Some(GOOD)), "\u{1b}[32mx\u{1b}[0m");

        assert_eq!(toned("x", None), "x");
    }
}
