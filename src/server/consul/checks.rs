//! Checks as Consul writes them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::index::shown_index;
use crate::model::{CheckKind, HealthState, OperatorStatus, default_check_id};
use crate::server::instance_view::InstanceView;
use crate::server::own_node::OwnNode;
use crate::server::scoped_view::ScopedView;

/// What Consul shows for the check of its own agent.
pub(super) const SERF_HEALTH: &str = "serfHealth";

/// A check.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CatalogCheckEntry {
    pub(super) node: String,
    #[serde(rename = "CheckID")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: &'static str,
    pub(super) notes: String,
    pub(super) output: String,
    #[serde(rename = "ServiceID")]
    pub(super) service_id: String,
    pub(super) service_name: String,
    pub(super) service_tags: Vec<String>,
    #[serde(rename = "Type")]
    pub(super) kind: String,
    pub(super) definition: Value,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

/// Consul's word for a state. What nothing was heard of is critical.
pub(super) const fn status_of(state: HealthState) -> &'static str {
    match state {
        HealthState::Healthy => "passing",
        HealthState::Degraded => "warning",
        HealthState::Unhealthy | HealthState::Unknown => "critical",
    }
}

/// The state of Consul's word.
pub(super) fn state_of(status: &str) -> Option<HealthState> {
    match status {
        "passing" => Some(HealthState::Healthy),
        "warning" => Some(HealthState::Degraded),
        "critical" => Some(HealthState::Unhealthy),
        _ => None,
    }
}

/// The worst word of some checks.
pub(super) fn worst<'c>(checks: impl IntoIterator<Item = &'c CatalogCheckEntry>) -> &'static str {
    checks.into_iter().map(|check| check.status).max_by_key(|status| severity(status)).unwrap_or("passing")
}

fn severity(status: &str) -> u8 {
    match status {
        "passing" => 0,
        "warning" => 1,
        _ => 2,
    }
}

impl CatalogCheckEntry {
    /// The check that says that the agent of this server lives: it answers.
    pub(super) fn of_server(own: &OwnNode) -> Self {
        Self {
            id: SERF_HEALTH.to_owned(),
            name: "Serf Health Status".to_owned(),
            output: "Agent alive and reachable".to_owned(),
            create_index: shown_index(0),
            modify_index: shown_index(0),
            ..Self::new(&own.name, HealthState::Healthy)
        }
    }

    fn new(node: &str, state: HealthState) -> Self {
        Self {
            node: node.to_owned(),
            id: String::new(),
            name: String::new(),
            status: status_of(state),
            notes: String::new(),
            output: String::new(),
            service_id: String::new(),
            service_name: String::new(),
            service_tags: Vec::new(),
            kind: String::new(),
            definition: Value::Object(Map::new()),
            create_index: 0,
            modify_index: 0,
        }
    }
}

/// The checks of an instance, or of a node, sorted by id.
pub(super) fn checks_of(
    view: &InstanceView,
    node: &str,
    service_id: &str,
    registry: &ScopedView,
) -> Vec<CatalogCheckEntry> {
    let instance = &view.instance;
    let mut checks: Vec<CatalogCheckEntry> = (0..instance.registration.checks.len())
        .filter_map(|at| registered_check(view, node, service_id, at))
        .chain(maintenance(view, node, service_id, registry))
        .chain(lease(view, node, service_id))
        .collect();

    checks.sort_by(|a, b| a.id.cmp(&b.id));
    checks
}

/// A check of an instance without anything about what it checks.
fn base(view: &InstanceView, node: &str, service_id: &str, state: HealthState) -> CatalogCheckEntry {
    let (instance, registration) = (&view.instance, &*view.instance.registration);
    let check = CatalogCheckEntry::new(node, state);
    let [create_index, modify_index] = [instance.generation, instance.index].map(shown_index);
    let check = CatalogCheckEntry { create_index, modify_index, ..check };
    if registration.is_node() {
        return check;
    }
    CatalogCheckEntry {
        service_id: service_id.to_owned(),
        service_name: registration.name.clone(),
        service_tags: registration.tags.clone(),
        ..check
    }
}

fn registered_check(view: &InstanceView, node: &str, service_id: &str, at: usize) -> Option<CatalogCheckEntry> {
    let (instance, registration) = (&view.instance, &*view.instance.registration);
    let definition = registration.checks.get(at)?;
    let known = registration.catalog_check(at);
    let state = instance.checks.get(at);

    let note = state.and_then(|state| state.note.as_deref()).unwrap_or_default();
    let output = match (&definition.kind, note) {
        (CheckKind::Ttl, "no report in time") => "TTL expired",
        (_, note) => note,
    };
    Some(CatalogCheckEntry {
        id: known.map_or_else(|| default_check_id(service_id, at, registration.checks.len()), |known| known.id.clone()),
        name: definition.name.clone().unwrap_or_else(|| format!("Service '{}' check", registration.name)),
        notes: known.map(|known| known.notes.clone()).unwrap_or_default(),
        output: output.to_owned(),
        kind: known.map_or_else(|| definition.kind.as_str().to_owned(), |known| known.kind.clone()),
        definition: known.and_then(|known| known.definition.clone()).unwrap_or_else(|| json!({})),
        ..base(view, node, service_id, state.map_or(HealthState::Unknown, |state| state.state))
    })
}

/// The check that takes an instance or a node out of service.
fn maintenance(view: &InstanceView, node: &str, service_id: &str, registry: &ScopedView) -> Option<CatalogCheckEntry> {
    let instance = &view.instance;
    let reason = registry.reason(instance);
    let notes = match instance.status {
        OperatorStatus::Up => return None,
        OperatorStatus::Draining => "its operator drains it: it takes no new calls",
        OperatorStatus::Maintenance => reason.as_deref().unwrap_or("its operator put it into maintenance"),
    };

    let base = base(view, node, service_id, HealthState::Unhealthy);
    let (id, name) = if instance.registration.is_node() {
        ("_node_maintenance".to_owned(), "Node Maintenance Mode")
    } else {
        (format!("_service_maintenance:{service_id}"), "Service Maintenance Mode")
    };
    Some(CatalogCheckEntry {
        id,
        name: name.to_owned(),
        notes: notes.to_owned(),
        kind: "maintenance".to_owned(),
        ..base
    })
}

/// The lease and the own report of an instance that renews its registration, which Consul does not know, as a check.
fn lease(view: &InstanceView, node: &str, service_id: &str) -> Option<CatalogCheckEntry> {
    let instance = &view.instance;
    let is_expired = instance.lease.as_ref().map(|lease| lease.expired);
    if is_expired.is_none() && instance.report.is_none() {
        return None;
    }

    let reported = instance.report.as_ref().map_or(HealthState::Healthy, |report| report.status);
    let (state, output) = match (is_expired, &instance.report) {
        (Some(true), _) => (HealthState::Unhealthy, "the registration was not renewed in time"),
        (_, Some(report)) => (reported, report.message.as_deref().unwrap_or_default()),
        _ => (HealthState::Healthy, ""),
    };
    Some(CatalogCheckEntry {
        id: format!("lease:{service_id}"),
        name: "portolan lease".to_owned(),
        output: output.to_owned(),
        kind: "ttl".to_owned(),
        ..base(view, node, service_id, state)
    })
}
