//! Whether the server lives, is ready, and what its parts say.

use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::json;

use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::HealthAnswer;
use crate::server::shared::App;

/// Check the server
///
/// Without a parameter: it lives; a failing store does not change that. `ready=true`: it can take reads and writes.
/// `deep=true`: the state of each part.
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

    let is_store_well = app.is_store_well.load(Ordering::Relaxed);
    let is_well = app.is_ready();
    let mut body = json!({ "status": word(is_well), "ready": is_well });
    if deep {
        body["parts"] = json!({
            "store": { "status": word(is_store_well), "kind": app.store },
            "accepting": { "status": word(!app.shutdown.is_stopping()) },
        });
    }
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, reply::json(index, body.to_string())).into_response())
}

fn word(is_well: bool) -> &'static str {
    if is_well { "healthy" } else { "unhealthy" }
}
