//! What is wrong with services, by the API server's own words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::finding_kinds::{
    BALANCER_PENDING, NAME_UNRESOLVED, NO_ENDPOINTS, NO_POD, NODE_PORT_TWICE, NONE_READY, ONE_NODE, PORT_NAME,
    PORT_WITHOUT_ENDPOINTS, SAME_SELECTOR, TARGET_PORT, TERMINATING_READY,
};
use super::join::{ObjectKey, Services};
use super::names::Name;
use super::pods::SelectedPods;
use super::service_state::JoinedService;
use crate::clean::Untrusted;
use crate::model::{
    Endpoint, EndpointsFrom, Finding, Instance, K8sDetail, K8sPort, K8sServiceType, TargetPort, Transport,
};

/// What is wrong with each service of which anything is.
pub(super) fn judge(services: &Services) -> BTreeMap<ObjectKey, Vec<Finding>> {
    let across = ClusterView::of(services);
    let found = services.iter().map(|(key, joined)| (key.clone(), findings(key, joined, &across)));
    found.filter(|(_, findings)| !findings.is_empty()).collect()
}

/// What only all services together tell.
struct ClusterView<'s> {
    nodes: BTreeSet<&'s Untrusted>,
    node_ports: BTreeMap<(Transport, u16), BTreeSet<&'s ObjectKey>>,
    selectors: BTreeMap<ServicePort<'s>, BTreeSet<&'s ObjectKey>>,
}

/// Namespace, labels, and a port's number and transport.
type ServicePort<'s> = (&'s str, &'s BTreeMap<Untrusted, Untrusted>, u16, Transport);

impl<'s> ClusterView<'s> {
    fn of(services: &'s Services) -> Self {
        let mut across = Self { nodes: BTreeSet::new(), node_ports: BTreeMap::new(), selectors: BTreeMap::new() };
        for (key, joined) in services.iter() {
            across.nodes.extend(joined.endpoints().filter_map(|endpoint| node(endpoint)));
            for port in &joined.detail.ports {
                if let Some(number) = port.node_port {
                    across.node_ports.entry((port.transport, number)).or_default().insert(key);
                }
            }
            for choice in choices(key, &joined.detail) {
                across.selectors.entry(choice).or_default().insert(key);
            }
        }
        across
    }
}

/// A headless service beside one with an address, for the same pods, is what a StatefulSet has.
fn choices<'s>(key: &'s ObjectKey, detail: &'s K8sDetail) -> impl Iterator<Item = ServicePort<'s>> {
    let counts = !detail.headless && !detail.selector.is_empty();
    let ports = detail.ports.iter().filter(move |_| counts);
    ports.map(|port| (key.0.as_str(), &detail.selector, port.port, port.transport))
}

fn findings(key: &ObjectKey, joined: &JoinedService, across: &ClusterView<'_>) -> Vec<Finding> {
    let detail = &joined.detail;
    let mut found = Vec::new();
    if detail.kind != K8sServiceType::ExternalName && detail.endpoints_from != EndpointsFrom::Unknown {
        of_endpoints(joined, across, &mut found);
    }
    if let (Name::Nowhere, Some(name)) = (joined.name, &detail.external_name) {
        let why =
            if name.as_raw().parse::<IpAddr>().is_ok() { "is an address, and no name" } else { "does not resolve" };
        found.push(Finding::new(&NAME_UNRESOLVED, format!("{} {why}", name.as_raw())));
    }
    if detail.kind == K8sServiceType::LoadBalancer && detail.external.is_empty() {
        found.push(Finding::new(&BALANCER_PENDING, "no address of a load balancer"));
    }
    let others = |keys: &BTreeSet<&ObjectKey>| {
        let others = keys.iter().filter(|other| **other != key).map(|(namespace, name)| format!("{namespace}/{name}"));
        others.collect::<Vec<_>>().join(", ")
    };
    for choice in choices(key, detail) {
        if let Some(keys) = across.selectors.get(&choice).filter(|keys| keys.len() > 1) {
            found.push(Finding::new(
                &SAME_SELECTOR,
                format!("port {} and labels are those of {}", choice.2, others(keys)),
            ));
        }
    }
    for port in &detail.ports {
        let Some(number) = port.node_port else { continue };
        if let Some(keys) = across.node_ports.get(&(port.transport, number)).filter(|keys| keys.len() > 1) {
            found.push(Finding::new(&NODE_PORT_TWICE, format!("node port {number} is that of {} too", others(keys))));
        }
    }
    found
}

fn of_endpoints(joined: &JoinedService, across: &ClusterView<'_>, found: &mut Vec<Finding>) {
    let detail = &joined.detail;
    let ready: Vec<&Endpoint> = joined.endpoints().filter(|endpoint| endpoint.ready).collect();
    let all = joined.endpoints().count();
    if all == 0 && !detail.selector.is_empty() {
        found.push(without_endpoints(joined));
    }
    if all > 0 && ready.is_empty() {
        found.push(Finding::new(&NONE_READY, format!("none of {all} endpoints is ready")));
    }
    found.extend(detail.ports.iter().enumerate().filter_map(|(at, port)| of_port(joined, at, port)));
    let leaving = ready.iter().filter(|endpoint| instance(endpoint).is_some_and(Instance::is_terminating)).count();
    if leaving > 0 && !detail.publish_not_ready {
        found.push(Finding::new(
            &TERMINATING_READY,
            format!("{leaving} of {} ready endpoints are being ended", ready.len()),
        ));
    }
    // A pod may have an address of each family.
    let pods: BTreeSet<_> = ready.iter().map(|endpoint| pod(endpoint).ok_or(&endpoint.address)).collect();
    let nodes: BTreeSet<_> = ready.iter().map(|endpoint| node(endpoint)).collect();
    if let (2.., Some(Some(only)), 1) = (pods.len(), nodes.first(), nodes.len())
        && across.nodes.len() > 1
    {
        found.push(Finding::new(&ONE_NODE, format!("all {} ready endpoints are on {}", pods.len(), only.as_raw())));
    }
}

/// Why a service that chooses pods has no endpoints.
fn without_endpoints(joined: &JoinedService) -> Finding {
    let labels = joined.detail.selector.iter().map(|(key, value)| format!("{}={}", key.as_raw(), value.as_raw()));
    let labels = labels.collect::<Vec<_>>().join(",");
    match &joined.chosen {
        Some(SelectedPods { any: false, ended: false, .. }) => Finding::new(&NO_POD, format!("no pod has {labels}")),
        Some(SelectedPods { any: false, .. }) => Finding::new(&NO_POD, format!("all pods with {labels} have ended")),
        _ => Finding::new(&NO_ENDPOINTS, format!("no pod with {labels} has an address")),
    }
}

/// Why a port leads nowhere. Where nothing of the service does, that is said by itself.
fn of_port(joined: &JoinedService, at: usize, port: &K8sPort) -> Option<Finding> {
    let name = port.name.as_ref().map(|name| format!(" {}", name.as_raw())).unwrap_or_default();
    let target = port.target.as_ref().map(TargetPort::to_string);
    let shown = format!("port{name} {}", port.port);
    if let Some(chosen) = joined.chosen.as_ref().filter(|chosen| chosen.any && !chosen.has[at]) {
        let target = target.unwrap_or_else(|| port.port.to_string());
        let offered: Vec<&str> = chosen.offered.iter().map(String::as_str).collect();
        let offered = if offered.is_empty() { "none at all".to_owned() } else { offered.join(", ") };
        return Some(Finding::new(
            &TARGET_PORT,
            format!("{shown} leads to {target}, which no container of its pods has; they have {offered}"),
        ));
    }
    let numbered = || joined.endpoints().filter(|endpoint| endpoint.port.is_some());
    let port_name = |endpoint: &Endpoint| instance(endpoint).and_then(|at| at.port_name.clone());
    if joined.endpoints().next().is_none() || numbered().any(|endpoint| port_name(endpoint) == port.name) {
        return None;
    }
    let known = |name: &Option<Untrusted>| joined.detail.ports.iter().any(|port| port.name == *name);
    let strange: BTreeSet<Option<Untrusted>> = numbered().map(port_name).filter(|name| !known(name)).collect();
    if !strange.is_empty() {
        let word = |name: &Option<Untrusted>| name.as_ref().map_or("nothing", |name| name.as_raw()).to_owned();
        let names: Vec<String> = strange.iter().map(word).take(MAX_NAMES).collect();
        return Some(Finding::new(
            &PORT_NAME,
            format!("{shown} has no endpoint; the slices call theirs {}", names.join(", ")),
        ));
    }
    let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
    Some(Finding::new(&PORT_WITHOUT_ENDPOINTS, format!("{shown}{target} has no endpoint")))
}

/// So many names are told.
const MAX_NAMES: usize = 5;

fn instance(endpoint: &Endpoint) -> Option<&Instance> {
    endpoint.instance.as_deref()
}

fn pod(endpoint: &Endpoint) -> Option<&Untrusted> {
    instance(endpoint)?.pod.as_ref()
}

fn node(endpoint: &Endpoint) -> Option<&Untrusted> {
    instance(endpoint)?.node.as_ref()
}

/// How many of what, for people: `3 findings: k8s-none-ready 2, k8s-one-node 1`.
pub(super) fn summary(found: &BTreeMap<ObjectKey, Vec<Finding>>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in found.values().flatten() {
        *counts.entry(finding.code()).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let word = if total == 1 { "finding" } else { "findings" };
    (total > 0).then(|| format!("{total} {word}: {}; `portolan explain CODE` says more", each.join(", ")))
}
