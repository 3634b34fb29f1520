//! The rows of Ingresses: hosts, paths and backends.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressServiceBackend};

use super::route_rows::{ANY, address, is_one_host, port_number, row, text};
use crate::clean::Untrusted;
use crate::model::{Address, Endpoint, K8sRouteDetail, K8sRule, Service, TargetPort, Transport};

const HTTP: u16 = 80;
const HTTPS: u16 = 443;

pub(super) fn of_ingress(ingress: Ingress) -> Service<K8sRouteDetail> {
    let spec = ingress.spec.unwrap_or_default();
    let annotated_class =
        ingress.metadata.annotations.as_ref().and_then(|all| all.get("kubernetes.io/ingress.class").cloned());
    let balancer = ingress.status.and_then(|status| status.load_balancer?.ingress).unwrap_or_default();

    let mut rules = Vec::new();
    for rule in spec.rules.unwrap_or_default() {
        let host = text(rule.host);
        let paths = rule.http.map(|http| http.paths).unwrap_or_default();
        if paths.is_empty() {
            rules.push(K8sRule { host: host.clone(), path: None, path_type: None, service: None, port: None });
        }
        rules.extend(paths.into_iter().map(|path| of_path(host.clone(), path)));
    }

    if let Some(backend) = spec.default_backend {
        let (service, port) = backend.service.map_or((None, None), of_service);
        rules.push(K8sRule { host: None, path: None, path_type: None, service, port });
    }

    let detail = K8sRouteDetail {
        kind: "Ingress".into(),
        served_by: text(spec.ingress_class_name.or(annotated_class)).into_iter().collect(),
        hosts: hosts(rules.iter().map(|rule| rule.host.as_ref())),
        tls_hosts: spec
            .tls
            .into_iter()
            .flatten()
            .flat_map(|tls| tls.hosts.unwrap_or_default())
            .map(Into::into)
            .collect(),
        addresses: balancer.into_iter().filter_map(|one| text(one.ip.or(one.hostname))).collect(),
        rules,
    };

    let endpoints = ingress_endpoints(&detail);
    row("Ingress", &ingress.metadata, endpoints, detail)
}

fn of_path(host: Option<Untrusted>, path: HTTPIngressPath) -> K8sRule {
    let (service, port) = path.backend.service.map_or((None, None), of_service);
    K8sRule { host, path: text(path.path), path_type: text(Some(path.path_type)), service, port }
}

fn of_service(backend: IngressServiceBackend) -> (Option<Untrusted>, Option<TargetPort>) {
    let port = backend.port.and_then(|port| match (text(port.name), port.number.and_then(port_number)) {
        (Some(name), _) => Some(TargetPort::Name(name)),
        (None, number) => number.map(TargetPort::Number),
    });
    (text(Some(backend.name)), port)
}

fn hosts<'h>(all: impl Iterator<Item = Option<&'h Untrusted>>) -> Vec<Untrusted> {
    let all: BTreeSet<&str> = all.map(|host| host.map_or(ANY, Untrusted::as_raw)).collect();
    all.into_iter().map(Untrusted::from).collect()
}

/// One endpoint per host; for an Ingress of any host, the addresses of the load balancer.
fn ingress_endpoints(detail: &K8sRouteDetail) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for host in detail.hosts.iter().filter(|host| is_one_host(host.as_raw())) {
        let is_tls = detail.tls_hosts.iter().any(|tls| covers(tls.as_raw(), host.as_raw()));
        let port = if is_tls { HTTPS } else { HTTP };
        endpoints.push(Endpoint::new(Address::Name(host.clone()), Some(port), Transport::Tcp));
    }

    if !detail.hosts.iter().all(|host| is_one_host(host.as_raw())) {
        let port = if detail.tls_hosts.is_empty() { HTTP } else { HTTPS };
        let addresses = detail.addresses.iter().map(|text| address(text.as_raw()));
        endpoints.extend(addresses.map(|address| Endpoint::new(address, Some(port), Transport::Tcp)));
    }

    endpoints
}

/// Whether a TLS host, which may begin with `*.`, covers a host.
fn covers(name: &str, host: &str) -> bool {
    let below = name.strip_prefix("*.").zip(host.split_once('.').map(|(_, rest)| rest));
    name.eq_ignore_ascii_case(host) || below.is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covers("*.shop.example", "a.shop.example"));
        assert!(!covers("*.shop.example", "a.b.shop.example"));
        assert!(!covers("*.shop.example", "shop.example"));
        assert!(covers("Shop.example", "shop.example"));
    }
}
