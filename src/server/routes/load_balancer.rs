//! How often `discover` named which instance first.

use std::sync::atomic::Ordering;

use axum::extract::Request;
use serde::Serialize;

use super::service::{Named, named, no_content};
use crate::clean::clean;
use crate::model::DEFAULT_NAMESPACE;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::PicksAnswer;

/// An instance and how often it was named first.
#[derive(Serialize)]
struct InstancePicks<'i> {
    id: &'i str,
    address: &'i str,
    port: u16,
    weight: u16,
    healthy: bool,
    picks: u64,
}

/// Count how often each instance of a service was named first
#[utoipa::path(get, path = "/api/v1/load-balancer/{name}/stats", operation_id = "countPicks", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = PicksAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, path: Named, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let namespace = params.get("namespace").unwrap_or(DEFAULT_NAMESPACE);
    let view = access.view();
    let service = view.service(namespace, &name).ok_or_else(|| no_service(&name))?;

    let instances: Vec<InstancePicks<'_>> = service
        .list()
        .iter()
        .map(|instance| InstancePicks {
            id: &instance.instance.id,
            address: &instance.instance.registration.address,
            port: instance.instance.registration.port,
            weight: instance.instance.weight,
            healthy: instance.instance.is_healthy(),
            picks: instance.counters.picks.load(Ordering::Relaxed),
        })
        .collect();
    // Instances that are gone took theirs with them: the sum is what can be shown.
    let requests: u64 = instances.iter().map(|instance| instance.picks).sum();
    let strategy = access.app().live.load().default_strategy;
    Ok(reply::data(
        view.index(),
        &serde_json::json!({
            "service_name": name, "namespace": namespace, "default_strategy": strategy,
            "requests": requests, "instances": instances,
        }),
    ))
}

/// Set the counts of a service to zero
#[utoipa::path(delete, path = "/api/v1/load-balancer/{name}/stats", operation_id = "resetPicks", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 204, description = "The counts are zero"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn reset(access: Access, path: Named, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let view = access.view();
    let service = view.service(params.get("namespace").unwrap_or(DEFAULT_NAMESPACE), &name);
    for instance in service.ok_or_else(|| no_service(&name))?.list() {
        instance.counters.picks.store(0, Ordering::Relaxed);
    }
    Ok(no_content(view.index()))
}

fn no_service(name: &str) -> ApiError {
    ApiError::not_found(format!("no service has the name {}", clean(name)))
        .hint("GET /api/v1/services lists the instances")
}
