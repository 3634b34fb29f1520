//! Aligned columns, for people.
//!
//! On a terminal the table fits the width: long texts are truncated, addresses and numbers never. Columns without
//! room are hidden, the least important first; `…` in the header marks that, and a note below names them. In a pipe
//! nothing is truncated, and a column is as wide as its widest cell, up to a limit where peers choose the text.
//! Listings of 20,000 rows are common there, so all cells share one string.

mod cells;
mod field;
mod fit;
mod layout;
mod tone;
mod tree;

use std::io::{self, Write};

pub(super) use self::cells::{Cells, truncated};
pub(crate) use self::field::Field;
pub(crate) use self::layout::TableLayout;
use self::tone::{BOLD, tone};
pub(super) use self::tone::{change_tone, toned};
use self::tree::ProcessTree;
use super::{Footer, Format, RenderOptions};
use crate::model::Service;

pub(super) struct Table<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    layout: TableLayout,
    cells: Cells,
    /// The heading of each row, with --group-by.
    groups: Vec<String>,
    /// The place of each row, with --tree.
    tree: Option<ProcessTree>,
}

/// A line of a table: a heading, or a row with the text before its cells.
pub(super) struct TableLine {
    /// What stands before the cells.
    lead: String,
    row: Option<usize>,
}

const GAP: &str = "  ";
/// The indent of rows below a heading.
const INDENT: &str = "  ";

impl<'w> Table<'w> {
    pub(super) fn brief(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self::laid_out(out, page, false, TableLayout::default()))
    }

    pub(super) fn wide(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self::laid_out(out, page, true, TableLayout::default()))
    }

    /// A table with the columns and groups of a layout.
    pub(super) fn laid_out(
        out: &'w mut (dyn Write + Send),
        page: RenderOptions,
        wide: bool,
        layout: TableLayout,
    ) -> Self {
        let chosen = !layout.columns.is_empty();
        let cells = if chosen {
            Cells::chosen(layout.columns.clone())
        } else {
            Cells::new(page.columns.iter().filter(|column| column.is_in_table(wide)).collect())
        };
        let tree = layout.tree.then(ProcessTree::default);
        Self { out, page, layout, cells, groups: Vec::new(), tree }
    }

    /// The lines in their order, and the columns that are not repeated in each row.
    fn lines(&mut self) -> (Vec<TableLine>, Vec<usize>) {
        let mut columns = self.cells.shown();
        if let Some(tree) = &self.tree {
            if self.layout.columns.is_empty() {
                columns.retain(|&column| !self.cells.field(column).is_of_process());
            }
            return (tree.lines(), columns);
        }
        if let Some(group) = self.layout.group_by {
            columns.retain(|&column| self.cells.field(column) != group);
            return (self.grouped(), columns);
        }
        let rows = (0..self.cells.len()).map(|row| TableLine { lead: String::new(), row: Some(row) });
        (rows.collect(), columns)
    }

    /// A heading for each group, in the order of the first rows.
    fn grouped(&self) -> Vec<TableLine> {
        let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (row, group) in self.groups.iter().enumerate() {
            let place = *places.entry(group.as_str()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((group, vec![row])),
            }
        }

        let mut lines = Vec::new();
        for (group, rows) in groups {
            let name = if group.is_empty() { "none" } else { group };
            lines.push(TableLine { lead: format!("{name} ({})", rows.len()), row: None });
            lines.extend(rows.into_iter().map(|row| TableLine { lead: INDENT.to_owned(), row: Some(row) }));
        }
        lines
    }

    fn write(&mut self) -> io::Result<()> {
        let (lines, columns) = self.lines();
        // Headings of groups may be longer than the indent of their rows.
        let lead = lines.iter().filter(|line| line.row.is_some() || self.tree.is_some());
        let lead = lead.map(|line| cells::width(&line.lead)).max().unwrap_or_default();
        let lead_gap = if self.tree.is_some() { GAP } else { "" };

        let fitted = match self.page.width {
            Some(width) => {
                let room = usize::from(width).saturating_sub(lead + lead_gap.len());
                let columns =
                    if self.layout.columns.is_empty() { self.cells.without_repeated(columns) } else { columns };
                let (fitted, hidden) = self.cells.fit(&columns, room, &self.page);
                self.layout.note_hidden(hidden.iter().map(|&column| self.cells.header(column)).collect());
                fitted
            }
            None => columns.iter().map(|&column| (column, self.cells.aligned_width(column))).collect(),
        };

        let mut text = String::new();
        let color = self.page.color;
        if self.layout.headers {
            let first = if self.tree.is_some() { "PROCESS" } else { "" };
            let mut header = LineWriter { line: &mut text, pending: 0, color };
            header.cell(first, lead, Some(BOLD), "");
            for (at, &(column, width)) in fitted.iter().enumerate() {
                let gap = if at == 0 { lead_gap } else { GAP };
                header.cell(&self.cells.header(column), width, Some(BOLD), gap);
            }
            if self.page.width.is_some() && self.layout.has_hidden() {
                header.cell("…", 1, Some(BOLD), GAP);
            }
            text.push('\n');
            self.out.write_all(text.as_bytes())?;
        }

        for line in &lines {
            text.clear();
            let mut writer = LineWriter { line: &mut text, pending: 0, color };
            let lead_tone = line.row.is_none().then_some(BOLD);
            writer.cell(&line.lead, if line.row.is_some() { lead } else { 0 }, lead_tone, "");
            for (at, &(column, width)) in fitted.iter().enumerate() {
                let Some(row) = line.row else { break };
                let cell = self.cells.cell(row, column);
                let gap = if at == 0 { lead_gap } else { GAP };
                let is_cut = self.page.width.is_some() && cells::width(cell) > width;
                let shown = if is_cut { truncated(cell, width) } else { cell.into() };
                writer.cell(&shown, width, tone(self.cells.field(column).name(), cell), gap);
            }
            text.push('\n');
            self.out.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

/// Writes cells with the gaps between them; no line ends in blanks.
struct LineWriter<'l> {
    line: &'l mut String,
    /// Blanks that are owed to the cells before.
    pending: usize,
    color: bool,
}

impl LineWriter<'_> {
    fn cell(&mut self, cell: &str, width: usize, tone: Option<&str>, gap: &str) {
        self.pending += gap.len();
        let used = cells::width(cell);
        if used > 0 {
            self.line.extend(std::iter::repeat_n(' ', self.pending));
            self.line.push_str(&toned(cell, tone.filter(|_| self.color)));
            self.pending = 0;
        }
        self.pending += width.saturating_sub(used);
    }
}

impl Format for Table<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in service.rows() {
            self.cells.row(&self.page, service, endpoint).map_err(io::Error::other)?;
            if let Some(field) = self.layout.group_by {
                let mut group = String::new();
                field.write(&self.page, service, endpoint, &mut group).map_err(io::Error::other)?;
                self.groups.push(group);
            }
            if let Some(tree) = &mut self.tree {
                tree.add(service);
            }
        }
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        if self.cells.len() == 0 { Ok(()) } else { self.write() }
    }
}
