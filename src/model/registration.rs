//! What a program registers: one instance of a service.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Address, CatalogEntry, CheckDefinition, HostPort, Lifecycle, Metadata};

/// An instance that registers itself, or that is registered by its operator.
///
/// Its JSON is the body of `POST /api/v1/services`. Durations are whole seconds, or texts such as `"30s"`. What is not
/// given is the server's default.
///
/// ```
/// use std::time::Duration;
/// use portolan::model::{CheckDefinition, Registration};
///
/// let registration = Registration::new("user-service", "10.0.3.7:8080".parse()?)
///     .version("1.2.0")
///     .tag("api")
///     .meta("region", "eu")
///     .ttl(Duration::from_secs(30))
///     .check(CheckDefinition::http("/health").every(Duration::from_secs(10)));
///
/// assert_eq!(registration.problem(), None);
/// assert_eq!(Registration::from_json(&serde_json::to_vec(&registration)?)?, registration);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its id, best a UUID. A client makes one, so that a repeated registration is the same one; without it the server does.
    pub id: Option<String>,
    /// The namespace of the service; `None` is [`DEFAULT_NAMESPACE`].
    pub namespace: Option<String>,
    /// The name of the service.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// An IP address or a host name that clients can connect to.
    pub address: String,
    /// 1 to 65535. With a `catalog`, 0 is a service without a port.
    pub port: u16,
    /// Its protocol: `http`, `https`, `grpc`, `tcp`, `udp`.
    pub protocol: Option<String>,
    /// Its share of the calls, relative to the other instances; `None` is 1.
    pub weight: Option<u16>,
    /// How long the registration lasts unless it is renewed. Zero: it needs no renewal.
    pub ttl: Option<Duration>,
    /// How long it may be unhealthy until it is removed. Zero: for ever.
    pub deregister_after: Option<Duration>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The features that it offers.
    pub capabilities: Vec<String>,
    /// Anything else worth knowing, by key.
    pub metadata: Metadata,
    /// The machine that it runs on.
    pub node: Option<String>,
    /// The zone of that machine.
    pub zone: Option<String>,
    /// Whether it takes calls, according to its operator.
    pub status: OperatorStatus,
    /// The checks that the registry runs.
    pub checks: Vec<CheckDefinition>,
    /// What only Consul's API knows of it. A client cannot send it: the server makes it.
    pub catalog: Option<Box<CatalogEntry>>,
}

/// The namespace of a registration that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Whether an instance takes calls, according to its operator. The best is the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorStatus {
    /// It takes calls, if it is healthy. `healthy` and `active` mean the same.
    #[default]
    #[serde(alias = "healthy", alias = "active")]
    Up,
    /// It finishes its current calls and takes no new ones.
    Draining,
    /// It is out of service.
    Maintenance,
}

impl OperatorStatus {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
        }
    }

    /// The status of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "up" | "healthy" | "active" => Some(Self::Up),
            "draining" => Some(Self::Draining),
            "maintenance" => Some(Self::Maintenance),
            _ => None,
        }
    }

    /// The lifecycle of an instance with this status.
    pub const fn lifecycle(self) -> Lifecycle {
        match self {
            Self::Up => Lifecycle::Up,
            Self::Draining => Lifecycle::Draining,
            Self::Maintenance => Lifecycle::Maintenance,
        }
    }
}

impl Registration {
    /// A registration with the server's defaults.
    pub fn new(name: impl Into<String>, place: HostPort) -> Self {
        let address = match (place.address, place.interface) {
            (Address::Ip(ip), None) => ip.to_string(),
            (Address::Ip(ip), Some(interface)) => format!("{ip}%{}", interface.as_raw()),
            (Address::Unix(text) | Address::Name(text) | Address::Other(text), _) => text.as_raw().to_owned(),
        };

        Self {
            id: None,
            namespace: None,
            name: name.into(),
            version: None,
            address,
            // Port 0 is a problem of a registration: a Unix-domain socket cannot be registered.
            port: place.port.unwrap_or(0),
            protocol: None,
            weight: None,
            ttl: None,
            deregister_after: None,
            tags: Vec::new(),
            capabilities: Vec::new(),
            metadata: Metadata::new(),
            node: None,
            zone: None,
            status: OperatorStatus::Up,
            checks: Vec::new(),
            catalog: None,
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Sets the weight.
    #[must_use]
    pub const fn weight(mut self, weight: u16) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Sets how long the registration lasts unless it is renewed. Zero: it needs no renewal.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets how long it may be unhealthy until it is removed. Zero: for ever.
    #[must_use]
    pub const fn deregister_after(mut self, time: Duration) -> Self {
        self.deregister_after = Some(time);
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds a capability.
    #[must_use]
    pub fn capability(mut self, capability: impl Into<String>) -> Self {
        self.capabilities.push(capability.into());
        self
    }

    /// Adds an entry to the metadata.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the machine that it runs on.
    #[must_use]
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Sets the zone of its machine.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets whether it takes calls.
    #[must_use]
    pub const fn status(mut self, status: OperatorStatus) -> Self {
        self.status = status;
        self
    }

    /// Adds a check.
    #[must_use]
    pub fn check(mut self, check: CheckDefinition) -> Self {
        self.checks.push(check);
        self
    }

    /// The namespace, or the default one.
    pub fn namespace_or_default(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// `10.0.3.7:8080`, `[::1]:8080`, `db:5432`: where clients connect to.
    pub fn place(&self) -> String {
        let is_ipv6 = self.address.contains(':');
        let (open, close) = if is_ipv6 { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.address, self.port)
    }
}
