//! Routes of the Gateway API as rows, with what the Gateways above them say of where they are met.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::gateway::{Gateway, GatewayAddress, Reference, Route, RouteKind, RouteMatch, RouteRule};
use super::join::{ObjectKey, key};
use super::routes::{ANY, addressed, is_one, number, row, text};
use crate::clean::Untrusted;
use crate::model::{Address, Endpoint, K8sRouteDetail, K8sRule, Service, TargetPort, Transport};

/// Where a client meets a route.
struct RouteMatchResult<'g> {
    /// `*` is any, and `*.` before a name any below it.
    host: &'g str,
    /// Which port, and whether in TLS, is for the Gateway's listeners to say; without them the route may name the port.
    port: Option<u16>,
    is_tls: bool,
    addresses: &'g [GatewayAddress],
}

/// Everywhere that a client meets a route.
fn meetings<'g>(
    kind: &RouteKind,
    route: &'g Route,
    gateways: &'g BTreeMap<ObjectKey, Gateway>,
) -> Vec<RouteMatchResult<'g>> {
    let (namespace, _) = key(&route.metadata);
    let hosts = route.hosts();
    let as_it_says =
        |port| hosts.iter().map(move |host| RouteMatchResult { host, port, is_tls: false, addresses: &[] });
    if route.parents().is_empty() {
        return as_it_says(None).collect();
    }
    let mut met = Vec::new();
    for parent in route.parents() {
        let gateway = parent.gateway(&namespace).and_then(|key| gateways.get_key_value(&key));
        let Some(((home, _), gateway)) = gateway else {
            met.extend(as_it_says(parent.port.and_then(number)));
            continue;
        };
        let addresses = gateway.status.addresses.as_deref().unwrap_or_default();
        let listeners = gateway.spec.listeners.iter().flatten();
        for listener in listeners.filter(|listener| listener.takes(kind, parent, *home == namespace)) {
            let common = hosts.iter().filter_map(|host| common(listener.host(), host));
            let (port, is_tls) = (number(listener.port), listener.is_tls());
            met.extend(common.map(|host| RouteMatchResult { host, port, is_tls, addresses }));
        }
    }
    met
}

/// The hosts that two patterns have in common, where one of them is part of the other.
fn common<'h>(one: &'h str, other: &'h str) -> Option<&'h str> {
    if covers(one, other) { Some(other) } else { covers(other, one).then_some(one) }
}

/// Whether a pattern covers a host; `*.` stands for any number of labels (Gateway API, `Hostname`).
fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    pattern == ANY || pattern == host || pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end))
}

/// A route as a row, by its own words and those of the Gateways that are known.
pub(super) fn of_route(
    kind: &'static RouteKind,
    route: &Route,
    gateways: &BTreeMap<ObjectKey, Gateway>,
) -> Service<K8sRouteDetail> {
    let met = meetings(kind, route, gateways);
    let mut hosts: Vec<&str> = Vec::new();
    for host in met.iter().map(|met| met.host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    // Nobody takes it in: what it says itself is all there is to tell.
    if hosts.is_empty() {
        hosts = route.hosts();
    }
    let mut rules = Vec::new();
    for host in &hosts {
        for rule in route.spec.rules.iter().flatten() {
            rules.extend(of_rule(host, rule));
        }
    }
    let sorted = |all: BTreeSet<&str>| all.into_iter().map(Untrusted::from).collect();
    let detail = K8sRouteDetail {
        kind: kind.name.into(),
        served_by: route.parents().iter().map(Reference::in_its_namespace).collect(),
        hosts: sorted(hosts.iter().copied().collect()),
        tls_hosts: sorted(met.iter().filter(|met| met.is_tls).map(|met| met.host).collect()),
        addresses: sorted(met.iter().flat_map(|met| met.addresses).map(|one| one.value.as_str()).collect()),
        rules,
    };
    row(kind.name, &route.metadata, endpoints(&met), detail)
}

/// Each host where a client meets it; where any host will do, the addresses of the Gateway.
fn endpoints(met: &[RouteMatchResult<'_>]) -> Vec<Endpoint> {
    let mut places = BTreeSet::new();
    for RouteMatchResult { host, port, addresses, .. } in met {
        if is_one(host) {
            places.insert((Address::Name((*host).into()), *port));
        } else {
            places.extend(addresses.iter().map(|one| (addressed(&one.value), *port)));
        }
    }
    places.into_iter().map(|(address, port)| Endpoint::new(address, port, Transport::Tcp)).collect()
}

/// A rule's paths, each with everything behind it.
fn of_rule(host: &str, rule: &RouteRule) -> Vec<K8sRule> {
    let matches = rule.matches.iter().flatten().map(path).collect::<Vec<_>>();
    let matches = if matches.is_empty() { vec![(None, None)] } else { matches };
    let backends = rule.backend_refs.iter().flatten().map(Some).collect::<Vec<_>>();
    let backends = if backends.is_empty() { vec![None] } else { backends };
    let mut rules = Vec::new();
    for (path, path_type) in matches {
        for backend in &backends {
            let is_service = |one: &&Reference| one.kind.as_deref().is_none_or(|kind| kind == "Service");
            let service = backend.filter(is_service);
            rules.push(K8sRule {
                host: Some(host).filter(|host| *host != ANY).map(Untrusted::from),
                path: path.clone(),
                path_type: path_type.clone(),
                service: service.map(Reference::in_its_namespace),
                port: service.and_then(|service| service.port.and_then(number)).map(TargetPort::Number),
            });
        }
    }
    rules
}

/// The path that is asked for, and how it is compared. A method of gRPC is a path too, `/SERVICE/METHOD`.
fn path(wanted: &RouteMatch) -> (Option<Untrusted>, Option<Untrusted>) {
    if let Some(Value::Object(method)) = &wanted.method {
        let word = |key: &str| method.get(key).and_then(Value::as_str).filter(|word| !word.is_empty());
        let path = format!("/{}/{}", word("service").unwrap_or("*"), word("method").unwrap_or("*"));
        return (Some(path.into()), word("type").map(Untrusted::from));
    }
    let path = wanted.path.clone().unwrap_or_default();
    (text(path.value), text(path.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_in_common_are_those_of_the_narrower_pattern() {
        for (one, other, both) in [
            (ANY, ANY, Some(ANY)),
            ("a.x", ANY, Some("a.x")),
            (ANY, "*.x", Some("*.x")),
            ("*.x", "a.b.x", Some("a.b.x")),
            ("a.x", "*.x", Some("a.x")),
            ("*.x", "*.a.x", Some("*.a.x")),
            ("A.x", "a.X", Some("a.X")),
            ("*.x", "x", None),
            ("*.x", "a.yx", None),
            ("a.x", "b.x", None),
        ] {
            assert_eq!(common(one, other), both, "{one} {other}");
        }
    }
}
