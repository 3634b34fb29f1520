//! Events: changes of the services of a source.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Detail, PartialError, Service, ServiceHealth, SourceName};

/// An event. It serializes as a line of `--watch`:
/// `{"index":42,"type":"updated","time":…,"source":"local","item":{…},"changed":["endpoints[0].ready"]}`.
///
/// `D` is the type of the detail of its service, as in [`Service`].
#[derive(Clone, Debug)]
pub struct Event<D = Arc<dyn Detail>> {
    /// The number of the event, from 1, without gaps; it restarts with each process.
    pub index: u64,
    /// The time of detection.
    pub time: Timestamp,
    /// The name of the source: `local`.
    pub source: SourceName,
    /// The kind of event.
    pub kind: EventKind<D>,
}

/// The kind of an event.
#[derive(Clone, Debug)]
pub enum EventKind<D = Arc<dyn Detail>> {
    /// A new service.
    Added(Arc<Service<D>>),
    /// A changed service.
    Updated {
        /// Its current state.
        item: Arc<Service<D>>,
        /// The fields that differ, at least one: `endpoints[0].ready`, `detail.processes`.
        changed: Vec<String>,
        /// The previous health, if it changed.
        was: Option<ServiceHealth>,
    },
    /// A removed service, in its last known state.
    Removed(Arc<Service<D>>),
    /// Initial listing complete, or the source recovered. Later events are changes.
    Synced {
        /// The number of services.
        services: usize,
        /// How long it took: since the watch began, or since the source became unreachable. `None` if that is unknown.
        duration: Option<Duration>,
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

impl Event {
    /// The same event with a typed service. If the service has another type of detail, it is an `error` event.
    pub fn typed<D: Detail + Clone>(self) -> Event<D> {
        let Self { index, time, source, kind } = self;
        Event { index, time, source, kind: kind.typed().unwrap_or_else(EventKind::Error) }
    }
}

impl EventKind {
    fn typed<D: Detail + Clone>(self) -> Result<EventKind<D>, PartialError> {
        Ok(match self {
            Self::Added(item) => EventKind::Added(Arc::new(item.typed()?)),
            Self::Updated { item, changed, was } => EventKind::Updated { item: Arc::new(item.typed()?), changed, was },
            Self::Removed(item) => EventKind::Removed(Arc::new(item.typed()?)),
            Self::Synced { services, duration } => EventKind::Synced { services, duration },
            Self::Stale { age, error } => EventKind::Stale { age, error },
            Self::Lagged { missed } => EventKind::Lagged { missed },
            Self::Error(error) => EventKind::Error(error),
        })
    }
}

impl<D> EventKind<D> {
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
    pub fn item(&self) -> Option<&Arc<Service<D>>> {
        match self {
            Self::Added(item) | Self::Updated { item, .. } | Self::Removed(item) => Some(item),
            _ => None,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<D: Serialize> Serialize for Event<D> {
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
            EventKind::Synced { services, duration } => {
                line.serialize_field("services", services)?;
                if let Some(duration) = duration {
                    line.serialize_field("duration_ms", &millis(*duration))?;
                }
            }
            EventKind::Stale { age, error } => {
                line.serialize_field("age_ms", &age.map(millis))?;
                line.serialize_field("error", error)?;
            }
            EventKind::Lagged { missed } => line.serialize_field("missed", missed)?,
            EventKind::Error(error) => line.serialize_field("error", error)?,
        }

        line.end()
    }
}

impl<'de, D: Deserialize<'de>> Deserialize<'de> for Event<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        /// The fields of all types; which of them are there depends on the type.
        #[derive(serde::Deserialize)]
        struct EventFields<D> {
            index: u64,
            r#type: String,
            time: Timestamp,
            source: SourceName,
            item: Option<Service<D>>,
            #[serde(default)]
            changed: Vec<String>,
            was: Option<ServiceHealth>,
            services: Option<usize>,
            duration_ms: Option<u64>,
            age_ms: Option<u64>,
            error: Option<PartialError>,
            missed: Option<u64>,
        }

        let EventFields {
            index,
            r#type,
            time,
            source,
            item,
            changed,
            was,
            services,
            duration_ms,
            age_ms,
            error,
            missed,
        } = EventFields::deserialize(deserializer)?;
        let item = item.map(Arc::new).ok_or_else(|| R::Error::missing_field("item"));
        let error = error.ok_or_else(|| R::Error::missing_field("error"));

        let kind = match r#type.as_str() {
            "added" => EventKind::Added(item?),
            "updated" => EventKind::Updated { item: item?, changed, was },
            "removed" => EventKind::Removed(item?),
            "synced" => EventKind::Synced {
                services: services.ok_or_else(|| R::Error::missing_field("services"))?,
                duration: duration_ms.map(Duration::from_millis),
            },
            "stale" => EventKind::Stale { age: age_ms.map(Duration::from_millis), error: error? },
            "lagged" => EventKind::Lagged { missed: missed.ok_or_else(|| R::Error::missing_field("missed"))? },
            "error" => EventKind::Error(error?),
            _ => return Err(R::Error::custom("an event of an unknown type")),
        };
        Ok(Self { index, time, source, kind })
    }
}
