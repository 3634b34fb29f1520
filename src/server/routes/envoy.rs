//! `v3/discovery:endpoints`: the endpoints of services as clusters of Envoy (EDS over REST).

use std::collections::HashSet;

use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::StatusCode;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{DEFAULT_NAMESPACE, HealthState, Problem, RegisteredInstance};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::scoped_view::ScopedView;
use crate::server::{body, reply};

const ASSIGNMENT: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
/// The most clusters of a request.
const MAX_CLUSTERS: usize = 1_000;
/// The most endpoints of a reply: those of the largest service.
const MAX_ENDPOINTS: usize = 100_000;
/// How many times as long as a registration a request may be: Envoy sends a list of all its extensions, 77 KB.
const BODY_FACTOR: usize = 16;

/// What Envoy asks for; the rest of its request does not matter.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::server) struct DiscoveryRequest {
    /// The version that it has.
    #[serde(alias = "versionInfo")]
    version_info: String,
    /// The names of services: NAME, or NAMESPACE/NAME
    #[serde(alias = "resourceNames")]
    #[schema(required = true, min_items = 1, max_items = 1000)]
    resource_names: Vec<String>,
    /// `type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment`
    #[serde(alias = "typeUrl")]
    type_url: String,
}

/// List the endpoints of services for Envoy
///
/// For `eds_config` with `api_type: REST`. Only instances that take calls are listed, and only those with IP addresses.
#[utoipa::path(post, path = "/v3/discovery:endpoints", operation_id = "listClusterEndpoints", tag = "discovery",
    request_body = DiscoveryRequest,
    responses(
        (status = 200, body = Object, description = "A DiscoveryResponse"),
        (status = 304, description = "Envoy has this version already"), (status = 400, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "Nothing was ever registered")))]
pub(in crate::server) async fn post(access: Access, request: Request<Body>) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let settings = &access.app().settings;
    let max = settings.size_limits.body_bytes.saturating_mul(BODY_FACTOR);
    let bytes = body::read(request, max, settings.time_limits.body).await?;
    let asked: DiscoveryRequest = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new("", error.to_string(), "send a DiscoveryRequest of Envoy as JSON"))?;
    if !asked.type_url.is_empty() && asked.type_url != ASSIGNMENT {
        return Err(Problem::new("type_url", "only endpoints are served", format!("request {ASSIGNMENT}")).into());
    }
    if asked.resource_names.is_empty() || asked.resource_names.len() > MAX_CLUSTERS {
        let message = format!("there are {} names, 1 to {MAX_CLUSTERS} are answered", asked.resource_names.len());
        return Err(Problem::new("resource_names", message, "name the service in eds_cluster_config").into());
    }

    let view = access.view();
    // Envoy keeps its endpoints when it gets an error, and drops them all when it gets an empty list.
    if view.index() == 0 {
        let error = ApiError::unavailable("nothing_registered", "nothing was ever registered here");
        return Err(error.hint("register a service; an empty list would make Envoy drop its endpoints"));
    }
    answer(&view, &asked)
}

fn answer(view: &ScopedView, asked: &DiscoveryRequest) -> ApiResult {
    let mut resources = ResourceList::default();
    let mut names = HashSet::new();
    for name in asked.resource_names.iter().filter(|name| names.insert(name.as_str())) {
        resources.add(view, name)?;
    }
    let resources = resources.json;

    let digest = digest(&SHA256, &resources);
    let version = digest.as_ref().iter().take(8).fold(0_u64, |version, byte| version << 8 | u64::from(*byte));
    let version = format!("{version:016x}");
    if asked.version_info == version {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }

    let mut document =
        format!("{{\"version_info\":\"{version}\",\"type_url\":\"{ASSIGNMENT}\",\"resources\":[").into_bytes();
    document.extend_from_slice(&resources);
    document.extend_from_slice(b"]}");
    Ok(reply::json(view.index(), document))
}

/// The resources of a reply as JSON, separated by commas. A tree of them would take many times the memory.
#[derive(Default)]
struct ResourceList {
    json: Vec<u8>,
    endpoints: usize,
}

impl ResourceList {
    /// Adds the endpoints of a service, in the order of their ids.
    ///
    /// # Errors
    /// There are too many.
    fn add(&mut self, view: &ScopedView, name: &str) -> ApiResult<()> {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        let head = format!(
            "{{\"@type\":\"{ASSIGNMENT}\",\"cluster_name\":{},\"endpoints\":[{{\"lb_endpoints\":[",
            json!(name)
        );
        self.json.extend_from_slice(head.as_bytes());

        let (namespace, service) = name.split_once('/').unwrap_or((DEFAULT_NAMESPACE, name));
        let instances = view.service(namespace, service).map(|service| service.list()).unwrap_or_default();
        for (at, endpoint) in instances.iter().filter_map(|known| endpoint(&known.instance)).enumerate() {
            self.endpoints += 1;
            if self.endpoints > MAX_ENDPOINTS {
                let message = format!("the services have more than {MAX_ENDPOINTS} endpoints together");
                return Err(Problem::new("resource_names", message, "request fewer services at once").into());
            }
            if at > 0 {
                self.json.push(b',');
            }
            self.json.extend_from_slice(endpoint.to_string().as_bytes());
        }
        self.json.extend_from_slice(b"]}]}");
        Ok(())
    }
}

/// An endpoint; `None` if it takes no calls, or Envoy cannot call it.
fn endpoint(instance: &RegisteredInstance) -> Option<Value> {
    let registration = &instance.registration;
    let takes_calls = instance.is_usable() && instance.weight > 0 && registration.port > 0;
    let ip: std::net::IpAddr = registration.address.parse().ok().filter(|_| takes_calls)?;
    let health = if instance.health == HealthState::Degraded { "DEGRADED" } else { "HEALTHY" };

    Some(json!({
        "endpoint": { "address": { "socket_address": { "address": ip.to_string(), "port_value": registration.port } } },
        "health_status": health,
        "load_balancing_weight": instance.weight,
    }))
}
