//! What is known of a cluster that is watched: kept in parts, joined anew where a part changed.

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;

use super::detail::{detail, external_name};
use super::findings::judge;
use super::join::{ObjectKey, Services, key};
use super::names::Name;
use super::pods::Pod;
use super::reader::Namespaced;
use super::watch_scope::{Object, ObjectKind, WatchScope};
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service, Update};

/// One kind of object in one place.
#[derive(Debug, Default)]
struct WatchPart {
    known: BTreeSet<ObjectKey>,
    /// Those that were listed so far, while all of them are listed anew.
    listed: Option<BTreeSet<ObjectKey>>,
    /// Whether they were ever listed to the end.
    is_whole: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct WatchedParts {
    parts: Vec<WatchPart>,
    details: BTreeMap<ObjectKey, K8sDetail>,
    /// What says where the endpoints of a service are: slices by name, or its Endpoints.
    slices: BTreeMap<ObjectKey, BTreeMap<ObjectKey, Object>>,
    /// Whose a slice was when it was last heard of.
    owners: BTreeMap<ObjectKey, ObjectKey>,
    /// Of each pod what services ask for.
    pods: BTreeMap<ObjectKey, Pod>,
    /// What is heard of where.
    heard: WatchScope,
    /// Where external names lead, once somebody said.
    names: BTreeMap<String, Name>,
    joined: Services,
    findings: BTreeMap<ObjectKey, Vec<Finding>>,
    /// Those of which something was heard.
    touched: BTreeSet<ObjectKey>,
    /// Something was listed anew: what comes next is everything.
    is_reset: bool,
}

impl WatchedParts {
    /// Nothing is known yet of these places. Of what is not heard there nothing will be.
    pub(super) fn new(places: &[Namespaced], heard: WatchScope) -> Self {
        let mut parts = Vec::new();
        for place in places {
            parts.extend(
                ObjectKind::ALL.map(|kind| WatchPart { is_whole: !heard.hears(kind, place), ..WatchPart::default() }),
            );
        }
        Self { parts, heard, ..Self::default() }
    }

    /// Whether some part is being listed: until it is, there is nothing to tell.
    pub(super) fn is_listing(&self) -> bool {
        self.parts.iter().any(|part| part.listed.is_some() || !part.is_whole)
    }

    /// Takes in what was heard of a part.
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
                    self.forget(part, &key);
                }
                self.parts[part].is_whole = true;
                self.is_reset = true;
            }
            Event::Apply(object) => self.apply(part, object),
            Event::Delete(object) => self.forget(part, &key(object.metadata())),
        }
    }

    fn apply(&mut self, part: usize, mut object: Object) {
        let key = key(object.metadata());
        self.parts[part].known.insert(key.clone());
        match &mut object {
            Object::Pod(pod) => self.see_pod(key, Some(std::mem::take(&mut **pod).into_slim())),
            Object::Service(service) => {
                self.details.insert(key.clone(), detail(std::mem::take(&mut **service)));
                self.touched.insert(key);
            }
            Object::Slice(_) | Object::Endpoints(_) => {
                // A slice may change hands.
                self.let_go(&key);
                let Some(owner) = object.service() else { return };
                object.slim();
                self.owners.insert(key.clone(), owner.clone());
                self.slices.entry(owner.clone()).or_default().insert(key, object);
                self.touched.insert(owner);
            }
        }
    }

    fn forget(&mut self, part: usize, key: &ObjectKey) {
        self.parts[part].known.remove(key);
        match ObjectKind::of(part) {
            ObjectKind::Services => {
                self.details.remove(key);
                self.touched.insert(key.clone());
            }
            ObjectKind::Endpoints => self.let_go(key),
            ObjectKind::Pods => self.see_pod(key.clone(), None),
        }
    }

    /// Takes a slice away from the service that it told of.
    fn let_go(&mut self, key: &ObjectKey) {
        let Some(owner) = self.owners.remove(key) else { return };
        if let Some(slices) = self.slices.get_mut(&owner) {
            slices.remove(key);
            if slices.is_empty() {
                self.slices.remove(&owner);
            }
        }
        self.touched.insert(owner);
    }

    /// Takes in what a pod is now. It is heard of often, and rarely changes what services ask for.
    fn see_pod(&mut self, key: ObjectKey, now: Option<Pod>) {
        let before = match now.clone() {
            Some(pod) => self.pods.insert(key, pod),
            None => self.pods.remove(&key),
        };
        if before == now {
            return;
        }
        for pod in [before, now].into_iter().flatten() {
            self.touched.extend(self.joined.choosers(&pod).cloned());
        }
    }

    /// External names of which nobody said yet where they lead.
    pub(super) fn new_names(&self) -> BTreeSet<String> {
        let external = self.details.values().filter_map(external_name);
        external.filter(|name| !self.names.contains_key(*name)).map(ToOwned::to_owned).collect()
    }

    /// Takes in where names lead; of those that are not among them nobody could say.
    pub(super) fn name(&mut self, asked: BTreeSet<String>, said: &BTreeMap<String, Name>) {
        for name in asked {
            let leads = said.get(&name).copied().unwrap_or_default();
            self.touched.extend(
                self.details
                    .iter()
                    .filter(|(_, detail)| external_name(detail) == Some(name.as_str()))
                    .map(|(key, _)| key.clone()),
            );
            self.names.insert(name, leads);
        }
    }

    /// What became of it since this was last asked.
    pub(super) fn updates(&mut self) -> Vec<Update> {
        let mut touched = std::mem::take(&mut self.touched);
        // What was said of a service that is not there, and was not, is nothing to tell.
        touched.retain(|key| {
            let was_there = self.joined.get(key).is_some();
            self.join(key);
            was_there || self.joined.get(key).is_some()
        });
        // What is wrong with one may be another's doing.
        let found = judge(&self.joined);
        let differ = |key: &&ObjectKey| found.get(*key) != self.findings.get(*key);
        touched.extend(found.keys().chain(self.findings.keys()).filter(differ).cloned());
        self.findings = found;
        if std::mem::take(&mut self.is_reset) {
            let all: Vec<ObjectKey> = self.joined.iter().map(|(key, _)| key.clone()).collect();
            return vec![Update::Reset(all.iter().filter_map(|key| self.service(key)).collect())];
        }
        let update = |key: &ObjectKey| match self.service(key) {
            Some(service) => Update::Upsert(service),
            None => Update::Remove(super::join::id(key).into()),
        };
        touched.iter().map(update).collect()
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
        let knows = |kind| self.heard.hears(kind, &None) || self.heard.hears(kind, &Some(key.0.clone()));
        joined.settle(match (knows(ObjectKind::Endpoints), self.heard.is_old) {
            (false, _) => EndpointsFrom::Unknown,
            (true, true) => EndpointsFrom::Endpoints,
            (true, false) => EndpointsFrom::Slices,
        });
        joined.name = external_name(&joined.detail).and_then(|name| self.names.get(name)).copied().unwrap_or_default();
        joined.expect_pods(knows(ObjectKind::Pods));
        if joined.chosen.is_some() {
            let of_namespace = self.pods.range((key.0.clone(), String::new())..);
            of_namespace.take_while(|(other, _)| other.0 == key.0).for_each(|(_, pod)| joined.see_pod(pod));
        }
    }

    fn service(&self, key: &ObjectKey) -> Option<Service> {
        let findings = self.findings.get(key).cloned().unwrap_or_default();
        Some(self.joined.get(key)?.clone().into_service(key.clone(), findings).erase())
    }
}
