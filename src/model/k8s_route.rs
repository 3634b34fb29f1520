//! What a Kubernetes API tells of the ways into a cluster.

use serde::Serialize;

use super::{Detail, TargetPort};
use crate::clean::Untrusted;

/// The facts of an Ingress, or of an HTTPRoute of the Gateway API. Its endpoints are its hosts; one that names none has the
/// addresses of its balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct K8sRouteDetail {
    /// `Ingress` or `HTTPRoute`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What serves it: an Ingress's class, the Gateways of an HTTPRoute.
    pub served_by: Vec<Untrusted>,
    /// The hosts that it is for, `*` among them where any will do.
    pub hosts: Vec<Untrusted>,
    /// The hosts that it serves with TLS, as far as it says so itself.
    pub tls_hosts: Vec<Untrusted>,
    /// The addresses and names of its balancer.
    pub addresses: Vec<Untrusted>,
    /// What leads where.
    pub rules: Vec<K8sRule>,
}

impl Detail for K8sRouteDetail {}

/// A host and a path, and where they lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct K8sRule {
    /// The host; `None` is any.
    pub host: Option<Untrusted>,
    /// The path; `None` is any.
    pub path: Option<Untrusted>,
    /// How the path is compared: `Prefix`, `Exact`, `PathPrefix`, `RegularExpression`, `ImplementationSpecific`.
    pub path_type: Option<Untrusted>,
    /// The service that it leads to, `NAMESPACE/NAME` where it is in another namespace; `None` for something else.
    pub service: Option<Untrusted>,
    /// The port of the service.
    pub port: Option<TargetPort>,
}
