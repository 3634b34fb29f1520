//! What the health monitor does, and a check of everything.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use serde_json::{Map, Value, json};

use super::instance_health::{check_now, instance_fields};
use crate::model::{HealthState, RegisteredInstance};
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::checks::MonitorStats;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{CheckAllAnswer, MonitorAnswer};
use crate::server::scoped_view::ScopedView;
use crate::server::scores::add_score;
use crate::server::shared::App;

/// The most instances that an answer lists.
const MAX_LISTED: usize = 1_000;

/// Show what the health monitor does
#[utoipa::path(get, path = "/api/v1/health-monitor/stats", operation_id = "showMonitor", tag = "health",
    responses((status = 200, body = MonitorAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let view = access.view();
    Ok(reply::data(view.index(), &stats(access.app(), &view)))
}

fn stats(app: &App, view: &ScopedView) -> MonitorStats {
    let (figures, settings) = (&app.metrics.checks, &app.settings.health_checks);
    let rules = view.rules();
    let results: Map<String, Value> =
        HealthState::ALL.iter().map(|state| (state.as_str().to_owned(), figures.of(*state).into())).collect();
    let checks: u64 = HealthState::ALL.iter().map(|state| figures.of(*state)).sum();
    let (seconds, _) = figures.times.read();

    MonitorStats {
        enabled: app.checks.off().is_none(),
        reason: app.checks.off().map(str::to_owned),
        registered_checks: view.instances().iter().map(|one| one.instance.registration.checks.len()).sum(),
        scheduled_checks: read(&figures.scheduled),
        in_flight: read(&figures.in_flight),
        slow_in_flight: read(&figures.slow_in_flight),
        max_in_flight: read(&figures.max_in_flight),
        waiting: read(&figures.waiting),
        late_ms: read(&figures.late_ms),
        checks,
        results: results.into(),
        refused: read(&figures.refused),
        excused: read(&figures.excused),
        demanded: read(&figures.demanded),
        written: read(&figures.written),
        stalls: read(&figures.stalls),
        mean_duration_ms: mean_millis(seconds, checks),
        default_interval: rules.check_interval.as_secs_f64(),
        timeout: settings.timeout.as_secs_f64(),
        failure_threshold: rules.thresholds.fall,
        success_threshold: rules.thresholds.rise,
        allow_own_addresses: settings.allow_own_addresses,
    }
}

fn read(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

fn mean_millis(seconds: f64, count: u64) -> Option<f64> {
    let count = u32::try_from(count.min(u64::from(u32::MAX))).unwrap_or(u32::MAX);
    (count > 0).then(|| (seconds * 1e6 / f64::from(count)).round() / 1e3)
}

/// Check every instance now
///
/// Answers when all checks ended, or after 60 s. Lists at most 1,000 instances, the unhealthy ones first.
#[utoipa::path(post, path = "/api/v1/health-monitor/check", operation_id = "checkAllNow", tag = "health",
    responses((status = 200, body = CheckAllAnswer), (status = 400, body = ErrorBody),
        (status = 409, description = "Health checks are off", body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(in crate::server) async fn check_all(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let ids: Vec<Arc<str>> = access.view().instances().iter().map(|one| Arc::clone(&one.instance.id)).collect();
    let is_finished = check_now(access.app(), ids).await?;

    let view = access.view();
    let mut instances = view.instances();
    let mut counts: Map<String, Value> =
        HealthState::ALL.iter().map(|state| (state.as_str().to_owned(), 0.into())).collect();
    for state in instances.iter().map(|one| one.instance.health) {
        let count = counts.entry(state.as_str()).or_insert(Value::Null);
        *count = (count.as_u64().unwrap_or(0) + 1).into();
    }
    let total = instances.len();
    instances.sort_by_key(|one| Reverse(worst_first(one.instance.health)));
    instances.truncate(MAX_LISTED);

    let lines: Vec<Value> = instances.iter().map(|one| line(access.app(), &one.instance)).collect();
    let omitted = total - lines.len();
    Ok(reply::data(
        view.index(),
        &json!({ "finished": is_finished, "instances": total, "health": counts, "services": lines, "omitted": omitted }),
    ))
}

const fn worst_first(state: HealthState) -> u8 {
    match state {
        HealthState::Unhealthy => 3,
        HealthState::Unknown => 2,
        HealthState::Degraded => 1,
        HealthState::Healthy => 0,
    }
}

fn line(app: &App, instance: &RegisteredInstance) -> Value {
    let mut fields = instance_fields(instance);
    add_score(&mut fields, app.checks.board.score(&instance.id));
    fields.into()
}
