//! The changes of a service's endpoints, for any number of watches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};

use super::pick_set::{PickSet, SetStatus};
use crate::model::{Endpoint, PartialError, changed_endpoint_fields};

/// The number of batches that a slow watch may be late.
const EVENT_BUFFER: usize = 256;

/// A change of the endpoints of a service.
#[derive(Clone, Debug)]
pub struct ServiceEvent {
    /// The number of the event, from 1, without gaps. It is the same in all watches of a resolver.
    pub index: u64,
    /// When this process learned of it.
    pub time: Timestamp,
    /// The service.
    pub service: Arc<str>,
    /// What happened.
    pub kind: ServiceEventKind,
}

/// What happened to the endpoints of a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServiceEventKind {
    /// These are all endpoints. A watch of a service that is known already begins with it.
    Reset(Arc<[Arc<Endpoint>]>),
    /// A new endpoint.
    Added(Arc<Endpoint>),
    /// A changed endpoint. `changed`: its fields that differ, as in `ready` or `instance.version`.
    Updated {
        /// Its current state.
        endpoint: Arc<Endpoint>,
        /// The fields that differ, at least one.
        changed: Vec<String>,
    },
    /// An endpoint that is gone.
    Removed(Arc<Endpoint>),
    /// The registry is unreachable. The endpoints stay, but may be out of date.
    Stale(Arc<PartialError>),
    /// All endpoints are known; later events are changes. Also when the registry is reachable again.
    Synced {
        /// The number of endpoints.
        endpoints: usize,
    },
    /// The watch was too slow and missed events. A [`Reset`](Self::Reset) follows.
    Lagged {
        /// The number of missed events.
        missed: u64,
    },
}

/// Events that belong together.
type EventBatch = Arc<[ServiceEvent]>;

/// Sends the changes of a resolver's endpoints to its watches. It never waits for one.
#[derive(Debug)]
pub(super) struct ChangeFeed {
    service: Arc<str>,
    sender: broadcast::Sender<EventBatch>,
    state: Mutex<FeedState>,
}

/// What has been sent.
#[derive(Debug, Default)]
struct FeedState {
    index: u64,
    endpoints: BTreeMap<String, Arc<Endpoint>>,
    is_synced: bool,
    stale: Option<Arc<PartialError>>,
}

impl ChangeFeed {
    pub(super) fn new(service: &str) -> Self {
        Self { service: service.into(), sender: broadcast::Sender::new(EVENT_BUFFER), state: Mutex::default() }
    }

    /// The number of watches.
    pub(super) fn receivers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Sends what differs from the last set.
    pub(super) fn publish(&self, set: &PickSet) {
        let mut state = self.state.lock();
        let mut kinds = state.take_over(&set.matching);
        let was_stale = state.stale.take();
        state.stale.clone_from(&set.stale);

        let is_ready = matches!(set.status, SetStatus::Ready);
        let has_recovered = was_stale.is_some() && set.stale.is_none();
        match &set.stale {
            Some(error) if was_stale.as_ref() != Some(error) => kinds.push(ServiceEventKind::Stale(Arc::clone(error))),
            None if is_ready && (!state.is_synced || has_recovered) => {
                kinds.push(ServiceEventKind::Synced { endpoints: state.endpoints.len() });
            }
            _ => {}
        }
        state.is_synced |= is_ready;

        if !kinds.is_empty() {
            let batch: EventBatch = kinds.into_iter().map(|kind| state.next(&self.service, kind)).collect();
            // Without a watch there is no receiver.
            let _ = self.sender.send(batch);
        }
    }

    /// A watch that begins with the present endpoints.
    pub(super) fn subscribe(this: &Arc<Self>) -> ChangeReceiver {
        let (receiver, ready, index) = this.restart();
        ChangeReceiver { feed: Arc::clone(this), receiver, ready, index }
    }

    /// A receiver, what it has to know first, and the index of the last event that this includes.
    fn restart(&self) -> (broadcast::Receiver<EventBatch>, VecDeque<ServiceEvent>, u64) {
        let state = self.state.lock();
        let mut kinds = Vec::new();
        if state.is_synced {
            kinds.push(ServiceEventKind::Reset(state.endpoints.values().map(Arc::clone).collect()));
            kinds.push(ServiceEventKind::Synced { endpoints: state.endpoints.len() });
        }
        if let Some(error) = &state.stale {
            kinds.push(ServiceEventKind::Stale(Arc::clone(error)));
        }

        let events = kinds.into_iter().map(|kind| state.event(&self.service, kind)).collect();
        (self.sender.subscribe(), events, state.index)
    }
}

impl FeedState {
    /// Takes over the endpoints, and returns what differs: what is gone first.
    fn take_over(&mut self, endpoints: &[Arc<Endpoint>]) -> Vec<ServiceEventKind> {
        let now: BTreeMap<String, Arc<Endpoint>> =
            endpoints.iter().map(|endpoint| (endpoint.to_string(), Arc::clone(endpoint))).collect();
        let before = std::mem::replace(&mut self.endpoints, now);

        let gone = before.iter().filter(|(key, _)| !self.endpoints.contains_key(*key));
        let gone = gone.map(|(_, endpoint)| ServiceEventKind::Removed(Arc::clone(endpoint)));
        let there = self.endpoints.iter().filter_map(|(key, endpoint)| match before.get(key) {
            None => Some(ServiceEventKind::Added(Arc::clone(endpoint))),
            Some(old) => {
                let changed = changed_endpoint_fields(old, endpoint);
                let updated = ServiceEventKind::Updated { endpoint: Arc::clone(endpoint), changed: changed.clone() };
                (!changed.is_empty()).then_some(updated)
            }
        });
        gone.chain(there).collect()
    }

    fn next(&mut self, service: &Arc<str>, kind: ServiceEventKind) -> ServiceEvent {
        self.index += 1;
        self.event(service, kind)
    }

    fn event(&self, service: &Arc<str>, kind: ServiceEventKind) -> ServiceEvent {
        ServiceEvent { index: self.index, time: Timestamp::now(), service: Arc::clone(service), kind }
    }
}

/// Receives the changes of a resolver's endpoints.
#[derive(Debug)]
pub(super) struct ChangeReceiver {
    feed: Arc<ChangeFeed>,
    receiver: broadcast::Receiver<EventBatch>,
    /// Events to deliver before the next ones are received.
    ready: VecDeque<ServiceEvent>,
    /// The index of the last event that was received.
    index: u64,
}

impl ChangeReceiver {
    /// The next event. Safe to cancel. It never ends: the receiver keeps its feed.
    pub(super) async fn next(&mut self) -> Option<ServiceEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }

            match self.receiver.recv().await {
                Ok(batch) => {
                    self.index = batch.last().map_or(self.index, |event| event.index);
                    self.ready.extend(batch.iter().cloned());
                }
                Err(RecvError::Lagged(_)) => self.resync(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Whether all events that were received are delivered.
    pub(super) fn is_drained(&self) -> bool {
        self.ready.is_empty()
    }

    /// Continues from the present endpoints, after missed events.
    fn resync(&mut self) {
        let (receiver, events, index) = self.feed.restart();
        let missed = index.saturating_sub(self.index);
        let (service, time) = (Arc::clone(&self.feed.service), Timestamp::now());
        let lagged = ServiceEvent { index, time, service, kind: ServiceEventKind::Lagged { missed } };

        (self.receiver, self.index) = (receiver, index);
        self.ready.push_back(lagged);
        self.ready.extend(events);
    }
}
