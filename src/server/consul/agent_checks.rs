//! `agent/checks` and `agent/check/…`: the checks of this server's own node and of its services.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;

use super::checks::{CatalogCheckEntry, SERF_HEALTH, state_of};
use super::decode::{self, BodyFields};
use super::definition::{CheckGiven, without_place};
use super::error::{ConsulError, ConsulResult};
use super::filter::{CHECK, FilterExpression};
use super::registry_view::RegistryView;
use super::targets::OwnPlace;
use super::writes::{own_node_id, remove};
use super::{ConsulRequest, reply};
use crate::clean::clean;
use crate::model::{CatalogCheck, CatalogEntry, CheckDefinition, HealthState, NODES_NAMESPACE, Registration};
use crate::registry::{CatalogCommand, Command};
use crate::server::authorized::Access;
use crate::server::own_node::OwnNode;

/// All checks, by their id.
pub(super) fn list(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let filter = request.query.text("filter").map(|text| FilterExpression::parse(text, CHECK)).transpose()?;
    let view = RegistryView::of(access);
    let own = &view.own.name;
    let of_services = view.agent_members().into_iter().flat_map(|member| view.service_checks(&member));
    // The agent's own check is Consul's, not one that a program registered.
    let of_node = view.visible_node_checks(own).into_iter().filter(|check| check.id != SERF_HEALTH);

    let checks: BTreeMap<String, CatalogCheckEntry> = of_node
        .chain(of_services)
        .filter(|check| filter.as_ref().is_none_or(|filter| filter.accepts(check)))
        // Nothing in the catalog of an agent has an index.
        .map(|check| (check.id.clone(), CatalogCheckEntry { create_index: 0, modify_index: 0, ..check }))
        .collect();
    Ok(reply::json(request, &checks))
}

/// Adds a check to a service, or to the node.
pub(super) async fn register(access: &Access, body: Body) -> ConsulResult {
    let given = check_definition(decode::read(access, body).await?)?;
    let commands = add_commands(access, given)?;
    for written in access.write_together(commands).await? {
        written?;
    }
    Ok(reply::empty())
}

/// Reads a check, as `agent/check/register` takes it.
///
/// # Errors
/// It cannot be used.
pub(super) fn check_definition(mut fields: BodyFields) -> ConsulResult<CheckGiven> {
    let given = take_check(&mut fields).and_then(|given| fields.finish().map(|()| given));
    let given = given.map_err(|why| decode::failed(&why))?;
    if given.name.is_empty() {
        return Err(ConsulError::bad_request("Missing check name"));
    }
    if !given.status.is_empty() && state_of(&given.status).is_none() {
        return Err(ConsulError::bad_request("Bad check status"));
    }
    match given.problem() {
        Some(problem) => Err(ConsulError::bad_request(format!("Invalid check: {problem}"))),
        None => Ok(given),
    }
}

fn take_check(fields: &mut BodyFields) -> Result<CheckGiven, String> {
    fields.text("Token")?;
    CheckGiven::take(fields, "ID")
}

/// The commands that add a check: to the node, whose record may have to be made first.
fn add_commands(access: &Access, given: CheckGiven) -> ConsulResult<Vec<Command>> {
    let view = RegistryView::of(access);
    let check_id = if given.id.is_empty() { given.name.clone() } else { given.id.clone() };
    let name = given.name.clone();

    if given.service_id.is_empty() {
        let own = &*access.app().own_node;
        let (definition, check) = given.build(check_id, name, OwnPlace { address: &own.address, port: 0 })?;
        refuse_method(access, &definition)?;
        let check = with_last_report(&view, check);
        let id = own_node_id(access);
        // What another service has is no business of a caller that may not change the node.
        let (name, add) = (check.id.clone(), access.require_scope(add_check(Arc::clone(&id), definition, check))?);
        let moved = moved_from(&view, &own.name, &name, &id)?;
        return Ok(own_node_record(&view, own).into_iter().chain(moved).chain([add]).collect());
    }
    let member = view.agent_member(&given.service_id).and_then(|member| member.instance);
    let Some(instance) = member else {
        let text = format!("ServiceID \"{}\" does not exist", clean(&given.service_id));
        return Err(ConsulError::internal(text));
    };
    let registration = &instance.instance.registration;
    let place = OwnPlace { address: &registration.address, port: registration.port };
    let (definition, check) = given.build(check_id, name, place)?;
    refuse_method(access, &definition)?;
    let check = with_last_report(&view, check);
    let id = Arc::clone(&instance.instance.id);
    let moved = moved_from(&view, &access.app().own_node.name, &check.id, &id)?;
    Ok(moved.into_iter().chain([add_check(id, definition, check)]).collect())
}

/// What would be refused takes no check away from others.
fn refuse_method(access: &Access, definition: &CheckDefinition) -> ConsulResult<()> {
    let refused = access.refused_method(&definition.kind);
    refused.map_or(Ok(()), |why| Err(ConsulError::bad_request(format!("Invalid check: {why}"))))
}

/// A check by report that is registered again keeps what was reported last, whatever it belonged to.
fn with_last_report(view: &RegistryView, check: CatalogCheck) -> CatalogCheck {
    let Some(owner) = view.check_owner(&view.own.name, &check.id).filter(|_| check.kind == "ttl") else {
        return check;
    };
    let position = owner.instance.registration.catalog_check_position(&check.id);
    let known = position.and_then(|at| owner.instance.checks.get(at)).filter(|known| known.checked_at.is_some());

    match known {
        Some(known) => {
            let output = known.note.as_deref().unwrap_or_default().to_owned();
            CatalogCheck { initial: known.state, output, ..check }
        }
        None => check,
    }
}

/// The command that takes a check away from whatever else on the node has it: its id is unique there.
///
/// # Errors
/// The check belongs to a service that the caller may not see.
pub(super) fn moved_from(view: &RegistryView, node: &str, check: &str, to: &str) -> ConsulResult<Option<Command>> {
    if node == view.own.name && view.view.is_check_hidden(check) {
        return Err(ConsulError::refused("the check id belongs to another service: use another id"));
    }
    let Some(owner) = view.check_owner(node, check).filter(|owner| &*owner.instance.id != to) else {
        return Ok(None);
    };
    let id = Arc::clone(&owner.instance.id);
    Ok(Some(Command::Catalog(CatalogCommand::RemoveCheck { id, check: check.into() })))
}

fn add_check(id: Arc<str>, definition: CheckDefinition, check: CatalogCheck) -> Command {
    let (definition, check) = (Box::new(definition), Box::new(check));
    Command::Catalog(CatalogCommand::AddCheck { id, definition, check })
}

/// The command that makes the record of this server's node, if there is none yet.
pub(super) fn own_node_record(view: &RegistryView, own: &OwnNode) -> Option<Command> {
    if view.view.node(&own.name).is_some() {
        return None;
    }
    let registration = Arc::new(node_registration(&own.name, &own.address));
    let command = CatalogCommand::Register { registration, replace_checks: false };
    Some(Command::Catalog(command))
}

/// The registration of a node.
pub(super) fn node_registration(name: &str, address: &str) -> Registration {
    let mut registration = without_place(name).id(super::ids::node_id(name)).namespace(NODES_NAMESPACE);
    address.clone_into(&mut registration.address);
    registration.ttl = Some(std::time::Duration::ZERO);
    registration.catalog = Some(Box::new(CatalogEntry::default()));
    registration
}

/// Removes a check. One that is not there is no error.
pub(super) async fn deregister(access: &Access, request: &ConsulRequest) -> ConsulResult {
    if request.rest.is_empty() {
        return Err(ConsulError::internal("CheckID missing"));
    }
    let owner = access.view().check_owner(&request.rest).map(|owner| Arc::clone(&owner.instance.id));
    if let Some(id) = owner {
        let check = request.rest.as_str().into();
        remove(access, vec![Command::Catalog(CatalogCommand::RemoveCheck { id, check })]).await?;
    }
    Ok(reply::empty())
}

/// Takes a report of a check, with its text in `note`.
pub(super) async fn report(access: &Access, request: &ConsulRequest, state: HealthState) -> ConsulResult {
    let note = request.query.text("note").unwrap_or_default();
    take_report(access, &request.rest, state, note).await
}

/// Takes a report of a check from a body.
pub(super) async fn update(access: &Access, request: &ConsulRequest, body: Body) -> ConsulResult {
    let mut fields = decode::read(access, body).await?;
    let taken = fields.text("Status").and_then(|status| Ok((status, fields.text("Output")?)));
    let taken = taken.and_then(|taken| fields.finish().map(|()| taken));
    let (status, output) = taken.map_err(|why| decode::failed(&why))?;
    let Some(state) = state_of(&status) else {
        return Err(ConsulError::bad_request(format!("Invalid check status: '{}'", clean(&status))));
    };
    take_report(access, &request.rest, state, &output).await
}

/// Consul's error for a report of a check that takes none, or that is not there.
fn no_ttl(check: &str) -> ConsulError {
    ConsulError::internal(format!("CheckID \"{}\" does not have associated TTL", clean(check)))
}

async fn take_report(access: &Access, check: &str, state: HealthState, note: &str) -> ConsulResult {
    let owner = access.view().check_owner(check).map(|owner| Arc::clone(&owner.instance.id));
    let id = owner.ok_or_else(|| no_ttl(check))?;

    // An empty text replaces the last one.
    let note = Some(note.into());
    let command = CatalogCommand::Report { id, check: check.into(), state, note };
    match access.write(Command::Catalog(command)).await {
        Err(error) if matches!(error.code, "unknown_instance" | "unknown_check") => Err(no_ttl(check)),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(reply::empty()),
    }
}
