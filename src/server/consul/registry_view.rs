//! The registry at one index, with Consul's eyes: nodes, their services and their checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checks::{CatalogCheckEntry, SERF_HEALTH, checks_of};
use super::ids::registry_id;
use super::nodes::CatalogNode;
use super::services::{CONSUL, ServiceFacts};
use crate::model::DEFAULT_NAMESPACE;
use crate::server::authorized::Access;
use crate::server::instance_view::InstanceView;
use crate::server::own_node::OwnNode;
use crate::server::scoped_view::ScopedView;
use crate::server::view::ServiceView;

/// The registry at one index.
pub(super) struct RegistryView {
    pub(super) view: ScopedView,
    pub(super) own: Arc<OwnNode>,
}

/// A service of a node.
#[derive(Clone)]
pub(super) struct ServiceMember {
    pub(super) node: String,
    pub(super) service_id: String,
    /// `None`: the service that this server has for itself.
    pub(super) instance: Option<Arc<InstanceView>>,
}

impl ServiceMember {
    /// Whether the agent of its node has it: it came by an agent, or by another way than Consul's API.
    fn is_of_agent(&self) -> bool {
        let entry = self.instance.as_ref().map(|view| view.instance.registration.catalog.as_deref());
        entry.is_some_and(|entry| entry.is_none_or(|entry| !entry.is_external))
    }
}

impl RegistryView {
    pub(super) fn of(access: &Access) -> Self {
        Self { view: access.view(), own: Arc::clone(&access.app().own_node) }
    }

    /// The services that Consul's API shows, without the server itself. One of its name that came by another API is not it.
    fn services_of_default(&self) -> impl Iterator<Item = &Arc<ServiceView>> {
        let services = self.view.services();
        services.filter(|service| &*service.key.namespace == DEFAULT_NAMESPACE && &*service.key.name != CONSUL)
    }

    fn member(&self, instance: &Arc<InstanceView>) -> ServiceMember {
        let registration = &instance.instance.registration;
        let service_id = registration.catalog.as_ref().map_or(&*instance.instance.id, |entry| &entry.id);
        ServiceMember {
            node: registration.node.as_deref().unwrap_or(&self.own.name).to_owned(),
            service_id: service_id.to_owned(),
            instance: Some(Arc::clone(instance)),
        }
    }

    fn own_member(&self) -> ServiceMember {
        ServiceMember { node: self.own.name.clone(), service_id: CONSUL.to_owned(), instance: None }
    }

    /// The members of a service, by node and id.
    pub(super) fn members(&self, name: &str) -> Vec<ServiceMember> {
        if name == CONSUL {
            return vec![self.own_member()];
        }
        let service = self.view.service(DEFAULT_NAMESPACE, name);
        let instances = service.into_iter().flat_map(|service| service.list());
        sorted(instances.map(|instance| self.member(instance)).collect())
    }

    /// All services of all nodes, by node and id.
    pub(super) fn all_members(&self) -> Vec<ServiceMember> {
        let instances = self.services_of_default().flat_map(|service| service.list());
        sorted(instances.map(|instance| self.member(instance)).chain([self.own_member()]).collect())
    }

    /// The services of a node, by id.
    pub(super) fn members_of_node(&self, node: &str) -> Vec<ServiceMember> {
        self.all_members().into_iter().filter(|member| member.node == node).collect()
    }

    /// The services that the agent of this server has: those of its node that came by an agent, or by another way than
    /// Consul's API.
    pub(super) fn agent_members(&self) -> Vec<ServiceMember> {
        let mut members = self.members_of_node(&self.own.name);
        members.retain(ServiceMember::is_of_agent);
        members
    }

    /// The service of this server's agent with this id.
    pub(super) fn agent_member(&self, service_id: &str) -> Option<ServiceMember> {
        let instance = self.service_of_node(&self.own.name, service_id)?;
        Some(self.member(instance)).filter(ServiceMember::is_of_agent)
    }

    /// The instance of a node with this id in the catalog.
    pub(super) fn service_of_node(&self, node: &str, service_id: &str) -> Option<&Arc<InstanceView>> {
        let scope = Some(node).filter(|node| *node != self.own.name);
        let candidates = [registry_id(scope, service_id), service_id.to_owned()];
        let instances = candidates.iter().filter_map(|id| self.view.instance(id));
        instances.into_iter().find(|instance| {
            let member = self.member(instance);
            let is_visible = instance.instance.namespace() == DEFAULT_NAMESPACE;
            is_visible && member.node == node && member.service_id == service_id
        })
    }

    /// What a check of a node belongs to: a service, or the node itself.
    pub(super) fn check_owner(&self, node: &str, check: &str) -> Option<Arc<InstanceView>> {
        if let Some(record) = self.view.node(node).filter(|record| has_check(record, check)) {
            return Some(Arc::clone(record));
        }
        // A registration with its agent must not look through all services.
        if node == self.own.name {
            return self.view.check_owner(check).cloned();
        }
        let members = self.members_of_node(node).into_iter().filter_map(|member| member.instance);
        members.into_iter().find(|owner| has_check(owner, check))
    }

    /// The names of all services with the tags of their members.
    pub(super) fn service_tags(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
        let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if wanted(&self.own.name) {
            services.insert(CONSUL.to_owned(), Vec::new());
        }
        for service in self.services_of_default() {
            for instance in service.list() {
                let registration = &instance.instance.registration;
                if wanted(registration.node.as_deref().unwrap_or(&self.own.name)) {
                    services.entry(registration.name.clone()).or_default().extend(registration.tags.iter().cloned());
                }
            }
        }

        for tags in services.values_mut() {
            tags.sort();
            tags.dedup();
        }
        services
    }

    /// A node that a caller asks for by its name.
    pub(super) fn node(&self, name: &str) -> Option<CatalogNode> {
        self.known_node(name).filter(|_| self.may_see_node(name))
    }

    /// Whether a caller may see a node: all of them, or those that its services are on.
    fn may_see_node(&self, name: &str) -> bool {
        self.view.is_unlimited() || name == self.own.name || !self.members_of_node(name).is_empty()
    }

    fn known_node(&self, name: &str) -> Option<CatalogNode> {
        let record = self.view.node(name).map(|record| &**record);
        if name == self.own.name {
            return Some(CatalogNode::own(&self.own, record));
        }
        match record {
            Some(record) => Some(CatalogNode::registered(&self.own, record)),
            None => self.named_nodes().remove(name),
        }
    }

    /// Whether a node has all this metadata. Without any, also one that is not registered.
    pub(super) fn node_has_meta(&self, node: &str, wanted: &[(String, String)]) -> bool {
        wanted.is_empty() || self.known_node(node).is_some_and(|node| node.has_meta(wanted))
    }

    /// The node of a member.
    pub(super) fn node_of(&self, member: &ServiceMember) -> CatalogNode {
        let record = self.view.node(&member.node).map(|record| &**record);
        match (record, &member.instance) {
            _ if member.node == self.own.name => CatalogNode::own(&self.own, record),
            (Some(record), _) => CatalogNode::registered(&self.own, record),
            // The first instance of a node that nothing else describes stands for it, but each has its own address.
            (None, Some(instance)) => CatalogNode::of_instance(&self.own, &member.node, instance),
            (None, None) => CatalogNode::own(&self.own, None),
        }
    }

    /// The nodes that only instances name.
    fn named_nodes(&self) -> BTreeMap<String, CatalogNode> {
        let mut nodes = BTreeMap::new();
        for instance in self.services_of_default().flat_map(|service| service.list()) {
            let Some(name) = instance.instance.registration.node.as_deref() else { continue };
            if name != self.own.name && self.view.node(name).is_none() && !nodes.contains_key(name) {
                nodes.insert(name.to_owned(), CatalogNode::of_instance(&self.own, name, instance));
            }
        }
        nodes
    }

    /// All nodes, by name.
    pub(super) fn nodes(&self) -> Vec<CatalogNode> {
        let mut nodes = self.named_nodes();
        for record in self.view.nodes() {
            let node = CatalogNode::registered(&self.own, record);
            nodes.insert(node.name.clone(), node);
        }
        let record = self.view.node(&self.own.name).map(|record| &**record);
        nodes.insert(self.own.name.clone(), CatalogNode::own(&self.own, record));
        nodes.into_values().collect()
    }

    /// The facts of a member's service.
    pub(super) fn facts(&self, member: &ServiceMember) -> ServiceFacts {
        match &member.instance {
            Some(instance) => ServiceFacts::of(instance, &member.service_id),
            None => ServiceFacts::of_server(&self.own),
        }
    }

    /// The checks of a member's service, without those of its node.
    pub(super) fn service_checks(&self, member: &ServiceMember) -> Vec<CatalogCheckEntry> {
        match &member.instance {
            Some(instance) => checks_of(instance, &member.node, &member.service_id, &self.view),
            None => Vec::new(),
        }
    }

    /// The checks of a node, without those of its services.
    pub(super) fn node_checks(&self, node: &str) -> Vec<CatalogCheckEntry> {
        let record = self.view.node(node);
        let checks = record.map(|record| checks_of(record, node, "", &self.view));
        let own = (node == self.own.name).then(|| CatalogCheckEntry::of_server(&self.own));
        let mut checks: Vec<CatalogCheckEntry> = checks.into_iter().flatten().chain(own).collect();
        checks.sort_by(|a, b| a.id.cmp(&b.id));
        checks
    }

    /// The same for a node that a caller asks for, and not for one of its services: what programs registered for the node is
    /// for callers that may see every service, or have one on it.
    pub(super) fn visible_node_checks(&self, node: &str) -> Vec<CatalogCheckEntry> {
        let mut instances = self.services_of_default().flat_map(|service| service.list());
        let is_visible = self.view.has_all_services()
            || instances.any(|known| known.instance.registration.node.as_deref().unwrap_or(&self.own.name) == node);
        let mut checks = self.node_checks(node);
        checks.retain(|check| is_visible || check.id == SERF_HEALTH);
        checks
    }

    /// All checks of a node and its services, by id.
    pub(super) fn checks_of_node(&self, node: &str) -> Vec<CatalogCheckEntry> {
        if !self.may_see_node(node) {
            return Vec::new();
        }
        let services = self.members_of_node(node).into_iter().flat_map(|member| self.service_checks(&member));
        let mut checks: Vec<CatalogCheckEntry> = self.visible_node_checks(node).into_iter().chain(services).collect();
        checks.sort_by(|a, b| a.id.cmp(&b.id));
        checks
    }

    /// All checks, by node and id.
    pub(super) fn all_checks(&self) -> Vec<CatalogCheckEntry> {
        let services = self.all_members().into_iter().flat_map(|member| self.service_checks(&member));
        let recorded = self.view.nodes().map(|record| record.instance.name());
        let others = recorded.filter(|name| *name != self.own.name);
        let nodes = others.chain([self.own.name.as_str()]).flat_map(|node| self.visible_node_checks(node));

        let mut checks: Vec<CatalogCheckEntry> = nodes.chain(services).collect();
        checks.sort_by(|a, b| (&a.node, &a.id).cmp(&(&b.node, &b.id)));
        checks
    }

    /// The index of the last change of a service, of its checks, or of those of its nodes.
    pub(super) fn service_index(&self, name: &str) -> u64 {
        self.view.service_index(DEFAULT_NAMESPACE, name).max(self.newest_node(name))
    }

    /// The index of the newest record of a node that has the service; 0 without any.
    pub(super) fn newest_node(&self, name: &str) -> u64 {
        let members = self.members(name);
        let records = members.iter().filter_map(|member| self.view.node(&member.node));
        records.map(|record| record.instance.index).max().unwrap_or(0)
    }
}

fn has_check(owner: &InstanceView, check: &str) -> bool {
    owner.instance.registration.catalog_check_position(check).is_some()
}

fn sorted(mut members: Vec<ServiceMember>) -> Vec<ServiceMember> {
    members.sort_by(|a, b| (&a.node, &a.service_id).cmp(&(&b.node, &b.service_id)));
    members
}
