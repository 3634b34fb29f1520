//! All instances: list them, and register one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::service::no_instance;
use crate::model::{HealthState, HostQuery, Registration};
use crate::registry::Command;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::host_instances::{entity_tag, host_query};
use crate::server::params::Params;
use crate::server::schemas::{InstanceBody, InstanceList, RegistrationBody};
use crate::server::scoped_view::ScopedView;
use crate::server::scores::{grade, service_score};
use crate::server::shared::App;
use crate::server::{body, reply};

/// What the sender of a write should know, one line each.
pub(super) const WARNING: HeaderName = HeaderName::from_static("x-portolan-warning");

/// A service without its instances.
#[derive(Serialize)]
struct ServiceLine<'v> {
    namespace: &'v str,
    name: &'v str,
    instances: usize,
    healthy: usize,
    health: HealthState,
    score: Option<u8>,
    grade: Option<&'static str>,
    index: u64,
}

/// List all instances
///
/// With `host` or `address`, only those that may be of this host: on one of the nodes, at one of the addresses, at a name, or
/// at a loopback address without a node. This answer has an ETag, and is 304 for a client that sends it back in If-None-Match:
/// no instance of it has changed, except for the times of its lease.
#[utoipa::path(get, path = "/api/v1/services", operation_id = "listInstances", tag = "services",
    params(
        ("namespace" = Option<String>, Query, description = "Only this namespace"),
        ("name" = Option<String>, Query, description = "Only this service"),
        ("instances" = Option<bool>, Query, description = "`false`: a line for each service instead of its instances"),
        ("host" = Option<String>, Query, description = "Only instances that may be on the host with these names, separated by commas"),
        ("address" = Option<String>, Query, description = "The addresses of this host, separated by commas"),
    ),
    responses((status = 200, body = InstanceList), (status = 304, description = "The client has this reply"),
        (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn list(access: Access, request: Request) -> ApiResult {
    let known = ["namespace", "name", "instances", "host", "address"];
    let params = Params::read(request.uri().query(), &known, &[])?;
    let with_instances = params.get("instances").is_none() || params.flag("instances")?;
    if let Some(host) = host_query(&params)? {
        let (namespace, name) = (params.get("namespace"), params.get("name"));
        return Ok(list_host(&access, request.headers(), &host, (namespace, name)));
    }

    let view = access.view();
    let services = view.services().filter(|service| {
        params.get("namespace").is_none_or(|namespace| namespace == &*service.key.namespace)
            && params.get("name").is_none_or(|name| name == &*service.key.name)
    });

    if with_instances {
        let instances: Vec<_> = services.flat_map(|service| service.list()).collect();
        return Ok(reply::list(
            view.index(),
            &format!("\"index\":{},", view.index()),
            &instances,
            &access.stale_tail(),
        ));
    }
    let lines: Vec<ServiceLine<'_>> = services.filter_map(|service| line(access.app(), &view, service)).collect();
    Ok(reply::data(view.index(), &serde_json::json!({ "index": view.index(), "services": lines })))
}

/// The instances that may be of one host.
fn list_host(
    access: &Access,
    headers: &HeaderMap,
    host: &HostQuery,
    (namespace, name): (Option<&str>, Option<&str>),
) -> Response {
    let view = access.view();
    let mut instances = view.of_host(host);
    instances.retain(|known| {
        namespace.is_none_or(|namespace| namespace == known.instance.namespace())
            && name.is_none_or(|name| name == known.instance.name())
    });
    let (tag, stale_tail) = (entity_tag(&access.app().epoch(), &instances), access.stale_tail());

    // That an answer is old is news.
    let is_known = stale_tail.is_empty() && headers.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let mut response = if is_known {
        let mut response = reply::json(view.index(), Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        reply::list(view.index(), &format!("\"index\":{},", view.index()), &instances, &stale_tail)
    };
    response.headers_mut().insert(ETAG, tag);
    response
}

fn line<'v>(app: &App, view: &ScopedView, service: &'v crate::server::view::ServiceView) -> Option<ServiceLine<'v>> {
    let summary = view.summary(&service.key.namespace, &service.key.name)?;
    let scored = service_score(app, service);

    Some(ServiceLine {
        namespace: &service.key.namespace,
        name: &service.key.name,
        instances: service.len(),
        healthy: service.list().iter().filter(|instance| instance.instance.is_healthy()).count(),
        health: summary.health.aggregate(),
        score: scored.score,
        grade: grade(scored),
        index: summary.index,
    })
}

/// Register an instance, or change one that is registered
///
/// The same id again changes the instance; an identical registration changes nothing.
#[utoipa::path(post, path = "/api/v1/services", operation_id = "register", tag = "services",
    request_body = RegistrationBody,
    responses((status = 201, description = "A new instance", body = InstanceBody), (status = 200, description = "A known id", body = InstanceBody),
        (status = 400, body = ErrorBody), (status = 408, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn register(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let limits = (access.app().settings.size_limits.body_bytes, access.app().settings.time_limits.body);
    let body = body::read(request, limits.0, limits.1).await?;
    if body.is_empty() {
        let error = ApiError::bad_request("invalid_body", "the body is empty");
        return Err(error.hint("send a JSON object with name, address and port"));
    }

    let registration = identified(Registration::from_json(&body)?);
    let id: Arc<str> = registration.id.as_deref().unwrap_or_default().into();
    let written = access.write(Command::Register(Arc::new(registration))).await?;
    let view = access.view();
    let instance = view.written(written.instance.ok_or_else(|| no_instance(&id))?);

    let status = if written.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = reply::instance(status, view.index(), &instance);
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/services/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    warn(&mut response, &written.warnings);
    Ok(response)
}

/// The registration with an id: its own, or a new one.
pub(super) fn identified(mut registration: Registration) -> Registration {
    registration.id.get_or_insert_with(|| Uuid::new_v4().to_string());
    registration
}

/// Adds what the sender should know to an answer.
pub(super) fn warn(response: &mut Response, warnings: &[String]) {
    for warning in warnings {
        if let Ok(value) = HeaderValue::from_str(warning) {
            response.headers_mut().append(WARNING, value);
        }
    }
}
