//! The conditions of one address, from a slice or from the Endpoints of an old server.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::interner::Interner;
use super::slices::SliceEndpoint;

/// The conditions of one address, and where it runs.
#[derive(Clone, Debug)]
pub(super) struct EndpointConditions {
    pub(super) ready: bool,
    pub(super) serving: bool,
    pub(super) terminating: bool,
    pub(super) pod: Option<Box<str>>,
    pub(super) node: Option<Arc<str>>,
    pub(super) zone: Option<Arc<str>>,
}

impl EndpointConditions {
    pub(super) fn of_slice(endpoint: SliceEndpoint, texts: &mut Interner) -> Self {
        let conditions = endpoint.conditions.unwrap_or_default();
        // Missing means ready; serving defaults to ready (Kubernetes, EndpointConditions).
        let ready = conditions.ready.unwrap_or(true);

        Self {
            ready,
            serving: conditions.serving.unwrap_or(ready),
            terminating: conditions.terminating.unwrap_or(false),
            pod: endpoint.target_ref.and_then(|target| pod(target.kind.as_deref(), target.name)),
            node: texts.share_filled(endpoint.node_name.as_deref()),
            zone: texts.share_filled(endpoint.zone.as_deref()),
        }
    }

    pub(super) fn of_address(address: core::EndpointAddress, ready: bool, texts: &mut Interner) -> Self {
        let node = texts.share_filled(address.node_name.as_deref());
        let pod = address.target_ref.and_then(|target| pod(target.kind.as_deref(), target.name));
        Self { ready, serving: ready, terminating: false, pod, node, zone: None }
    }
}

/// The name of an endpoint's object, if that is a pod.
fn pod(kind: Option<&str>, name: Option<String>) -> Option<Box<str>> {
    name.filter(|name| kind == Some("Pod") && !name.is_empty()).map(String::into_boxed_str)
}
