//! One instance: read it, change it, renew it, remove it. A service's name in place of the id reads the service.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::clean::clean;
use crate::model::json_fields::JsonFields;
use crate::model::{DEFAULT_NAMESPACE, HealthState, OperatorStatus, Problem, RegisteredInstance};
use crate::registry::Command;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::instance_view::InstanceView;
use crate::server::params::Params;
use crate::server::reply::{self, INDEX};
use crate::server::schemas::{ChangeBody, HeartbeatAnswer, HeartbeatBody, InstanceBody};
use crate::server::scoped_view::ScopedView;
use crate::server::scores::{grade, service_score};
use crate::server::shared::App;
use crate::server::view::ServiceView;
use crate::server::{body, times};

/// The part of a path that names an instance or a service.
pub(super) type PathName = Result<Path<String>, PathRejection>;

/// The name in a path.
///
/// # Errors
/// It is not UTF-8.
pub(super) fn named(path: PathName) -> ApiResult<String> {
    match path {
        Ok(Path(name)) if name.is_empty() => {
            Err(ApiError::bad_request("invalid_path", "the name in the path is empty"))
        }
        Ok(Path(name)) => Ok(name),
        Err(_) => Err(ApiError::bad_request("invalid_path", "the path is not UTF-8")),
    }
}

/// 404 for an instance.
pub(super) fn no_instance(id: &str) -> ApiError {
    ApiError::not_found(format!("no instance has the id {}", clean(id)))
        .hint("GET /api/v1/services lists the instances")
}

/// What a path names: a UUID is an id, anything else the name of a service, or an id.
pub(super) enum NamedSubject {
    Instance(Arc<InstanceView>),
    Service(Arc<ServiceView>),
}

impl NamedSubject {
    /// The instance or the service with this id or name.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn of(view: &ScopedView, namespace: Option<&str>, id: &str) -> ApiResult<Self> {
        let service =
            if Uuid::try_parse(id).is_ok() { None } else { view.service(namespace.unwrap_or(DEFAULT_NAMESPACE), id) };
        if let Some(service) = service {
            return Ok(Self::Service(Arc::clone(service)));
        }
        view.instance(id).cloned().map(Self::Instance).ok_or_else(|| no_instance(id))
    }

    /// The ids of its instances.
    pub(super) fn ids(&self) -> Vec<Arc<str>> {
        match self {
            Self::Instance(instance) => vec![Arc::clone(&instance.instance.id)],
            Self::Service(service) => service.list().iter().map(|one| Arc::clone(&one.instance.id)).collect(),
        }
    }
}

/// Read an instance by its id, or a service by its name
#[utoipa::path(get, path = "/api/v1/services/{id}", operation_id = "readInstance", tag = "services",
    params(("id" = String, Path, description = "An id, or the name of a service"),
        ("namespace" = Option<String>, Query, description = "The namespace of a service")),
    responses((status = 200, body = InstanceBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, path: PathName, request: Request) -> ApiResult {
    let id = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let view = access.view();

    let service = match NamedSubject::of(&view, params.get("namespace"), &id)? {
        NamedSubject::Instance(instance) => return Ok(reply::instance(StatusCode::OK, view.index(), &instance)),
        NamedSubject::Service(service) => service,
    };

    let namespace = params.get("namespace").unwrap_or(DEFAULT_NAMESPACE);
    let scored = service_score(access.app(), &service);
    let health = view.summary(namespace, &id).map_or(HealthState::Unknown, |known| known.health.aggregate());
    let instances = service.list();
    let head = json!({
        "name": id,
        "namespace": namespace,
        "instances": instances.len(),
        "healthy": instances.iter().filter(|instance| instance.instance.is_healthy()).count(),
        "health": health,
        "score": scored.score,
        "grade": grade(scored),
        "index": view.service_index(namespace, &id),
    });
    let head = head.to_string();
    let head = format!("{},", head.trim_start_matches('{').trim_end_matches('}'));
    Ok(reply::list(view.index(), &head, instances, &access.stale_tail()))
}

/// The longest reason of a status.
const MAX_REASON_CHARS: usize = 200;

/// Change the status or the weight of an instance
#[utoipa::path(put, path = "/api/v1/services/{id}", operation_id = "changeInstance", tag = "services",
    params(("id" = String, Path, description = "An id")), request_body = ChangeBody,
    responses((status = 200, body = InstanceBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn update(access: Access, path: PathName, request: Request) -> ApiResult {
    let id: Arc<str> = named(path)?.into();
    Params::read(request.uri().query(), &[], &[])?;
    let body = read(access.app(), request).await?;
    let mut fields = JsonFields::parse(&body)?;
    let status = fields.read(&["status"], |value| status_of(&value))?;
    let reason = fields.text(&["reason"])?;
    let weight = fields.number(&["weight"], 0, u64::from(u16::MAX))?;
    let generation = fields.number(&["generation"], 1, u64::MAX)?;
    fields.finish()?;

    let weight = weight.and_then(|weight| u16::try_from(weight).ok());
    let reason = reason.map(|reason| reason_of(&reason, status)).transpose()?.flatten();
    let status = status.map(|status| Command::SetStatus { id: Arc::clone(&id), generation, status, reason });
    let weight = weight.map(|weight| Command::SetWeight { id: Arc::clone(&id), generation, weight });
    let commands: Vec<Command> = status.into_iter().chain(weight).collect();
    if commands.is_empty() {
        let error = ApiError::bad_request("invalid_body", "there is nothing to change");
        return Err(error.hint("send status, weight, or both"));
    }
    let mut last = None;
    for written in access.write_together(commands).await? {
        last = written?.instance;
    }

    let view = access.view();
    let instance = view.written(last.ok_or_else(|| no_instance(&id))?);
    Ok(reply::instance(StatusCode::OK, view.index(), &instance))
}

/// Why an operator takes an instance out of service; `None` if nothing is said.
fn reason_of(reason: &str, status: Option<OperatorStatus>) -> Result<Option<Arc<str>>, Problem> {
    if status.is_none() {
        return Err(Problem::new("reason", "it is the reason of a status", "send a status too, or leave it out"));
    }
    if reason.chars().count() > MAX_REASON_CHARS {
        let hint = format!("write at most {MAX_REASON_CHARS} characters");
        return Err(Problem::new("reason", "it is too long", hint));
    }
    Ok(Some(reason.trim()).filter(|reason| !reason.is_empty()).map(Arc::from))
}

fn status_of(value: &serde_json::Value) -> Result<OperatorStatus, Problem> {
    let text = value.as_str().unwrap_or_default();
    OperatorStatus::of_name(text).ok_or_else(|| {
        let hint = "write up (or healthy), maintenance or draining";
        Problem::new("", format!("{} is not a status", clean(&value.to_string())), hint)
    })
}

/// Remove an instance
#[utoipa::path(delete, path = "/api/v1/services/{id}", operation_id = "deregister", tag = "services",
    params(("id" = String, Path, description = "An id"),
        ("generation" = Option<u64>, Query, description = "Only if it is still this one", minimum = 1)),
    responses((status = 204, description = "It is removed"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn deregister(access: Access, path: PathName, request: Request) -> ApiResult {
    let id: Arc<str> = named(path)?.into();
    let generation = Params::read(request.uri().query(), &["generation"], &[])?.number("generation", 1, u64::MAX)?;
    access.write(Command::Deregister { id, generation }).await?;

    Ok(no_content(access.view().index()))
}

/// Renew the lease of an instance
///
/// 404 means that the instance is gone, or that it was registered anew since: register it again.
#[utoipa::path(post, path = "/api/v1/services/{id}/heartbeat", operation_id = "renewLease", tag = "services",
    params(("id" = String, Path, description = "An id")), request_body = Option<HeartbeatBody>,
    responses((status = 200, body = HeartbeatAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn heartbeat(access: Access, path: PathName, request: Request) -> ApiResult {
    let id: Arc<str> = named(path)?.into();
    Params::read(request.uri().query(), &[], &[])?;
    let body = read(access.app(), request).await?;
    let renewal = renewal(
        &id,
        if matches!(body.trim_ascii(), b"" | b"null") { JsonFields::empty() } else { JsonFields::parse(&body)? },
    )?;
    let written = access.write(renewal).await?;

    let instance = written.instance.ok_or_else(|| no_instance(&id))?;
    let mut line = LeaseLine::of(&instance);
    line.durable = access.app().contact.is_lost().then_some(false);
    Ok(reply::data(access.view().index(), &line))
}

/// What a heartbeat says: the body's id is that of the path, if it has one.
pub(super) fn renewal(id: &Arc<str>, mut fields: JsonFields) -> Result<Command, Problem> {
    let same_id = fields.text(&["service_id", "id"])?;
    let status = fields.read(&["status"], |value| health_of(&value))?;
    let message = fields.text(&["message"])?;
    let generation = fields.number(&["generation"], 1, u64::MAX)?;
    fields.finish()?;

    if same_id.is_some_and(|same| same != **id) {
        return Err(Problem::new("service_id", "it is not the id in the path", "leave it out, or send the same id"));
    }
    let report = status.map(|status| (status, message.map(Arc::from)));
    Ok(Command::Renew { id: Arc::clone(id), generation, report })
}

fn health_of(value: &serde_json::Value) -> Result<HealthState, Problem> {
    let text = value.as_str().unwrap_or_default();
    HealthState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let hint = "write healthy, degraded, unhealthy or unknown";
        Problem::new("", format!("{} is not a health state", clean(&value.to_string())), hint)
    })
}

/// The answer to a heartbeat.
#[derive(Serialize)]
pub(super) struct LeaseLine<'i> {
    id: &'i str,
    generation: u64,
    health: HealthState,
    /// Seconds; absent without a lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// `false`: the database is away, and the renewal is stored when it is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    durable: Option<bool>,
}

impl<'i> LeaseLine<'i> {
    pub(super) fn of(instance: &'i RegisteredInstance) -> Self {
        let lease = instance.lease.as_ref();
        Self {
            id: &instance.id,
            generation: instance.generation,
            health: instance.health,
            ttl: lease.map(|lease| lease.ttl.as_secs_f64()),
            expires: lease.map(|lease| times::written(lease.expires)),
            durable: None,
        }
    }
}

async fn read(app: &App, request: Request) -> ApiResult<Vec<u8>> {
    body::read(request, app.settings.size_limits.body_bytes, app.settings.time_limits.body).await
}

/// 204 with the index.
pub(super) fn no_content(index: u64) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(INDEX, HeaderValue::from(index));
    response
}
