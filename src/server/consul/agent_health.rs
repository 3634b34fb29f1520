//! `agent/health/service/…`: the worst state of a service's checks as a status, for load balancers.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::ConsulRequest;
use super::checks::{CatalogCheckEntry, SERF_HEALTH, worst};
use super::error::{ConsulError, ConsulResult};
use super::registry_view::{RegistryView, ServiceMember};
use super::reply;
use super::services::AgentService;
use crate::clean::clean;
use crate::server::authorized::Access;

const REASON: HeaderName = HeaderName::from_static("x-consul-reason");

/// What is known of a service's health.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceHealth {
    aggregated_status: &'static str,
    service: Option<AgentService>,
    checks: Option<Vec<CatalogCheckEntry>>,
}

/// The health of the service with an id.
pub(super) fn by_id(access: &Access, request: &ConsulRequest) -> ConsulResult {
    if request.rest.is_empty() {
        return Err(ConsulError::bad_request("Bad request: Missing serviceID"));
    }
    let view = RegistryView::of(access);
    if let Some(member) = view.agent_member(&request.rest) {
        let health = health_of(&view, &member);
        let status = health.aggregated_status;
        return Ok(answer(request, code_of(status), status, &health));
    }

    let reason = format!("ServiceId {} not found", clean(&request.rest));
    let response = if wants_text(request) {
        reply::json(request, &reason)
    } else {
        reply::json(request, &ServiceHealth { aggregated_status: "critical", service: None, checks: None })
    };
    Ok(with_reason((StatusCode::NOT_FOUND, response).into_response(), &reason))
}

/// The health of all services with a name: that of the worst of them.
pub(super) fn by_name(access: &Access, request: &ConsulRequest) -> ConsulResult {
    if request.rest.is_empty() {
        return Err(ConsulError::bad_request("Bad request: Missing service Name"));
    }
    let view = RegistryView::of(access);
    let members = view
        .agent_members()
        .into_iter()
        .filter(|member| member.instance.as_ref().is_some_and(|instance| instance.instance.name() == request.rest));
    let all: Vec<ServiceHealth> = members.map(|member| health_of(&view, &member)).collect();

    let worst = all.iter().map(|health| health.aggregated_status).max_by_key(|status| code_of(status));
    let (code, reason) = match worst {
        Some(status) => (code_of(status), status.to_owned()),
        None => (StatusCode::NOT_FOUND, format!("ServiceName {} Not Found", clean(&request.rest))),
    };
    Ok(answer(request, code, &reason, &all))
}

fn health_of(view: &RegistryView, member: &ServiceMember) -> ServiceHealth {
    let node = view.node_checks(&member.node).into_iter().filter(|check| check.id != SERF_HEALTH);
    let checks = node.chain(view.service_checks(member));
    // What this endpoint shows of a check is less than elsewhere.
    let definition = json!({ "Interval": "0s", "Timeout": "0s", "DeregisterCriticalServiceAfter": "0s", "HTTP": "",
        "Header": null, "Method": "", "Body": "", "TLSSkipVerify": false, "TCP": "" });
    let checks = checks.map(|check| CatalogCheckEntry {
        kind: String::new(),
        definition: definition.clone(),
        create_index: 0,
        modify_index: 0,
        ..check
    });

    let checks: Vec<CatalogCheckEntry> = checks.collect();
    let service = AgentService::from(view.facts(member));
    let aggregated_status = match worst(&checks) {
        "critical" if checks.iter().any(is_maintenance) => "maintenance",
        status => status,
    };
    ServiceHealth { aggregated_status, service: Some(service), checks: Some(checks) }
}

fn is_maintenance(check: &CatalogCheckEntry) -> bool {
    check.id == "_node_maintenance" || check.id.starts_with("_service_maintenance:")
}

fn code_of(status: &str) -> StatusCode {
    match status {
        "passing" => StatusCode::OK,
        "warning" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn wants_text(request: &ConsulRequest) -> bool {
    request.accept.starts_with("text/plain") || request.query.get("format") == Some("text")
}

fn answer(request: &ConsulRequest, code: StatusCode, reason: &str, value: &impl Serialize) -> Response {
    let mut response = if wants_text(request) {
        let mut response = reason.to_owned().into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    } else {
        reply::json(request, value)
    };
    *response.status_mut() = code;
    with_reason(response, reason)
}

fn with_reason(mut response: Response, reason: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(reason) {
        response.headers_mut().insert(REASON, value);
    }
    response
}
