//! What people choose of a table's looks.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Field;

/// How a table is laid out.
#[derive(Clone, Debug)]
pub(crate) struct TableLayout {
    /// The columns, in this order; empty: those of the format.
    pub(crate) columns: Vec<Field>,
    /// Whether the first line has the names of the columns.
    pub(crate) headers: bool,
    /// A heading for each value of this field.
    pub(crate) group_by: Option<Field>,
    /// Only the headings, each with the number of its rows.
    pub(crate) counts: bool,
    /// Listeners below their processes.
    pub(crate) tree: bool,
    /// The headers of the columns that had no room.
    pub(crate) hidden: Arc<Mutex<Vec<String>>>,
}

impl Default for TableLayout {
    fn default() -> Self {
        Self { columns: Vec::new(), headers: true, group_by: None, counts: false, tree: false, hidden: Arc::default() }
    }
}

impl TableLayout {
    /// Whether it shows what only a full listing has.
    pub(crate) fn needs_detail(&self) -> bool {
        self.tree || self.columns.iter().chain(&self.group_by).any(|field| field.needs_detail())
    }

    /// The same layout for a file.
    pub(crate) fn of_file(&self) -> Self {
        Self { hidden: Arc::default(), ..self.clone() }
    }

    pub(super) fn note_hidden(&self, headers: Vec<String>) {
        *self.hidden.lock() = headers;
    }

    pub(super) fn has_hidden(&self) -> bool {
        !self.hidden.lock().is_empty()
    }

    /// Which columns were hidden, and how to see them; `None` if all had room.
    pub(crate) fn hidden_note(&self) -> Option<String> {
        let hidden = self.hidden.lock();
        if hidden.is_empty() {
            return None;
        }
        let names = hidden.join(", ");
        let first = hidden.first().map(|name| name.to_lowercase()).unwrap_or_default();
        Some(format!("no room for {names}: widen the terminal, or choose columns, as in --columns address,{first}"))
    }
}
