//! The checks that a registration asks the registry to run.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::json_fields::{JsonFields, json_duration, object_of};
use super::{HttpPath, Method, Problem, StatusRanges};
use crate::clean::redacted_query;

/// A check of a registered instance. What is not given is the server's default.
///
/// ```
/// use std::time::Duration;
/// use portolan::model::CheckDefinition;
///
/// let check = CheckDefinition::http("/health").every(Duration::from_secs(10)).timeout(Duration::from_secs(2));
/// assert_eq!(
///     serde_json::to_string(&check)?,
///     r#"{"check_type":"http","interval":10,"timeout":2,"config":{"type":"http","path":"/health","method":"GET"}}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDefinition {
    /// Its name, to tell the checks of an instance apart.
    pub name: Option<String>,
    /// What it does.
    pub kind: CheckKind,
    /// The time from one run to the next. For [`CheckKind::Ttl`]: how long a report lasts; zero is for ever.
    pub interval: Option<Duration>,
    /// How long one run may take. At most the interval.
    pub timeout: Option<Duration>,
    /// How many failures in a row make the instance unhealthy.
    pub failure_threshold: Option<u32>,
    /// How many successes in a row make it healthy again.
    pub success_threshold: Option<u32>,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// An HTTP request to the registered address.
    Http {
        /// The path with its query.
        path: String,
        /// The request method.
        method: String,
        /// The expected statuses; absent are those that `validate` expects.
        expected_status: Option<StatusRanges>,
    },
    /// A TCP connection.
    Tcp,
    /// A request to gRPC's health service.
    Grpc {
        /// The name of the service; absent is the whole server.
        service: Option<String>,
    },
    /// A TLS handshake.
    Tls,
    /// The registered name resolves.
    Dns,
    /// A request in the server's own protocol, one of [`PROTOCOLS`]: `redis`.
    Protocol(&'static str),
    /// No request: the instance reports its health itself, at least once in each interval.
    Ttl,
    /// A program. Only a file on the server can define one: a registration with it is refused.
    Script {
        /// The program and its arguments. No shell sees them.
        command: Vec<String>,
    },
}

impl CheckKind {
    /// What it requests beside the registered address: the path of HTTP without secrets, or the service of gRPC.
    pub(crate) fn target(&self) -> Option<String> {
        match self {
            Self::Http { path, .. } => Some(redacted_query(path).into_owned()),
            Self::Grpc { service } => service.clone(),
            _ => None,
        }
    }

    /// Its name in all formats.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Tcp => "tcp",
            Self::Grpc { .. } => "grpc",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Protocol(name) => name,
            Self::Ttl => "ttl",
            Self::Script { .. } => "script",
        }
    }
}

/// The protocols whose servers say themselves whether they are healthy, without a login.
pub const PROTOCOLS: [&str; 11] =
    ["redis", "memcached", "postgresql", "mysql", "smtp", "imap", "pop3", "ftp", "ssh", "nats", "zookeeper"];

/// The kinds that a registration may ask for.
const KINDS: &str = "http, tcp, grpc, tls, dns, ttl, or a protocol such as redis or postgresql";

/// The longest interval of a check.
pub(super) const MAX_INTERVAL: Duration = Duration::from_hours(24);
/// The longest time that a report lasts, unless it lasts for ever.
const MAX_REPORT_INTERVAL: Duration = Duration::from_hours(365 * 24);
/// The shortest interval and timeout.
pub(super) const MIN_INTERVAL: Duration = Duration::from_secs(1);
pub(super) const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// The largest threshold.
pub(super) const MAX_THRESHOLD: u32 = 100;
/// The longest name of a check, in bytes.
const MAX_NAME_BYTES: usize = 128;

impl CheckDefinition {
    /// A check of this kind with the server's defaults.
    pub const fn new(kind: CheckKind) -> Self {
        Self { name: None, kind, interval: None, timeout: None, failure_threshold: None, success_threshold: None }
    }

    /// A GET request to a path.
    pub fn http(path: impl Into<String>) -> Self {
        Self::new(CheckKind::Http { path: path.into(), method: "GET".to_owned(), expected_status: None })
    }

    /// A TCP connection.
    pub const fn tcp() -> Self {
        Self::new(CheckKind::Tcp)
    }

    /// A request to gRPC's health service, for the whole server.
    pub const fn grpc() -> Self {
        Self::new(CheckKind::Grpc { service: None })
    }

    /// A TLS handshake.
    pub const fn tls() -> Self {
        Self::new(CheckKind::Tls)
    }

    /// A request in the server's own protocol; `None` if it is not one of [`PROTOCOLS`].
    pub fn protocol(name: &str) -> Option<Self> {
        PROTOCOLS.into_iter().find(|protocol| *protocol == name).map(CheckKind::Protocol).map(Self::new)
    }

    /// Reports by the instance itself.
    pub const fn ttl() -> Self {
        Self::new(CheckKind::Ttl)
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the interval.
    #[must_use]
    pub const fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets the timeout.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many failures in a row make the instance unhealthy, and how many successes make it healthy again.
    #[must_use]
    pub const fn thresholds(mut self, failures: u32, successes: u32) -> Self {
        self.failure_threshold = Some(failures);
        self.success_threshold = Some(successes);
        self
    }

    /// Why a server cannot run it.
    pub(super) fn problem(&self) -> Option<Problem> {
        if let CheckKind::Script { .. } = self.kind {
            let hint =
                "define the script in the server's configuration, or register an http, tcp, grpc, tls or ttl check";
            return Some(Problem::new("check_type", "a registration cannot run a program on the server", hint));
        }
        let is_long = self.name.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_NAME_BYTES);
        if is_long {
            let message = format!("it is empty or longer than {MAX_NAME_BYTES} bytes");
            return Some(Problem::new("name", message, "give the check a short name, or none"));
        }

        self.kind_problem().or_else(|| self.timing_problem())
    }

    fn kind_problem(&self) -> Option<Problem> {
        let CheckKind::Http { path, method, .. } = &self.kind else { return None };
        let path = path.parse::<HttpPath>().err().map(|error| ("path", error));
        let method = method.parse::<Method>().err().map(|error| ("method", error));

        let (field, error) = path.or(method)?;
        Some(Problem::new(format!("config.{field}"), error.to_string(), error.hint()))
    }

    fn timing_problem(&self) -> Option<Problem> {
        // A report that lasts for ever has an interval of zero.
        let is_ttl = self.kind == CheckKind::Ttl;
        let max = if is_ttl { MAX_REPORT_INTERVAL } else { MAX_INTERVAL };
        let interval = self.interval.filter(|interval| !(MIN_INTERVAL..=max).contains(interval));
        if interval.is_some_and(|interval| !(is_ttl && interval.is_zero())) {
            return Some(Problem::new("interval", "it is not between 1 second and 24 hours", "write 10s or 30s"));
        }
        let timeout = self.timeout.filter(|timeout| !(MIN_TIMEOUT..=MAX_INTERVAL).contains(timeout));
        if timeout.is_some() {
            return Some(Problem::new("timeout", "it is not between 10 ms and 24 hours", "write 1s or 5s"));
        }
        if let (Some(interval), Some(timeout)) = (self.interval, self.timeout)
            && timeout > interval
        {
            let hint = "make the timeout shorter than the interval";
            return Some(Problem::new("timeout", "it is longer than the interval of the check", hint));
        }

        let thresholds = [("failure_threshold", self.failure_threshold), ("success_threshold", self.success_threshold)];
        let (field, _) = thresholds
            .into_iter()
            .find(|(_, threshold)| threshold.is_some_and(|threshold| !(1..=MAX_THRESHOLD).contains(&threshold)))?;
        Some(Problem::new(field, format!("it is not between 1 and {MAX_THRESHOLD}"), "write a number such as 3"))
    }

    /// Takes its fields out of an object that may have others.
    pub(super) fn take(fields: &mut JsonFields) -> Result<Self, Problem> {
        let kind_name = fields.text(&["check_type"])?;
        let name = fields.text(&["name"])?;
        let interval = fields.duration(&["interval"])?;
        let timeout = fields.duration(&["timeout"])?;
        let failure_threshold = threshold(fields, "failure_threshold")?;
        let success_threshold = threshold(fields, "success_threshold")?;

        let outer = kind_name.clone();
        let config =
            fields.read(&["config"], |value| object_of(value, |config| read_config(config, outer.as_deref())))?;
        let kind = match (config, kind_name) {
            (Some(kind), _) => kind,
            (None, Some(name)) => kind_of(&name, &mut JsonFields::empty())
                .map_err(|problem| placed(problem, "check_type", Some("config")))?,
            (None, None) => return Err(Problem::new("check_type", "it is missing", format!("write {KINDS}"))),
        };

        Ok(Self { name, kind, interval, timeout, failure_threshold, success_threshold })
    }

    /// Its fields as they are written.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(name) = &self.name {
            fields.insert("name".to_owned(), Value::from(name.as_str()));
        }
        fields.insert("check_type".to_owned(), Value::from(self.kind.as_str()));

        for (name, duration) in [("interval", self.interval), ("timeout", self.timeout)] {
            if let Some(duration) = duration {
                fields.insert(name.to_owned(), json_duration(duration));
            }
        }
        let thresholds = [("failure_threshold", self.failure_threshold), ("success_threshold", self.success_threshold)];
        for (name, threshold) in thresholds {
            if let Some(threshold) = threshold {
                fields.insert(name.to_owned(), Value::from(threshold));
            }
        }

        fields.insert("config".to_owned(), Value::Object(config_fields(&self.kind)));
        fields
    }
}

/// A problem with the name of a kind is one with the field that names it; any other lies within `inner`.
fn placed(problem: Problem, name_field: &str, inner: Option<&str>) -> Problem {
    match inner {
        _ if problem.field.is_empty() => problem.within(name_field),
        Some(inner) => problem.within(inner),
        None => problem,
    }
}

fn threshold(fields: &mut JsonFields, name: &'static str) -> Result<Option<u32>, Problem> {
    let number = fields.number(&[name], 1, MAX_THRESHOLD.into())?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

/// Reads `config`. Its `type` and the check's `check_type` mean the same; one of them is enough.
fn read_config(mut config: JsonFields, outer: Option<&str>) -> Result<CheckKind, Problem> {
    let inner = config.text(&["type"])?;
    let name = match (inner.as_deref(), outer) {
        (Some(inner), Some(outer)) if inner != outer => {
            let hint = format!("write {outer} in both, or leave out type");
            return Err(Problem::new("type", format!("it differs from check_type, which is {outer}"), hint));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err(Problem::new("type", "it is missing", format!("write {KINDS}"))),
    };

    let kind = kind_of(name, &mut config).map_err(|problem| placed(problem, "type", None))?;
    config.finish()?;
    Ok(kind)
}

/// The kind of that name, with its own fields. A problem with the name itself has no field.
fn kind_of(name: &str, config: &mut JsonFields) -> Result<CheckKind, Problem> {
    Ok(match name {
        "http" => CheckKind::Http {
            path: config.text(&["path"])?.unwrap_or_else(|| "/".to_owned()),
            method: config.text(&["method"])?.unwrap_or_else(|| "GET".to_owned()),
            expected_status: config.read(&["expected_status"], |value| statuses_of(&value))?,
        },
        "tcp" => CheckKind::Tcp,
        "grpc" => CheckKind::Grpc { service: config.text(&["service"])? },
        "tls" => CheckKind::Tls,
        "dns" => CheckKind::Dns,
        "ttl" => CheckKind::Ttl,
        "script" => CheckKind::Script { command: config.texts(&["command"])? },
        _ => match PROTOCOLS.into_iter().find(|protocol| *protocol == name) {
            Some(protocol) => CheckKind::Protocol(protocol),
            None => return Err(Problem::new("", "there is no such check", format!("write {KINDS}"))),
        },
    })
}

/// A single status as a number, or a text such as `200-299,304`.
fn statuses_of(value: &Value) -> Result<StatusRanges, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse::<StatusRanges>().map_err(|error| Problem::new("", error.to_string(), error.hint()))
}

fn config_fields(kind: &CheckKind) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), Value::from(kind.as_str()));

    match kind {
        CheckKind::Http { path, method, expected_status } => {
            fields.insert("path".to_owned(), Value::from(path.as_str()));
            fields.insert("method".to_owned(), Value::from(method.as_str()));
            if let Some(statuses) = expected_status {
                let text = statuses.to_string();
                let value = text.parse::<u16>().map_or_else(|_| Value::from(text), Value::from);
                fields.insert("expected_status".to_owned(), value);
            }
        }
        CheckKind::Grpc { service: Some(service) } => {
            fields.insert("service".to_owned(), Value::from(service.as_str()));
        }
        CheckKind::Script { command } => {
            fields.insert("command".to_owned(), Value::from(command.clone()));
        }
        CheckKind::Tcp
        | CheckKind::Grpc { service: None }
        | CheckKind::Tls
        | CheckKind::Dns
        | CheckKind::Protocol(_)
        | CheckKind::Ttl => {}
    }

    fields
}

impl Serialize for CheckDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CheckDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = JsonFields::deserialize(deserializer)?;
        let check = Self::take(&mut fields).map_err(serde::de::Error::custom)?;

        fields.finish().map_err(serde::de::Error::custom)?;
        Ok(check)
    }
}
