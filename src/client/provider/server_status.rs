//! What a registry of portolan's own says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The state of a server that `portolan serve` runs. A server of another version may leave fields out: they are empty then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerStatus {
    /// `running` or `stopping`.
    pub status: String,
    /// Whether it can do everything that it is there for.
    pub ready: bool,
    /// Its version.
    pub version: String,
    /// Its name.
    pub node: String,
    /// The name of its cluster, a label.
    pub cluster: String,
    /// How long it runs, in seconds.
    pub uptime_seconds: u64,
    /// The index of its last change.
    pub index: u64,
    /// Identifies the history that the indexes belong to.
    pub epoch: String,
    /// How many services have instances.
    pub services: u64,
    /// How many instances are registered.
    pub instances: u64,
    /// How many of them have each health.
    pub health: InstanceCounts,
    /// How many services keep all instances at present, because too many failed at once.
    pub protected_services: u64,
    /// Where its data is.
    pub store: StoreStatus,
    /// Writes that wait for the store.
    pub queued_writes: u64,
    /// Open connections.
    pub connections: u64,
    /// Open event streams.
    pub event_streams: u64,
    /// Events that are kept for clients that reconnect.
    pub kept_events: u64,
    /// Cached answers: always 0, because answers are made from memory.
    pub cache_entries: u64,
    /// The leases of registrations that do not ask for anything else.
    pub registration: RegistrationRules,
    /// What is off although a server could have it.
    pub off: Vec<String>,
    /// The servers that share its registry, and this one; none if it is alone.
    pub servers: Vec<ClusterMember>,
    /// The registries whose services it shows beside its own.
    pub imports: Vec<ImportStatus>,
    /// The certificate of its listeners; `None` without TLS.
    pub certificate: Option<CertificateStatus>,
    /// Everything else that it says.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A server of a registry that has several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterMember {
    /// Its name.
    pub node: String,
    /// Identifies the running server: a restarted one has another id.
    pub id: String,
    /// The index of the last change that it knows.
    pub index: u64,
    /// How many changes it did not know yet that another server knew.
    pub behind: u64,
    /// How many health checks it runs; `None` if it runs none.
    pub checks: Option<u64>,
}

/// A registry whose services a server shows beside its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImportStatus {
    /// Its name, which its instances have as `imported_from` in their metadata.
    pub name: String,
    /// Where it is: `consul://10.0.0.5:8500`. Empty for a caller with a scope, as are the fields below it but the state.
    pub place: String,
    /// `current`, `incomplete`, `stale` (it cannot be read now) or `starting` (it was never read since the server started).
    pub state: String,
    /// How many seconds ago it replied last.
    pub age_seconds: Option<f64>,
    /// How many of its instances the server has.
    pub instances: u64,
    /// How many it no longer lists, and that stay for now, because more than half went at once.
    pub held: u64,
    /// How many cannot be registered.
    pub skipped: u64,
    /// How many of its parts, such as services, cannot be read now.
    pub faults: u64,
    /// Why it cannot be read now, in whole or in part.
    pub error: Option<String>,
}

/// The certificate of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// When it expires: `2027-03-01T00:00:00Z`.
    pub expires: String,
    /// In how many seconds, by the clock of the server; negative if it has expired.
    pub expires_in_seconds: i64,
}

/// How many instances have each health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceCounts {
    /// Those that work.
    pub healthy: u64,
    /// Those that work with a problem.
    pub degraded: u64,
    /// Those that do not work.
    pub unhealthy: u64,
    /// Those that nothing is known of yet.
    pub unknown: u64,
}

/// Where the data of a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreStatus {
    /// What it is: `SQLite file /var/lib/portolan/registry.db`.
    pub kind: String,
    /// Whether it kept the last batch of writes.
    pub healthy: bool,
}

/// The leases of registrations that do not ask for anything else, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistrationRules {
    /// How long a registration lasts unless it is renewed.
    pub default_ttl: f64,
    /// How long an instance stays after that, as unhealthy.
    pub grace_period: f64,
    /// The interval at which clients should renew.
    pub heartbeat_interval: f64,
}
