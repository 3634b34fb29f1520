//! Services joined with what is said of their endpoints: in several slices, some of them twice, in two families.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::clean::{Untrusted, clean};
use crate::model::{
    Address, Endpoint, EndpointsFrom, Finding, Instance, K8sDetail, K8sPort, K8sServiceType, Service, TargetPort,
    Transport,
};

/// The label by which a slice says whose it is.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name.
pub(super) type Key = (String, String);

/// The services of a cluster, each with its endpoints.
#[derive(Debug, Default)]
pub(super) struct Services {
    joined: BTreeMap<Key, Joined>,
    /// How many addresses of slices were no IP addresses.
    pub(super) not_ip: usize,
}

/// A service with its endpoints as far as they are known, each once however often it was named.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) detail: K8sDetail,
    endpoints: BTreeMap<EndpointKey, Endpoint>,
}

type EndpointKey = (Address, Option<u16>, Transport, Option<Untrusted>);

impl Services {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Joined)> {
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

    pub(super) fn put(&mut self, key: Key, detail: K8sDetail) {
        match self.joined.get_mut(&key) {
            Some(known) => known.detail = detail,
            None => drop(self.joined.insert(key, Joined { detail, endpoints: BTreeMap::new() })),
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
            let said = Said::of_slice(&endpoint);
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
                let said = Said::of_address(&address, is_ready);
                let ports = ports.iter().map(|port| (Some(port.port), port.protocol.as_deref(), port.name.as_deref()));
                joined.add(&key, ip, &said, ports);
            }
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Joined> {
        self.joined.get(key)
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.joined.remove(key);
    }

    /// Says where the endpoints come from whose services nobody said anything of; `known` says that everything was read.
    pub(super) fn settle(&mut self, namespace: Option<&str>, from: EndpointsFrom) {
        let there = self.joined.iter_mut().filter(|(key, _)| namespace.is_none_or(|namespace| key.0 == namespace));
        there.for_each(|(_, joined)| joined.settle(from));
    }

    /// The same of one service.
    pub(super) fn settle_one(&mut self, key: &Key, from: EndpointsFrom) {
        if let Some(joined) = self.joined.get_mut(key) {
            joined.settle(from);
        }
    }

    /// How many there are in a namespace.
    pub(super) fn count_in(&self, namespace: &str) -> usize {
        self.joined.keys().filter(|key| key.0 == namespace).count()
    }

    /// All of them, by namespace and name, with what is wrong with them.
    pub(super) fn into_services(
        self,
        mut found: BTreeMap<Key, Vec<Finding>>,
    ) -> impl Iterator<Item = Service<K8sDetail>> {
        self.joined.into_iter().map(move |(key, joined)| {
            let findings = found.remove(&key).unwrap_or_default();
            joined.into_service(key, findings)
        })
    }
}

impl Joined {
    fn add<'p>(
        &mut self,
        key: &Key,
        ip: IpAddr,
        said: &Said,
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
        key: &Key,
        ip: IpAddr,
        port: Option<u16>,
        transport: Transport,
        name: Option<Untrusted>,
        said: &Said,
    ) {
        let at = (Address::Ip(ip), port, transport, name.clone());
        // While a pod moves from one slice to another it stands in both; what is better known of it counts.
        if let Some(known) = self.endpoints.get_mut(&at) {
            known.ready |= said.ready;
            if let Some(instance) = &mut known.instance {
                instance.serving |= said.serving;
                instance.terminating &= said.terminating;
            }
            return;
        }
        let mut endpoint = Endpoint::new(Address::Ip(ip), port, transport);
        endpoint.ready = said.ready;
        let port_name = name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        endpoint.instance = Some(Box::new(Instance {
            id: format!("k8s/{}/{}/{}/{endpoint}{port_name}", clean(&key.0), clean(&key.1), transport.as_str()),
            serving: said.serving,
            terminating: said.terminating,
            port_name: name,
            pod: said.pod.clone(),
            node: said.node.clone(),
            zone: said.zone.clone(),
        }));
        self.endpoints.insert(at, endpoint);
    }

    /// An `ExternalName` has no endpoints that could be known.
    fn settle(&mut self, from: EndpointsFrom) {
        if self.detail.kind != K8sServiceType::ExternalName {
            self.detail.endpoints_from = from;
        }
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    pub(super) fn into_service(self, key: Key, findings: Vec<Finding>) -> Service<K8sDetail> {
        let id = id(&key);
        let (namespace, name) = key;
        let mut service = Service::new(id, "k8s", self.endpoints.into_values().collect(), self.detail);
        (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
        service.findings = findings;
        service
    }
}

/// What is said of one address.
struct Said {
    ready: bool,
    serving: bool,
    terminating: bool,
    pod: Option<Untrusted>,
    node: Option<Untrusted>,
    zone: Option<Untrusted>,
}

impl Said {
    fn of_slice(endpoint: &discovery::Endpoint) -> Self {
        let conditions = endpoint.conditions.as_ref();
        // What is not said is to be taken for ready, and for serving if it is ready (Kubernetes, EndpointConditions).
        let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
        Self {
            ready,
            serving: conditions.and_then(|conditions| conditions.serving).unwrap_or(ready),
            terminating: conditions.and_then(|conditions| conditions.terminating).unwrap_or(false),
            pod: pod(endpoint.target_ref.as_ref()),
            node: text(endpoint.node_name.as_deref()),
            zone: text(endpoint.zone.as_deref()),
        }
    }

    fn of_address(address: &core::EndpointAddress, ready: bool) -> Self {
        let (pod, node) = (pod(address.target_ref.as_ref()), text(address.node_name.as_deref()));
        Self { ready, serving: ready, terminating: false, pod, node, zone: None }
    }
}

fn pod(target: Option<&core::ObjectReference>) -> Option<Untrusted> {
    let target = target.filter(|target| target.kind.as_deref() == Some("Pod"))?;
    text(target.name.as_deref())
}

fn text(text: Option<&str>) -> Option<Untrusted> {
    text.filter(|text| !text.is_empty()).map(Untrusted::from)
}

fn transport(protocol: Option<&str>) -> Transport {
    match protocol {
        Some("UDP") => Transport::Udp,
        Some("SCTP") => Transport::Sctp,
        _ => Transport::Tcp,
    }
}

/// The id of a service, which is the same tomorrow.
pub(super) fn id((namespace, name): &Key) -> String {
    format!("k8s/{}/{}", clean(namespace), clean(name))
}

pub(super) fn key(metadata: &ObjectMeta) -> Key {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

pub(super) fn detail(service: core::Service) -> K8sDetail {
    let status = service.status.unwrap_or_default();
    let spec = service.spec.unwrap_or_default();
    let mut addresses = spec.cluster_ips.unwrap_or_default();
    if addresses.is_empty() {
        addresses.extend(spec.cluster_ip);
    }
    let balancer = status.load_balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    let balanced = balancer.into_iter().filter_map(|ingress| ingress.ip.or(ingress.hostname));
    K8sDetail {
        kind: match spec.type_.as_deref() {
            Some("NodePort") => K8sServiceType::NodePort,
            Some("LoadBalancer") => K8sServiceType::LoadBalancer,
            Some("ExternalName") => K8sServiceType::ExternalName,
            _ => K8sServiceType::ClusterIp,
        },
        headless: addresses.iter().any(|address| address == "None"),
        cluster_ips: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        external: balanced.chain(spec.external_ips.unwrap_or_default()).map(Untrusted::from).collect(),
        external_name: spec.external_name.filter(|name| !name.is_empty()).map(Untrusted::from),
        selector: spec
            .selector
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        publish_not_ready: spec.publish_not_ready_addresses.unwrap_or(false),
        ports: spec.ports.unwrap_or_default().into_iter().map(port).collect(),
        endpoints_from: EndpointsFrom::Unknown,
    }
}

fn port(port: core::ServicePort) -> K8sPort {
    let number = |number: i32| u16::try_from(number).ok().filter(|number| *number > 0);
    K8sPort {
        name: port.name.filter(|name| !name.is_empty()).map(Untrusted::from),
        port: u16::try_from(port.port).unwrap_or(0),
        target: port.target_port.and_then(|target| match target {
            IntOrString::Int(target) => number(target).map(TargetPort::Number),
            IntOrString::String(name) => Some(TargetPort::Name(name.into())),
        }),
        node_port: port.node_port.and_then(number),
        transport: transport(port.protocol.as_deref()),
        app_protocol: port.app_protocol.map(Untrusted::from),
    }
}
