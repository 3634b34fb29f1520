//! The picture of a score's history, with its axes.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Sparkline, Widget};

use super::history::{History, STEP};
use super::text::put;

/// Lines of the picture: its title, the bars, and the time.
pub(super) const HEIGHT: u16 = 5;
/// Width of the numbers beside the bars, with a space.
const SCALE: u16 = 4;
/// Most bars: half an hour is enough to see a trend.
const MAX_BARS: u16 = 180;

/// Draws the history into the first `HEIGHT` lines of the area, newest bar on the right.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, history: &History, now: Instant) {
    if area.height < HEIGHT || area.width <= SCALE {
        return;
    }
    let width = (area.width - SCALE).min(MAX_BARS);
    let line = |number: u16| Rect { y: area.y + number, height: 1, ..area };
    let dim = Style::from(Modifier::DIM);

    let title = format!("score, the lowest of each {} s", STEP.as_secs());
    put(buffer, line(0), &title, dim);
    put(buffer, line(1), "100", dim);
    put(buffer, line(HEIGHT - 2), "  0", dim);

    let bars = history.bars(width.into(), now);
    let blanks = usize::from(width).saturating_sub(bars.len());
    let bars = std::iter::repeat_n(None, blanks).chain(bars).map(|score| score.map(u64::from));
    let inside = Rect { x: area.x + SCALE, y: area.y + 1, width, height: HEIGHT - 2 };
    Sparkline::default().max(100).data(bars).render(inside, buffer);

    let axis = Rect { x: inside.x, width, ..line(HEIGHT - 1) };
    put(buffer, axis, &time_axis(width), dim);
}

/// The time below the bars: when the first one began, and now.
fn time_axis(width: u16) -> String {
    let seconds = STEP.as_secs() * u64::from(width);
    let begin = if seconds < 120 { format!("{seconds} s ago") } else { format!("{} min ago", seconds / 60) };
    let room = usize::from(width).saturating_sub(begin.len());
    if room < "  now".len() {
        return format!("{:>width$}", "now", width = usize::from(width));
    }
    format!("{begin}{:>room$}", "now")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_says_how_far_back_the_bars_reach() {
        assert_eq!(time_axis(20), "3 min ago        now");
        assert_eq!(time_axis(11), "        now");
        assert_eq!(time_axis(2), "now", "never cut to what reads as something else");
    }
}
