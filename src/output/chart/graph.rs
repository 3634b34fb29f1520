//! The graph behind every picture.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use crate::clean::clean;
#[cfg(feature = "k8s")]
use crate::model::K8sRouteDetail;
use crate::model::{
    ConnectionDetail, ConnectionDirection, ConnectionEnd, ConnectionPeer, Endpoint, HealthState, Service,
};
use crate::output::table::Field;
use crate::output::{RenderOptions, place_with_path};

/// Groups, owners and endpoints, in the order of the listing.
#[derive(Default)]
pub(super) struct ChartGraph {
    /// The names of groups; the first is that of owners without one, and empty.
    pub(super) groups: Vec<String>,
    pub(super) owners: Vec<ChartOwner>,
    /// Routes: indexes of owners.
    pub(super) links: Vec<(usize, usize)>,
    group_places: HashMap<String, usize>,
    owner_places: HashMap<(usize, String), usize>,
    /// Owners by namespace and name, for routes.
    named: HashMap<(String, String), usize>,
    /// Routes to owners that may come later.
    wanted: Vec<(usize, (String, String))>,
}

/// A process, a service or a host.
pub(super) struct ChartOwner {
    pub(super) group: usize,
    pub(super) label: String,
    pub(super) leaves: Vec<Leaf>,
}

/// An endpoint.
pub(super) struct Leaf {
    pub(super) label: String,
    pub(super) state: NodeState,
}

/// How an endpoint is, for the color of its box; the label says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    Plain,
    Good,
    Doubtful,
    Bad,
}

impl NodeState {
    /// The name of its class in a picture.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }
}

/// The columns that may name the group of a service, the closest first.
const GROUPS: [&str; 3] = ["container", "unit", "namespace"];

impl ChartGraph {
    /// Adds a service with its endpoints.
    pub(super) fn add(&mut self, page: &RenderOptions, service: &Service) -> Result<(), fmt::Error> {
        if let Some(connection) = service.detail.downcast_ref::<ConnectionDetail>() {
            self.add_connection(page, service, connection);
            return Ok(());
        }

        for endpoint in service.rows() {
            let cell = |name: &str| cell(page, service, endpoint, name);
            let mut group = String::new();
            for name in GROUPS {
                group = cell(name)?;
                if !group.is_empty() {
                    group = format!("{name} {group}");
                    break;
                }
            }

            let label = owner_label(service, endpoint, &cell("process")?, &cell("pid")?);
            let group = self.group(group);
            let owner = self.owner(group, label);
            if let Some(endpoint) = endpoint {
                let leaf = leaf(page, service, endpoint, &cell("state")?);
                self.owners[owner].leaves.push(leaf);
            }
            self.note_names(owner, service);
        }
        self.resolve_links();
        Ok(())
    }

    /// Adds a line from the client to the server, and the endpoint at which the server serves.
    fn add_connection(&mut self, page: &RenderOptions, service: &Service, connection: &ConnectionDetail) {
        let is_server = connection.direction == Some(ConnectionDirection::In);
        let ConnectionPeer { address, port, holder, .. } = &connection.peer;
        // The port of a client elsewhere says nothing.
        let far = if is_server { address.to_string() } else { SocketAddr::new(*address, *port).to_string() };
        let own = self.end(Some(&connection.end), "");
        let peer = self.end(holder.as_ref(), &far);

        let (from, to) = if is_server { (peer, own) } else { (own, peer) };
        if !self.links.contains(&(from, to)) {
            self.links.push((from, to));
        }
        if let Some(endpoint) = service.endpoints.first().filter(|_| is_server) {
            let leaf = leaf(page, service, endpoint, "");
            let leaves = &mut self.owners[own].leaves;
            if !leaves.iter().any(|known| known.label == leaf.label) {
                leaves.push(leaf);
            }
        }
    }

    /// The owner for an end of a connection: its process, why that is unknown, or the name of an end elsewhere.
    fn end(&mut self, end: Option<&ConnectionEnd>, far: &str) -> usize {
        let Some(end) = end else {
            let group = self.group(String::new());
            return self.owner(group, far.to_owned());
        };

        let container = end.container.as_ref().map(|container| format!("container {container}"));
        let unit = end.unit.as_ref().map(|unit| format!("unit {unit}"));
        let group = self.group(container.or(unit).unwrap_or_default());
        let label = match end.processes.first() {
            Some(process) => format!("{} ({})", process.name, process.pid),
            None => end.owner.as_str().to_owned(),
        };
        self.owner(group, label)
    }

    fn group(&mut self, name: String) -> usize {
        if self.groups.is_empty() {
            self.groups.push(String::new());
            self.group_places.insert(String::new(), 0);
        }
        let next = self.groups.len();
        let place = *self.group_places.entry(name.clone()).or_insert(next);
        if place == next {
            self.groups.push(name);
        }
        place
    }

    fn owner(&mut self, group: usize, label: String) -> usize {
        let next = self.owners.len();
        let place = *self.owner_places.entry((group, label.clone())).or_insert(next);
        if place == next {
            self.owners.push(ChartOwner { group, label, leaves: Vec::new() });
        }
        place
    }

    /// Remembers the name of an owner, and where its routes lead.
    fn note_names(&mut self, owner: usize, service: &Service) {
        let namespace = service.namespace.as_ref().map_or("", |namespace| namespace.as_raw()).to_owned();
        #[cfg(feature = "k8s")]
        if let Some(route) = service.detail.downcast_ref::<K8sRouteDetail>() {
            for target in route.rules.iter().filter_map(|rule| rule.service.as_ref()) {
                let (space, name) = target.as_raw().split_once('/').unwrap_or((&namespace, target.as_raw()));
                self.wanted.push((owner, (space.to_owned(), name.to_owned())));
            }
            return;
        }
        if let Some(name) = &service.name {
            self.named.insert((namespace, name.as_raw().to_owned()), owner);
        }
    }

    fn resolve_links(&mut self) {
        let Self { links, wanted, named, .. } = self;
        wanted.retain(|(from, name)| match named.get(name) {
            Some(&to) => {
                if !links.contains(&(*from, to)) {
                    links.push((*from, to));
                }
                false
            }
            None => true,
        });
    }

    /// A graph of these parts.
    #[cfg(test)]
    pub(super) fn of(groups: Vec<String>, owners: Vec<ChartOwner>) -> Self {
        Self { groups, owners, ..Self::default() }
    }

    /// The owners of a group, in their order.
    pub(super) fn owners_of(&self, group: usize) -> impl Iterator<Item = (usize, &ChartOwner)> {
        self.owners.iter().enumerate().filter(move |(_, owner)| owner.group == group)
    }
}

/// The cell of a column, clean; empty if the source has no such column.
fn cell(
    page: &RenderOptions,
    service: &Service,
    endpoint: Option<&Endpoint>,
    name: &str,
) -> Result<String, fmt::Error> {
    let mut text = String::new();
    if let Some(field) = Field::named(name, page.columns) {
        field.write(page, service, endpoint, &mut text)?;
    }
    Ok(text)
}

/// A process where there is one, else the name of the service, else its host.
fn owner_label(service: &Service, endpoint: Option<&Endpoint>, process: &str, pid: &str) -> String {
    if !process.is_empty() {
        return if pid.is_empty() { process.to_owned() } else { format!("{process} ({pid})") };
    }
    match (&service.name, endpoint) {
        (Some(name), _) => name.to_string(),
        (None, Some(endpoint)) => clean(&endpoint.address.to_string()),
        (None, None) => service.id.to_string(),
    }
}

/// `tcp 127.0.0.1:80  http  healthy`
fn leaf(page: &RenderOptions, service: &Service, endpoint: &Endpoint, state: &str) -> Leaf {
    let mut label = format!("{} {}", endpoint.transport.as_str(), place_with_path(service, endpoint));
    let protocol = clean(page.service(endpoint));
    if !protocol.is_empty() {
        label.push_str("  ");
        label.push_str(&protocol);
    }

    let health = endpoint.health.as_deref().map(|health| health.state);
    let (state, word) = match health {
        Some(HealthState::Healthy) => (NodeState::Good, HealthState::Healthy.as_str()),
        Some(HealthState::Unhealthy) => (NodeState::Bad, HealthState::Unhealthy.as_str()),
        Some(other) => (NodeState::Doubtful, other.as_str()),
        None if state == "open" => (NodeState::Good, state),
        None if matches!(state, "filtered" | "no-answer" | "unreachable" | "closed") => (NodeState::Doubtful, state),
        None if !endpoint.ready => (NodeState::Bad, "not ready"),
        None => (NodeState::Plain, ""),
    };
    if !word.is_empty() {
        label.push_str("  ");
        label.push_str(word);
    }
    Leaf { label, state }
}
