//! Consul's HTTP API: the registry as programs know it that were written for Consul.
//!
//! Everything comes from the same memory, and follows the same rules, as the REST API. Only the namespace `default` is
//! seen; an instance without a node belongs to the node of this server.

mod agent;
mod agent_checks;
mod agent_health;
mod agent_services;
mod blocking;
mod catalog;
mod catalog_write;
mod checks;
mod connect;
mod content_hash;
mod decode;
mod definition;
mod endpoints;
mod error;
mod filter;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod go;
mod health;
mod ids;
mod index;
mod members;
mod nodes;
mod query;
mod registry_view;
mod reply;
mod services;
mod status;
mod targets;
mod writes;

use std::borrow::Cow;
use std::future::ready;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, ALLOW, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tracing::{Instrument, Span};

#[cfg(feature = "cli")]
pub(crate) use self::definition::meta_problem;
use self::endpoints::{Endpoint, Handler, WriteHandler};
use self::error::{ConsulError, ConsulResult};
use self::filter::Schema;
use self::query::{ConsulQuery, ReadOptions};
use super::authorize::{count_request, unauthenticated};
use super::authorized::Access;
use super::body_room::RequestRoom;
use super::freshness::mark_consul;
use super::metrics::RouteStats;
use super::percent::percent_decoded;
use super::request_context::RequestContext;
use super::routes::Routes;
use super::shared::App;
use super::trace;
use crate::clean::{clean, is_dangerous};

/// What a handler reads of a request. Nothing of it refers to the bytes that were received: a query that waits would keep their
/// buffer.
struct ConsulRequest {
    /// The path behind that of the endpoint: an id or a name.
    rest: String,
    query: ConsulQuery,
    /// The header `Accept`.
    accept: String,
}

/// A request that was let through.
struct ConsulCall {
    access: Access,
    handler: Handler,
    request: ConsulRequest,
}

impl ConsulRequest {
    /// What a request for a list asks for. `schema`: the fields that a filter may name. `missing`: what is wrong if the path
    /// ends without a name; empty if it needs none.
    ///
    /// # Errors
    /// A value that cannot be used, in the order in which Consul looks.
    fn options(&self, access: &Access, schema: Option<Schema>, missing: &str) -> ConsulResult<ReadOptions> {
        self.query.consistency()?;
        self.query.wait()?;
        if !missing.is_empty() && self.rest.is_empty() {
            return Err(ConsulError::bad_request(missing));
        }
        self.query.options(&access.app().own_node.datacenter, schema)
    }
}

/// The service that answers every request of Consul's API.
pub(super) fn routes(app: &App) -> Routes {
    Routes::answered_by(app, answer)
}

/// The paths of its requests in the metrics.
pub(super) fn paths() -> impl Iterator<Item = &'static &'static str> {
    endpoints::metric_paths()
}

/// A request is admitted at once: a query that waits keeps nothing of it but what its handler reads.
fn answer(app: App, request: Request) -> BoxFuture<'static, Response> {
    let begun = BegunRequest::new(app, &request);
    let (head, body) = request.into_parts();

    let entered = begun.span.enter();
    let admitted = admit(&begun.app, &head);
    drop(entered);
    match admitted {
        Ok(ConsulCall { access, handler, request }) => Box::pin(async move {
            let handled = dispatch(&access, handler, &request, body).instrument(begun.span.clone()).await;
            begun.end(handled)
        }),
        Err(answer) => Box::pin(ready(begun.end(answer))),
    }
}

/// What is counted of a request, and its span.
struct BegunRequest {
    app: App,
    stats: Option<Arc<RouteStats>>,
    method: Method,
    start: Instant,
    span: Span,
}

impl BegunRequest {
    fn new(app: App, request: &Request) -> Self {
        let stats = endpoints::find(request.uri().path()).and_then(|(endpoint, _)| app.metrics.route(endpoint.path));
        let (method, start) = (request.method().clone(), Instant::now());
        let span = trace::request(&method, stats.as_ref().map_or("unmatched", |stats| stats.path()));
        Self { app, stats, method, start, span }
    }

    /// Counts the request, and completes its answer.
    fn end(self, handled: ConsulResult) -> Response {
        let mut response = handled.unwrap_or_else(IntoResponse::into_response);
        trace::answered(&self.span, response.status());
        if let Some(stats) = self.stats {
            stats.add(&self.method, response.status(), self.start.elapsed());
        }

        mark_consul(&self.app, &mut response);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    }
}

/// Lets a request through.
///
/// # Errors
/// The answer for a request that no handler takes, and for one that is refused.
#[allow(clippy::result_large_err, reason = "the error is the answer, which is made anyway")]
fn admit(app: &App, head: &Parts) -> Result<ConsulCall, ConsulResult> {
    let (endpoint, rest, query) = match called(head) {
        Ok(call) => call,
        Err(answer) => {
            count_request(app, &head.extensions).map_err(refused)?;
            return Err(answer);
        }
    };
    let headers = with_token(&head.headers, &query);
    let context = head.extensions.get::<RequestContext>().ok_or_else(|| refused(unauthenticated()))?;
    let line = (&head.method, head.uri.path());
    let access = Access::admit(app, line, &headers, context, endpoint.permission).map_err(refused)?;
    if endpoint.has_namespace {
        query.refuse_namespace(&head.headers).map_err(refused)?;
    }
    RequestRoom::take(&head.extensions, &head.headers, app.settings.size_limits.body_bytes).map_err(refused)?;

    let accept = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default().to_owned();
    Ok(ConsulCall { access, handler: endpoint.handler, request: ConsulRequest { rest, query, accept } })
}

fn refused(error: impl Into<ConsulError>) -> ConsulResult {
    Err(error.into())
}

/// The endpoint that a request calls, what follows its path, and the parameters.
///
/// # Errors
/// The answer for what no handler takes.
#[allow(clippy::result_large_err, reason = "the error is the answer, which is made anyway")]
fn called(head: &Parts) -> Result<(&'static Endpoint, String, ConsulQuery), ConsulResult> {
    let path = decoded_path(head.uri.path()).map_err(Err)?;
    let (endpoint, rest) = endpoints::find(&path).ok_or_else(|| without_endpoint(&path))?;
    if head.method == Method::OPTIONS {
        return Err(Ok(with_allow(StatusCode::OK.into_response(), endpoint)));
    }
    if head.method.as_str() != endpoint.method {
        let text = format!("method {} not allowed", clean(head.method.as_str()));
        let refused = ConsulError::new(StatusCode::METHOD_NOT_ALLOWED, text).into_response();
        return Err(Ok(with_allow(refused, endpoint)));
    }

    let query = ConsulQuery::read(head.uri.query()).map_err(Err)?;
    Ok((endpoint, rest.to_owned(), query))
}

/// The headers with the key or token of the parameter `token`, which Consul looks for first.
fn with_token<'r>(headers: &'r HeaderMap, query: &ConsulQuery) -> Cow<'r, HeaderMap> {
    let token = query.text("token").and_then(|token| HeaderValue::from_str(token).ok());
    let Some(token) = token else { return Cow::Borrowed(headers) };

    let mut headers = headers.clone();
    headers.remove("x-api-key");
    headers.insert("x-consul-token", token);
    Cow::Owned(headers)
}

/// Answers a read. The future of a write is boxed: only few run at once, and the many reads that wait do not reserve its memory.
async fn dispatch(access: &Access, handler: Handler, request: &ConsulRequest, body: Body) -> ConsulResult {
    match handler {
        Handler::StatusLeader => status::leader(access, request),
        Handler::StatusPeers => status::peers(access, request),
        Handler::AgentSelf => agent::this(access, request),
        Handler::AgentMembers => members::list(access, request),
        Handler::AgentMetrics => agent::metrics(access, request),
        Handler::AgentReload => Ok(reply::empty()),
        Handler::AgentServices => agent_services::list(access, request),
        Handler::AgentService => agent_services::read(access, request).await,
        Handler::AgentChecks => agent_checks::list(access, request),
        Handler::AgentHealthById => agent_health::by_id(access, request),
        Handler::AgentHealthByName => agent_health::by_name(access, request),
        Handler::CatalogDatacenters => catalog::datacenters(access, request),
        Handler::CatalogNodes => catalog::nodes(access, request).await,
        Handler::CatalogServices => catalog::services(access, request).await,
        Handler::CatalogService => catalog::service(access, request).await,
        Handler::CatalogNode => catalog::node(access, request).await,
        Handler::CatalogNodeServices => catalog::node_services(access, request).await,
        Handler::HealthNode => health::node(access, request).await,
        Handler::HealthChecks => health::checks(access, request).await,
        Handler::HealthService => health::service(access, request).await,
        Handler::HealthState => health::state(access, request).await,
        Handler::Write(write) => Box::pin(dispatch_write(access, write, request, body)).await,
    }
}

async fn dispatch_write(access: &Access, write: WriteHandler, request: &ConsulRequest, body: Body) -> ConsulResult {
    match write {
        WriteHandler::AgentMaintenance => agent::maintenance(access, request).await,
        WriteHandler::AgentServiceRegister => agent_services::register(access, request, body).await,
        WriteHandler::AgentServiceDeregister => agent_services::deregister(access, request).await,
        WriteHandler::AgentServiceMaintenance => agent_services::maintenance(access, request).await,
        WriteHandler::AgentCheckRegister => agent_checks::register(access, body).await,
        WriteHandler::AgentCheckDeregister => agent_checks::deregister(access, request).await,
        WriteHandler::AgentCheckReport(state) => agent_checks::report(access, request, state).await,
        WriteHandler::AgentCheckUpdate => agent_checks::update(access, request, body).await,
        WriteHandler::CatalogRegister => catalog_write::register(access, body).await,
        WriteHandler::CatalogDeregister => catalog_write::deregister(access, body).await,
    }
}

/// The path without its percent-encoding.
///
/// # Errors
/// It holds bytes that cannot be shown.
fn decoded_path(path: &str) -> ConsulResult<Cow<'_, str>> {
    if path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = String::from_utf8(percent_decoded(path)).ok();
    decoded.filter(|path| !path.contains(is_dangerous)).map(Cow::Owned).ok_or_else(|| {
        ConsulError::bad_request("the path holds bytes that cannot be shown: percent-encode a name in UTF-8")
    })
}

/// The answer for a path that no endpoint has.
fn without_endpoint(path: &str) -> ConsulResult {
    if path == "/" {
        return Ok("Consul Agent".into_response());
    }
    let longer = format!("{path}/");
    if endpoints::is_prefix(&longer) {
        let mut response = StatusCode::MOVED_PERMANENTLY.into_response();
        if let Ok(location) = HeaderValue::from_str(&longer) {
            response.headers_mut().insert(LOCATION, location);
        }
        return Ok(response);
    }

    let unsupported = endpoints::UNSUPPORTED.iter().find(|(prefix, _)| path.starts_with(prefix));
    let text = match unsupported {
        Some((_, what)) => format!("portolan does not have Consul's {what}"),
        None => format!("there is no endpoint {}", clean(path)),
    };
    Err(ConsulError::new(StatusCode::NOT_FOUND, format!("{text}; docs/consul.md lists what it has")))
}

fn with_allow(mut response: Response, endpoint: &Endpoint) -> Response {
    if let Ok(allow) = HeaderValue::from_str(&format!("OPTIONS,{}", endpoint.method)) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
