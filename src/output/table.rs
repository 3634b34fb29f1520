//! Aligned columns, for people.
//!
//! On a terminal the table fits the width: long texts are truncated, addresses and numbers never. Columns without
//! room are dropped and marked by `…` in the header; columns requested by an option are dropped last. In a pipe
//! nothing is truncated, and a column is as wide as its widest cell, up to a limit where peers choose the text.
//! Listings of 20,000 rows are common there, so all cells share one string.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Row, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::{Footer, Format, RenderOptions};
use crate::model::{Address, Column, ColumnVisibility, Endpoint, Service};

pub(super) struct Table<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    cells: Cells,
}

/// The cells of a table, row by row.
pub(super) struct Cells {
    columns: Vec<&'static Column>,
    /// All cells, one after another.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<u32>,
    /// The widest cell of each column, in terminal characters; 0 if every cell is empty.
    widths: Vec<usize>,
}

/// The columns of every source.
const COMMON: [&str; 5] = ["PROTO", "ADDRESS", "SERVICE", "NAME", "NAMESPACE"];
/// The protocol: identified, or guessed from the port number.
const SERVICE: usize = 2;
/// The only common column that is dropped if it is empty.
const NAMESPACE: usize = 4;
/// Placeholder of an empty cell, so that columns can be counted.
const EMPTY: &str = "-";
const GAP: &str = "  ";

impl<'w> Table<'w> {
    pub(super) fn brief(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self::with(out, page, page.columns.iter().filter(|column| column.is_in_table(false)).collect()))
    }

    pub(super) fn wide(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self::with(out, page, page.columns.iter().filter(|column| column.is_in_table(true)).collect()))
    }

    fn with(out: &'w mut (dyn Write + Send), page: RenderOptions, columns: Vec<&'static Column>) -> Self {
        Self { out, page, cells: Cells::new(columns) }
    }
}

impl Cells {
    pub(super) fn new(columns: Vec<&'static Column>) -> Self {
        let widths = vec![0; COMMON.len() + columns.len()];
        Self { columns, text: String::new(), ends: Vec::new(), widths }
    }

    pub(super) fn row(
        &mut self,
        page: &RenderOptions,
        service: &Service,
        endpoint: Option<&Endpoint>,
    ) -> std::fmt::Result {
        use std::fmt::Write;

        self.text.push_str(endpoint.map_or("", |endpoint| endpoint.transport.as_str()));
        self.end_cell(0);
        if let Some(endpoint) = endpoint {
            write!(self.text, "{endpoint}")?;
            if matches!(&endpoint.address, Address::Unix(path) if path.is_lossy()) {
                self.text.push_str(" (not UTF-8)");
            }
        }
        self.end_cell(1);

        self.text.push_str(endpoint.map_or("", |endpoint| page.service(endpoint)));
        self.end_cell(2);

        if let Some(name) = &service.name {
            write!(self.text, "{name}")?;
        }
        self.end_cell(3);
        if let Some(namespace) = &service.namespace {
            write!(self.text, "{namespace}")?;
        }
        self.end_cell(NAMESPACE);

        for at in 0..self.columns.len() {
            (self.columns[at].cell)(service, endpoint, &mut self.text)?;
            self.end_cell(COMMON.len() + at);
        }
        Ok(())
    }

    fn end_cell(&mut self, column: usize) {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        self.widths[column] = self.widths[column].max(width(&self.text[start..]));
        // No machine has listeners for four gigabytes of text.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Columns to show: those that are always shown, and others with at least one non-empty cell.
    pub(super) fn shown(&self) -> Vec<usize> {
        (0..self.widths.len()).filter(|&at| self.widths[at] > 0 || self.is_always_shown(at)).collect()
    }

    fn is_always_shown(&self, column: usize) -> bool {
        self.source_column(column).map_or(column != NAMESPACE, |column| {
            matches!(column.shown, ColumnVisibility::Always | ColumnVisibility::Asked)
        })
    }

    pub(super) fn header(&self, column: usize) -> String {
        match COMMON.get(column) {
            Some(name) => (*name).to_owned(),
            None => self.columns[column - COMMON.len()].name.to_uppercase().replace('_', "-"),
        }
    }

    /// Each row, as a function from column to cell.
    fn rows<'s>(&'s self) -> impl Iterator<Item = impl Fn(usize) -> &'s str> {
        (0..self.ends.len() / self.widths.len()).map(move |row| move |column: usize| self.cell(row, column))
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        let at = row * self.widths.len() + column;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let cell = &self.text[start..self.ends[at] as usize];
        if cell.is_empty() { EMPTY } else { cell }
    }

    fn write_aligned(&self, out: &mut (dyn Write + Send)) -> io::Result<()> {
        let shown = self.shown();
        let headers: Vec<String> = shown.iter().map(|&column| self.header(column)).collect();
        let widths: Vec<usize> =
            shown.iter().zip(&headers).map(|(&column, header)| self.aligned_width(column).max(header.len())).collect();

        let mut row = String::new();
        line(&mut row, headers.iter().map(String::as_str), &widths);
        out.write_all(row.as_bytes())?;

        for cell in self.rows() {
            row.clear();
            line(&mut row, shown.iter().map(|&column| cell(column)), &widths);
            out.write_all(row.as_bytes())?;
        }
        Ok(())
    }

    /// The width that a column is aligned to: one long text from a peer must not widen every row.
    fn aligned_width(&self, column: usize) -> usize {
        match self.source_column(column) {
            Some(source) if source.shown == ColumnVisibility::Asked => self.widths[column].min(MAX_ALIGNED),
            _ => self.widths[column],
        }
    }

    fn write_fitted(&self, out: &mut (dyn Write + Send), width: u16, page: &RenderOptions) -> io::Result<()> {
        let all = self.shown();
        let spans: Vec<Span> = all.iter().map(|&column| self.span(column, page)).collect();
        let fitted = fit(&spans, width.into());
        let shown: Vec<usize> = fitted.iter().map(|&(at, _)| all[at]).collect();
        let left_out = all.len() > shown.len();

        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width.max(1)).set_truncation_indicator("…");
        let more = left_out.then(|| header_cell("…".to_owned(), page));
        let mut header = Row::from(
            shown.iter().map(|&column| header_cell(self.header(column), page)).chain(more).collect::<Vec<_>>(),
        );
        header.max_height(1);
        table.set_header(header);

        if page.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }

        for cell in self.rows() {
            let mut row = Row::from(shown.iter().map(|&column| Cell::new(cell(column))).collect::<Vec<_>>());
            row.max_height(1);
            table.add_row(row);
        }

        let last = shown.len() - usize::from(!left_out);
        for (at, column) in table.column_iter_mut().enumerate() {
            let gap = if at < last { GAP.len() } else { 0 };
            let wanted = fitted.get(at).map_or(1, |&(_, width)| width) + gap;
            column.set_padding((0, u16::try_from(gap).unwrap_or(0)));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(u16::try_from(wanted).unwrap_or(u16::MAX))));
        }

        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// The source's column; `None` for a common column.
    fn source_column(&self, column: usize) -> Option<&'static Column> {
        self.columns.get(column.checked_sub(COMMON.len())?).copied()
    }

    /// Columns that fit into `width` characters with their widths, and whether any had to be dropped.
    #[cfg(feature = "live")]
    pub(super) fn fitted(&self, width: usize, page: &RenderOptions) -> (Vec<(usize, usize)>, bool) {
        let all = self.shown();
        let spans: Vec<Span> = all.iter().map(|&column| self.span(column, page)).collect();

        let fitted: Vec<_> = fit(&spans, width).into_iter().map(|(at, width)| (all[at], width)).collect();
        let left_out = fitted.len() < all.len();
        (fitted, left_out)
    }

    /// The natural and the minimal width of a column, and when it is dropped.
    fn span(&self, column: usize, page: &RenderOptions) -> Span {
        let header = self.header(column).len();
        let natural = self.widths[column].max(header);
        let source = self.source_column(column);

        let cut = match source {
            Some(source) => source.cut,
            // Protocol, name and namespace can be truncated; an address only if it is a long path.
            None => column > 1 || natural > MAX_ADDRESS,
        };

        let goes = match (column, source) {
            (0 | 1, _) => DropOrder::Never,
            (SERVICE, _) if page.identified => DropOrder::Requested(usize::MAX - column),
            (_, Some(source)) if source.shown == ColumnVisibility::Asked => DropOrder::Requested(usize::MAX - column),
            (_, Some(source)) if source.shown == ColumnVisibility::Wide => DropOrder::First(usize::MAX - column),
            // A guess from the port number, and a name, which is usually the process's (but not within a namespace).
            (SERVICE, _) => DropOrder::Second(column),
            (3, _) if self.widths[NAMESPACE] == 0 => DropOrder::Second(column),
            _ => DropOrder::Last(usize::MAX - column),
        };

        let least = match goes {
            _ if column == 1 => MIN_PATH,
            DropOrder::Requested(_) => MIN_REQUESTED,
            _ => MIN_TEXT,
        };

        Span { natural, least: if cut { natural.min(header.max(least)) } else { natural }, goes }
    }
}

/// The width of a column, in characters.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Without truncation.
    natural: usize,
    /// Truncated as far as the cell stays useful.
    least: usize,
    goes: DropOrder,
}

/// When a column is dropped if the terminal is too narrow, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DropOrder {
    First(usize),
    Second(usize),
    Last(usize),
    Requested(usize),
    Never,
}

/// Minimal width of a truncated text.
const MIN_TEXT: usize = 8;
/// Minimal width of a truncated column that an option requested: holds most products with their versions.
const MIN_REQUESTED: usize = 24;
/// Alignment limit for text that peers choose: one long greeting must not widen every row.
const MAX_ALIGNED: usize = 48;
/// The longest IPv6 address with brackets and port, which is never truncated; longer addresses are paths.
const MAX_ADDRESS: usize = 47;
/// Minimal width of a truncated path.
const MIN_PATH: usize = 30;
/// Width of the header's mark for dropped columns, with the gap before it.
const MORE: usize = 3;

/// The columns that fit, and their widths. Spare room goes first to columns requested by an option, then from left to
/// right.
fn fit(spans: &[Span], width: usize) -> Vec<(usize, usize)> {
    let mut spans = spans.to_vec();
    let mut kept: Vec<usize> = (0..spans.len()).collect();
    while needed_width(&spans, &kept) > width {
        let next = kept.iter().copied().min_by_key(|&at| spans[at].goes);
        match next.map(|at| (at, spans[at].goes)) {
            None | Some((_, DropOrder::Never)) => break,
            // Half a product is better than none.
            Some((at, DropOrder::Requested(_))) if spans[at].least > MIN_TEXT => {
                let requested = spans.iter_mut().filter(|span| matches!(span.goes, DropOrder::Requested(_)));
                requested.for_each(|span| span.least = span.least.min(MIN_TEXT));
            }
            Some((goes, _)) => kept.retain(|&at| at != goes),
        }
    }

    let mut spare = width.saturating_sub(needed_width(&spans, &kept));
    let mut fitted: Vec<(usize, usize)> = kept.into_iter().map(|at| (at, spans[at].least)).collect();

    for requested in [true, false] {
        for (at, width) in
            fitted.iter_mut().filter(|(at, _)| matches!(spans[*at].goes, DropOrder::Requested(_)) == requested)
        {
            let more = spare.min(spans[*at].natural - spans[*at].least);
            spare -= more;
            *width += more;
        }
    }

    fitted
}

/// The width of the kept columns at their minimum, with gaps and the mark for dropped columns.
fn needed_width(spans: &[Span], kept: &[usize]) -> usize {
    let more = if kept.len() < spans.len() { MORE } else { 0 };
    kept.iter().map(|&at| spans[at].least).sum::<usize>() + GAP.len() * kept.len().saturating_sub(1) + more
}

fn header_cell(text: String, page: &RenderOptions) -> Cell {
    let cell = Cell::new(text);
    if page.color { cell.add_attribute(Attribute::Bold) } else { cell }
}

impl Format for Table<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        service.rows().try_for_each(|endpoint| self.cells.row(&self.page, service, endpoint).map_err(io::Error::other))
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        match self.page.width {
            _ if self.cells.ends.is_empty() => Ok(()),
            Some(width) => self.cells.write_fitted(self.out, width, &self.page),
            None => self.cells.write_aligned(self.out),
        }
    }
}

fn line<'c>(row: &mut String, cells: impl Iterator<Item = &'c str>, widths: &[usize]) {
    let mut pending = 0;
    for (i, (cell, wanted)) in cells.zip(widths).enumerate() {
        if i > 0 {
            pending += GAP.len();
        }
        // Spaces are written only before more text, so no line ends in them.
        row.extend(std::iter::repeat_n(' ', pending));
        row.push_str(cell);
        pending = wanted.saturating_sub(width(cell));
    }

    row.push('\n');
}

fn width(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: usize) -> Vec<(usize, usize)> {
        let spans = [
            (5, 5, DropOrder::Never),
            (15, 15, DropOrder::Never),
            (12, 8, DropOrder::Second(2)),
            (20, 8, DropOrder::Last(1)),
            (8, 8, DropOrder::First(0)),
        ];
        fit(&spans.map(|(natural, least, goes)| Span { natural, least, goes }), width)
    }

    #[test]
    fn columns_are_truncated_first_and_dropped_next() {
        assert_eq!(fitted(100), [(0, 5), (1, 15), (2, 12), (3, 20), (4, 8)], "there is room for everything");
        assert_eq!(fitted(60), [(0, 5), (1, 15), (2, 12), (3, 12), (4, 8)]);
        assert_eq!(fitted(52), [(0, 5), (1, 15), (2, 8), (3, 8), (4, 8)], "everything is as narrow as it may be");
        assert_eq!(fitted(51), [(0, 5), (1, 15), (2, 12), (3, 10)], "one goes, the others get its room");
        assert_eq!(fitted(40), [(0, 5), (1, 15), (3, 13)]);
        assert_eq!(fitted(1), [(0, 5), (1, 15)], "the first two always stay");
    }

    #[test]
    fn requested_columns_are_truncated_last() {
        let spans = [
            (5, 5, DropOrder::Never),
            (15, 15, DropOrder::Never),
            (10, 10, DropOrder::Requested(2)),
            (30, 24, DropOrder::Requested(1)),
            (20, 8, DropOrder::Last(0)),
        ];
        let spans = spans.map(|(natural, least, goes)| Span { natural, least, goes });
        assert_eq!(fit(&spans, 76), [(0, 5), (1, 15), (2, 10), (3, 30), (4, 8)], "the others are cut first");
        assert_eq!(fit(&spans, 69), [(0, 5), (1, 15), (2, 10), (3, 30)], "and go first");
        assert_eq!(fit(&spans, 50), [(0, 5), (1, 15), (2, 10), (3, 11)], "they are cut when all others are gone");
        assert_eq!(fit(&spans, 40), [(0, 5), (1, 15), (2, 10)], "the protocol outlasts the version");
        assert_eq!(fit(&spans, 20), [(0, 5), (1, 15)]);
    }
}
