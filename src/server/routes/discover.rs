//! `discover`: the instances of a service that take calls, in the order of a strategy. A client takes the first.

use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::Request;
use tracing::debug;

use super::load_balancer::service_strategy;
use crate::model::{DEFAULT_NAMESPACE, VersionRequirement};
use crate::server::Strategy;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::balancing::{ClientKey, PickSelection};
use crate::server::params::{self, Params};
use crate::server::reply;
use crate::server::schemas::InstanceList;
use crate::server::trace;

/// The path of the route.
pub(super) const PATH: &str = "/api/v1/discover";
/// The parameters.
const KNOWN: [&str; 7] =
    ["service_name", "namespace", "version", "load_balancing_strategy", "limit", "include_unhealthy", "key"];
/// The largest limit.
const MAX_LIMIT: u64 = 100_000;

/// Find instances of a service
///
/// The list is in the order of the strategy: a client takes the first, and the next one if that fails.
#[utoipa::path(get, path = "/api/v1/discover", operation_id = "discover", tag = "discovery",
    params(
        ("service_name" = String, Query, description = "The name of the service", min_length = 1),
        ("namespace" = Option<String>, Query, description = "Its namespace"),
        ("version" = Option<String>, Query, description = "An exact version, or a range such as ^1.2"),
        ("load_balancing_strategy" = Option<Strategy>, Query, description = "The order of the list"),
        ("limit" = Option<u64>, Query, description = "At most this many", minimum = 1, maximum = 100_000),
        ("include_unhealthy" = Option<bool>, Query, description = "Also list instances that take no calls"),
        ("key" = Option<String>, Query, description = "The key of consistent_hash and ip_hash"),
    ),
    responses((status = 200, body = InstanceList), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: axum::extract::Request) -> ApiResult {
    find(&access, request.uri().query())
}

/// Answers a request that no router has passed on.
pub(super) async fn answer<B>(access: Access, request: Request<B>) -> Response {
    find(&access, request.uri().query()).into_response()
}

/// The answer to a query.
fn find(access: &Access, query: Option<&str>) -> ApiResult {
    let params = Params::read(query, &KNOWN, &[])?;
    let name = params.get("service_name").filter(|name| !name.is_empty()).ok_or_else(|| {
        let error = ApiError::bad_request("missing_parameter", "the parameter service_name is missing");
        error.field("service_name").hint("add ?service_name=NAME")
    })?;
    let (strategy, key) = strategy(&params)?;
    let version = params.get("version").map(version).transpose()?;
    let limit = params.number("limit", 1, MAX_LIMIT)?.and_then(|limit| usize::try_from(limit).ok());
    let with_unhealthy = params.flag("include_unhealthy")?;

    let view = access.view();
    let namespace = params.get("namespace").unwrap_or(DEFAULT_NAMESPACE);
    let strategy = strategy
        .or_else(|| service_strategy(&view, namespace, name))
        .unwrap_or_else(|| access.app().live.load().default_strategy);
    let tail = [",\"strategy\":\"", strategy.as_str(), "\"", &access.stale_tail()].concat();

    let selection = PickSelection { strategy, version, with_unhealthy };
    let span = trace::balance(name, strategy.as_str());
    let client = ClientKey { key, address: Some(access.client_address()) };
    let limit = limit.unwrap_or(usize::MAX);
    let service = view.service(namespace, name);
    let instances = service.map(|service| span.in_scope(|| service.balance(&selection, client, limit)));
    let instances = instances.unwrap_or_default();
    trace::balanced(&span, instances.len(), instances.first().map(|first| &*first.instance.id));
    if let Some(first) = instances.first() {
        access.app().metrics.picks.fetch_add(1, Ordering::Relaxed);
        let (id, instances) = (&*first.instance.id, instances.len());
        debug!(namespace, service = name, %strategy, id, instances, "instance picked");
    }
    Ok(reply::list(view.index(), "", &instances, &tail))
}

/// The strategy that a client asks for, and its key.
fn strategy<'p>(params: &'p Params<'_>) -> ApiResult<(Option<Strategy>, Option<&'p str>)> {
    let name = "load_balancing_strategy";
    let strategy = params.get(name).map(|text| {
        let parsed = text.parse::<Strategy>();
        parsed.map_err(|error| params::invalid(name, text, &error.to_string(), error.hint()))
    });
    let strategy = strategy.transpose()?;

    let key = params.get("key").filter(|key| !key.is_empty());
    if strategy == Some(Strategy::ConsistentHash) && key.is_none() {
        let error = ApiError::bad_request("missing_parameter", "consistent_hash needs the parameter key");
        return Err(error.field("key").hint("add &key=TEXT, as in a user's id: the same text gives the same instance"));
    }
    Ok((strategy, key))
}

fn version(text: &str) -> ApiResult<VersionRequirement> {
    text.parse()
        .map_err(|error: crate::model::ParseError| params::invalid("version", text, &error.to_string(), error.hint()))
}
