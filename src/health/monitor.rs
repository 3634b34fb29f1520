//! Checks services at an interval and reports confirmed changes of their health.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::latest::LatestHealth;
use super::validator::{CheckedEndpoint, EndpointValidator, ValidationPool};
use super::watched::{ThresholdRules, WatchedService};
use crate::engine::{Job, Retry, Shutdown};
use crate::model::{CheckSpec, DeclaredDetail, Service, ServiceId, Update, UpdateSink};
use crate::source::SourceMessage;

/// Checks services at an interval.
#[derive(Debug)]
pub(crate) struct EndpointMonitor {
    /// The spec of every service; a service's own declarations have precedence.
    spec: Arc<CheckSpec>,
    rules: ThresholdRules,
    interval: Duration,
    /// Where each result goes, whether or not it is confirmed.
    latest: Option<Arc<LatestHealth>>,
    workers: ValidationPool,
    services: BTreeMap<ServiceId, WatchedService>,
    /// The service of each endpoint number.
    owners: HashMap<usize, ServiceId>,
    /// When to check which endpoint number. Numbers no longer in use are skipped.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The last endpoint number in use.
    last_number: usize,
    /// The seed of the jitter.
    seed: u64,
    /// The number of checks in progress.
    in_flight: usize,
    /// Whether the source has sent its initial listing.
    listed: bool,
    /// Whether the initial listing was reported.
    synced: bool,
}

/// The number of checks in progress and of results to take together: the capacity of the queues.
const BATCH: usize = 1024;
/// Each check moves by up to this part of the interval, so that the checks of many endpoints are spread.
const JITTER: u32 = 10;

impl EndpointMonitor {
    /// Checks each endpoint with `validator` once per `interval`. Must be called within a tokio runtime.
    pub(crate) fn new(
        validator: EndpointValidator,
        spec: Arc<CheckSpec>,
        rules: ThresholdRules,
        interval: Duration,
    ) -> Self {
        Self {
            spec,
            rules,
            interval,
            latest: None,
            workers: Arc::new(validator).start_workers(1, &Shutdown::new()),
            services: BTreeMap::new(),
            owners: HashMap::new(),
            due: BinaryHeap::new(),
            last_number: 0,
            seed: Retry::random_seed(),
            in_flight: 0,
            listed: false,
            synced: false,
        }
    }

    /// Also keeps each result, whether or not it is confirmed, in `latest`.
    pub(crate) fn with_latest(self, latest: Option<Arc<LatestHealth>>) -> Self {
        Self { latest, ..self }
    }

    /// Receives messages of the source and feeds `feed`, until the source ends.
    pub(crate) async fn run(mut self, mut source: mpsc::UnboundedReceiver<SourceMessage>, feed: &mut dyn UpdateSink) {
        let mut results = Vec::new();

        loop {
            let due = self.due.peek().map(|Reverse((at, _))| *at);
            tokio::select! {
                message = source.recv() => match message {
                    Some(message) => self.receive(message, feed),
                    None => return,
                },
                _ = self.workers.results.recv_many(&mut results, BATCH) => {
                    let updates = self.record(std::mem::take(&mut results));
                    feed.apply_derived(updates);
                }
                () = sleep_until_due(due), if self.has_room() => self.submit_due(),
            }
        }
    }

    /// Submits the checks that are due, as far as there is room.
    fn submit_due(&mut self) {
        let now = Instant::now();
        while self.has_room()
            && let Some(&Reverse((at, number))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            let watched = self.owners.get(&number).and_then(|id| self.services.get(id));
            if let Some(subject) = watched.and_then(|watched| watched.subject(number, &self.rules)) {
                self.in_flight += usize::from(self.workers.pool.try_submit(Job::new(subject)).is_ok());
            }
        }
    }

    fn has_room(&self) -> bool {
        self.in_flight < BATCH
    }

    /// Records results and returns the updates to report.
    fn record(&mut self, results: Vec<CheckedEndpoint>) -> Vec<Update> {
        let mut updates = Vec::new();
        self.in_flight -= results.len().min(self.in_flight);
        for CheckedEndpoint { index, evidence } in results {
            let Some(watched) = self.owners.get(&index).and_then(|id| self.services.get_mut(id)) else { continue };
            let is_first = watched.numbers().any(|(number, was_checked)| number == index && !was_checked);

            watched.record(index, evidence, &self.rules);
            if let Some(latest) = &self.latest {
                latest.set(watched.latest_item(&self.rules));
            }
            updates.extend(watched.take_change(&self.rules).map(Update::Upsert));
            self.schedule(index, is_first);
        }

        updates.extend(self.initial_listing());
        updates
    }

    /// Schedules the next check. The second one comes at a random time within the interval, so that checks are spread.
    fn schedule(&mut self, number: usize, is_first: bool) {
        let watched = self.owners.get(&number).and_then(|id| self.services.get(id));
        let interval = watched.and_then(WatchedService::interval).unwrap_or(self.interval);
        let jitter = interval / JITTER;
        let (min, range) =
            if is_first { (Duration::ZERO, interval) } else { (interval.saturating_sub(jitter), jitter * 2) };
        let random = Retry { base: range, cap: range, ..Retry::default() }.wait(&mut self.seed, 1);
        self.due.push(Reverse((Instant::now() + min + random, number)));
    }

    /// Applies a message of the source. Updates that need no check go to `feed` at once.
    fn receive(&mut self, message: SourceMessage, feed: &mut dyn UpdateSink) {
        let (updates, is_derived) = match message {
            SourceMessage::Failed(fault) => return feed.mark_stale(fault),
            SourceMessage::Updates(updates) => (updates, false),
            SourceMessage::Amended(updates) => (updates, true),
        };

        let mut reported = Vec::new();
        for update in updates {
            match update {
                Update::Reset(services) => reported.extend(self.reset(services)),
                Update::Upsert(service) => reported.extend(self.upsert(service)),
                Update::Remove(id) => reported.extend(self.remove(id)),
                other @ (Update::PartialError(_) | Update::Recovered(_)) => reported.push(other),
            }
        }

        reported.extend(self.initial_listing());
        if is_derived { feed.apply_derived(reported) } else { feed.apply(reported) }
    }

    /// Replaces all services.
    fn reset(&mut self, services: Vec<Service>) -> Vec<Update> {
        let listed: HashSet<&ServiceId> = services.iter().map(|service| &service.id).collect();
        let gone: Vec<ServiceId> = self.services.keys().filter(|id| !listed.contains(id)).cloned().collect();

        let mut updates: Vec<Update> = gone.into_iter().filter_map(|id| self.remove(id)).collect();
        updates.extend(services.into_iter().filter_map(|service| self.upsert(service)));
        self.listed = true;
        updates
    }

    /// Adds or updates a service. It is reported once all of its endpoints were checked.
    fn upsert(&mut self, service: Service) -> Option<Update> {
        let declared = service.detail.downcast_ref::<DeclaredDetail>();
        let spec = declared.map_or_else(|| Arc::clone(&self.spec), |declared| Arc::new(self.spec.over(&declared.ask)));

        let id = service.id.clone();
        let mut gone = HashSet::new();
        let mut watched = match self.services.get_mut(&id) {
            None => WatchedService::new(service, spec, &mut self.last_number),
            Some(known) => {
                gone.extend(known.numbers().map(|(number, _)| number));
                known.updated(service, spec, &mut self.last_number)?
            }
        };

        let change = watched.take_change(&self.rules);
        for (number, _) in watched.numbers() {
            // A known endpoint keeps its schedule.
            if !gone.remove(&number) {
                self.owners.insert(number, id.clone());
                self.due.push(Reverse((Instant::now(), number)));
            }
        }
        for number in gone {
            self.owners.remove(&number);
        }

        self.services.insert(id, watched);
        change.map(Update::Upsert)
    }

    fn remove(&mut self, id: ServiceId) -> Option<Update> {
        let gone = self.services.remove(&id)?;
        self.latest.iter().for_each(|latest| latest.remove(&id));
        gone.numbers().for_each(|(number, _)| drop(self.owners.remove(&number)));
        gone.was_reported().then_some(Update::Remove(id))
    }

    /// All services, once, when every service of the initial listing was checked.
    fn initial_listing(&mut self) -> Option<Update> {
        if self.synced || !self.listed || !self.services.values().all(WatchedService::is_reported) {
            return None;
        }
        self.synced = true;
        Some(Update::Reset(self.services.values().map(|watched| watched.item(&self.rules)).collect()))
    }
}

/// Waits until a check is due; forever if there is none.
async fn sleep_until_due(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::check::{Resolvers, Roots};
    use crate::health::{Evidence, Thresholds, ValidatorOptions};
    use crate::model::{Address, DetailLevel, Endpoint, PartialError, Transport};

    /// Collects updates.
    #[derive(Default)]
    struct CollectingSink(Vec<Update>);

    impl UpdateSink for CollectingSink {
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
        let rules = ThresholdRules { thresholds: Thresholds { rise: 2, fall: 3 }, ignored: Vec::new(), via: None };
        EndpointMonitor::new(validator, Arc::default(), rules, timeout)
    }

    fn service(name: &str, ports: &[u16]) -> Service {
        let address = Address::Ip(IpAddr::from([127, 0, 0, 1]));
        let endpoints = ports.iter().map(|port| Endpoint::new(address.clone(), Some(*port), Transport::Tcp)).collect();
        let declared = DeclaredDetail { from: "a".into(), ..DeclaredDetail::default() };
        Service { name: Some(name.into()), ..Service::new("file/a", "file", endpoints, declared).erase() }
    }

    fn numbers(monitor: &EndpointMonitor) -> Vec<usize> {
        monitor.services.values().flat_map(|watched| watched.numbers().map(|(number, _)| number)).collect()
    }

    /// Completes a check of every endpoint and returns the times until the next ones.
    fn check_all(monitor: &mut EndpointMonitor) -> Vec<Duration> {
        monitor.due.clear();
        for index in numbers(monitor) {
            monitor.record(vec![checked(index)]);
        }
        monitor.due.iter().map(|Reverse((at, _))| *at - Instant::now()).collect()
    }

    fn checked(index: usize) -> CheckedEndpoint {
        CheckedEndpoint { index, evidence: Evidence::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn checks_are_spread_over_the_interval() {
        let (mut monitor, mut sink) = (monitor(), CollectingSink::default());
        monitor.seed = 8;
        let ports: Vec<u16> = (1..=200).collect();
        monitor.receive(SourceMessage::Updates(vec![Update::Reset(vec![service("a", &ports)])]), &mut sink);

        let second = Duration::from_secs(1);
        let first = check_all(&mut monitor);
        assert_eq!(first.len(), 200);
        for quarter in 0..4 {
            let within = first.iter().filter(|wait| wait.as_millis() * 4 / second.as_millis() == quarter).count();
            assert!(within > 20, "{within} in quarter {quarter}");
        }

        // From then on they stay apart and drift.
        let next = check_all(&mut monitor);
        let near = second * 9 / 10..=second * 11 / 10;
        assert!(next.iter().all(|wait| near.contains(wait)), "{next:?}");
        assert!([second * 19 / 20, second * 21 / 20].iter().all(|bound| {
            let below = next.iter().filter(|wait| *wait < bound).count();
            (20..180).contains(&below)
        }));
    }

    #[tokio::test]
    async fn a_check_in_progress_counts_for_the_new_description() {
        let (mut monitor, mut sink) = (monitor(), CollectingSink::default());
        monitor.receive(SourceMessage::Updates(vec![Update::Reset(vec![service("a", &[1, 2, 2])])]), &mut sink);
        let [one, two, same] = numbers(&monitor)[..] else { panic!("each endpoint has a number") };

        // Another name, and another endpoint in place of one; the checks of all of them are in progress.
        monitor.due.clear();
        monitor.receive(SourceMessage::Updates(vec![Update::Upsert(service("b", &[2, 1, 3]))]), &mut sink);
        let [_, _, three] = numbers(&monitor)[..] else { panic!("each endpoint has a number") };
        assert_eq!(numbers(&monitor), [two, one, three]);
        let due: Vec<usize> = monitor.due.iter().map(|Reverse((_, number))| *number).collect();
        assert_eq!(due, [three], "the checks of the others are in progress");
        assert!(sink.0.is_empty(), "{:?}", sink.0);
        assert!(monitor.record(vec![checked(one), checked(two), checked(same)]).is_empty());
        let updates = monitor.record(vec![checked(three)]);
        let [Update::Upsert(service), Update::Reset(all)] = &updates[..] else { panic!("{updates:?}") };
        assert_eq!((service.name.as_ref().unwrap().as_raw(), all.len()), ("b", 1));
    }
}
