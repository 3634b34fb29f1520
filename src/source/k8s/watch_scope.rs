//! What is heard of a cluster that is watched: which kinds of objects, where, and of each what is kept.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::join::{ObjectKey, SERVICE_NAME, key};
use super::pods::Pod;
use super::reader::Namespaced;

/// The kinds of objects of a place. Each has a part of its own, and the parts of a place stand together in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Services,
    Endpoints,
    Pods,
}

impl ObjectKind {
    pub(super) const ALL: [Self; 3] = [Self::Services, Self::Endpoints, Self::Pods];

    /// The number of its part in the place of that number.
    pub(super) fn part(self, place: usize) -> usize {
        place * Self::ALL.len() + self as usize
    }

    /// That of the part of that number.
    pub(super) fn of(part: usize) -> Self {
        Self::ALL[part % Self::ALL.len()]
    }
}

/// What may be read where.
#[derive(Debug, Default)]
pub(super) struct WatchScope {
    pub(super) with_endpoints: BTreeSet<Namespaced>,
    pub(super) with_pods: BTreeSet<Namespaced>,
    /// The server knows no slices.
    pub(super) is_old: bool,
}

impl WatchScope {
    /// Whether a kind of objects is heard of in a place.
    pub(super) fn hears(&self, kind: ObjectKind, place: &Namespaced) -> bool {
        match kind {
            ObjectKind::Services => true,
            ObjectKind::Endpoints => self.with_endpoints.contains(place),
            ObjectKind::Pods => self.with_pods.contains(place),
        }
    }
}

/// An object that is watched.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Service(Box<core::Service>),
    Slice(discovery::EndpointSlice),
    Endpoints(core::Endpoints),
    Pod(Box<Pod>),
}

impl Object {
    pub(super) fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Service(service) => &service.metadata,
            Self::Slice(slice) => &slice.metadata,
            Self::Endpoints(endpoints) => &endpoints.metadata,
            Self::Pod(pod) => &pod.metadata,
        }
    }

    /// The service that it tells of; `None` for a slice that belongs to none.
    pub(super) fn service(&self) -> Option<ObjectKey> {
        match self {
            Self::Slice(slice) => {
                let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
                Some((slice.metadata.namespace.clone()?, name.clone()))
            }
            other => Some(key(other.metadata())),
        }
    }

    /// Keeps of what is kept only what it is kept for.
    pub(super) fn slim(&mut self) {
        let metadata = match self {
            Self::Service(service) => &mut service.metadata,
            Self::Slice(slice) => &mut slice.metadata,
            Self::Endpoints(endpoints) => &mut endpoints.metadata,
            // It was made so from the beginning.
            Self::Pod(_) => return,
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
}
