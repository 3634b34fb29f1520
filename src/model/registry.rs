//! Facts about the services of a registry: Consul, etcd, DNS, and portolan's own.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Detail, HealthState};
use crate::clean::Untrusted;

/// The facts of a registered service, beside its endpoints: those stand in the [`Service`](crate::Service), each with an
/// [`Instance`](crate::model::Instance) that has its id, version, tags, metadata and lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryDetail {
    /// The datacenter of the registry, if it has datacenters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<Untrusted>,
    /// The results of the registry's own checks, sorted by instance and id.
    #[serde(default)]
    pub checks: Vec<RegistryCheck>,
    /// The keys that hold the registrations, sorted, if the registry is a key-value store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Untrusted>,
}

impl Detail for RegistryDetail {
    /// A check's note often holds a time.
    fn volatile_fields(&self) -> &'static [&'static str] {
        &["checks.note"]
    }

    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let Some(other) = other.downcast_ref::<Self>() else { return Some(false) };
        let same_checks = self.checks.len() == other.checks.len()
            && self.checks.iter().zip(&other.checks).all(|(one, other)| one.has_same_facts(other));
        Some(same_checks && self.datacenter == other.datacenter && self.keys == other.keys)
    }
}

/// The result of a check that a registry ran, or that it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCheck {
    /// The id of the instance; `None` for a check of the whole node.
    pub instance: Option<Untrusted>,
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Untrusted>,
    /// The id of the check.
    pub id: Untrusted,
    /// Its name.
    pub name: Untrusted,
    /// What it does: `tcp`, `http`, `grpc`, `ttl`, if the registry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Untrusted>,
    /// What it requests: a URL, an address or a path, if the registry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Untrusted>,
    /// Its result.
    pub state: RegistryState,
    /// What it reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Untrusted>,
}

impl RegistryCheck {
    fn has_same_facts(&self, other: &Self) -> bool {
        let Self { instance, node, id, name, kind, target, state, note: _ } = self;
        (instance, node, id, name) == (&other.instance, &other.node, &other.id, &other.name)
            && (kind, target, state) == (&other.kind, &other.target, &other.state)
    }
}

/// The state of an instance or a check in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryState {
    /// It works.
    Passing,
    /// It works, with a problem.
    Warning,
    /// It does not work.
    Critical,
    /// A state that portolan does not know.
    #[serde(other)]
    Unknown,
}

impl RegistryState {
    /// What it means for callers.
    pub const fn health(self) -> HealthState {
        match self {
            Self::Passing => HealthState::Healthy,
            Self::Warning => HealthState::Degraded,
            Self::Critical => HealthState::Unhealthy,
            Self::Unknown => HealthState::Unknown,
        }
    }

    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl From<HealthState> for RegistryState {
    fn from(state: HealthState) -> Self {
        match state {
            HealthState::Healthy => Self::Passing,
            HealthState::Degraded => Self::Warning,
            HealthState::Unhealthy => Self::Critical,
            HealthState::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for RegistryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The facts of a service that was found by DNS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsDetail {
    /// The name that was looked up, in full.
    pub name: Untrusted,
    /// The resolvers that replied.
    pub resolvers: Vec<String>,
    /// The records, sorted.
    pub records: Vec<DnsRecord>,
    /// Seconds until the records are looked up again: the smallest TTL.
    pub ttl: u32,
}

impl Detail for DnsDetail {
    /// A cache counts the TTL down.
    fn volatile_fields(&self) -> &'static [&'static str] {
        &["ttl", "resolvers"]
    }

    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other = other.downcast_ref::<Self>();
        Some(other.is_some_and(|other| self.name == other.name && self.records == other.records))
    }
}

/// A record, as `dig` prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Its type: `SRV`, `A`, `AAAA`, `TXT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its data: `10 60 8080 web1.example.`
    pub data: Untrusted,
}
