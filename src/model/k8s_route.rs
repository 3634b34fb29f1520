//! What a Kubernetes API tells of the ways into a cluster.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Detail, TargetPort, words};
use crate::clean::Untrusted;

/// The facts of an Ingress, or of a route of the Gateway API, with those of the Gateways that it names. Its endpoints are its
/// hosts; one for any host has the addresses of its balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sRouteDetail {
    /// `Ingress`, `HTTPRoute`, `GRPCRoute` or `TLSRoute`.
    #[serde(rename = "type", deserialize_with = "words::word")]
    pub kind: Cow<'static, str>,
    /// What serves it: an Ingress's class, the Gateways of a route.
    pub served_by: Vec<Untrusted>,
    /// The hosts that it is for, `*` among them where any will do.
    pub hosts: Vec<Untrusted>,
    /// The hosts that are served with TLS, as an Ingress says itself, and of a route its Gateways' listeners.
    pub tls_hosts: Vec<Untrusted>,
    /// The addresses and names of its balancer, or of its Gateways.
    pub addresses: Vec<Untrusted>,
    /// What leads where.
    pub rules: Vec<K8sRule>,
}

impl Detail for K8sRouteDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }
}

/// A host and a path, and where they lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sRule {
    /// The host; `None` is any.
    pub host: Option<Untrusted>,
    /// The path; `None` is any. Of gRPC `/SERVICE/METHOD`, where `*` is any.
    pub path: Option<Untrusted>,
    /// How the path is compared: `Prefix`, `Exact`, `PathPrefix`, `RegularExpression`, `ImplementationSpecific`.
    pub path_type: Option<Untrusted>,
    /// The service that it leads to, `NAMESPACE/NAME` where it is in another namespace; `None` for something else.
    pub service: Option<Untrusted>,
    /// The port of the service.
    pub port: Option<TargetPort>,
}
