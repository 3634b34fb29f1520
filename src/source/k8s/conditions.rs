//! The conditions of one address, from a slice or from the Endpoints of an old server.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;

use crate::clean::Untrusted;

/// The conditions of one address.
pub(super) struct EndpointConditions {
    pub(super) ready: bool,
    pub(super) serving: bool,
    pub(super) terminating: bool,
    pub(super) pod: Option<Untrusted>,
    pub(super) node: Option<Untrusted>,
    pub(super) zone: Option<Untrusted>,
}

impl EndpointConditions {
    pub(super) fn of_slice(endpoint: &discovery::Endpoint) -> Self {
        let conditions = endpoint.conditions.as_ref();
        // Missing means ready; serving defaults to ready (Kubernetes, EndpointConditions).
        let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);

        Self {
            ready,
            serving: conditions.and_then(|conditions| conditions.serving).unwrap_or(ready),
            terminating: conditions.and_then(|conditions| conditions.terminating).unwrap_or(false),
            pod: pod(endpoint.target_ref.as_ref()),
            node: text(endpoint.node_name.as_deref()),
            zone: text(endpoint.zone.as_deref()),
        }
    }

    pub(super) fn of_address(address: &core::EndpointAddress, ready: bool) -> Self {
        let (pod, node) = (pod(address.target_ref.as_ref()), text(address.node_name.as_deref()));
        Self { ready, serving: ready, terminating: false, pod, node, zone: None }
    }
}

fn pod(target: Option<&core::ObjectReference>) -> Option<Untrusted> {
    let target = target.filter(|target| target.kind.as_deref() == Some("Pod"))?;
    text(target.name.as_deref())
}

fn text(text: Option<&str>) -> Option<Untrusted> {
    text.filter(|text| !text.is_empty()).map(Untrusted::from)
}
