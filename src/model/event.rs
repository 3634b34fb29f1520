//! What happened to the services of a source, one thing at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{PartialError, Service, ServiceHealth, SourceName};

/// Something that happened. It serialises as a line of `--watch`:
/// `{"index":42,"type":"updated","time":…,"source":"local","item":{…},"changed":["endpoints[0].ready"]}`.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts what happened, from 1, without gaps; it starts anew with each process.
    pub index: u64,
    /// When it was noticed.
    pub time: Timestamp,
    /// The name of the source: `local`.
    pub source: SourceName,
    /// What it was.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A service is there that was not known.
    Added(Arc<Service>),
    /// A known service is not as it was.
    Updated {
        /// As it is now.
        item: Arc<Service>,
        /// The fields that differ, never none: `endpoints[0].ready`, `detail.processes`.
        changed: Vec<String>,
        /// How well it was, where that is what changed.
        was: Option<ServiceHealth>,
    },
    /// A service is gone; as it was last known.
    Removed(Arc<Service>),
    /// Everything is known: the first whole answer is in, or the source can be asked again. What comes after it is news.
    Synced {
        /// How many services there are.
        services: usize,
    },
    /// The source cannot be asked. What was known stays, but nobody knows whether it still holds.
    Stale {
        /// How long ago the last answer came; `None` where none ever did.
        age: Option<Duration>,
        /// Why.
        error: PartialError,
    },
    /// The reader was too slow, and so many events were left out. What they came to follows.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// A part could not be read; nothing in it was taken for gone.
    Error(PartialError),
}

impl EventKind {
    /// The word for it, as every format prints it.
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

    /// The service that it happened to, if it was one.
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
        struct Fields {
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

        let Fields { index, r#type, time, source, item, changed, was, services, age_ms, error, missed } =
            Fields::deserialize(deserializer)?;
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
