//! What readers see: all instances at one index.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::config::ConfigEntry;
use super::drift::HostEntry;
use super::entry::InstanceEntry;
use super::traffic::ServiceTraffic;
use super::{InstanceRecord, Rules};
use crate::model::{HealthState, RegisteredInstance, aggregate_health};

/// All instances at one index. Copies share their structure: a copy costs as much as a few counters.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) rules: Arc<Rules>,
    pub(super) index: u64,
    pub(super) instances: HashTrieMapSync<Arc<str>, InstanceEntry, RandomState>,
    /// By `NAMESPACE/NAME`.
    pub(super) services: RedBlackTreeMapSync<Arc<str>, ServiceEntry>,
    /// The index at which a service lost its last instance, for some of them.
    pub(super) ended_services: RedBlackTreeMapSync<Arc<str>, u64>,
    /// The highest index among those that are no longer in `ended_services`.
    pub(super) forgotten_index: u64,
    /// How many instances are in each state.
    pub(super) health: HealthCounts,
    /// Services with a mass failure, by `NAMESPACE/NAME`.
    pub(super) protected: RedBlackTreeMapSync<Arc<str>, Duration>,
    /// Since when there is a mass failure of everything.
    pub(super) all_protected: Option<Duration>,
    /// By their names.
    pub(super) configs: RedBlackTreeMapSync<Arc<str>, Arc<ConfigEntry>>,
    /// The bytes of all their versions.
    pub(super) config_bytes: usize,
    /// By `NAMESPACE/NAME`.
    pub(super) traffic: RedBlackTreeMapSync<Arc<str>, Arc<ServiceTraffic>>,
    /// What agents report, by the names of their hosts.
    pub(super) hosts: RedBlackTreeMapSync<Arc<str>, HostEntry>,
    /// The bytes of all their findings.
    pub(super) host_bytes: usize,
}

/// A service with at least one instance.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceEntry {
    pub(super) index: u64,
    pub(super) members: RedBlackTreeSetSync<Arc<str>>,
    pub(super) health: HealthCounts,
    /// Instances that failed, and since when.
    pub(super) failed: RedBlackTreeSetSync<(Duration, Arc<str>)>,
}

/// How many instances are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCounts([usize; HealthState::ALL.len()]);

impl HealthCounts {
    /// How many are in this state.
    pub const fn of(&self, state: HealthState) -> usize {
        self.0[state as usize]
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, state: HealthState) {
        self.0[state as usize] += 1;
    }

    pub(super) fn remove(&mut self, state: HealthState) {
        self.0[state as usize] -= 1;
    }

    /// The health of a service with these instances.
    pub fn aggregate(&self) -> HealthState {
        let present = HealthState::ALL.into_iter().filter(|state| self.of(*state) > 0);
        aggregate_health(present)
    }
}

/// What a list of services shows of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSummary {
    /// `NAMESPACE/NAME`.
    pub key: Arc<str>,
    /// The index of its last change.
    pub index: u64,
    /// How many instances it has in each state.
    pub health: HealthCounts,
    /// Whether there is a mass failure, so that no instance is removed at present.
    pub protected: bool,
}

impl ServiceSummary {
    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&*self.key, |(_, name)| name)
    }
}

/// `NAMESPACE/NAME`: neither can have a slash.
pub(super) fn service_key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

impl Snapshot {
    pub(super) fn new(rules: Arc<Rules>, index: u64) -> Self {
        Self {
            rules,
            index,
            instances: HashTrieMapSync::new_with_hasher_and_ptr_kind(RandomState::default()),
            services: RedBlackTreeMapSync::new_sync(),
            ended_services: RedBlackTreeMapSync::new_sync(),
            forgotten_index: 0,
            health: HealthCounts::default(),
            protected: RedBlackTreeMapSync::new_sync(),
            all_protected: None,
            configs: RedBlackTreeMapSync::new_sync(),
            config_bytes: 0,
            traffic: RedBlackTreeMapSync::new_sync(),
            hosts: RedBlackTreeMapSync::new_sync(),
            host_bytes: 0,
        }
    }

    /// The number of the last change.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many instances there are.
    pub fn len(&self) -> usize {
        self.instances.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// How many instances are in each state.
    pub fn health(&self) -> HealthCounts {
        self.health
    }

    /// The instance with this id.
    pub fn get(&self, id: &str) -> Option<RegisteredInstance> {
        self.instances.get(id).map(|entry| self.answer(entry))
    }

    /// The record of the instance with this id.
    pub fn record(&self, id: &str) -> Option<&Arc<InstanceRecord>> {
        self.instances.get(id).map(|entry| &entry.record)
    }

    fn answer(&self, entry: &InstanceEntry) -> RegisteredInstance {
        entry.answer(&self.rules, self.is_protected(&entry.record.service()))
    }

    /// The instances of a service, sorted by id.
    pub fn service(&self, namespace: &str, name: &str) -> impl Iterator<Item = RegisteredInstance> {
        let key = service_key(namespace, name);
        let protected = self.is_protected(&key);
        let members = self.services.get(key.as_str()).into_iter().flat_map(|service| service.members.iter());

        members.filter_map(|id| self.instances.get(id)).map(move |entry| entry.answer(&self.rules, protected))
    }

    /// The index of the last change of a service. Of one that has no instances, the index at which that came to be, or a
    /// later one of another service.
    pub fn service_index(&self, namespace: &str, name: &str) -> u64 {
        let key = service_key(namespace, name);
        let current = self.services.get(key.as_str()).map(|service| service.index);

        current.or_else(|| self.ended_services.get(key.as_str()).copied()).unwrap_or(self.forgotten_index)
    }

    /// What is known of a service without its instances; `None` if it has none.
    pub fn summary(&self, namespace: &str, name: &str) -> Option<ServiceSummary> {
        let key = service_key(namespace, name);
        self.services.get_key_value(key.as_str()).map(|(key, service)| self.summary_of(key, service))
    }

    fn summary_of(&self, key: &Arc<str>, service: &ServiceEntry) -> ServiceSummary {
        let protected = self.is_protected(key);
        ServiceSummary { key: Arc::clone(key), index: service.index, health: service.health, protected }
    }

    /// All services, sorted by `NAMESPACE/NAME`.
    pub fn services(&self) -> impl Iterator<Item = ServiceSummary> {
        self.services.iter().map(|(key, service)| self.summary_of(key, service))
    }

    /// All instances, sorted by service and id.
    pub fn instances(&self) -> impl Iterator<Item = RegisteredInstance> {
        self.services.iter().flat_map(move |(key, service)| {
            let protected = self.is_protected(key);
            let entries = service.members.iter().filter_map(|id| self.instances.get(id));
            entries.map(move |entry| entry.answer(&self.rules, protected))
        })
    }

    /// All records, sorted by service and id.
    pub fn records(&self) -> impl Iterator<Item = &Arc<InstanceRecord>> {
        let members = self.services.iter().flat_map(|(_, service)| service.members.iter());
        members.filter_map(|id| self.record(id))
    }

    /// A configuration, with its versions.
    pub fn config(&self, name: &str) -> Option<&Arc<ConfigEntry>> {
        self.configs.get(name)
    }

    /// All configurations by name, also those that were deleted.
    pub fn configs(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<ConfigEntry>)> {
        self.configs.iter()
    }

    /// The hosts whose agents report, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &HostEntry> {
        self.hosts.values()
    }

    /// A host whose agent reports.
    pub fn host(&self, name: &str) -> Option<&HostEntry> {
        self.hosts.get(name)
    }

    /// What operators decided about the traffic of a service.
    pub fn traffic(&self, namespace: &str, name: &str) -> Option<&Arc<ServiceTraffic>> {
        if self.traffic.is_empty() {
            return None;
        }
        self.traffic.get(service_key(namespace, name).as_str())
    }

    /// The same of all services that have any.
    pub fn all_traffic(&self) -> impl Iterator<Item = &Arc<ServiceTraffic>> {
        self.traffic.values()
    }

    /// Whether removals of a service are suspended because of a mass failure. `key` is `NAMESPACE/NAME`.
    pub fn is_protected(&self, key: &str) -> bool {
        self.all_protected.is_some() || self.protected.contains_key(key)
    }

    /// The services whose removals are suspended, as `NAMESPACE/NAME`.
    pub fn protected_services(&self) -> impl Iterator<Item = &str> {
        self.protected.keys().map(|key| &**key)
    }

    /// Whether removals of all services are suspended.
    pub fn is_all_protected(&self) -> bool {
        self.all_protected.is_some()
    }
}
