//! `catalog/register` and `catalog/deregister`: nodes, services and checks that no agent looks after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde_json::Value;
use uuid::Uuid;

use super::agent_checks::{moved_from, node_registration, own_node_record};
use super::checks::state_of;
use super::decode::{self, BodyFields};
use super::definition::{ServiceGiven, is_wildcard};
use super::error::{ConsulError, ConsulResult};
use super::ids::{node_id, registry_id};
use super::query::no_datacenter;
use super::registry_view::RegistryView;
use super::reply;
use super::writes::remove;
use crate::clean::clean;
use crate::model::{CatalogCheck, CheckDefinition, HealthState, Registration, TaggedAddress};
use crate::registry::{CatalogCommand, Command};
use crate::server::authorized::Access;
use crate::server::instance_view::InstanceView;

/// A registration in the catalog.
#[derive(Debug)]
pub(super) struct CatalogRegistration {
    datacenter: String,
    node_id: String,
    node: String,
    address: String,
    tagged_addresses: BTreeMap<String, String>,
    node_meta: BTreeMap<String, String>,
    skip_node_update: bool,
    service: Option<ServiceGiven>,
    checks: Vec<GivenCheck>,
}

/// A check with its state.
#[derive(Debug)]
struct GivenCheck {
    id: String,
    name: String,
    status: String,
    notes: String,
    output: String,
    service_id: String,
    kind: String,
    definition: Option<Value>,
}

impl CatalogRegistration {
    fn take(fields: &mut BodyFields) -> Result<Self, String> {
        ignore_indexes(fields)?;
        fields.text("Token")?;
        let service = fields.object("Service")?.map(|mut service| {
            ignore_indexes(&mut service)?;
            let given = ServiceGiven::take(&mut service, "Service")?;
            service.finish()?;
            Ok::<_, String>(given.with_valid_weights())
        });
        let one = fields.take("Check");
        let checks = fields.list("Checks")?.into_iter().chain(one).map(GivenCheck::of);

        Ok(Self {
            datacenter: fields.text("Datacenter")?,
            node_id: fields.text("ID")?,
            node: fields.text("Node")?,
            address: fields.text("Address")?,
            tagged_addresses: fields.text_map("TaggedAddresses")?,
            node_meta: fields.text_map("NodeMeta")?,
            skip_node_update: fields.flag("SkipNodeUpdate")?,
            service: service.transpose()?,
            checks: checks.collect::<Result<_, String>>()?,
        })
    }

    /// Why it cannot be used, in the order in which Consul looks.
    fn problem(&self, own_datacenter: &str) -> Option<ConsulError> {
        if !self.datacenter.is_empty() && self.datacenter != own_datacenter {
            return Some(no_datacenter(&self.datacenter, own_datacenter));
        }
        if self.node.is_empty() {
            return Some(ConsulError::internal("Must provide node"));
        }
        if !self.node_id.is_empty() && Uuid::try_parse(&self.node_id).is_err() {
            return Some(ConsulError::internal("Bad node ID: it is not a UUID"));
        }
        if self.address.is_empty() && !self.skip_node_update {
            return Some(ConsulError::internal("Must provide address if SkipNodeUpdate is not set"));
        }

        if is_wildcard(&self.address) {
            return Some(ConsulError::internal("Invalid node address: it is the wildcard address"));
        }
        let service = self.service.as_ref();
        if service.is_some_and(|service| !service.id.is_empty() && service.name.is_empty()) {
            return Some(ConsulError::internal("Must provide service name with ID"));
        }

        service.and_then(ServiceGiven::problem_for_catalog).map(ConsulError::internal)
    }
}

/// A program that sends back what it read sends indexes too.
fn ignore_indexes(fields: &mut BodyFields) -> Result<(), String> {
    fields.number("CreateIndex")?;
    fields.number("ModifyIndex")?;
    Ok(())
}

impl GivenCheck {
    fn of(value: Value) -> Result<Self, String> {
        let mut fields = BodyFields::of(value).map_err(|why| format!("Check: {why}"))?;
        ignore_indexes(&mut fields)?;
        for unread in ["Node", "ServiceName"] {
            fields.text(unread)?;
        }
        fields.texts("ServiceTags")?;

        let definition = fields.map("Definition")?;
        let given = Self {
            id: fields.text("CheckID")?,
            name: fields.text("Name")?,
            status: fields.text("Status")?,
            notes: fields.text("Notes")?,
            output: fields.text("Output")?,
            service_id: fields.text("ServiceID")?,
            kind: fields.text("Type")?,
            definition: Some(definition).filter(|fields| !fields.is_empty()).map(Value::Object),
        };
        fields.finish()?;

        Ok(given)
    }

    /// The check: its state is what is registered, until something else is.
    fn build(self) -> ConsulResult<(CheckDefinition, CatalogCheck)> {
        let initial = match self.status.as_str() {
            "" => HealthState::Unhealthy,
            status => state_of(status).ok_or_else(|| {
                let text = format!("Invalid check status '{}': write passing, warning or critical", clean(status));
                ConsulError::bad_request(text)
            })?,
        };
        let id = if self.id.is_empty() { self.name.clone() } else { self.id };
        let definition = CheckDefinition::ttl().every(Duration::ZERO);

        let definition = if self.name.is_empty() { definition } else { definition.named(self.name) };
        let check = CatalogCheck {
            id,
            initial,
            output: self.output,
            notes: self.notes,
            port: None,
            tls: false,
            kind: self.kind,
            definition: self.definition,
        };

        Ok((definition, check))
    }
}

/// Registers a node, and a service and checks of it.
pub(super) async fn register(access: &Access, body: Body) -> ConsulResult {
    let fields = decode::read(access, body).await?;
    let given = registration(fields, &access.app().own_node.datacenter)?;
    let commands = register_commands(access, given)?;
    for written in access.write_together(commands).await? {
        written?;
    }
    Ok(reply::body(b"true".to_vec()))
}

/// Reads a registration in the catalog of a datacenter.
///
/// # Errors
/// It cannot be used.
pub(super) fn registration(mut fields: BodyFields, datacenter: &str) -> ConsulResult<CatalogRegistration> {
    let given = CatalogRegistration::take(&mut fields).and_then(|given| fields.finish().map(|()| given));
    let given = given.map_err(|why| decode::failed(&why))?;
    given.problem(datacenter).map_or(Ok(given), Err)
}

/// The commands: first the node, then its service, then the checks. Whether another service has a check is no business of a
/// caller that may not give the commands before it.
fn register_commands(access: &Access, given: CatalogRegistration) -> ConsulResult<Vec<Command>> {
    let view = &RegistryView::of(access);
    let (own, node) = (&*view.own, given.node.clone());
    let is_own = node == own.name;
    let known_address = view.node(&node).map(|node| node.address);
    let mut commands = if is_own { Vec::new() } else { node_command(view, &given)?.into_iter().collect() };
    for command in &commands {
        access.require_scope(command.clone())?;
    }

    let scope = Some(node.as_str()).filter(|_| !is_own);
    let address = Some(given.address.clone()).filter(|address| !address.is_empty()).or(known_address);
    let address = address.unwrap_or_else(|| own.address.clone());
    let new_service = given.service.as_ref().map(ServiceGiven::id_or_name);
    if let Some(service) = &given.service {
        let mut registration = service.registration(own, scope, &address);
        keep_origin(view, &node, &service.id_or_name(), &mut registration);
        // Refused as a whole: no node is left of it.
        if let Some(problem) = registration.problem() {
            return Err(problem.into());
        }
        commands.push(access.require_scope(catalog_register(registration))?);
    }

    if is_own && given.checks.iter().any(|check| check.service_id.is_empty()) {
        commands.extend(own_node_record(view, own));
    }
    for check in given.checks {
        let id = if check.service_id.is_empty() {
            node_id(&node)
        } else if new_service.as_ref() == Some(&check.service_id) {
            registry_id(scope, &check.service_id)
        } else {
            let known = view.service_of_node(&node, &check.service_id);
            let id = known.map(|known| known.instance.id.as_ref().to_owned());
            id.ok_or_else(|| {
                let text = format!("failed inserting check: Missing service registration on node \"{}\"", clean(&node));
                ConsulError::internal(text)
            })?
        };
        let (definition, check) = check.build()?;
        let (definition, check) = (Box::new(definition), Box::new(check));
        commands.extend(moved_from(view, &node, &check.id, &id)?);
        commands.push(Command::Catalog(CatalogCommand::AddCheck { id: id.into(), definition, check }));
    }
    Ok(commands)
}

fn catalog_register(registration: Registration) -> Command {
    let registration = Arc::new(registration);
    Command::Catalog(CatalogCommand::Register { registration, replace_checks: false })
}

/// A service that an agent has stays one of the agent's, under the id that it has; others are of the catalog only.
fn keep_origin(view: &RegistryView, node: &str, service_id: &str, registration: &mut Registration) {
    let known = view.service_of_node(node, service_id).map(|known| &known.instance);
    let is_external =
        known.is_none_or(|known| known.registration.catalog.as_deref().is_some_and(|entry| entry.is_external));
    if let Some(known) = known {
        registration.id = Some(known.id.as_ref().to_owned());
    }
    if let Some(entry) = &mut registration.catalog {
        entry.is_external = is_external;
    }
}

/// The command that registers or changes a node, unless it is to stay as it is. A service may come before its node, whose
/// address is that of the service until then.
fn node_command(view: &RegistryView, given: &CatalogRegistration) -> ConsulResult<Option<Command>> {
    let is_known = view.view.node(&given.node).is_some();
    let has_place = given.service.as_ref().is_some_and(|service| !service.address.is_empty());
    if given.skip_node_update && (is_known || given.address.is_empty() && has_place) {
        return Ok(None);
    }
    if given.address.is_empty() {
        return Err(ConsulError::internal("Must provide address: the node is not registered yet"));
    }

    let mut registration = node_registration(&given.node, &given.address);
    registration.metadata = given.node_meta.clone().into();
    if let Some(entry) = &mut registration.catalog {
        entry.id.clone_from(&given.node_id);
        entry.is_external = true;
        let tagged = given.tagged_addresses.iter();
        let tagged = tagged.map(|(tag, address)| (tag.clone(), TaggedAddress { address: address.clone(), port: 0 }));
        entry.tagged_addresses = tagged.collect();
    }
    Ok(Some(catalog_register(registration)))
}

/// Removes a node with all its services, or one service, or one check. What is not there is no error.
pub(super) async fn deregister(access: &Access, body: Body) -> ConsulResult {
    let fields = decode::read(access, body).await?;
    let [datacenter, node, service_id, check_id] = removal(fields).map_err(|why| decode::failed(&why))?;
    let own = &access.app().own_node;
    if !datacenter.is_empty() && datacenter != own.datacenter {
        return Err(no_datacenter(&datacenter, &own.datacenter));
    }
    if node.is_empty() {
        return Err(ConsulError::internal("Must provide node"));
    }

    if service_id.is_empty() && check_id.is_empty() {
        access.require_nodes()?;
    }
    let commands = removal_commands(&RegistryView::of(access), &node, &service_id, &check_id);
    remove(access, commands).await?;
    Ok(reply::body(b"true".to_vec()))
}

/// The datacenter, the node, and the ids of the service and the check of a removal.
pub(super) fn removal(mut fields: BodyFields) -> Result<[String; 4], String> {
    fields.text("Token")?;
    // Programs send the address of a node along.
    fields.text("Address")?;
    let taken = [fields.text("Datacenter")?, fields.text("Node")?, fields.text("ServiceID")?, fields.text("CheckID")?];
    fields.finish()?;
    Ok(taken)
}

fn removal_commands(view: &RegistryView, node: &str, service_id: &str, check_id: &str) -> Vec<Command> {
    if !service_id.is_empty() {
        let service = view.service_of_node(node, service_id);
        return service.map(|service| deregistration(service)).into_iter().collect();
    }

    let services = view.members_of_node(node).into_iter().filter_map(|member| member.instance);
    let record = view.view.node(node).cloned();
    if !check_id.is_empty() {
        let owner = view.check_owner(node, check_id);
        let removal = owner
            .map(|owner| CatalogCommand::RemoveCheck { id: Arc::clone(&owner.instance.id), check: check_id.into() });
        return removal.map(Command::Catalog).into_iter().collect();
    }
    // The node of this server is always there, and its agent keeps its services.
    if node == view.own.name {
        return Vec::new();
    }
    services.chain(record).map(|owner| deregistration(&owner)).collect()
}

fn deregistration(owner: &InstanceView) -> Command {
    Command::Deregister { id: Arc::clone(&owner.instance.id), generation: None }
}
