//! What the server is and does.

use axum::extract::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::{CertificateTime, HealthState};
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::metrics::Gauges;
use crate::server::params::Params;
use crate::server::schemas::StatusAnswer;
use crate::server::scoped_view::ScopedView;
use crate::server::shared::App;
use crate::server::writer::TICK;
use crate::server::{reply, times};

/// Show the state of the server
#[utoipa::path(get, path = "/api/v1/status", operation_id = "showStatus", tag = "server",
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let app = access.app();
    let gauges = app.gauges();
    let view = access.view();
    let known = KnownServices::of(&view, &gauges);
    let rules = view.rules();
    let live = app.live.load();
    let instances: u64 = known.instances.iter().sum();
    let [healthy, degraded, unhealthy, unknown] = known.instances;
    let status = if app.shutdown.is_stopping() { "stopping" } else { "running" };

    let body = json!({
        "status": status,
        "ready": app.is_ready(),
        "version": env!("CARGO_PKG_VERSION"),
        "node": app.settings.node,
        "node_id": app.settings.node,
        "cluster": app.settings.cluster,
        "cluster_name": app.settings.cluster,
        "started_at": times::written(app.started_at),
        "uptime_seconds": gauges.uptime.as_secs(),
        "index": view.index(),
        "epoch": *app.epoch(),
        "services": known.services,
        "instances": instances,
        "local_count": instances,
        "health": { "healthy": healthy, "degraded": degraded, "unhealthy": unhealthy, "unknown": unknown },
        "protected_services": known.protected,
        "store": { "kind": app.store, "healthy": app.is_store_well.load(std::sync::atomic::Ordering::Relaxed) },
        "stale": app.contact.staleness().is_some(),
        "age_seconds": app.contact.age().as_secs_f64(),
        "servers": servers(app, view.is_unlimited()),
        "redis": redis(app),
        "imports": imports(app, view.is_unlimited()),
        "certificate": certificate(app),
        "queued_writes": gauges.queued_writes,
        "connections": gauges.connections,
        "event_streams": app.metrics.event_streams.count(),
        "kept_events": app.ring.len(),
        "local_registry": { "services": known.services, "instances": instances },
        // Answers are made from memory, which no write leaves behind: nothing is cached.
        "cache_entries": 0,
        "cache": { "entries": 0 },
        "cache_ttl": 0,
        "health_check_interval": rules.check_interval.as_secs_f64(),
        // One server alone has nothing to synchronise with.
        "registry_sync_interval": app.contact.is_shared().then_some(TICK.as_secs_f64()),
        "registration": {
            "default_ttl": rules.default_ttl.as_secs_f64(),
            "grace_period": rules.grace.as_secs_f64(),
            "heartbeat_interval": live.heartbeat_interval.as_secs_f64(),
        },
        "default_strategy": live.default_strategy,
        "off": off(app),
    });
    Ok(reply::data(view.index(), &body))
}

/// What the servers tell each other through, beside their store; null without it.
#[cfg(feature = "redis")]
fn redis(app: &App) -> Value {
    app.redis.as_ref().map_or(Value::Null, |link| json!({ "url": link.place, "connected": link.is_connected() }))
}

#[cfg(not(feature = "redis"))]
fn redis(_app: &App) -> Value {
    Value::Null
}

/// The servers of the registry as they said within the last two seconds; none if it has only this one. How many checks they
/// run tells how many instances others have.
fn servers(app: &App, with_checks: bool) -> Vec<Value> {
    let all = app.checks.division.all();
    let newest = all.iter().map(|member| member.index).max().unwrap_or_default();
    all.iter()
        .map(|member| {
            json!({
                "node": member.name,
                "id": member.id,
                "index": member.index,
                "behind": newest - member.index,
                "checks": member.checks.filter(|_| with_checks),
            })
        })
        .collect()
}

/// The imports. A caller with a scope sees only their names and states.
fn imports(app: &App, in_full: bool) -> Vec<Value> {
    let states = app.imports.states().into_iter();
    states
        .map(|import| if in_full { json!(import) } else { json!({ "name": import.name, "state": import.state }) })
        .collect()
}

/// When the certificate of the listeners expires; null without one, or if that cannot be read.
fn certificate(app: &App) -> Value {
    let expires = app.tls.as_ref().and_then(|tls| tls.expires());
    expires.map_or(Value::Null, |second| {
        json!({
            "expires": CertificateTime::from_second(second),
            "expires_in_seconds": second - Timestamp::now().as_second(),
        })
    })
}

/// How many services and instances the caller may see.
struct KnownServices {
    services: u64,
    /// The instances, by the states of [`HealthState::ALL`].
    instances: [u64; HealthState::ALL.len()],
    protected: u64,
}

impl KnownServices {
    fn of(view: &ScopedView, gauges: &Gauges) -> Self {
        let Gauges { services, instances, guarded_services, .. } = *gauges;
        if view.is_unlimited() {
            return Self { services, instances, protected: guarded_services };
        }

        let mut known = Self { services: 0, instances: [0; HealthState::ALL.len()], protected: 0 };
        for service in view.services() {
            let summary = view.summary(&service.key.namespace, &service.key.name);
            known.services += 1;
            known.protected += u64::from(summary.is_some_and(|summary| summary.protected));
            for (state, count) in HealthState::ALL.iter().zip(&mut known.instances) {
                *count += service.list().iter().filter(|one| one.instance.health == *state).count() as u64;
            }
        }
        known
    }
}

/// What this server does without.
fn off(app: &App) -> Vec<&'static str> {
    let authentication = (!app.access.is_on()).then_some("authentication");
    let tls = app.tls.is_none().then_some("tls");
    let checks = app.checks.off().map(|_| "health_checks");
    let clustering = (!app.contact.is_shared()).then_some("clustering");
    authentication.into_iter().chain(tls).chain(checks).chain(clustering).collect()
}
