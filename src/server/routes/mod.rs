//! The REST API: one file for each resource.

pub(super) mod audit;
mod backup;
pub(super) mod bulk;
pub(super) mod config;
pub(super) mod discover;
pub(super) mod drift;
pub(super) mod envoy;
pub(super) mod events;
pub(super) mod health;
pub(super) mod instance_health;
pub(super) mod instances;
pub(super) mod load_balancer;
pub(super) mod log_level;
pub(super) mod metrics;
pub(super) mod monitor;
pub(super) mod monitoring;
mod openapi;
pub(super) mod prometheus;
pub(super) mod query;
mod route;
mod route_context;
pub(super) mod service;
pub(super) mod services;
pub(super) mod status;
pub(super) mod traffic;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use tower::Service;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::route::ApiRoute;
use self::route_context::RouteContext;
use super::access::Permission;
use super::api_error::ApiError;
use super::authorize::{RouteRules, count_request, refusal, unauthenticated};
use super::authorized::Access;
use super::freshness::STALE;
use super::reply::INDEX;
use super::request_context::RequestContext;
use super::shared::App;
use crate::clean::clean;
use crate::error::nearest;

/// The route of what has no other.
const UNMATCHED: &str = "unmatched";

/// The paths of all routes, in the order of the documentation. That of the metrics can be set.
pub(super) const PATHS: [&str; 35] = [
    "/api/v1/services",
    "/api/v1/services/{id}",
    "/api/v1/services/{id}/heartbeat",
    "/api/v1/services/{id}/health",
    "/api/v1/services/{id}/monitoring",
    "/api/v1/services/{id}/instances",
    "/api/v1/services/{id}/traffic",
    "/api/v1/services/{id}/shift",
    "/api/v1/services/by-name/{name}",
    "/api/v1/discover",
    "/api/v1/query",
    "/api/v1/bulk",
    "/api/v1/events",
    "/api/v1/load-balancer/{name}",
    "/api/v1/load-balancer/{name}/stats",
    "/api/v1/config",
    "/api/v1/config/{name}",
    "/api/v1/config/{name}/history",
    "/api/v1/config/{name}/diff",
    "/api/v1/config/{name}/rollback",
    "/api/v1/health-monitor/stats",
    "/api/v1/health-monitor/check",
    "/api/v1/drift",
    "/api/v1/drift/{name}",
    "/api/v1/status",
    "/api/v1/audit",
    "/api/v1/log-level",
    "/api/v1/backup",
    "/health",
    "/metrics",
    "/sd/prometheus",
    "/v3/discovery:endpoints",
    "/openapi.json",
    "/",
    UNMATCHED,
];

/// Every route, with what each of its methods needs.
fn table(metrics_path: Option<&str>) -> Vec<ApiRoute<'_>> {
    use Permission::{
        Administer, Configure, Discover, Heartbeat, ReadStatus, Register, ReportDrift, ResetCounters, RunChecks,
    };

    let mut table = vec![
        ApiRoute::new("/api/v1/services").get(Discover, services::list).post(Register, services::register),
        ApiRoute::new("/api/v1/services/{id}")
            .get(Discover, service::get)
            .put(Register, service::update)
            .delete(Register, service::deregister),
        ApiRoute::new("/api/v1/services/{id}/heartbeat").post(Heartbeat, service::heartbeat),
        ApiRoute::new("/api/v1/services/{id}/health")
            .get(Discover, instance_health::get)
            .post(RunChecks, instance_health::check),
        ApiRoute::new("/api/v1/services/{id}/monitoring")
            .post(RunChecks, monitoring::start)
            .delete(RunChecks, monitoring::stop),
        ApiRoute::new("/api/v1/services/{id}/instances").get(Discover, instances::of_service),
        ApiRoute::new("/api/v1/services/{id}/traffic")
            .get(Discover, traffic::get)
            .put(Register, traffic::switch)
            .delete(Register, traffic::reset),
        ApiRoute::new("/api/v1/services/{id}/shift").post(Register, traffic::start).put(Register, traffic::control),
        ApiRoute::new("/api/v1/services/by-name/{name}").get(Discover, instances::by_name),
        ApiRoute::new(discover::PATH).get(Discover, discover::get),
        ApiRoute::new("/api/v1/query").get(Discover, query::get),
        // Each of its items is a registration, a removal or a heartbeat: see there.
        ApiRoute::new("/api/v1/bulk").post(Register, bulk::post),
        ApiRoute::new("/sd/prometheus").get(Discover, prometheus::get),
        ApiRoute::new("/v3/discovery:endpoints").post(Discover, envoy::post),
        ApiRoute::new("/api/v1/events").get(Discover, events::get),
        ApiRoute::new("/api/v1/load-balancer/{name}")
            .get(Discover, load_balancer::strategy)
            .put(Register, load_balancer::set_strategy)
            .delete(Register, load_balancer::reset_strategy),
        ApiRoute::new("/api/v1/load-balancer/{name}/stats")
            .get(Discover, load_balancer::get)
            .delete(ResetCounters, load_balancer::reset),
        ApiRoute::new("/api/v1/config").get(Discover, config::list),
        // The server's own one needs more: see there.
        ApiRoute::new("/api/v1/config/{name}")
            .get(Discover, config::get)
            .put(Configure, config::put)
            .delete(Configure, config::delete),
        ApiRoute::new("/api/v1/config/{name}/history").get(Discover, config::history),
        ApiRoute::new("/api/v1/config/{name}/diff").get(Discover, config::diff),
        ApiRoute::new("/api/v1/config/{name}/rollback").post(Configure, config::rollback),
        ApiRoute::new("/api/v1/health-monitor/stats").get(ReadStatus, monitor::get),
        ApiRoute::new("/api/v1/health-monitor/check").post(RunChecks, monitor::check_all),
        ApiRoute::new("/api/v1/drift").get(Discover, drift::get).post(ReportDrift, drift::report),
        ApiRoute::new("/api/v1/drift/{name}").delete(ReportDrift, drift::forget),
        ApiRoute::new("/api/v1/status").get(ReadStatus, status::get),
        ApiRoute::new("/api/v1/audit").get(Administer, audit::get),
        ApiRoute::new("/api/v1/log-level").get(ReadStatus, log_level::get).put(Administer, log_level::set),
        ApiRoute::new("/api/v1/backup").get(Administer, backup::get),
        // Load balancers and orchestrators ask without a key.
        ApiRoute::new("/health").get(None, health::get),
        ApiRoute::new("/openapi.json").get(None, openapi::get),
        ApiRoute::new("/").get(None, openapi::root),
    ];
    if let Some(path) = metrics_path {
        table.push(ApiRoute::named(path, "/metrics").get(ReadStatus, metrics::get));
    }

    table
}

/// What each method of each route needs.
fn needs() -> Vec<(&'static str, Method, Option<Permission>)> {
    let table = table(Some("/metrics")).into_iter();
    table.flat_map(|route| route.rules.into_iter().map(move |(method, needs)| (route.name, method, needs))).collect()
}

/// The service that answers every request.
pub(super) fn routes(app: &App) -> Routes {
    let mut router = axum::Router::new();
    let mut discover = None;
    for ApiRoute { path, name, methods, rules } in table(app.settings.metrics_path.as_deref()) {
        let rules = RouteRules { app: Arc::clone(app), methods: rules };
        let route = Arc::new(RouteContext { rules, stats: app.metrics.route(name) });
        if path == discover::PATH {
            discover = Some(Arc::clone(&route));
        }
        router = router.route(path, methods.layer(from_fn_with_state(route, routed)));
    }
    let router = router.fallback(unknown_path).method_not_allowed_fallback(wrong_method).with_state(Arc::clone(app));

    match cors(&app.settings.allowed_origins) {
        Some(cors) => {
            let counted = from_fn_with_state(Arc::clone(app), counted_preflight);
            Routes::with_compression(router.layer(cors).layer(counted))
        }
        None => Routes { discover, ..Routes::with_compression(router) },
    }
}

/// What browsers read about the origins that may use the API; `None` if none may. Requests are authorized as any others.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let listed: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    let allowed = if any { AllowOrigin::any() } else { AllowOrigin::list(listed) };
    let cors = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([INDEX, LOCATION, STALE])
        .max_age(PREFLIGHT_AGE);
    (!origins.is_empty()).then_some(cors)
}

/// Counts the requests that no route sees: the layer for browsers answers each OPTIONS itself.
async fn counted_preflight(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    if let Err(limited) = count_request(&app, request.extensions()) {
        return limited.into_response();
    }

    let response = next.run(request).await;
    count_unmatched(&app, &Method::OPTIONS, response.status());
    response
}

/// How long a browser may keep what it was told.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);

/// All routes, with compression for the clients that ask for it.
#[derive(Clone)]
pub(super) struct Routes {
    plain: axum::Router,
    compressing: axum::Router,
    /// The route that most clients call is reached directly, unless a layer stands around the router: the router and the
    /// boxes of its layers take as much time as an answer.
    discover: Option<Arc<RouteContext>>,
    /// What answers every request of an API without routes, for the same reason.
    whole: Option<(App, AnswerAll)>,
}

/// Answers every request of an API.
pub(super) type AnswerAll = fn(App, Request) -> BoxFuture<'static, Response>;

impl Routes {
    /// These routes. Most clients of a registry ask for no compression, and the layer costs them a tenth of their request.
    pub(super) fn with_compression(plain: axum::Router) -> Self {
        let is_worth = SizeAbove::new(1_024)
            .and(NotForContentType::const_new("text/event-stream"))
            .and(NotForContentType::const_new("application/x-ndjson"));
        let compressing = plain.clone().layer(CompressionLayer::new().compress_when(is_worth));
        Self { plain, compressing, discover: None, whole: None }
    }

    /// An API that answers every request in one function.
    pub(super) fn answered_by(app: &App, answer: AnswerAll) -> Self {
        let router = axum::Router::new()
            .fallback(move |State(app): State<App>, request: Request| answer(app, request))
            .with_state(Arc::clone(app));
        Self { whole: Some((Arc::clone(app), answer)), ..Self::with_compression(router) }
    }

    /// Answers a request. Its future is boxed: a connection reserves no memory for that of another API.
    pub(super) fn answer(
        &self,
        mut request: http::Request<Incoming>,
        context: RequestContext,
    ) -> BoxFuture<'static, Response> {
        let wants_gzip = accepts_gzip(request.headers());
        let is_discover = request.method() == Method::GET && request.uri().path() == discover::PATH;
        if let Some(route) = self.discover.as_ref().filter(|_| is_discover && !wants_gzip) {
            let route = Arc::clone(route);
            return Box::pin(async move { route.answer(request, &context, discover::answer).await });
        }

        request.extensions_mut().insert(context);
        if let Some((app, answer)) = self.whole.as_ref().filter(|_| !wants_gzip) {
            return answer(Arc::clone(app), request.map(Body::new));
        }
        let mut router = if wants_gzip { self.compressing.clone() } else { self.plain.clone() };
        let answered = Service::<Request>::call(&mut router, request.map(Body::new));
        Box::pin(answered.map(|answered| match answered {
            Ok(response) => response,
            Err(never) => match never {},
        }))
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("gzip") || accepted.contains('*'))
}

/// What stands around every handler. One layer does all of it, because each layer costs every request allocations of its own.
async fn routed(State(route): State<Arc<RouteContext>>, mut request: Request, next: Next) -> Response {
    // No request comes without a connection.
    let Some(context) = request.extensions_mut().remove::<RequestContext>() else {
        return refusal(unauthenticated());
    };
    route.answer(request, &context, |access, request| run(next, access, request)).await
}

/// Runs the handler, which finds its access among the extensions of the request.
async fn run(next: Next, access: Access, mut request: Request) -> Response {
    request.extensions_mut().insert(access);
    next.run(request).await
}

async fn unknown_path(State(app): State<App>, request: Request<Body>) -> Response {
    if let Err(limited) = count_request(&app, request.extensions()) {
        return limited.into_response();
    }
    let path = request.uri().path();
    let near = nearest(path, &PATHS);
    let hint = near.filter(|near| near.starts_with('/')).map_or_else(
        || "GET /openapi.json lists the routes".to_owned(),
        |near| format!("did you mean {near}? GET /openapi.json lists the routes"),
    );

    count_unmatched(&app, request.method(), StatusCode::NOT_FOUND);
    let message = format!("there is no route {}", clean(path));
    ApiError::new(StatusCode::NOT_FOUND, "unknown_path", message).hint(hint).into_response()
}

async fn wrong_method(State(app): State<App>, request: Request<Body>) -> Response {
    if let Err(limited) = count_request(&app, request.extensions()) {
        return limited.into_response();
    }
    count_unmatched(&app, request.method(), StatusCode::METHOD_NOT_ALLOWED);
    let message = format!("{} cannot be sent to {}", clean(request.method().as_str()), clean(request.uri().path()));
    let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    error.hint("the header `Allow` lists the methods").into_response()
}

fn count_unmatched(app: &App, method: &Method, status: StatusCode) {
    if let Some(stats) = app.metrics.route(UNMATCHED) {
        stats.add(method, status, Duration::ZERO);
    }
}
