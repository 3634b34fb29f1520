//! How `discover` balances a service: the strategy of clients that ask for none, and how often it named which instance first.

use std::sync::atomic::Ordering;

use axum::extract::Request;
use serde::Serialize;
use serde_json::json;

use super::service::{PathName, named, no_content};
use crate::clean::clean;
use crate::model::json_fields::JsonFields;
use crate::model::{DEFAULT_NAMESPACE, Problem};
use crate::registry::{Command, TrafficCommand};
use crate::server::Strategy;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::body;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{PicksAnswer, StrategyAnswer, StrategyBody};
use crate::server::scoped_view::ScopedView;

/// The strategy that was set for a service.
pub(super) fn service_strategy(view: &ScopedView, namespace: &str, name: &str) -> Option<Strategy> {
    let known = view.traffic(namespace, name)?.strategy.clone()?;
    Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == &*known)
}

/// Read the strategy of a service
#[utoipa::path(get, path = "/api/v1/load-balancer/{name}", operation_id = "readStrategy", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = StrategyAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn strategy(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    strategy_answer(&access, params.get("namespace").unwrap_or(DEFAULT_NAMESPACE), &name)
}

/// Set the strategy of clients of a service that ask for none
#[utoipa::path(put, path = "/api/v1/load-balancer/{name}", operation_id = "setStrategy", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    request_body = StrategyBody,
    responses((status = 200, body = StrategyAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn set_strategy(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    let namespace = params.get("namespace").unwrap_or(DEFAULT_NAMESPACE).to_owned();
    let settings = &access.app().settings;
    let body = body::read(request, settings.size_limits.body_bytes, settings.time_limits.body).await?;

    let mut fields = JsonFields::parse(&body)?;
    let strategy = fields.read(&["strategy", "load_balancing_strategy"], |value| {
        let parsed = value.as_str().unwrap_or_default().parse::<Strategy>();
        parsed.map_err(|error| Problem::new("", error.to_string(), error.hint()))
    })?;
    fields.finish()?;
    let strategy = strategy.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_body", "the field strategy is missing").field("strategy");
        error.hint("send the name of a strategy, as in {\"strategy\": \"least_connections\"}")
    })?;
    write_strategy(&access, &namespace, &name, Some(strategy)).await
}

/// Let the settings of the server choose the strategy of a service again
#[utoipa::path(delete, path = "/api/v1/load-balancer/{name}", operation_id = "resetStrategy", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = StrategyAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn reset_strategy(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    write_strategy(&access, params.get("namespace").unwrap_or(DEFAULT_NAMESPACE), &name, None).await
}

async fn write_strategy(access: &Access, namespace: &str, name: &str, strategy: Option<Strategy>) -> ApiResult {
    let command = TrafficCommand::SetStrategy(strategy.map(|strategy| strategy.as_str().into()));
    access.write(Command::Traffic { service: format!("{namespace}/{name}").into(), command }).await?;
    strategy_answer(access, namespace, name)
}

fn strategy_answer(access: &Access, namespace: &str, name: &str) -> ApiResult {
    let view = access.view();
    if view.service(namespace, name).is_none() {
        return Err(no_service(name));
    }
    let own = service_strategy(&view, namespace, name);
    let strategy = own.unwrap_or_else(|| access.app().live.load().default_strategy);
    let item = json!({ "service_name": name, "namespace": namespace, "strategy": strategy, "is_own": own.is_some() });
    Ok(reply::data(view.index(), &item))
}

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
pub(in crate::server) async fn get(access: Access, path: PathName, request: Request) -> ApiResult {
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
    // Counted twice, the sum of the instances could differ by requests of this moment.
    let gone = service.counters.gone.load(Ordering::Relaxed);
    let requests = gone + instances.iter().map(|instance| instance.picks).sum::<u64>();
    let own = service_strategy(&view, namespace, &name);
    let strategy = own.unwrap_or_else(|| access.app().live.load().default_strategy);
    Ok(reply::data(
        view.index(),
        &serde_json::json!({
            "service_name": name, "namespace": namespace, "default_strategy": strategy,
            "is_own": own.is_some(), "requests": requests, "gone": gone, "instances": instances,
        }),
    ))
}

/// Set the counts of a service to zero
#[utoipa::path(delete, path = "/api/v1/load-balancer/{name}/stats", operation_id = "resetPicks", tag = "discovery",
    params(("name" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 204, description = "The counts are zero"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn reset(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["namespace"], &[])?;
    // They count what was sent to all hosts.
    access.require_all_hosts("DELETE /api/v1/load-balancer/{name}/stats")?;
    let view = access.view();
    let namespace = params.get("namespace").unwrap_or(DEFAULT_NAMESPACE);
    let service = view.service(namespace, &name).ok_or_else(|| no_service(&name))?;
    service.counters.gone.store(0, Ordering::Relaxed);
    for instance in service.list() {
        instance.counters.picks.store(0, Ordering::Relaxed);
    }
    access.note("reset_counters", &format!("{namespace}/{name}"), "");
    Ok(no_content(view.index()))
}

fn no_service(name: &str) -> ApiError {
    ApiError::not_found(format!("no service has the name {}", clean(name)))
        .hint("GET /api/v1/services lists the instances")
}
