//! The rows of the table: one per endpoint, sorted and filtered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::RenderOptions;
use super::super::table::{Cells, Field, ProcessTree, TableLine};
use super::order::{Row, natural, place};
use super::{KeyPress, LiveRow};
use crate::model::{Column, LocalDetail, OwnerLookup, ServiceId};

pub(super) struct Rows {
    /// The columns of the source that the format shows.
    columns: Vec<&'static Column>,
    /// The columns that the user chose; `None`: those that the format shows.
    chosen: Option<Vec<Field>>,
    /// The cells, in the order of `all`.
    pub(super) cells: Cells,
    all: Vec<Row>,
    /// The visible lines, sorted. Only the tree has lines without a row: processes.
    lines: Vec<TableLine>,
    /// The number of visible rows.
    shown: usize,
    /// Sort column; `None` sorts by port, transport and address.
    pub(super) sorted_by: Option<Field>,
    pub(super) reversed: bool,
    /// Whether the rows stand below their processes.
    pub(super) tree: bool,
    /// The row under the cursor.
    selected: Option<(ServiceId, usize)>,
    /// Its position in `lines`, now or before it disappeared.
    pub(super) cursor: usize,
    /// Lines that fitted at the last drawing, and the first visible one.
    pub(super) room: usize,
    pub(super) first: usize,
}

impl Rows {
    pub(super) fn new(columns: &'static [Column], wide: bool) -> Self {
        let columns: Vec<_> = columns.iter().filter(|column| column.is_in_table(wide)).collect();
        Self {
            cells: Cells::new(columns.clone()),
            columns,
            chosen: None,
            all: Vec::new(),
            lines: Vec::new(),
            shown: 0,
            sorted_by: None,
            reversed: false,
            tree: false,
            selected: None,
            cursor: 0,
            room: 0,
            first: 0,
        }
    }

    /// Rebuilds the rows.
    pub(super) fn set(&mut self, page: &RenderOptions, known: &BTreeMap<ServiceId, LiveRow>, filter: &str) {
        self.all.clear();
        for known in known.values() {
            for endpoint in 0..known.service.rows().count() {
                self.all.push(Row {
                    service: Arc::clone(&known.service),
                    endpoint,
                    sign: known.mark.map(|mark| mark.sign),
                    changed: known.changed.clone(),
                });
            }
        }

        self.fill(page, filter);
    }

    /// Shows other columns of the same rows.
    pub(super) fn choose(&mut self, chosen: Option<Vec<Field>>, page: &RenderOptions, filter: &str) {
        self.chosen = chosen;
        self.fill(page, filter);
    }

    fn fill(&mut self, page: &RenderOptions, filter: &str) {
        self.cells = match &self.chosen {
            Some(chosen) => Cells::chosen(chosen.clone()),
            None => Cells::new(self.columns.clone()),
        };
        for row in &self.all {
            // Writing to a String cannot fail; a column that fails has an empty cell.
            let _ = self.cells.row(page, &row.service, row.service.endpoints.get(row.endpoint));
        }
        self.filter(filter);
    }

    /// Keeps rows that contain every word of `filter` in some cell, ignoring case.
    pub(super) fn filter(&mut self, filter: &str) {
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        let columns = self.cells.shown();
        let rows = 0..self.all.len();
        let shown = rows.filter(|&row| words.iter().all(|word| self.has_word(row, &columns, word))).collect();
        self.sort(shown);
    }

    fn has_word(&self, row: usize, columns: &[usize], word: &str) -> bool {
        columns.iter().any(|&column| self.cells.cell(row, column).to_lowercase().contains(word))
    }

    fn sort(&mut self, mut shown: Vec<usize>) {
        let Self { cells, all, sorted_by, reversed, .. } = self;
        match sorted_by.and_then(|field| cells.place(field)) {
            // Equal rows stay in the order of ids.
            None => shown.sort_by(|&a, &b| place(&all[a]).cmp(&place(&all[b]))),
            Some(column) => shown.sort_by(|&a, &b| natural(cells.cell(a, column), cells.cell(b, column))),
        }
        if *reversed {
            shown.reverse();
        }

        self.shown = shown.len();
        self.lines = if self.tree { self.tree_of(&shown) } else { shown.into_iter().map(TableLine::of_row).collect() };
        self.find_cursor();
    }

    /// Sorts the visible rows again.
    fn sort_again(&mut self) {
        let mut shown: Vec<usize> = self.lines.iter().filter_map(|line| line.row).collect();
        // Equal rows stay in the order of ids.
        shown.sort_unstable();
        self.sort(shown);
    }

    fn tree_of(&self, shown: &[usize]) -> Vec<TableLine> {
        let mut tree = ProcessTree::default();
        for &row in shown {
            tree.add(&self.all[row].service);
        }

        let mut lines = tree.lines();
        for line in &mut lines {
            line.row = line.row.map(|place| shown[place]);
        }
        lines
    }

    /// Sorts by this column; `None`: by port.
    pub(super) fn sort_by(&mut self, field: Option<Field>) {
        self.sorted_by = field;
        self.sort_again();
    }

    /// Sorts by the column beside the current one; beyond the last and the first one, by port.
    pub(super) fn sort_by_neighbour(&mut self, is_right: bool) {
        let fields: Vec<Field> = self.cells.shown().into_iter().map(|column| self.cells.field(column)).collect();
        let now = self.sorted_by.and_then(|field| fields.iter().position(|other| *other == field));

        let next = match (now, is_right) {
            (None, true) => Some(0),
            (None, false) => fields.len().checked_sub(1),
            (Some(now), true) => Some(now + 1),
            (Some(now), false) => now.checked_sub(1),
        };
        self.sort_by(next.and_then(|next| fields.get(next).copied()));
    }

    pub(super) fn reverse(&mut self) {
        self.reversed = !self.reversed;
        self.sort_again();
    }

    /// Shows the rows below their processes, or as a table again.
    pub(super) fn toggle_tree(&mut self) {
        self.tree = !self.tree;
        self.sort_again();
    }

    /// Whether any row may have a process.
    pub(super) fn has_processes(&self) -> bool {
        self.all.iter().any(|row| row.service.detail.downcast_ref::<LocalDetail>().is_some())
    }

    /// The number of rows whose owner needs a permission to be known.
    pub(super) fn hidden_owners(&self) -> usize {
        let is_hidden = |row: &&Row| {
            let detail: Option<&LocalDetail> = row.service.detail.downcast_ref();
            detail.is_some_and(|detail| detail.owner == OwnerLookup::NoPermission)
        };
        self.all.iter().filter(is_hidden).count()
    }

    /// Keeps the cursor on its row while the row exists, else at its position.
    fn find_cursor(&mut self) {
        let at = self.selected.as_ref().and_then(|(id, endpoint)| {
            let mut rows = self.lines.iter().map(|line| line.row.map(|row| &self.all[row]));
            rows.position(|row| row.is_some_and(|row| row.endpoint == *endpoint && row.service.id == *id))
        });
        self.cursor = self.nearest_row(at.unwrap_or(self.cursor), true);
    }

    /// The line with a row that is the nearest to `line`, first looked for in one direction.
    fn nearest_row(&self, line: usize, is_down: bool) -> usize {
        let line = line.min(self.lines.len().saturating_sub(1));
        let has_row = |at: &usize| self.lines.get(*at).is_some_and(|line| line.row.is_some());
        let below = || (line..self.lines.len()).find(has_row);
        let above = || (0..=line).rev().find(has_row);
        let nearest = if is_down { below().or_else(above) } else { above().or_else(below) };
        nearest.unwrap_or_default()
    }

    /// Moves the cursor.
    pub(super) fn move_cursor(&mut self, key: KeyPress) {
        let page = self.room.saturating_sub(1).max(1);
        let (line, is_down) = match key {
            KeyPress::Up | KeyPress::Letter('k') => (self.cursor.saturating_sub(1), false),
            KeyPress::Down | KeyPress::Letter('j') => (self.cursor + 1, true),
            KeyPress::PageUp => (self.cursor.saturating_sub(page), false),
            KeyPress::PageDown => (self.cursor + page, true),
            KeyPress::Home | KeyPress::Letter('g') => (0, true),
            KeyPress::End | KeyPress::Letter('G') => (usize::MAX, false),
            _ => return,
        };
        self.cursor = self.nearest_row(line, is_down);
        self.pin_cursor();
    }

    /// Moves the cursor to a visible line.
    pub(super) fn select(&mut self, visible: usize) {
        let line = self.first + visible;
        if line < self.lines.len() {
            self.cursor = self.nearest_row(line, true);
            self.pin_cursor();
        }
    }

    /// Pins the cursor to the current row, wherever sorting moves it.
    pub(super) fn pin_cursor(&mut self) {
        self.selected = self.selected().map(|row| (row.service.id.clone(), row.endpoint));
    }

    fn selected_number(&self) -> Option<usize> {
        self.lines.get(self.cursor)?.row
    }

    /// The row under the cursor.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.selected_number().map(|row| &self.all[row])
    }

    /// The cells of the row under the cursor.
    pub(super) fn selected_cells(&self) -> Option<Vec<&str>> {
        let row = self.selected_number()?;
        Some(self.cells.shown().into_iter().map(|column| self.cells.cell(row, column)).collect())
    }

    /// Number of all rows and of visible rows.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all.len(), self.shown)
    }

    /// The widest text before the rows, in characters: 0 without a tree.
    pub(super) fn lead_width(&self) -> usize {
        self.lines.iter().map(|line| line.lead.chars().count()).max().unwrap_or_default()
    }

    /// Scrolls no more than the cursor needs, for `room` lines.
    pub(super) fn scroll(&mut self, room: usize) {
        self.room = room;
        let last_first = self.lines.len().saturating_sub(room);
        self.first = self.first.min(self.cursor).max((self.cursor + 1).saturating_sub(room)).min(last_first);
    }

    /// The lines that fitted at the last `scroll`, with their rows.
    pub(super) fn visible(&self) -> impl Iterator<Item = (&TableLine, Option<&Row>)> {
        let lines = self.lines.iter().skip(self.first).take(self.room);
        lines.map(|line| (line, line.row.map(|row| &self.all[row])))
    }
}
