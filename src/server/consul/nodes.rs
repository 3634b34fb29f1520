//! Nodes: that of this server, those that programs registered, and those that instances name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::index::shown_index;
use crate::server::instance_view::InstanceView;
use crate::server::own_node::OwnNode;

/// A node as Consul writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CatalogNode {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "Node")]
    pub(super) name: String,
    pub(super) address: String,
    pub(super) datacenter: String,
    pub(super) tagged_addresses: Option<BTreeMap<String, String>>,
    pub(super) meta: Option<BTreeMap<String, String>>,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

impl CatalogNode {
    /// The node of this server, with what programs registered for it.
    pub(super) fn own(own: &OwnNode, record: Option<&InstanceView>) -> Self {
        let family = if own.address.contains(':') { "ipv6" } else { "ipv4" };
        let tags = ["lan".to_owned(), format!("lan_{family}"), "wan".to_owned(), format!("wan_{family}")];
        let registered = record.map(|record| record.instance.registration.metadata.to_map());
        let mut meta = own.meta.clone();
        meta.extend(registered.unwrap_or_default());
        meta.entry("consul-network-segment".to_owned()).or_default();

        Self {
            id: own.id.clone(),
            name: own.name.clone(),
            address: own.address.clone(),
            datacenter: own.datacenter.clone(),
            tagged_addresses: Some(tags.into_iter().map(|tag| (tag, own.address.clone())).collect()),
            meta: Some(meta),
            create_index: shown_index(0),
            modify_index: shown_index(record.map_or(0, |record| record.instance.index)),
        }
    }

    /// A node that a program registered.
    pub(super) fn registered(own: &OwnNode, record: &InstanceView) -> Self {
        let (instance, registration) = (&record.instance, &*record.instance.registration);
        let entry = registration.catalog.as_deref();
        let tagged = entry.map(|entry| &entry.tagged_addresses).filter(|tagged| !tagged.is_empty());
        let tagged = tagged.map(|tagged| {
            tagged.iter().map(|(tag, address)| (tag.clone(), address.address.clone())).collect::<BTreeMap<_, _>>()
        });
        let given = entry.map(|entry| entry.id.clone()).filter(|id| !id.is_empty());

        Self {
            id: given.unwrap_or_else(|| own.id_of(&registration.name)),
            name: registration.name.clone(),
            address: registration.address.clone(),
            datacenter: own.datacenter.clone(),
            tagged_addresses: tagged,
            meta: Some(registration.metadata.to_map()).filter(|meta| !meta.is_empty()),
            create_index: shown_index(instance.generation),
            modify_index: shown_index(instance.index),
        }
    }

    /// A node that only an instance names. Its address is that of the instance.
    pub(super) fn of_instance(own: &OwnNode, name: &str, instance: &InstanceView) -> Self {
        Self {
            id: own.id_of(name),
            name: name.to_owned(),
            address: instance.instance.registration.address.clone(),
            datacenter: own.datacenter.clone(),
            tagged_addresses: None,
            meta: None,
            create_index: shown_index(instance.instance.generation),
            modify_index: shown_index(instance.instance.generation),
        }
    }

    /// Whether it has all this metadata.
    pub(super) fn has_meta(&self, wanted: &[(String, String)]) -> bool {
        wanted.iter().all(|(key, value)| self.meta.as_ref().and_then(|meta| meta.get(key)) == Some(value))
    }
}
