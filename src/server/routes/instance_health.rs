//! The health of an instance or a service: what its checks found, and checks at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::service::{NamedSubject, PathName, named};
use crate::health::{MAX_RESULTS, PastResult};
use crate::model::{CheckDefinition, CheckKind, CheckState, HealthState, OperatorStatus, RegisteredInstance};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::checks::{InstanceResults, LastResult};
use crate::server::params::Params;
use crate::server::schemas::HealthReportBody;
use crate::server::scoped_view::ScopedView;
use crate::server::scores::{add_score, service_score};
use crate::server::shared::App;
use crate::server::view::ServiceView;
use crate::server::{monitor, reply, times};

/// How long a client waits for checks that it asked for. One that takes longer goes on.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Show the health of an instance or a service: its checks, their last evidence, and past results
#[utoipa::path(get, path = "/api/v1/services/{id}/health", operation_id = "readHealth", tag = "health",
    params(("id" = String, Path, description = "An id, or the name of a service"),
        ("namespace" = Option<String>, Query, description = "The namespace of a service"),
        ("history" = Option<u64>, Query, description = "Past results of each instance at most; of a service none by default", maximum = 100)),
    responses((status = 200, body = HealthReportBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, path: PathName, request: Request) -> ApiResult {
    let id = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace", "history"], &[])?;
    let history = params.number("history", 0, MAX_RESULTS as u64)?.and_then(|count| usize::try_from(count).ok());
    let view = access.view();

    let subject = NamedSubject::of(&view, params.get("namespace"), &id)?;
    Ok(reply::data(view.index(), &health_of(access.app(), &view, &subject, history)))
}

/// Check an instance, or every instance of a service, now
///
/// Answers when all checks ended, or after 60 s. `finished` says whether all did. A result counts like any other.
#[utoipa::path(post, path = "/api/v1/services/{id}/health", operation_id = "checkNow", tag = "health",
    params(("id" = String, Path, description = "An id, or the name of a service"),
        ("namespace" = Option<String>, Query, description = "The namespace of a service")),
    responses((status = 200, body = HealthReportBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "Health checks are off", body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(in crate::server) async fn check(access: Access, path: PathName, request: Request) -> ApiResult {
    let id = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let namespace = params.get("namespace");
    let ids = NamedSubject::of(&access.view(), namespace, &id)?.ids();
    let is_finished = check_now(access.app(), ids).await?;

    let view = access.view();
    let mut health = health_of(access.app(), &view, &NamedSubject::of(&view, namespace, &id)?, Some(0));
    health.insert("finished".to_owned(), is_finished.into());
    Ok(reply::data(view.index(), &health))
}

/// Runs all checks of these instances, and waits for them. Returns whether all ended in time.
///
/// # Errors
/// No check runs on this server, or too many clients wait for checks.
pub(super) async fn check_now(app: &App, ids: Vec<Arc<str>>) -> ApiResult<bool> {
    if let Some(reason) = app.checks.off() {
        let message = format!("this server runs no health checks: {reason}");
        let error = ApiError::new(http::StatusCode::CONFLICT, "health_checks_off", message);
        return Err(error.hint("set registry.health_checks.enabled to true on the server"));
    }

    let told = app.checks.demand(ids).ok_or_else(|| {
        let error = ApiError::unavailable("busy", "too many clients wait for health checks");
        error.hint("try again after the time in Retry-After")
    })?;
    match timeout(MAX_WAIT, told).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(_)) => Err(ApiError::unavailable("stopping", "the server stops")),
        Err(_) => Ok(false),
    }
}

fn health_of(app: &App, view: &ScopedView, subject: &NamedSubject, history: Option<usize>) -> Map<String, Value> {
    match subject {
        NamedSubject::Instance(instance) => {
            instance_health(app, view, &instance.instance, history.unwrap_or(MAX_RESULTS))
        }
        NamedSubject::Service(service) => {
            let mut fields = service_health(app, view, service);
            let instances = service.list().iter();
            let lines = instances.map(|one| instance_health(app, view, &one.instance, history.unwrap_or(0)));
            fields.insert("services".to_owned(), lines.map(Value::Object).collect());
            fields
        }
    }
}

/// The health of a service without its instances.
fn service_health(app: &App, view: &ScopedView, service: &ServiceView) -> Map<String, Value> {
    let (namespace, name) = (&*service.key.namespace, &*service.key.name);
    let summary = view.summary(namespace, name);
    let state = summary.as_ref().map_or(HealthState::Unknown, |summary| summary.health.aggregate());
    let healthy = service.list().iter().filter(|instance| instance.instance.is_healthy()).count();

    let mut fields = Map::new();
    for (name, value) in [
        ("service_name", json!(name)),
        ("namespace", json!(namespace)),
        ("health", json!(state)),
        ("instances", json!(service.len())),
        ("healthy", json!(healthy)),
        ("protected", json!(summary.is_some_and(|summary| summary.protected))),
        ("checked_by", json!(app.checks.division.owner(namespace, name))),
    ] {
        fields.insert(name.to_owned(), value);
    }
    add_score(&mut fields, Some(service_score(app, service)));
    fields
}

/// What names an instance, and its state.
pub(super) fn instance_fields(instance: &RegisteredInstance) -> Map<String, Value> {
    let fields = [
        ("id", json!(&*instance.id)),
        ("service_name", json!(instance.name())),
        ("namespace", json!(instance.namespace())),
        ("address", json!(instance.registration.address)),
        ("port", json!(instance.registration.port)),
        ("status", json!(instance.status)),
        ("health", json!(instance.health)),
        ("healthy", json!(instance.is_healthy())),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn instance_health(app: &App, view: &ScopedView, instance: &RegisteredInstance, history: usize) -> Map<String, Value> {
    let results = app.checks.board.read(&instance.id, history);
    let mut fields = instance_fields(instance);
    for (name, value) in [
        ("reasons", json!(reasons(view, instance))),
        ("monitored", json!(is_monitored(app, instance))),
        ("checked_by", json!(app.checks.division.owner(instance.namespace(), instance.name()))),
        ("node_down", json!(instance.node_down)),
        ("flapping", json!(instance.flapping)),
        ("protected", json!(instance.protected)),
        ("generation", json!(instance.generation)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    add_score(&mut fields, app.checks.board.score(&instance.id));

    let definitions = instance.registration.checks.iter().enumerate();
    let checks = definitions.map(|(at, check)| check_line((app, view), instance, (at, check), &results));
    fields.insert("checks".to_owned(), checks.collect());
    let past = results.history.iter().map(|result| past_line(result, instance));
    fields.insert("history".to_owned(), past.collect());
    fields
}

/// Whether the server runs checks of an instance at an interval.
fn is_monitored(app: &App, instance: &RegisteredInstance) -> bool {
    let mut kinds = instance.registration.checks.iter().map(|check| &check.kind);
    let has_checks = kinds.any(|kind| !matches!(kind, CheckKind::Ttl | CheckKind::Script { .. }));
    has_checks && !instance.monitoring_stopped && (app.checks.off().is_none() || is_checked_elsewhere(app, instance))
}

/// Whether another server of the registry runs the checks of an instance.
fn is_checked_elsewhere(app: &App, instance: &RegisteredInstance) -> bool {
    let (namespace, name) = (instance.namespace(), instance.name());
    app.checks.division.owner(namespace, name).is_some() && !app.checks.division.is_own(namespace, name)
}

/// Why an instance is not healthy, one line each; and what else its operator should know.
fn reasons(view: &ScopedView, instance: &RegisteredInstance) -> Vec<String> {
    let mut reasons = Vec::new();
    if instance.status != OperatorStatus::Up {
        let reason = view.reason(instance).map_or_else(String::new, |reason| format!(": {reason}"));
        reasons.push(format!("its status is {}{reason}", instance.status.as_str()));
    }
    if instance.lease.is_some_and(|lease| lease.expired) {
        reasons.push("its lease expired".to_owned());
    }
    if instance.node_down {
        let node = instance.registration.node.as_deref().unwrap_or_default();
        reasons.push(format!("its node {node} is down"));
    }
    if let Some(report) = instance.report.as_ref().filter(|report| report.status != HealthState::Healthy) {
        let text = report.message.as_deref().map_or_else(String::new, |text| format!(": {text}"));
        reasons.push(format!("it reports itself {}{text}", report.status.as_str()));
    }

    let checks = instance.registration.checks.iter().zip(&instance.checks);
    for (check, state) in checks.filter(|(_, state)| state.state != HealthState::Healthy) {
        reasons.push(format!("check {}: {}", label(check), why(state)));
    }
    if instance.flapping {
        reasons.push("it keeps failing and recovering".to_owned());
    }
    if instance.protected {
        reasons.push(
            "too many instances failed at once: they stay registered, and get no calls while they are unhealthy"
                .to_owned(),
        );
    }
    reasons
}

fn label(check: &CheckDefinition) -> &str {
    check.name.as_deref().unwrap_or(check.kind.as_str())
}

fn why(state: &CheckState) -> String {
    match (&state.note, state.checked_at) {
        (Some(note), _) => note.to_string(),
        (None, None) => "it has not run yet".to_owned(),
        (None, Some(_)) => state.state.as_str().to_owned(),
    }
}

/// A check: its definition with the values in force, its confirmed state, and its last result.
fn check_line(
    (app, view): (&App, &ScopedView),
    instance: &RegisteredInstance,
    (at, check): (usize, &CheckDefinition),
    results: &InstanceResults,
) -> Value {
    let thresholds = view.rules().thresholds;
    let (interval, limit) = monitor::times(app, check);
    let state = instance.checks.get(at).unwrap_or(&CheckState::UNKNOWN);

    json!({
        "check": at,
        "name": label(check),
        "check_type": check.kind.as_str(),
        "state": state.state,
        "note": state.note.as_deref(),
        "checked_at": state.checked_at.map(times::written),
        "interval": interval.as_secs_f64(),
        "timeout": limit.as_secs_f64(),
        "failure_threshold": check.failure_threshold.unwrap_or(thresholds.fall),
        "success_threshold": check.success_threshold.unwrap_or(thresholds.rise),
        "last": results.last.get(at).and_then(Option::as_ref).map(last_line),
    })
}

fn last_line(last: &LastResult) -> Value {
    let health = last.health();
    let health = health.as_ref();
    json!({
        "at": times::written(last.at),
        "duration_ms": millis(last.took),
        "state": last.state,
        "score": last.score,
        "complete": last.score.is_some(),
        "excuse": last.excuse,
        "findings": health.map(|health| &health.findings),
        "hindered": health.map(|health| &health.hindered),
        "evidence": last.evidence(),
    })
}

fn past_line(result: &PastResult, instance: &RegisteredInstance) -> Value {
    json!({
        "at": times::written(result.at),
        "check": result.check,
        "name": instance.registration.checks.get(result.check).map(label),
        "state": result.state(),
        "score": result.score,
        "duration_ms": millis(result.took),
        "finding": result.finding,
    })
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
