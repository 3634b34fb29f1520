//! The rows of the records: each has a number, in the order in which the records came.
//!
//! New records therefore share the last pages of their table. With an index of the ids, which are random, each of them
//! would change a page of its own, more of them the larger the registry; so the numbers are known here instead.

use std::collections::HashMap;
use std::sync::Arc;

/// The row of each record that is stored.
#[derive(Debug, Default)]
pub(super) struct Rows {
    numbers: HashMap<Arc<str>, i64>,
    /// The greatest number.
    last: i64,
}

/// Rows that a transaction changes; nothing comes of them unless it is committed.
pub(super) struct RowChanges<'r> {
    rows: &'r Rows,
    /// The new row of a record; `None` if it is removed.
    changed: HashMap<Arc<str>, Option<i64>>,
    last: i64,
}

/// What becomes of the rows with the commit.
pub(super) struct CommittedRows {
    changed: HashMap<Arc<str>, Option<i64>>,
    last: i64,
}

impl Rows {
    /// Notes the row of a stored record.
    pub(super) fn enter(&mut self, id: &str, number: i64) {
        self.numbers.insert(id.into(), number);
        self.last = self.last.max(number);
    }

    pub(super) fn changes(&self) -> RowChanges<'_> {
        RowChanges { rows: self, changed: HashMap::new(), last: self.last }
    }

    /// Takes over the changes of a transaction that was committed.
    pub(super) fn adopt(&mut self, committed: CommittedRows) {
        for (id, number) in committed.changed {
            match number {
                Some(number) => self.numbers.insert(id, number),
                None => self.numbers.remove(&id),
            };
        }
        self.last = committed.last;
    }
}

impl RowChanges<'_> {
    /// The row of a record. A new record gets a new one.
    pub(super) fn put(&mut self, id: &Arc<str>) -> i64 {
        if let Some(number) = self.known(id) {
            return number;
        }
        self.last += 1;
        self.changed.insert(Arc::clone(id), Some(self.last));
        self.last
    }

    /// The row that a removed record had.
    pub(super) fn remove(&mut self, id: &Arc<str>) -> Option<i64> {
        let number = self.known(id)?;
        self.changed.insert(Arc::clone(id), None);
        Some(number)
    }

    pub(super) fn committed(self) -> CommittedRows {
        CommittedRows { changed: self.changed, last: self.last }
    }

    fn known(&self, id: &Arc<str>) -> Option<i64> {
        match self.changed.get(id) {
            Some(changed) => *changed,
            None => self.rows.numbers.get(id).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_row_until_it_is_removed_and_a_failed_transaction_changes_nothing() {
        let mut rows = Rows::default();
        rows.enter("a", 7);
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];

        let mut failed = rows.changes();
        assert_eq!((failed.remove(&a), failed.put(&a), failed.put(&b)), (Some(7), 8, 9));
        let mut changes = rows.changes();
        assert_eq!((changes.put(&a), changes.put(&b), changes.put(&b)), (7, 8, 8));
        assert_eq!((changes.remove(&a), changes.remove(&a)), (Some(7), None));
        let committed = changes.committed();
        rows.adopt(committed);

        let mut changes = rows.changes();
        assert_eq!((changes.remove(&a), changes.put(&b), changes.put(&a)), (None, 8, 9));
    }
}
