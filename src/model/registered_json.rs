//! The JSON of a registered instance: the fields of its registration, and those of the registry.

use std::sync::Arc;

use jiff::Timestamp;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::json_fields::{JsonFields, json_duration, object_of};
use super::registered_instance::{CheckState, HealthReport, RegisteredInstance, RegisteredLease};
use super::{CheckDefinition, HealthState, OperatorStatus, Problem, Registration};

impl Serialize for RegisteredInstance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let registration = &*self.registration;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &*self.id)?;
        map.serialize_entry("namespace", self.namespace())?;
        registration.write_fields(&mut map)?;

        map.serialize_entry("weight", &self.weight)?;
        if let Some(weight) = self.own_weight {
            map.serialize_entry("own_weight", &weight)?;
        }
        map.serialize_entry("status", &self.status)?;
        if let Some(reason) = &self.status_reason {
            map.serialize_entry("status_reason", reason)?;
        }
        map.serialize_entry("health", &self.health)?;
        map.serialize_entry("healthy", &self.is_healthy())?;
        map.serialize_entry("generation", &self.generation)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("registered_at", &self.registered_at)?;
        map.serialize_entry("last_seen", &self.last_seen)?;
        if let Some(lease) = &self.lease {
            map.serialize_entry("lease", lease)?;
        }
        if let Some(report) = &self.report {
            map.serialize_entry("report", report)?;
        }

        if !registration.checks.is_empty() {
            map.serialize_entry("health_checks", &Checks(self))?;
        }
        let flags = [
            ("node_down", self.node_down),
            ("flapping", self.flapping),
            ("monitoring_stopped", self.monitoring_stopped),
            ("protected", self.protected),
        ];
        for (name, flag) in flags {
            if flag {
                map.serialize_entry(name, &true)?;
            }
        }
        self.write_short_names(&mut map)?;
        map.end()
    }
}

impl RegisteredInstance {
    /// Writes what other fields say too, under the names and in the form that simple clients read.
    fn write_short_names<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("health_status", &self.health)?;
        map.serialize_entry("node_id", &self.registration.node)?;
        map.serialize_entry("last_health_check", &self.last_health_check())?;
        map.serialize_entry("health_endpoint", &self.registration.health_endpoint())?;

        let interval = self.registration.checks.iter().find_map(|check| check.interval);
        map.serialize_entry("health_check_interval", &interval.map(json_duration))?;

        // A registration that sets none has the server's.
        match (self.registration.ttl, &self.lease) {
            (None, Some(lease)) => map.serialize_entry("ttl", &json_duration(lease.ttl)),
            _ => Ok(()),
        }
    }
}

/// The checks of an instance with their results.
struct Checks<'i>(&'i RegisteredInstance);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let definitions = &self.0.registration.checks;
        let mut list = serializer.serialize_seq(Some(definitions.len()))?;

        for (at, definition) in definitions.iter().enumerate() {
            let state = self.0.checks.get(at).unwrap_or(&CheckState::UNKNOWN);
            let mut fields = definition.fields();
            fields.insert("state".to_owned(), Value::from(state.state.as_str()));
            if let Some(note) = &state.note {
                fields.insert("note".to_owned(), Value::from(&**note));
            }
            if let Some(time) = state.checked_at {
                fields.insert("checked_at".to_owned(), Value::from(time.to_string()));
            }
            list.serialize_element(&fields)?;
        }
        list.end()
    }
}

impl RegisteredInstance {
    /// Takes its fields out of an object. A newer server may send others.
    fn take(fields: &mut JsonFields) -> Result<Self, Problem> {
        let checks = fields.list(&["health_checks"], read_check)?.unwrap_or_default();
        let lease = fields.read(&["lease"], |value| object_of(value, |mut fields| take_lease(&mut fields)))?;
        let report = fields.read(&["report"], |value| object_of(value, |mut fields| take_report(&mut fields)))?;
        // They repeat what the checks and `node` say.
        fields.drop_all(&["health_endpoint", "health_check_interval", "health_status", "last_health_check", "node_id"]);

        let status_reason = fields.text(&["status_reason"])?.map(Arc::from);
        let own_weight = fields.number(&["own_weight"], 0, u16::MAX.into())?;
        let (mut registration, missing) = Registration::take(fields, 0)?;
        if let Some(missing) = missing {
            return Err(missing);
        }
        let (definitions, states) = checks.into_iter().unzip();
        registration.checks = definitions;
        let id: Arc<str> = required(registration.id.as_deref().map(Arc::from), "id")?;

        Ok(Self {
            id,
            generation: required(fields.number(&["generation"], 0, u64::MAX)?, "generation")?,
            index: required(fields.number(&["index"], 0, u64::MAX)?, "index")?,
            status: registration.status,
            status_reason,
            weight: registration.weight.unwrap_or(1),
            own_weight: own_weight.and_then(|weight| u16::try_from(weight).ok()),
            health: fields.read(&["health"], parsed)?.unwrap_or(HealthState::Unknown),
            lease,
            report,
            checks: states,
            node_down: fields.flag(&["node_down"])?.unwrap_or(false),
            flapping: fields.flag(&["flapping"])?.unwrap_or(false),
            monitoring_stopped: fields.flag(&["monitoring_stopped"])?.unwrap_or(false),
            protected: fields.flag(&["protected"])?.unwrap_or(false),
            registered_at: required(fields.read(&["registered_at"], parsed)?, "registered_at")?,
            last_seen: required(fields.read(&["last_seen"], parsed)?, "last_seen")?,
            registration: Arc::new(registration),
        })
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::new(name, "it is missing", "the reply is not an instance of a registry"))
}

/// Reads a value by its own type: a time, a word.
fn parsed<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value)
        .map_err(|error| Problem::new("", error.to_string(), "it is not what a registry writes"))
}

fn take_lease(fields: &mut JsonFields) -> Result<RegisteredLease, Problem> {
    Ok(RegisteredLease {
        ttl: required(fields.duration(&["ttl"])?, "ttl")?,
        expires: required(fields.read(&["expires"], parsed)?, "expires")?,
        expired: fields.flag(&["expired"])?.unwrap_or(false),
    })
}

fn take_report(fields: &mut JsonFields) -> Result<HealthReport, Problem> {
    Ok(HealthReport {
        status: required(fields.read(&["status"], parsed)?, "status")?,
        message: fields.text(&["message"])?.map(Arc::from),
        timestamp: required(fields.read(&["timestamp"], parsed)?, "timestamp")?,
    })
}

fn read_check(value: Value) -> Result<(CheckDefinition, CheckState), Problem> {
    object_of(value, |mut fields| {
        let state = CheckState {
            state: fields.read(&["state"], parsed)?.unwrap_or(HealthState::Unknown),
            note: fields.text(&["note"])?.map(Arc::from),
            checked_at: fields.read::<Timestamp>(&["checked_at"], parsed)?,
        };
        Ok((CheckDefinition::take(&mut fields)?, state))
    })
}

/// Reads what a registry answers with. The registration holds the status and the weight that are in force.
impl<'de> Deserialize<'de> for RegisteredInstance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::take(&mut JsonFields::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl OperatorStatus {
    /// The state that the status alone would mean.
    pub const fn health(self) -> HealthState {
        match self {
            Self::Up => HealthState::Healthy,
            Self::Draining => HealthState::Degraded,
            Self::Maintenance => HealthState::Unhealthy,
        }
    }
}
