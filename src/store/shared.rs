//! What a store needs so that several servers share it.
//!
//! Each server holds a whole copy in memory. To write, it takes its turn: it learns what the others wrote before, and no
//! other server writes until it appends. In between it follows what is written.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Contents, Pending, Store, StoredEvent};

/// A store that several servers write to.
pub trait SharedStore: Store {
    /// Waits for the turn to write, and returns what was written after `position`. `due`: leases of which the writer wants to
    /// know whether they have expired. The turn ends with the next [`append`](Store::append), which may be empty, or after
    /// two seconds without one.
    fn take_turn(&self, position: Position, due: Vec<StoredLease>) -> Pending<Turn>;

    /// Stores renewals, and returns what was written by others. Other servers may write meanwhile.
    fn sync(&self, request: SyncRequest) -> Pending<SyncReport>;

    /// Changes whenever there may be something new to read. It is a hint: only [`sync`](Self::sync) knows.
    fn wakeups(&self) -> watch::Receiver<u64>;
}

/// What a server knows of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Identifies the history; an empty text is none.
    pub epoch: String,
    /// The index of the last change that it knows.
    pub index: u64,
}

/// What was written after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The changes since, without a gap.
    Events(Vec<StoredEvent>),
    /// Everything: the position belongs to another history, or what came after it is no longer kept.
    Reset(Box<Contents>),
}

/// A lease with the time that it lasts. Where it is read: from now on, zero if it has expired. Where it is stored: likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLease {
    /// The id of a record.
    pub id: Arc<str>,
    /// Tells the leases of a record apart.
    pub slot: i16,
    /// The generation of the record: a renewal of an older one is ignored.
    pub generation: u64,
    /// How long it lasts.
    pub lasts: Duration,
}

/// The turn to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What was written before.
    pub news: News,
    /// The leases that were asked for. One that is being renewed at this moment is left out.
    pub leases: Vec<StoredLease>,
}

/// What a server stores and asks for between its turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// What it knows.
    pub position: Position,
    /// Leases that were renewed. A renewal never makes a lease shorter.
    pub renewals: Vec<StoredLease>,
    /// Leases of which it wants to know how long they last.
    pub due: Vec<StoredLease>,
    /// The server itself, as the others shall know it until [`MEMBER_LEASE`] is over.
    pub member: Option<ClusterServer>,
    /// Whether it ends, and is no member from now on.
    pub leaves: bool,
}

/// The reply to a [`SyncRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// What was written after the position.
    pub news: News,
    /// The leases that were asked for.
    pub leases: Vec<StoredLease>,
    /// The servers that share the store at this moment; none if the request names no member.
    pub members: Vec<ClusterServer>,
    /// Whether the store was connected to anew for this request: it may be another one, which lacks the last renewals.
    pub is_reconnected: bool,
}

/// How long a server is one of the members without saying so again. It does each second.
pub const MEMBER_LEASE: Duration = Duration::from_millis(1_800);

/// A server as the others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterServer {
    /// Identifies the running server: a restarted one has another id.
    pub id: String,
    /// Its name, which people gave it.
    pub name: String,
    /// The index of the last change that it knew.
    pub index: u64,
    /// How many checks it runs at an interval; `None` if it runs no checks.
    pub checks: Option<u32>,
}
