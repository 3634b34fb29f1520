//! What Consul's API knows of a registration beside what every registration has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HealthState;

/// The namespace of the records of nodes. No client can register a service in it: a namespace begins with a letter or
/// digit.
pub const NODES_NAMESPACE: &str = "_nodes";

/// The namespace of the events of configurations. No service can be in it.
pub const CONFIG_NAMESPACE: &str = "_config";

/// The namespace of the events of traffic that is split. No service can be in it.
pub const TRAFFIC_NAMESPACE: &str = "_traffic";

/// The namespace of the events of what agents report of their hosts. No service can be in it.
pub const DRIFT_NAMESPACE: &str = "_drift";

/// The part of a registration that only Consul's API reads and writes.
///
/// The registration of a node has one too: its name is that of the node, its namespace [`NODES_NAMESPACE`], its port 0,
/// and its checks are those of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// The id in the catalog, which is unique on its node; of a node, its UUID or nothing.
    pub id: String,
    /// The address as it was given. Empty: that of the node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Further addresses, by their tag: `lan`, `wan`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tagged_addresses: BTreeMap<String, TaggedAddress>,
    /// The weight while a check warns; that of a healthy instance is the weight of the registration.
    #[serde(default)]
    pub warning_weight: u16,
    /// Whether others may change its tags.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_tag_override: bool,
    /// `connect-proxy` for a proxy that a program registered; empty for every other service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What a proxy was registered with: the service behind it and its upstreams, for programs that read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Value>,
    /// Whether the service speaks Connect itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_native: bool,
    /// Whether it came by `catalog/register`, so that no agent has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_external: bool,
    /// What Consul's API knows of each check, in the order of the registration's checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CatalogCheck>,
}

/// A further address of an instance or a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedAddress {
    /// An address or a host name.
    pub address: String,
    /// 0: none, as for a node.
    #[serde(default)]
    pub port: u16,
}

/// The part of a check that only Consul's API reads and writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogCheck {
    /// The id, which is unique on its node.
    pub id: String,
    /// The state until the first result.
    pub initial: HealthState,
    /// The text until the first result.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// A text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// The port to check, if it is not that of the registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether an HTTP or gRPC check uses TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// What kind of check it is, in Consul's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The definition that `catalog/register` was given, for programs that run such checks themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Value>,
}

/// The id that Consul gives a check without one. `at` counts from 0.
pub fn default_check_id(service_id: &str, at: usize, count: usize) -> String {
    if count > 1 { format!("service:{service_id}:{}", at + 1) } else { format!("service:{service_id}") }
}
