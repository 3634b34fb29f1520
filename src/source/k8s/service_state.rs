//! One service with its endpoints.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::conditions::EndpointConditions;
use super::declared_protocol::declared_protocol;
use super::names::NameStatus;
use super::object_key::{ObjectKey, id};
use super::pods::{Pod, SelectedPods};
use crate::clean::{Untrusted, clean};
use crate::model::{
    Address, Endpoint, EndpointsFrom, Finding, Instance, K8sDetail, K8sServiceType, Lifecycle, Service, Transport,
};

/// A service with its known endpoints, each once even if several slices contain it.
#[derive(Clone, Debug)]
pub(super) struct ServiceState {
    pub(super) detail: K8sDetail,
    endpoints: BTreeMap<EndpointKey, Endpoint>,
    /// Facts about its pods; `None` if it selects none, or they are unknown.
    pub(super) selected: Option<SelectedPods>,
    /// The status of its external name.
    pub(super) name: NameStatus,
}

/// A port of an address, as a slice or Endpoints has it.
#[derive(Clone, Copy)]
pub(super) struct EndpointPort<'p> {
    /// `None` means all ports.
    pub(super) number: Option<i32>,
    pub(super) transport: Transport,
    pub(super) name: Option<&'p str>,
    pub(super) app_protocol: Option<&'p str>,
}

/// A headless service without ports still has addresses.
const WITHOUT_PORT: EndpointPort<'static> =
    EndpointPort { number: None, transport: Transport::Tcp, name: None, app_protocol: None };

type EndpointKey = (Address, Option<u16>, Transport, Option<Untrusted>);

impl ServiceState {
    /// A service without endpoints or pods yet.
    pub(super) fn new(detail: K8sDetail) -> Self {
        Self { detail, endpoints: BTreeMap::new(), selected: None, name: NameStatus::Unknown }
    }

    pub(super) fn add<'p>(
        &mut self,
        key: &ObjectKey,
        ip: IpAddr,
        conditions: &EndpointConditions,
        ports: impl Iterator<Item = EndpointPort<'p>>,
    ) {
        let mut any = false;
        for port in ports {
            any = true;
            self.add_one(key, ip, port, conditions);
        }

        if !any {
            self.add_one(key, ip, WITHOUT_PORT, conditions);
        }
    }

    fn add_one(&mut self, key: &ObjectKey, ip: IpAddr, of_slice: EndpointPort<'_>, conditions: &EndpointConditions) {
        let EndpointPort { number, transport, .. } = of_slice;
        let port = number.and_then(|port| u16::try_from(port).ok());
        let name = of_slice.name.filter(|name| !name.is_empty()).map(Untrusted::from);
        let at = (Address::Ip(ip), port, transport, name.clone());
        // A pod that moves between slices is in both for a while; the better conditions count.
        if let Some(known) = self.endpoints.get_mut(&at) {
            known.ready |= conditions.ready;
            if let Some(instance) = &mut known.instance {
                instance.serving |= conditions.serving;
                if !conditions.terminating {
                    instance.lifecycle = Lifecycle::Up;
                }
            }
            return;
        }

        let mut endpoint = Endpoint::new(Address::Ip(ip), port, transport);
        endpoint.ready = conditions.ready;

        let port_name = name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        endpoint.instance = Some(Box::new(Instance {
            id: format!("k8s/{}/{}/{}/{endpoint}{port_name}", clean(&key.0), clean(&key.1), transport.as_str()),
            serving: conditions.serving,
            lifecycle: if conditions.terminating { Lifecycle::Terminating } else { Lifecycle::Up },
            protocol: self.protocol(of_slice),
            port_name: name,
            pod: conditions.pod.clone(),
            node: conditions.node.clone(),
            zone: conditions.zone.clone(),
            ..Instance::default()
        }));

        self.endpoints.insert(at, endpoint);
    }

    /// The application protocol of a port of its endpoints. A slice has that of the service, unless it was written by hand or
    /// by an old controller.
    fn protocol(&self, port: EndpointPort<'_>) -> Option<Untrusted> {
        let name = port.name.filter(|name| !name.is_empty());
        let of_service = self.detail.ports.iter().find(|known| known.name.as_ref().map(Untrusted::as_raw) == name);
        let of_service = of_service.and_then(|port| port.app_protocol.as_ref()).map(Untrusted::as_raw);
        declared_protocol(port.app_protocol.or(of_service), name).map(Untrusted::from)
    }

    /// Sets the origin of its endpoints; those of an `ExternalName` stay unknown.
    pub(super) fn set_endpoints_from(&mut self, from: EndpointsFrom) {
        if self.detail.kind != K8sServiceType::ExternalName {
            self.detail.endpoints_from = from;
        }
    }

    /// Prepares for its pods; `known` false: the pods cannot be read.
    pub(super) fn expect_pods(&mut self, known: bool) {
        let selects = known && !self.detail.selector.is_empty();
        self.selected = selects.then(|| SelectedPods::of(self.detail.ports.len()));
    }

    /// Adds a pod, if the service selects it.
    pub(super) fn add_pod(&mut self, pod: &Pod) {
        if self.selects(pod)
            && let Some(selected) = &mut self.selected
        {
            selected.add(pod, &self.detail.ports);
        }
    }

    /// Whether a pod of the same namespace has the labels of the selector.
    pub(super) fn selects(&self, pod: &Pod) -> bool {
        let selector = &self.detail.selector;
        !selector.is_empty() && selector.iter().all(|(key, value)| pod.label(key.as_raw()) == Some(value.as_raw()))
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    pub(super) fn into_service(self, key: ObjectKey, findings: Vec<Finding>) -> Service<K8sDetail> {
        let id = id(&key);
        let (namespace, name) = key;

        let mut service = Service::new(id, "k8s", self.endpoints.into_values().collect(), self.detail);
        (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));

        service.findings = findings;
        service
    }
}
