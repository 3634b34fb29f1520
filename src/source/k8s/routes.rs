//! The ways into a cluster: Ingresses, and HTTPRoutes of the Gateway API.

use std::borrow::Cow;
use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::join::key;
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, K8sRouteDetail, K8sRule, Service, TargetPort, Transport};

const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// An HTTPRoute (gateway.networking.k8s.io/v1), as far as it says what leads where.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HttpRoute {
    metadata: ObjectMeta,
    spec: HttpRouteSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HttpRouteSpec {
    parent_refs: Option<Vec<Reference>>,
    hostnames: Option<Vec<String>>,
    rules: Option<Vec<HttpRouteRule>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HttpRouteRule {
    matches: Option<Vec<HttpRouteMatch>>,
    backend_refs: Option<Vec<Reference>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct HttpRouteMatch {
    path: Option<HttpPathMatch>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct HttpPathMatch {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
}

/// A Gateway above, or a service below.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
    port: Option<i32>,
}

impl Resource for HttpRoute {
    type DynamicType = ();
    type Scope = <Ingress as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        "HTTPRoute".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "gateway.networking.k8s.io".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "httproutes".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

pub(super) fn of_ingress(ingress: Ingress) -> Service<K8sRouteDetail> {
    let spec = ingress.spec.unwrap_or_default();
    let annotated = || ingress.metadata.annotations.as_ref()?.get("kubernetes.io/ingress.class").cloned();
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
        kind: "Ingress",
        served_by: text(spec.ingress_class_name.or_else(annotated)).into_iter().collect(),
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
    row("ingress", &ingress.metadata, endpoints, detail)
}

fn of_path(host: Option<Untrusted>, path: HTTPIngressPath) -> K8sRule {
    let (service, port) = path.backend.service.map_or((None, None), of_service);
    K8sRule { host, path: text(path.path), path_type: text(Some(path.path_type)), service, port }
}

fn of_service(
    backend: k8s_openapi::api::networking::v1::IngressServiceBackend,
) -> (Option<Untrusted>, Option<TargetPort>) {
    let port = backend.port.and_then(|port| match (text(port.name), port.number.and_then(number)) {
        (Some(name), _) => Some(TargetPort::Name(name)),
        (None, number) => number.map(TargetPort::Number),
    });
    (text(Some(backend.name)), port)
}

pub(super) fn of_http_route(route: HttpRoute) -> Service<K8sRouteDetail> {
    let HttpRoute { metadata, spec } = route;
    let named = spec.hostnames.unwrap_or_default();
    let any_or = |names: &[String]| -> Vec<Option<Untrusted>> {
        if names.is_empty() { vec![None] } else { names.iter().map(|name| Some(name.as_str().into())).collect() }
    };
    let mut rules = Vec::new();
    for host in any_or(&named) {
        for rule in spec.rules.iter().flatten() {
            rules.extend(of_rule(host.as_ref(), rule));
        }
    }
    let parents = spec.parent_refs.unwrap_or_default();
    let detail = K8sRouteDetail {
        kind: "HTTPRoute",
        served_by: parents.iter().map(in_its_namespace).collect(),
        hosts: hosts(any_or(&named).iter().map(Option::as_ref)),
        tls_hosts: Vec::new(),
        addresses: Vec::new(),
        rules,
    };
    // Which port, and whether in TLS, is for the Gateway's listeners to say, unless the route names the port.
    let ports: BTreeSet<Option<u16>> = parents.iter().map(|parent| parent.port.and_then(number)).collect();
    let ports = if ports.is_empty() { BTreeSet::from([None]) } else { ports };
    let at = |host: &Untrusted| {
        let host = host.clone();
        ports
            .iter()
            .map(move |port| Endpoint::new(Address::Name(host.clone()), *port, Transport::Tcp))
            .collect::<Vec<_>>()
    };
    let endpoints = detail.hosts.iter().filter(|host| is_one(host)).flat_map(at).collect();
    row("httproute", &metadata, endpoints, detail)
}

/// A rule's paths, each with everything behind it.
fn of_rule(host: Option<&Untrusted>, rule: &HttpRouteRule) -> Vec<K8sRule> {
    let matches = rule.matches.clone().filter(|matches| !matches.is_empty());
    let matches = matches.unwrap_or_else(|| vec![HttpRouteMatch::default()]);
    let backends = rule.backend_refs.clone().filter(|backends| !backends.is_empty());
    let backends: Vec<Option<Reference>> = backends.map_or(vec![None], |all| all.into_iter().map(Some).collect());
    let mut rules = Vec::new();
    for path in matches.into_iter().map(|one| one.path) {
        for backend in &backends {
            let is_service = |one: &&Reference| one.kind.as_deref().is_none_or(|kind| kind == "Service");
            let service = backend.as_ref().filter(is_service);
            rules.push(K8sRule {
                host: host.cloned(),
                path: text(path.as_ref().and_then(|path| path.value.clone())),
                path_type: text(path.as_ref().and_then(|path| path.kind.clone())),
                service: service.map(in_its_namespace),
                port: service.and_then(|service| service.port.and_then(number)).map(TargetPort::Number),
            });
        }
    }
    rules
}

fn in_its_namespace(reference: &Reference) -> Untrusted {
    match &reference.namespace {
        Some(namespace) => format!("{namespace}/{}", reference.name).into(),
        None => reference.name.as_str().into(),
    }
}

fn hosts<'h>(all: impl Iterator<Item = Option<&'h Untrusted>>) -> Vec<Untrusted> {
    let all: BTreeSet<Untrusted> = all.map(|host| host.cloned().unwrap_or_else(|| "*".into())).collect();
    all.into_iter().collect()
}

/// Each host where a client meets it; where any host will do, the addresses of the balancer.
fn ingress_endpoints(detail: &K8sRouteDetail) -> Vec<Endpoint> {
    let is_tls = |host: &Untrusted| detail.tls_hosts.iter().any(|tls| covers(tls.as_raw(), host.as_raw()));
    let mut endpoints = Vec::new();
    for host in detail.hosts.iter().filter(|host| is_one(host)) {
        let port = if is_tls(host) { HTTPS } else { HTTP };
        endpoints.push(Endpoint::new(Address::Name(host.clone()), Some(port), Transport::Tcp));
    }
    if !detail.hosts.iter().all(is_one) {
        let port = if detail.tls_hosts.is_empty() { HTTP } else { HTTPS };
        endpoints.extend(detail.addresses.iter().map(|address| {
            let at = address.as_raw().parse().map_or_else(|_| Address::Name(address.clone()), Address::Ip);
            Endpoint::new(at, Some(port), Transport::Tcp)
        }));
    }
    endpoints
}

/// Whether it is a host, and not a pattern of many.
fn is_one(host: &Untrusted) -> bool {
    !host.as_raw().contains('*')
}

/// Whether a name of TLS, which may begin with `*.`, is good for a host.
fn covers(name: &str, host: &str) -> bool {
    let behind = || Some((name.strip_prefix("*.")?, host.split_once('.')?.1));
    name.eq_ignore_ascii_case(host) || behind().is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
}

fn row(kind: &str, metadata: &ObjectMeta, endpoints: Vec<Endpoint>, detail: K8sRouteDetail) -> Service<K8sRouteDetail> {
    let (namespace, name) = key(metadata);
    let id = format!("k8s/{}/{kind}/{}", clean(&namespace), clean(&name));
    let mut service = Service::new(id, "k8s", endpoints, detail);
    (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
    service
}

fn text(text: Option<String>) -> Option<Untrusted> {
    text.filter(|text| !text.is_empty()).map(Untrusted::from)
}

fn number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
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
