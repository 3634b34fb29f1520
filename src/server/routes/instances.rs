//! The instances of a service, by its name.

use axum::extract::Request;

use super::service::{PathName, named};
use crate::model::DEFAULT_NAMESPACE;
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::InstanceList;

/// List the instances of a service, whatever their health
#[utoipa::path(get, path = "/api/v1/services/{id}/instances", operation_id = "listServiceInstances", tag = "services",
    params(("id" = String, Path, description = "The name of a service"),
        ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = InstanceList), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn of_service(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let view = access.view();
    let service = view.service(params.get("namespace").unwrap_or(DEFAULT_NAMESPACE), &name);
    // A service without instances has none: that is an answer, not a failure.
    let instances = service.map(|service| service.list()).unwrap_or_default();
    Ok(reply::list(view.index(), "", instances, &access.stale_tail()))
}

/// List the instances of a service, whatever their health: for names that look like ids
#[utoipa::path(get, path = "/api/v1/services/by-name/{name}", operation_id = "listInstancesByName", tag = "services",
    params(("name" = String, Path, description = "The name of a service"),
        ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = InstanceList), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn by_name(access: Access, path: PathName, request: Request) -> ApiResult {
    of_service(access, path, request).await
}
