//! The state of a watched cluster: kept in parts, and joined again when a part changes.

use std::collections::{BTreeMap, BTreeSet};

use super::detail::{detail, external_name};
use super::findings::findings;
use super::join::Services;
use super::names::NameStatus;
use super::object_key::{ObjectKey, id, key};
use super::pods::Pod;
use super::reader::ListScope;
use super::watch_scope::{Object, ObjectKind};
use super::watcher::StreamEvent;
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service, Update};

/// One kind of object in one scope.
#[derive(Debug, Default)]
struct WatchPart {
    known: BTreeSet<ObjectKey>,
    /// The objects listed so far, during a list.
    listed: Option<BTreeSet<ObjectKey>>,
    /// Whether one list was complete.
    is_complete: bool,
    /// Whether updates wait for its first list.
    is_awaited: bool,
}

/// The parts of a scope.
#[derive(Debug)]
struct ScopeState {
    scope: ListScope,
    /// Whether its endpoints come from Endpoints instead of EndpointSlices.
    is_without_slices: bool,
    /// One for each kind of object.
    parts: [WatchPart; ObjectKind::ALL.len()],
}

/// The state of all parts.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    scopes: Vec<ScopeState>,
    details: BTreeMap<ObjectKey, K8sDetail>,
    /// The slices or the Endpoints of each service, by name.
    slices: BTreeMap<ObjectKey, BTreeMap<ObjectKey, Object>>,
    /// The service of each slice.
    owners: BTreeMap<ObjectKey, ObjectKey>,
    /// Pods, reduced to the fields that findings need.
    pods: BTreeMap<ObjectKey, Pod>,
    /// The status of external names, once it is known.
    names: BTreeMap<String, NameStatus>,
    /// External names whose status is not known yet.
    new_names: BTreeSet<String>,
    joined: Services,
    findings: BTreeMap<ObjectKey, Vec<Finding>>,
    /// Services with events since the last update.
    touched: BTreeSet<ObjectKey>,
    /// A part was listed again: the next update is a reset.
    is_reset: bool,
}

impl WatchState {
    /// Adds a scope, of which nothing is known yet, and returns its index. Updates wait for the first list of these kinds.
    pub(super) fn add_scope(&mut self, scope: ListScope, is_without_slices: bool, awaited: &[ObjectKind]) -> usize {
        let parts =
            ObjectKind::ALL.map(|kind| WatchPart { is_awaited: awaited.contains(&kind), ..WatchPart::default() });
        self.scopes.push(ScopeState { scope, is_without_slices, parts });
        self.scopes.len() - 1
    }

    /// The scopes, by their index.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &ListScope> {
        self.scopes.iter().map(|state| &state.scope)
    }

    /// Whether the endpoints of a scope come from Endpoints instead of EndpointSlices.
    pub(super) fn is_without_slices(&self, scope: usize) -> bool {
        self.scopes[scope].is_without_slices
    }

    /// Whether a part is being listed: until the end of the list there are no updates.
    pub(super) fn is_listing(&self) -> bool {
        self.scopes.iter().flat_map(|state| &state.parts).any(|part| part.listed.is_some() || part.is_awaited)
    }

    /// Whether a namespace has services.
    pub(super) fn has_services_in(&self, namespace: &str) -> bool {
        let first = (namespace.to_owned(), String::new());
        self.details.range(first..).next().is_some_and(|(key, _)| key.0 == namespace)
    }

    /// Whether the services of a namespace were ever listed.
    pub(super) fn has_listed(&self, namespace: &str) -> bool {
        let mut of_namespace = self.scopes.iter().filter(|at| at.scope.as_deref() == Some(namespace));
        of_namespace.any(|at| at.parts[ObjectKind::Services as usize].is_complete)
    }

    /// Whether a part was ever listed.
    pub(super) fn is_complete(&self, scope: usize, kind: ObjectKind) -> bool {
        self.scopes[scope].parts[kind as usize].is_complete
    }

    /// A list of this part failed: what is known stays. Unless `is_awaited`, updates do not wait for the next one.
    pub(super) fn abandon_list(&mut self, scope: usize, kind: ObjectKind, is_awaited: bool) {
        let part = &mut self.scopes[scope].parts[kind as usize];
        part.listed = None;
        part.is_awaited &= is_awaited;
    }

    /// Applies an event of a part.
    pub(super) fn take(&mut self, scope: usize, kind: ObjectKind, event: StreamEvent) {
        match event {
            StreamEvent::ListBegun => self.scopes[scope].parts[kind as usize].listed = Some(BTreeSet::new()),
            StreamEvent::Listed(object) => {
                let key = key(object.metadata());
                if let Some(listed) = &mut self.scopes[scope].parts[kind as usize].listed {
                    listed.insert(key);
                }
                self.apply((scope, kind), object);
            }
            StreamEvent::ListEnded => self.end_list(scope, kind),
            StreamEvent::Applied(object) => self.apply((scope, kind), object),
            StreamEvent::Deleted(object) => self.remove((scope, kind), &key(object.metadata())),
            StreamEvent::Following | StreamEvent::Failed(_) => {}
        }
    }

    /// Removes what a list did not contain.
    fn end_list(&mut self, scope: usize, kind: ObjectKind) {
        let part = &mut self.scopes[scope].parts[kind as usize];
        let listed = part.listed.take().unwrap_or_default();
        let gone: Vec<ObjectKey> = part.known.difference(&listed).cloned().collect();
        let is_first = !std::mem::replace(&mut part.is_complete, true);
        part.is_awaited = false;

        for key in gone {
            self.remove((scope, kind), &key);
        }
        if is_first {
            // Until now, these objects counted as unknown.
            let scope = &self.scopes[scope].scope;
            let within = self.details.keys().filter(|key| scope.as_ref().is_none_or(|namespace| *namespace == key.0));
            self.touched.extend(within.cloned());
        }
        self.is_reset = true;
    }

    fn apply(&mut self, (scope, kind): (usize, ObjectKind), mut object: Object) {
        let key = key(object.metadata());
        self.scopes[scope].parts[kind as usize].known.insert(key.clone());

        match &mut object {
            Object::Pod(pod) => self.set_pod(key, Some(std::mem::take(&mut **pod).into_slim())),
            Object::Service(service) => self.set_service(key, detail(std::mem::take(&mut **service))),
            Object::Slice(_) | Object::Endpoints(_) => self.set_slice(key, object),
            Object::Namespace(_) => {}
        }
    }

    fn set_service(&mut self, key: ObjectKey, detail: K8sDetail) {
        if self.details.get(&key) == Some(&detail) {
            return;
        }
        let name = external_name(&detail).filter(|name| !self.names.contains_key(*name));
        self.new_names.extend(name.map(ToOwned::to_owned));
        self.details.insert(key.clone(), detail);
        self.touched.insert(key);
    }

    /// Adds or replaces a slice. Controllers write slices and Endpoints often, and rarely anything that matters here.
    fn set_slice(&mut self, key: ObjectKey, mut slice: Object) {
        let owner = slice.service();
        slice.slim();
        let known = self.owners.get(&key).and_then(|owner| self.slices.get(owner)?.get(&key));
        if known == Some(&slice) && self.owners.get(&key) == owner.as_ref() {
            return;
        }

        // A slice may change its service.
        self.detach_slice(&key);
        let Some(owner) = owner else { return };
        self.owners.insert(key.clone(), owner.clone());
        self.slices.entry(owner.clone()).or_default().insert(key, slice);
        self.touched.insert(owner);
    }

    fn remove(&mut self, (scope, kind): (usize, ObjectKind), key: &ObjectKey) {
        self.scopes[scope].parts[kind as usize].known.remove(key);
        match kind {
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

    /// External names whose status is not known yet; each is returned once.
    pub(super) fn take_new_names(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.new_names)
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
        // Most events change nothing that matters here, and the findings of a large cluster take long.
        if touched.is_empty() && !self.is_reset {
            return Vec::new();
        }

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
                Object::Service(_) | Object::Pod(_) | Object::Namespace(_) => {}
            }
        }

        let Some(joined) = self.joined.get_mut(key) else { return };
        let [has_endpoints, has_pods] =
            [ObjectKind::Endpoints, ObjectKind::Pods].map(|kind| self.scopes.iter().any(|at| at.covers(kind, key)));
        let is_old = self.scopes.iter().any(|at| at.is_without_slices && at.covers(ObjectKind::Endpoints, key));
        joined.set_endpoints_from(match (has_endpoints, is_old) {
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

impl ScopeState {
    /// Whether the objects of a kind are known for a service.
    fn covers(&self, kind: ObjectKind, (namespace, _): &ObjectKey) -> bool {
        self.parts[kind as usize].is_complete && self.scope.as_ref().is_none_or(|own| own == namespace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A service, its slice and its pod, with this annotation.
    fn objects(annotation: &str, is_ready: bool) -> [(ObjectKind, Object); 3] {
        let metadata = |name: &str| {
            json!({"namespace": "shop", "name": name, "resourceVersion": annotation, "annotations": {"a": annotation},
                   "labels": {"app": "web", "kubernetes.io/service-name": "web"}})
        };
        let service =
            json!({"metadata": metadata("web"), "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        let slice = json!({"metadata": metadata("web-a"), "addressType": "IPv4", "ports": [{"port": 80}],
                           "endpoints": [{"addresses": ["10.1.1.1"], "conditions": {"ready": is_ready}}]});
        let pod = json!({"metadata": metadata("web-1"), "spec": {"containers": []}, "status": {"phase": "Running"}});
        [
            (ObjectKind::Services, Object::Service(Box::new(read(service)))),
            (ObjectKind::Endpoints, Object::Slice(read(slice))),
            (ObjectKind::Pods, Object::Pod(Box::new(read(pod)))),
        ]
    }

    fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    /// FAULTS K9: annotations that change 100 times a second took most of a processor.
    #[test]
    fn a_change_that_nothing_depends_on_touches_nothing() {
        let mut state = WatchState::default();
        let scope = state.add_scope(None, false, &ObjectKind::ALL);
        for (kind, object) in objects("1", true) {
            assert!(state.is_listing());
            state.take(scope, kind, StreamEvent::ListBegun);
            state.take(scope, kind, StreamEvent::Listed(object));
            state.take(scope, kind, StreamEvent::ListEnded);
        }
        assert!(!state.is_listing() && matches!(&state.updates()[..], [Update::Reset(all)] if all.len() == 1));

        for (kind, object) in objects("2", true) {
            state.take(scope, kind, StreamEvent::Applied(object));
        }
        assert!(state.touched.is_empty() && state.updates().is_empty());

        for (kind, object) in objects("3", false) {
            state.take(scope, kind, StreamEvent::Applied(object));
        }
        assert!(matches!(&state.updates()[..], [Update::Upsert(service)] if !service.endpoints[0].ready));
    }

    /// FAULTS K6: what can no longer be listed stays known.
    #[test]
    fn a_list_that_fails_removes_nothing() {
        let mut state = WatchState::default();
        let scope = state.add_scope(None, false, &ObjectKind::ALL);
        for (kind, object) in objects("1", true) {
            state.take(scope, kind, StreamEvent::ListBegun);
            state.take(scope, kind, StreamEvent::Listed(object));
            state.take(scope, kind, StreamEvent::ListEnded);
        }
        state.updates();

        state.take(scope, ObjectKind::Endpoints, StreamEvent::ListBegun);
        assert!(state.is_listing());
        state.abandon_list(scope, ObjectKind::Endpoints, false);
        assert!(!state.is_listing() && state.updates().is_empty());

        state.take(scope, ObjectKind::Endpoints, StreamEvent::ListBegun);
        state.take(scope, ObjectKind::Endpoints, StreamEvent::ListEnded);
        assert!(
            matches!(&state.updates()[..], [Update::Reset(all)] if all[0].endpoints.is_empty()),
            "a whole list does"
        );
    }
}
