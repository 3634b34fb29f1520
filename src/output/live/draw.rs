//! Drawing: title line, table, details, messages, and a line of keys.

use std::time::Instant;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Borders, Paragraph, Widget};
use unicode_width::UnicodeWidthStr;

use super::text::{end_of, put, start_of};
use super::{Mode, View, details, help, picture};
use crate::clean::escaped;

/// From this width on the details are beside the table instead of below it.
const MIN_WIDTH_SIDE_BY_SIDE: u16 = 150;
/// The keys of the table in the order of worth; as many as fit are shown.
const KEYS: [&str; 11] = [
    "? help",
    "q quit",
    "/ filter",
    "Enter details",
    "s sort",
    "c columns",
    "p pause",
    "t tree",
    "←→ scroll",
    "y copy",
    "K kill",
];

impl View {
    /// Draws the whole view.
    pub(crate) fn draw(&mut self, frame: &mut Frame<'_>, now: Instant) {
        self.catch_up(now);
        let unseen = self.unseen();
        let [title, body, below, note, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(u16::from(unseen.is_some())),
            Constraint::Length(u16::from(self.note.is_some())),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let buffer = frame.buffer_mut();

        self.draw_title(buffer, title, now);

        let (table, about) = self.split(body);
        self.draw_table(buffer, table, now);
        if let Some(about) = about {
            self.draw_details(buffer, about, now);
        }
        self.places.details = about;

        if let Some(text) = unseen {
            put(buffer, below, &text, self.colored(Color::Yellow));
        }
        if let Some(message) = &self.note {
            let style = if message.is_error { self.colored(Color::Red) } else { Style::new() };
            put(buffer, note, &message.text, style);
        }

        self.draw_mode(frame, body, keys);
    }

    /// Draws what is open over the table, and the last line.
    fn draw_mode(&mut self, frame: &mut Frame<'_>, body: Rect, keys: Rect) {
        let dim = Style::from(Modifier::DIM);
        match &mut self.mode {
            Mode::Table => put(frame.buffer_mut(), keys, &fitting_keys(&KEYS, keys.width), dim),
            Mode::Filter => self.draw_input(frame, keys),
            Mode::Help(scrolled) => {
                help::draw(frame.buffer_mut(), body, scrolled);
                put(frame.buffer_mut(), keys, &fitting_keys(&["Escape back", "↑↓ scroll"], keys.width), dim);
            }
            Mode::Menu(menu) => {
                menu.draw(frame.buffer_mut(), body);
                put(frame.buffer_mut(), keys, &fitting_keys(menu.keys(), keys.width), dim);
            }
            Mode::Question(question) => {
                // The question may be longer than a line, and its end says what to press.
                let text = format!("{} [y/N]", escaped(question));
                let height = u16::try_from(text.width()).unwrap_or(u16::MAX).div_ceil(keys.width.max(1));
                let height = height.min(frame.area().height);
                let area = Rect { y: keys.bottom().saturating_sub(height), height, ..keys };
                draw_question(frame.buffer_mut(), area, &text);
            }
        }
    }

    fn draw_input(&self, frame: &mut Frame<'_>, area: Rect) {
        let typed = format!("/{}", escaped(&self.filter));
        let typed = end_of(&typed, area.width.saturating_sub(1).into());
        put(frame.buffer_mut(), area, typed, Style::new());
        let column = u16::try_from(typed.width()).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
        frame.set_cursor_position((area.x + column, area.y));
    }

    /// What the table cannot show, because a permission is missing.
    fn unseen(&self) -> Option<String> {
        match self.rows.hidden_owners() {
            0 => None,
            1 => Some("1 row without its owner: no permission (`portolan help permissions`)".to_owned()),
            rows => Some(format!("{rows} rows without their owners: no permission (`portolan help permissions`)")),
        }
    }

    /// The areas of the table and of open details.
    fn split(&self, body: Rect) -> (Rect, Option<Rect>) {
        if !self.details {
            return (body, None);
        }

        let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
        let layout =
            if body.width >= MIN_WIDTH_SIDE_BY_SIDE { Layout::horizontal(halves) } else { Layout::vertical(halves) };
        let [table, about] = layout.areas(body);
        (table, Some(about))
    }

    fn draw_title(&self, buffer: &mut Buffer, area: Rect, now: Instant) {
        let count = self.count();
        let mut left = match (self.synced, count) {
            (false, 0) => format!("{}  looking…", self.source),
            (_, 1) => format!("{}  1 service", self.source),
            (_, count) => format!("{}  {count} services", self.source),
        };

        if !self.filter.is_empty() && !matches!(self.mode, Mode::Filter) {
            let (all, shown) = self.rows.counts();
            left = format!("{left}  filter: {} ({shown} of {all} rows)", escaped(&self.filter));
        }

        let right = match (&self.stale, self.paused) {
            (Some((since, why)), _) => {
                format!("stale for {} s: {why}", now.saturating_duration_since(*since).as_secs())
            }
            (None, Some(0)) => "paused".to_owned(),
            (None, Some(1)) => "paused, 1 change waits".to_owned(),
            (None, Some(changes)) => format!("paused, {changes} changes wait"),
            (None, None) => String::new(),
        };

        put(buffer, area, &left, Modifier::BOLD.into());
        let used = u16::try_from(left.width()).unwrap_or(u16::MAX).saturating_add(2);
        let room = area.width.saturating_sub(used);
        let wanted = u16::try_from(right.width()).unwrap_or(u16::MAX).min(room);

        let style = self.colored(if self.stale.is_some() { Color::Red } else { Color::Yellow });
        put(buffer, Rect { x: area.right() - wanted, width: wanted, ..area }, &right, style);
    }

    fn draw_details(&mut self, buffer: &mut Buffer, area: Rect, now: Instant) {
        let block = Block::new().borders(if area.x > 0 { Borders::LEFT } else { Borders::TOP });
        let inside = block.inner(area);
        block.render(area, buffer);

        let history = self.rows.selected().and_then(|row| {
            let history = self.known.get(&row.service.id)?.scores.get(row.endpoint)?;
            history.has_any().then_some(history)
        });
        let height = if history.is_some() && inside.height > picture::HEIGHT + 3 { picture::HEIGHT } else { 0 };
        let [text, area] = Layout::vertical([Constraint::Min(0), Constraint::Length(height)]).areas(inside);
        if let Some(history) = history {
            picture::draw(buffer, area, history, now);
        }

        let lines = details::lines(self, text.width.into(), now);
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(text.height);
        self.scrolled = self.scrolled.min(most);
        Paragraph::new(lines).scroll((self.scrolled, 0)).render(text, buffer);
    }

    pub(super) fn colored(&self, color: Color) -> Style {
        if self.page.color { Style::new().fg(color) } else { Style::new() }
    }
}

/// As many of the keys as fit, the first ones first; none is cut.
pub(super) fn fitting_keys(keys: &[&str], width: u16) -> String {
    let mut line = String::new();
    for key in keys {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.width() + gap.len() + key.width() > usize::from(width) {
            break;
        }
        line.push_str(gap);
        line.push_str(key);
    }
    line
}

/// A question over the last lines, wrapped.
fn draw_question(buffer: &mut Buffer, area: Rect, text: &str) {
    let mut rest = text;
    for y in area.top()..area.bottom() {
        let line = start_of(rest, area.width.into());
        rest = &rest[line.len()..];
        let blank = " ".repeat(usize::from(area.width));
        buffer.set_stringn(area.x, y, blank, area.width.into(), Modifier::BOLD);
        buffer.set_stringn(area.x, y, line, area.width.into(), Modifier::BOLD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_left_out_rather_than_cut() {
        assert_eq!(fitting_keys(&KEYS, 40), "? help  q quit  / filter  Enter details");
        assert_eq!(fitting_keys(&KEYS, 80).split("  ").count(), 8);
        assert_eq!(fitting_keys(&KEYS, 3), "");
    }
}
