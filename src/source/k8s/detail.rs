//! The typed detail of a service.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::clean::Untrusted;
use crate::model::{EndpointsFrom, K8sDetail, K8sPort, K8sServiceType, TargetPort, Transport};

pub(super) fn detail(service: core::Service) -> K8sDetail {
    let labels = service.metadata.labels.unwrap_or_default();
    let status = service.status.unwrap_or_default();
    let spec = service.spec.unwrap_or_default();
    let mut addresses = spec.cluster_ips.unwrap_or_default();
    if addresses.is_empty() {
        addresses.extend(spec.cluster_ip);
    }

    let balancer = status.load_balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    let balanced = balancer.into_iter().filter_map(|ingress| ingress.ip.or(ingress.hostname));

    let kind = match spec.type_.as_deref() {
        Some("NodePort") => K8sServiceType::NodePort,
        Some("LoadBalancer") => K8sServiceType::LoadBalancer,
        Some("ExternalName") => K8sServiceType::ExternalName,
        _ => K8sServiceType::ClusterIp,
    };
    // "Ignored if type is ExternalName" (Kubernetes, ServiceSpec).
    let selector = spec.selector.filter(|_| kind != K8sServiceType::ExternalName).unwrap_or_default();

    K8sDetail {
        kind,
        headless: addresses.iter().any(|address| address == "None"),
        cluster_ips: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        external: balanced.chain(spec.external_ips.unwrap_or_default()).map(Untrusted::from).collect(),
        external_name: spec.external_name.filter(|name| !name.is_empty()).map(Untrusted::from),
        labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
        selector: selector.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
        publish_not_ready: spec.publish_not_ready_addresses.unwrap_or(false),
        ports: spec.ports.unwrap_or_default().into_iter().map(port).collect(),
        endpoints_from: EndpointsFrom::Unknown,
    }
}

/// The name outside the cluster that the service is an alias of.
pub(super) fn external_name(detail: &K8sDetail) -> Option<&str> {
    let is_external = detail.kind == K8sServiceType::ExternalName;
    detail.external_name.as_ref().filter(|_| is_external).map(Untrusted::as_raw)
}

fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
}

fn port(port: core::ServicePort) -> K8sPort {
    K8sPort {
        name: port.name.filter(|name| !name.is_empty()).map(Untrusted::from),
        port: u16::try_from(port.port).unwrap_or(0),
        target: port.target_port.and_then(|target| match target {
            IntOrString::Int(target) => port_number(target).map(TargetPort::Number),
            IntOrString::String(name) => Some(TargetPort::Name(name.into())),
        }),
        node_port: port.node_port.and_then(port_number),
        transport: transport(port.protocol.as_deref()),
        app_protocol: port.app_protocol.map(Untrusted::from),
    }
}

/// The transport for a protocol of the API; the default is TCP.
pub(super) fn transport(protocol: Option<&str>) -> Transport {
    match protocol {
        Some("UDP") => Transport::Udp,
        Some("SCTP") => Transport::Sctp,
        _ => Transport::Tcp,
    }
}
