//! `discover`: the instances of a service that take calls, in the order of a strategy. A client takes the first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::Request;

use crate::model::{DEFAULT_NAMESPACE, VersionRequirement};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::{self, Params};
use crate::server::reply;
use crate::server::schemas::InstanceList;
use crate::server::strategy::{Choice, Chooser, next_start};
use crate::server::trace;
use crate::server::view::{InstanceView, ServiceView};
use crate::server::{PeerAddress, Strategy};

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
        ("limit" = Option<u64>, Query, description = "At most so many", minimum = 1, maximum = 100_000),
        ("include_unhealthy" = Option<bool>, Query, description = "Instances that take no calls too"),
        ("key" = Option<String>, Query, description = "The key of consistent_hash and ip_hash"),
    ),
    responses((status = 200, body = InstanceList), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    let params = Params::read(request.uri().query(), &KNOWN, &[])?;
    let name = params.get("service_name").filter(|name| !name.is_empty()).ok_or_else(|| {
        let error = ApiError::bad_request("missing_parameter", "the parameter service_name is missing");
        error.field("service_name").hint("add ?service_name=NAME")
    })?;
    let chooser = chooser(&params, &request, access.app().live.load().default_strategy)?;
    let version = params.get("version").map(version).transpose()?;
    let limit = params.number("limit", 1, MAX_LIMIT)?.and_then(|limit| usize::try_from(limit).ok());
    let with_unhealthy = params.flag("include_unhealthy")?;

    let view = access.view();
    let tail = format!(",\"strategy\":\"{}\"", chooser.strategy);
    let Some(service) = view.service(params.get("namespace").unwrap_or(DEFAULT_NAMESPACE), name) else {
        return Ok(reply::list(view.index(), "", Vec::new(), &tail));
    };

    let wanted = Wanted { version, with_unhealthy };
    let span = trace::balance(name, chooser.strategy.as_str());
    let mut instances = span.in_scope(|| ordered(service, &chooser, &wanted));
    trace::balanced(&span, instances.len(), instances.first().map(|first| &*first.instance.id));
    if let Some(limit) = limit {
        instances.truncate(limit);
    }
    if let Some(first) = instances.first() {
        first.counters.picks.fetch_add(1, Ordering::Relaxed);
        service.counters.requests.fetch_add(1, Ordering::Relaxed);
        access.app().metrics.picks.fetch_add(1, Ordering::Relaxed);
    }
    Ok(reply::list(view.index(), "", instances, &tail))
}

/// Which instances a client wants.
struct Wanted {
    version: Option<VersionRequirement>,
    with_unhealthy: bool,
}

impl Wanted {
    fn accepts(&self, instance: &InstanceView) -> bool {
        (self.with_unhealthy || instance.instance.is_usable())
            && self.version.as_ref().is_none_or(|version| instance.version().is_some_and(|own| version.accepts(own)))
    }
}

/// The wanted instances in the order of the strategy.
fn ordered(service: &ServiceView, chooser: &Chooser<'_>, wanted: &Wanted) -> Vec<Arc<InstanceView>> {
    let list = service.list();
    if chooser.strategy == Strategy::RoundRobin {
        let mut instances: Vec<_> = list.iter().filter(|instance| wanted.accepts(instance)).cloned().collect();
        let start = next_start(&service.counters, instances.len());
        instances.rotate_left(start);
        return instances;
    }

    let positions = list.iter().enumerate().filter(|(_, instance)| wanted.accepts(instance));
    let mut choices: Vec<Choice> = positions.map(|(at, instance)| instance.choice(at)).collect();
    chooser.order(&service.counters, &mut choices);
    choices.iter().map(|choice| Arc::clone(&list[choice.at])).collect()
}

fn chooser<'p>(params: &'p Params<'_>, request: &Request, default: Strategy) -> ApiResult<Chooser<'p>> {
    let name = "load_balancing_strategy";
    let strategy = match params.get(name) {
        Some(text) => text
            .parse()
            .map_err(|error: crate::model::ParseError| params::invalid(name, text, &error.to_string(), error.hint()))?,
        None => default,
    };

    let key = params.get("key").filter(|key| !key.is_empty());
    if strategy == Strategy::ConsistentHash && key.is_none() {
        let error = ApiError::bad_request("missing_parameter", "consistent_hash needs the parameter key");
        return Err(error.field("key").hint("add &key=TEXT, as in a user's id: the same text gives the same instance"));
    }
    let peer = request.extensions().get::<PeerAddress>().map(|PeerAddress(peer)| SocketAddr::ip(peer));
    Ok(Chooser { strategy, key, peer })
}

fn version(text: &str) -> ApiResult<VersionRequirement> {
    text.parse()
        .map_err(|error: crate::model::ParseError| params::invalid("version", text, &error.to_string(), error.hint()))
}
