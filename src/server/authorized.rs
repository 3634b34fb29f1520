//! The one place where a request is let through or refused, and the handle that handlers work with afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tracing::warn;

use super::PeerAddress;
use super::access::{Caller, Permission, Role, Scope};
use super::api_error::{ApiError, ApiResult};
use super::freshness::Freshness;
use super::live_overrides::SERVER_CONFIG;
use super::scoped_view::ScopedView;
use super::shared::App;
use super::write_queue::Written;
use super::writer::subject;
use crate::clean::clean;
use crate::model::DEFAULT_NAMESPACE;
use crate::registry::{CatalogCommand, Command, Rejected};

/// What the methods of one route need. `None`: anyone may call it, also without a key.
#[derive(Clone)]
pub(super) struct RouteRules {
    pub(super) app: App,
    pub(super) path: &'static str,
    pub(super) methods: Vec<(Method, Option<Permission>)>,
}

impl RouteRules {
    /// What a method needs. Whatever no rule names needs everything.
    fn needed(&self, method: &Method) -> Option<Permission> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let rule = self.methods.iter().find(|(known, _)| known == method);
        rule.map_or(Some(Permission::Administer), |(_, permission)| *permission)
    }
}

/// Lets a request through to its handler, with its caller, or refuses it.
pub(super) async fn authorize(State(rules): State<Arc<RouteRules>>, mut request: Request, next: Next) -> Response {
    let access = &rules.app.access;
    let Some(needed) = rules.needed(request.method()) else {
        request.extensions_mut().insert(Arc::new(Caller::anyone()));
        return next.run(request).await;
    };
    let caller = match access.caller(request.headers()) {
        Ok(caller) => caller,
        Err(why) => return refuse(&rules, &request, why, unauthenticated()),
    };
    if !caller.permissions.contains(needed) {
        let error = forbidden(&caller, needed);
        return refuse(&rules, &request, "permission missing", error);
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Logs a refusal and answers with it.
fn refuse(rules: &RouteRules, request: &Request, why: &str, error: ApiError) -> Response {
    rules.app.metrics.refused_requests.fetch_add(1, Ordering::Relaxed);
    let peer = request.extensions().get::<PeerAddress>().map(|PeerAddress(peer)| peer.to_string());
    warn!(peer, method = clean(request.method().as_str()), route = rules.path, why, "request refused");

    let status = error.status;
    let mut response = error.into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portolan\""));
    }
    response
}

/// 401: which of its many faults a credential has is nothing that a stranger should learn.
fn unauthenticated() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "the request has no valid key or token")
        .hint("send `Authorization: Bearer KEY`; `portolan key create` makes a key on the server")
}

fn forbidden(caller: &Caller, needed: Permission) -> ApiError {
    let message = format!("{} has not the permission {needed}", caller.name);
    let hint = format!("use a key with the role {} or a stronger one", Role::least_with(needed));
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", message).hint(hint)
}

/// 403: the caller named a service that is not in its scope.
fn outside_scope(caller: &Caller) -> ApiError {
    let message = format!("the service is outside the scope of {} ({})", caller.name, clean(&caller.scope.to_text()));
    ApiError::new(StatusCode::FORBIDDEN, "outside_scope", message).hint("use a key whose scope contains the service")
}

/// What a handler may do on behalf of its caller. It shows and changes nothing outside the caller's scope.
#[derive(Clone)]
pub(super) struct Access {
    app: App,
    caller: Arc<Caller>,
    freshness: Freshness,
}

impl FromRequestParts<App> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        // A route without `authorize` has no caller, and lets none through.
        let caller = parts.extensions.get::<Arc<Caller>>().cloned().ok_or_else(unauthenticated)?;
        let freshness = parts.extensions.get::<Freshness>().copied().unwrap_or_default();
        Ok(Self { app: Arc::clone(app), caller, freshness })
    }
}

impl Access {
    /// The access of a request of another protocol than REST, with the headers that hold its key or token.
    ///
    /// # Errors
    /// It has no valid key or token, or its caller has not the permission.
    pub(super) fn admit(app: &App, headers: &HeaderMap, needed: Permission) -> ApiResult<Self> {
        let admitted = match app.access.caller(headers) {
            Err(why) => Err((why, unauthenticated())),
            Ok(caller) if caller.permissions.contains(needed) => Ok(caller),
            Ok(caller) => Err(("permission missing", forbidden(&caller, needed))),
        };
        match admitted {
            Ok(caller) => Ok(Self { app: Arc::clone(app), caller, freshness: Freshness::default() }),
            Err((why, error)) => {
                app.metrics.refused_requests.fetch_add(1, Ordering::Relaxed);
                warn!(why, "request refused");
                Err(error)
            }
        }
    }

    /// What all requests share, except for the registry.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// The name of the caller, for the log.
    pub(super) fn caller_name(&self) -> &str {
        &self.caller.name
    }

    /// The registry as the caller may see it.
    pub(super) fn view(&self) -> ScopedView {
        ScopedView::new(self.app.unscoped_view(), Arc::clone(&self.caller))
    }

    /// What a list says of its age: nothing if it is current. Begins with a comma.
    pub(super) fn stale_tail(&self) -> String {
        self.freshness.to_json()
    }

    /// Whether the caller's key or token is still valid.
    pub(super) fn is_current(&self) -> bool {
        self.app.access.is_current(&self.caller)
    }

    /// Whether the caller may see a service.
    fn sees(&self, namespace: &str, service: &str) -> bool {
        self.caller.scope.contains(namespace, service)
    }

    /// What the caller may see.
    pub(super) fn scope(&self) -> Scope {
        self.caller.scope.clone()
    }

    /// 403 unless the caller's scope is everything.
    ///
    /// # Errors
    /// The caller is limited to some services.
    pub(super) fn require_everything(&self) -> ApiResult<()> {
        if self.caller.scope.is_unlimited() { Ok(()) } else { Err(outside_scope(&self.caller)) }
    }

    /// The name of the caller, for what it writes; `None` if the server knows none.
    pub(super) fn author(&self) -> Option<Arc<str>> {
        Some(Arc::from(&*self.caller.name)).filter(|_| self.app.access.is_on())
    }

    /// 403 unless the caller has a permission beside that of the route.
    ///
    /// # Errors
    /// It has not.
    pub(super) fn require(&self, needed: Permission) -> ApiResult<()> {
        if self.caller.permissions.contains(needed) { Ok(()) } else { Err(forbidden(&self.caller, needed)) }
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// It is outside the caller's scope, it was rejected, or it could not be kept.
    pub(super) async fn write(&self, command: Command) -> ApiResult<Written> {
        let written = self.write_all(vec![command]).await?.pop();
        written.unwrap_or_else(|| Ok(Written::default()))
    }

    /// Carries out commands in one commit, each with an outcome of its own.
    ///
    /// # Errors
    /// None of them could be kept.
    pub(super) async fn write_all(&self, commands: Vec<Command>) -> ApiResult<Vec<ApiResult<Written>>> {
        if self.caller.scope.is_unlimited() {
            let written = self.app.unscoped_writes.all(commands).await?;
            return Ok(written.into_iter().map(|written| written.map_err(ApiError::from)).collect());
        }

        self.catch_up(&commands).await?;
        let checked: Vec<ApiResult<Command>> = commands.into_iter().map(|command| self.checked(command)).collect();
        let allowed: Vec<Command> = checked.iter().filter_map(|command| command.as_ref().ok().cloned()).collect();
        let written = if allowed.is_empty() { Vec::new() } else { self.app.unscoped_writes.all(allowed).await? };
        let mut written = written.into_iter();

        let outcomes = checked.into_iter().map(|command| match command {
            Err(error) => Err(error),
            Ok(_) => written.next().unwrap_or_else(|| Ok(Written::default())).map_err(discreet),
        });
        Ok(outcomes.collect())
    }

    /// With several servers, an instance that this one does not know may be another one's by now: it looks before it says
    /// that there is none.
    async fn catch_up(&self, commands: &[Command]) -> ApiResult<()> {
        let view = self.app.unscoped_view();
        let unknown = commands.iter().filter_map(subject).find(|id| view.instance(id).is_none());
        let Some(id) = unknown.filter(|_| self.app.contact.is_shared()) else { return Ok(()) };

        // No instance has this generation: the command changes nothing, and is rejected only after the others' changes are known.
        let probe = Command::Renew { id, generation: Some(0), report: None };
        self.app.unscoped_writes.all(vec![probe]).await.map(drop)
    }

    /// A command, if the caller may give it. An instance outside the scope does not exist for the caller. A node concerns
    /// services of others, so that only a caller without a limit may change one.
    fn checked(&self, command: Command) -> ApiResult<Command> {
        let view = self.app.unscoped_view();
        match &command {
            Command::Register(registration) | Command::Catalog(CatalogCommand::Register { registration, .. }) => {
                if registration.is_node() {
                    return Err(outside_scope(&self.caller));
                }
                if !self.sees(registration.namespace_or_default(), &registration.name) {
                    return Err(outside_scope(&self.caller));
                }
                let known = registration.id.as_deref().and_then(|id| view.instance(id));
                if known.is_some_and(|known| !self.sees(known.instance.namespace(), known.instance.name())) {
                    return Err(id_taken());
                }
            }
            Command::Renew { id, .. }
            | Command::Deregister { id, .. }
            | Command::SetStatus { id, .. }
            | Command::SetWeight { id, .. }
            | Command::CheckResult { id, .. }
            | Command::CheckUnavailable { id, .. }
            | Command::SetMonitoring { id, .. } => {
                // Nothing but an instance may be changed: the record of a node is none.
                let known = view.instance(id);
                if known.is_none() {
                    return Err(Rejected::UnknownInstance { id: Arc::clone(id) }.into());
                }
                if known.is_some_and(|known| !self.sees(known.instance.namespace(), known.instance.name())) {
                    return Err(Rejected::UnknownInstance { id: Arc::clone(id) }.into());
                }
            }
            Command::Catalog(command) => match view.instance(command.id()) {
                Some(known) if self.sees(known.instance.namespace(), known.instance.name()) => {}
                Some(_) => return Err(Rejected::UnknownInstance { id: command.id().into() }.into()),
                None => return Err(outside_scope(&self.caller)),
            },
            // The server's own settings concern every service.
            Command::Config(command) if &**command.name() == SERVER_CONFIG => {
                return Err(outside_scope(&self.caller));
            }
            Command::Config(command) => {
                if !self.sees(DEFAULT_NAMESPACE, command.name()) {
                    return Err(outside_scope(&self.caller));
                }
            }
            Command::Traffic { service, .. } => {
                let (namespace, name) = service.split_once('/').unwrap_or((DEFAULT_NAMESPACE, service));
                if !self.sees(namespace, name) {
                    return Err(Rejected::UnknownService { service: Arc::clone(service) }.into());
                }
            }
            Command::NodeUp { .. } | Command::NodeDown { .. } | Command::Tick => {
                return Err(outside_scope(&self.caller));
            }
        }
        Ok(command)
    }
}

/// A rejection as a caller with a scope reads it: an id that was taken meanwhile does not name the service that has it.
fn discreet(rejected: Rejected) -> ApiError {
    match rejected {
        Rejected::IdTaken { .. } => id_taken(),
        other => other.into(),
    }
}

fn id_taken() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "id_taken", "the id belongs to another instance")
        .hint("use another id")
        .field("id")
}
