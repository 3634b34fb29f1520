//! The batches that are stored, and the groups of batches that follow them.

use std::path::PathBuf;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpointer::Checkpointer;
use super::commit::{commit, probe};
use super::database::Database;
use super::fault;
use super::rows::Rows;
use crate::store::{Batch, StoreError};

/// Where a result goes.
pub(super) type ReplyTo<T> = oneshot::Sender<Result<T, StoreError>>;
/// A batch, and where its result goes.
pub(super) type QueuedBatch = (Batch, ReplyTo<u64>);

/// Stores groups of batches, each group in one transaction.
pub(super) struct Committer {
    path: PathBuf,
    /// The index of the last stored change.
    last: u64,
    rows: Rows,
    max_events: u64,
    checkpointer: Checkpointer,
}

impl Committer {
    /// The committer of a database whose last change and rows these are.
    pub(super) fn new(database: &Database, (last, rows): (u64, Rows), max_events: u64) -> Result<Self, StoreError> {
        let checkpointer = Checkpointer::start(database)?;
        Ok(Self { path: database.path().to_owned(), last, rows, max_events, checkpointer })
    }

    /// Stores a group in one transaction and acknowledges each batch. A batch that does not follow is refused alone.
    pub(super) fn commit(&mut self, connection: &Connection, group: Vec<QueuedBatch>) {
        let (mut index, mut accepted) = (self.last, Vec::with_capacity(group.len()));
        for (batch, reply_to) in group {
            if batch.follows(index) {
                index = batch.index();
                accepted.push((batch, reply_to));
            } else {
                reply(reply_to, Err(StoreError::OutOfOrder { after: batch.after, last: index }));
            }
        }
        if accepted.is_empty() {
            return;
        }

        let batches: Vec<&Batch> = accepted.iter().map(|(batch, _)| batch).collect();
        let stored = self.store(connection, &batches);
        if stored.is_ok() {
            self.last = index;
        }
        for (batch, reply_to) in accepted {
            reply(reply_to, stored.clone().map(|()| batch.index()));
        }
    }

    fn store(&mut self, connection: &Connection, batches: &[&Batch]) -> Result<(), StoreError> {
        self.checkpointer.tend(connection)?;
        let stored = commit(connection, &self.checkpointer, batches, self.max_events, &mut self.rows);
        stored.map_err(|error| fault::storing(&self.path, &error))
    }

    /// Writes what is there already. Returns the index of the last change.
    pub(super) fn probe(&self, connection: &Connection) -> Result<u64, StoreError> {
        self.checkpointer.tend(connection)?;
        probe(connection).map_err(|error| fault::storing(&self.path, &error))?;
        Ok(self.last)
    }

    /// Opens the database anew if the disk failed while the log was copied into it.
    ///
    /// # Errors
    /// It cannot be opened. Nothing can be stored until it can be.
    pub(super) fn recover(&mut self, database: &mut Database) -> Result<(), StoreError> {
        if self.checkpointer.is_recovery_due() { self.checkpointer.recover(database) } else { Ok(()) }
    }

    /// Ends the checkpoints, before the database is closed.
    pub(super) fn end(self, database: &Database) {
        self.checkpointer.end(database);
    }
}

fn reply(reply_to: ReplyTo<u64>, result: Result<u64, StoreError>) {
    // A caller that does not wait any more needs no reply.
    let _ = reply_to.send(result);
}
