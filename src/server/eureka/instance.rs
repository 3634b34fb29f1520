//! An instance as Eureka writes it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::status::{InstanceStatus, status};
use crate::model::{OperatorStatus, RegisteredInstance};
use crate::server::instance_view::InstanceView;
use crate::server::scoped_view::ScopedView;

/// The key of the metadata that holds, as JSON, what only Eureka knows of an instance.
pub(super) const EUREKA_KEY: &str = "eureka_instance";
/// What an instance is that does not say in which data center it runs.
const DEFAULT_DATA_CENTER: &str = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
/// The interval of heartbeats that Eureka's clients have by default.
const RENEWAL_SECONDS: u64 = 30;
/// The texts of an instance that are written if it has them.
const TEXTS: [&str; 6] =
    ["appGroupName", "asgName", "homePageUrl", "statusPageUrl", "healthCheckUrl", "secureHealthCheckUrl"];

/// An instance, and what is known of it beside the view.
pub(super) struct EurekaInstance {
    pub(super) view: Arc<InstanceView>,
    status: InstanceStatus,
    /// What only Eureka knows of it.
    pub(super) own: Map<String, Value>,
}

impl EurekaInstance {
    pub(super) fn new(view: &Arc<InstanceView>, registry: &ScopedView) -> Self {
        Self { status: status(view, registry), own: own_fields(&view.instance), view: Arc::clone(view) }
    }

    /// The name of its application.
    pub(super) fn app(&self) -> String {
        self.view.instance.name().to_uppercase()
    }

    /// Its id within the application.
    pub(super) fn id(&self) -> &str {
        self.text("instanceId").unwrap_or(&self.view.instance.id)
    }

    /// A text that only Eureka knows.
    fn text(&self, name: &str) -> Option<&str> {
        self.own.get(name).and_then(Value::as_str)
    }

    /// The addresses of virtual hosts that it has, separated by commas: the name of its service if it does not say.
    pub(super) fn vip(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| self.view.instance.name())
    }

    /// Its JSON in a list.
    pub(super) fn to_value(&self) -> Value {
        self.to_change("ADDED")
    }

    /// Its JSON, with what happened to it.
    pub(super) fn to_change(&self, action: &str) -> Value {
        let instance = &self.view.instance;
        let registration = &instance.registration;
        let is_secure = registration.protocol.as_deref() == Some("https");
        let overridden = if instance.status == OperatorStatus::Up { "UNKNOWN" } else { self.status.as_str() };
        let registered = instance.registered_at.as_millisecond();
        let dirty = self.own.get("lastDirtyTimestamp").and_then(Value::as_i64).unwrap_or(registered);

        let mut value = json!({
            "instanceId": self.id(),
            "hostName": self.text("hostName").unwrap_or(&registration.address),
            "app": self.app(),
            "ipAddr": self.text("ipAddr").unwrap_or(&registration.address),
            "status": self.status.as_str(),
            "overriddenStatus": overridden,
            "overriddenstatus": overridden,
            "port": self.port(!is_secure, "port", 80),
            "securePort": self.port(is_secure, "securePort", 443),
            "countryId": self.own.get("countryId").cloned().unwrap_or(json!(1)),
            "dataCenterInfo": self.own.get("dataCenterInfo").cloned()
                .unwrap_or_else(|| json!({ "@class": DEFAULT_DATA_CENTER, "name": "MyOwn" })),
            "leaseInfo": self.lease(registered),
            "metadata": metadata(instance),
            "vipAddress": self.vip("vipAddress"),
            "secureVipAddress": self.vip("secureVipAddress"),
            "isCoordinatingDiscoveryServer": "false",
            "lastUpdatedTimestamp": registered.to_string(),
            "lastDirtyTimestamp": dirty.to_string(),
            "actionType": action,
        });
        if let Value::Object(fields) = &mut value {
            fields.extend(TEXTS.iter().filter_map(|name| Some(((*name).to_owned(), self.own.get(*name)?.clone()))));
        }
        value
    }

    /// One of its two ports. `is_it`: it is the one that was registered. `usual`: what Eureka's clients write for the other.
    fn port(&self, is_it: bool, name: &str, usual: u16) -> Value {
        if is_it {
            return json!({ "$": self.view.instance.registration.port, "@enabled": "true" });
        }
        let is_enabled = self.own.get(&format!("{name}Enabled")).and_then(Value::as_bool).unwrap_or(false);
        json!({ "$": self.own.get(name).cloned().unwrap_or(json!(usual)), "@enabled": is_enabled.to_string() })
    }

    fn lease(&self, registered: i64) -> Value {
        let lease = self.view.instance.lease.as_ref();
        let last_seen = std::str::from_utf8(&self.view.times.last_seen()).ok().and_then(|text| text.parse().ok());
        let renewed = last_seen.map_or(registered, |time: Timestamp| time.as_millisecond());
        let renewal = self.own.get("renewalIntervalInSecs").and_then(Value::as_u64).unwrap_or(RENEWAL_SECONDS);

        json!({
            "renewalIntervalInSecs": renewal,
            "durationInSecs": lease.map_or(i32::MAX.unsigned_abs().into(), |lease| lease.ttl.as_secs()),
            "registrationTimestamp": registered,
            "lastRenewalTimestamp": renewed,
            "evictionTimestamp": 0,
            "serviceUpTimestamp": registered,
        })
    }
}

/// What only Eureka knows of an instance; nothing of one that was registered otherwise.
fn own_fields(instance: &RegisteredInstance) -> Map<String, Value> {
    let text = instance.registration.metadata.get(EUREKA_KEY);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The metadata, and what the registry has fields for.
fn metadata(instance: &RegisteredInstance) -> Value {
    let registration = &instance.registration;
    let own = registration.metadata.iter().filter(|(key, _)| *key != EUREKA_KEY);
    let mut fields: Map<String, Value> = own.map(|(key, value)| (key.clone(), json!(value))).collect();
    for (key, value) in [("version", &registration.version), ("zone", &registration.zone)] {
        if let Some(value) = value {
            fields.entry(key).or_insert_with(|| json!(value));
        }
    }
    Value::Object(fields)
}

/// The id in the registry: Eureka's are unique within an application only.
pub(super) fn registry_id(app: &str, instance: &str) -> String {
    format!("{}:{instance}", app.to_uppercase())
}
