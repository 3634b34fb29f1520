//! Events: changes of the services of a source.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{PartialError, Service, ServiceHealth, SourceName};

/// An event. It serializes as a line of `--watch`:
/// `{"index":42,"type":"updated","time":…,"source":"local","item":{…},"changed":["endpoints[0].ready"]}`.
#[derive(Clone, Debug)]
pub struct Event {
    /// The number of the event, from 1, without gaps; it restarts with each process.
    pub index: u64,
    /// The time of detection.
    pub time: Timestamp,
    /// The name of the source: `local`.
    pub source: SourceName,
    /// The kind of event.
    pub kind: EventKind,
}

/// The kind of an event.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A new service.
    Added(Arc<Service>),
    /// A changed service.
    Updated {
        /// Its current state.
        item: Arc<Service>,
        /// The fields that differ, at least one: `endpoints[0].ready`, `detail.processes`.
        changed: Vec<String>,
        /// The previous health, if it changed.
        was: Option<ServiceHealth>,
    },
    /// A removed service, in its last known state.
    Removed(Arc<Service>),
    /// Initial listing complete, or the source recovered. Later events are changes.
    Synced {
        /// The number of services.
        services: usize,
    },
    /// The source is unreachable. Known services stay, but may be out of date.
    Stale {
        /// Time since the last reply; `None` if there was none.
        age: Option<Duration>,
        /// The reason.
        error: PartialError,
    },
    /// The reader was too slow and missed events. Their combined result follows.
    Lagged {
        /// The number of missed events that have no line of their own.
        missed: u64,
    },
    /// A part could not be read. None of its services is treated as removed.
    Error(PartialError),
}

impl EventKind {
    /// Its name in all formats.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Updated { .. } => "updated",
            Self::Removed(_) => "removed",
            Self::Synced { .. } => "synced",
            Self::Stale { .. } => "stale",
            Self::Lagged { .. } => "lagged",
            Self::Error(_) => "error",
        }
    }

    /// The service of the event, if it has one.
    pub fn item(&self) -> Option<&Arc<Service>> {
        match self {
            Self::Added(item) | Self::Updated { item, .. } | Self::Removed(item) => Some(item),
            _ => None,
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Event", 7)?;
        line.serialize_field("index", &self.index)?;
        line.serialize_field("type", self.kind.as_str())?;
        line.serialize_field("time", &self.time)?;
        line.serialize_field("source", &self.source)?;
        match &self.kind {
            EventKind::Added(item) | EventKind::Removed(item) => line.serialize_field("item", item)?,
            EventKind::Updated { item, changed, was } => {
                line.serialize_field("item", item)?;
                line.serialize_field("changed", changed)?;
                if let Some(was) = was {
                    line.serialize_field("was", was)?;
                }
            }
            EventKind::Synced { services } => line.serialize_field("services", services)?,
            EventKind::Stale { age, error } => {
                let age = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
                line.serialize_field("age_ms", &age)?;
                line.serialize_field("error", error)?;
            }
            EventKind::Lagged { missed } => line.serialize_field("missed", missed)?,
            EventKind::Error(error) => line.serialize_field("error", error)?,
        }
        line.end()
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The fields of all types; which of them are there depends on the type.
        #[derive(serde::Deserialize)]
        struct EventFields {
            index: u64,
            r#type: String,
            time: Timestamp,
            source: SourceName,
            item: Option<Arc<Service>>,
            #[serde(default)]
            changed: Vec<String>,
            was: Option<ServiceHealth>,
            services: Option<usize>,
            age_ms: Option<u64>,
            error: Option<PartialError>,
            missed: Option<u64>,
        }

        let EventFields { index, r#type, time, source, item, changed, was, services, age_ms, error, missed } =
            EventFields::deserialize(deserializer)?;
        let item = item.ok_or_else(|| D::Error::missing_field("item"));
        let error = error.ok_or_else(|| D::Error::missing_field("error"));

        let kind = match r#type.as_str() {
            "added" => EventKind::Added(item?),
            "updated" => EventKind::Updated { item: item?, changed, was },
            "removed" => EventKind::Removed(item?),
            "synced" => EventKind::Synced { services: services.ok_or_else(|| D::Error::missing_field("services"))? },
            "stale" => EventKind::Stale { age: age_ms.map(Duration::from_millis), error: error? },
            "lagged" => EventKind::Lagged { missed: missed.ok_or_else(|| D::Error::missing_field("missed"))? },
            "error" => EventKind::Error(error?),
            _ => return Err(D::Error::custom("an event of an unknown type")),
        };
        Ok(Self { index, time, source, kind })
    }
}
