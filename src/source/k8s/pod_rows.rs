//! The rows of pods: every declared container port, at every address.

use std::net::IpAddr;

use super::detail::transport;
use super::object_key::key;
use super::pods::{Container, ContainerPort, ContainerStatus, Pod, PodCondition};
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, Instance, K8sContainer, K8sPodDetail, Lifecycle, Service, Transport};

/// A pod, and the services that select it.
pub(super) fn row(pod: &Pod, services: Vec<Untrusted>) -> Service<K8sPodDetail> {
    let (namespace, name) = key(&pod.metadata);
    let id = format!("k8s/{}/pod/{}", clean(&namespace), clean(&name));
    let detail = detail(pod, services);
    let endpoints = endpoints(pod, &id, &detail);
    let mut service = Service::new(id, "k8s", endpoints, detail);
    (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
    service
}

fn detail(pod: &Pod, services: Vec<Untrusted>) -> K8sPodDetail {
    let status = &pod.status;
    let owners = pod.metadata.owner_references.iter().flatten();
    let mut controllers =
        owners.filter(|owner| owner.controller == Some(true)).map(|owner| format!("{}/{}", owner.kind, owner.name));
    let statuses: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    let reason = statuses.iter().find_map(|status| failure_reason(status)).or(status.reason.as_deref());

    K8sPodDetail {
        kind: "Pod".into(),
        phase: status.phase.as_deref().unwrap_or("Unknown").into(),
        reason: reason.map(Untrusted::from),
        ready: status.conditions.iter().flatten().any(is_ready),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        node: pod.spec.node_name.as_deref().filter(|name| !name.is_empty()).map(Untrusted::from),
        controller: controllers.next().map(Untrusted::from),
        containers: pod.containers().map(|one| container(one, &statuses)).collect(),
        services,
    }
}

fn is_ready(condition: &PodCondition) -> bool {
    condition.kind == "Ready" && condition.status == "True"
}

fn container(container: &Container, statuses: &[&ContainerStatus]) -> K8sContainer {
    let status = statuses.iter().find(|status| status.name == container.name);
    K8sContainer {
        name: container.name.as_str().into(),
        image: container.image.as_deref().map(Into::into),
        ready: status.is_some_and(|status| status.ready),
        restarts: status.and_then(|status| u32::try_from(status.restart_count).ok()).unwrap_or(0),
    }
}

/// Why a container does not run: `CrashLoopBackOff`, `ImagePullBackOff`, `OOMKilled`.
fn failure_reason(status: &ContainerStatus) -> Option<&str> {
    let state = status.state.as_ref()?;
    let reason = state.waiting.as_ref().or(state.terminated.as_ref())?.reason.as_deref()?;
    Some(reason).filter(|reason| !matches!(*reason, "" | "Completed"))
}

/// A finished pod has no endpoints: another pod may have its address by now.
fn endpoints(pod: &Pod, id: &str, detail: &K8sPodDetail) -> Vec<Endpoint> {
    if pod.has_finished() {
        return Vec::new();
    }

    let status = &pod.status;
    let listed = status.pod_ips.iter().flatten().map(|one| one.ip.as_str());
    let mut ips: Vec<IpAddr> = listed.chain(status.pod_ip.as_deref()).filter_map(|ip| ip.parse().ok()).collect();
    ips.sort_unstable();
    ips.dedup();

    let ports: Vec<&ContainerPort> = pod.containers().flat_map(|container| container.ports.iter().flatten()).collect();
    let mut endpoints = Vec::new();
    for ip in ips {
        for port in &ports {
            let number = u16::try_from(port.number).ok().filter(|number| *number > 0);
            let name = port.name.as_deref().filter(|name| !name.is_empty());
            endpoints.push(endpoint(pod, id, detail, (ip, number, transport(port.protocol.as_deref()), name)));
        }
        // A pod without declared ports still has an address.
        if ports.is_empty() {
            endpoints.push(endpoint(pod, id, detail, (ip, None, Transport::Tcp, None)));
        }
    }
    endpoints
}

/// An endpoint of a pod at an address, port, transport and port name.
fn endpoint(
    pod: &Pod,
    id: &str,
    detail: &K8sPodDetail,
    (ip, port, transport, name): (IpAddr, Option<u16>, Transport, Option<&str>),
) -> Endpoint {
    let mut endpoint = Endpoint::new(Address::Ip(ip), port, transport);
    endpoint.ready = detail.ready && !detail.terminating;

    let port_name = name.map(|name| format!("/{}", clean(name))).unwrap_or_default();
    endpoint.instance = Some(Box::new(Instance {
        id: format!("{id}/{}/{endpoint}{port_name}", transport.as_str()),
        serving: detail.ready,
        lifecycle: if detail.terminating { Lifecycle::Terminating } else { Lifecycle::Up },
        port_name: name.map(Untrusted::from),
        pod: pod.metadata.name.as_deref().map(Untrusted::from),
        node: detail.node.clone(),
        ..Instance::default()
    }));

    endpoint
}
