//! Facts about the routes into a cluster from the Kubernetes API.

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
    /// The class of an Ingress, or the Gateways of a route.
    pub served_by: Vec<Untrusted>,
    /// Its hosts; `*` stands for any host.
    pub hosts: Vec<Untrusted>,
    /// The hosts that are served with TLS, as an Ingress says itself, and of a route its Gateways' listeners.
    pub tls_hosts: Vec<Untrusted>,
    /// The addresses and names of its balancer, or of its Gateways.
    pub addresses: Vec<Untrusted>,
    /// Its rules.
    pub rules: Vec<K8sRule>,
}

impl Detail for K8sRouteDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }
}

/// A host, a path and their target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sRule {
    /// The host; `None` is any.
    pub host: Option<Untrusted>,
    /// The path; `None` is any. Of gRPC `/SERVICE/METHOD`, where `*` is any.
    pub path: Option<Untrusted>,
    /// The path type: `Prefix`, `Exact`, `PathPrefix`, `RegularExpression`, `ImplementationSpecific`.
    pub path_type: Option<Untrusted>,
    /// The target service, as `NAMESPACE/NAME` if it is in another namespace; `None` for other targets.
    pub service: Option<Untrusted>,
    /// The port of the service.
    pub port: Option<TargetPort>,
}
