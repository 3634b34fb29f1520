//! What a registration may hold. A library, the command line and a server all apply the same limits.

use std::net::IpAddr;
use std::time::Duration;

use super::host_names::{host_name, zoned};
use super::{CatalogEntry, Problem, Registration};
use crate::clean::{clean, is_dangerous};

/// The longest name of a service, a namespace, a node or a zone, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// The longest version, in bytes.
pub const MAX_VERSION_BYTES: usize = 64;
/// The most tags, and the most capabilities.
pub const MAX_TAGS: usize = 64;
/// The longest tag or capability, in bytes.
pub const MAX_TAG_BYTES: usize = 128;
/// The most entries of the metadata.
pub const MAX_METADATA_ENTRIES: usize = 64;
/// The longest key of the metadata, in bytes.
pub const MAX_METADATA_KEY_BYTES: usize = 128;
/// All keys and values of the metadata, in bytes.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;
/// The most checks.
pub const MAX_CHECKS: usize = 8;
/// The same for a registration by Consul's API, whose users are used to other limits.
const MAX_CATALOG_CHECKS: usize = 64;
const MAX_CATALOG_ID_BYTES: usize = 512;
const MAX_CATALOG_TAGS: usize = 256;
const MAX_CATALOG_TAG_BYTES: usize = 2 * 1024;
/// The configuration of a proxy as JSON.
const MAX_CATALOG_PROXY_BYTES: usize = 16 * 1024;
/// The shortest and the longest ttl.
pub const MIN_TTL: Duration = Duration::from_secs(1);
/// The longest ttl.
pub const MAX_TTL: Duration = Duration::from_hours(24);
/// The shortest time until an unhealthy instance is removed.
pub const MIN_DEREGISTER_AFTER: Duration = Duration::from_mins(1);
/// The longest time until an unhealthy instance is removed.
pub const MAX_DEREGISTER_AFTER: Duration = Duration::from_hours(365 * 24);

const ADDRESS_HINT: &str = "write an IP address or a host name that clients can connect to, without a port";

impl Registration {
    /// Sets entries of the metadata. Those with the keys `zone` and `version` are its zone and its version too, if they can be.
    pub(crate) fn set_metadata(&mut self, entries: impl IntoIterator<Item = (String, String)>) {
        for (key, value) in entries {
            match key.as_str() {
                "zone" => self.zone = Some(value.clone()).filter(|zone| name_problem("zone", zone).is_none()),
                "version" => self.version = Some(value.clone()).filter(|version| version_problem(version).is_none()),
                _ => {}
            }
            self.metadata.insert(key, value);
        }
    }

    /// The first field that makes it invalid, in the order of the fields of its JSON.
    pub fn problem(&self) -> Option<Problem> {
        match &self.catalog {
            Some(entry) => self.catalog_problem(entry),
            None => self.plain_problem(),
        }
    }

    fn plain_problem(&self) -> Option<Problem> {
        self.id
            .as_deref()
            .and_then(id_problem)
            .or_else(|| self.namespace.as_deref().and_then(|text| name_problem("namespace", text)))
            .or_else(|| service_name_problem(&self.name))
            .or_else(|| self.version.as_deref().and_then(version_problem))
            .or_else(|| address_problem(&self.address))
            .or_else(|| (self.port == 0).then(port_problem))
            .or_else(|| self.protocol.as_deref().and_then(protocol_problem))
            .or_else(|| self.duration_problem())
            .or_else(|| tags_problem("tags", &self.tags))
            .or_else(|| tags_problem("capabilities", &self.capabilities))
            .or_else(|| self.metadata_problem())
            .or_else(|| self.node.as_deref().and_then(|text| name_problem("node", text)))
            .or_else(|| self.zone.as_deref().and_then(|text| name_problem("zone", text)))
            .or_else(|| self.checks_problem(MAX_CHECKS))
    }

    /// The same for a registration by Consul's API: ids, names and tags are any text without control characters.
    fn catalog_problem(&self, entry: &CatalogEntry) -> Option<Problem> {
        text_problem("id", self.id.as_deref().unwrap_or_default(), MAX_CATALOG_ID_BYTES)
            .or_else(|| text_problem("name", &self.name, MAX_NAME_BYTES))
            .or_else(|| self.version.as_deref().and_then(version_problem))
            .or_else(|| address_problem(&self.address))
            .or_else(|| self.protocol.as_deref().and_then(protocol_problem))
            .or_else(|| self.duration_problem())
            .or_else(|| catalog_tags_problem(&self.tags))
            .or_else(|| self.metadata_problem())
            .or_else(|| self.node.as_deref().and_then(|text| name_problem("node", text)))
            .or_else(|| self.is_node().then(|| name_problem("node", &self.name)).flatten())
            .or_else(|| self.zone.as_deref().and_then(|text| name_problem("zone", text)))
            .or_else(|| entry.checks.iter().find_map(|check| text_problem("check id", &check.id, MAX_CATALOG_ID_BYTES)))
            .or_else(|| proxy_problem(entry))
            .or_else(|| self.checks_problem(MAX_CATALOG_CHECKS))
    }

    fn duration_problem(&self) -> Option<Problem> {
        if is_outside(self.ttl, MIN_TTL, MAX_TTL) {
            let hint =
                "write seconds, as in 30, a duration such as \"30s\", or 0 for a registration that needs no renewal";
            return Some(Problem::new("ttl", "it is not between 1 second and 24 hours", hint));
        }
        if is_outside(self.deregister_after, MIN_DEREGISTER_AFTER, MAX_DEREGISTER_AFTER) {
            let hint = "write 60 or more seconds, as in \"10m\", or 0 to keep unhealthy instances";
            return Some(Problem::new("deregister_after", "it is not between 1 minute and 1 year", hint));
        }

        None
    }

    fn metadata_problem(&self) -> Option<Problem> {
        if self.metadata.len() > MAX_METADATA_ENTRIES {
            let message = format!("it has {} entries, at most {MAX_METADATA_ENTRIES} are allowed", self.metadata.len());
            return Some(Problem::new("metadata", message, "keep large data elsewhere and register its address"));
        }
        let bytes: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES {
            let message = format!("it has {bytes} bytes, at most {MAX_METADATA_BYTES} are allowed");
            return Some(Problem::new("metadata", message, "keep large data elsewhere and register its address"));
        }

        let key = self.metadata.keys().find(|key| is_unusable(key, MAX_METADATA_KEY_BYTES))?;
        let message = format!(
            "the key {} is empty, longer than {MAX_METADATA_KEY_BYTES} bytes or has control characters",
            quoted(key)
        );
        Some(Problem::new("metadata", message, "use short keys such as region"))
    }

    fn checks_problem(&self, max: usize) -> Option<Problem> {
        if self.checks.len() > max {
            let message = format!("there are {} checks, at most {max} are allowed", self.checks.len());
            return Some(Problem::new(
                "health_checks",
                message,
                "check the instance with one request that covers its parts",
            ));
        }

        let (at, problem) = self.checks.iter().enumerate().find_map(|(at, check)| Some((at, check.problem()?)))?;
        Some(problem.within(&self.check_field(at)))
    }

    /// The path of the field that has the check at a position.
    pub(crate) fn check_field(&self, at: usize) -> String {
        if self.checks.len() == 1 { "health_check".to_owned() } else { format!("health_checks.{at}") }
    }
}

/// Whether a duration is neither zero nor within these bounds.
fn is_outside(duration: Option<Duration>, min: Duration, max: Duration) -> bool {
    duration.is_some_and(|duration| !duration.is_zero() && !(min..=max).contains(&duration))
}

/// Whether a tag or a key is empty, too long, or would confuse a terminal.
fn is_unusable(text: &str, max_bytes: usize) -> bool {
    text.is_empty() || text.len() > max_bytes || text.contains(is_dangerous)
}

/// Why a text of Consul's API cannot be used.
fn text_problem(field: &str, text: &str, max_bytes: usize) -> Option<Problem> {
    let message = format!("{} is empty, longer than {max_bytes} bytes or has control characters", quoted(text));
    is_unusable(text, max_bytes).then(|| Problem::new(field, message, "use a short text"))
}

fn catalog_tags_problem(tags: &[String]) -> Option<Problem> {
    if tags.len() > MAX_CATALOG_TAGS {
        let message = format!("there are {}, at most {MAX_CATALOG_TAGS} are allowed", tags.len());
        return Some(Problem::new("tags", message, "use metadata for values"));
    }

    let tag = tags.iter().find(|tag| tag.len() > MAX_CATALOG_TAG_BYTES || tag.contains(is_dangerous))?;
    let message = format!("{} is longer than {MAX_CATALOG_TAG_BYTES} bytes or has control characters", quoted(tag));
    Some(Problem::new("tags", message, "use short words such as api"))
}

fn proxy_problem(entry: &CatalogEntry) -> Option<Problem> {
    let bytes = entry.proxy.as_ref()?.to_string().len();
    let message = format!("it has {bytes} bytes, at most {MAX_CATALOG_PROXY_BYTES} are allowed");
    (bytes > MAX_CATALOG_PROXY_BYTES).then(|| Problem::new("proxy", message, "keep large configurations elsewhere"))
}

/// Text from a user, escaped, cut and in quotes.
fn quoted(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    let rest = if start.len() < text.len() { "…" } else { "" };
    format!("'{}{rest}'", clean(&start))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// ASCII letters, digits, `-`, `_` and `.`, from a letter or digit to a letter or digit.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];

    edges.into_iter().all(|edge| edge.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|byte| is_name_byte(*byte))
}

/// Why a text cannot be the name of a namespace, a node or a zone.
pub(crate) fn name_problem(field: &str, text: &str) -> Option<Problem> {
    if text.len() > MAX_NAME_BYTES {
        let message = format!("it has {} bytes, at most {MAX_NAME_BYTES} are allowed", text.len());
        return Some(Problem::new(field, message, "use a shorter name"));
    }
    if is_name(text) {
        return None;
    }

    let message = if text.is_empty() { "it is empty".to_owned() } else { format!("{} is not a name", quoted(text)) };
    let hint = "use ASCII letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
    Some(Problem::new(field, message, hint))
}

/// The name of a service is never a UUID: a path such as `/api/v1/services/X` tells ids and names apart by that.
fn service_name_problem(name: &str) -> Option<Problem> {
    if let Some(problem) = name_problem("name", name) {
        return Some(problem);
    }

    let is_uuid = uuid::Uuid::try_parse(name).is_ok();
    is_uuid.then(|| Problem::new("name", "it is a UUID, which would be taken for an id", "give the service a name"))
}

fn id_problem(id: &str) -> Option<Problem> {
    let is_id = id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && id.bytes().all(|byte| is_name_byte(byte) || byte == b':');

    (!is_id || id.len() > MAX_ID_BYTES).then(|| {
        let hint = format!("use a UUID, or at most {MAX_ID_BYTES} ASCII letters, digits, '-', '_', '.' and ':'");
        Problem::new("id", format!("{} is not an id", quoted(id)), hint)
    })
}

fn version_problem(version: &str) -> Option<Problem> {
    let is_version = version.bytes().all(|byte| byte.is_ascii_graphic()) && !version.is_empty();

    (!is_version || version.len() > MAX_VERSION_BYTES).then(|| {
        let hint = format!("write it as 1.2.0: at most {MAX_VERSION_BYTES} ASCII characters without spaces");
        Problem::new("version", format!("{} is not a version", quoted(version)), hint)
    })
}

fn address_problem(address: &str) -> Option<Problem> {
    if address.is_empty() {
        return Some(Problem::new("address", "it is empty", ADDRESS_HINT));
    }
    if let Ok(ip) = address.parse::<IpAddr>() {
        return ip_problem(ip.to_canonical()).map(|message| Problem::new("address", message, ADDRESS_HINT));
    }
    if let Some((ip, zone)) = address.split_once('%') {
        return zoned(ip, zone).err().map(|error| Problem::new("address", error.to_string(), error.hint()));
    }

    host_name(address, ADDRESS_HINT)
        .err()
        .map(|error| Problem::new("address", format!("{}: {error}", quoted(address)), error.hint()))
}

fn ip_problem(ip: IpAddr) -> Option<&'static str> {
    let is_broadcast = ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());

    match ip {
        _ if ip.is_unspecified() => Some("it is the wildcard address, which no client can connect to"),
        _ if ip.is_multicast() || is_broadcast => Some("it is a multicast or broadcast address"),
        _ if is_link_local => Some("a link-local address needs its interface, as in fe80::1%eth0"),
        _ => None,
    }
}

fn port_problem() -> Problem {
    Problem::new("port", "0 is not a port", "give the port that clients connect to, from 1 to 65535")
}

fn is_protocol_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
}

fn protocol_problem(protocol: &str) -> Option<Problem> {
    let is_protocol =
        protocol.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && protocol.bytes().all(is_protocol_byte);

    (!is_protocol || protocol.len() > 32).then(|| {
        Problem::new(
            "protocol",
            format!("{} is not a protocol", quoted(protocol)),
            "write http, https, grpc, tcp or udp",
        )
    })
}

fn tags_problem(field: &str, tags: &[String]) -> Option<Problem> {
    if tags.len() > MAX_TAGS {
        let message = format!("there are {}, at most {MAX_TAGS} are allowed", tags.len());
        return Some(Problem::new(field, message, "use metadata for values"));
    }

    let tag = tags.iter().find(|tag| is_unusable(tag, MAX_TAG_BYTES))?;
    let message = format!("{} is empty, longer than {MAX_TAG_BYTES} bytes or has control characters", quoted(tag));
    Some(Problem::new(field, message, "use short words such as api"))
}
