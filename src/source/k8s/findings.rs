//! What is wrong with services, as far as the API server's own words tell.

use std::collections::{BTreeMap, BTreeSet};

use super::join::{Joined, Key, Services};
use crate::clean::Untrusted;
use crate::model::{Endpoint, EndpointsFrom, Finding, FindingKind, Instance, K8sDetail, K8sServiceType, Transport};

/// Every kind, for `portolan explain`.
pub(crate) static KINDS: &[&FindingKind] = &[
    &NO_ENDPOINTS,
    &NONE_READY,
    &PORT_WITHOUT_ENDPOINTS,
    &TERMINATING_READY,
    &ONE_NODE,
    &BALANCER_PENDING,
    &SAME_SELECTOR,
    &NODE_PORT_TWICE,
];

static NO_ENDPOINTS: FindingKind = FindingKind::of_source(
    "k8s-no-endpoints",
    "The service chooses pods by labels, and has no endpoint at all: no pod that has these labels has an address",
    "`kubectl get pods -n NAMESPACE -l LABELS` shows which pods have the labels; compare them with `kubectl get pods --show-labels`",
);
static NONE_READY: FindingKind = FindingKind::of_source(
    "k8s-none-ready",
    "The service has endpoints, and none of them is ready: nobody answers",
    "`kubectl describe pods -n NAMESPACE -l LABELS` shows why a readiness probe fails",
);
static PORT_WITHOUT_ENDPOINTS: FindingKind = FindingKind::of_source(
    "k8s-port-no-endpoints",
    "A port of the service leads nowhere, while others lead to endpoints: its targetPort names a port that no container has, \
     or a slice made by hand calls it differently",
    "`kubectl get service NAME -o yaml` and `kubectl get pods -o yaml` show targetPort and the containers' ports",
);
static TERMINATING_READY: FindingKind = FindingKind::of_source(
    "k8s-terminating-ready",
    "An endpoint is being ended and still counts as ready, so that calls go to it until it is gone",
    "`kubectl get endpointslices -l kubernetes.io/service-name=NAME -o yaml` shows the conditions",
);
static ONE_NODE: FindingKind = FindingKind::of_source(
    "k8s-one-node",
    "All ready endpoints of the service, two or more, are on one node: they go with it",
    "`kubectl get pods -n NAMESPACE -l LABELS -o wide` shows the nodes; topologySpreadConstraints spread pods",
);
static BALANCER_PENDING: FindingKind = FindingKind::of_source(
    "k8s-balancer-pending",
    "The service wants a load balancer, and nobody has given it one: it has no address outside of the cluster",
    "`kubectl describe service NAME -n NAMESPACE` shows what the cloud's controller says",
);
static SAME_SELECTOR: FindingKind = FindingKind::of_source(
    "k8s-same-selector",
    "Two services of a namespace choose the same pods and ports: one of them may be a leftover",
    "`kubectl get services -n NAMESPACE -o wide` shows the selectors",
);
static NODE_PORT_TWICE: FindingKind = FindingKind::of_source(
    "k8s-node-port-twice",
    "Two services have the same node port: which of them answers there is chance",
    "`kubectl get services -A -o wide` shows node ports; take one away with `kubectl edit service`",
);

/// What is wrong with each service of which anything is.
pub(super) fn judge(services: &Services) -> BTreeMap<Key, Vec<Finding>> {
    let across = Across::of(services);
    let found = services.iter().map(|(key, joined)| (key.clone(), findings(key, joined, &across)));
    found.filter(|(_, findings)| !findings.is_empty()).collect()
}

/// What only all services together tell.
struct Across<'s> {
    nodes: BTreeSet<&'s Untrusted>,
    node_ports: BTreeMap<(Transport, u16), BTreeSet<&'s Key>>,
    selectors: BTreeMap<Choice<'s>, BTreeSet<&'s Key>>,
}

/// Namespace, labels, and a port's number and transport.
type Choice<'s> = (&'s str, &'s BTreeMap<Untrusted, Untrusted>, u16, Transport);

impl<'s> Across<'s> {
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
fn choices<'s>(key: &'s Key, detail: &'s K8sDetail) -> impl Iterator<Item = Choice<'s>> {
    let counts = !detail.headless && !detail.selector.is_empty();
    let ports = detail.ports.iter().filter(move |_| counts);
    ports.map(|port| (key.0.as_str(), &detail.selector, port.port, port.transport))
}

fn findings(key: &Key, joined: &Joined, across: &Across<'_>) -> Vec<Finding> {
    let detail = &joined.detail;
    let mut found = Vec::new();
    if detail.kind != K8sServiceType::ExternalName && detail.endpoints_from != EndpointsFrom::Unknown {
        of_endpoints(joined, across, &mut found);
    }
    if detail.kind == K8sServiceType::LoadBalancer && detail.external.is_empty() {
        found.push(BALANCER_PENDING.seen("no address of a load balancer"));
    }
    let others = |keys: &BTreeSet<&Key>| {
        let others = keys.iter().filter(|other| **other != key).map(|(namespace, name)| format!("{namespace}/{name}"));
        others.collect::<Vec<_>>().join(", ")
    };
    for choice in choices(key, detail) {
        if let Some(keys) = across.selectors.get(&choice).filter(|keys| keys.len() > 1) {
            found.push(SAME_SELECTOR.seen(format!("port {} and labels are those of {}", choice.2, others(keys))));
        }
    }
    for port in &detail.ports {
        let Some(number) = port.node_port else { continue };
        if let Some(keys) = across.node_ports.get(&(port.transport, number)).filter(|keys| keys.len() > 1) {
            found.push(NODE_PORT_TWICE.seen(format!("node port {number} is that of {} too", others(keys))));
        }
    }
    found
}

fn of_endpoints(joined: &Joined, across: &Across<'_>, found: &mut Vec<Finding>) {
    let detail = &joined.detail;
    let ready: Vec<&Endpoint> = joined.endpoints().filter(|endpoint| endpoint.ready).collect();
    let all = joined.endpoints().count();
    if all == 0 {
        if !detail.selector.is_empty() {
            let labels: Vec<String> =
                detail.selector.iter().map(|(key, value)| format!("{}={}", key.as_raw(), value.as_raw())).collect();
            found.push(NO_ENDPOINTS.seen(format!("no pod with {} has an address", labels.join(","))));
        }
        return;
    }
    if ready.is_empty() {
        found.push(NONE_READY.seen(format!("none of {all} endpoints is ready")));
    }
    for port in &detail.ports {
        let leads = |endpoint: &Endpoint| instance(endpoint).and_then(|at| at.port_name.as_ref()) == port.name.as_ref();
        if !joined.endpoints().any(leads) {
            let name = port.name.as_ref().map(|name| format!(" {}", name.as_raw())).unwrap_or_default();
            let target = port.target.as_ref().map(|target| format!(" to {target}")).unwrap_or_default();
            found.push(PORT_WITHOUT_ENDPOINTS.seen(format!("port{name} {}{target} has no endpoint", port.port)));
        }
    }
    let leaving = ready.iter().filter(|endpoint| instance(endpoint).is_some_and(|at| at.terminating)).count();
    if leaving > 0 && !detail.publish_not_ready {
        found.push(TERMINATING_READY.seen(format!("{leaving} of {} ready endpoints are being ended", ready.len())));
    }
    let pods: BTreeSet<_> = ready.iter().map(|endpoint| &endpoint.address).collect();
    let nodes: BTreeSet<_> = ready.iter().map(|endpoint| node(endpoint)).collect();
    if let (2.., Some(Some(only)), 1) = (pods.len(), nodes.first(), nodes.len())
        && across.nodes.len() > 1
    {
        found.push(ONE_NODE.seen(format!("all {} ready endpoints are on {}", pods.len(), only.as_raw())));
    }
}

fn instance(endpoint: &Endpoint) -> Option<&Instance> {
    endpoint.instance.as_deref()
}

fn node(endpoint: &Endpoint) -> Option<&Untrusted> {
    instance(endpoint)?.node.as_ref()
}

/// How many of what, for people: `3 findings: k8s-none-ready 2, k8s-one-node 1`.
pub(super) fn summary(found: &BTreeMap<Key, Vec<Finding>>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in found.values().flatten() {
        *counts.entry(finding.kind.code).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let word = if total == 1 { "finding" } else { "findings" };
    (total > 0).then(|| format!("{total} {word}: {}; `portolan explain CODE` says more", each.join(", ")))
}
