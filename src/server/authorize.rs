//! The one place where a request is let through or refused: by the rate of its address, by who sends it, by what that
//! permits, and by the rate of its sender.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, StatusCode};
use tracing::{debug, warn};

use super::access::{Caller, Permission, Role};
use super::api_error::{ApiError, ApiResult};
use super::audit::Origin;
use super::limits::{RateState, RequestKind};
use super::request_context::RequestContext;
use super::shared::App;
use super::trace;
use crate::clean::{clean, redacted};

/// What the methods of one route need. `None`: anyone may call it, also without a key.
#[derive(Clone)]
pub(super) struct RouteRules {
    pub(super) app: App,
    pub(super) methods: Vec<(Method, Option<Permission>)>,
}

impl RouteRules {
    /// What a method needs. Whatever no rule names needs everything.
    pub(super) fn needed(&self, method: &Method) -> Option<Permission> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let rule = self.methods.iter().find(|(known, _)| known == method);
        rule.map_or(Some(Permission::Administer), |(_, permission)| *permission)
    }
}

/// A request that is let through.
pub(super) struct Admission {
    /// Who sends it.
    pub(super) caller: Arc<Caller>,
    /// What is left of the limits that it was counted for.
    rates: [Option<RateState>; 2],
}

impl Admission {
    /// Tells the client of the limit that is nearest, once it has used half of it.
    pub(super) fn add_rates(&self, headers: &mut HeaderMap) {
        let known = self.rates.iter().flatten().filter(|rate| rate.is_news());
        if let Some(nearest) = known.min_by_key(|rate| rate.remaining()) {
            nearest.add_to(headers);
        }
    }
}

/// Counts a request that no route takes.
///
/// # Errors
/// 429: its address sends too many.
pub(super) fn count_request(app: &App, extensions: &Extensions) -> ApiResult<()> {
    let peer = extensions.get::<RequestContext>().map(|context| context.peer.ip());
    let counted = app.rates.count_address(RequestKind::Request, peer, 1);
    counted.map(drop).inspect_err(|_| note_limit(app)).map_err(ApiError::from)
}

/// The method and the path of a request.
pub(super) type RequestLine<'r> = (&'r Method, &'r str);

/// Decides whether a request may go on. `headers` hold its key or token; `needed` is `None` for what anyone may do.
///
/// # Errors
/// 401, 403 or 429.
pub(super) fn admit(
    app: &App,
    line: RequestLine<'_>,
    headers: &HeaderMap,
    context: &RequestContext,
    needed: Option<Permission>,
) -> ApiResult<Admission> {
    let (kind, peer) = (RequestKind::of(needed), Some(context.peer.ip()));
    let of_address = app.rates.count_address(kind, peer, 1).inspect_err(|_| note_limit(app))?;
    let Some(needed) = needed else {
        return Ok(Admission { caller: Arc::new(Caller::anyone()), rates: [of_address, None] });
    };

    let caller = match app.access.caller(headers, context.certificate.as_deref()) {
        Ok(caller) => caller,
        Err(why) => return Err(refused(app, line, &Origin::new(None, context), &why, unauthenticated())),
    };
    context.note_caller();
    if !caller.permissions.contains(needed) {
        let error = forbidden(&caller, needed);
        return Err(refused(app, line, &Origin::new(Some(caller), context), "permission missing", error));
    }
    if !app.access.is_on() {
        trace::adopt_parent(headers);
        return Ok(Admission { caller, rates: [of_address, None] });
    }

    let of_caller = app.rates.count_caller(kind, &caller.name, peer, 1).inspect_err(|_| note_limit(app))?;
    trace::adopt_parent(headers);
    app.audit.used(&caller, context);
    Ok(Admission { caller, rates: [of_address, of_caller] })
}

fn note_limit(app: &App) {
    app.metrics.limited_requests.fetch_add(1, Ordering::Relaxed);
}

/// Writes a refusal to the logs.
fn refused(app: &App, (method, path): RequestLine<'_>, origin: &Origin, why: &str, error: ApiError) -> ApiError {
    note_refusal(app, origin, &error, &format!("{method} {path}"), why);
    error
}

/// Counts a refusal, and writes it to the log and the audit log. `what` is the method and the path of the request.
pub(super) fn note_refusal(app: &App, origin: &Origin, error: &ApiError, what: &str, why: &str) {
    log_refusal(app, origin, error.code, what, why);
    app.audit.refused(origin, error.code, what, why);
}

/// Counts a refusal, and writes it to the log, unless that has enough of its kind. A client may have put its key anywhere.
pub(super) fn log_refusal(app: &App, origin: &Origin, code: &'static str, what: &str, why: &str) {
    app.metrics.refused_requests.fetch_add(1, Ordering::Relaxed);
    let unlogged = app.refusals.take(code);
    let is_logged = unlogged.is_some() || tracing::enabled!(tracing::Level::DEBUG);
    if !is_logged {
        return;
    }

    let peer = origin.from().map(|from| from.to_string());
    let id = origin.request().unwrap_or_default();
    let (who, request) = (origin.who(), clean(&redacted(what)));
    match unlogged {
        Some(0) => warn!(peer, who, request, id, code, why, "request refused"),
        Some(unlogged) => warn!(peer, who, request, id, code, why, unlogged, "request refused"),
        None => debug!(peer, who, request, id, code, why, "request refused"),
    }
}

/// Counts further operations of a request that was let through, beside the request itself.
///
/// # Errors
/// 429: its address or its caller sends too many. The next requests wait until these are paid off.
pub(super) fn count_operations(app: &App, origin: &Origin, kind: RequestKind, count: u32) -> ApiResult<()> {
    if count == 0 {
        return Ok(());
    }
    let peer = origin.from().map(|from| from.ip());
    app.rates.count_address(kind, peer, count).inspect_err(|_| note_limit(app))?;
    if app.access.is_on() {
        app.rates.count_caller(kind, origin.who(), peer, count).inspect_err(|_| note_limit(app))?;
    }
    Ok(())
}

/// The reply to a request that a page of another site may have sent: counted and noted as any refusal.
pub(super) fn refuse_page<B>(app: &App, request: &Request<B>, context: &RequestContext, error: ApiError) -> Response {
    let counted = app.rates.count_address(RequestKind::Request, Some(context.peer.ip()), 1);
    if let Err(limited) = counted.inspect_err(|_| note_limit(app)) {
        return ApiError::from(limited).into_response();
    }

    let origin = Origin::new(None, context);
    let what = format!("{} {}", request.method(), request.uri().path());
    note_refusal(app, &origin, &error, &what, &error.message);
    error.into_response()
}

pub(super) fn refusal(error: ApiError) -> Response {
    let status = error.status;
    let mut response = error.into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portolan\""));
    }
    response
}

/// 401: which of its many faults a credential has is nothing that a stranger should learn.
pub(super) fn unauthenticated() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "the request has no valid key or token")
        .hint("send `Authorization: Bearer KEY`; `portolan key create` creates a key on the server")
}

pub(super) fn forbidden(caller: &Caller, needed: Permission) -> ApiError {
    let message = format!("{} lacks the permission {needed}", caller.name);
    let hint = match Role::least_with(needed) {
        Role::Admin => "use a key with the role admin".to_owned(),
        least => format!("use a key with the role {least} or a stronger one"),
    };
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", message).hint(hint)
}
