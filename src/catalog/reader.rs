//! What readers see: the set as it is, and what happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Snapshot;
use crate::engine::Clock;
use crate::model::Event;

/// No answer has come yet.
pub(super) const NEVER: u64 = u64::MAX;

/// What the writer and its readers share.
#[derive(Debug)]
pub(super) struct CatalogState {
    pub(super) snapshot: ArcSwap<Snapshot>,
    pub(super) clock: Clock,
    /// The clock's time of the last answer in nanoseconds, or [`NEVER`].
    pub(super) answered: AtomicU64,
}

/// Reads a catalog. Cheap to clone, and never in the writer's way.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<CatalogState>,
    /// Holds the channel open for new watches, but not when the writer is gone.
    pub(super) events: broadcast::WeakSender<Arc<[Event]>>,
}

impl Reader {
    /// Everything that is known now. Takes no lock.
    pub fn load(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// How long ago the source last answered; `None` if it never did.
    pub fn age(&self) -> Option<Duration> {
        let answered = self.shared.answered.load(Ordering::Acquire);
        (answered != NEVER).then(|| self.shared.clock.now().saturating_sub(Duration::from_nanos(answered)))
    }

    /// Everything that is known now, and a watch that tells what happens from then on: nothing twice, nothing left out.
    pub fn watch(&self) -> (Arc<Snapshot>, Watch) {
        // What happens between the two is in both, and told apart by its index.
        let events = self.events.upgrade().map(|sender| sender.subscribe());
        let snapshot = self.load();
        let watch = Watch { index: snapshot.index, events, shared: Arc::clone(&self.shared) };
        (snapshot, watch)
    }
}

/// Tells what happens to a catalog. Who does not listen keeps nobody waiting: see [`WatchItem::Lagged`].
#[derive(Debug)]
pub struct Watch {
    shared: Arc<CatalogState>,
    /// `None`: the writer had gone before the watch began.
    events: Option<broadcast::Receiver<Arc<[Event]>>>,
    /// The last event that was told, one way or the other.
    index: u64,
}

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum WatchItem {
    /// What happened together, in order, and next after what was told before.
    Events(Arc<[Event]>),
    /// More happened than is kept for a reader that is so slow.
    Lagged {
        /// How many events are not told.
        missed: u64,
        /// What they came to; the next events follow on it.
        snapshot: Arc<Snapshot>,
    },
}

impl Watch {
    /// Waits for the next news; `None` when the writer is gone and everything is told. Nothing is lost when the wait is
    /// given up.
    pub async fn next(&mut self) -> Option<WatchItem> {
        let events = self.events.as_mut()?;
        loop {
            match events.recv().await {
                Ok(batch) => {
                    let Some(last) = batch.last().map(|event| event.index).filter(|&last| last > self.index) else {
                        continue;
                    };
                    self.index = last;
                    return Some(WatchItem::Events(batch));
                }
                Err(RecvError::Lagged(_)) => {
                    // What is still kept is in the snapshot: go on from what comes next.
                    *events = events.resubscribe();
                    let snapshot = self.shared.snapshot.load_full();
                    let missed = snapshot.index.saturating_sub(self.index);
                    self.index = snapshot.index;
                    return Some(WatchItem::Lagged { missed, snapshot });
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
