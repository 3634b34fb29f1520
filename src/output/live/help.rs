//! The help of the live view: its keys and its signs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::popup;
use super::text::put;

/// Short enough for a terminal of 40 columns.
const TEXT: [&str; 27] = [
    "Enter    details of the row",
    "Escape   back, never quits",
    "q        quit",
    "/        filter by words",
    "s        sort by a column",
    "< >      sort by the next column",
    "r        reverse the order",
    "c        choose columns",
    "← →      scroll columns",
    "t        tree of processes",
    "p Space  pause, continue",
    "y        copy the row",
    "K        end its process (asks)",
    "↑ ↓ j k  move",
    "PgUp PgDn  a page",
    "g G      first and last row",
    "Ctrl-Z   to the shell; fg returns",
    "mouse    click selects or sorts",
    "         (Shift: select text)",
    "",
    "+ new  ~ changed  - gone",
    "…        columns without room",
    "‹        columns scrolled away",
    "A?       grade, not all checks ran",
    "TREND    lowest score of each 10 s",
    "SCOPE    all: every interface,",
    "         loopback: this machine only",
];

/// Draws the lines from `scrolled` on; corrects it where there are no more.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, scrolled: &mut u16) {
    let lines: Vec<String> = TEXT.iter().map(|line| format!(" {line} ")).collect();
    let inside = popup::open(buffer, area, " Help ", &lines);
    let hidden = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(inside.height);
    *scrolled = (*scrolled).min(hidden);

    for (y, line) in (inside.top()..inside.bottom()).zip(lines.iter().skip((*scrolled).into())) {
        put(buffer, Rect { y, height: 1, ..inside }, line, Style::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_a_narrow_terminal() {
        for line in TEXT {
            assert!(line.chars().count() <= 36, "{line}");
        }
    }
}
