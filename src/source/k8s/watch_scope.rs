//! The scope of a watch: which kinds of objects, in which namespaces, and the fields to keep.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::object_key::{ObjectKey, SERVICE_NAME, key};
use super::pods::Pod;
use super::reader::ListScope;

/// The kinds of objects in a scope. Each is one part; the parts of a scope follow each other in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Services,
    Endpoints,
    Pods,
}

impl ObjectKind {
    pub(super) const ALL: [Self; 3] = [Self::Services, Self::Endpoints, Self::Pods];

    /// The index of its part, for a scope's index.
    pub(super) fn part(self, scope: usize) -> usize {
        scope * Self::ALL.len() + self as usize
    }

    /// The kind of a part.
    pub(super) fn of(part: usize) -> Self {
        Self::ALL[part % Self::ALL.len()]
    }
}

/// The scopes with the permission to read each kind.
#[derive(Debug, Default)]
pub(super) struct WatchScope {
    pub(super) with_endpoints: BTreeSet<ListScope>,
    pub(super) with_pods: BTreeSet<ListScope>,
    /// Those of them whose endpoints come from Endpoints instead of EndpointSlices.
    pub(super) without_slices: BTreeSet<ListScope>,
}

impl WatchScope {
    /// Whether the watch includes a kind of objects in a scope.
    pub(super) fn includes(&self, kind: ObjectKind, scope: &ListScope) -> bool {
        match kind {
            ObjectKind::Services => true,
            ObjectKind::Endpoints => self.with_endpoints.contains(scope),
            ObjectKind::Pods => self.with_pods.contains(scope),
        }
    }
}

/// A watched object.
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

    /// The service that it belongs to; `None` for a slice without one.
    pub(super) fn service(&self) -> Option<ObjectKey> {
        match self {
            Self::Slice(slice) => {
                let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
                Some((slice.metadata.namespace.clone()?, name.clone()))
            }
            other => Some(key(other.metadata())),
        }
    }

    /// Drops the fields that are not needed.
    pub(super) fn slim(&mut self) {
        let metadata = match self {
            Self::Service(service) => &mut service.metadata,
            Self::Slice(slice) => &mut slice.metadata,
            Self::Endpoints(endpoints) => &mut endpoints.metadata,
            // Already reduced.
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
