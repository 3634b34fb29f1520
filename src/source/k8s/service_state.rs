//! One service with its endpoints.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

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
    endpoints: BTreeMap<EndpointKey, KnownEndpoint>,
    /// Facts about its pods; `None` if it selects none, or they are unknown.
    pub(super) selected: Option<SelectedPods>,
    /// The status of its external name.
    pub(super) name: NameStatus,
}

/// A port of a slice or of Endpoints, which all their addresses share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndpointPort {
    /// `None` means all ports.
    pub(super) number: Option<u16>,
    pub(super) transport: Transport,
    pub(super) name: Option<Arc<str>>,
}

/// A headless service without ports still has addresses.
pub(super) const WITHOUT_PORT: EndpointPort = EndpointPort { number: None, transport: Transport::Tcp, name: None };

/// What tells the endpoints of a service apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndpointKey {
    pub(super) ip: IpAddr,
    pub(super) port: EndpointPort,
}

/// An endpoint without what is the same for all endpoints of the service, or follows from its key.
#[derive(Clone, Debug)]
struct KnownEndpoint {
    conditions: EndpointConditions,
    /// The application protocol that is declared for its port.
    protocol: Option<Arc<str>>,
}

impl KnownEndpoint {
    /// A pod that moves between slices is in both for a while; the better conditions count.
    fn merge(&mut self, other: &EndpointConditions) {
        self.conditions.ready |= other.ready;
        self.conditions.serving |= other.serving;
        self.conditions.terminating &= other.terminating;
    }
}

impl ServiceState {
    /// A service without endpoints or pods yet.
    pub(super) fn new(detail: K8sDetail) -> Self {
        Self { detail, endpoints: BTreeMap::new(), selected: None, name: NameStatus::Unknown }
    }

    /// Adds an endpoint on each of the ports, which have an application protocol.
    pub(super) fn add(
        &mut self,
        ip: IpAddr,
        conditions: &EndpointConditions,
        ports: &[(EndpointPort, Option<Arc<str>>)],
    ) {
        for (port, protocol) in ports {
            let key = EndpointKey { ip, port: port.clone() };
            let entry = self.endpoints.entry(key).and_modify(|known| known.merge(conditions));
            entry.or_insert_with(|| KnownEndpoint { conditions: conditions.clone(), protocol: protocol.clone() });
        }
    }

    /// The application protocol of a port of its endpoints. A slice has that of the service, unless it was written by hand or
    /// by an old controller.
    pub(super) fn protocol(&self, app_protocol: Option<&str>, name: Option<&str>) -> Option<String> {
        let name = name.filter(|name| !name.is_empty());
        let of_service = self.detail.ports.iter().find(|known| known.name.as_ref().map(Untrusted::as_raw) == name);
        let of_service = of_service.and_then(|port| port.app_protocol.as_ref()).map(Untrusted::as_raw);
        declared_protocol(app_protocol.or(of_service), name)
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

    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&EndpointKey, &EndpointConditions)> {
        self.endpoints.iter().map(|(key, known)| (key, &known.conditions))
    }

    /// The service as it is listed. Only now its endpoints take the memory of their instances, of one service at a time.
    pub(super) fn into_service(self, key: ObjectKey, findings: Vec<Finding>) -> Service<K8sDetail> {
        let id = id(&key);
        let (namespace, name) = key;
        let endpoints = self.endpoints.into_iter().map(|(key, known)| endpoint(&id, key, &known)).collect();

        let mut service = Service::new(id, "k8s", endpoints, self.detail);
        (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));

        service.findings = findings;
        service
    }
}

/// An endpoint of the service with this id.
fn endpoint(service: &str, EndpointKey { ip, port }: EndpointKey, known: &KnownEndpoint) -> Endpoint {
    let KnownEndpoint { conditions, protocol } = known;
    let mut endpoint = Endpoint::new(Address::Ip(ip), port.number, port.transport);
    endpoint.ready = conditions.ready;

    let port_name = port.name.as_ref().map(|name| format!("/{}", clean(name))).unwrap_or_default();
    endpoint.instance = Some(Box::new(Instance {
        id: format!("{service}/{}/{endpoint}{port_name}", port.transport.as_str()),
        serving: conditions.serving,
        lifecycle: if conditions.terminating { Lifecycle::Terminating } else { Lifecycle::Up },
        protocol: protocol.as_deref().map(Untrusted::from),
        port_name: port.name.as_deref().map(Untrusted::from),
        pod: conditions.pod.as_deref().map(Untrusted::from),
        node: conditions.node.as_deref().map(Untrusted::from),
        zone: conditions.zone.as_deref().map(Untrusted::from),
        ..Instance::default()
    }));

    endpoint
}
