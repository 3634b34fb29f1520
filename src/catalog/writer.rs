//! Works out what changed, and publishes it.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::reader::{CatalogState, NEVER, Reader};
use super::snapshot::Snapshot;
use crate::engine::Clock;
use crate::model::{
    Change, DetailLevel, Event, EventKind, PartialError, Service, ServiceId, Update, UpdateSink, changed_fields, diff,
};

/// So many batches are kept for readers that are slow. At one a second, as a polled source makes them, a reader may be
/// four minutes late.
const KEPT: usize = 256;

/// The one writer of a catalog, for one source.
#[derive(Debug)]
pub struct Writer {
    source: &'static str,
    depth: DetailLevel,
    known: BTreeMap<ServiceId, Arc<Service>>,
    index: u64,
    synced: bool,
    stale: Option<PartialError>,
    /// Faults that were told, so that one which stays is told once.
    faults: Vec<PartialError>,
    /// What happened in the batch at hand.
    events: Vec<Event>,
    shared: Arc<CatalogState>,
    sender: broadcast::Sender<Arc<[Event]>>,
}

impl Writer {
    /// An empty catalog for `source`, which reads so much of each service; `clock` tells how old its answers are.
    pub fn new(source: &'static str, depth: DetailLevel, clock: Clock) -> Self {
        let shared = CatalogState { snapshot: ArcSwap::default(), clock, answered: AtomicU64::new(NEVER) };
        Self {
            source,
            depth,
            known: BTreeMap::new(),
            index: 0,
            synced: false,
            stale: None,
            faults: Vec::new(),
            events: Vec::new(),
            shared: Arc::new(shared),
            sender: broadcast::Sender::new(KEPT),
        }
    }

    /// A reader; there may be any number.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared), events: self.sender.downgrade() }
    }

    fn apply_one(&mut self, update: Update) {
        match update {
            Update::Reset(services) => self.reset(services),
            Update::Upsert(service) => self.upsert(service),
            Update::Remove(id) => {
                if let Some(gone) = self.known.remove(&id) {
                    self.tell(EventKind::Removed(gone));
                }
            }
            Update::PartialError(fault) => {
                if !self.faults.contains(&fault) {
                    self.faults.push(fault.clone());
                    self.tell(EventKind::Error(fault));
                }
            }
        }
    }

    fn reset(&mut self, services: Vec<Service>) {
        let services: Vec<Arc<Service>> = services.into_iter().map(Arc::new).collect();
        let new: BTreeMap<&ServiceId, &Arc<Service>> = services.iter().map(|new| (&new.id, new)).collect();
        let known = mem::take(&mut self.known);
        let changes = diff(known.values().map(|old| &**old), new.values().map(|new| &***new));
        for change in changes {
            let item = |service: &Service| new.get(&service.id).map(|new| Arc::clone(new));
            let kind = match change {
                Change::Added(new) => item(new).map(EventKind::Added),
                Change::Updated { old, new, changed } => {
                    let was = old.health_unlike(new);
                    item(new).map(|item| EventKind::Updated { item, changed, was })
                }
                Change::Removed(old) => known.get(&old.id).map(|old| EventKind::Removed(Arc::clone(old))),
            };
            if let Some(kind) = kind {
                self.tell(kind);
            }
        }
        self.known = new.into_iter().map(|(id, new)| (id.clone(), Arc::clone(new))).collect();
        // A whole answer: what could not be read before could be now.
        self.faults.clear();
        if !mem::replace(&mut self.synced, true) {
            self.tell(EventKind::Synced { services: self.known.len() });
        }
    }

    fn upsert(&mut self, service: Service) {
        let item = Arc::new(service);
        let kind = match self.known.insert(item.id.clone(), Arc::clone(&item)) {
            None => EventKind::Added(item),
            Some(old) => match changed_fields(&old, &item) {
                changed if changed.is_empty() => return,
                changed => EventKind::Updated { was: old.health_unlike(&item), item, changed },
            },
        };
        self.tell(kind);
    }

    fn tell(&mut self, kind: EventKind) {
        self.index += 1;
        let (index, source) = (self.index, self.source.into());
        self.events.push(Event { index, time: Timestamp::now(), source, kind });
    }

    /// The new set is there before anybody hears of it.
    fn publish(&mut self) {
        self.shared.snapshot.store(Arc::new(Snapshot {
            index: self.index,
            services: self.known.values().cloned().collect(),
            synced: self.synced,
            stale: self.stale.clone(),
        }));
        // That nobody listens is no failure.
        let _ = self.sender.send(mem::take(&mut self.events).into());
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
        let now = u64::try_from(self.shared.clock.now().as_nanos()).unwrap_or(NEVER - 1);
        self.shared.answered.store(now, Ordering::Release);
        let recovered = self.stale.take().is_some();
        if recovered && was_synced {
            self.tell(EventKind::Synced { services: self.known.len() });
        }
        if recovered || !self.events.is_empty() {
            self.publish();
        }
    }

    fn mark_stale(&mut self, fault: PartialError) {
        // Once for each reason, not for each try.
        if self.stale.as_ref() != Some(&fault) {
            let age = self.age();
            self.stale = Some(fault.clone());
            self.tell(EventKind::Stale { age, error: fault });
            self.publish();
        }
    }
}
