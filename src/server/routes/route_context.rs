//! What stands around the handlers of a route: a request is authorized, counted, and made a span.

use std::sync::Arc;
use std::time::Instant;

use axum::response::{IntoResponse, Response};
use http::Request;
use tracing::Instrument;

use crate::server::authorize::{RouteRules, admit, refusal};
use crate::server::authorized::Access;
use crate::server::freshness::Freshness;
use crate::server::metrics::RouteStats;
use crate::server::request_context::RequestContext;
use crate::server::trace;

/// What all requests of a route share.
pub(super) struct RouteContext {
    pub(super) rules: RouteRules,
    pub(super) stats: Option<Arc<RouteStats>>,
}

impl RouteContext {
    /// Authorizes a request, counts it, makes it a span, and has its handler answer it.
    pub(super) async fn answer<B, F: Future<Output = Response>>(
        &self,
        request: Request<B>,
        context: &RequestContext,
        handler: impl FnOnce(Access, Request<B>) -> F,
    ) -> Response {
        let Some(stats) = &self.stats else { return authorized(&self.rules, request, context, handler).await };
        let method = request.method().clone();
        let span = trace::request(&method, stats.path());
        let start = Instant::now();
        let response = authorized(&self.rules, request, context, handler).instrument(span.clone()).await;

        trace::answered(&span, response.status());
        stats.add(&method, response.status(), start.elapsed());
        response
    }
}

/// Lets a request through to its handler, with its caller, once the server knows what it asks for; or refuses it.
async fn authorized<B, F: Future<Output = Response>>(
    rules: &RouteRules,
    request: Request<B>,
    context: &RequestContext,
    handler: impl FnOnce(Access, Request<B>) -> F,
) -> Response {
    let needed = rules.needed(request.method());
    let line = (request.method(), request.uri().path());
    let admission = match admit(&rules.app, line, request.headers(), context, needed) {
        Ok(admission) => admission,
        Err(error) => return refusal(error),
    };
    let freshness = match Freshness::wanted(&rules.app, request.headers()).await {
        Ok(freshness) => freshness,
        Err(error) => return error.into_response(),
    };

    let access = Access::new(&rules.app, Arc::clone(&admission.caller), context, freshness);
    let mut response = handler(access, request).await;
    freshness.mark(response.headers_mut());
    admission.add_rates(response.headers_mut());
    response
}
