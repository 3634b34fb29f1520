//! The last events, for clients that reconnect: they get exactly what they missed, or a reset.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use super::access::Scope;
use super::event::{Event, PackedEvent};
use super::service_key::ServiceKey;
use crate::model::{CONFIG_NAMESPACE, DRIFT_NAMESPACE, NODES_NAMESPACE, TRAFFIC_NAMESPACE};
use crate::store::StoredEvent;

/// What the events are about that a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EventSubject {
    /// Services and their instances.
    #[default]
    Services,
    /// A configuration, which stands in the place of the service.
    Config,
    /// Hosts whose agents report, which stand in the place of services.
    Drift,
}

/// Which events a client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) namespace: Option<String>,
    pub(super) service: Option<String>,
    /// What the client may see.
    pub(super) scope: Scope,
    /// What they are about.
    pub(super) subject: EventSubject,
}

/// What a client missed.
#[derive(Debug)]
pub(super) enum MissedEvents {
    /// These events, and nothing else, up to this index.
    Events(Vec<Arc<Event>>, u64),
    /// More than is kept.
    TooOld,
}

/// The last events.
#[derive(Debug)]
pub(super) struct Ring {
    max: usize,
    kept: RwLock<EventBuffer>,
    /// The index of the last event.
    last: watch::Sender<u64>,
    /// The index of the last event of a node.
    last_of_nodes: watch::Sender<u64>,
    /// The same for the services that clients wait for, so that a change wakes only those whom it concerns.
    last_of: RwLock<HashMap<ServiceKey, watch::Sender<u64>>>,
}

#[derive(Debug, Default)]
struct EventBuffer {
    /// The older ones, before the newest. Few clients still miss them.
    packed: VecDeque<PackedEvent>,
    /// The newest, as every watcher gets them.
    newest: VecDeque<Arc<Event>>,
    /// The bytes of all their lines, before they are packed.
    bytes: usize,
    /// The index before the first event.
    floor: u64,
    /// How often the registry began anew. Indexes from before that mean nothing.
    resets: u64,
}

/// The most bytes of all lines that are kept, before they are packed: four times as many as usual events have. Those of large
/// instances are fewer.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many events a client is given at once.
const MAX_TAKEN: usize = 256;
/// No more events are taken once their lines have this many bytes: one piece of a stream.
pub(super) const PIECE_BYTES: usize = 32 * 1024;
/// How many of the newest events are ready to be sent. Twice as many are packed down to this.
const MAX_NEWEST: usize = 256;

impl Filter {
    /// The events of one configuration. The caller checks the permission.
    pub(super) fn of_config(name: &str) -> Self {
        let (namespace, service) = (Some(CONFIG_NAMESPACE.to_owned()), Some(name.to_owned()));
        Self { namespace, service, scope: Scope::default(), subject: EventSubject::Config }
    }

    /// The events of a host whose agent reports, or of all of them. The caller checks the permission.
    pub(super) fn of_hosts(host: Option<&str>) -> Self {
        let (namespace, service) = (Some(DRIFT_NAMESPACE.to_owned()), host.map(str::to_owned));
        Self { namespace, service, scope: Scope::default(), subject: EventSubject::Drift }
    }

    fn accepts(&self, key: &ServiceKey) -> bool {
        // Events that are not about services go only to clients that ask for them.
        let subject = match &*key.namespace {
            NODES_NAMESPACE | TRAFFIC_NAMESPACE => return false,
            CONFIG_NAMESPACE => EventSubject::Config,
            DRIFT_NAMESPACE => EventSubject::Drift,
            _ => EventSubject::Services,
        };
        subject == self.subject
            && self.service.as_deref().is_none_or(|service| service == &*key.name)
            && self.namespace.as_deref().is_none_or(|namespace| namespace == &*key.namespace)
            && self.scope.contains(&key.namespace, &key.name)
    }

    /// The one service that it accepts.
    fn key(&self) -> Option<ServiceKey> {
        Some(ServiceKey::new(self.namespace.as_deref()?, self.service.as_deref()?))
    }
}

impl Ring {
    /// Whether any of the kept events is one that a client with this filter gets.
    pub(super) fn has_event(&self, filter: &Filter) -> bool {
        self.kept.read().services().any(|service| filter.accepts(service))
    }

    /// A ring that keeps `max` events, or fewer large ones. `index`: the index of the registry at its start; `stored`: the events before it,
    /// so that a client may come back after a restart.
    pub(super) fn new(max: usize, index: u64, stored: Vec<StoredEvent>) -> Self {
        let kept = RwLock::new(EventBuffer::of_stored(max, index, stored));
        let (last, last_of_nodes) = (watch::Sender::new(index), watch::Sender::new(index));
        Self { max, kept, last, last_of_nodes, last_of: RwLock::default() }
    }

    /// Begins anew at this index: every client does the same.
    pub(super) fn reset(&self, index: u64, stored: Vec<StoredEvent>) {
        let known = EventBuffer::of_stored(self.max, index, stored);
        let mut kept = self.kept.write();
        *kept = EventBuffer { resets: kept.resets + 1, ..known };
        drop(kept);

        self.last.send_replace(index);
        self.last_of_nodes.send_replace(index);
        for waiting in self.last_of.read().values() {
            waiting.send_replace(index);
        }
    }

    /// How often it began anew. An index that a client learned before that is not one of this history.
    pub(super) fn resets(&self) -> u64 {
        self.kept.read().resets
    }

    /// The number of events that are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.read().len()
    }

    /// Adds events, in the order of their indexes, and wakes those that wait for them.
    pub(super) fn push(&self, events: &[Arc<Event>]) {
        let Some(last) = events.last().map(|event| event.index) else { return };
        let mut kept = self.kept.write();
        kept.bytes += events.iter().map(|event| event.json.len()).sum::<usize>();
        kept.newest.extend(events.iter().cloned());
        while kept.len() > self.max || kept.bytes > MAX_BYTES {
            let Some((index, bytes)) = kept.pop_oldest() else { break };
            kept.floor = index;
            kept.bytes -= bytes;
        }
        drop(kept);

        self.last.send_replace(last);
        if events.iter().any(|event| &*event.service.namespace == NODES_NAMESPACE) {
            self.last_of_nodes.send_replace(last);
        }
        let last_of = self.last_of.read();
        if !last_of.is_empty() {
            for event in events {
                if let Some(waiting) = last_of.get(&event.service) {
                    waiting.send_replace(event.index);
                }
            }
        }
        drop(last_of);
        self.pack();
    }

    /// Packs what is not new any more. Watchers are awake by now, and readers wait for none of it; the writer does.
    fn pack(&self) {
        let kept = self.kept.read();
        if kept.newest.len() < 2 * MAX_NEWEST {
            return;
        }
        let older: Vec<Arc<Event>> = kept.newest.iter().take(kept.newest.len() - MAX_NEWEST).cloned().collect();
        drop(kept);
        let packed = PackedEvent::pack(&older);

        let mut kept = self.kept.write();
        // It may have begun anew meanwhile.
        let is_same = kept.newest.iter().zip(&older).filter(|(new, old)| Arc::ptr_eq(new, old)).count() == older.len();
        if is_same {
            kept.newest.drain(..older.len());
            kept.packed.extend(packed);
        }
    }

    /// Wakes at each event that the filter may accept.
    pub(super) fn subscribe(&self, filter: &Filter) -> watch::Receiver<u64> {
        let Some(key) = filter.key() else { return self.last.subscribe() };
        let mut last_of = self.last_of.write();
        // Those whom nothing waits for any more make room.
        if last_of.len() >= 1_024 && last_of.len().is_power_of_two() {
            last_of.retain(|_, waiting| waiting.receiver_count() > 0);
        }
        let start = *self.last.borrow();
        last_of.entry(key).or_insert_with(|| watch::Sender::new(start)).subscribe()
    }

    /// Wakes at each event of a node.
    pub(super) fn subscribe_nodes(&self) -> watch::Receiver<u64> {
        self.last_of_nodes.subscribe()
    }

    /// What came after `since`, as far as the filter accepts it. `current`: the index of the view, which may be a moment
    /// ahead of the events.
    pub(super) fn missed(&self, since: u64, current: u64, filter: &Filter) -> MissedEvents {
        let kept = self.kept.read();
        let last = kept.newest.back().map_or(kept.floor, |event| event.index);
        // An index that this registry never had: it is another registry's.
        if since > last.max(current) {
            return MissedEvents::TooOld;
        }

        // Indexes are dense, so this is the position of the first that was missed.
        let start = usize::try_from(since.saturating_sub(kept.floor)).unwrap_or(usize::MAX);
        let mut wanted = kept.from(start).filter(|event| filter.accepts(event.service())).peekable();
        // What is no longer kept may have been about this service, unless its next event says otherwise.
        let is_whole = since >= kept.floor
            || (filter.key().is_some() && wanted.peek().is_some_and(|first| first.previous() <= since));
        if !is_whole {
            return MissedEvents::TooOld;
        }

        let (mut taken, mut bytes) = (Vec::<Arc<Event>>::new(), 0);
        let mut until = last.max(since);
        for event in wanted {
            if taken.len() == MAX_TAKEN || bytes >= PIECE_BYTES {
                until = taken.last().map_or(until, |event| event.index);
                break;
            }
            let Some(event) = event.ready() else { return MissedEvents::TooOld };
            bytes += event.json.len();
            taken.push(event);
        }
        MissedEvents::Events(taken, until)
    }
}

impl EventBuffer {
    /// The last of the stored events that belong together up to this index, as many as are kept.
    fn of_stored(max: usize, index: u64, stored: Vec<StoredEvent>) -> Self {
        let mut known = Self { floor: index, ..Self::default() };
        for stored in stored.into_iter().rev().take(max) {
            // Whatever does not fit ends what is known.
            let bytes = known.bytes + stored.body.len();
            let event = Event::of_line(stored.index, stored.body).filter(|event| event.index == known.floor);
            let Some(event) = event.filter(|_| bytes <= MAX_BYTES) else { break };

            known.floor -= 1;
            known.bytes = bytes;
            known.newest.push_front(Arc::new(event));
        }
        let older = known.newest.len().saturating_sub(MAX_NEWEST);
        let older: Vec<Arc<Event>> = known.newest.drain(..older).collect();
        for events in older.chunks(MAX_NEWEST) {
            known.packed.extend(PackedEvent::pack(events));
        }
        known
    }

    fn len(&self) -> usize {
        self.packed.len() + self.newest.len()
    }

    /// The events from this position on.
    fn from(&self, start: usize) -> impl Iterator<Item = KeptEvent<'_>> {
        let packed = self.packed.iter().skip(start).map(KeptEvent::Packed);
        let newest = self.newest.iter().skip(start.saturating_sub(self.packed.len()));
        packed.chain(newest.map(KeptEvent::Newest))
    }

    fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.from(0).map(KeptEvent::service)
    }

    /// Takes the oldest away: its index, and the bytes of its line.
    fn pop_oldest(&mut self) -> Option<(u64, usize)> {
        if let Some(oldest) = self.packed.pop_front() {
            return Some((oldest.index, oldest.line_bytes));
        }
        self.newest.pop_front().map(|oldest| (oldest.index, oldest.json.len()))
    }
}

/// An event as it is kept.
#[derive(Clone, Copy, Debug)]
enum KeptEvent<'k> {
    Packed(&'k PackedEvent),
    Newest(&'k Arc<Event>),
}

impl<'k> KeptEvent<'k> {
    fn service(self) -> &'k ServiceKey {
        match self {
            Self::Packed(event) => &event.service,
            Self::Newest(event) => &event.service,
        }
    }

    /// The index of the event before it that was about the same service.
    fn previous(self) -> u64 {
        match self {
            Self::Packed(event) => event.previous,
            Self::Newest(event) => event.previous,
        }
    }

    /// The event as it is sent.
    fn ready(self) -> Option<Arc<Event>> {
        match self {
            Self::Packed(event) => event.unpack(),
            Self::Newest(event) => Some(Arc::clone(event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn event(index: u64, name: &str, previous: u64) -> Arc<Event> {
        let json = Bytes::from(index.to_string());
        Arc::new(Event { index, kind: "updated", service: ServiceKey::new("default", name), previous, json })
    }

    fn of(name: &str) -> Filter {
        Filter { namespace: Some("default".to_owned()), service: Some(name.to_owned()), ..Filter::default() }
    }

    fn indexes(missed: MissedEvents) -> Option<Vec<u64>> {
        match missed {
            MissedEvents::Events(events, _) => Some(events.iter().map(|event| event.index).collect()),
            MissedEvents::TooOld => None,
        }
    }

    #[test]
    fn a_client_gets_exactly_what_it_missed_or_begins_anew() {
        let ring = Ring::new(4, 10, Vec::new());
        assert_eq!(indexes(ring.missed(10, 0, &Filter::default())), Some(vec![]));
        assert_eq!(indexes(ring.missed(9, 0, &Filter::default())), None, "before the start");
        assert_eq!(indexes(ring.missed(11, 0, &Filter::default())), None, "an index of another registry");

        ring.push(&[event(11, "a", 0), event(12, "b", 7), event(13, "a", 11)]);
        assert_eq!(indexes(ring.missed(10, 0, &Filter::default())), Some(vec![11, 12, 13]));
        assert_eq!(indexes(ring.missed(11, 0, &Filter::default())), Some(vec![12, 13]));
        assert_eq!(indexes(ring.missed(11, 0, &of("a"))), Some(vec![13]));

        ring.push(&[event(14, "c", 0), event(15, "b", 12), event(16, "a", 13)]);
        assert_eq!((ring.kept.read().floor, ring.len()), (12, 4));
        assert_eq!(indexes(ring.missed(11, 0, &Filter::default())), None);
        assert_eq!(indexes(ring.missed(12, 0, &Filter::default())), Some(vec![13, 14, 15, 16]));
        assert_eq!(
            indexes(ring.missed(11, 0, &of("a"))),
            Some(vec![13, 16]),
            "its first event says that none is missing"
        );
        assert_eq!(indexes(ring.missed(10, 0, &of("a"))), None);
        assert_eq!(indexes(ring.missed(11, 0, &of("z"))), None, "nothing is known of it");
    }

    #[test]
    fn a_change_wakes_only_those_that_wait_for_its_service() {
        let ring = Ring::new(4, 0, Vec::new());
        let [all, a, b] = [Filter::default(), of("a"), of("b")].map(|filter| ring.subscribe(&filter));
        ring.push(&[event(1, "a", 0)]);
        assert_eq!([all, a, b].map(|waiting| waiting.has_changed().unwrap()), [true, true, false]);
    }

    fn line(index: u64, previous: u64) -> StoredEvent {
        let body = format!(
            r#"{{"index":{index},"type":"updated","namespace":"default","service":"a","previous":{previous},"item":{{}}}}"#
        );
        StoredEvent::new(index, body.into_bytes())
    }

    #[test]
    fn stored_events_are_known_again_after_a_restart() {
        let ring = Ring::new(4, 9, vec![line(6, 5), line(8, 6), line(9, 8)]);
        assert_eq!((ring.kept.read().floor, ring.len()), (7, 2), "a gap ends what is known");
        assert_eq!(indexes(ring.missed(7, 0, &of("a"))), Some(vec![8, 9]));
        assert_eq!(Ring::new(4, 9, vec![line(8, 7)]).kept.read().floor, 9, "the last one is missing");
        let broken = StoredEvent::new(9, b"{}".to_vec());
        assert_eq!(Ring::new(4, 9, vec![broken]).kept.read().floor, 9);
    }

    #[test]
    fn large_events_are_fewer_and_a_client_that_misses_one_begins_anew() {
        const LARGE: usize = 4 * 1024 * 1024;
        let (ring, large) = (Ring::new(1_000, 0, Vec::new()), Bytes::from(vec![b' '; LARGE]));
        for index in 1..=20 {
            ring.push(&[Arc::new(Event {
                json: large.clone(),
                ..Arc::into_inner(event(index, "a", index - 1)).unwrap()
            })]);
        }
        assert_eq!((ring.len(), ring.kept.read().floor, ring.kept.read().bytes), (16, 4, MAX_BYTES));
        assert_eq!(indexes(ring.missed(3, 20, &Filter::default())), None);
        let MissedEvents::Events(events, until) = ring.missed(4, 20, &Filter::default()) else { panic!("it is kept") };
        assert_eq!((events.len(), until), (1, 5), "a large one is a piece of its own");

        ring.push(&[event(21, "a", 20)]);
        assert_eq!((ring.len(), ring.kept.read().floor), (16, 5));
        let stored =
            (21..=40).map(|index| StoredEvent::new(index, [line(index, index - 1).body, vec![b' '; LARGE]].concat()));
        ring.reset(40, stored.collect());
        assert_eq!((ring.len(), ring.kept.read().floor, ring.resets()), (15, 25, 1), "a line is longer than the text");
        assert_eq!(indexes(ring.missed(24, 40, &Filter::default())), None);
    }

    #[test]
    fn packed_events_are_read_as_they_were() {
        let lines: Vec<StoredEvent> = (1..=2_000).map(|index| line(index, index - 1)).collect();
        let body = |index: u64| lines.iter().find(|line| line.index == index).unwrap().body.clone();
        let pushed = Ring::new(1_500, 0, Vec::new());
        for stored in lines.chunks(7) {
            let events = stored.iter().map(|stored| Event::of_line(stored.index, stored.body.clone()).unwrap());
            pushed.push(&events.map(Arc::new).collect::<Vec<_>>());
        }
        let restarted = Ring::new(1_500, 2_000, lines.clone());

        for ring in [&pushed, &restarted] {
            let bytes: usize = (501..=2_000).map(|index| body(index).len()).sum();
            let kept = ring.kept.read();
            assert_eq!((kept.len(), kept.floor, kept.bytes), (1_500, 500, bytes));
            assert!(kept.newest.len() < 2 * MAX_NEWEST, "{}", kept.newest.len());
            let packed: usize = kept.packed.iter().map(PackedEvent::packed_bytes).sum();
            assert!(packed < bytes / 2, "{packed} of {bytes}");
            drop(kept);
            for since in [500, 501, 755, 1_400, 1_743, 1_744, 1_999] {
                let MissedEvents::Events(events, _) = ring.missed(since, 2_000, &of("a")) else { panic!("it is kept") };
                assert_eq!(events.len() as u64, (2_000 - since).min(MAX_TAKEN as u64));
                for (event, index) in events.iter().zip(since + 1..) {
                    assert_eq!((event.index, event.previous, event.kind), (index, index - 1, "updated"));
                    assert_eq!(event.json, body(index));
                }
            }
        }
    }

    #[test]
    fn a_registry_that_begins_anew_wakes_everyone() {
        let ring = Ring::new(4, 9, vec![line(9, 8)]);
        let [all, a] = [Filter::default(), of("a")].map(|filter| ring.subscribe(&filter));
        ring.reset(5, vec![line(4, 3), line(5, 4)]);
        assert_eq!((ring.resets(), ring.len(), ring.kept.read().floor), (1, 2, 3));
        assert_eq!([all, a].map(|waiting| waiting.has_changed().unwrap()), [true, true]);
        assert_eq!(indexes(ring.missed(9, 5, &Filter::default())), None, "an index of the history before");
    }

    #[test]
    fn a_long_gap_is_given_in_pieces() {
        let ring = Ring::new(1_000, 0, Vec::new());
        ring.push(&(1..=600).map(|index| event(index, "a", index - 1)).collect::<Vec<_>>());
        let mut since = 0;
        let mut pieces = Vec::new();
        while since < 600 {
            let MissedEvents::Events(events, until) = ring.missed(since, 0, &of("a")) else { panic!("it is kept") };
            pieces.push(events.len());
            since = until;
        }
        assert_eq!(pieces, [256, 256, 88]);
    }
}
