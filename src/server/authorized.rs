//! The handle that handlers work with: what a caller who was let through may see and change.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::access::{Caller, Permission, Scope};
use super::api_error::{ApiError, ApiResult};
use super::audit::{Origin, PlannedCommand};
use super::authorize::{RequestLine, admit, count_operations, forbidden, log_refusal, note_refusal, unauthenticated};
use super::freshness::Freshness;
use super::instance_view::InstanceView;
use super::limits::RequestKind;
use super::live_overrides::SERVER_CONFIG;
use super::request_context::RequestContext;
use super::scoped_view::ScopedView;
use super::shared::App;
use super::write_queue::WriteResult;
use crate::clean::clean;
use crate::model::{CheckKind, DEFAULT_NAMESPACE, Problem, Registration};
use crate::registry::{CatalogCommand, Command, CommandRejection};

/// 403: the caller named a service that is not in its scope.
fn outside_scope(caller: &Caller) -> ApiError {
    let message = format!("the service is outside the scope of {} ({})", caller.name, clean(&caller.scope.to_text()));
    ApiError::new(StatusCode::FORBIDDEN, "outside_scope", message).hint("use a key whose scope contains the service")
}

/// 403: the caller would change what is on a host that is not in its scope.
fn outside_hosts(caller: &Caller) -> ApiError {
    let message = format!("the host is outside the scope of {} ({})", caller.name, clean(&caller.scope.to_text()));
    let hint = "use a key whose scope contains the host, and register instances with it as their node";
    ApiError::new(StatusCode::FORBIDDEN, "outside_scope", message).hint(hint)
}

/// What a handler may do on behalf of its caller. It shows and changes nothing outside the caller's scope.
#[derive(Clone)]
pub(super) struct Access {
    app: App,
    caller: Arc<Caller>,
    context: RequestContext,
    freshness: Freshness,
}

impl FromRequestParts<App> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        // A route without `authorize` has no access, and lets no caller through.
        parts.extensions.remove::<Self>().ok_or_else(unauthenticated)
    }
}

impl Access {
    /// The access of a caller who was let through.
    pub(super) fn new(app: &App, caller: Arc<Caller>, context: &RequestContext, freshness: Freshness) -> Self {
        Self { app: Arc::clone(app), caller, context: context.clone(), freshness }
    }

    /// The access of a request of another protocol than REST. `headers` hold its key or token.
    ///
    /// # Errors
    /// The request is refused.
    pub(super) fn admit(
        app: &App,
        line: RequestLine<'_>,
        headers: &HeaderMap,
        context: &RequestContext,
        needed: Permission,
    ) -> ApiResult<Self> {
        let caller = admit(app, line, headers, context, Some(needed))?.caller;
        Ok(Self::new(app, caller, context, Freshness::default()))
    }

    /// Where the request comes from, for the audit log.
    fn origin(&self) -> Origin {
        Origin::new(Some(Arc::clone(&self.caller)), &self.context)
    }

    /// The address of the client.
    pub(super) fn client_address(&self) -> IpAddr {
        self.context.peer.ip()
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

    /// Whether the caller may change a node: it concerns services of others.
    ///
    /// # Errors
    /// 403: the caller has a scope.
    pub(super) fn require_nodes(&self) -> ApiResult<()> {
        if self.caller.scope.is_unlimited() { Ok(()) } else { Err(outside_scope(&self.caller)) }
    }

    /// Why the settings let no check of this kind run; the same for every caller.
    pub(super) fn refused_method(&self, kind: &CheckKind) -> Option<String> {
        self.app.unscoped_view().snapshot.rules().refused_method(kind)
    }

    /// The first check of a registration that the settings do not let run.
    pub(super) fn method_problem(&self, registration: &Registration) -> Option<Problem> {
        self.app.unscoped_view().snapshot.rules().method_problem(registration)
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

    /// Records what the caller did to the server itself, or to what is only in its memory.
    pub(super) fn note(&self, action: &'static str, target: &str, detail: &str) {
        self.app.audit.did(&self.origin(), action, target, detail);
    }

    /// 403 unless the caller's scope is everything. `what`: the method and the path of the request.
    ///
    /// # Errors
    /// The caller is limited to some services.
    pub(super) fn require_everything(&self, what: &str) -> ApiResult<()> {
        if self.caller.scope.is_unlimited() {
            return Ok(());
        }
        let error = outside_scope(&self.caller);
        note_refusal(&self.app, &self.origin(), &error, what, "the scope is limited");
        Err(error)
    }

    /// 403 unless the caller may see every service. `what`: the method and the path of the request.
    ///
    /// # Errors
    /// The caller is limited to some services.
    pub(super) fn require_all_services(&self, what: &str) -> ApiResult<()> {
        if self.caller.scope.has_all_services() {
            return Ok(());
        }
        self.require_everything(what)
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
        if self.caller.permissions.contains(needed) {
            return Ok(());
        }
        let error = forbidden(&self.caller, needed);
        note_refusal(&self.app, &self.origin(), &error, &format!("permission {needed}"), "permission missing");
        Err(error)
    }

    /// Counts operations of a request beside the request itself.
    ///
    /// # Errors
    /// 429: the caller or its address sends too many.
    pub(super) fn count_operations(&self, kind: RequestKind, count: usize) -> ApiResult<()> {
        count_operations(&self.app, &self.origin(), kind, u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// 403 unless the caller may change what concerns all hosts. `what`: the method and the path of the request.
    ///
    /// # Errors
    /// The caller is limited to some hosts.
    pub(super) fn require_all_hosts(&self, what: &str) -> ApiResult<()> {
        if self.caller.scope.hosts.is_empty() {
            return Ok(());
        }
        let error = outside_hosts(&self.caller);
        note_refusal(&self.app, &self.origin(), &error, what, "the scope is limited to hosts");
        Err(error)
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// It is outside the caller's scope, it was rejected, or it could not be kept.
    pub(super) async fn write(&self, command: Command) -> ApiResult<WriteResult> {
        let written = self.write_all(vec![command]).await?.pop();
        written.unwrap_or_else(|| Ok(WriteResult::default()))
    }

    /// Carries out commands that are one request: if the caller may not give one of them, or it is rejected, none is carried
    /// out. One about an instance that is not there fails alone.
    ///
    /// # Errors
    /// The caller may not give one of them, or none could be kept.
    pub(super) async fn write_together(&self, commands: Vec<Command>) -> ApiResult<Vec<ApiResult<WriteResult>>> {
        self.write_checked(commands, true).await
    }

    /// Carries out commands in one commit, each with an outcome of its own.
    ///
    /// # Errors
    /// None of them could be kept.
    pub(super) async fn write_all(&self, commands: Vec<Command>) -> ApiResult<Vec<ApiResult<WriteResult>>> {
        self.write_checked(commands, false).await
    }

    /// Carries out what the caller may give. `is_whole`: nothing, if that is not all.
    async fn write_checked(&self, commands: Vec<Command>, is_whole: bool) -> ApiResult<Vec<ApiResult<WriteResult>>> {
        if self.caller.scope.is_unlimited() {
            let written = self.give(commands, is_whole).await?;
            return Ok(written.into_iter().map(|written| written.map_err(ApiError::from)).collect());
        }

        self.catch_up(&commands).await?;
        let checked = self.checked_all(commands);
        let mut refused = checked.iter().filter_map(|command| command.as_ref().err());
        if let Some(error) = refused.find(|error| is_whole && error.code != UNKNOWN_INSTANCE) {
            return Err(error.clone());
        }
        let allowed: Vec<Command> = checked.iter().filter_map(|command| command.as_ref().ok().cloned()).collect();
        let mut written = Vec::new();
        if !allowed.is_empty() {
            written = self.give(allowed, is_whole).await?;
        }
        let mut written = written.into_iter();

        let outcomes = checked.into_iter().map(|command| match command {
            Err(error) => Err(error),
            Ok(_) => written.next().unwrap_or_else(|| Ok(WriteResult::default())).map_err(discreet),
        });
        Ok(outcomes.collect())
    }

    /// Gives commands to the writer.
    async fn give(
        &self,
        commands: Vec<Command>,
        is_whole: bool,
    ) -> ApiResult<Vec<Result<WriteResult, CommandRejection>>> {
        let (writes, origin) = (&self.app.unscoped_writes, Some(self.origin()));
        if is_whole { writes.together(commands, origin).await } else { writes.all(commands, origin).await }
    }

    /// The commands that the caller may give. One about an instance that an earlier one registers goes with that one: the
    /// writer refuses it if it refuses the registration.
    fn checked_all(&self, commands: Vec<Command>) -> Vec<ApiResult<Command>> {
        let mut registered: HashSet<Arc<str>> = HashSet::new();
        let checked = commands.into_iter().map(|command| {
            let id = command.subject();
            if !command.is_registration() && id.as_ref().is_some_and(|id| registered.contains(id)) {
                return Ok(command);
            }
            let checked = self.checked(command)?;
            registered.extend(id.filter(|_| checked.is_registration()));
            Ok(checked)
        });
        checked.collect()
    }

    /// A command, before it is known what else the request asks for.
    ///
    /// # Errors
    /// It is outside the caller's scope.
    pub(super) fn require_scope(&self, command: Command) -> ApiResult<Command> {
        if self.caller.scope.is_unlimited() { Ok(command) } else { self.checked(command) }
    }

    /// A command, if the caller may give it. What it may not is counted, logged and recorded: in the same way whether the
    /// instance is there or not, so that the time of an answer says nothing of it.
    fn checked(&self, command: Command) -> ApiResult<Command> {
        let planned = PlannedCommand::new(&command);
        self.in_scope(command).inspect_err(|error| {
            let Some(planned) = planned else { return };
            let origin = self.origin();
            log_refusal(&self.app, &origin, error.code, &planned.to_text(), "the scope does not contain it");
            self.app.audit.cause(planned.refused(&origin, error.code));
        })
    }

    /// 403 unless the caller may change what is on the host of an instance.
    fn require_host(&self, known: Option<&Arc<InstanceView>>) -> ApiResult<()> {
        let is_allowed =
            known.is_none_or(|known| self.caller.scope.has_host(known.instance.registration.node.as_deref()));
        if is_allowed { Ok(()) } else { Err(outside_hosts(&self.caller)) }
    }

    /// With several servers, an instance that this one does not know may be another one's by now: it looks before it says
    /// that there is none.
    async fn catch_up(&self, commands: &[Command]) -> ApiResult<()> {
        let view = self.app.unscoped_view();
        let unknown = commands.iter().filter_map(Command::subject).find(|id| view.instance(id).is_none());
        match unknown {
            Some(id) => self.look_for(id).await,
            None => Ok(()),
        }
    }

    /// Learns what other servers wrote, for an instance that this one does not know.
    ///
    /// # Errors
    /// The store does not reply: whether there is such an instance is not known.
    pub(super) async fn look_for(&self, id: Arc<str>) -> ApiResult<()> {
        if !self.app.contact.is_shared() {
            return Ok(());
        }
        // No instance has this generation: the command changes nothing, and is rejected only after the others' changes are known.
        let probe = Command::Renew { id, generation: Some(0), report: None };
        self.app.unscoped_writes.all(vec![probe], None).await.map(drop)
    }

    /// A command, if the caller may give it. An instance outside the scope does not exist for the caller. A node concerns
    /// services of others, so that only a caller without a limit may change one.
    fn in_scope(&self, command: Command) -> ApiResult<Command> {
        let view = self.app.unscoped_view();
        match &command {
            Command::Register(registration) | Command::Catalog(CatalogCommand::Register { registration, .. }) => {
                if registration.is_node() {
                    return Err(outside_scope(&self.caller));
                }
                if !self.caller.scope.has_host(registration.node.as_deref()) {
                    return Err(outside_hosts(&self.caller));
                }
                if !self.sees(registration.namespace_or_default(), &registration.name) {
                    return Err(outside_scope(&self.caller));
                }
                let known = registration.id.as_deref().and_then(|id| view.instance(id));
                if known.is_some_and(|known| !self.sees(known.instance.namespace(), known.instance.name())) {
                    return Err(id_taken());
                }
                self.require_host(known)?;
            }
            Command::Renew { id, .. }
            | Command::Deregister { id, .. }
            | Command::SetStatus { id, .. }
            | Command::SetWeight { id, .. }
            | Command::SetMetadata { id, .. }
            | Command::CheckResult { id, .. }
            | Command::CheckUnavailable { id, .. }
            | Command::SetMonitoring { id, .. } => {
                // Nothing but an instance may be changed: the record of a node is none.
                let known = view.instance(id);
                if known.is_none() {
                    return Err(CommandRejection::UnknownInstance { id: Arc::clone(id) }.into());
                }
                if known.is_some_and(|known| !self.sees(known.instance.namespace(), known.instance.name())) {
                    return Err(CommandRejection::UnknownInstance { id: Arc::clone(id) }.into());
                }
                self.require_host(known)?;
            }
            Command::Catalog(command) => match view.instance(command.id()) {
                Some(known) if self.sees(known.instance.namespace(), known.instance.name()) => {
                    self.require_host(Some(known))?;
                }
                Some(_) => return Err(CommandRejection::UnknownInstance { id: command.id().into() }.into()),
                None => return Err(outside_scope(&self.caller)),
            },
            // An agent reports of everything on its host, and of nothing else.
            Command::Drift(command) => {
                let scope = &self.caller.scope;
                if !scope.has_all_services() || !scope.has_host(Some(command.host())) {
                    return Err(outside_hosts(&self.caller));
                }
            }
            // They concern all hosts.
            Command::Config(_) | Command::Traffic { .. } if !self.caller.scope.hosts.is_empty() => {
                return Err(outside_hosts(&self.caller));
            }
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
                    return Err(CommandRejection::UnknownService { service: Arc::clone(service) }.into());
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
fn discreet(rejected: CommandRejection) -> ApiError {
    match rejected {
        CommandRejection::IdTaken { .. } => id_taken(),
        other => other.into(),
    }
}

/// The code of the error about an instance that is not there, or that the caller may not see.
const UNKNOWN_INSTANCE: &str = "unknown_instance";

fn id_taken() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "id_taken", "the id belongs to another instance")
        .hint("use another id")
        .field("id")
}
