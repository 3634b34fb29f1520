//! Aligned columns, for people.
//!
//! On a terminal the table fits the width: long texts are truncated, addresses and numbers never. Columns without
//! room are hidden, the least important first; `…` in the header marks that, and a note below names them. In a pipe
//! nothing is truncated, and a column is as wide as its widest cell, up to a limit where peers choose the text.
//! Listings of 20,000 rows are common there, so all cells share one string.

mod cells;
mod counts;
mod field;
mod fit;
mod layout;
mod link;
mod tone;
mod tree;

use std::io::{self, Write};

pub(super) use self::cells::{Cells, truncated};
#[cfg(feature = "live")]
pub(super) use self::field::COMMON;
pub(crate) use self::field::Field;
pub(crate) use self::layout::TableLayout;
use self::tone::BOLD;
#[cfg(feature = "live")]
pub(super) use self::tone::{BAD, DOUBTFUL, FAINT, GOOD};
pub(super) use self::tone::{change_tone, tone, toned};
pub(super) use self::tree::ProcessTree;
use super::{Footer, Format, RenderOptions};
use crate::model::Service;

pub(super) struct Table<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    layout: TableLayout,
    cells: Cells,
    /// The heading of each row, with --group-by.
    groups: Vec<String>,
    /// What the address of each row opens, if the terminal has links.
    links: Vec<Option<String>>,
    /// The place of each row, with --tree.
    tree: Option<ProcessTree>,
}

/// A line of a table: a heading, or a row with the text before its cells.
pub(super) struct TableLine {
    /// What stands before the cells.
    pub(super) lead: String,
    pub(super) row: Option<usize>,
}

impl TableLine {
    /// A row with nothing before its cells.
    pub(super) fn of_row(row: usize) -> Self {
        Self { lead: String::new(), row: Some(row) }
    }
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
        Self { out, page, layout, cells, groups: Vec::new(), links: Vec::new(), tree }
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
            columns.retain(|&column| self.cells.field(column) != group || group.is_grouped_by_address());
            return (self.grouped(), columns);
        }
        let rows = (0..self.cells.len()).map(TableLine::of_row);

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
        // Headings of groups may be longer than the indent of their rows; the names of a tree have a column of their own.
        let is_tree = self.tree.is_some();
        let leads = lines.iter().filter(|line| line.row.is_some() || is_tree);
        let lead = leads.map(|line| cells::width(&line.lead)).max().unwrap_or_default();
        let gap = if is_tree { GAP } else { "" };
        let fitted = self.fitted(columns, lead + gap.len());

        let mut text = String::new();
        if self.layout.headers {
            self.write_header(&mut text, (lead, gap), &fitted);
            self.out.write_all(text.as_bytes())?;
        }
        for line in &lines {
            text.clear();
            self.write_line(&mut text, line, (lead, gap), &fitted);
            self.out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The columns that have room beside the lead, with their widths.
    fn fitted(&self, columns: Vec<usize>, lead: usize) -> Vec<(usize, usize)> {
        let Some(width) = self.page.width else {
            return columns.into_iter().map(|column| (column, self.cells.aligned_width(column))).collect();
        };
        let room = usize::from(width).saturating_sub(lead);
        let columns = if self.layout.columns.is_empty() { self.cells.without_repeated(columns) } else { columns };

        let (fitted, hidden) = self.cells.fit(&columns, room, &self.page);
        self.layout.note_hidden(hidden.iter().map(|&column| self.cells.header(column)).collect());
        fitted
    }

    fn write_header(&self, text: &mut String, (lead, gap): (usize, &str), fitted: &[(usize, usize)]) {
        let first = if self.tree.is_some() { "PROCESS" } else { "" };
        let mut header = LineWriter { line: text, pending: 0, color: self.page.color };
        header.cell(first, lead, Some(BOLD), "");
        for (at, &(column, width)) in fitted.iter().enumerate() {
            header.cell(&self.cells.header(column), width, Some(BOLD), if at == 0 { gap } else { GAP });
        }
        if self.layout.has_hidden() {
            header.cell("…", 1, Some(BOLD), GAP);
        }
        text.push('\n');
    }

    fn write_line(&self, text: &mut String, line: &TableLine, (lead, gap): (usize, &str), fitted: &[(usize, usize)]) {
        let mut writer = LineWriter { line: text, pending: 0, color: self.page.color };
        let Some(row) = line.row else {
            writer.cell(&line.lead, 0, Some(BOLD), "");
            text.push('\n');
            return;
        };

        writer.cell(&line.lead, lead, None, "");
        for (at, &(column, width)) in fitted.iter().enumerate() {
            let cell = self.cells.cell(row, column);
            let is_cut = self.page.width.is_some() && cells::width(cell) > width;
            let shown = if is_cut { truncated(cell, width) } else { cell.into() };
            let field = self.cells.field(column);
            let url = self.links.get(row).and_then(Option::as_deref).filter(|_| field == Field::Address && !is_cut);
            let gap = if at == 0 { gap } else { GAP };

            match url {
                Some(url) => writer.linked(&shown, width, url, gap),
                None => writer.cell(&shown, width, tone(field.name(), cell), gap),
            }
        }
        text.push('\n');
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

    /// A cell that opens a URL.
    fn linked(&mut self, cell: &str, width: usize, url: &str, gap: &str) {
        self.cell("", 0, None, gap);
        self.line.extend(std::iter::repeat_n(' ', self.pending));
        self.line.push_str(&link::linked(cell, url));
        self.pending = width.saturating_sub(cells::width(cell));
    }
}

impl Format for Table<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in service.rows() {
            self.cells.row(&self.page, service, endpoint).map_err(io::Error::other)?;
            if self.page.links {
                self.links.push(endpoint.and_then(|endpoint| link::of(&self.page, service, endpoint)));
            }
            if let Some(field) = self.layout.group_by {
                self.groups.push(field.group(&self.page, service, endpoint).map_err(io::Error::other)?);
            }
            if let Some(tree) = &mut self.tree {
                tree.add(service);
            }
        }

        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        match self.layout.group_by.filter(|_| self.layout.counts) {
            _ if self.cells.len() == 0 => Ok(()),
            Some(group) => counts::write(self.out, &self.page, (group, self.layout.headers), &self.groups),
            None => self.write(),
        }
    }
}
