//! What readers see: every instance, with its JSON once a list has it. One writer publishes a new view; readers never wait.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use super::answer_cache::AnswerCache;
use super::balancing::{Balancing, ClientKey, InstanceCounters, PickSelection, ServiceCounters};
use super::instance_view::InstanceView;
use super::name_index::NameIndex;
use super::service_addresses::ServiceAddresses;
use super::service_key::{KeyTexts, ServiceKey};
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

/// The fields that change with the health of an instance.
const HEALTH_FIELDS: [&str; 8] =
    ["health", "health_checks", "lease", "report", "node_down", "flapping", "status", "weight"];

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
