//! The routes and Gateways of the Gateway API, reduced to the fields that say where traffic goes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::object_key::{ObjectKey, key};
use super::route_rows::ANY;
use crate::clean::Untrusted;

/// The path of the API group.
pub(super) const GROUP: &str = "/apis/gateway.networking.k8s.io";

/// A kind of object in the group.
#[derive(Debug)]
pub(super) struct RouteKind {
    pub(super) name: &'static str,
    /// The name in a path.
    plural: &'static str,
    /// The versions that servers use or used, newest first.
    pub(super) versions: &'static [&'static str],
}

pub(super) static HTTP: RouteKind = RouteKind { name: "HTTPRoute", plural: "httproutes", versions: &["v1", "v1beta1"] };
pub(super) static GRPC: RouteKind =
    RouteKind { name: "GRPCRoute", plural: "grpcroutes", versions: &["v1", "v1alpha2"] };
pub(super) static TLS: RouteKind =
    RouteKind { name: "TLSRoute", plural: "tlsroutes", versions: &["v1", "v1alpha3", "v1alpha2"] };
pub(super) static GATEWAYS: RouteKind = RouteKind { name: "Gateway", plural: "gateways", versions: &["v1", "v1beta1"] };

impl RouteKind {
    /// The path of the objects in a namespace, or in all.
    pub(super) fn path(&self, version: &str, namespace: Option<&str>) -> String {
        let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        format!("{GROUP}/{version}{within}/{}", self.plural)
    }
}

/// A route of any kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Route {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: RouteSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RouteSpec {
    parent_refs: Option<Vec<Reference>>,
    hostnames: Option<Vec<String>>,
    pub(super) rules: Option<Vec<RouteRule>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RouteRule {
    pub(super) matches: Option<Vec<RouteMatch>>,
    pub(super) backend_refs: Option<Vec<Reference>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RouteMatch {
    pub(super) path: Option<PathMatch>,
    /// The method of HTTP; an object for gRPC.
    pub(super) method: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PathMatch {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
}

/// A parent Gateway, or a backend service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) kind: Option<String>,
    namespace: Option<String>,
    name: String,
    section_name: Option<String>,
    pub(super) port: Option<i32>,
}

/// A Gateway, reduced to its listeners and addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gateway {
    pub(super) spec: GatewaySpec,
    pub(super) status: GatewayStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GatewaySpec {
    pub(super) listeners: Option<Vec<Listener>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GatewayStatus {
    pub(super) addresses: Option<Vec<GatewayAddress>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GatewayAddress {
    pub(super) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Listener {
    name: String,
    hostname: Option<String>,
    pub(super) port: i32,
    protocol: String,
    allowed_routes: AllowedRoutes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct AllowedRoutes {
    namespaces: RouteNamespaces,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RouteNamespaces {
    from: Option<String>,
}

impl Listener {
    /// Whether a route attaches to this listener (Gateway API, "Attaching to Gateways"). The namespaces that a selector
    /// matches are unknown, so the route counts as attached.
    pub(super) fn takes(&self, kind: &RouteKind, parent: &Reference, is_same_namespace: bool) -> bool {
        let supports_kind = match self.protocol.as_str() {
            "HTTP" | "HTTPS" => kind.name != TLS.name,
            "TLS" => kind.name == TLS.name,
            "TCP" | "UDP" => false,
            // A protocol of an implementation.
            _ => true,
        };

        let from = self.allowed_routes.namespaces.from.as_deref();

        supports_kind
            && parent.section_name.as_ref().is_none_or(|name| *name == self.name)
            && parent.port.is_none_or(|port| port == self.port)
            && (is_same_namespace && from != Some("None") || matches!(from, Some("All" | "Selector")))
    }

    /// The host of the listener; `*` is any.
    pub(super) fn host(&self) -> &str {
        self.hostname.as_deref().filter(|name| !name.is_empty()).unwrap_or(ANY)
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }
}

impl Reference {
    /// The Gateway that a route in `namespace` refers to.
    pub(super) fn gateway(&self, namespace: &str) -> Option<ObjectKey> {
        let is_gateway = self.kind.as_deref().is_none_or(|kind| kind == GATEWAYS.name);
        is_gateway.then(|| (self.namespace.clone().unwrap_or_else(|| namespace.to_owned()), self.name.clone()))
    }

    pub(super) fn qualified_name(&self) -> Untrusted {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name).into(),
            None => self.name.as_str().into(),
        }
    }
}

impl Route {
    pub(super) fn parents(&self) -> &[Reference] {
        self.spec.parent_refs.as_deref().unwrap_or_default()
    }

    /// The Gateways that the route refers to.
    pub(super) fn gateways(&self) -> impl Iterator<Item = ObjectKey> {
        let (namespace, _) = key(&self.metadata);
        self.parents().iter().filter_map(move |parent| parent.gateway(&namespace))
    }

    /// The hosts of the route; `*` is any.
    pub(super) fn hosts(&self) -> Vec<&str> {
        let hosts: Vec<&str> = self.spec.hostnames.iter().flatten().map(String::as_str).collect();
        if hosts.is_empty() { vec![ANY] } else { hosts }
    }
}
