//! Drawing the table, and where the mouse finds its rows and columns.

use std::ops::Range;
use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::super::table::{BAD, DOUBTFUL, FAINT, Field, GOOD, TableLine, tone};
use super::order::Row;
use super::text::put;
use super::{LiveRow, RowMark, View};

/// Cursor, change mark and a space.
const GUTTER: u16 = 3;
/// Bars of the score history in the table, if the table is at least `MIN_WIDTH_BARS` wide.
const BARS: u16 = 10;
const MIN_WIDTH_BARS: u16 = 100;
/// Characters between two columns.
const GAP: u16 = 2;

/// What the latest drawing has where.
#[derive(Default)]
pub(super) struct Places {
    /// The lines below the header.
    lines: Rect,
    header: u16,
    /// The columns of the screen that each header takes.
    columns: Vec<(Range<u16>, Field)>,
    pub(super) details: Option<Rect>,
}

/// What the lines of one drawing have in common.
struct Grid {
    /// The columns with their widths.
    columns: Vec<(usize, u16)>,
    /// The width before the first column: of the tree.
    lead: u16,
    /// Whether columns were left out on the right.
    is_cut: bool,
    /// The width of the score history, with the gap before it.
    bars: u16,
    now: Instant,
}

impl Places {
    /// Whether the rows show this column.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|(_, field)| field.name() == name)
    }

    pub(super) fn is_in_details(&self, x: u16, y: u16) -> bool {
        self.details.is_some_and(|area| area.contains((x, y).into()))
    }

    /// The column whose header is there.
    pub(super) fn header_at(&self, x: u16, y: u16) -> Option<Field> {
        let column = self.columns.iter().find(|(columns, _)| y == self.header && columns.contains(&x));
        column.map(|(_, field)| *field)
    }

    /// The number of the visible line that is there.
    pub(super) fn line_at(&self, x: u16, y: u16) -> Option<usize> {
        self.lines.contains((x, y).into()).then(|| usize::from(y - self.lines.y))
    }
}

impl View {
    pub(super) fn draw_table(&mut self, buffer: &mut Buffer, area: Rect, now: Instant) {
        self.places = Places::default();
        if area.height == 0 || area.width <= GUTTER {
            return;
        }

        self.rows.scroll(usize::from(area.height - 1));
        let grid = self.grid(area, now);
        self.draw_header(buffer, Rect { height: 1, ..area }, &grid);

        let lines = Rect { y: area.y + 1, height: area.height - 1, ..area };
        self.places.lines = lines;
        for (y, (line, row)) in (lines.top()..lines.bottom()).zip(self.rows.visible()) {
            let area = Rect { y, height: 1, ..area };
            self.draw_line(buffer, area, (line, row), &grid);
            if self.rows.first + usize::from(y - lines.y) == self.rows.cursor {
                put(buffer, area, ">", Style::new());
                buffer.set_style(area, Style::from(Modifier::REVERSED));
            }
        }
    }

    /// The columns that fit.
    fn grid(&mut self, area: Rect, now: Instant) -> Grid {
        let bars = if self.has_scores() && area.width >= MIN_WIDTH_BARS { BARS + GAP } else { 0 };
        let room = area.width - GUTTER - bars;
        let lead = match u16::try_from(self.rows.lead_width()).unwrap_or(u16::MAX) {
            0 => 0,
            width => (width + GAP).min(room / 2),
        };

        let movable = self.rows.cells.movable(self.rows.tree);
        self.skipped = self.skipped.min(movable.len().saturating_sub(2));
        let (columns, is_cut) = self.rows.cells.fitted(&movable, self.skipped, (usize::from(room - lead), &self.page));
        let columns =
            columns.into_iter().map(|(column, width)| (column, u16::try_from(width).unwrap_or(u16::MAX))).collect();
        Grid { columns, lead, is_cut, bars, now }
    }

    fn draw_header(&mut self, buffer: &mut Buffer, area: Rect, grid: &Grid) {
        let bold = Style::from(Modifier::BOLD);
        self.places.header = area.y;
        if self.skipped > 0 {
            put(buffer, Rect { width: 1, ..area }, "‹", bold);
        }

        let mut x = area.x + GUTTER;
        if grid.lead > 0 {
            put(buffer, Rect { x, width: grid.lead, ..area }, "PROCESS", bold);
            x += grid.lead;
        }
        for &(column, width) in &grid.columns {
            let field = self.rows.cells.field(column);
            let mut name = self.rows.cells.header(column);
            let width = width.min(area.right().saturating_sub(x));
            // The sort mark may use the gap behind the column.
            let mut room = width;
            if self.rows.sorted_by == Some(field) {
                name.push(if self.rows.reversed { '▼' } else { '▲' });
                room = room.saturating_add(1).min(area.right().saturating_sub(x));
            }

            put(buffer, Rect { x, width: room, ..area }, &name, bold);
            self.places.columns.push((x..x + room, field));
            x = x.saturating_add(width + GAP).min(area.right());
        }

        if grid.is_cut {
            // Also where the last column ends at the edge.
            let x = x.min(area.right() - 1 - grid.bars);
            put(buffer, Rect { x, width: 1, ..area }, "…", bold);
        }
        if grid.bars > 0 {
            put(buffer, Rect { x: area.right() - BARS, width: BARS, ..area }, "TREND", bold);
        }
    }

    fn draw_line(&self, buffer: &mut Buffer, area: Rect, (line, row): (&TableLine, Option<&Row>), grid: &Grid) {
        let mut x = area.x + GUTTER;
        let (Some(row), Some(number)) = (row, line.row) else {
            put(buffer, Rect { x, width: area.right() - x, ..area }, &line.lead, Modifier::BOLD.into());
            return;
        };

        let (letter, style) = mark_style(row.sign, self.page.color);
        put(buffer, Rect { x: area.x + 1, width: area.width - 1, ..area }, letter, style);
        put(buffer, Rect { x, width: grid.lead, ..area }, &line.lead, Style::new());
        x += grid.lead;

        for &(column, width) in &grid.columns {
            let width = width.min(area.right().saturating_sub(x));
            let cell = self.rows.cells.cell(number, column);
            // What is gone has no state any more.
            let tone = tone(self.rows.cells.field(column).name(), cell).filter(|_| row.sign != Some(RowMark::Removed));
            let style = tone.map_or(style, |tone| tone_style(tone, self.page.color));
            put(buffer, Rect { x, width, ..area }, cell, style);
            x = x.saturating_add(width + GAP).min(area.right());
        }

        if grid.bars > 0 {
            let known = self.known.get(&row.service.id);
            let trend = known.map(|known| trend(known, row.endpoint, grid.now)).unwrap_or_default();
            put(buffer, Rect { x: area.right() - BARS, width: BARS, ..area }, &trend, style);
        }
    }
}

/// The score history of an endpoint, newest bar on the right.
fn trend(known: &LiveRow, endpoint: usize, now: Instant) -> String {
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

/// The same colours as in a listing.
fn tone_style(tone: &str, color: bool) -> Style {
    if !color {
        return Style::new();
    }
    match tone {
        GOOD => Style::new().fg(Color::Green),
        DOUBTFUL => Style::new().fg(Color::Yellow),
        BAD => Style::new().fg(Color::Red),
        FAINT => Modifier::DIM.into(),
        _ => Style::new(),
    }
}
