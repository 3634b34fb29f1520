//! Services joined with what is said of their endpoints: in several slices, some of them twice, in two families.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::conditions::EndpointConditions;
use super::detail::{detail, external_name};
use super::names::Name;
use super::pods::Pod;
use super::service_state::JoinedService;
use crate::clean::clean;
use crate::model::{EndpointsFrom, Finding, K8sDetail, Service};

/// The label by which a slice says whose it is.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name.
pub(super) type ObjectKey = (String, String);

/// The services of a cluster, each with its endpoints.
#[derive(Debug, Default)]
pub(super) struct Services {
    joined: BTreeMap<ObjectKey, JoinedService>,
    /// How many addresses of slices were no IP addresses.
    pub(super) not_ip: usize,
}

impl Services {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &JoinedService)> {
        self.joined.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.joined.len()
    }

    /// Takes a service in, or a newer word on one.
    pub(super) fn add(&mut self, service: core::Service) {
        let key = key(&service.metadata);
        self.put(key, detail(service));
    }

    pub(super) fn put(&mut self, key: ObjectKey, detail: K8sDetail) {
        match self.joined.get_mut(&key) {
            Some(known) => known.detail = detail,
            None => drop(self.joined.insert(key, JoinedService::new(detail))),
        }
    }

    /// Takes in what a slice says of a service, if that is one of those that were asked for.
    pub(super) fn add_slice(&mut self, slice: discovery::EndpointSlice) {
        let service = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME)).cloned();
        let (Some(name), Some(namespace)) = (service, slice.metadata.namespace) else { return };
        let key = (namespace, name);
        let Some(joined) = self.joined.get_mut(&key) else { return };
        joined.detail.endpoints_from = EndpointsFrom::Slices;
        let ports = slice.ports.unwrap_or_default();
        for endpoint in slice.endpoints {
            // Only the first address means anything (Kubernetes, EndpointSlice v1).
            let Some(address) = endpoint.addresses.first() else { continue };
            let Ok(ip) = address.parse::<IpAddr>() else {
                self.not_ip += 1;
                continue;
            };
            let said = EndpointConditions::of_slice(&endpoint);
            joined.add(
                &key,
                ip,
                &said,
                ports.iter().map(|port| (port.port, port.protocol.as_deref(), port.name.as_deref())),
            );
        }
    }

    /// The same of the Endpoints of an old server.
    pub(super) fn add_endpoints(&mut self, endpoints: core::Endpoints) {
        let key = key(&endpoints.metadata);
        let Some(joined) = self.joined.get_mut(&key) else { return };
        joined.detail.endpoints_from = EndpointsFrom::Endpoints;
        for subset in endpoints.subsets.unwrap_or_default() {
            let ports = subset.ports.unwrap_or_default();
            let ready = subset.addresses.unwrap_or_default().into_iter().map(|address| (address, true));
            let others = subset.not_ready_addresses.unwrap_or_default().into_iter().map(|address| (address, false));
            for (address, is_ready) in ready.chain(others) {
                let Ok(ip) = address.ip.parse::<IpAddr>() else {
                    self.not_ip += 1;
                    continue;
                };
                let said = EndpointConditions::of_address(&address, is_ready);
                let ports = ports.iter().map(|port| (Some(port.port), port.protocol.as_deref(), port.name.as_deref()));
                joined.add(&key, ip, &said, ports);
            }
        }
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&JoinedService> {
        self.joined.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &ObjectKey) -> Option<&mut JoinedService> {
        self.joined.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        self.joined.remove(key);
    }

    /// Says where the endpoints come from whose services nobody said anything of; `known` says that everything was read.
    pub(super) fn settle(&mut self, namespace: Option<&str>, from: EndpointsFrom) {
        let there = self.joined.iter_mut().filter(|(key, _)| namespace.is_none_or(|namespace| key.0 == namespace));
        there.for_each(|(_, joined)| joined.settle(from));
    }

    /// Whether any of them chooses its pods by labels.
    pub(super) fn any_selects(&self, namespace: Option<&str>) -> bool {
        self.within(namespace).any(|(_, joined)| !joined.detail.selector.is_empty())
    }

    /// All pods of a place are about to be seen, or with `known` false cannot be.
    pub(super) fn expect_pods(&mut self, namespace: Option<&str>, known: bool) {
        let there = self.joined.iter_mut().filter(|(key, _)| namespace.is_none_or(|namespace| key.0 == namespace));
        there.for_each(|(_, joined)| joined.expect_pods(known));
    }

    /// Takes in what a pod has, for the services that choose it.
    pub(super) fn see_pod(&mut self, pod: &Pod) {
        let Some(namespace) = &pod.metadata.namespace else { return };
        let of_namespace = self.joined.range_mut((namespace.clone(), String::new())..);
        for (_, joined) in of_namespace.take_while(|(key, _)| key.0 == *namespace) {
            joined.see_pod(pod);
        }
    }

    /// The names of those that choose a pod.
    pub(super) fn choosers(&self, pod: &Pod) -> impl Iterator<Item = &ObjectKey> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        self.within(Some(namespace)).filter(|(_, joined)| joined.chooses(pod)).map(|(key, _)| key)
    }

    /// The names outside of the cluster that they stand for.
    pub(super) fn external_names(&self) -> BTreeSet<String> {
        self.joined.values().filter_map(|joined| external_name(&joined.detail)).map(ToOwned::to_owned).collect()
    }

    /// Takes in where names lead.
    pub(super) fn name(&mut self, names: &BTreeMap<String, Name>) {
        for joined in self.joined.values_mut() {
            let name = external_name(&joined.detail).and_then(|name| names.get(name)).copied();
            joined.name = name.unwrap_or_default();
        }
    }

    fn within(&self, namespace: Option<&str>) -> impl Iterator<Item = (&ObjectKey, &JoinedService)> {
        let first = (namespace.unwrap_or_default().to_owned(), String::new());
        self.joined.range(first..).take_while(move |(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
    }

    /// How many there are in a namespace.
    pub(super) fn count_in(&self, namespace: &str) -> usize {
        self.within(Some(namespace)).count()
    }

    /// All of them, by namespace and name, with what is wrong with them.
    pub(super) fn into_services(
        self,
        mut found: BTreeMap<ObjectKey, Vec<Finding>>,
    ) -> impl Iterator<Item = Service<K8sDetail>> {
        self.joined.into_iter().map(move |(key, joined)| {
            let findings = found.remove(&key).unwrap_or_default();
            joined.into_service(key, findings)
        })
    }
}

/// The id of a service, which is the same tomorrow.
pub(super) fn id((namespace, name): &ObjectKey) -> String {
    format!("k8s/{}/{}", clean(namespace), clean(name))
}

pub(super) fn key(metadata: &ObjectMeta) -> ObjectKey {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}
