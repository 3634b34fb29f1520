//! The state of a watched cluster: kept in parts, and joined again when a part changes.

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;

use super::detail::{detail, external_name};
use super::findings::findings;
use super::join::Services;
use super::names::NameStatus;
use super::object_key::{ObjectKey, id, key};
use super::pods::Pod;
use super::reader::ListScope;
use super::watch_scope::{Object, ObjectKind, WatchScope};
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service, Update};

/// One kind of object in one scope.
#[derive(Debug, Default)]
struct WatchPart {
    known: BTreeSet<ObjectKey>,
    /// The objects listed so far, during a list.
    listed: Option<BTreeSet<ObjectKey>>,
    /// Whether one list was complete.
    is_complete: bool,
}

/// The state of all parts.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    parts: Vec<WatchPart>,
    details: BTreeMap<ObjectKey, K8sDetail>,
    /// The slices or the Endpoints of each service, by name.
    slices: BTreeMap<ObjectKey, BTreeMap<ObjectKey, Object>>,
    /// The service of each slice.
    owners: BTreeMap<ObjectKey, ObjectKey>,
    /// Pods, reduced to the fields that findings need.
    pods: BTreeMap<ObjectKey, Pod>,
    scope: WatchScope,
    /// The status of external names, once it is known.
    names: BTreeMap<String, NameStatus>,
    joined: Services,
    findings: BTreeMap<ObjectKey, Vec<Finding>>,
    /// Services with events since the last update.
    touched: BTreeSet<ObjectKey>,
    /// A part was listed again: the next update is a reset.
    is_reset: bool,
}

impl WatchState {
    /// No objects yet. Parts outside `scope` stay empty.
    pub(super) fn new(scopes: &[ListScope], scope: WatchScope) -> Self {
        let parts = scopes.iter().flat_map(|list| {
            ObjectKind::ALL.map(|kind| WatchPart { is_complete: !scope.includes(kind, list), ..WatchPart::default() })
        });
        Self { parts: parts.collect(), scope, ..Self::default() }
    }

    /// Whether a part is being listed: until the end of the list there are no updates.
    pub(super) fn is_listing(&self) -> bool {
        self.parts.iter().any(|part| part.listed.is_some() || !part.is_complete)
    }

    /// Applies an event of a part.
    pub(super) fn take(&mut self, part: usize, event: Event<Object>) {
        match event {
            Event::Init => self.parts[part].listed = Some(BTreeSet::new()),
            Event::InitApply(object) => {
                let key = key(object.metadata());
                if let Some(listed) = &mut self.parts[part].listed {
                    listed.insert(key);
                }
                self.apply(part, object);
            }
            Event::InitDone => {
                let listed = self.parts[part].listed.take().unwrap_or_default();
                let gone: Vec<ObjectKey> = self.parts[part].known.difference(&listed).cloned().collect();
                for key in gone {
                    self.remove(part, &key);
                }
                self.parts[part].is_complete = true;
                self.is_reset = true;
            }
            Event::Apply(object) => self.apply(part, object),
            Event::Delete(object) => self.remove(part, &key(object.metadata())),
        }
    }

    fn apply(&mut self, part: usize, mut object: Object) {
        let key = key(object.metadata());
        self.parts[part].known.insert(key.clone());

        match &mut object {
            Object::Pod(pod) => self.set_pod(key, Some(std::mem::take(&mut **pod).into_slim())),
            Object::Service(service) => {
                self.details.insert(key.clone(), detail(std::mem::take(&mut **service)));
                self.touched.insert(key);
            }
            Object::Slice(_) | Object::Endpoints(_) => {
                // A slice may change its service.
                self.detach_slice(&key);
                let Some(owner) = object.service() else { return };
                object.slim();
                self.owners.insert(key.clone(), owner.clone());
                self.slices.entry(owner.clone()).or_default().insert(key, object);
                self.touched.insert(owner);
            }
        }
    }

    fn remove(&mut self, part: usize, key: &ObjectKey) {
        self.parts[part].known.remove(key);
        match ObjectKind::of(part) {
            ObjectKind::Services => {
                self.details.remove(key);
                self.touched.insert(key.clone());
            }
            ObjectKind::Endpoints => self.detach_slice(key),
            ObjectKind::Pods => self.set_pod(key.clone(), None),
        }
    }

    /// Removes a slice from its service.
    fn detach_slice(&mut self, key: &ObjectKey) {
        let Some(owner) = self.owners.remove(key) else { return };
        if let Some(slices) = self.slices.get_mut(&owner) {
            slices.remove(key);
            if slices.is_empty() {
                self.slices.remove(&owner);
            }
        }
        self.touched.insert(owner);
    }

    /// Adds, replaces or removes a pod. Pods change often, but rarely in the fields that findings need.
    fn set_pod(&mut self, key: ObjectKey, now: Option<Pod>) {
        let before = match now.clone() {
            Some(pod) => self.pods.insert(key, pod),
            None => self.pods.remove(&key),
        };
        if before == now {
            return;
        }

        for pod in [before, now].into_iter().flatten() {
            self.touched.extend(self.joined.selecting(&pod).cloned());
        }
    }

    /// External names whose status is not known yet.
    pub(super) fn new_names(&self) -> BTreeSet<String> {
        let external = self.details.values().filter_map(external_name);
        external.filter(|name| !self.names.contains_key(*name)).map(ToOwned::to_owned).collect()
    }

    /// Sets the status of external names; names missing in `known` stay unknown.
    pub(super) fn set_names(&mut self, names: BTreeSet<String>, known: &BTreeMap<String, NameStatus>) {
        for name in names {
            let status = known.get(&name).copied().unwrap_or_default();
            let aliases = self.details.iter().filter(|(_, detail)| external_name(detail) == Some(name.as_str()));
            self.touched.extend(aliases.map(|(key, _)| key.clone()));
            self.names.insert(name, status);
        }
    }

    /// The updates since the last call.
    pub(super) fn updates(&mut self) -> Vec<Update> {
        let mut touched = std::mem::take(&mut self.touched);
        // Objects of a service that neither existed nor exists are not an update.
        touched.retain(|key| {
            let was_there = self.joined.get(key).is_some();
            self.join(key);
            was_there || self.joined.get(key).is_some()
        });

        // A change of one service may change the findings of another.
        let found = findings(&self.joined);
        let keys = found.keys().chain(self.findings.keys());
        touched.extend(keys.filter(|key| found.get(*key) != self.findings.get(*key)).cloned());
        self.findings = found;

        if std::mem::take(&mut self.is_reset) {
            let all: Vec<ObjectKey> = self.joined.iter().map(|(key, _)| key.clone()).collect();
            return vec![Update::Reset(all.iter().filter_map(|key| self.service(key)).collect())];
        }

        let mut updates = Vec::with_capacity(touched.len());
        for key in &touched {
            updates.push(match self.service(key) {
                Some(service) => Update::Upsert(service),
                None => Update::Remove(id(key).into()),
            });
        }
        updates
    }

    fn join(&mut self, key: &ObjectKey) {
        self.joined.remove(key);
        let Some(detail) = self.details.get(key) else { return };
        self.joined.put(key.clone(), detail.clone());

        for object in self.slices.get(key).into_iter().flat_map(BTreeMap::values).cloned() {
            match object {
                Object::Slice(slice) => self.joined.add_slice(slice),
                Object::Endpoints(endpoints) => self.joined.add_endpoints(endpoints),
                Object::Service(_) | Object::Pod(_) => {}
            }
        }

        let Some(joined) = self.joined.get_mut(key) else { return };
        let namespace = Some(key.0.clone());
        let [has_endpoints, has_pods] = [ObjectKind::Endpoints, ObjectKind::Pods]
            .map(|kind| self.scope.includes(kind, &None) || self.scope.includes(kind, &namespace));
        let old = &self.scope.without_slices;
        joined.set_endpoints_from(match (has_endpoints, old.contains(&None) || old.contains(&namespace)) {
            (false, _) => EndpointsFrom::Unknown,
            (true, true) => EndpointsFrom::Endpoints,
            (true, false) => EndpointsFrom::Slices,
        });
        joined.name = external_name(&joined.detail).and_then(|name| self.names.get(name)).copied().unwrap_or_default();

        joined.expect_pods(has_pods);
        if joined.selected.is_some() {
            let of_namespace = self.pods.range((key.0.clone(), String::new())..);
            of_namespace.take_while(|(other, _)| other.0 == key.0).for_each(|(_, pod)| joined.add_pod(pod));
        }
    }

    fn service(&self, key: &ObjectKey) -> Option<Service> {
        let findings = self.findings.get(key).cloned().unwrap_or_default();
        Some(self.joined.get(key)?.clone().into_service(key.clone(), findings).erase())
    }
}
