//! The registry as a caller may see it.

use std::sync::Arc;

use super::access::Caller;
use super::host_instances::of_host;
use super::instance_view::InstanceView;
use super::view::{ServiceView, View};
use crate::model::{DEFAULT_NAMESPACE, HostQuery, RegisteredInstance};
use crate::registry::{ConfigEntry, HostEntry, HostFinding, InstanceRecord, Rules, ServiceSummary, ServiceTraffic};

/// The registry at one index, without what is outside the caller's scope.
#[derive(Clone, Debug)]
pub(super) struct ScopedView {
    view: Arc<View>,
    caller: Arc<Caller>,
}

impl ScopedView {
    pub(super) fn new(view: Arc<View>, caller: Arc<Caller>) -> Self {
        Self { view, caller }
    }

    /// What it is a view of.
    pub(super) fn registry(&self) -> &Arc<View> {
        &self.view
    }

    /// The index of the last change of anything.
    pub(super) fn index(&self) -> u64 {
        self.view.index()
    }

    /// The rules of the registry.
    pub(super) fn rules(&self) -> &Rules {
        self.view.snapshot.rules()
    }

    /// A service, if it has instances.
    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&Arc<ServiceView>> {
        self.view.service(namespace, name).filter(|_| self.caller.scope.contains(namespace, name))
    }

    /// Every service, by namespace and name.
    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<ServiceView>> {
        let scope = &self.caller.scope;
        self.view.services().filter(move |service| scope.contains(&service.key.namespace, &service.key.name))
    }

    /// The aggregate of a service.
    pub(super) fn summary(&self, namespace: &str, name: &str) -> Option<ServiceSummary> {
        let summary = self.view.snapshot.summary(namespace, name);
        summary.filter(|_| self.caller.scope.contains(namespace, name))
    }

    /// The index of the last change of a service.
    pub(super) fn service_index(&self, namespace: &str, name: &str) -> u64 {
        if self.caller.scope.contains(namespace, name) { self.view.snapshot.service_index(namespace, name) } else { 0 }
    }

    /// The instance with this id.
    pub(super) fn instance(&self, id: &str) -> Option<&Arc<InstanceView>> {
        self.view.instance(id).filter(|known| self.contains(&known.instance))
    }

    /// The instances that may be of a host, by id.
    pub(super) fn of_host(&self, host: &HostQuery) -> Vec<&Arc<InstanceView>> {
        let mut instances = of_host(&self.view, host);
        instances.retain(|known| self.contains(&known.instance));
        instances
    }

    /// Every instance.
    pub(super) fn instances(&self) -> Vec<Arc<InstanceView>> {
        self.services().flat_map(|service| service.list().iter().cloned()).collect()
    }

    /// A configuration. A caller that may see only some services sees the configurations whose names such services could
    /// have in the default namespace.
    pub(super) fn config(&self, name: &str) -> Option<&Arc<ConfigEntry>> {
        self.view.snapshot.config(name).filter(|_| self.sees_config(name))
    }

    /// Every configuration by name, also those that were deleted.
    pub(super) fn configs(&self) -> impl Iterator<Item = &Arc<ConfigEntry>> {
        self.view.snapshot.configs().filter(|(name, _)| self.sees_config(name)).map(|(_, entry)| entry)
    }

    /// Whether the caller may see a configuration of this name.
    pub(super) fn sees_config(&self, name: &str) -> bool {
        self.caller.scope.contains(DEFAULT_NAMESPACE, name)
    }

    /// What operators decided about the traffic of a service.
    pub(super) fn traffic(&self, namespace: &str, name: &str) -> Option<&Arc<ServiceTraffic>> {
        self.view.snapshot.traffic(namespace, name).filter(|_| self.caller.scope.contains(namespace, name))
    }

    /// The hosts whose agents report. What they report of services is for callers that may see them: see
    /// [`sees_finding`](Self::sees_finding).
    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostEntry> {
        self.view.snapshot.hosts()
    }

    /// Whether the caller may see a finding: it is about a service in its scope, or its scope has all services.
    pub(super) fn sees_finding(&self, finding: &HostFinding) -> bool {
        let (scope, reported) = (&self.caller.scope, &finding.reported);
        let service = reported.service.as_deref().filter(|_| reported.registry.is_some());
        let namespace = reported.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        scope.has_all_services() || service.is_some_and(|service| scope.contains(namespace, service))
    }

    /// What is kept of an instance.
    pub(super) fn record(&self, id: &str) -> Option<&Arc<InstanceRecord>> {
        self.instance(id).and_then(|_| self.view.snapshot.record(id))
    }

    /// Whether the caller may see every service, perhaps changing those of some hosts only.
    pub(super) fn has_all_services(&self) -> bool {
        self.caller.scope.has_all_services()
    }

    /// Whether the caller may see every service.
    pub(super) fn is_unlimited(&self) -> bool {
        self.caller.scope.is_unlimited()
    }

    /// The record of a node. It tells nothing of services, and is asked for by the name that an instance has.
    pub(super) fn node(&self, name: &str) -> Option<&Arc<InstanceView>> {
        self.view.node(name)
    }

    /// The records of all nodes, for a caller that may see everything.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<InstanceView>> {
        let is_unlimited = self.is_unlimited();
        self.view.nodes().filter(move |_| is_unlimited)
    }

    /// Differs from that of each view whose nodes are others.
    pub(super) fn nodes_version(&self) -> u64 {
        self.view.nodes_version()
    }

    /// What a check of this server's agent belongs to.
    pub(super) fn check_owner(&self, check: &str) -> Option<&Arc<InstanceView>> {
        let owner = self.view.check_owner(check)?;
        let is_visible =
            if owner.instance.registration.is_node() { self.is_unlimited() } else { self.contains(&owner.instance) };
        is_visible.then_some(owner)
    }

    /// Whether a check of this server's agent belongs to what the caller may not see.
    pub(super) fn is_check_hidden(&self, check: &str) -> bool {
        self.view.check_owner(check).is_some() && self.check_owner(check).is_none()
    }

    /// The index of the last change that was more than a change of health.
    pub(super) fn catalog_index(&self) -> u64 {
        self.view.catalog_index()
    }

    /// Why the operator of a visible instance or node set its status.
    pub(super) fn reason(&self, instance: &RegisteredInstance) -> Option<Arc<str>> {
        self.view.snapshot.record(&instance.id)?.reason.clone()
    }

    /// An instance as a command of this caller left it.
    pub(super) fn written(&self, instance: RegisteredInstance) -> Arc<InstanceView> {
        self.view.written(instance)
    }

    /// Whether the caller may see services of this name.
    pub(super) fn sees_service(&self, namespace: &str, name: &str) -> bool {
        self.caller.scope.contains(namespace, name)
    }

    /// Whether the caller may see an instance, also one that is gone.
    pub(super) fn contains(&self, instance: &RegisteredInstance) -> bool {
        self.caller.scope.contains(instance.namespace(), instance.name())
    }
}
