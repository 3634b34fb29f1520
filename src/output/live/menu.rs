//! The menus: which column to sort by, and which columns to show.

use super::super::table::{COMMON, Field};
use super::{KeyPress, View};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MenuKind {
    Sort,
    Columns,
}

pub(super) struct Menu {
    pub(super) kind: MenuKind,
    items: Vec<MenuItem>,
    pub(super) cursor: usize,
}

/// A line of a menu.
struct MenuItem {
    /// `None`: the default order, by port.
    field: Option<Field>,
    /// Whether it is the current order, or a visible column.
    is_on: bool,
}

impl Menu {
    /// The columns to sort by.
    pub(super) fn sort(view: &View) -> Self {
        let cells = &view.rows.cells;
        let fields = cells.shown().into_iter().map(|column| Some(cells.field(column)));
        let now = view.rows.sorted_by;
        let items: Vec<MenuItem> =
            [None].into_iter().chain(fields).map(|field| MenuItem { field, is_on: field == now }).collect();

        let cursor = items.iter().position(|item| item.is_on).unwrap_or_default();
        Self { kind: MenuKind::Sort, items, cursor }
    }

    /// All columns of the source, also those that no table shows by itself.
    pub(super) fn columns(view: &View) -> Self {
        let cells = &view.rows.cells;
        let visible: Vec<Field> = cells.movable(false).into_iter().map(|column| cells.field(column)).collect();
        let all = COMMON.into_iter().chain(view.page.columns.iter().map(Field::Of));
        let items = all.map(|field| MenuItem { field: Some(field), is_on: visible.contains(&field) }).collect();
        Self { kind: MenuKind::Columns, items, cursor: 0 }
    }

    pub(super) fn title(&self) -> &'static str {
        match self.kind {
            MenuKind::Sort => " Sort by ",
            MenuKind::Columns => " Columns ",
        }
    }

    /// The lines, without the cursor.
    pub(super) fn lines(&self) -> Vec<String> {
        self.items.iter().map(|item| self.line(item)).collect()
    }

    fn line(&self, item: &MenuItem) -> String {
        let name = item.field.map_or("port (default)", Field::name).replace('_', " ");
        match (self.kind, item.is_on) {
            (MenuKind::Sort, true) => format!("* {name}"),
            (MenuKind::Sort, false) => format!("  {name}"),
            (MenuKind::Columns, true) => format!("[x] {name}"),
            (MenuKind::Columns, false) => format!("[ ] {name}"),
        }
    }

    /// The column under the cursor.
    pub(super) fn selected(&self) -> Option<Field> {
        self.items.get(self.cursor).and_then(|item| item.field)
    }

    /// Shows or hides the column under the cursor.
    pub(super) fn toggle(&mut self) {
        if let Some(item) = self.items.get_mut(self.cursor) {
            item.is_on = !item.is_on;
        }
    }

    /// The visible columns; `None` if there is none, because a table without columns shows nothing.
    pub(super) fn chosen(&self) -> Option<Vec<Field>> {
        let chosen: Vec<Field> = self.items.iter().filter(|item| item.is_on).filter_map(|item| item.field).collect();
        (!chosen.is_empty()).then_some(chosen)
    }

    pub(super) fn move_cursor(&mut self, key: KeyPress) {
        let last = self.items.len().saturating_sub(1);
        self.cursor = match key {
            KeyPress::Up | KeyPress::Letter('k') => self.cursor.saturating_sub(1),
            KeyPress::Down | KeyPress::Letter('j') => self.cursor + 1,
            KeyPress::Home | KeyPress::PageUp | KeyPress::Letter('g') => 0,
            KeyPress::End | KeyPress::PageDown | KeyPress::Letter('G') => last,
            _ => self.cursor,
        }
        .min(last);
    }
}
