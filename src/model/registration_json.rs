//! The JSON of a registration.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::json_fields::{JsonFields, json_duration, object_of};
use super::{CatalogEntry, CheckDefinition, CheckKind, OperatorStatus, Problem, Registration};
use crate::clean::clean;

/// Fields of a reply that a registration may not have, because the registry decides them.
const REPLY_FIELDS: [&str; 6] =
    ["health_status", "registered_at", "last_health_check", "last_seen", "generation", "index"];

/// The methods that a short `health_endpoint` can be checked with.
const ENDPOINT_PROTOCOLS: &str = "http or https";

impl Registration {
    /// Reads the body of a registration. It must be valid as a whole: see [`problem`](Self::problem).
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn from_json(body: &[u8]) -> Result<Self, Problem> {
        let registration = Self::read(JsonFields::parse(body)?)?;
        if registration.catalog.is_some() {
            return Err(Problem::new("catalog", "the registry decides this field", "leave it out"));
        }

        match registration.problem() {
            Some(problem) => Err(problem),
            None => Ok(registration),
        }
    }

    fn read(mut fields: JsonFields) -> Result<Self, Problem> {
        let min_port = u64::from(!fields.contains("catalog"));
        let (registration, missing) = Self::take(&mut fields, min_port)?;
        for name in REPLY_FIELDS {
            if fields.contains(name) {
                return Err(Problem::new(name, "the registry decides this field", "leave it out"));
            }
        }

        // A field that is missing may be there under a misspelt name, which says more.
        fields.finish()?;
        missing.map_or(Ok(registration), Err)
    }

    /// Takes its fields out of an object that may have others. Also returns the first required one that is missing.
    pub(super) fn take(fields: &mut JsonFields, min_port: u64) -> Result<(Self, Option<Problem>), Problem> {
        let name = fields.text(&["name", "service_name"])?;
        let address = fields.text(&["address", "host"])?;
        let port = fields.number(&["port"], min_port, u16::MAX.into())?.and_then(|port| u16::try_from(port).ok());
        let missing = missing_field(name.as_deref(), address.as_deref(), port);

        let registration = Self {
            id: fields.text(&["id"])?,
            namespace: fields.text(&["namespace"])?,
            name: name.unwrap_or_default(),
            version: fields.text(&["version"])?,
            address: address.unwrap_or_default(),
            port: port.unwrap_or_default(),
            protocol: fields.text(&["protocol"])?,
            weight: fields.number(&["weight"], 0, u16::MAX.into())?.and_then(|weight| u16::try_from(weight).ok()),
            ttl: fields.duration(&["ttl"])?,
            deregister_after: fields.duration(&["deregister_after"])?,
            tags: fields.texts(&["tags"])?,
            capabilities: fields.texts(&["capabilities"])?,
            metadata: fields.map(&["metadata"])?.into(),
            node: fields.text(&["node", "node_id"])?,
            zone: fields.text(&["zone"])?,
            status: fields.read(&["status"], |value| status_of(&value))?.unwrap_or_default(),
            checks: take_checks(fields)?,
            catalog: fields.read(&["catalog"], catalog_of)?,
        };
        Ok((registration, missing))
    }
}

fn catalog_of(value: Value) -> Result<Box<CatalogEntry>, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::new("", error.to_string(), "leave it out"))
}

/// The first required field that is missing.
fn missing_field(name: Option<&str>, address: Option<&str>, port: Option<u16>) -> Option<Problem> {
    let (field, hint) = match (name, address, port) {
        (None, ..) => ("name", "give the service a name"),
        (_, None, _) => ("address", "give an address or a host name"),
        (.., None) => ("port", "give the port that clients connect to, from 1 to 65535"),
        _ => return None,
    };
    Some(Problem::new(field, "it is missing", hint))
}

/// Reads the status that an operator gives.
fn status_of(value: &Value) -> Result<OperatorStatus, Problem> {
    let status = value.as_str().and_then(OperatorStatus::of_name);

    status.ok_or_else(|| {
        let shown: String = value.to_string().chars().take(40).collect();
        Problem::new("", format!("{} is not a status", clean(&shown)), "write up, draining or maintenance")
    })
}

/// The checks: `health_check` is one, `health_checks` is a list, and `health_endpoint` is the path of an HTTP check.
fn take_checks(fields: &mut JsonFields) -> Result<Vec<CheckDefinition>, Problem> {
    let one = fields.read(&["health_check"], read_check)?;
    let list = fields.list(&["health_checks"], read_check)?;
    let endpoint = fields.text(&["health_endpoint"])?;
    let interval = fields.duration(&["health_check_interval"])?;

    let mut checks: Vec<CheckDefinition> = one.into_iter().chain(list.unwrap_or_default()).collect();
    if let Some(path) = endpoint {
        if !path.starts_with('/') {
            let hint = format!("write the path alone, as in /health; its protocol is {ENDPOINT_PROTOCOLS}");
            return Err(Problem::new("health_endpoint", "it is not the path of an HTTP check", hint));
        }
        checks.push(CheckDefinition::http(path));
    }
    apply_interval(&mut checks, interval)?;

    Ok(checks)
}

/// Gives the interval to each check that has none of its own.
fn apply_interval(checks: &mut [CheckDefinition], interval: Option<Duration>) -> Result<(), Problem> {
    if interval.is_some() && checks.is_empty() {
        let hint = "add health_endpoint or health_check, or leave it out";
        return Err(Problem::new("health_check_interval", "the registration has no health check", hint));
    }

    for check in checks {
        check.interval = check.interval.or(interval);
    }
    Ok(())
}

fn read_check(value: Value) -> Result<CheckDefinition, Problem> {
    object_of(value, |mut fields| {
        let check = CheckDefinition::take(&mut fields)?;
        fields.finish()?;
        Ok(check)
    })
}

impl Registration {
    /// Writes its fields, except the checks.
    pub(super) fn write_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("name", &self.name)?;
        if let Some(version) = &self.version {
            map.serialize_entry("version", version)?;
        }
        map.serialize_entry("address", &self.address)?;
        map.serialize_entry("port", &self.port)?;
        if let Some(protocol) = &self.protocol {
            map.serialize_entry("protocol", protocol)?;
        }

        for (name, duration) in [("ttl", self.ttl), ("deregister_after", self.deregister_after)] {
            if let Some(duration) = duration {
                map.serialize_entry(name, &json_duration(duration))?;
            }
        }
        for (name, list) in [("tags", &self.tags), ("capabilities", &self.capabilities)] {
            if !list.is_empty() {
                map.serialize_entry(name, list)?;
            }
        }
        if !self.metadata.is_empty() {
            map.serialize_entry("metadata", &self.metadata)?;
        }
        for (name, text) in [("node", &self.node), ("zone", &self.zone)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }

        Ok(())
    }

    /// The path of its HTTP check, if that is a check by GET.
    pub(super) fn health_endpoint(&self) -> Option<&str> {
        self.checks.iter().find_map(|check| match &check.kind {
            CheckKind::Http { path, method, .. } if method == "GET" => Some(path.as_str()),
            _ => None,
        })
    }
}

impl Serialize for Registration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, text) in [("id", &self.id), ("namespace", &self.namespace)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        self.write_fields(&mut map)?;

        if let Some(weight) = self.weight {
            map.serialize_entry("weight", &weight)?;
        }
        if self.status != OperatorStatus::Up {
            map.serialize_entry("status", &self.status)?;
        }
        match self.checks.as_slice() {
            [] => {}
            [check] => map.serialize_entry("health_check", check)?,
            checks => map.serialize_entry("health_checks", checks)?,
        }
        if let Some(catalog) = &self.catalog {
            map.serialize_entry("catalog", catalog)?;
        }
        map.end()
    }
}

/// Reads a registration without judging its values: see [`Registration::problem`].
impl<'de> Deserialize<'de> for Registration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(JsonFields::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
