//! The rows of Gateway API routes, with the hosts and addresses of their Gateways.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::gateway::{Gateway, GatewayAddress, Reference, Route, RouteKind, RouteMatch, RouteRule};
use super::object_key::{ObjectKey, key};
use super::route_rows::{ANY, address, is_one_host, port_number, row, text};
use crate::clean::Untrusted;
use crate::model::{Address, Endpoint, K8sRouteDetail, K8sRule, Service, TargetPort, Transport};

/// Where clients reach a route: the host, port and addresses of a listener that it attaches to.
struct Attachment<'g> {
    /// `*` is any, and `*.` before a name is any name below it.
    host: &'g str,
    /// The Gateway's listeners decide the port and TLS; without them the route may name the port.
    /// Which port, and whether in TLS, is for the Gateway's listeners to say; without them the route may name the port.
    port: Option<u16>,
    is_tls: bool,
    addresses: &'g [GatewayAddress],
}

impl<'g> Attachment<'g> {
    /// The attachment of a route without a known Gateway.
    fn of_route(host: &'g str, port: Option<u16>) -> Self {
        Self { host, port, is_tls: false, addresses: &[] }
    }
}

/// All attachments of a route.
fn attachments<'g>(
    kind: &RouteKind,
    route: &'g Route,
    gateways: &'g BTreeMap<ObjectKey, Gateway>,
) -> Vec<Attachment<'g>> {
    let (namespace, _) = key(&route.metadata);
    let hosts = route.hosts();
    if route.parents().is_empty() {
        return hosts.into_iter().map(|host| Attachment::of_route(host, None)).collect();
    }

    let mut attachments = Vec::new();
    for parent in route.parents() {
        let gateway = parent.gateway(&namespace).and_then(|key| gateways.get_key_value(&key));
        let Some(((home, _), gateway)) = gateway else {
            let port = parent.port.and_then(port_number);
            attachments.extend(hosts.iter().map(|host| Attachment::of_route(host, port)));
            continue;
        };

        let addresses = gateway.status.addresses.as_deref().unwrap_or_default();
        let listeners = gateway.spec.listeners.iter().flatten();
        for listener in listeners.filter(|listener| listener.takes(kind, parent, *home == namespace)) {
            let common = hosts.iter().filter_map(|host| common_host(listener.host(), host));
            let (port, is_tls) = (port_number(listener.port), listener.is_tls());
            attachments.extend(common.map(|host| Attachment { host, port, is_tls, addresses }));
        }
    }
    attachments
}

/// The hosts that two patterns share, if one pattern contains the other.
fn common_host<'h>(one: &'h str, other: &'h str) -> Option<&'h str> {
    if covers(one, other) { Some(other) } else { covers(other, one).then_some(one) }
}

/// Whether a pattern covers a host; `*.` stands for any number of labels (Gateway API, `Hostname`).
fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    pattern == ANY || pattern == host || pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end))
}

/// The row of a route, with its Gateways as far as they are known.
pub(super) fn of_route(
    kind: &'static RouteKind,
    route: &Route,
    gateways: &BTreeMap<ObjectKey, Gateway>,
) -> Service<K8sRouteDetail> {
    let attachments = attachments(kind, route, gateways);
    let mut hosts: Vec<&str> = Vec::new();
    for host in attachments.iter().map(|attachment| attachment.host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }

    // The route attaches nowhere: show its own hosts.
    if hosts.is_empty() {
        hosts = route.hosts();
    }

    let mut rules = Vec::new();
    for host in &hosts {
        for rule in route.spec.rules.iter().flatten() {
            rules.extend(of_rule(host, rule));
        }
    }

    let detail = K8sRouteDetail {
        kind: kind.name.into(),
        served_by: route.parents().iter().map(Reference::qualified_name).collect(),
        hosts: sorted(hosts.iter().copied()),
        tls_hosts: sorted(attachments.iter().filter(|attachment| attachment.is_tls).map(|attachment| attachment.host)),
        addresses: sorted(
            attachments.iter().flat_map(|attachment| attachment.addresses).map(|address| address.value.as_str()),
        ),
        rules,
    };

    row(kind.name, &route.metadata, endpoints(&attachments), detail)
}

/// Sorted, each once.
fn sorted<'a>(all: impl Iterator<Item = &'a str>) -> Vec<Untrusted> {
    all.collect::<BTreeSet<&str>>().into_iter().map(Untrusted::from).collect()
}

/// One endpoint per host; for a route of any host, the addresses of the Gateway.
fn endpoints(attachments: &[Attachment<'_>]) -> Vec<Endpoint> {
    let mut targets = BTreeSet::new();
    for Attachment { host, port, addresses, .. } in attachments {
        if is_one_host(host) {
            targets.insert((Address::Name((*host).into()), *port));
        } else {
            targets.extend(addresses.iter().map(|one| (address(&one.value), *port)));
        }
    }
    targets.into_iter().map(|(address, port)| Endpoint::new(address, port, Transport::Tcp)).collect()
}

/// The paths of a rule, each with every backend.
fn of_rule(host: &str, rule: &RouteRule) -> Vec<K8sRule> {
    let matches = rule.matches.iter().flatten().map(path).collect::<Vec<_>>();
    let matches = if matches.is_empty() { vec![(None, None)] } else { matches };
    let backends = rule.backend_refs.iter().flatten().map(Some).collect::<Vec<_>>();
    let backends = if backends.is_empty() { vec![None] } else { backends };

    let mut rules = Vec::new();
    for (path, path_type) in matches {
        for backend in &backends {
            let service = backend.filter(|backend| backend.kind.as_deref().is_none_or(|kind| kind == "Service"));
            rules.push(K8sRule {
                host: Some(host).filter(|host| *host != ANY).map(Untrusted::from),
                path: path.clone(),
                path_type: path_type.clone(),
                service: service.map(Reference::qualified_name),
                port: service.and_then(|service| service.port.and_then(port_number)).map(TargetPort::Number),
            });
        }
    }

    rules
}

/// The path to match, and how it is compared. A gRPC method is the path `/SERVICE/METHOD`.
fn path(route_match: &RouteMatch) -> (Option<Untrusted>, Option<Untrusted>) {
    if let Some(Value::Object(method)) = &route_match.method {
        let [service, name, kind] = ["service", "method", "type"]
            .map(|key| method.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()));
        let path = format!("/{}/{}", service.unwrap_or("*"), name.unwrap_or("*"));
        return (Some(path.into()), kind.map(Untrusted::from));
    }

    let path = route_match.path.clone().unwrap_or_default();
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
            assert_eq!(common_host(one, other), both, "{one} {other}");
        }
    }
}
