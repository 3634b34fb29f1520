//! The cells of a table, row by row.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[cfg(feature = "live")]
use super::GAP;
use super::field::{COMMON, Field};
use super::fit::{Span, fit};
use crate::model::{Column, ColumnVisibility, Endpoint, Service};
use crate::output::RenderOptions;

pub(in crate::output) struct Cells {
    columns: Vec<Field>,
    /// Whether people chose the columns: then all of them are shown.
    chosen: bool,
    /// All cells, one after another.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<u32>,
    /// The widest cell of each column, in terminal characters; 0 if every cell is empty.
    widths: Vec<usize>,
}

/// Placeholder of an empty cell, so that columns can be counted.
const EMPTY: &str = "-";
/// Minimal width of the last column that is shown where people scroll.
#[cfg(feature = "live")]
const MIN_CUT: usize = 4;
/// Alignment limit for text that peers choose: one long greeting must not widen every row.
const MAX_ALIGNED: usize = 48;

impl Cells {
    /// The common columns, and those of the source.
    pub(in crate::output) fn new(columns: Vec<&'static Column>) -> Self {
        Self::of(COMMON.into_iter().chain(columns.into_iter().map(Field::Of)).collect(), false)
    }

    /// Columns that were chosen.
    pub(in crate::output) fn chosen(columns: Vec<Field>) -> Self {
        Self::of(columns, true)
    }

    fn of(columns: Vec<Field>, chosen: bool) -> Self {
        let widths = vec![0; columns.len()];
        Self { columns, chosen, text: String::new(), ends: Vec::new(), widths }
    }

    pub(in crate::output) fn row(
        &mut self,
        page: &RenderOptions,
        service: &Service,
        endpoint: Option<&Endpoint>,
    ) -> std::fmt::Result {
        for at in 0..self.columns.len() {
            self.columns[at].write(page, service, endpoint, &mut self.text)?;
            self.end_cell(at);
        }
        Ok(())
    }

    fn end_cell(&mut self, column: usize) {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        self.widths[column] = self.widths[column].max(width(&self.text[start..]));
        // No machine has listeners for four gigabytes of text.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.ends.len().checked_div(self.columns.len()).unwrap_or_default()
    }

    pub(in crate::output) fn field(&self, column: usize) -> Field {
        self.columns[column]
    }

    /// Columns to show: those that are always shown, and others with at least one non-empty cell.
    pub(in crate::output) fn shown(&self) -> Vec<usize> {
        (0..self.widths.len()).filter(|&at| self.widths[at] > 0 || self.is_always_shown(at)).collect()
    }

    fn is_always_shown(&self, column: usize) -> bool {
        self.chosen
            || match self.columns[column] {
                Field::Of(column) => matches!(column.shown, ColumnVisibility::Always | ColumnVisibility::Asked),
                field => field != Field::Namespace,
            }
    }

    pub(in crate::output) fn header(&self, column: usize) -> String {
        self.columns[column].name().to_uppercase().replace('_', "-")
    }

    pub(in crate::output) fn cell(&self, row: usize, column: usize) -> &str {
        let cell = self.raw(row, column);
        if cell.is_empty() { EMPTY } else { cell }
    }

    fn raw(&self, row: usize, column: usize) -> &str {
        let at = row * self.widths.len() + column;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[at] as usize]
    }

    /// The columns without a name that is empty, or only repeats the process, in every row.
    pub(super) fn without_repeated(&self, mut columns: Vec<usize>) -> Vec<usize> {
        let place = |name: &str| self.columns.iter().position(|field| field.name() == name);
        let (Some(name), process) = (place("name"), place("process")) else { return columns };
        let repeats = (0..self.len()).all(|row| {
            let name = self.raw(row, name);
            name.is_empty() || process.is_some_and(|process| name == self.raw(row, process))
        });
        columns.retain(|&column| !(repeats && column == name));
        columns
    }

    /// The width that a column is aligned to where nothing is truncated.
    pub(super) fn aligned_width(&self, column: usize) -> usize {
        let cells = self.widths[column].max(usize::from(self.len() > 0));
        let widest = match self.columns[column] {
            Field::Of(source) if source.shown == ColumnVisibility::Asked => cells.min(MAX_ALIGNED),
            _ => cells,
        };
        widest.max(self.columns[column].name().len())
    }

    /// The columns that fit into `room` characters with their widths, and those that do not.
    pub(super) fn fit(
        &self,
        columns: &[usize],
        room: usize,
        page: &RenderOptions,
    ) -> (Vec<(usize, usize)>, Vec<usize>) {
        let spans: Vec<Span> = columns.iter().enumerate().map(|(at, &column)| self.span(column, at, page)).collect();
        let fitted: Vec<(usize, usize)> =
            fit(&spans, room).into_iter().filter_map(|(at, width)| Some((*columns.get(at)?, width))).collect();
        let hidden =
            columns.iter().copied().filter(|column| !fitted.iter().any(|(fitted, _)| fitted == column)).collect();
        (fitted, hidden)
    }

    /// The place of a field among the columns.
    #[cfg(feature = "live")]
    pub(in crate::output) fn place(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|other| *other == field)
    }

    /// The columns of a table that people can scroll, from left to right; `tree`: without those that a tree repeats.
    #[cfg(feature = "live")]
    pub(in crate::output) fn movable(&self, tree: bool) -> Vec<usize> {
        let mut columns = self.shown();
        if !self.chosen {
            columns = self.without_repeated(columns);
            columns.retain(|&column| !(tree && self.columns[column].is_of_process()));
        }
        columns
    }

    /// The columns that fit into `room` characters with their widths, and whether any had to be hidden. Without
    /// `skipped` columns the most valuable ones are shown; else those from there on, beside the address.
    #[cfg(feature = "live")]
    pub(in crate::output) fn fitted(
        &self,
        columns: &[usize],
        skipped: usize,
        (room, page): (usize, &RenderOptions),
    ) -> (Vec<(usize, usize)>, bool) {
        if skipped == 0 {
            let (fitted, hidden) = self.fit(columns, room, page);
            return (fitted, !hidden.is_empty());
        }

        let is_address = |column: &usize| self.columns[*column] == Field::Address;
        let fixed = columns.iter().copied().filter(is_address);
        let others = columns.iter().copied().filter(|column| !is_address(column)).skip(skipped);
        let order: Vec<usize> = fixed.chain(others).collect();
        let mut fitted = Vec::new();
        let mut used = 0;

        for &column in &order {
            let natural = self.widths[column].max(self.columns[column].name().len());
            let left = room.saturating_sub(used);
            // A text is cut, but not to nothing.
            if natural > left && left < MIN_CUT && !fitted.is_empty() {
                break;
            }
            fitted.push((column, natural.min(left)));
            used += natural + GAP.len();
        }
        let is_more = fitted.len() < order.len();
        (fitted, is_more)
    }

    fn span(&self, column: usize, place: usize, page: &RenderOptions) -> Span {
        let is_filled =
            |name: &str| self.columns.iter().zip(&self.widths).any(|(field, width)| field.name() == name && *width > 0);
        let is_named = is_filled("namespace") || is_filled("name") && !is_filled("process");
        let natural = self.widths[column].max(self.columns[column].name().len());
        Span::of(self.columns[column], natural, place, page.identified, is_named, self.chosen)
    }
}

/// The width of a text on a terminal.
pub(super) fn width(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.width() }
}

/// A text of at most `room` characters, its cut marked by `…`.
pub(in crate::output) fn truncated(cell: &str, room: usize) -> std::borrow::Cow<'_, str> {
    if width(cell) <= room {
        return cell.into();
    }
    let mut used = 0;
    let mut text = String::new();

    for c in cell.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > room {
            break;
        }
        text.push(c);
    }
    text.push('…');

    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_the_width_of_a_terminal() {
        assert_eq!(truncated("abc", 3), "abc");
        assert_eq!(truncated("abcd", 3), "ab…");
        assert_eq!(truncated("日本語", 5), "日本…");
        assert_eq!(truncated("日本語", 4), "日…");
    }
}
