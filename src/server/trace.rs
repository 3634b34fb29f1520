//! Spans for traces: of requests, commits, checks and choices. They go nowhere unless the process exports them (feature
//! `otel`), and are not made then.

use http::{HeaderMap, Method, StatusCode};
use tracing::{Span, debug_span, field};

use crate::model::{CheckSpec, Endpoint, HealthState, RequestHeader};

/// What an exporter takes the spans by.
pub const TRACE_TARGET: &str = "portolan::trace";
/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// The span of a request.
pub(super) fn request(method: &Method, route: &str) -> Span {
    debug_span!(
        target: TRACE_TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = field::Empty,
    )
}

/// Makes the span that the client names (W3C Trace Context) the parent of this request's span. For admitted clients: a stranger
/// would decide what is exported.
pub(super) fn adopt_parent(headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        set_parent(&Span::current(), headers);
    }
}

/// Notes how a request was answered.
pub(super) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        failed(span);
    }
}

/// Notes that what a span covers failed because of the server.
pub(super) fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// The span of a commit of the database: a child of the first request whose write it holds, linked to the others.
pub(super) fn commit(requests: &[Span], changes: usize) -> Span {
    let span = debug_span!(
        target: TRACE_TARGET,
        parent: requests.first().and_then(Span::id),
        "commit",
        otel.kind = "client",
        otel.status_code = field::Empty,
        db.operation.name = "commit",
        portolan.changes = number(changes),
    );
    for request in requests.iter().skip(1) {
        span.follows_from(request);
    }

    span
}

/// The span of a health check.
pub(super) fn check(kind: &'static str, instance: &str, endpoint: &Endpoint) -> Span {
    debug_span!(
        target: TRACE_TARGET,
        parent: None,
        "check",
        otel.name = format!("check {kind}"),
        otel.kind = "client",
        portolan.check.kind = kind,
        portolan.check.result = field::Empty,
        portolan.instance = instance,
        server.address = %endpoint,
    )
}

/// Notes what a check found.
pub(super) fn checked(span: &Span, state: impl FnOnce() -> HealthState) {
    if !span.is_disabled() {
        span.record("portolan.check.result", state().as_str());
    }
}

/// The span of a balancing decision.
pub(super) fn balance(service: &str, strategy: &str) -> Span {
    debug_span!(
        target: TRACE_TARGET,
        "balance",
        portolan.service = service,
        portolan.strategy = strategy,
        portolan.instances = field::Empty,
        portolan.instance = field::Empty,
    )
}

/// Notes how many instances there were to choose from, and which one comes first.
pub(super) fn balanced(span: &Span, instances: usize, first: Option<&str>) {
    if span.is_disabled() {
        return;
    }
    span.record("portolan.instances", number(instances));
    if let Some(first) = first {
        span.record("portolan.instance", first);
    }
}

/// The checks of a spec, whose HTTP request names this span as its parent.
pub(super) fn continued(span: &Span, spec: &CheckSpec) -> Option<CheckSpec> {
    let value = if span.is_disabled() { None } else { traceparent(span) }?;
    let mut spec = spec.clone();
    spec.header.push(RequestHeader { name: TRACEPARENT.to_owned(), value });
    Some(spec)
}

/// A count as OpenTelemetry has numbers.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(feature = "otel")]
fn set_parent(span: &Span, headers: &HeaderMap) {
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_http::HeaderExtractor;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // Without an exporter there is no parent to set.
    let _ = span.set_parent(parent);
}

#[cfg(not(feature = "otel"))]
fn set_parent(_span: &Span, _headers: &HeaderMap) {}

/// How another program names this span as a parent.
#[cfg(feature = "otel")]
fn traceparent(span: &Span) -> Option<String> {
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let mut fields = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut fields);
    fields.remove(TRACEPARENT)
}

#[cfg(not(feature = "otel"))]
fn traceparent(_span: &Span) -> Option<String> {
    None
}
