//! Instances: the copies of a service in a registry or a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::HealthState;
use crate::clean::Untrusted;

/// One running copy of a service: a pod behind a cluster's service, or a registered instance.
///
/// `ready` of the [`Endpoint`](super::Endpoint) says whether it takes new requests; the lifecycle says why not. JSON holds
/// only the fields that are filled, beside `id`, `serving` and `terminating`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instance {
    /// The same instance has the same id tomorrow: `k8s/shop/web/tcp/10.1.2.3:8080`.
    pub id: String,
    /// Whether it still replies to requests; a terminating instance may.
    pub serving: bool,
    /// Where it is between its start and its end.
    pub lifecycle: Lifecycle,
    /// Why its operator took it out of service, if it is known.
    pub status_reason: Option<Untrusted>,
    /// Its health according to the registry; `None` if the registry does not judge it.
    pub health: Option<HealthState>,
    /// The name of the service's port that leads here.
    pub port_name: Option<Untrusted>,
    /// The application protocol that the source declares for this port, as in `http`; it decides which checks run.
    pub protocol: Option<Untrusted>,
    /// The pod that it runs in.
    pub pod: Option<Untrusted>,
    /// The machine that it runs on.
    pub node: Option<Untrusted>,
    /// The zone of that machine.
    pub zone: Option<Untrusted>,
    /// The version that it was registered with.
    pub version: Option<Untrusted>,
    /// Its tags, in the order in which they were registered.
    pub tags: Vec<Untrusted>,
    /// Its metadata, by key.
    pub metadata: BTreeMap<Untrusted, Untrusted>,
    /// Its weight without the split, while the registry splits the traffic of the service.
    pub own_weight: Option<u16>,
    /// Its lease: how long the registration lasts unless it is renewed.
    pub lease: Option<Lease>,
}

/// Where an instance is between its start and its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// It accepts requests, if it is ready.
    #[default]
    Up,
    /// Its operator took it out of service temporarily.
    Maintenance,
    /// It finishes its current calls and accepts no new ones.
    Draining,
    /// It is terminating.
    Terminating,
}

impl Lifecycle {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Maintenance => "maintenance",
            Self::Draining => "draining",
            Self::Terminating => "terminating",
        }
    }

    /// Whether an instance in this state may be given new calls.
    pub const fn takes_calls(self) -> bool {
        matches!(self, Self::Up)
    }
}

/// How long a registration lasts. Renewing it moves `expires` only, which is not a change of the service
/// ([`changed_fields`](super::changed_fields) leaves it out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// How long it lasts from one renewal to the next.
    #[serde(rename = "ttl_ms", with = "milliseconds")]
    pub ttl: Duration,
    /// When it ends unless it is renewed before.
    pub expires: Timestamp,
    /// Whether the registry says that it was not renewed in time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// The fields of an endpoint that differ without anything having happened, by their paths in its JSON.
pub(super) const VOLATILE_FIELDS: &[&str] = &[
    "instance.lease.expires",
    "health.age_ms",
    "health.latency_us",
    "health.http_status",
    "health.certificate_days",
    "health.checked_address",
];

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

impl Instance {
    /// Whether it is terminating.
    pub fn is_terminating(&self) -> bool {
        self.lifecycle == Lifecycle::Terminating
    }
}

impl Serialize for Instance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("id", &self.id)?;
        fields.serialize_entry("serving", &self.serving)?;
        fields.serialize_entry("terminating", &self.is_terminating())?;

        // `terminating` tells these two apart already.
        if !matches!(self.lifecycle, Lifecycle::Up | Lifecycle::Terminating) {
            fields.serialize_entry("lifecycle", &self.lifecycle)?;
        }
        if let Some(health) = &self.health {
            fields.serialize_entry("health", health)?;
        }
        let texts = [
            ("status_reason", &self.status_reason),
            ("port_name", &self.port_name),
            ("protocol", &self.protocol),
            ("pod", &self.pod),
            ("node", &self.node),
            ("zone", &self.zone),
            ("version", &self.version),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                fields.serialize_entry(name, text)?;
            }
        }
        if !self.tags.is_empty() {
            fields.serialize_entry("tags", &self.tags)?;
        }
        if !self.metadata.is_empty() {
            fields.serialize_entry("metadata", &self.metadata)?;
        }
        if let Some(weight) = &self.own_weight {
            fields.serialize_entry("own_weight", weight)?;
        }
        if let Some(lease) = &self.lease {
            fields.serialize_entry("lease", lease)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct InstanceFields {
            id: String,
            #[serde(default)]
            serving: bool,
            #[serde(default)]
            terminating: bool,
            lifecycle: Option<Lifecycle>,
            status_reason: Option<Untrusted>,
            health: Option<HealthState>,
            port_name: Option<Untrusted>,
            protocol: Option<Untrusted>,
            pod: Option<Untrusted>,
            node: Option<Untrusted>,
            zone: Option<Untrusted>,
            version: Option<Untrusted>,
            #[serde(default)]
            tags: Vec<Untrusted>,
            #[serde(default)]
            metadata: BTreeMap<Untrusted, Untrusted>,
            own_weight: Option<u16>,
            lease: Option<Lease>,
        }

        let fields = InstanceFields::deserialize(deserializer)?;
        let implied = if fields.terminating { Lifecycle::Terminating } else { Lifecycle::Up };

        Ok(Self {
            id: fields.id,
            serving: fields.serving,
            lifecycle: fields.lifecycle.unwrap_or(implied),
            status_reason: fields.status_reason,
            health: fields.health,
            port_name: fields.port_name,
            protocol: fields.protocol,
            pod: fields.pod,
            node: fields.node,
            zone: fields.zone,
            version: fields.version,
            tags: fields.tags,
            metadata: fields.metadata,
            own_weight: fields.own_weight,
            lease: fields.lease,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::model) fn any_instance() -> impl Strategy<Value = Instance> {
        let lifecycle = prop_oneof![
            Just(Lifecycle::Up),
            Just(Lifecycle::Maintenance),
            Just(Lifecycle::Draining),
            Just(Lifecycle::Terminating)
        ];
        let text = || ".{0,12}".prop_map(Untrusted::from);
        let lease = (any::<u32>(), 0..4_000_000_000_i64).prop_map(|(ttl, second)| Lease {
            ttl: Duration::from_millis(ttl.into()),
            expires: Timestamp::from_second(second).unwrap(),
            expired: ttl % 2 == 0,
        });
        let names = [prop::option::of(text()), prop::option::of(text()), prop::option::of(text())];

        let tags = prop::collection::vec(text(), 0..3);
        let metadata = prop::collection::btree_map(text(), text(), 0..3);
        (".{0,12}", any::<bool>(), lifecycle, names, tags, metadata, prop::option::of(lease)).prop_map(
            |(id, serving, lifecycle, [pod, zone, version], tags, metadata, lease)| Instance {
                own_weight: serving.then_some(u16::from(metadata.is_empty())),
                id,
                serving,
                lifecycle,
                health: lease.map(|_| HealthState::Degraded),
                port_name: pod.clone(),
                protocol: version.clone(),
                status_reason: pod.clone(),
                node: zone.clone(),
                pod,
                zone,
                version,
                tags,
                metadata,
                lease,
            },
        )
    }

    #[test]
    fn only_filled_fields_are_written() {
        let written = |instance: &Instance| serde_json::to_string(instance).unwrap();
        let plain = Instance { id: "a".to_owned(), serving: true, ..Instance::default() };
        assert_eq!(written(&plain), r#"{"id":"a","serving":true,"terminating":false}"#);

        let full = Instance {
            lifecycle: Lifecycle::Maintenance,
            version: Some("2.1".into()),
            tags: vec!["blue".into()],
            metadata: [("team".into(), "shop".into())].into(),
            lease: Some(Lease { ttl: Duration::from_secs(15), expires: Timestamp::UNIX_EPOCH, expired: false }),
            ..plain
        };
        assert_eq!(
            written(&full),
            r#"{"id":"a","serving":true,"terminating":false,"lifecycle":"maintenance","version":"2.1","tags":["blue"],"metadata":{"team":"shop"},"lease":{"ttl_ms":15000,"expires":"1970-01-01T00:00:00Z"}}"#
        );
    }
}
