//! What a store needs so that several servers share it.
//!
//! Each server holds a whole copy in memory. To write, it takes its turn: it learns what the others wrote before, and no
//! other server writes until it appends. In between it follows what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Contents, Pending, Store, StoredEvent};

/// A store that several servers write to.
pub trait SharedStore: Store {
    /// Waits for the turn to write, and returns what was written after `position`. `renewals`: also the renewals that other
    /// servers stored since, for a writer that lets leases expire. The turn ends with the next [`append`](Store::append),
    /// which may be empty, or after two seconds without one.
    fn take_turn(&self, position: Position, renewals: Option<RenewalMarks>) -> Pending<Turn>;

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
pub enum StoreChanges {
    /// The changes since, without a gap: all, or the first of them if there are many.
    Events(Vec<StoredEvent>),
    /// Everything: the position belongs to another history, or what came after it is no longer kept.
    Reset(Box<Contents>),
}

/// A renewal of a lease, with the time that the lease lasts from the moment in which it is stored or read; zero if it has
/// expired by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLease {
    /// The id of a record.
    pub id: Arc<str>,
    /// Tells the leases of a record apart.
    pub slot: i16,
    /// The generation of the record: a renewal of an older one counts for nothing.
    pub generation: u64,
    /// How long it lasts.
    pub lasts: Duration,
}

/// How far a server has read the renewals of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenewalMarks {
    /// The server that reads: it knows its own.
    pub reader: String,
    /// The number of the last portion of each other server; 0 if there is none.
    pub read: BTreeMap<String, u64>,
}

/// Renewals that other servers stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewals {
    /// The leases. One may be named more than once; the longest counts.
    pub leases: Vec<StoredLease>,
    /// How far they were read.
    pub marks: RenewalMarks,
    /// The time by the clock of the store, since its epoch.
    pub clock: Duration,
}

/// How long a store keeps renewals. A server that did not read for longer has missed some.
pub const RENEWALS_KEPT: Duration = Duration::from_secs(30);

/// The turn to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What was written before.
    pub changes: StoreChanges,
    /// The index of the last change. If the changes do not reach it, the rest has to be read in another turn.
    pub last_index: u64,
    /// The renewals, if they were asked for.
    pub renewals: Option<Renewals>,
}

/// What a server stores and asks for between its turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// What it knows.
    pub position: Position,
    /// Leases that were renewed, and the number of this portion: each of a server has a higher one than the one before.
    pub renewals: (u64, Vec<StoredLease>),
    /// How far it has read the renewals of the others; `None` if it wants none.
    pub marks: Option<RenewalMarks>,
    /// The server itself, as the others shall know it until [`MEMBER_LEASE`] is over.
    pub member: Option<ClusterServer>,
    /// Whether it ends, and is no member from now on.
    pub leaves: bool,
}

/// The reply to a [`SyncRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// What was written after the position.
    pub changes: StoreChanges,
    /// The index of the last change. If the changes do not reach it, the rest has to be read with another request.
    pub last_index: u64,
    /// The renewals, if they were asked for.
    pub renewals: Option<Renewals>,
    /// The servers that share the store at this moment; none if the request names no member.
    pub members: Vec<ClusterServer>,
    /// How long the first of the other members still is one, unless it says so again; `None` without another one.
    pub first_expiry: Option<Duration>,
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
