//! The level of the server's log.

use axum::extract::Request;
use serde_json::json;
use tracing::info;

use crate::model::json_fields::JsonFields;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::schemas::{LogLevelAnswer, LogLevelBody};
use crate::server::{body, reply};

/// Show the level of the log
#[utoipa::path(get, path = "/api/v1/log-level", operation_id = "showLogLevel", tag = "server",
    responses((status = 200, body = LogLevelAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    Ok(answer(&access))
}

/// Change the level of the log
///
/// It lasts until the server ends, or reads its settings again.
#[utoipa::path(put, path = "/api/v1/log-level", operation_id = "setLogLevel", tag = "server",
    request_body = LogLevelBody,
    responses((status = 200, body = LogLevelAnswer), (status = 400, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody)))]
pub(in crate::server) async fn set(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    access.require_everything("PUT /api/v1/log-level")?;
    let settings = &access.app().settings;
    let body = body::read(request, settings.size_limits.body_bytes, settings.time_limits.body).await?;
    let mut fields = JsonFields::parse(&body)?;
    let level = fields.text(&["level"])?;
    fields.finish()?;

    let level = level.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_body", "level is missing").field("level");
        error.hint("send {\"level\": \"debug\"}")
    })?;
    access
        .app()
        .log
        .set(&level)
        .map_err(|error| ApiError::bad_request("invalid_level", error.to_string()).field("level").hint(error.hint()))?;
    access.note("set_log_level", "", &level);
    info!(filter = level, caller = access.caller_name(), "log level changed");
    Ok(answer(&access))
}

fn answer(access: &Access) -> axum::response::Response {
    let app = access.app();
    reply::data(app.index(), &json!({ "level": app.log.get() }))
}
