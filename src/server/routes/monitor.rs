//! What the health monitor does. There is none yet, and the answer says so.

use axum::extract::Request;

use crate::server::access::Access;
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::MonitorAnswer;

/// Show what the health monitor does
#[utoipa::path(get, path = "/api/v1/health-monitor/stats", operation_id = "showMonitor", tag = "server",
    responses((status = 200, body = MonitorAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let view = access.view();
    let checks: usize = view.instances().iter().map(|instance| instance.instance.registration.checks.len()).sum();
    let reason = "this version keeps the checks of registrations and does not run them yet";
    Ok(reply::data(
        view.index(),
        &serde_json::json!({ "enabled": false, "reason": reason, "registered_checks": checks }),
    ))
}
