//! The reading side of a catalog: the current set and its changes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Snapshot;
use crate::engine::Clock;
use crate::model::Event;

/// The number of batches kept for slow readers. At one per second, as from a polled source, a reader may be four minutes
/// late.
pub(super) const MAX_BATCHES: usize = 256;

/// No answer has come yet.
pub(super) const NEVER: u64 = u64::MAX;

/// What the writer and its readers share.
#[derive(Debug)]
pub(super) struct CatalogState {
    pub(super) snapshot: ArcSwap<Snapshot>,
    pub(super) clock: Clock,
    /// The clock's time of the last answer in nanoseconds, or [`NEVER`].
    pub(super) answered: AtomicU64,
    /// The latest batches of events, oldest first.
    pub(super) history: Mutex<VecDeque<Arc<[Event]>>>,
}

impl CatalogState {
    /// Stores a batch for watches that resume.
    pub(super) fn keep(&self, events: Arc<[Event]>) {
        if events.is_empty() {
            return;
        }
        let mut history = self.history.lock();
        if history.len() == MAX_BATCHES {
            history.pop_front();
        }
        history.push_back(events);
    }

    /// The events after `index`, in order; `None` if some of them are no longer kept.
    fn since(&self, index: u64) -> Option<VecDeque<Arc<[Event]>>> {
        let history = self.history.lock();
        let last = history.back().and_then(|batch| batch.last()).map_or(0, |event| event.index);
        if index >= last {
            return (index == last).then(VecDeque::new);
        }

        let first = history.front()?.first()?.index;
        if index + 1 < first {
            return None;
        }
        let missed = history.iter().skip_while(|batch| batch.last().is_none_or(|event| event.index <= index));
        Some(missed.map(|batch| after(batch, index)).collect())
    }
}

/// The events of a batch after `index`.
fn after(batch: &Arc<[Event]>, index: u64) -> Arc<[Event]> {
    match batch.iter().position(|event| event.index > index) {
        Some(0) => Arc::clone(batch),
        Some(at) => batch[at..].into(),
        None => Arc::default(),
    }
}

/// Reads a catalog. Cheap to clone, and never blocks the writer.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<CatalogState>,
    /// For new watches; weak, so that the channel closes with the writer.
    pub(super) events: broadcast::WeakSender<Arc<[Event]>>,
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
        // Events between the two steps are in both; their index tells them apart.
        let events = self.events.upgrade().map(|sender| sender.subscribe());
        let snapshot = self.load();
        let watch = Watch { index: snapshot.index, missed: VecDeque::new(), events, shared: Arc::clone(&self.shared) };
        (snapshot, watch)
    }

    /// A watch that continues after the event with that index: it delivers exactly the missed events, then the later ones.
    /// If they are no longer kept, or the index is of another catalog, it starts anew.
    pub fn watch_since(&self, index: u64) -> Resumed {
        // Events between the two steps are in both; their index tells them apart.
        let events = self.events.upgrade().map(|sender| sender.subscribe());
        match self.shared.since(index) {
            Some(missed) => Resumed::Continued(Watch { index, missed, events, shared: Arc::clone(&self.shared) }),
            None => {
                let (snapshot, watch) = self.watch();
                Resumed::Reset(snapshot, watch)
            }
        }
    }
}

/// Receives the changes of a catalog. A slow watch does not delay the writer: see [`WatchItem::Lagged`].
#[derive(Debug)]
pub struct Watch {
    shared: Arc<CatalogState>,
    /// `None`: the writer had gone before the watch began.
    events: Option<broadcast::Receiver<Arc<[Event]>>>,
    /// The index of the last event that was delivered, also as part of a snapshot.
    index: u64,
    /// Events from before the watch that are still to be reported.
    missed: VecDeque<Arc<[Event]>>,
}

/// How a watch that resumes begins.
#[derive(Debug)]
pub enum Resumed {
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
        if let Some(batch) = self.missed.pop_front() {
            self.index = batch.last().map_or(self.index, |event| event.index);
            return Some(WatchItem::Events(batch));
        }

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
                    // The batches that are still kept are part of the snapshot: continue after them.
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
