//! Properties of standard output: whether it is a terminal, its width, and whether to use color and links.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use terminal_size::Width;

use super::{Color, stderr};
use crate::clean::clean;

/// Width where neither the terminal nor `COLUMNS` gives one.
const DEFAULT_WIDTH: u16 = 80;

/// Properties of standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Width in characters; `None` if it is not a terminal, where nothing is cut off.
    pub(super) width: Option<u16>,
    /// Whether color and bold may be used.
    pub(super) color: bool,
    /// Whether it opens links; `FORCE_HYPERLINK` says so of a pipe.
    pub(super) links: bool,
}

impl Terminal {
    /// Inspects standard output.
    pub(super) fn of_stdout(color: Color) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let color = wants_color(color, is_terminal, env::var_os("NO_COLOR").as_deref(), env::var_os("TERM").as_deref());
        Self {
            width: is_terminal.then(|| columns(env::var_os("COLUMNS").as_deref(), terminal_columns())),
            color,
            links: color && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout),
        }
    }
}

/// The width of standard output in characters; `None` if it is not a terminal.
pub(super) fn stdout_width() -> Option<u16> {
    Terminal::of_stdout(Color::Never).width
}

/// Says which columns had no room.
pub(super) fn note_hidden(columns: &[&'static str]) {
    if !columns.is_empty() {
        stderr::note(&format!("no room for {}: widen the terminal, or add --json", columns.join(", ")));
    }
}

/// Asks a yes-or-no question at the terminal. Without a terminal, the answer is no.
pub(super) fn ask(question: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    let prompted = io::stderr().write_all(format!("{} [y/N] ", clean(question)).as_bytes());
    let mut answer = String::new();
    let read = prompted.and_then(|()| io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer));
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Longest reply that is read, in bytes.
const MAX_ANSWER: u64 = 64;

fn terminal_columns() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns)
}

/// `COLUMNS` wins: shells do not export it by default, so an exported value is intended. A serial terminal reports 0.
fn columns(exported: Option<&OsStr>, terminal: Option<u16>) -> u16 {
    let exported = exported.and_then(OsStr::to_str).and_then(|text| text.parse().ok());
    exported.filter(|&width| width > 0).or(terminal.filter(|&width| width > 0)).unwrap_or(DEFAULT_WIDTH)
}

fn wants_color(color: Color, is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_some_and(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_width_is_the_usual_one() {
        fn width(exported: Option<&str>, terminal: Option<u16>) -> u16 {
            columns(exported.map(OsStr::new), terminal)
        }

        assert_eq!(width(None, Some(120)), 120);
        assert_eq!(width(None, Some(0)), 80);
        assert_eq!(width(None, None), 80);
        assert_eq!(width(Some("1"), Some(120)), 1);
        for absurd in ["0", "", "-5", "wide", "70000"] {
            assert_eq!(width(Some(absurd), Some(120)), 120, "{absurd}");
        }
    }

    #[test]
    fn colour_asks_the_option_then_no_color_then_the_terminal() {
        fn color(when: Color, is_terminal: bool, no_color: Option<&str>, term: &str) -> bool {
            wants_color(when, is_terminal, no_color.map(OsStr::new), Some(OsStr::new(term)))
        }

        assert!(color(Color::Auto, true, None, "xterm"));
        assert!(color(Color::Auto, true, Some(""), "xterm"));
        assert!(!color(Color::Auto, true, Some("1"), "xterm"));
        assert!(!color(Color::Auto, true, None, "dumb"));
        assert!(!color(Color::Auto, false, None, "xterm"));
        assert!(color(Color::Always, false, Some("1"), "dumb"));
        assert!(!color(Color::Never, true, None, "xterm"));
        assert!(!wants_color(Color::Auto, true, None, None));
    }
}
