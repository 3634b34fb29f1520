//! Joins services with their endpoints: from several slices, which may repeat each other, in two address families.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::conditions::EndpointConditions;
use super::detail::{detail, external_name, transport};
use super::interner::Interner;
use super::names::NameStatus;
use super::object_key::{ObjectKey, SERVICE_NAME, key};
use super::pods::Pod;
use super::selector_index::SelectorIndex;
use super::service_state::{EndpointPort, ServiceState, WITHOUT_PORT};
use super::slices::Slice;
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service};

/// The services of a cluster, each with its endpoints.
#[derive(Debug, Default)]
pub(super) struct Services {
    by_key: BTreeMap<ObjectKey, ServiceState>,
    /// Addresses of slices that are names.
    pub(super) not_ip: usize,
    /// The texts that many endpoints share.
    texts: Interner,
}

/// A port of a slice or of Endpoints: number, protocol, name and application protocol.
type PortFields<'p> = (Option<i32>, Option<&'p str>, Option<&'p str>, Option<&'p str>);

impl Services {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &ServiceState)> {
        self.by_key.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Adds a service, or replaces its detail.
    pub(super) fn add(&mut self, service: core::Service) {
        let key = key(&service.metadata);
        self.put(key, detail(service));
    }

    pub(super) fn put(&mut self, key: ObjectKey, detail: K8sDetail) {
        match self.by_key.get_mut(&key) {
            Some(known) => known.detail = detail,
            None => drop(self.by_key.insert(key, ServiceState::new(detail))),
        }
    }

    /// Adds the endpoints of a slice, if its service is listed.
    pub(super) fn add_slice(&mut self, slice: Slice) {
        let service = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME)).cloned();
        let (Some(name), Some(namespace)) = (service, slice.metadata.namespace) else { return };

        let key = (namespace, name);
        let Some(joined) = self.by_key.get_mut(&key) else { return };

        joined.detail.endpoints_from = EndpointsFrom::Slices;

        let of_slice = slice.ports.iter().flatten();
        let ports = endpoint_ports(
            joined,
            of_slice
                .map(|port| (port.port, port.protocol.as_deref(), port.name.as_deref(), port.app_protocol.as_deref())),
            &mut self.texts,
        );

        for endpoint in slice.endpoints.unwrap_or_default() {
            // Only the first address means anything (Kubernetes, EndpointSlice v1).
            let Some(address) = endpoint.addresses.iter().flatten().next() else { continue };
            let Ok(ip) = address.parse::<IpAddr>() else {
                self.not_ip += 1;
                continue;
            };
            joined.add(ip, &EndpointConditions::of_slice(endpoint, &mut self.texts), &ports);
        }
    }

    /// As [`add_slice`](Self::add_slice), from the Endpoints of an old server.
    pub(super) fn add_endpoints(&mut self, endpoints: core::Endpoints) {
        let key = key(&endpoints.metadata);
        let Some(joined) = self.by_key.get_mut(&key) else { return };
        joined.detail.endpoints_from = EndpointsFrom::Endpoints;

        for subset in endpoints.subsets.unwrap_or_default() {
            let of_subset = subset.ports.iter().flatten();
            let ports = endpoint_ports(
                joined,
                of_subset.map(|port| {
                    (Some(port.port), port.protocol.as_deref(), port.name.as_deref(), port.app_protocol.as_deref())
                }),
                &mut self.texts,
            );
            let ready = subset.addresses.unwrap_or_default().into_iter().map(|address| (address, true));
            let others = subset.not_ready_addresses.unwrap_or_default().into_iter().map(|address| (address, false));

            for (address, is_ready) in ready.chain(others) {
                let Ok(ip) = address.ip.parse::<IpAddr>() else {
                    self.not_ip += 1;
                    continue;
                };
                joined.add(ip, &EndpointConditions::of_address(address, is_ready, &mut self.texts), &ports);
            }
        }
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&ServiceState> {
        self.by_key.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &ObjectKey) -> Option<&mut ServiceState> {
        self.by_key.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        self.by_key.remove(key);
    }

    /// Sets the origin of the endpoints of all services in a namespace.
    pub(super) fn set_endpoints_from(&mut self, namespace: Option<&str>, from: EndpointsFrom) {
        for (_, joined) in self.within_mut(namespace) {
            joined.set_endpoints_from(from);
        }
    }

    /// Whether any service selects pods by labels.
    pub(super) fn any_selects(&self, namespace: Option<&str>) -> bool {
        self.within(namespace).any(|(_, joined)| !joined.detail.selector.is_empty())
    }

    /// Prepares the services of a namespace for its pods; `known` false: the pods cannot be read.
    pub(super) fn expect_pods(&mut self, namespace: Option<&str>, known: bool) {
        for (_, joined) in self.within_mut(namespace) {
            joined.expect_pods(known);
        }
    }

    /// The services of a namespace by the labels that they select.
    pub(super) fn selector_index(&self, namespace: Option<&str>) -> SelectorIndex {
        SelectorIndex::of(self.within(namespace))
    }

    /// Adds a pod to the services that select it.
    pub(super) fn add_pod(&mut self, pod: &Pod, index: &SelectorIndex) {
        let Some(namespace) = &pod.metadata.namespace else { return };
        for key in index.candidates(pod).filter(|key| key.0 == *namespace) {
            if let Some(joined) = self.by_key.get_mut(key) {
                joined.add_pod(pod);
            }
        }
    }

    /// The keys of the services that select a pod.
    pub(super) fn selecting(&self, pod: &Pod) -> impl Iterator<Item = &ObjectKey> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        self.within(Some(namespace)).filter(|(_, joined)| joined.selects(pod)).map(|(key, _)| key)
    }

    /// The external names of all services.
    pub(super) fn external_names(&self) -> BTreeSet<String> {
        self.by_key.values().filter_map(|joined| external_name(&joined.detail)).map(ToOwned::to_owned).collect()
    }

    /// Sets the status of external names.
    pub(super) fn set_names(&mut self, names: &BTreeMap<String, NameStatus>) {
        for joined in self.by_key.values_mut() {
            let name = external_name(&joined.detail).and_then(|name| names.get(name)).copied();
            joined.name = name.unwrap_or_default();
        }
    }

    fn within(&self, namespace: Option<&str>) -> impl Iterator<Item = (&ObjectKey, &ServiceState)> {
        let first = (namespace.unwrap_or_default().to_owned(), String::new());
        self.by_key.range(first..).take_while(move |(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
    }

    fn within_mut(&mut self, namespace: Option<&str>) -> impl Iterator<Item = (&ObjectKey, &mut ServiceState)> {
        let first = (namespace.unwrap_or_default().to_owned(), String::new());
        let services = self.by_key.range_mut(first..);
        services.take_while(move |(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
    }

    /// The number of services in a namespace.
    pub(super) fn count_in(&self, namespace: &str) -> usize {
        self.within(Some(namespace)).count()
    }

    /// All services by namespace and name, with their findings.
    pub(super) fn into_services(
        self,
        mut found: BTreeMap<ObjectKey, Vec<Finding>>,
    ) -> impl Iterator<Item = Service<K8sDetail>> {
        self.by_key.into_iter().map(move |(key, joined)| {
            let findings = found.remove(&key).unwrap_or_default();
            joined.into_service(key, findings)
        })
    }
}

/// The ports of a slice or of Endpoints, each with its application protocol; never none.
fn endpoint_ports<'p>(
    service: &ServiceState,
    ports: impl Iterator<Item = PortFields<'p>>,
    texts: &mut Interner,
) -> Vec<(EndpointPort, Option<Arc<str>>)> {
    let mut all = Vec::new();
    for (number, protocol, name, app_protocol) in ports {
        let number = number.and_then(|number| u16::try_from(number).ok());
        let port = EndpointPort { number, transport: transport(protocol), name: texts.share_filled(name) };
        let protocol = service.protocol(app_protocol, name);
        all.push((port, protocol.map(|protocol| texts.share(&protocol))));
    }

    if all.is_empty() {
        let protocol = service.protocol(None, None);
        all.push((WITHOUT_PORT, protocol.map(|protocol| texts.share(&protocol))));
    }
    all
}
