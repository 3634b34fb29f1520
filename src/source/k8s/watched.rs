//! What is known of a cluster that is watched: kept in parts, joined anew where a part changed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::Event;

use super::findings::judge;
use super::join::{Key, SERVICE_NAME, Services, detail, key};
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service, Update};

/// An object that is watched.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Service(Box<core::Service>),
    Slice(discovery::EndpointSlice),
    Endpoints(core::Endpoints),
}

impl Object {
    fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Service(service) => &service.metadata,
            Self::Slice(slice) => &slice.metadata,
            Self::Endpoints(endpoints) => &endpoints.metadata,
        }
    }

    /// The service that it tells of; `None` for a slice that belongs to none.
    fn service(&self) -> Option<Key> {
        match self {
            Self::Slice(slice) => {
                let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
                Some((slice.metadata.namespace.clone()?, name.clone()))
            }
            other => Some(key(other.metadata())),
        }
    }
}

/// One kind of object in one place.
#[derive(Debug, Default)]
struct Part {
    known: BTreeSet<Key>,
    /// Those that were listed so far, while all of them are listed anew.
    listed: Option<BTreeSet<Key>>,
    /// Whether they were ever listed to the end.
    is_whole: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Watched {
    parts: Vec<Part>,
    from: Option<EndpointsFrom>,
    details: BTreeMap<Key, K8sDetail>,
    /// What says where the endpoints of a service are: slices by name, or its Endpoints.
    slices: BTreeMap<Key, BTreeMap<Key, Object>>,
    /// Whose a slice was when it was last heard of.
    owners: BTreeMap<Key, Key>,
    joined: Services,
    findings: BTreeMap<Key, Vec<Finding>>,
    /// Those of which something was heard.
    touched: BTreeSet<Key>,
    /// Something was listed anew: what comes next is everything.
    is_reset: bool,
}

impl Watched {
    pub(super) fn new(parts: usize, from: EndpointsFrom) -> Self {
        let parts = (0..parts).map(|_| Part::default()).collect();
        Self { parts, from: Some(from), ..Self::default() }
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
                let gone: Vec<Key> = self.parts[part].known.difference(&listed).cloned().collect();
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
        // A slice may change hands.
        self.let_go(&key, matches!(object, Object::Service(_)));
        self.parts[part].known.insert(key.clone());
        match &mut object {
            Object::Service(service) => {
                self.details.insert(key.clone(), detail(std::mem::take(&mut **service)));
                self.touched.insert(key);
            }
            Object::Slice(_) | Object::Endpoints(_) => {
                let Some(owner) = object.service() else { return };
                slim(&mut object);
                self.owners.insert(key.clone(), owner.clone());
                self.slices.entry(owner.clone()).or_default().insert(key, object);
                self.touched.insert(owner);
            }
        }
    }

    fn forget(&mut self, part: usize, key: &Key) {
        let is_service = part.is_multiple_of(2);
        self.parts[part].known.remove(key);
        self.let_go(key, is_service);
        if is_service {
            self.details.remove(key);
            self.touched.insert(key.clone());
        }
    }

    /// Takes a slice away from the service that it told of.
    fn let_go(&mut self, key: &Key, is_service: bool) {
        if is_service {
            return;
        }
        let Some(owner) = self.owners.remove(key) else { return };
        if let Some(slices) = self.slices.get_mut(&owner) {
            slices.remove(key);
            if slices.is_empty() {
                self.slices.remove(&owner);
            }
        }
        self.touched.insert(owner);
    }

    /// What became of it since this was last asked.
    pub(super) fn updates(&mut self) -> Vec<Update> {
        let mut touched = std::mem::take(&mut self.touched);
        for key in &touched {
            self.join(key);
        }
        // What is wrong with one may be another's doing.
        let found = judge(&self.joined);
        let differ = |key: &&Key| found.get(*key) != self.findings.get(*key);
        touched.extend(found.keys().chain(self.findings.keys()).filter(differ).cloned());
        self.findings = found;
        if std::mem::take(&mut self.is_reset) {
            let all: Vec<Key> = self.joined.iter().map(|(key, _)| key.clone()).collect();
            return vec![Update::Reset(all.iter().filter_map(|key| self.service(key)).collect())];
        }
        let update = |key: &Key| match self.service(key) {
            Some(service) => Update::Upsert(service),
            None => Update::Remove(super::join::id(key)),
        };
        touched.iter().map(update).collect()
    }

    fn join(&mut self, key: &Key) {
        self.joined.remove(key);
        let Some(detail) = self.details.get(key) else { return };
        self.joined.put(key.clone(), detail.clone());
        for object in self.slices.get(key).into_iter().flat_map(BTreeMap::values).cloned() {
            match object {
                Object::Slice(slice) => self.joined.add_slice(slice),
                Object::Endpoints(endpoints) => self.joined.add_endpoints(endpoints),
                Object::Service(_) => {}
            }
        }
        if let Some(from) = self.from {
            self.joined.settle_one(key, from);
        }
    }

    fn service(&self, key: &Key) -> Option<Service> {
        let findings = self.findings.get(key).cloned().unwrap_or_default();
        Some(self.joined.get(key)?.clone().into_service(key.clone(), findings).erase())
    }
}

/// Keeps of what is kept only what it is kept for.
fn slim(object: &mut Object) {
    let metadata = match object {
        Object::Service(service) => &mut service.metadata,
        Object::Slice(slice) => &mut slice.metadata,
        Object::Endpoints(endpoints) => &mut endpoints.metadata,
    };
    let whole = std::mem::take(metadata);
    *metadata = ObjectMeta {
        name: whole.name,
        namespace: whole.namespace,
        labels: whole.labels.map(|mut labels| {
            labels.retain(|label, _| label == SERVICE_NAME);
            labels
        }),
        ..ObjectMeta::default()
    };
}
