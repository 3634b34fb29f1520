//! One service with its endpoints.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::conditions::EndpointConditions;
use super::detail::transport;
use super::join::ObjectKey;
use super::names::Name;
use super::pods::{Pod, SelectedPods};
use crate::clean::{Untrusted, clean};
use crate::model::{
    Address, Endpoint, EndpointsFrom, Finding, Instance, K8sDetail, K8sServiceType, Lifecycle, Service, Transport,
};

/// A service with its endpoints as far as they are known, each once however often it was named.
#[derive(Clone, Debug)]
pub(super) struct JoinedService {
    pub(super) detail: K8sDetail,
    endpoints: BTreeMap<EndpointKey, Endpoint>,
    /// What its pods have; `None` where it chooses none, or they are not known.
    pub(super) chosen: Option<SelectedPods>,
    /// Where its external name leads.
    pub(super) name: Name,
}

type EndpointKey = (Address, Option<u16>, Transport, Option<Untrusted>);

impl JoinedService {
    /// A service of whose endpoints and pods nothing is known yet.
    pub(super) fn new(detail: K8sDetail) -> Self {
        Self { detail, endpoints: BTreeMap::new(), chosen: None, name: Name::Unknown }
    }

    pub(super) fn add<'p>(
        &mut self,
        key: &ObjectKey,
        ip: IpAddr,
        said: &EndpointConditions,
        ports: impl Iterator<Item = (Option<i32>, Option<&'p str>, Option<&'p str>)>,
    ) {
        let mut any = false;
        for (port, protocol, name) in ports {
            any = true;
            // No number: any of them.
            let port = port.and_then(|port| u16::try_from(port).ok());
            let name = name.filter(|name| !name.is_empty()).map(Untrusted::from);
            self.add_one(key, ip, port, transport(protocol), name, said);
        }
        // A headless service without ports still has addresses.
        if !any {
            self.add_one(key, ip, None, Transport::Tcp, None, said);
        }
    }

    fn add_one(
        &mut self,
        key: &ObjectKey,
        ip: IpAddr,
        port: Option<u16>,
        transport: Transport,
        name: Option<Untrusted>,
        said: &EndpointConditions,
    ) {
        let at = (Address::Ip(ip), port, transport, name.clone());
        // While a pod moves from one slice to another it stands in both; what is better known of it counts.
        if let Some(known) = self.endpoints.get_mut(&at) {
            known.ready |= said.ready;
            if let Some(instance) = &mut known.instance {
                instance.serving |= said.serving;
                if !said.terminating {
                    instance.lifecycle = Lifecycle::Up;
                }
            }
            return;
        }
        let mut endpoint = Endpoint::new(Address::Ip(ip), port, transport);
        endpoint.ready = said.ready;
        let port_name = name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        endpoint.instance = Some(Box::new(Instance {
            id: format!("k8s/{}/{}/{}/{endpoint}{port_name}", clean(&key.0), clean(&key.1), transport.as_str()),
            serving: said.serving,
            lifecycle: if said.terminating { Lifecycle::Terminating } else { Lifecycle::Up },
            port_name: name,
            pod: said.pod.clone(),
            node: said.node.clone(),
            zone: said.zone.clone(),
            ..Instance::default()
        }));
        self.endpoints.insert(at, endpoint);
    }

    /// An `ExternalName` has no endpoints that could be known.
    pub(super) fn settle(&mut self, from: EndpointsFrom) {
        if self.detail.kind != K8sServiceType::ExternalName {
            self.detail.endpoints_from = from;
        }
    }

    /// All its pods are about to be seen, or with `known` false cannot be.
    pub(super) fn expect_pods(&mut self, known: bool) {
        let asks = known && !self.detail.selector.is_empty();
        self.chosen = asks.then(|| SelectedPods::of(self.detail.ports.len()));
    }

    /// Takes in what a pod has, if it is one of its own.
    pub(super) fn see_pod(&mut self, pod: &Pod) {
        if self.chooses(pod)
            && let Some(chosen) = &mut self.chosen
        {
            chosen.see(pod, &self.detail.ports);
        }
    }

    /// Whether a pod of its namespace has the labels that it asks for.
    pub(super) fn chooses(&self, pod: &Pod) -> bool {
        let selector = &self.detail.selector;
        !selector.is_empty() && selector.iter().all(|(key, value)| pod.label(key.as_raw()) == Some(value.as_raw()))
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    pub(super) fn into_service(self, key: ObjectKey, findings: Vec<Finding>) -> Service<K8sDetail> {
        let id = super::join::id(&key);
        let (namespace, name) = key;
        let mut service = Service::new(id, "k8s", self.endpoints.into_values().collect(), self.detail);
        (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
        service.findings = findings;
        service
    }
}
