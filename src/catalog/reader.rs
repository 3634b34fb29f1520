//! The reading side of a catalog: the current set and its changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Snapshot;
use super::history::{EventHistory, NextBatch};
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
    pub(super) history: Mutex<EventHistory>,
}

/// Reads a catalog. Cheap to clone, and never blocks the writer.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<CatalogState>,
    /// Changes with each batch, and closes with the writer.
    pub(super) published: watch::Receiver<()>,
}

impl Reader {
    /// The current snapshot. Takes no lock.
    pub fn load(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// How long ago the source last answered; `None` if it never did.
    pub fn age(&self) -> Option<Duration> {
        let answered = self.shared.answered.load(Ordering::Acquire);
        (answered != NEVER).then(|| self.shared.clock.now().saturating_sub(Duration::from_nanos(answered)))
    }

    /// The current snapshot, and a watch of all later events: none twice, none missing.
    pub fn watch(&self) -> (Arc<Snapshot>, Watch) {
        let snapshot = self.load();
        let watch = self.watch_from(snapshot.index);
        (snapshot, watch)
    }

    /// A watch that continues after the event with that index: it delivers exactly the missed events, then the later ones.
    /// If they are no longer kept, or the index is of another catalog, it starts anew.
    pub fn watch_since(&self, index: u64) -> ResumedWatch {
        if self.shared.history.lock().reaches_back_to(index) {
            return ResumedWatch::Continued(self.watch_from(index));
        }
        let (snapshot, watch) = self.watch();
        ResumedWatch::Reset(snapshot, watch)
    }

    fn watch_from(&self, index: u64) -> Watch {
        Watch { index, published: self.published.clone(), shared: Arc::clone(&self.shared) }
    }
}

/// Receives the changes of a catalog. A slow watch does not delay the writer: see [`WatchItem::Lagged`].
#[derive(Debug)]
pub struct Watch {
    shared: Arc<CatalogState>,
    published: watch::Receiver<()>,
    /// The index of the last event that was delivered, also as part of a snapshot.
    index: u64,
}

/// How a watch that resumes begins.
#[derive(Debug)]
pub enum ResumedWatch {
    /// No event is missing.
    Continued(Watch),
    /// Too much was missed: the current snapshot, and a watch from there.
    Reset(Arc<Snapshot>, Watch),
}

/// What a watch delivers.
#[derive(Clone, Debug)]
pub enum WatchItem {
    /// The events of one batch, in order and without a gap to the item before.
    Events(Arc<[Event]>),
    /// The reader was too slow, and events were dropped.
    Lagged {
        /// The number of dropped events.
        missed: u64,
        /// The state after them; the next events continue from here.
        snapshot: Arc<Snapshot>,
    },
}

impl Watch {
    /// Waits for the next item; `None` when the writer is gone and everything was delivered. Safe to cancel.
    pub async fn next(&mut self) -> Option<WatchItem> {
        loop {
            if let Some(item) = self.take() {
                return Some(item);
            }
            if self.published.changed().await.is_err() {
                // The last batch may have come meanwhile.
                return self.take();
            }
        }
    }

    /// The next item, if it is there.
    fn take(&mut self) -> Option<WatchItem> {
        let next = self.shared.history.lock().after(self.index);
        match next {
            NextBatch::None => None,
            NextBatch::Events(batch) => {
                self.index = batch.last().map_or(self.index, |event| event.index);
                Some(WatchItem::Events(batch))
            }
            NextBatch::Dropped => {
                // The batches that are still kept are part of the snapshot: continue after them.
                let snapshot = self.shared.snapshot.load_full();
                let missed = snapshot.index.saturating_sub(self.index);
                self.index = snapshot.index;
                Some(WatchItem::Lagged { missed, snapshot })
            }
        }
    }
}
