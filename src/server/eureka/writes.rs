//! Writes: an instance registers, renews its lease, changes its status or its metadata, and leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use http::Request;
use serde_json::Value;
use url::form_urlencoded;

use super::body;
use super::call::Call;
use super::instance::{EUREKA_KEY, EurekaInstance, registry_id};
use super::status::InstanceStatus;
use super::unknown;
use crate::clean::clean;
use crate::model::{DEFAULT_NAMESPACE, OperatorStatus};
use crate::registry::{CatalogCommand, Command};
use crate::server::api_error::{ApiError, ApiResult};
use crate::server::authorized::Access;

/// The instance that a write is about. Another server may have registered it a moment ago: a 404 makes a client register
/// again, so this one learns what the others wrote before.
///
/// # Errors
/// 404: there is none. 503: the store does not reply.
async fn existing(access: &Access, call: &Call) -> ApiResult<EurekaInstance> {
    if let Ok(known) = known(access, call) {
        return Ok(known);
    }
    access.look_for(registry_id(&call.app, &call.instance).into()).await?;
    known(access, call)
}

/// The instance that a request names.
///
/// # Errors
/// 404: there is none.
pub(super) fn known(access: &Access, call: &Call) -> ApiResult<EurekaInstance> {
    let view = access.view();
    let own = view.instance(&registry_id(&call.app, &call.instance)).or_else(|| view.instance(&call.instance));
    let own = own.filter(|own| {
        let instance = &own.instance;
        instance.namespace() == DEFAULT_NAMESPACE && instance.name().to_uppercase() == call.app
    });
    own.map(|own| EurekaInstance::new(own, &view)).ok_or_else(|| unknown(call))
}

pub(super) async fn register(access: &Access, app: &str, request: Request<Body>) -> ApiResult<()> {
    let fields = body::read(access, request).await?;
    let (registration, status) = body::registration(app, &fields)?;
    let id: Arc<str> = registration.id.as_deref().unwrap_or_default().into();
    let commands = vec![
        Command::Register(Arc::new(registration)),
        Command::Renew { id, generation: None, report: status.report() },
    ];
    access.write_together(commands).await?.into_iter().try_for_each(|written| written.map(drop))
}

pub(super) async fn cancel(access: &Access, call: &Call) -> ApiResult<()> {
    let known = existing(access, call).await?;
    let id = Arc::clone(&known.view.instance.id);
    access.write(Command::Deregister { id, generation: None }).await.map(drop)
}

/// A heartbeat. One without a status says nothing about it: the last one stays.
pub(super) async fn renew(access: &Access, call: &Call, query: &str) -> ApiResult<()> {
    let known = existing(access, call).await?;
    let parameters: BTreeMap<String, String> = parameters(query).collect();
    let newest = parameters.get("lastDirtyTimestamp").and_then(|text| text.parse::<i64>().ok());
    let registered = known.own.get("lastDirtyTimestamp").and_then(Value::as_i64);
    if newest.zip(registered).is_some_and(|(newest, registered)| newest > registered) {
        // The instance has changed since it was registered: it registers again.
        return Err(unknown(call));
    }

    let instance = &known.view.instance;
    let report = match parameters.get("status").filter(|status| !status.is_empty()) {
        Some(status) => status_of(status)?.report(),
        None => instance.report.as_ref().map(|report| (report.status, report.message.clone())),
    };
    let id = Arc::clone(&instance.id);
    access.write(Command::Renew { id, generation: None, report }).await.map(drop)
}

/// Takes an instance out of service, or back, whatever it says itself.
pub(super) async fn override_status(access: &Access, call: &Call, query: &str) -> ApiResult<()> {
    let known = existing(access, call).await?;
    let value = parameters(query).find(|(name, _)| name == "value").map(|(_, value)| value);
    let value = value.ok_or_else(|| {
        ApiError::bad_request("missing_parameter", "the parameter value is missing").field("value").hint(STATUS_HINT)
    })?;

    let id = Arc::clone(&known.view.instance.id);
    access.write(override_with(id, status_of(&value)?)).await.map(drop)
}

/// From here on the status is what the instance says itself.
pub(super) async fn release_status(access: &Access, call: &Call) -> ApiResult<()> {
    let known = existing(access, call).await?;
    access.write(override_with(Arc::clone(&known.view.instance.id), InstanceStatus::Up)).await.map(drop)
}

fn override_with(id: Arc<str>, status: InstanceStatus) -> Command {
    match status {
        InstanceStatus::Up => Command::SetStatus { id, generation: None, status: OperatorStatus::Up, reason: None },
        other => Command::Catalog(CatalogCommand::Maintain { id, reason: other.as_str().into() }),
    }
}

/// Changes entries of the metadata.
pub(super) async fn put_metadata(access: &Access, call: &Call, query: &str) -> ApiResult<()> {
    let entries: BTreeMap<String, String> = parameters(query).collect();
    if entries.contains_key(EUREKA_KEY) {
        return Err(body::reserved().into());
    }
    let known = existing(access, call).await?;
    let (id, generation) = (Arc::clone(&known.view.instance.id), Some(known.view.instance.generation));
    access.write(Command::SetMetadata { id, generation, entries: Arc::new(entries) }).await.map(drop)
}

const STATUS_HINT: &str = "write UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN";

fn status_of(name: &str) -> ApiResult<InstanceStatus> {
    InstanceStatus::of_name(name).ok_or_else(|| {
        let message = format!("{} is not a status", clean(name));
        ApiError::bad_request("invalid_parameter", message).field("status").hint(STATUS_HINT)
    })
}

fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned()
}
