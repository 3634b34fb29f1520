//! Finds problems of services in the data of the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::K8s;
use super::finding_kinds::{
    BALANCER_PENDING, NAME_UNRESOLVED, NO_ENDPOINTS, NO_POD, NODE_PORT_TWICE, NONE_READY, ONE_NODE, PORT_NAME,
    PORT_WITHOUT_ENDPOINTS, SAME_SELECTOR, TARGET_PORT, TERMINATING_READY,
};
use super::join::Services;
use super::names::NameStatus;
use super::object_key::ObjectKey;
use super::pods::SelectedPods;
use super::service_state::ServiceState;
use crate::clean::Untrusted;
use crate::model::{EndpointsFrom, Finding, K8sDetail, K8sPort, K8sServiceType, TargetPort, Transport};

/// The findings of each service that has any.
pub(super) fn findings(services: &Services) -> BTreeMap<ObjectKey, Vec<Finding>> {
    let cluster = ClusterView::of(services);
    let findings = services.iter().map(|(key, joined)| (key.clone(), of_service(key, joined, &cluster)));
    findings.filter(|(_, findings)| !findings.is_empty()).collect()
}

/// Facts about all services together.
struct ClusterView<'s> {
    nodes: BTreeSet<&'s str>,
    node_ports: BTreeMap<(Transport, u16), BTreeSet<&'s ObjectKey>>,
    selectors: BTreeMap<ServicePort<'s>, BTreeSet<&'s ObjectKey>>,
}

/// Namespace, labels, port number and transport.
type ServicePort<'s> = (&'s str, &'s BTreeMap<Untrusted, Untrusted>, u16, Transport);

impl<'s> ClusterView<'s> {
    fn of(services: &'s Services) -> Self {
        let mut cluster = Self { nodes: BTreeSet::new(), node_ports: BTreeMap::new(), selectors: BTreeMap::new() };
        for (key, joined) in services.iter() {
            cluster.nodes.extend(nodes(joined));
            for port in &joined.detail.ports {
                if let Some(number) = port.node_port {
                    cluster.node_ports.entry((port.transport, number)).or_default().insert(key);
                }
            }
            for port in selected_ports(key, &joined.detail) {
                cluster.selectors.entry(port).or_default().insert(key);
            }
        }

        cluster
    }
}

/// Headless services do not count: a StatefulSet has one beside a service with an address, for the same pods.
fn selected_ports<'s>(key: &'s ObjectKey, detail: &'s K8sDetail) -> impl Iterator<Item = ServicePort<'s>> {
    let counts = !detail.headless && !detail.selector.is_empty();
    let ports = detail.ports.iter().filter(move |_| counts);
    ports.map(|port| (key.0.as_str(), &detail.selector, port.port, port.transport))
}

fn of_service(key: &ObjectKey, joined: &ServiceState, cluster: &ClusterView<'_>) -> Vec<Finding> {
    let detail = &joined.detail;
    let mut found = Vec::new();
    if detail.kind != K8sServiceType::ExternalName && detail.endpoints_from != EndpointsFrom::Unknown {
        of_endpoints(joined, cluster, &mut found);
    }

    if let (NameStatus::Unresolved, Some(name)) = (joined.name, &detail.external_name) {
        let why =
            if name.as_raw().parse::<IpAddr>().is_ok() { "is an address, not a name" } else { "does not resolve" };
        found.push(Finding::new(&NAME_UNRESOLVED, format!("{} {why}", name.as_raw())));
    }

    if detail.kind == K8sServiceType::LoadBalancer && detail.external.is_empty() {
        found.push(Finding::new(&BALANCER_PENDING, "the load balancer has no address"));
    }

    for port in selected_ports(key, detail) {
        if let Some(keys) = cluster.selectors.get(&port).filter(|keys| keys.len() > 1) {
            found.push(Finding::new(
                &SAME_SELECTOR,
                format!("same labels and port {} as {}", port.2, others(keys, key)),
            ));
        }
    }

    for port in &detail.ports {
        let Some(number) = port.node_port else { continue };
        if let Some(keys) = cluster.node_ports.get(&(port.transport, number)).filter(|keys| keys.len() > 1) {
            found.push(Finding::new(
                &NODE_PORT_TWICE,
                format!("node port {number} is also a port of {}", others(keys, key)),
            ));
        }
    }

    found
}

/// The other services among `keys`.
fn others(keys: &BTreeSet<&ObjectKey>, key: &ObjectKey) -> String {
    let others = keys.iter().filter(|other| **other != key).map(|(namespace, name)| format!("{namespace}/{name}"));
    others.collect::<Vec<_>>().join(", ")
}

fn of_endpoints(joined: &ServiceState, cluster: &ClusterView<'_>, found: &mut Vec<Finding>) {
    let detail = &joined.detail;
    let ready: Vec<_> = joined.endpoints().filter(|(_, at)| at.ready).collect();
    let all = joined.endpoints().count();

    if all == 0 && !detail.selector.is_empty() {
        found.push(without_endpoints(joined));
    }
    // Without a ready endpoint, requests go to those that are terminating and still serving (Kubernetes, "Virtual IPs and Service
    // Proxies").
    let is_draining = joined.endpoints().any(|(_, at)| at.serving && at.terminating);
    if all > 0 && ready.is_empty() && !is_draining {
        found.push(Finding::new(&NONE_READY, format!("none of {all} endpoints is ready")));
    }

    found.extend(detail.ports.iter().enumerate().filter_map(|(at, port)| of_port(joined, at, port)));
    let terminating = ready.iter().filter(|(_, at)| at.terminating).count();
    if terminating > 0 && !detail.publish_not_ready {
        found.push(Finding::new(
            &TERMINATING_READY,
            format!("{terminating} of {} ready endpoints are terminating", ready.len()),
        ));
    }

    // A pod may have one address per family.
    let pods: BTreeSet<_> = ready.iter().map(|(key, at)| at.pod.as_deref().ok_or(key.ip)).collect();
    let nodes: BTreeSet<_> = ready.iter().map(|(_, at)| at.node.as_deref()).collect();
    if let (2.., Some(Some(only)), 1) = (pods.len(), nodes.first(), nodes.len())
        && cluster.nodes.len() > 1
    {
        found.push(Finding::new(&ONE_NODE, format!("all {} ready endpoints are on {only}", pods.len())));
    }
}

/// Why a service that selects pods has no endpoints.
fn without_endpoints(joined: &ServiceState) -> Finding {
    let labels = joined.detail.selector.iter().map(|(key, value)| format!("{}={}", key.as_raw(), value.as_raw()));
    let labels = labels.collect::<Vec<_>>().join(",");
    match &joined.selected {
        Some(SelectedPods { any: false, finished: false, .. }) => Finding::new(&NO_POD, format!("no pod has {labels}")),
        Some(SelectedPods { any: false, .. }) => Finding::new(&NO_POD, format!("all pods with {labels} have finished")),
        _ => Finding::new(&NO_ENDPOINTS, format!("no pod with {labels} has an address")),
    }
}

/// Why a port has no endpoint. A service without any endpoint has its own finding.
fn of_port(joined: &ServiceState, at: usize, port: &K8sPort) -> Option<Finding> {
    let name = port.name.as_ref().map(|name| format!(" {}", name.as_raw())).unwrap_or_default();
    let target = port.target.as_ref().map(TargetPort::to_string);
    let label = format!("port{name} {}", port.port);
    if let Some(selected) = joined.selected.as_ref().filter(|selected| selected.any && !selected.has[at]) {
        let target = target.unwrap_or_else(|| port.port.to_string());
        let declared: Vec<&str> = selected.declared.iter().map(String::as_str).collect();
        let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
        let text = format!("{label} targets {target}, which no container of its pods has; they have {declared}");
        return Some(Finding::new(&TARGET_PORT, text));
    }

    let name = port.name.as_ref().map(Untrusted::as_raw);
    if joined.endpoints().next().is_none() || port_names(joined).any(|known| known == name) {
        return None;
    }

    let port_names: BTreeSet<Option<&str>> = port_names(joined).collect();
    let declared: BTreeSet<Option<&str>> =
        joined.detail.ports.iter().map(|port| port.name.as_ref().map(Untrusted::as_raw)).collect();
    let unknown: Vec<&str> =
        port_names.difference(&declared).map(|name| name.unwrap_or("nothing")).take(MAX_NAMES).collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Some(Finding::new(&PORT_NAME, format!("{label} has no endpoint; the slices name their ports {names}")));
    }

    let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
    Some(Finding::new(&PORT_WITHOUT_ENDPOINTS, format!("{label}{target} has no endpoint")))
}

/// The number of names that a finding lists.
const MAX_NAMES: usize = 5;

/// The names of the ports that a service's endpoints have.
fn port_names(service: &ServiceState) -> impl Iterator<Item = Option<&str>> {
    let with_port = service.endpoints().filter(|(key, _)| key.port.number.is_some());
    with_port.map(|(key, _)| key.port.name.as_deref())
}

/// The nodes that a service's endpoints run on.
fn nodes(service: &ServiceState) -> impl Iterator<Item = &str> {
    service.endpoints().filter_map(|(_, at)| at.node.as_deref())
}

/// Which findings a filter may hide: those that compare a service with others. `None` if all services are listed, or if none of
/// them could have such a finding.
pub(super) fn filter_note(services: &Services, options: &K8s) -> Option<String> {
    let is_filtered = options.selector.is_some() || options.field_selector.is_some();
    let is_part = is_filtered || !options.all_namespaces || !options.exclude_namespace.is_empty();
    let all = || services.iter().map(|(_, joined)| joined);

    let mut kinds = Vec::new();
    if is_filtered && all().any(|joined| !joined.detail.selector.is_empty()) {
        kinds.push(SAME_SELECTOR.code);
    }
    if is_part && all().any(|joined| joined.detail.ports.iter().any(|port| port.node_port.is_some())) {
        kinds.push(NODE_PORT_TWICE.code);
    }
    if is_part && has_one_node(all()) && all().any(|joined| joined.endpoints().count() > 1) {
        kinds.push(ONE_NODE.code);
    }

    let kinds = kinds.join(", ");
    (!kinds.is_empty()).then(|| format!("findings that compare services see only the listed ones: {kinds}"))
}

/// Whether all endpoints run on the same node.
fn has_one_node<'s>(services: impl Iterator<Item = &'s ServiceState>) -> bool {
    let mut all = services.flat_map(nodes);
    all.next().is_some_and(|first| all.all(|node| node == first))
}

/// The number of findings by code: `3 findings: k8s-none-ready 2, k8s-one-node 1`.
pub(super) fn summary<'f>(found: impl Iterator<Item = &'f Finding>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in found {
        *counts.entry(finding.code()).or_default() += 1;
    }

    let total: usize = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let noun = if total == 1 { "finding" } else { "findings" };
    (total > 0).then(|| format!("{total} {noun}: {}; `portolan explain CODE` explains them", each.join(", ")))
}
