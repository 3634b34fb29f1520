//! Services as Consul writes them, in its three forms.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::checks::CatalogCheckEntry;
use super::index::shown_index;
use super::nodes::CatalogNode;
use crate::model::{CatalogEntry, Registration, TaggedAddress};
use crate::server::instance_view::InstanceView;
use crate::server::own_node::OwnNode;

/// The version of Consul's API that is spoken here.
pub(super) const API_VERSION: &str = "1.8.7";
/// The service that every server of Consul registers for itself.
pub(super) const CONSUL: &str = "consul";

/// What all forms have.
#[derive(Clone, Debug)]
pub(super) struct ServiceFacts {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) address: String,
    pub(super) tagged: BTreeMap<String, ServiceAddress>,
    pub(super) meta: BTreeMap<String, String>,
    pub(super) port: u16,
    pub(super) weights: Weights,
    pub(super) enable_tag_override: bool,
    /// Empty for a service that is not a proxy.
    pub(super) kind: String,
    pub(super) proxy: Value,
    pub(super) connect: Value,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceAddress {
    pub(super) address: String,
    pub(super) port: u16,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Weights {
    pub(super) passing: u16,
    pub(super) warning: u16,
}

impl ServiceFacts {
    /// The facts of an instance. `id` is its id in the catalog.
    pub(super) fn of(view: &InstanceView, id: &str) -> Self {
        let (instance, registration) = (&view.instance, &*view.instance.registration);
        let entry = registration.catalog.as_deref();
        let address = entry.map_or(&registration.address, |entry| &entry.address);
        let weights =
            Weights { passing: instance.weight, warning: entry.map_or(instance.weight, |entry| entry.warning_weight) };

        Self {
            id: id.to_owned(),
            name: registration.name.clone(),
            tags: registration.tags.clone(),
            address: address.clone(),
            tagged: entry.map(tagged_addresses).unwrap_or_default(),
            meta: meta(registration),
            port: registration.port,
            weights,
            enable_tag_override: entry.is_some_and(|entry| entry.enable_tag_override),
            kind: entry.map(|entry| entry.kind.clone()).unwrap_or_default(),
            proxy: entry.and_then(|entry| entry.proxy.clone()).unwrap_or_else(no_proxy),
            connect: connect(entry.is_some_and(|entry| entry.is_native)),
            create_index: shown_index(instance.generation),
            modify_index: shown_index(instance.index),
        }
    }

    /// The service that every server of Consul registers for itself.
    pub(super) fn of_server(own: &OwnNode) -> Self {
        let meta = [("non_voter", "false"), ("version", API_VERSION), ("portolan", env!("CARGO_PKG_VERSION"))];
        Self {
            id: CONSUL.to_owned(),
            name: CONSUL.to_owned(),
            tags: Vec::new(),
            address: String::new(),
            tagged: BTreeMap::new(),
            meta: meta.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            port: own.port,
            weights: Weights { passing: 1, warning: 1 },
            enable_tag_override: false,
            kind: String::new(),
            proxy: no_proxy(),
            connect: connect(false),
            create_index: shown_index(0),
            modify_index: shown_index(0),
        }
    }

    /// Whether it has all these tags.
    pub(super) fn has_tags(&self, wanted: &[&str]) -> bool {
        // Consul compares tags without regard to case.
        wanted.iter().all(|wanted| self.tags.iter().any(|tag| tag.eq_ignore_ascii_case(wanted)))
    }
}

fn tagged_addresses(entry: &CatalogEntry) -> BTreeMap<String, ServiceAddress> {
    let tagged = entry.tagged_addresses.iter();
    tagged
        .map(|(tag, TaggedAddress { address, port })| {
            (tag.clone(), ServiceAddress { address: address.clone(), port: *port })
        })
        .collect()
}

/// The metadata. Consul has no fields for a version, a protocol and a zone; clients look for them here.
fn meta(registration: &Registration) -> BTreeMap<String, String> {
    let mut meta = registration.metadata.to_map();
    let fields =
        [("version", &registration.version), ("protocol", &registration.protocol), ("zone", &registration.zone)];
    for (key, value) in fields {
        if let Some(value) = value {
            meta.entry(key.to_owned()).or_insert_with(|| value.clone());
        }
    }
    meta
}

/// What Consul writes for a service that is not a proxy.
fn no_proxy() -> Value {
    json!({ "MeshGateway": {}, "Expose": {} })
}

fn connect(is_native: bool) -> Value {
    if is_native { json!({ "Native": true }) } else { json!({}) }
}

/// A service as in `health/service` and `catalog/node`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeService {
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(rename = "ID")]
    pub(super) id: String,
    service: String,
    tags: Vec<String>,
    address: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tagged_addresses: BTreeMap<String, ServiceAddress>,
    meta: BTreeMap<String, String>,
    port: u16,
    weights: Weights,
    enable_tag_override: bool,
    proxy: Value,
    connect: Value,
    create_index: u64,
    modify_index: u64,
}

impl From<ServiceFacts> for NodeService {
    fn from(facts: ServiceFacts) -> Self {
        Self {
            kind: facts.kind,
            id: facts.id,
            service: facts.name,
            tags: facts.tags,
            address: facts.address,
            tagged_addresses: facts.tagged,
            meta: facts.meta,
            port: facts.port,
            weights: facts.weights,
            enable_tag_override: facts.enable_tag_override,
            proxy: facts.proxy,
            connect: facts.connect,
            create_index: facts.create_index,
            modify_index: facts.modify_index,
        }
    }
}

/// A service as in `agent/services`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AgentService {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) service: String,
    pub(super) tags: Vec<String>,
    pub(super) meta: BTreeMap<String, String>,
    pub(super) port: u16,
    pub(super) address: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tagged_addresses: BTreeMap<String, ServiceAddress>,
    pub(super) weights: Weights,
    pub(super) enable_tag_override: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connect: Option<Value>,
}

impl From<ServiceFacts> for AgentService {
    fn from(facts: ServiceFacts) -> Self {
        Self {
            id: facts.id,
            service: facts.name,
            tags: facts.tags,
            meta: facts.meta,
            port: facts.port,
            address: facts.address,
            tagged_addresses: facts.tagged,
            weights: facts.weights,
            enable_tag_override: facts.enable_tag_override,
            content_hash: None,
            connect: Some(facts.connect).filter(|connect| connect.get("Native").is_some()),
        }
    }
}

/// A service with its node, as in `catalog/service`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceNode {
    #[serde(rename = "ID")]
    id: String,
    node: String,
    address: String,
    datacenter: String,
    tagged_addresses: Option<BTreeMap<String, String>>,
    node_meta: Option<BTreeMap<String, String>>,
    service_kind: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    service_name: String,
    service_tags: Vec<String>,
    service_address: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    service_tagged_addresses: BTreeMap<String, ServiceAddress>,
    service_weights: Weights,
    service_meta: BTreeMap<String, String>,
    service_port: u16,
    service_enable_tag_override: bool,
    service_proxy: Value,
    service_connect: Value,
    create_index: u64,
    modify_index: u64,
}

impl ServiceNode {
    pub(super) fn new(node: CatalogNode, facts: ServiceFacts) -> Self {
        Self {
            id: node.id,
            node: node.name,
            address: node.address,
            datacenter: node.datacenter,
            tagged_addresses: node.tagged_addresses,
            node_meta: node.meta,
            service_kind: facts.kind,
            service_id: facts.id,
            service_name: facts.name,
            service_tags: facts.tags,
            service_address: facts.address,
            service_tagged_addresses: facts.tagged,
            service_weights: facts.weights,
            service_meta: facts.meta,
            service_port: facts.port,
            service_enable_tag_override: facts.enable_tag_override,
            service_proxy: facts.proxy,
            service_connect: facts.connect,
            create_index: facts.create_index,
            modify_index: facts.modify_index,
        }
    }
}

/// An instance with its node and its checks, as in `health/service`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthEntry {
    pub(super) node: CatalogNode,
    pub(super) service: NodeService,
    pub(super) checks: Vec<CatalogCheckEntry>,
}

impl HealthEntry {
    /// Whether all checks pass, those of the node too.
    pub(super) fn is_passing(&self) -> bool {
        self.checks.iter().all(|check| check.status == "passing")
    }
}
