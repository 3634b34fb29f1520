//! A store in PostgreSQL, for several servers.
//!
//! PostgreSQL orders all changes, keeps them, and is the only clock for leases. The row of `meta` has the index: a
//! writer locks it first, so that indexes are dense and commits happen in their order. A server has two connections: one to
//! write, one to follow.

mod audit;
mod batch;
mod changes;
mod connect;
mod failure;
mod follower;
mod renewals;
mod schema;
mod statements;
mod status;
mod tls;
mod transfer;
mod url;
mod writer;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::connect::ConnectionSlot;
use self::follower::{FollowRequest, Follower};
use self::writer::{TurnWriter, WriteRequest};
use super::{
    AuditPage, AuditRange, Backup, Batch, Commit, Contents, Pending, Position, RenewalMarks, SharedStore, Store,
    StoreError, StoreStatus, SyncReport, SyncRequest, Turn,
};
#[cfg(test)]
pub(crate) use renewals::encode as encode_renewals;
use schema::FORMAT;
pub use schema::FORMAT as POSTGRES_FORMAT;
pub use transfer::{PostgresExport, PostgresImport};
pub use url::PostgresUrl;

/// The most requests that wait. A server has one writer, which waits for each of its requests.
const MAX_QUEUED: usize = 64;

/// A store in PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    url: PostgresUrl,
    writes: mpsc::Sender<WriteRequest>,
    follows: mpsc::Sender<FollowRequest>,
    wakeups: watch::Receiver<u64>,
    slots: [ConnectionSlot; 2],
    tasks: [JoinHandle<()>; 2],
}

impl Postgres {
    /// Connects to a database, makes or migrates its tables, and reads everything that it holds. It keeps the last
    /// `max_events` events. `cluster`: the name of the servers that share it. Must run in a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] or [`StoreError::Away`] if the database does not reply, which may pass, and
    /// [`StoreError::ReadOnly`] for a standby; otherwise it cannot be used, is of a newer portolan, or belongs to another
    /// cluster.
    pub async fn open(url: PostgresUrl, cluster: &str, max_events: u64) -> Result<(Self, Contents), StoreError> {
        let (wake, wakeups) = watch::channel(0);
        let session = connect::connect(&url, None).await?;
        schema::prepare(&session, &url, cluster).await?;
        status::compare_clocks(&session, &url).await?;

        let slots: [ConnectionSlot; 2] = Default::default();
        let mut follower = Follower::new(url.clone(), wake, slots[0].clone());
        let contents = follower.contents().await?;
        slots[1].set(&session);
        let writer = TurnWriter::new(url.clone(), session, slots[1].clone(), max_events);
        let (writes, write_requests) = mpsc::channel(MAX_QUEUED);
        let (follows, follow_requests) = mpsc::channel(MAX_QUEUED);
        let tasks = [tokio::spawn(writer.run(write_requests)), tokio::spawn(follower.run(follow_requests))];
        Ok((Self { url, writes, follows, wakeups, slots, tasks }, contents))
    }

    /// Makes or migrates the tables, and starts nothing. Returns the formats before, 0 for none, and after.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn migrate(url: &PostgresUrl, cluster: &str) -> Result<(u32, u32), StoreError> {
        let before = Self::status(url).await?.format;
        let session = connect::connect(url, None).await?;
        schema::prepare(&session, url, cluster).await?;
        Ok((before, FORMAT))
    }

    /// Reads what a database is and holds; servers may use it meanwhile.
    ///
    /// # Errors
    /// It cannot be reached or read.
    pub async fn status(url: &PostgresUrl) -> Result<StoreStatus, StoreError> {
        status::read(url).await
    }

    /// The database, without its password.
    pub fn url(&self) -> &PostgresUrl {
        &self.url
    }
}

/// Sends a request with a way for its reply.
fn send<R, T>(
    requests: &mpsc::Sender<R>,
    request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> R,
) -> Pending<T> {
    let (sender, receiver) = oneshot::channel();
    match requests.try_send(request(sender)) {
        Ok(()) => Pending(receiver),
        Err(mpsc::error::TrySendError::Full(_)) => Pending::done(Err(StoreError::Overloaded)),
        Err(mpsc::error::TrySendError::Closed(_)) => Pending::done(Err(StoreError::Closed)),
    }
}

impl Store for Postgres {
    fn append(&self, batch: Batch) -> Commit {
        send(&self.writes, |reply_to| WriteRequest::Append(batch, reply_to))
    }

    fn audit(&self, range: AuditRange) -> Pending<AuditPage> {
        send(&self.follows, |reply_to| FollowRequest::Audit(range, reply_to))
    }

    fn probe(&self) -> Commit {
        send(&self.follows, FollowRequest::Probe)
    }

    fn backup(&self, _to: &Path) -> Result<Backup, StoreError> {
        Err(StoreError::NoFiles)
    }

    fn check(&self) -> Result<(), StoreError> {
        send(&self.follows, FollowRequest::Check).wait()
    }

    fn connections(&self) -> Option<usize> {
        Some(self.slots.iter().filter(|slot| slot.is_open()).count())
    }

    fn shared(self: Arc<Self>) -> Option<Arc<dyn SharedStore>> {
        Some(self)
    }
}

impl SharedStore for Postgres {
    fn take_turn(&self, position: Position, renewals: Option<RenewalMarks>) -> Pending<Turn> {
        send(&self.writes, |reply_to| WriteRequest::TakeTurn(position, renewals, reply_to))
    }

    fn sync(&self, request: SyncRequest) -> Pending<SyncReport> {
        send(&self.follows, |reply_to| FollowRequest::Sync(request, reply_to))
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.clone()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
