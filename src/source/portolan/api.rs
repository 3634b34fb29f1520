//! The requests to the registry.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Portolan;
use crate::clean::clean;
use crate::error::Result;
use crate::model::{PartialError, RegisteredInstance};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryLines, RegistryReply, RegistryRequest};

/// A registry of portolan's own.
pub(super) struct PortolanApi {
    http: RegistryHttp,
}

/// All instances, and those that cannot be read.
pub(super) struct InstanceList {
    pub(super) instances: Vec<RegisteredInstance>,
    pub(super) errors: Vec<PartialError>,
}

#[derive(Deserialize)]
struct ListReply {
    data: ListData,
}

#[derive(Deserialize)]
struct ListData {
    services: Vec<Value>,
    /// Whether the server cannot reach its database, so that the list may be out of date.
    #[serde(default)]
    stale: bool,
    #[serde(default)]
    age_seconds: f64,
}

/// An event, or a mark between events.
#[derive(Deserialize)]
pub(super) struct EventLine {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) service: String,
    pub(super) item: Option<Value>,
}

/// The size of a list: 100,000 instances with checks.
pub(super) const MAX_LIST_BYTES: usize = 256 << 20;
/// The size of an event: one instance.
const MAX_LINE_BYTES: usize = 4 << 20;
/// The registry sends a line at least every 15 seconds.
const SILENCE: Duration = Duration::from_secs(25);

impl PortolanApi {
    pub(super) fn new(options: &Portolan) -> Result<Self> {
        Ok(Self { http: RegistryHttp::new(options.http_options()?)? })
    }

    pub(super) async fn list(&self) -> Result<InstanceList, RegistryFailure> {
        let request = RegistryRequest::get("/api/v1/services").limit(MAX_LIST_BYTES);
        read_list(&self.http.send(&request).await?)
    }

    /// All instances, and then every change.
    pub(super) async fn events(&self) -> Result<RegistryLines, RegistryFailure> {
        let request = RegistryRequest::get("/api/v1/events").query("format", "ndjson").limit(MAX_LINE_BYTES);
        self.http.stream_lines(&request, Some(SILENCE)).await
    }
}

/// Reads the instances of a reply.
///
/// # Errors
/// The reply does not hold a list of instances.
pub(super) fn read_list(reply: &RegistryReply) -> Result<InstanceList, RegistryFailure> {
    let ListReply { data: ListData { services, stale, age_seconds } } = reply.json()?;

    let mut instances = Vec::with_capacity(services.len());
    let mut errors: Vec<PartialError> = stale.then(|| stale_list(age_seconds)).into_iter().collect();
    for value in services {
        match instance(value) {
            Ok(instance) => instances.push(instance),
            Err(error) => errors.push(error),
        }
    }
    Ok(InstanceList { instances, errors })
}

/// What a list of a server lacks that has not reached its database for this time, in seconds.
fn stale_list(age: f64) -> PartialError {
    PartialError {
        operation: format!("see what changed in the registry in the last {age:.0} s"),
        cause: "its server does not reach the database".to_owned(),
        hint: "`portolan status` shows what the server reaches".to_owned(),
    }
}

/// Reads an instance.
///
/// # Errors
/// It is not what a registry writes: the registry may be of a newer version.
pub(super) fn instance(value: Value) -> Result<RegisteredInstance, PartialError> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or("?").to_owned();
    serde_json::from_value(value).map_err(|error| PartialError {
        operation: format!("read the instance '{}'", clean(&id)),
        cause: clean(&error.to_string()),
        hint: "compare the versions: `portolan --version` here and where the registry runs".to_owned(),
    })
}
