//! What a source knows of one endpoint of a service that has several.

use serde::Serialize;

use crate::clean::Untrusted;

/// The one of a service's endpoints that runs here: a pod behind a cluster's service, a registered instance.
///
/// `ready` of the [`Endpoint`](super::Endpoint) says whether it takes new requests; here is why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Instance {
    /// The same endpoint has the same id tomorrow: `k8s/shop/web/tcp/10.1.2.3:8080`.
    pub id: String,
    /// Whether it answers, were it asked; it may do so while it is being ended.
    pub serving: bool,
    /// Whether it is being ended.
    pub terminating: bool,
    /// The name of the service's port that leads here, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_name: Option<Untrusted>,
    /// What runs here: the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Untrusted>,
    /// The machine that it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Untrusted>,
    /// The zone that the machine stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Untrusted>,
}
