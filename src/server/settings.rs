//! What can be set about the server.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The settings of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Time limits of a connection.
    pub time_limits: TimeLimits,
    /// Size and number limits.
    pub size_limits: SizeLimits,
    /// Order of the answers of `discover` without `load_balancing_strategy`.
    pub default_strategy: super::Strategy,
    /// The origins whose pages may use the API from a browser, as in `https://ui.example`; `*` is any. Without one, browsers
    /// let no page of another origin read an answer.
    pub allowed_origins: Vec<String>,
    /// The path of the metrics; `None` turns them off.
    pub metrics_path: Option<String>,
    /// Whether six figures are in the metrics once more, under the names `service_discovery_*`.
    pub has_compat_metrics: bool,
    /// The most services whose instances the metrics count one by one.
    pub max_service_metrics: usize,
    /// How long a stopping server waits for the requests that it has begun.
    pub shutdown_timeout: Duration,
    /// The name of this server.
    pub node: String,
    /// The name of the cluster, a label.
    pub cluster: String,
    /// The address under which others reach this server, for Consul's catalog; `None` is the one that it listens on.
    pub advertise: Option<IpAddr>,
    /// The id of this server's node in Consul's catalog; `None` is one made of the registry and its name.
    pub node_id: Option<uuid::Uuid>,
    /// The metadata of this server's node in Consul's catalog.
    pub node_meta: BTreeMap<String, String>,
    /// The interval at which clients should send heartbeats; they read it from `status`.
    pub heartbeat_interval: Duration,
    /// Whether and how the checks of registrations run. Their default interval and thresholds belong to the rules.
    pub health_checks: HealthCheckSettings,
    /// Programs of this machine, with their arguments, by `NAMESPACE/NAME` of a service: each runs with the first check of each
    /// instance. Nothing that a client sends can name one.
    pub scripts: Arc<BTreeMap<String, Vec<String>>>,
    /// Whether there is an audit log, and for how long its records stay.
    pub audit: AuditSettings,
    /// How many requests a caller may send.
    pub rate_limits: super::RateLimitSettings,
    /// What DNS answers with, for a server that has listeners for it.
    pub dns: DnsSettings,
    /// What several servers tell each other beside their store; `None`: they do without.
    #[cfg(feature = "redis")]
    pub redis: Option<super::redis_settings::RedisSettings>,
}

/// The settings that can change while a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveSettings {
    /// Order of the answers of `discover` without `load_balancing_strategy`.
    pub default_strategy: super::Strategy,
    /// The interval at which clients should send heartbeats.
    pub heartbeat_interval: Duration,
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address.
    pub connections_per_address: usize,
}

impl LiveSettings {
    /// The names of those that differ.
    pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            ("load_balancer.default_strategy", self.default_strategy != other.default_strategy),
            ("registry.registration.heartbeat_interval", self.heartbeat_interval != other.heartbeat_interval),
            ("server.limits.connections", self.connections != other.connections),
            ("server.limits.connections_per_address", self.connections_per_address != other.connections_per_address),
        ];
        pairs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

impl ServerSettings {
    /// Those of them that can change while a server runs.
    pub fn live(&self) -> LiveSettings {
        LiveSettings {
            default_strategy: self.default_strategy,
            heartbeat_interval: self.heartbeat_interval,
            connections: self.size_limits.connections,
            connections_per_address: self.size_limits.connections_per_address,
        }
    }
}

/// Whether and how the checks of registrations run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheckSettings {
    /// Whether they run.
    pub enabled: bool,
    /// The timeout of a check that sets none.
    pub timeout: Duration,
    /// Whether they may contact loopback addresses and the other addresses of this machine. If clients on other machines can
    /// register services, that would let them reach what only this machine can.
    pub allow_own_addresses: bool,
    /// The authorities of a PEM file that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
}

impl Default for HealthCheckSettings {
    fn default() -> Self {
        Self { enabled: true, timeout: Duration::from_secs(5), allow_own_addresses: false, ca: None }
    }
}

/// What DNS answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The domain of all names. Names in it hold the name of the cluster in the place of a data center.
    pub domain: String,
    /// The seconds for which a client may keep an answer.
    pub ttl: u32,
    /// The queries that one address may send in a second; 0 is no limit.
    pub queries_per_second: u32,
}

impl DnsSettings {
    /// The usual limit of queries in a second for each address, if only this machine reaches DNS.
    pub const LOCAL_QUERIES: u32 = 10_000;
    /// The usual limit if other machines reach it: their addresses may be forged.
    pub const PUBLIC_QUERIES: u32 = 1_000;
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self { domain: "portolan".to_owned(), ttl: 0, queries_per_second: Self::LOCAL_QUERIES }
    }
}

/// Time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// From the connection to its first byte.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long a write may wait for a client that does not read.
    pub write: Duration,
}

/// Size and number limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address.
    pub connections_per_address: usize,
    /// The head of a request.
    pub head_bytes: usize,
    /// The body of a request; a bulk request may be sixteen times as long.
    pub body_bytes: usize,
    /// Writes that wait for the store.
    pub queued_writes: usize,
    /// Events that are kept for clients that reconnect.
    pub kept_events: usize,
    /// Open event streams.
    pub event_streams: usize,
}

/// Whether the server keeps an audit log, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether it keeps one.
    pub enabled: bool,
    /// The most records that stay, unless they are younger than `min_age`; of those, twice as many. Some more may be there for a
    /// minute.
    pub max_records: u64,
    /// Records that are younger are not removed because of their number.
    pub min_age: Duration,
    /// Older records are removed; `None` keeps them until there are too many.
    pub max_age: Option<Duration>,
}

impl Default for AuditSettings {
    /// A million records take about 400 MB.
    fn default() -> Self {
        Self { enabled: true, max_records: 1_000_000, min_age: Duration::from_hours(7 * 24), max_age: None }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            time_limits: TimeLimits::default(),
            size_limits: SizeLimits::default(),
            default_strategy: super::Strategy::RoundRobin,
            allowed_origins: Vec::new(),
            metrics_path: Some("/metrics".to_owned()),
            has_compat_metrics: false,
            max_service_metrics: 500,
            shutdown_timeout: Duration::from_secs(30),
            node: "portolan".to_owned(),
            cluster: "default".to_owned(),
            advertise: None,
            node_id: None,
            node_meta: BTreeMap::new(),
            heartbeat_interval: Duration::from_secs(10),
            health_checks: HealthCheckSettings::default(),
            scripts: Arc::default(),
            audit: AuditSettings::default(),
            rate_limits: super::RateLimitSettings::default(),
            dns: DnsSettings::default(),
            #[cfg(feature = "redis")]
            redis: None,
        }
    }
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(20),
        }
    }
}

impl Default for SizeLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 2_500,
            head_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            queued_writes: 4_096,
            kept_events: 16_384,
            event_streams: 5_000,
        }
    }
}
