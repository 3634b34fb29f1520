//! Drawing: title line, table, details, and a line of keys.

use std::time::Instant;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{LiveRow, RowMark, View, details};
use crate::clean::escaped;

/// Cursor, change mark and a space.
const GUTTER: u16 = 3;
/// From this width on the details are beside the table instead of below it.
const MIN_WIDTH_SIDE_BY_SIDE: u16 = 150;
/// Bars of the score history in the table, if the table is at least `MIN_WIDTH_BARS` wide.
const BARS: u16 = 10;
const MIN_WIDTH_BARS: u16 = 100;
const KEYS: &str = "q quit  / filter  Enter details  s sort  r reverse  p pause  ↑↓ PgUp PgDn move";

impl View {
    /// Draws the whole view.
    pub(crate) fn draw(&mut self, frame: &mut Frame<'_>, now: Instant) {
        self.catch_up(now);
        let [title, body, note, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(u16::from(self.note.is_some())),
            Constraint::Length(1),
        ])
        .areas(frame.area());

        self.draw_title(frame.buffer_mut(), title, now);

        let (table, about) = self.split(body);
        self.draw_table(frame.buffer_mut(), table, now);
        if let Some(about) = about {
            self.draw_details(frame.buffer_mut(), about, now);
        }

        if let Some((_, text)) = &self.note {
            put(frame.buffer_mut(), note, text, self.colored(Color::Red));
        }

        if self.typing {
            let typed = format!("/{}", escaped(&self.filter));
            let typed = end_of(&typed, keys.width.saturating_sub(1).into());
            put(frame.buffer_mut(), keys, typed, Style::new());
            let column = u16::try_from(typed.width()).unwrap_or(u16::MAX).min(keys.width.saturating_sub(1));
            frame.set_cursor_position((keys.x + column, keys.y));
        } else {
            put(frame.buffer_mut(), keys, KEYS, Modifier::DIM.into());
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

        if !self.filter.is_empty() && !self.typing {
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

    fn draw_table(&mut self, buffer: &mut Buffer, area: Rect, now: Instant) {
        if area.height == 0 || area.width <= GUTTER {
            return;
        }

        let bars = if self.has_scores() && area.width >= MIN_WIDTH_BARS { BARS + 2 } else { 0 };
        let (columns, left_out) = self.rows.cells.fitted((area.width - GUTTER - bars).into(), &self.page);
        self.draw_header(buffer, Rect { height: 1, ..area }, &columns, left_out, bars);

        let color = self.page.color;
        let cursor = self.rows.cursor;
        let room = usize::from(area.height - 1);
        let known = &self.known;
        let visible = self.rows.visible(room).map(|(number, row)| {
            let trend = known.get(&row.service.id).map(|known| trend(known, row.endpoint, bars, now));
            (number, row.sign, trend.unwrap_or_default())
        });
        let rows: Vec<_> = visible.collect();

        let first = self.rows.first;
        for (line, (number, sign, trend)) in rows.into_iter().enumerate() {
            let y = area.y + 1 + u16::try_from(line).unwrap_or(0);
            let is_cursor = first + line == cursor;
            let line = Rect { y, height: 1, ..area };
            let (letter, style) = mark_style(sign, color);

            put(buffer, line, if is_cursor { ">" } else { " " }, Style::new());
            put(buffer, Rect { x: line.x + 1, width: line.width - 1, ..line }, letter, style);

            let mut x = area.x + GUTTER;
            for &(column, width) in &columns {
                let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.right().saturating_sub(x));
                put(buffer, Rect { x, width, ..line }, self.rows.cells.cell(number, column), style);
                x = x.saturating_add(width + 2).min(area.right());
            }

            put(buffer, Rect { x: area.right() - bars.min(BARS), width: bars.min(BARS), ..line }, &trend, style);
            if is_cursor {
                buffer.set_style(line, Style::from(Modifier::REVERSED));
            }
        }
    }

    fn draw_header(&self, buffer: &mut Buffer, area: Rect, columns: &[(usize, usize)], left_out: bool, bars: u16) {
        let mut x = area.x + GUTTER;
        for &(column, width) in columns {
            let mut name = self.rows.cells.header(column);
            let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.right().saturating_sub(x));
            // The sort mark may use the gap behind the column.
            let mut room = width;
            if self.rows.sorted_by == Some(column) {
                name.push(if self.rows.reversed { '▼' } else { '▲' });
                room = room.saturating_add(1).min(area.right().saturating_sub(x));
            }

            put(buffer, Rect { x, width: room, ..area }, &name, Modifier::BOLD.into());
            x = x.saturating_add(width + 2).min(area.right());
        }

        if left_out && x < area.right() {
            put(buffer, Rect { x, width: 1, ..area }, "…", Modifier::BOLD.into());
        }
        if bars > 0 {
            put(buffer, Rect { x: area.right() - BARS, width: BARS, ..area }, "TREND", Modifier::BOLD.into());
        }
    }

    fn draw_details(&mut self, buffer: &mut Buffer, area: Rect, now: Instant) {
        let block = Block::new().borders(if area.x > 0 { Borders::LEFT } else { Borders::TOP });
        let inside = block.inner(area);
        block.render(area, buffer);

        let bars = self.rows.selected().and_then(|row| {
            let history = self.known.get(&row.service.id)?.scores.get(row.endpoint)?;
            history.has_any().then(|| history.bars(inside.width.into(), now))
        });

        let height = if bars.is_some() && inside.height > 6 { 3 } else { 0 };
        let [text, picture] = Layout::vertical([Constraint::Min(0), Constraint::Length(height)]).areas(inside);
        let lines = details::lines(self, text.width.into(), now);
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(text.height);
        self.scrolled = self.scrolled.min(most);
        Paragraph::new(lines).scroll((self.scrolled, 0)).render(text, buffer);

        if let Some(bars) = bars {
            let bars = bars.into_iter().map(|score| score.map(u64::from));
            Sparkline::default().max(100).data(bars).render(picture, buffer);
        }
    }

    fn colored(&self, color: Color) -> Style {
        if self.page.color { Style::new().fg(color) } else { Style::new() }
    }
}

/// The score history of an endpoint, newest bar on the right.
fn trend(known: &LiveRow, endpoint: usize, bars: u16, now: Instant) -> String {
    if bars == 0 {
        return String::new();
    }
    let text = known.scores.get(endpoint).map(|history| history.text(BARS.into(), now)).unwrap_or_default();
    format!("{text:>width$}", width = usize::from(BARS))
}

/// The mark of a change and the style of its row; the mark alone is sufficient without colour.
fn mark_style(sign: Option<RowMark>, color: bool) -> (&'static str, Style) {
    match sign {
        None => (" ", Style::new()),
        Some(RowMark::Added) => ("+", change_style(color, Color::Green, Modifier::BOLD)),
        Some(RowMark::Updated) => ("~", change_style(color, Color::Yellow, Modifier::BOLD)),
        Some(RowMark::Removed) => ("-", change_style(color, Color::Red, Modifier::DIM)),
    }
}

fn change_style(color: bool, hue: Color, plain: Modifier) -> Style {
    if color { Style::new().fg(hue) } else { plain.into() }
}

/// The end of the text that fits, where the input cursor is.
fn end_of(text: &str, room: usize) -> &str {
    let mut ends = text.char_indices().map(|(at, _)| &text[at..]);
    ends.find(|end| end.width() <= room).unwrap_or_default()
}

/// Writes a text on one line, truncated with a mark if it is too long.
fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let room = usize::from(area.width);
    if text.width() <= room {
        buffer.set_stringn(area.x, area.y, text, room, style);
        return;
    }

    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used >= room
    });

    let cut = &text[..end.map_or(text.len(), |(at, _)| at)];
    let (x, _) = buffer.set_stringn(area.x, area.y, cut, room, style);
    buffer.set_stringn(x, area.y, "…", 1, style);
}
