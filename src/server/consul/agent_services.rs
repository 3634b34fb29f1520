//! `agent/services` and `agent/service/…`: the services of this server's own node.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::agent_checks::moved_from;
use super::blocking::{Waker, WatchScope, with_jitter};
use super::content_hash::content_hash;
use super::error::{ConsulError, ConsulResult};
use super::filter::{FilterExpression, SERVICE};
use super::registry_view::RegistryView;
use super::services::AgentService;
use super::writes::remove;
use super::{ConsulRequest, decode, definition, go, reply};
use crate::clean::clean;
use crate::model::OperatorStatus;
use crate::registry::{CatalogCommand, Command};
use crate::server::authorized::Access;

const CONTENT_HASH: HeaderName = HeaderName::from_static("x-consul-contenthash");
/// Consul's text for maintenance without a reason.
const NO_REASON: &str =
    "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.";

/// All services, by their id.
pub(super) fn list(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let filter = request.query.text("filter").map(|text| FilterExpression::parse(text, SERVICE)).transpose()?;
    let view = RegistryView::of(access);
    let members = view.agent_members();
    let services = members.iter().map(|member| (member.service_id.clone(), AgentService::from(view.facts(member))));

    let services = services.filter(|(_, service)| filter.as_ref().is_none_or(|filter| filter.accepts(service)));
    let services: BTreeMap<String, AgentService> = services.collect();
    Ok(reply::json(request, &services))
}

/// One service. With `hash`, the answer waits until the service differs from the one that has this hash.
pub(super) async fn read(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let (_, wait) = request.query.wait()?;
    let hash = request.query.text("hash");
    let deadline = Instant::now() + with_jitter(wait);
    // The service may have any name, and may come back under another one.
    let mut waker = Waker::new(access, WatchScope::All);
    loop {
        if !access.is_current() {
            return Err(ConsulError::refused("the key is no longer valid"));
        }
        waker.mark_unchanged();
        let view = RegistryView::of(access);
        let Some(member) = view.agent_member(&request.rest) else {
            return Err(ConsulError::not_found(format!("unknown service ID: {}", clean(&request.rest))));
        };
        let mut service = AgentService::from(view.facts(&member));
        let content = content_hash(&service);

        let is_known = hash == Some(content.as_str());
        if is_known && waker.wait(access, deadline, view).await {
            continue;
        }
        if is_known && !access.is_current() {
            return Err(ConsulError::refused("the key is no longer valid"));
        }
        service.content_hash = Some(content.clone());
        return Ok(with_hash(reply::json(request, &service), &content));
    }
}

fn with_hash(mut response: Response, hash: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(hash) {
        response.headers_mut().insert(CONTENT_HASH, value);
    }
    response
}

/// Registers a service with its checks.
pub(super) async fn register(access: &Access, request: &ConsulRequest, body: Body) -> ConsulResult {
    let replace = request.query.get("replace-existing-checks");
    let replace_checks = matches!(replace, Some("" | "true"));
    let fields = decode::read(access, body).await?;
    let registration = definition::service_definition(fields, &access.app().own_node)?;

    let view = RegistryView::of(access);
    let id = registration.id.clone().unwrap_or_default();
    // What would be refused takes no checks away from others.
    let problem = registration.problem().or_else(|| access.method_problem(&registration));
    if let Some(problem) = problem {
        return Err(problem.into());
    }
    let registration = Arc::new(registration);
    let register = CatalogCommand::Register { registration: Arc::clone(&registration), replace_checks };
    // Whether another service has a check is no business of a caller that may not register this one.
    let register = access.require_scope(Command::Catalog(register))?;
    let mut commands = Vec::new();
    for check in registration.catalog.iter().flat_map(|entry| &entry.checks) {
        commands.extend(moved_from(&view, &access.app().own_node.name, &check.id, &id)?);
    }
    commands.push(register);
    for written in access.write_together(commands).await? {
        written?;
    }
    Ok(reply::empty())
}

/// Removes a service. One that is not there is no error.
pub(super) async fn deregister(access: &Access, request: &ConsulRequest) -> ConsulResult {
    if request.rest.is_empty() {
        return Err(ConsulError::internal("ServiceID missing"));
    }
    let id = RegistryView::of(access)
        .agent_member(&request.rest)
        .and_then(|member| Some(member.instance?.instance.id.clone()));
    if let Some(id) = id {
        remove(access, vec![Command::Deregister { id, generation: None }]).await?;
    }
    Ok(reply::empty())
}

/// Whether maintenance is to begin or to end.
pub(super) fn enabled(request: &ConsulRequest) -> ConsulResult<bool> {
    let Some(enable) = request.query.get("enable") else {
        return Err(ConsulError::bad_request("Missing value for enable"));
    };
    go::parse_bool(enable)
        .ok_or_else(|| ConsulError::bad_request(format!("Invalid value for enable: \"{}\"", clean(enable))))
}

/// Takes a service out of service, or back.
pub(super) async fn maintenance(access: &Access, request: &ConsulRequest) -> ConsulResult {
    if request.rest.is_empty() {
        return Err(ConsulError::bad_request("Missing service ID"));
    }
    let enable = enabled(request)?;
    let view = RegistryView::of(access);
    let member = view.agent_member(&request.rest).and_then(|member| member.instance);
    let Some(instance) = member else {
        let text = format!("No service registered with ID \"{}\"", clean(&request.rest));
        return Err(ConsulError::not_found(text));
    };

    let id = Arc::clone(&instance.instance.id);
    access.write(maintain(id, enable, request.query.text("reason").unwrap_or(NO_REASON))).await?;
    Ok(reply::empty())
}

/// The command that begins or ends the maintenance of an instance or a node.
pub(super) fn maintain(id: Arc<str>, enable: bool, reason: &str) -> Command {
    if enable {
        Command::Catalog(CatalogCommand::Maintain { id, reason: reason.into() })
    } else {
        Command::SetStatus { id, generation: None, status: OperatorStatus::Up, reason: None }
    }
}
