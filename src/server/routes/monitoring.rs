//! Starts and stops the checks of an instance, or of every instance of a service.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use serde_json::json;

use super::service::{NamedSubject, PathName, named, no_content};
use crate::registry::Command;
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::MonitoringAnswer;

/// Start the checks of an instance, or of every instance of a service
#[utoipa::path(post, path = "/api/v1/services/{id}/monitoring", operation_id = "startMonitoring", tag = "health",
    params(("id" = String, Path, description = "An id, or the name of a service"),
        ("namespace" = Option<String>, Query, description = "The namespace of a service")),
    responses((status = 200, body = MonitoringAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn start(access: Access, path: PathName, request: Request) -> ApiResult {
    let ids = subjects(&access, path, request.uri().query())?;
    let count = set(&access, ids, true).await?;
    let answer = json!({ "monitoring": true, "instances": count, "reason": access.app().checks.off() });
    Ok(reply::data(access.view().index(), &answer))
}

/// Stop the checks of an instance, or of every instance of a service
///
/// Their states are unknown from then on. Leases, heartbeats and checks by report go on.
#[utoipa::path(delete, path = "/api/v1/services/{id}/monitoring", operation_id = "stopMonitoring", tag = "health",
    params(("id" = String, Path, description = "An id, or the name of a service"),
        ("namespace" = Option<String>, Query, description = "The namespace of a service")),
    responses((status = 204, description = "No more checks run"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn stop(access: Access, path: PathName, request: Request) -> ApiResult<Response> {
    let ids = subjects(&access, path, request.uri().query())?;
    set(&access, ids, false).await?;
    Ok(no_content(access.view().index()))
}

/// The instances that a request is about.
fn subjects(access: &Access, path: PathName, query: Option<&str>) -> ApiResult<Vec<Arc<str>>> {
    let id = named(path)?;
    let params = Params::read(query, &["namespace"], &[])?;
    Ok(NamedSubject::of(&access.view(), params.get("namespace"), &id)?.ids())
}

/// Starts or stops the checks of instances, and returns of how many.
async fn set(access: &Access, ids: Vec<Arc<str>>, enabled: bool) -> ApiResult<usize> {
    let is_one = ids.len() == 1;
    let commands = ids.into_iter().map(|id| Command::SetMonitoring { id, generation: None, enabled });

    let mut count = 0;
    for written in access.write_all(commands.collect()).await? {
        match written {
            Ok(_) => count += 1,
            // One of many that left meanwhile needs nothing.
            Err(rejected) if is_one => return Err(rejected),
            Err(_) => {}
        }
    }
    Ok(count)
}
