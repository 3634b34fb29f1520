//! What readers see: every instance, with its JSON once a list has it. One writer publishes a new view; readers never wait.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use super::answer_cache::AnswerCache;
use super::balancing::{Balancing, ClientKey, InstanceCounters, PickSelection, ServiceCounters};
use super::name_index::NameIndex;
use super::service_addresses::ServiceAddresses;
use super::service_key::{KeyTexts, ServiceKey};
use super::times::{LeaseTimes, WIDTH};
use crate::model::{HealthState, RegisteredInstance};
use crate::registry::{Change, ChangeKind, Snapshot};

/// The registry at one index.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    services: RedBlackTreeMapSync<ServiceKey, Arc<ServiceView>>,
    /// The records of nodes, by their name. They are no instances of a service.
    nodes: RedBlackTreeMapSync<Arc<str>, Arc<InstanceView>>,
    /// The instances or nodes that checks of Consul's API belong to, by the id of the check.
    check_owners: HashTrieMapSync<Arc<str>, Arc<InstanceView>>,
    /// How often a node has changed.
    nodes_version: u64,
    /// The index of the last change that was more than a change of health.
    catalog_index: u64,
    /// Only a server with DNS has it, or one to which agents report.
    names: Option<NameIndex>,
}

/// A service and its instances.
#[derive(Debug)]
pub(super) struct ServiceView {
    pub(super) key: ServiceKey,
    instances: Members,
    pub(super) counters: Arc<ServiceCounters>,
    /// Made by the first reader: a burst of registrations costs no list for each of them.
    list: OnceLock<Vec<Arc<InstanceView>>>,
    /// Made by the first that asks for it, as the list is.
    addresses: OnceLock<ServiceAddresses>,
    balancing: Balancing,
    /// What Consul's `health/service` answers: with all instances, and with those that pass their checks.
    health_answers: [AnswerCache; 2],
}

/// An instance, and its JSON once a list has it.
#[derive(Debug)]
pub(super) struct InstanceView {
    pub(super) instance: RegisteredInstance,
    pub(super) times: LeaseTimes,
    pub(super) counters: Arc<InstanceCounters>,
    /// Made by the first list that has it: most instances of a large registry are in none between two changes.
    listed: OnceLock<Box<WrittenInstance>>,
}

/// The JSON of an instance, and where its times are.
#[derive(Debug)]
struct WrittenInstance {
    json: Box<[u8]>,
    last_seen_at: Option<usize>,
    expires_at: Option<usize>,
}

/// The fields that change with the health of an instance.
const HEALTH_FIELDS: [&str; 8] =
    ["health", "health_checks", "lease", "report", "node_down", "flapping", "status", "weight"];

/// What stands in the JSON in place of the times until an answer is written. No instance lives in those years.
const LAST_SEEN: &str = "1111-11-11T11:11:11.111Z";
const EXPIRES: &str = "2222-02-22T22:22:22.222Z";
const LAST_SEEN_FIELD: &[u8] = b"\"last_seen\":\"1111-11-11T11:11:11.111Z\"";
const EXPIRES_FIELD: &[u8] = b"\"expires\":\"2222-02-22T22:22:22.222Z\"";
/// Room for the JSON of most instances, so that it is written without growing.
pub(super) const USUAL_JSON_BYTES: usize = 1_024;

impl InstanceView {
    pub(super) fn new(instance: RegisteredInstance, known: Option<&Arc<InstanceView>>) -> Self {
        Self {
            listed: OnceLock::new(),
            counters: known.map_or_else(Arc::default, |known| Arc::clone(&known.counters)),
            times: LeaseTimes::new(instance.last_seen, instance.lease.as_ref().map(|lease| lease.expires)),
            instance,
        }
    }

    /// Its JSON, with the times of now. It is not kept.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = json_with_places(&self.instance);
        let places = (place(&json, LAST_SEEN_FIELD), place(&json, EXPIRES_FIELD));
        self.write_times(&mut json, places);
        json
    }

    /// Appends its JSON, with the times of now. It is kept for further lists.
    pub(super) fn write_listed(&self, out: &mut Vec<u8>) {
        let (start, written) = (out.len(), self.listed());
        out.extend_from_slice(&written.json);
        self.write_times(&mut out[start..], (written.last_seen_at, written.expires_at));
    }

    /// The length of its JSON, which is kept for a list.
    pub(super) fn listed_bytes(&self) -> usize {
        self.listed().json.len()
    }

    fn listed(&self) -> &WrittenInstance {
        self.listed.get_or_init(|| {
            let json = json_with_places(&self.instance);
            let (last_seen_at, expires_at) = (place(&json, LAST_SEEN_FIELD), place(&json, EXPIRES_FIELD));
            Box::new(WrittenInstance { json: json.into(), last_seen_at, expires_at })
        })
    }

    fn write_times(&self, json: &mut [u8], (last_seen_at, expires_at): (Option<usize>, Option<usize>)) {
        if let Some(at) = last_seen_at {
            json[at..at + WIDTH].copy_from_slice(&self.times.last_seen());
        }
        if let Some(at) = expires_at {
            json[at..at + WIDTH].copy_from_slice(&self.times.expires());
        }
    }

    /// Whether another view of this instance would have the same JSON, except for its times.
    fn has_same_text(&self, other: &RegisteredInstance) -> bool {
        let own = &self.instance;
        (own.index, own.protected, own.generation) == (other.index, other.protected, other.generation)
            && self.instance.report == other.report
            && self.instance.checks == other.checks
    }

    /// The ids of its checks that Consul's agent API knows.
    fn agent_checks(&self) -> impl Iterator<Item = &str> {
        let entry = self.instance.registration.catalog.as_ref().filter(|entry| !entry.is_external);
        entry.into_iter().flat_map(|entry| entry.checks.iter().map(|check| check.id.as_str()))
    }
}

/// The JSON with fixed texts in place of the times.
fn json_with_places(instance: &RegisteredInstance) -> Vec<u8> {
    let mut instance = instance.clone();
    instance.last_seen = LAST_SEEN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    if let Some(lease) = &mut instance.lease {
        lease.expires = EXPIRES.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    }
    let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
    // An instance of texts and numbers always serialises.
    let _ = serde_json::to_writer(&mut json, &instance);
    json
}

/// Where the value of a time begins. The field stands behind everything that a client wrote, and quotes in a text are
/// escaped, so the last such field is the right one.
fn place(json: &[u8], field: &[u8]) -> Option<usize> {
    let mut starts = (0..=json.len().checked_sub(field.len())?).rev();
    // Few places have the first letter of the name, so that few are compared as a whole.
    let at = starts.find(|at| json[at + 1] == field[1] && json[*at..].starts_with(field))?;
    Some(at + field.len() - WIDTH - 1)
}

impl ServiceView {
    /// The instances, by id.
    pub(super) fn list(&self) -> &[Arc<InstanceView>] {
        self.list.get_or_init(|| self.instances.values().cloned().collect())
    }

    /// Where its instances are reached that take calls.
    pub(super) fn addresses(&self) -> &ServiceAddresses {
        self.addresses.get_or_init(|| {
            let instances = self.list().iter().map(|instance| &instance.instance);
            ServiceAddresses::of(instances.filter(|instance| instance.is_usable()))
        })
    }

    /// The instances that a client wants in the order for it, at most `limit`. The first is counted as picked.
    pub(super) fn balance(
        &self,
        selection: &PickSelection,
        client: ClientKey<'_>,
        limit: usize,
    ) -> Vec<&Arc<InstanceView>> {
        let list = self.list();
        let candidates = || list.iter().map(|instance| (&instance.instance, &instance.counters));
        let positions = self.balancing.order(candidates, &self.counters, selection, client, limit);
        positions.into_iter().map(|at| &list[at]).collect()
    }

    /// What Consul's `health/service` answers, `passing` with only the instances that pass their checks.
    pub(super) fn health_answer(&self, passing: bool) -> &AnswerCache {
        &self.health_answers[usize::from(passing)]
    }

    /// The number of instances.
    pub(super) fn len(&self) -> usize {
        self.instances.size()
    }
}

impl View {
    /// The view of a snapshot, written anew. `has_names`: services, nodes and addresses can be looked up as DNS does.
    pub(super) fn new(snapshot: Snapshot, has_names: bool) -> Self {
        let empty = Self {
            snapshot: snapshot.clone(),
            services: RedBlackTreeMapSync::new_sync(),
            nodes: RedBlackTreeMapSync::new_sync(),
            check_owners: HashTrieMapSync::new_sync(),
            nodes_version: 0,
            catalog_index: snapshot.index(),
            names: has_names.then(NameIndex::new),
        };
        let mut draft = ViewDraft::of(&empty);
        for instance in snapshot.instances() {
            draft.put(instance);
        }

        draft.finish(snapshot)
    }

    /// The index of the last change.
    pub(super) fn index(&self) -> u64 {
        self.snapshot.index()
    }

    /// A service, if it has instances.
    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&Arc<ServiceView>> {
        let key: &dyn KeyTexts = &(namespace, name);
        self.services.get(key)
    }

    /// The key of an instance's service, which all that know the service share.
    pub(super) fn key_of(&self, instance: &RegisteredInstance) -> ServiceKey {
        let known = self.service(instance.namespace(), instance.name());
        known.map_or_else(|| ServiceKey::of(instance), |service| service.key.clone())
    }

    /// Every service, by namespace and name.
    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<ServiceView>> {
        self.services.values()
    }

    /// What DNS and agents look up.
    pub(super) fn names(&self) -> Option<&NameIndex> {
        self.names.as_ref()
    }

    /// The index of all names, made anew.
    fn indexed(&self) -> NameIndex {
        let mut names = NameIndex::new();
        for service in self.services.values() {
            names.add_service(&service.key.namespace, &service.key.name);
        }
        for known in self.instances() {
            names.add_instance(&known.instance);
        }
        names
    }

    /// The instance with this id.
    pub(super) fn instance(&self, id: &str) -> Option<&Arc<InstanceView>> {
        let registration = &self.snapshot.record(id)?.registration;
        let service = self.service(registration.namespace_or_default(), &registration.name)?;
        service.instances.get(id)
    }

    /// All instances.
    pub(super) fn instances(&self) -> impl Iterator<Item = &Arc<InstanceView>> {
        self.services.values().flat_map(|service| service.instances.values())
    }

    /// The record of a node.
    pub(super) fn node(&self, name: &str) -> Option<&Arc<InstanceView>> {
        self.nodes.get(name)
    }

    /// The records of all nodes, by name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<InstanceView>> {
        self.nodes.values()
    }

    /// Differs from that of each view whose nodes are others.
    pub(super) fn nodes_version(&self) -> u64 {
        self.nodes_version
    }

    /// What a check of this server's own agent belongs to: an instance, or a node.
    pub(super) fn check_owner(&self, check: &str) -> Option<&Arc<InstanceView>> {
        self.check_owners.get(check)
    }

    /// The index of the last change that was more than a change of health.
    pub(super) fn catalog_index(&self) -> u64 {
        self.catalog_index
    }

    /// How many instances are in a state.
    pub(super) fn count_of(&self, state: HealthState) -> usize {
        let nodes = self.nodes.values().filter(|node| node.instance.health == state).count();
        self.snapshot.health().of(state).saturating_sub(nodes)
    }

    pub(super) fn service_count(&self) -> usize {
        self.services.size()
    }

    /// An instance as a command left it: the one of this view, unless another command has changed it since.
    pub(super) fn written(&self, instance: RegisteredInstance) -> Arc<InstanceView> {
        let known = self.instance(&instance.id);
        let same = known.filter(|known| known.instance.index == instance.index);
        same.map_or_else(|| Arc::new(InstanceView::new(instance, None)), Arc::clone)
    }
}

/// The instances of a service, by id.
type Members = RedBlackTreeMapSync<Arc<str>, Arc<InstanceView>>;

/// A view that is being changed. Nothing of it is visible until it is published.
#[derive(Debug)]
pub(super) struct ViewDraft {
    view: View,
    touched: HashMap<ServiceKey, ServiceView, RandomState>,
    is_node_touched: bool,
    /// The counters of instances that are removed, and those of their services.
    removed: Vec<(Arc<InstanceCounters>, Arc<ServiceCounters>)>,
}

impl ViewDraft {
    pub(super) fn of(view: &View) -> Self {
        Self { view: view.clone(), touched: HashMap::default(), is_node_touched: false, removed: Vec::new() }
    }

    /// Adds or replaces an instance.
    pub(super) fn put(&mut self, instance: RegisteredInstance) -> Arc<InstanceView> {
        let (key, id) = (self.view.key_of(&instance), Arc::clone(&instance.id));
        // A new generation begins with counters of its own.
        let known = self.known(&instance).cloned();
        let same = known.as_ref().filter(|known| known.instance.generation == instance.generation);
        let added = Arc::new(InstanceView::new(instance, same));
        self.own_checks(known.as_ref(), Some(&added));
        if added.instance.registration.is_node() {
            self.is_node_touched = true;
            self.view.nodes.insert_mut(key.name, Arc::clone(&added));
            return added;
        }

        if let Some(names) = &mut self.view.names {
            if let Some(known) = known {
                names.remove_instance(&known.instance);
            }
            names.add_instance(&added.instance);
        }
        self.change(key, |members| {
            members.insert_mut(id, Arc::clone(&added));
        });
        added
    }

    /// Removes an instance.
    pub(super) fn remove(&mut self, instance: &RegisteredInstance) {
        let known = self.known(instance).cloned();
        self.own_checks(known.as_ref(), None);
        if instance.registration.is_node() {
            self.is_node_touched = true;
            self.view.nodes.remove_mut(instance.name());
            return;
        }

        if let Some(names) = &mut self.view.names {
            names.remove_instance(instance);
        }
        let service = self.change(self.view.key_of(instance), |members| {
            members.remove_mut(&*instance.id);
        });
        self.removed.extend(known.map(|known| (Arc::clone(&known.counters), service)));
    }

    /// Takes over what is known of an instance beside its changes: a renewal, or the text of a check.
    pub(super) fn refresh(&mut self, instance: RegisteredInstance) {
        let known = self.known(&instance).cloned();
        match known.filter(|known| known.has_same_text(&instance)) {
            Some(known) => known.times.set(instance.last_seen, instance.lease.as_ref().map(|lease| lease.expires)),
            None => drop(self.put(instance)),
        }
    }

    /// Whether readers would see anything new.
    pub(super) fn is_touched(&self) -> bool {
        self.is_node_touched || !self.touched.is_empty()
    }

    /// Notes what a change means for the readers of the catalog.
    pub(super) fn note(&mut self, change: &Change) {
        if change.kind != ChangeKind::Updated || change.changed.iter().any(|field| !HEALTH_FIELDS.contains(field)) {
            self.view.catalog_index = change.index;
        }
    }

    /// The view of an instance or a node as it is.
    fn known(&self, instance: &RegisteredInstance) -> Option<&Arc<InstanceView>> {
        if instance.registration.is_node() {
            return self.view.nodes.get(instance.name());
        }
        let key = self.view.key_of(instance);
        let members = self.touched.get(&key).map(|touched| &touched.instances);
        let members = members.or_else(|| self.view.services.get(&key).map(|service| &service.instances));
        members?.get(&*instance.id)
    }

    /// Keeps the owners of the checks of Consul's API.
    fn own_checks(&mut self, old: Option<&Arc<InstanceView>>, new: Option<&Arc<InstanceView>>) {
        for check in old.into_iter().flat_map(|old| old.agent_checks()) {
            let owner = self.view.check_owners.get(check);
            if owner.is_some_and(|owner| old.is_some_and(|old| owner.instance.id == old.instance.id)) {
                self.view.check_owners.remove_mut(check);
            }
        }
        let Some(new) = new else { return };
        for check in new.agent_checks() {
            self.view.check_owners.insert_mut(check.into(), Arc::clone(new));
        }
    }

    /// Changes the members of a service, and returns what balancing remembers about it.
    fn change(&mut self, key: ServiceKey, change: impl FnOnce(&mut Members)) -> Arc<ServiceCounters> {
        let known = self.view.services.get(&key);
        let touched = self.touched.entry(key.clone()).or_insert_with(|| ServiceView {
            key,
            instances: known.map_or_else(Members::new_sync, |known| known.instances.clone()),
            counters: known.map(|known| Arc::clone(&known.counters)).unwrap_or_default(),
            list: OnceLock::new(),
            addresses: OnceLock::new(),
            balancing: Balancing::default(),
            health_answers: Default::default(),
        });
        change(&mut touched.instances);

        Arc::clone(&touched.counters)
    }

    /// The changed view, as it is at this snapshot.
    pub(super) fn finish(mut self, snapshot: Snapshot) -> View {
        self.view.nodes_version += u64::from(self.is_node_touched);
        for (instance, service) in self.removed {
            service.gone.fetch_add(instance.picks.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (key, service) in self.touched {
            let names = self.view.names.as_mut();
            if service.instances.is_empty() {
                if let Some(names) = names {
                    names.remove_service(&key.namespace, &key.name);
                }
                self.view.services.remove_mut(&key);
            } else {
                if let Some(names) = names {
                    names.add_service(&key.namespace, &key.name);
                }
                self.view.services.insert_mut(key, Arc::new(service));
            }
        }
        if self.view.names.is_none() && snapshot.hosts().next().is_some() {
            self.view.names = Some(self.view.indexed());
        }
        self.view.snapshot = snapshot;

        self.view
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HealthState, OperatorStatus, RegisteredLease, Registration};

    fn instance(id: &str) -> RegisteredInstance {
        let registration = Registration::new("web", "10.0.0.1:80".parse().unwrap())
            // What a client writes cannot be taken for the registry's own fields.
            .meta("last_seen", LAST_SEEN)
            .meta("expires", EXPIRES)
            .meta("x", format!("\"last_seen\":\"{LAST_SEEN}\""));
        let now: Timestamp = "2026-11-29T12:00:00.5Z".parse().unwrap();

        RegisteredInstance {
            registration: Arc::new(registration),
            id: id.into(),
            generation: 7,
            index: 7,
            status: OperatorStatus::Up,
            status_reason: None,
            weight: 3,
            own_weight: None,
            health: HealthState::Healthy,
            lease: Some(RegisteredLease { ttl: std::time::Duration::from_secs(30), expires: now, expired: false }),
            report: None,
            checks: Vec::new(),
            node_down: false,
            flapping: false,
            monitoring_stopped: false,
            protected: false,
            registered_at: now,
            last_seen: now,
        }
    }

    #[test]
    fn a_heartbeat_changes_the_times_of_a_written_instance_and_nothing_else() {
        let view = InstanceView::new(instance("a"), None);
        let mut before = b"[".to_vec();
        view.write_listed(&mut before);
        assert_eq!(view.to_json(), before[1..]);
        let later: Timestamp = "2027-01-02T03:04:05.678Z".parse().unwrap();
        view.times.set(later, Some(later));
        let mut after = b"[".to_vec();
        view.write_listed(&mut after);
        assert_eq!(view.to_json(), after[1..]);

        let mut expected: serde_json::Value = serde_json::from_slice(&before[1..]).unwrap();
        assert_eq!(expected["last_seen"], "2026-11-29T12:00:00.500Z");
        expected["last_seen"] = "2027-01-02T03:04:05.678Z".into();
        expected["lease"]["expires"] = "2027-01-02T03:04:05.678Z".into();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&after[1..]).unwrap(), expected);
        assert_eq!(expected["metadata"]["last_seen"], LAST_SEEN);
    }
}
