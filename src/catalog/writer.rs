//! The writing side of a catalog: computes changes and publishes them.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::reader::{CatalogState, NEVER, Reader};
use super::set::Set;
use super::snapshot::Snapshot;
use crate::engine::Clock;
use crate::model::{DetailLevel, Event, EventKind, PartialError, Update, UpdateSink};

/// The one writer of a catalog, for one source.
#[derive(Debug)]
pub struct Writer {
    source: &'static str,
    depth: DetailLevel,
    known: Set,
    index: u64,
    synced: bool,
    stale: Option<PartialError>,
    /// Since when a complete listing is awaited, by the clock of the catalog: since the beginning, or the source's failure.
    awaited_since: Duration,
    /// Errors already reported, so that each is reported once.
    faults: Vec<PartialError>,
    /// Those that were reported before a complete listing, until its end: the listing may have them too.
    former_faults: Vec<PartialError>,
    /// Events of the current batch.
    events: Vec<Event>,
    shared: Arc<CatalogState>,
    published: watch::Sender<()>,
}

impl Writer {
    /// An empty catalog for `source`. `clock` measures the age of the last update.
    pub fn new(source: &'static str, depth: DetailLevel, clock: Clock) -> Self {
        let awaited_since = clock.now();
        let shared = CatalogState {
            snapshot: ArcSwap::default(),
            clock,
            answered: AtomicU64::new(NEVER),
            history: Mutex::default(),
        };

        Self {
            source,
            depth,
            known: Set::new(),
            index: 0,
            synced: false,
            stale: None,
            awaited_since,
            faults: Vec::new(),
            former_faults: Vec::new(),
            events: Vec::new(),
            shared: Arc::new(shared),
            published: watch::Sender::new(()),
        }
    }

    /// A new reader; there may be any number.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared), published: self.published.subscribe() }
    }

    fn apply_one(&mut self, update: Update) {
        if let Update::PartialError(error) = update {
            if self.faults.contains(&error) {
                return;
            }
            self.faults.push(error.clone());
            if !self.former_faults.contains(&error) {
                self.record(EventKind::Error(error));
            }
            return;
        }

        if let Update::Recovered(operation) = &update {
            // The same error is news when it happens again.
            self.faults.retain(|fault| fault.operation != *operation);
        }

        let is_whole = matches!(update, Update::Reset(_));
        for change in self.known.apply(update) {
            self.record(change.into());
        }
        if is_whole {
            // After a complete listing, earlier errors are resolved.
            self.former_faults = mem::take(&mut self.faults);
            if !mem::replace(&mut self.synced, true) {
                self.record_synced();
            }
        }
    }

    fn record_synced(&mut self) {
        let duration = self.shared.clock.now().saturating_sub(self.awaited_since);
        self.record(EventKind::Synced { services: self.known.len(), duration: Some(duration) });
    }

    fn record(&mut self, kind: EventKind) {
        self.index += 1;
        let (index, source) = (self.index, self.source.into());
        self.events.push(Event { index, time: Timestamp::now(), source, kind });
    }

    /// Publishes the new set before its events.
    fn publish(&mut self) {
        self.shared.snapshot.store(Arc::new(Snapshot {
            index: self.index,
            services: self.known.clone(),
            synced: self.synced,
            stale: self.stale.clone(),
        }));
        let events: Arc<[Event]> = mem::take(&mut self.events).into();
        self.shared.history.lock().keep(events);
        self.published.send_replace(());
    }

    fn age(&self) -> Option<Duration> {
        self.reader().age()
    }
}

impl UpdateSink for Writer {
    fn detail_level(&self) -> DetailLevel {
        self.depth
    }

    fn apply_derived(&mut self, updates: Vec<Update>) {
        for update in updates {
            self.apply_one(update);
        }
        if !self.events.is_empty() {
            self.publish();
        }
    }

    fn apply(&mut self, updates: Vec<Update>) {
        let was_synced = self.synced;
        for update in updates {
            self.apply_one(update);
        }
        self.former_faults.clear();

        let now = u64::try_from(self.shared.clock.now().as_nanos()).unwrap_or(NEVER - 1);
        self.shared.answered.store(now, Ordering::Release);

        let recovered = self.stale.take().is_some();
        if recovered && was_synced {
            self.record_synced();
        }
        if recovered || !self.events.is_empty() {
            self.publish();
        }
    }

    fn mark_stale(&mut self, fault: PartialError) {
        // Once for each cause, not for each attempt.
        if self.stale.as_ref() != Some(&fault) {
            let age = self.age();
            if self.synced && self.stale.is_none() {
                self.awaited_since = self.shared.clock.now();
            }
            self.stale = Some(fault.clone());
            self.record(EventKind::Stale { age, error: fault });
            self.publish();
        }
    }
}
