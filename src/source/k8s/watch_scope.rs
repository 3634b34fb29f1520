//! What a watch consists of: its streams, and the objects that they bring, reduced to the fields to keep.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::object_key::{ObjectKey, SERVICE_NAME, key};
use super::pods::Pod;
use super::slices::Slice;

/// The kinds of objects in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ObjectKind {
    Services,
    Endpoints,
    Pods,
}

impl ObjectKind {
    pub(super) const ALL: [Self; 3] = [Self::Services, Self::Endpoints, Self::Pods];
}

/// A stream of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StreamId {
    /// The objects of a kind, in the scope with this index.
    Objects(usize, ObjectKind),
    /// The namespaces of the cluster, which are scopes of their own.
    Namespaces,
}

/// A watched object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    Service(Box<core::Service>),
    Slice(Slice),
    Endpoints(core::Endpoints),
    Pod(Box<Pod>),
    Namespace(Box<core::Namespace>),
}

impl Object {
    pub(super) fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Service(service) => &service.metadata,
            Self::Slice(slice) => &slice.metadata,
            Self::Endpoints(endpoints) => &endpoints.metadata,
            Self::Pod(pod) => &pod.metadata,
            Self::Namespace(namespace) => &namespace.metadata,
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
            // Already reduced, or not kept.
            Self::Pod(_) | Self::Namespace(_) => return,
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
