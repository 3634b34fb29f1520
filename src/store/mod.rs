//! Where the registry's truth is kept: what was acknowledged survives a crash of the process and of the machine.
//!
//! A store knows nothing of services. It keeps records by id, the events that led to them, and the index of the last change.
//! It takes batches in the order of their indexes, each as a whole or not at all.

use std::fs::File;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

mod audit;
mod error;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod shared;
mod sqlite;
mod status;
#[cfg(test)]
mod tests;

pub use audit::{AuditPage, AuditRange, StoredAudit};
pub use error::StoreError;
pub use memory::Memory;
#[cfg(all(test, feature = "postgres"))]
pub(crate) use postgres::encode_renewals;
#[cfg(feature = "postgres")]
pub use postgres::{POSTGRES_FORMAT, Postgres, PostgresExport, PostgresImport, PostgresUrl};
pub use shared::{
    ClusterServer, MEMBER_LEASE, Position, RENEWALS_KEPT, RenewalMarks, Renewals, SharedStore, StoreChanges,
    StoredLease, SyncReport, SyncRequest, Turn,
};
pub use sqlite::{Backup, FORMAT, Sqlite, SqliteExport, SqliteImport, check, status};
pub use status::StoreStatus;

/// Stores what the registry changes.
pub trait Store: Send + Sync {
    /// Appends a batch of changes. It returns at once; the batch is stored when the [`Commit`] says so. Batches are stored in
    /// the order of the calls.
    fn append(&self, batch: Batch) -> Commit;

    /// Reads records of the audit log, in the order of their numbers.
    fn audit(&self, range: AuditRange) -> Pending<AuditPage>;

    /// Tries whether the store takes writes: it begins a transaction, writes what is there already, and ends it. Nothing
    /// changes, and the index that the [`Commit`] returns is that of the last change.
    fn probe(&self) -> Commit;

    /// Writes a consistent copy to a new file, while batches go on.
    ///
    /// # Errors
    /// The copy cannot be written, or the store is not one of files.
    fn backup(&self, to: &Path) -> Result<Backup, StoreError>;

    /// Makes a consistent copy for a reader, while batches go on: a file beside the database, for its owner alone, that has no
    /// name any more. It is gone when it is closed.
    ///
    /// # Errors
    /// The copy cannot be written, or the store is not one of files.
    fn snapshot(&self) -> Result<File, StoreError> {
        Err(StoreError::NoFiles)
    }

    /// Checks that everything that is stored can be read.
    ///
    /// # Errors
    /// The store is damaged.
    fn check(&self) -> Result<(), StoreError>;

    /// The connections to its database that are open; `None` if it has a file or nothing.
    fn connections(&self) -> Option<usize> {
        None
    }

    /// The same store, if other servers write to it too.
    fn shared(self: Arc<Self>) -> Option<Arc<dyn SharedStore>> {
        None
    }
}

/// Changes that are stored together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The index before these changes. A batch that does not follow the last one is refused.
    pub after: u64,
    /// The events, one for each index from `after + 1` on.
    pub events: Vec<StoredEvent>,
    /// What becomes of the records, in this order.
    pub writes: Vec<Write>,
    /// The canonical lines of new records of the audit log, in this order. The store gives them their numbers and hashes, in the
    /// transaction that keeps the changes: several servers may write to one log.
    pub audit: Vec<Vec<u8>>,
    /// Records of the audit log up to this number are removed; 0 removes none.
    pub forget_audit: u64,
    /// Whether the servers that share the store learn of these changes in another way: the store then wakes none of them.
    pub is_announced: bool,
}

impl Batch {
    /// The index after these changes.
    pub fn index(&self) -> u64 {
        self.events.last().map_or(self.after, |event| event.index)
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.writes.is_empty() && self.audit.is_empty()
    }

    /// Whether its events have the indexes after `last`, without a gap.
    fn follows(&self, last: u64) -> bool {
        let expected = last + 1..;
        self.after == last && self.events.iter().zip(expected).all(|(event, index)| event.index == index)
    }
}

/// A change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores a record in the place of the one with this id, if there is one.
    Put {
        /// The id.
        id: Arc<str>,
        /// The record.
        body: Vec<u8>,
    },
    /// Removes a record.
    Remove {
        /// The id.
        id: Arc<str>,
    },
}

/// An event with its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its index.
    pub index: u64,
    /// The event.
    pub body: Vec<u8>,
    /// The change as other servers take it over. Only a store that several servers share keeps it.
    pub replica: Vec<u8>,
}

impl StoredEvent {
    /// An event of a store with one owner.
    pub fn new(index: u64, body: Vec<u8>) -> Self {
        Self { index, body, replica: Vec::new() }
    }
}

/// Everything that a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The index of the last change.
    pub index: u64,
    /// Identifies this history. Indexes of another one mean nothing here.
    pub epoch: String,
    /// The records with their ids, sorted by id.
    pub records: Vec<(String, Vec<u8>)>,
    /// The last events, the oldest first.
    pub events: Vec<StoredEvent>,
}

/// A batch that is being stored: it is only if this says so, with the index.
pub type Commit = Pending<u64>;

/// What a store is doing.
#[derive(Debug)]
#[must_use = "it is done only if this says so"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    /// One whose result is known already.
    fn done(result: Result<T, StoreError>) -> Self {
        let (sender, receiver) = oneshot::channel();
        let _ = sender.send(result);
        Self(receiver)
    }

    /// Waits for the result. Not for asynchronous code, which awaits it.
    ///
    /// # Errors
    /// It could not be done: a batch is not stored.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|result| result.unwrap_or(Err(StoreError::Closed)))
    }
}
