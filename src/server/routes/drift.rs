//! `drift`: what the agents of hosts report.

use std::sync::Arc;

use axum::extract::Request;
use jiff::Timestamp;

use super::service::{PathName, named, no_content};
use crate::model::{DriftReport, MAX_REPORT_BYTES};
use crate::registry::{Command, DriftCommand};
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::fleet_drift::{DriftQuery, FleetDrift};
use crate::server::params::Params;
use crate::server::schemas::{DriftAnswer, DriftReportBody};
use crate::server::{body, reply};

/// The most findings of an answer.
const MAX_FINDINGS: usize = 10_000;
/// The longest body of a report: JSON escapes characters, and has names for its fields.
const MAX_BODY_BYTES: usize = 4 * MAX_REPORT_BYTES;

/// Read where hosts and the registry disagree
///
/// Agents (`portolan agent`) report it. A finding whose agent is silent is `unknown`, and not gone; instances that no agent
/// looks at are in `cannot_tell`.
#[utoipa::path(get, path = "/api/v1/drift", operation_id = "readDrift", tag = "drift",
    params(
        ("host" = Option<String>, Query, description = "Only this host"),
        ("code" = Option<String>, Query, description = "Only findings with this code, with or without `drift-`"),
        ("service" = Option<String>, Query, description = "Only findings of this service"),
        ("namespace" = Option<String>, Query, description = "Only findings of services in this namespace"),
        ("limit" = Option<u64>, Query, description = "At most this many findings", minimum = 1, maximum = 10000),
    ),
    responses((status = 200, body = DriftAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    let params = Params::read(request.uri().query(), &["host", "code", "service", "namespace", "limit"], &[])?;
    let limit = params.number("limit", 1, MAX_FINDINGS as u64)?.and_then(|limit| usize::try_from(limit).ok());
    let [host, service, namespace] = ["host", "service", "namespace"].map(|name| params.get(name).map(str::to_owned));
    let query = DriftQuery {
        host,
        code: params.get("code").map(|code| format!("drift-{}", code.trim_start_matches("drift-"))),
        service,
        namespace,
        limit: limit.unwrap_or(MAX_FINDINGS),
    };

    let view = access.view();
    Ok(reply::data(view.index(), &FleetDrift::new(&view, &query, Timestamp::now())))
}

/// Report where a host and the registry disagree
///
/// The report has all findings of the host: one that it lacks has ended. A repeated report changes nothing. After three
/// intervals without one the agent counts as silent.
#[utoipa::path(post, path = "/api/v1/drift", operation_id = "reportDrift", tag = "drift", request_body = DriftReportBody,
    responses((status = 204, description = "It is kept"), (status = 400, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn report(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let body = body::read(request, MAX_BODY_BYTES, access.app().settings.time_limits.body).await?;
    let report = DriftReport::from_json(&body)?;

    access.write(Command::Drift(DriftCommand::Report(Arc::new(report)))).await?;
    Ok(no_content(access.view().index()))
}

/// Forget a host that has no agent any more
#[utoipa::path(delete, path = "/api/v1/drift/{name}", operation_id = "forgetHost", tag = "drift",
    params(("name" = String, Path, description = "The name of the host")),
    responses((status = 204, description = "It is forgotten"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn forget(access: Access, path: PathName, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let host = Arc::from(named(path)?);
    access.write(Command::Drift(DriftCommand::Forget { host })).await?;
    Ok(no_content(access.view().index()))
}
