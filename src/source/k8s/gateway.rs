//! Routes and Gateways of the Gateway API, as far as they say what leads where.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::join::{ObjectKey, key};
use super::routes::ANY;
use crate::clean::Untrusted;

/// Where the group of them all is.
pub(super) const GROUP: &str = "/apis/gateway.networking.k8s.io";

/// A kind of objects of the group.
#[derive(Debug)]
pub(super) struct RouteKind {
    pub(super) name: &'static str,
    /// As in a path.
    plural: &'static str,
    /// The versions that it is or was served in, newest first.
    pub(super) versions: &'static [&'static str],
}

pub(super) static HTTP: RouteKind = RouteKind { name: "HTTPRoute", plural: "httproutes", versions: &["v1", "v1beta1"] };
pub(super) static GRPC: RouteKind =
    RouteKind { name: "GRPCRoute", plural: "grpcroutes", versions: &["v1", "v1alpha2"] };
pub(super) static TLS: RouteKind =
    RouteKind { name: "TLSRoute", plural: "tlsroutes", versions: &["v1", "v1alpha3", "v1alpha2"] };
pub(super) static GATEWAYS: RouteKind = RouteKind { name: "Gateway", plural: "gateways", versions: &["v1", "v1beta1"] };

impl RouteKind {
    /// Where those of a namespace are, or all of them.
    pub(super) fn path(&self, version: &str, namespace: Option<&str>) -> String {
        let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        format!("{GROUP}/{version}{within}/{}", self.plural)
    }
}

/// A route of any kind, as far as it says what leads where.
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
    /// The verb of HTTP; of gRPC an object.
    pub(super) method: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PathMatch {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
}

/// A Gateway above, or a service below.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) kind: Option<String>,
    namespace: Option<String>,
    name: String,
    section_name: Option<String>,
    pub(super) port: Option<i32>,
}

/// A Gateway, as far as it says where its routes are met.
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
    /// Whether a route may be met here (Gateway API, "Attaching to Gateways"). Which namespaces a selector chooses is not
    /// known, and believed of the route.
    pub(super) fn takes(&self, kind: &RouteKind, parent: &Reference, is_same_namespace: bool) -> bool {
        let speaks = match self.protocol.as_str() {
            "HTTP" | "HTTPS" => kind.name != TLS.name,
            "TLS" => kind.name == TLS.name,
            "TCP" | "UDP" => false,
            // An implementation's own.
            _ => true,
        };
        let from = self.allowed_routes.namespaces.from.as_deref();
        speaks
            && parent.section_name.as_ref().is_none_or(|name| *name == self.name)
            && parent.port.is_none_or(|port| port == self.port)
            && (is_same_namespace && from != Some("None") || matches!(from, Some("All" | "Selector")))
    }

    /// The host that it is for; `*` is any.
    pub(super) fn host(&self) -> &str {
        self.hostname.as_deref().filter(|name| !name.is_empty()).unwrap_or(ANY)
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }
}

impl Reference {
    /// The Gateway that a route of a namespace names.
    pub(super) fn gateway(&self, namespace: &str) -> Option<ObjectKey> {
        let is_gateway = self.kind.as_deref().is_none_or(|kind| kind == GATEWAYS.name);
        is_gateway.then(|| (self.namespace.clone().unwrap_or_else(|| namespace.to_owned()), self.name.clone()))
    }

    pub(super) fn in_its_namespace(&self) -> Untrusted {
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

    /// The Gateways that it names.
    pub(super) fn gateways(&self) -> impl Iterator<Item = ObjectKey> {
        let (namespace, _) = key(&self.metadata);
        self.parents().iter().filter_map(move |parent| parent.gateway(&namespace))
    }

    /// The hosts that it names; `*` is any.
    pub(super) fn hosts(&self) -> Vec<&str> {
        let named: Vec<&str> = self.spec.hostnames.iter().flatten().map(String::as_str).collect();
        if named.is_empty() { vec![ANY] } else { named }
    }
}
