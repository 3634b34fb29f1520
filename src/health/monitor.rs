//! Looks at services again and again, each at times of its own, and tells what becomes of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::validator::{CheckedEndpoint, EndpointValidator, ValidationPool};
use super::watched::{ThresholdRules, WatchedService};
use crate::engine::{Job, Retry, Shutdown};
use crate::model::{CheckSpec, DeclaredDetail, Service, ServiceId, Update, UpdateSink};
use crate::source::SourceMessage;

/// Looks at services again and again.
#[derive(Debug)]
pub(crate) struct EndpointMonitor {
    /// What to ask every service, beside what it declares itself.
    ask: Arc<CheckSpec>,
    rules: ThresholdRules,
    interval: Duration,
    crew: ValidationPool,
    services: BTreeMap<ServiceId, WatchedService>,
    /// Whose endpoint a number is.
    places: HashMap<usize, ServiceId>,
    /// When to check which endpoint number. Numbers no longer in use are skipped.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The last number that was given.
    last: usize,
    /// For what is drawn by lot.
    seed: u64,
    /// Looks that are under way.
    looking: usize,
    /// Whether the source has listed what it has.
    listed: bool,
    /// Whether the whole listing was reported.
    synced: bool,
}

/// So many looks are under way at most, and so many answers taken together: as long as the queues are.
const BATCH: usize = 1024;
/// A look comes by up to this part of the interval earlier or later, so that those of many do not come together.
const JITTER: u32 = 10;

impl EndpointMonitor {
    /// Looks by `validator` at what is asked by `ask`, each endpoint once an `interval`. Must be called within a tokio
    /// runtime.
    pub(crate) fn new(
        validator: EndpointValidator,
        ask: Arc<CheckSpec>,
        rules: ThresholdRules,
        interval: Duration,
    ) -> Self {
        Self {
            ask,
            rules,
            interval,
            crew: Arc::new(validator).crew(1, &Shutdown::new()),
            services: BTreeMap::new(),
            places: HashMap::new(),
            due: BinaryHeap::new(),
            last: 0,
            seed: Retry::random_seed(),
            looking: 0,
            listed: false,
            synced: false,
        }
    }

    /// Looks at what is heard of, and tells `feed`, until nothing more can be heard.
    pub(crate) async fn run(mut self, mut heard: mpsc::UnboundedReceiver<SourceMessage>, feed: &mut dyn UpdateSink) {
        let mut answers = Vec::new();
        loop {
            let next = self.due.peek().map(|Reverse((at, _))| *at);
            let due = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                said = heard.recv() => match said {
                    Some(said) => self.hear(said, feed),
                    None => return,
                },
                _ = self.crew.answers.recv_many(&mut answers, BATCH) => {
                    let updates = self.take(std::mem::take(&mut answers));
                    feed.apply_derived(updates);
                }
                () = due, if self.has_room() => self.look(),
            }
        }
    }

    /// Hands in what is due, as far as there is room.
    fn look(&mut self) {
        let now = Instant::now();
        while self.has_room()
            && let Some(&Reverse((at, number))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            let watched = self.places.get(&number).and_then(|id| self.services.get(id));
            if let Some(subject) = watched.and_then(|watched| watched.subject(number, &self.rules)) {
                self.looking += usize::from(self.crew.pool.try_submit(Job::new(subject)).is_ok());
            }
        }
    }

    fn has_room(&self) -> bool {
        self.looking < BATCH
    }

    /// Takes what was seen; what there is to tell of it.
    fn take(&mut self, answers: Vec<CheckedEndpoint>) -> Vec<Update> {
        let mut updates = Vec::new();
        self.looking -= answers.len().min(self.looking);
        for CheckedEndpoint { index, evidence } in answers {
            let Some(watched) = self.places.get(&index).and_then(|id| self.services.get_mut(id)) else { continue };
            let is_first = watched.numbers().any(|(number, was_seen)| number == index && !was_seen);
            watched.seen(index, evidence, &self.rules);
            updates.extend(watched.news(&self.rules).map(Update::Upsert));
            self.look_again(index, is_first);
        }
        updates.extend(self.whole());
        updates
    }

    /// Says when to look again. After the first look it is drawn by lot, so that those of many are spread.
    fn look_again(&mut self, number: usize, is_first: bool) {
        let jitter = self.interval / JITTER;
        let (least, lot) =
            if is_first { (Duration::ZERO, self.interval) } else { (self.interval.saturating_sub(jitter), jitter * 2) };
        let lot = Retry { base: lot, cap: lot, ..Retry::default() }.wait(&mut self.seed, 1);
        self.due.push(Reverse((Instant::now() + least + lot, number)));
    }

    /// Takes in what the source says; what it says of its own goes to `feed` with what there is to tell at once.
    fn hear(&mut self, said: SourceMessage, feed: &mut dyn UpdateSink) {
        let (updates, is_amended) = match said {
            SourceMessage::Failed(fault) => return feed.mark_stale(fault),
            SourceMessage::Updates(updates) => (updates, false),
            SourceMessage::Amended(updates) => (updates, true),
        };
        let mut told = Vec::new();
        for update in updates {
            match update {
                Update::Reset(services) => {
                    let named: HashSet<&ServiceId> = services.iter().map(|service| &service.id).collect();
                    let gone = self.services.keys().filter(|id| !named.contains(id));
                    let gone: Vec<ServiceId> = gone.cloned().collect();
                    told.extend(gone.into_iter().filter_map(|id| self.forget(id)));
                    told.extend(services.into_iter().filter_map(|service| self.learn(service)));
                    self.listed = true;
                }
                Update::Upsert(service) => told.extend(self.learn(service)),
                Update::Remove(id) => told.extend(self.forget(id)),
                Update::PartialError(fault) => told.push(Update::PartialError(fault)),
            }
        }
        told.extend(self.whole());
        if is_amended { feed.apply_derived(told) } else { feed.apply(told) }
    }

    /// Takes in a service as its source describes it now. It is reported once all of its endpoints were checked.
    fn learn(&mut self, service: Service) -> Option<Update> {
        let declared = service.detail.downcast_ref::<DeclaredDetail>();
        let ask = declared.map_or_else(|| Arc::clone(&self.ask), |declared| Arc::new(self.ask.over(&declared.ask)));
        let id = service.id.clone();
        let mut gone = HashSet::new();
        let mut watched = match self.services.get_mut(&id) {
            None => WatchedService::new(service, ask, &mut self.last),
            Some(known) => {
                gone.extend(known.numbers().map(|(number, _)| number));
                known.described(service, ask, &mut self.last)?
            }
        };
        let news = watched.news(&self.rules);
        for (number, _) in watched.numbers() {
            // One that it had before is due when it was, or is being looked at.
            if !gone.remove(&number) {
                self.places.insert(number, id.clone());
                self.due.push(Reverse((Instant::now(), number)));
            }
        }
        for number in gone {
            self.places.remove(&number);
        }
        self.services.insert(id, watched);
        news.map(Update::Upsert)
    }

    fn forget(&mut self, id: ServiceId) -> Option<Update> {
        let gone = self.services.remove(&id)?;
        gone.numbers().for_each(|(number, _)| drop(self.places.remove(&number)));
        gone.is_known().then_some(Update::Remove(id))
    }

    /// All services, once: when everything that the source listed at first has been looked at.
    fn whole(&mut self) -> Option<Update> {
        if self.synced || !self.listed || !self.services.values().all(WatchedService::is_told) {
            return None;
        }
        self.synced = true;
        Some(Update::Reset(self.services.values().map(|watched| watched.item(&self.rules)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::check::{Resolvers, Roots};
    use crate::health::{Evidence, Thresholds, ValidatorOptions};
    use crate::model::{Address, DetailLevel, Endpoint, PartialError, Transport};

    /// What a feed received.
    #[derive(Default)]
    struct FeedState(Vec<Update>);

    impl UpdateSink for FeedState {
        fn detail_level(&self) -> DetailLevel {
            DetailLevel::Full
        }

        fn apply(&mut self, updates: Vec<Update>) {
            self.0.extend(updates);
        }

        fn mark_stale(&mut self, _fault: PartialError) {}
    }

    fn monitor() -> EndpointMonitor {
        let timeout = Duration::from_secs(1);
        let options = ValidatorOptions {
            timeout,
            retries: 0,
            samples: 1,
            again: Some(timeout),
            concurrency: 1,
            cache_ttl: None,
            ..ValidatorOptions::default()
        };
        let resolvers = Arc::new(Resolvers::new(Vec::new(), timeout));
        let validator = EndpointValidator::new(options, Arc::new(Roots::of_system(Vec::new())), resolvers);
        let rules = ThresholdRules {
            thresholds: Thresholds { rise: 2, fall: 3 },
            ignored: Vec::new(),
            via: None,
            after_check: None,
        };
        EndpointMonitor::new(validator, Arc::default(), rules, timeout)
    }

    fn service(name: &str, ports: &[u16]) -> Service {
        let endpoint =
            |port: &u16| Endpoint::new(Address::Ip(IpAddr::from([127, 0, 0, 1])), Some(*port), Transport::Tcp);
        let endpoints = ports.iter().map(endpoint).collect();
        let declared = DeclaredDetail { from: "a".into(), protocol: None, ask: Arc::default() };
        Service { name: Some(name.into()), ..Service::new("file/a", "file", endpoints, declared).erase() }
    }

    fn numbers(monitor: &EndpointMonitor) -> Vec<usize> {
        monitor.services.values().flat_map(|watched| watched.numbers().map(|(number, _)| number)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_spread_over_the_interval() {
        let (mut monitor, mut told) = (monitor(), FeedState::default());
        monitor.seed = 8;
        let ports: Vec<u16> = (1..=200).collect();
        monitor.hear(SourceMessage::Updates(vec![Update::Reset(vec![service("a", &ports)])]), &mut told);
        let mut waits = || -> Vec<Duration> {
            monitor.due.clear();
            for index in numbers(&monitor) {
                monitor.take(vec![CheckedEndpoint { index, evidence: Evidence::default() }]);
            }
            monitor.due.iter().map(|Reverse((at, _))| *at - Instant::now()).collect()
        };
        let second = Duration::from_secs(1);
        let first = waits();
        assert_eq!(first.len(), 200);
        for quarter in 0..4 {
            let within = first.iter().filter(|wait| wait.as_millis() * 4 / second.as_millis() == quarter).count();
            assert!(within > 20, "{within} in quarter {quarter}");
        }
        // From then on they keep apart, and drift.
        let next = waits();
        let is_near = |wait: &Duration| (second * 9 / 10..=second * 11 / 10).contains(wait);
        assert!(next.iter().all(is_near), "{next:?}");
        assert!([second * 19 / 20, second * 21 / 20].iter().all(|bound| {
            let below = next.iter().filter(|wait| *wait < bound).count();
            (20..180).contains(&below)
        }));
    }

    #[tokio::test]
    async fn a_look_holds_for_what_is_described_anew_meanwhile() {
        let (mut monitor, mut told) = (monitor(), FeedState::default());
        monitor.hear(SourceMessage::Updates(vec![Update::Reset(vec![service("a", &[1, 2, 2])])]), &mut told);
        let [one, two, same] = numbers(&monitor)[..] else { panic!("each endpoint has a number") };
        // Another name, and in place of an endpoint another; the looks at all of them are under way.
        monitor.due.clear();
        monitor.hear(SourceMessage::Updates(vec![Update::Upsert(service("b", &[2, 1, 3]))]), &mut told);
        let [_, _, three] = numbers(&monitor)[..] else { panic!("each endpoint has a number") };
        assert_eq!(numbers(&monitor), [two, one, three]);
        let due: Vec<usize> = monitor.due.iter().map(|Reverse((_, number))| *number).collect();
        assert_eq!(due, [three], "the others are being looked at");
        assert!(told.0.is_empty(), "{:?}", told.0);
        let judged = |index| CheckedEndpoint { index, evidence: Evidence::default() };
        assert!(monitor.take(vec![judged(one), judged(two), judged(same)]).is_empty());
        let updates = monitor.take(vec![judged(three)]);
        let [Update::Upsert(service), Update::Reset(all)] = &updates[..] else { panic!("{updates:?}") };
        assert_eq!((service.name.as_ref().unwrap().as_raw(), all.len()), ("b", 1));
    }
}
