//! Whether the server lives, is ready, and what its parts say.

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};

use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::HealthAnswer;
use crate::server::shared::App;
use crate::server::store_probe::ProbeResult;

/// Check the server
///
/// Without a parameter: it lives; a failing store does not change that. `ready=true`: it can take reads and writes; the
/// store is tried, at most once a second. `deep=true`: the state of each part. A server that is ready, and shows services of
/// an import that cannot be read now, is `degraded`.
#[utoipa::path(get, path = "/health", operation_id = "checkServer", tag = "server",
    params(("ready" = Option<bool>, Query), ("deep" = Option<bool>, Query)),
    responses((status = 200, body = HealthAnswer), (status = 400, body = ErrorBody), (status = 503, body = HealthAnswer)))]
pub(in crate::server) async fn get(State(app): State<App>, request: Request) -> ApiResult {
    let params = Params::read(request.uri().query(), &["ready", "deep"], &[])?;
    let (ready, deep) = (params.flag("ready")?, params.flag("deep")?);
    let index = app.index();
    if !ready && !deep {
        return Ok(reply::json(index, "{\"status\":\"healthy\"}"));
    }

    let store = app.probe_store().await;
    let is_well = app.is_ready();
    let status = if is_well && failing_imports(&app) > 0 { "degraded" } else { word(is_well) };
    let mut body = json!({ "status": status, "ready": is_well });
    if deep {
        body["parts"] = parts(&app, &store);
    }
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, reply::json(index, body.to_string())).into_response())
}

/// The state of each part. The route needs no key: where keys are needed, it does not say where the data is.
fn parts(app: &App, store: &ProbeResult) -> Value {
    let mut parts = json!({
        "store": {
            "status": word(store.error.is_none()),
            "write_ms": (store.took.as_secs_f64() * 1e6).round() / 1e3,
        },
        "accepting": { "status": word(!app.shutdown.is_stopping()) },
        "health_monitor": { "status": if app.checks.off().is_none() { "healthy" } else { "off" } },
    });
    if !app.access.is_on() {
        parts["store"]["kind"] = app.store.as_str().into();
        if let Some(error) = &store.error {
            parts["store"]["error"] = error.as_str().into();
        }
    }
    if let Some(reason) = app.checks.off() {
        parts["health_monitor"]["reason"] = reason.into();
    }

    let failing = failing_imports(app);
    let imports = if failing == 0 { "healthy" } else { "degraded" };
    parts["imports"] = json!({ "status": imports, "failing": failing });

    let (queued, max) = (app.queued_writes(), app.settings.size_limits.queued_writes);
    parts["write_queue"] = json!({ "status": word(queued < max), "queued": queued, "max": max });
    parts
}

/// How many imports cannot be read now, in whole or in part: what they had is shown as it was.
fn failing_imports(app: &App) -> usize {
    app.imports.states().iter().filter(|import| import.error.is_some()).count()
}

fn word(is_well: bool) -> &'static str {
    if is_well { "healthy" } else { "unhealthy" }
}
