//! What Consul's API knows of a registration beside what every registration has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckKind, HealthState, Registration};

/// The namespace of the records of nodes. No client can register a service in it: a namespace begins with a letter or
/// digit.
pub const NODES_NAMESPACE: &str = "_nodes";

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

impl CatalogEntry {
    /// The entry of a registration that has none: it came by another way.
    pub fn of(registration: &Registration) -> Self {
        let id = registration.id.clone().unwrap_or_default();
        let checks = registration.checks.iter().enumerate();
        let checks = checks.map(|(at, check)| CatalogCheck {
            id: default_check_id(&id, at, registration.checks.len()),
            initial: HealthState::Unknown,
            output: String::new(),
            notes: String::new(),
            port: None,
            tls: false,
            kind: check.kind.as_str().to_owned(),
            definition: None,
        });

        Self {
            checks: checks.collect(),
            address: registration.address.clone(),
            warning_weight: registration.weight.unwrap_or(1),
            id,
            ..Self::default()
        }
    }
}

/// The id that Consul gives a check without one. `at` counts from 0.
pub fn default_check_id(service_id: &str, at: usize, count: usize) -> String {
    if count > 1 { format!("service:{service_id}:{}", at + 1) } else { format!("service:{service_id}") }
}

impl Registration {
    /// What Consul's API knows of a check.
    pub fn catalog_check(&self, at: usize) -> Option<&CatalogCheck> {
        self.catalog.as_ref()?.checks.get(at)
    }

    /// The position of the check with this id in the catalog.
    pub fn catalog_check_position(&self, id: &str) -> Option<usize> {
        self.catalog.as_ref()?.checks.iter().position(|check| check.id == id)
    }

    /// The state of a check until its first result.
    pub(crate) fn initial_state(&self, at: usize) -> HealthState {
        self.catalog_check(at).map_or(HealthState::Unknown, |check| check.initial)
    }

    /// How long a report of a check lasts; `None` if it is no check by report, or lasts until the next one. Consul knows no
    /// grace.
    pub(crate) fn report_lasts(&self, at: usize, default: Duration, grace: Duration) -> Option<Duration> {
        let check = self.checks.get(at).filter(|check| check.kind == CheckKind::Ttl)?;
        let interval = Some(check.interval.unwrap_or(default)).filter(|interval| !interval.is_zero())?;
        Some(if self.catalog.is_some() { interval } else { interval + grace })
    }

    /// Whether it is the record of a node.
    pub fn is_node(&self) -> bool {
        self.namespace.as_deref() == Some(NODES_NAMESPACE)
    }
}
