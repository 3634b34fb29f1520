//! The rows of the table: one per endpoint, sorted and filtered.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::RenderOptions;
use super::super::table::Cells;
use super::{KeyPress, LiveRow, RowMark};
use crate::model::{Address, Column, Service, ServiceId, Transport};

/// A row at the time of the last `set`.
pub(super) struct Row {
    pub(super) service: Arc<Service>,
    /// Index of the endpoint.
    pub(super) endpoint: usize,
    pub(super) sign: Option<RowMark>,
    pub(super) changed: Vec<String>,
}

pub(super) struct Rows {
    columns: Vec<&'static Column>,
    /// The cells, in the order of `all`.
    pub(super) cells: Cells,
    all: Vec<Row>,
    /// Indexes of the visible rows, sorted.
    shown: Vec<usize>,
    /// Sort column; `None` sorts by port, transport and address.
    pub(super) sorted_by: Option<usize>,
    pub(super) reversed: bool,
    /// The row under the cursor.
    selected: Option<(ServiceId, usize)>,
    /// Its position in `shown`, now or before it disappeared.
    pub(super) cursor: usize,
    /// Rows that fitted at the last drawing, and the first visible one.
    pub(super) room: usize,
    pub(super) first: usize,
}

impl Rows {
    pub(super) fn new(columns: &'static [Column], wide: bool) -> Self {
        let columns: Vec<_> = columns.iter().filter(|column| column.is_in_table(wide)).collect();
        Self {
            cells: Cells::new(columns.clone()),
            columns,
            all: Vec::new(),
            shown: Vec::new(),
            sorted_by: None,
            reversed: false,
            selected: None,
            cursor: 0,
            room: 0,
            first: 0,
        }
    }

    /// Rebuilds the rows.
    pub(super) fn set(&mut self, page: &RenderOptions, known: &BTreeMap<ServiceId, LiveRow>, filter: &str) {
        self.cells = Cells::new(self.columns.clone());
        self.all.clear();
        for known in known.values() {
            for (number, endpoint) in known.service.rows().enumerate() {
                // Writing to a String cannot fail; a column that fails has an empty cell.
                let _ = self.cells.row(page, &known.service, endpoint);
                self.all.push(Row {
                    service: Arc::clone(&known.service),
                    endpoint: number,
                    sign: known.mark.map(|mark| mark.sign),
                    changed: known.changed.clone(),
                });
            }
        }

        self.filter(filter);
    }

    /// Keeps rows that contain every word of `filter` in some cell, ignoring case.
    pub(super) fn filter(&mut self, filter: &str) {
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        let columns = self.cells.shown();
        let rows = 0..self.all.len();
        self.shown = rows.filter(|&row| words.iter().all(|word| self.has_word(row, &columns, word))).collect();
        self.sort();
    }

    fn has_word(&self, row: usize, columns: &[usize], word: &str) -> bool {
        columns.iter().any(|&column| self.cells.cell(row, column).to_lowercase().contains(word))
    }

    fn sort(&mut self) {
        let Self { shown, cells, all, sorted_by, reversed, .. } = self;
        match *sorted_by {
            // Equal rows stay in the order of ids.
            None => shown.sort_by(|&a, &b| place(&all[a]).cmp(&place(&all[b]))),
            Some(column) => shown.sort_by(|&a, &b| natural(cells.cell(a, column), cells.cell(b, column))),
        }
        if *reversed {
            shown.reverse();
        }
        self.find_cursor();
    }

    /// Sorts by the next column; after the last one, by place.
    pub(super) fn sort_by_next(&mut self) {
        let columns = self.cells.shown();
        self.sorted_by = match self.sorted_by {
            None => columns.first().copied(),
            Some(now) => columns.into_iter().find(|&column| column > now),
        };
        self.sort();
    }

    pub(super) fn reverse(&mut self) {
        self.reversed = !self.reversed;
        self.sort();
    }

    /// Keeps the cursor on its row while the row exists, else at its position.
    fn find_cursor(&mut self) {
        let at = self.selected.as_ref().and_then(|(id, endpoint)| {
            let mut rows = self.shown.iter().map(|&row| &self.all[row]);
            rows.position(|row| row.endpoint == *endpoint && row.service.id == *id)
        });
        self.cursor = at.unwrap_or(self.cursor).min(self.shown.len().saturating_sub(1));
    }

    /// Moves the cursor.
    pub(super) fn move_cursor(&mut self, key: KeyPress) {
        let last = self.shown.len().saturating_sub(1);
        let page = self.room.saturating_sub(1).max(1);
        self.cursor = match key {
            KeyPress::Up | KeyPress::Letter('k') => self.cursor.saturating_sub(1),
            KeyPress::Down | KeyPress::Letter('j') => self.cursor + 1,
            KeyPress::PageUp => self.cursor.saturating_sub(page),
            KeyPress::PageDown => self.cursor + page,
            KeyPress::Home | KeyPress::Letter('g') => 0,
            KeyPress::End | KeyPress::Letter('G') => last,
            _ => return,
        }
        .min(last);
        self.pin_cursor();
    }

    /// Pins the cursor to the current row, wherever sorting moves it.
    pub(super) fn pin_cursor(&mut self) {
        self.selected = self.selected().map(|row| (row.service.id.clone(), row.endpoint));
    }

    /// The row under the cursor.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.shown.get(self.cursor).map(|&row| &self.all[row])
    }

    /// Number of all rows and of visible rows.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all.len(), self.shown.len())
    }

    /// The rows that fit into `room` lines, with their cell indexes; scrolls no more than the cursor needs.
    pub(super) fn visible(&mut self, room: usize) -> impl Iterator<Item = (usize, &Row)> {
        self.room = room;
        let last_first = self.shown.len().saturating_sub(room);
        self.first = self.first.min(self.cursor).max((self.cursor + 1).saturating_sub(room)).min(last_first);
        self.shown.iter().skip(self.first).take(room).map(|&row| (row, &self.all[row]))
    }
}

/// Sort key of the default order: by port.
fn place(row: &Row) -> (Option<u16>, Option<Transport>, Option<&Address>) {
    let endpoint = row.service.endpoints.get(row.endpoint);
    let port = endpoint.and_then(|endpoint| endpoint.port);
    (port, endpoint.map(|endpoint| endpoint.transport), endpoint.map(|endpoint| &endpoint.address))
}

/// Natural order: `a9` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((number_a, rest_a), (number_b, rest_b)) = (leading_number(a), leading_number(b));
        let order = match (number_a, number_b) {
            (Some(one), Some(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            _ => a.chars().next().cmp(&b.chars().next()),
        };
        if order != Ordering::Equal || a.is_empty() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The leading digits without leading zeros, and the rest; without digits, skips one character.
fn leading_number(text: &str) -> (Option<&str>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        let mut chars = text.chars();
        chars.next();
        return (None, chars.as_str());
    }
    (Some(text[..digits].trim_start_matches('0')), &text[digits..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut words = ["a10", "a9", "", "b", "a", "10", "9", "1.10.1", "1.9.1", "é", "a09b"];
        words.sort_by(|a, b| natural(a, b));
        assert_eq!(words, ["", "1.9.1", "1.10.1", "9", "10", "a", "a9", "a09b", "a10", "b", "é"]);
    }
}
