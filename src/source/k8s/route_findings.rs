//! Finds Ingresses and routes that lead to services that do not exist.

use std::collections::BTreeSet;

use super::K8s;
use super::finding_kinds::NO_SERVICE;
use super::join::Services;
use super::reader::ListScope;
use crate::clean::Untrusted;
use crate::model::{Finding, K8sRouteDetail, K8sRule, Service, TargetPort};

/// Whether every service of these scopes was listed, so that others do not exist.
pub(super) struct KnownServices<'s> {
    pub(super) services: &'s Services,
    pub(super) scopes: &'s [ListScope],
    pub(super) options: &'s K8s,
}

/// A backend that an annotation describes, and not a service (AWS Load Balancer Controller, "Ingress annotations").
const NOT_A_SERVICE: &str = "use-annotation";

impl KnownServices<'_> {
    /// The findings of a route: one for each service that does not exist.
    pub(super) fn findings(&self, route: &Service<K8sRouteDetail>) -> Vec<Finding> {
        let home = route.namespace.as_ref().map_or("", Untrusted::as_raw);
        let missing: BTreeSet<(&str, &str)> = route.detail.rules.iter().filter_map(|rule| target(rule, home)).collect();

        let missing = missing.into_iter().filter(|(namespace, name)| self.is_missing(namespace, name));
        missing.map(|(namespace, name)| Finding::new(&NO_SERVICE, format!("no service {namespace}/{name}"))).collect()
    }

    fn is_missing(&self, namespace: &str, name: &str) -> bool {
        let is_filtered = self.options.selector.is_some() || self.options.field_selector.is_some();
        let is_excluded = self.options.exclude_namespace.iter().any(|excluded| excluded == namespace);
        let is_listed = self.scopes.iter().any(|scope| scope.as_deref().is_none_or(|listed| listed == namespace));

        let is_known = is_listed && !is_excluded && !is_filtered;
        is_known && self.services.get(&(namespace.to_owned(), name.to_owned())).is_none()
    }
}

/// The service that a rule leads to.
fn target<'r>(rule: &'r K8sRule, home: &'r str) -> Option<(&'r str, &'r str)> {
    let service = rule.service.as_ref()?.as_raw();
    let is_described_elsewhere = matches!(&rule.port, Some(TargetPort::Name(name)) if name.as_raw() == NOT_A_SERVICE);
    (!is_described_elsewhere).then(|| service.split_once('/').unwrap_or((home, service)))
}
