//! The columns of a Kubernetes service and its endpoints.

use std::fmt::{self, Write};

use crate::model::{
    Address, Column, ColumnVisibility, Detail, Endpoint, Finding, Instance, K8sDetail, K8sPodDetail, K8sPort,
    K8sRouteDetail, K8sRule, Lifecycle, Service,
};

type Cell<'w> = &'w mut dyn Write;

/// Also a label.
const LABEL: u8 = 1;
/// Remains useful when truncated.
const CUT: u8 = 2;

macro_rules! columns {
    ($($name:literal, $shown:ident, $traits:expr, |$service:ident, $endpoint:ident, $out:ident| $cell:expr;)*) => {
        pub(super) const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            shown: ColumnVisibility::$shown,
            cut: $traits & CUT != 0,
            label: $traits & LABEL != 0,
            cell: |$service, $endpoint, $out| $cell,
            number: None,
        },)*];
    };
}

columns! {
    "type", Always, LABEL, |service, _endpoint, out| kind(service, out);
    "port_name", WhereFilled, LABEL, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.port_name.as_ref()), out);
    "ready", Always, 0, |_service, endpoint, out| ready(endpoint, out);
    "status", WhereFilled, CUT, |service, _endpoint, out| {
        of(service, |pod: &K8sPodDetail| option(pod.reason.as_ref().or(Some(&pod.phase)), out))
    };
    "pod", WhereFilled, LABEL | CUT, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.pod.as_ref()), out);
    "node", WhereFilled, LABEL | CUT, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.node.as_ref()), out);
    "routes", WhereFilled, CUT, |service, endpoint, out| of(service, |route| routes(route, endpoint, out));
    "findings", WhereFilled, CUT, |service, _endpoint, out| {
        list(service.findings.iter().map(Finding::code), out)
    };
    "zone", Wide, LABEL | CUT, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.zone.as_ref()), out);
    "cluster_ips", Wide, 0, |service, _endpoint, out| of(service, |detail| cluster_ips(detail, out));
    "external", Wide, CUT, |service, _endpoint, out| external(service, out);
    "ports", Wide, CUT, |service, _endpoint, out| of(service, |detail| ports(detail, out));
    "app_protocol", Wide, LABEL, |service, endpoint, out| of(service, |detail| app_protocol(detail, endpoint, out));
    "selector", Wide, CUT, |service, _endpoint, out| of(service, |detail: &K8sDetail| {
        list(detail.selector.iter().map(|(key, value)| format!("{key}={value}")), out)
    });
    "restarts", Wide, 0, |service, _endpoint, out| of(service, |pod| restarts(pod, out));
    "controller", Wide, CUT, |service, _endpoint, out| of(service, |pod: &K8sPodDetail| option(pod.controller.as_ref(), out));
    "chosen_by", Wide, CUT, |service, _endpoint, out| of(service, |pod: &K8sPodDetail| list(pod.services.iter(), out));
    "served_by", Wide, CUT, |service, _endpoint, out| of(service, |route: &K8sRouteDetail| list(route.served_by.iter(), out));
}

/// Shows a cell of one kind of service only.
fn of<D: Detail>(service: &Service, show: impl FnOnce(&D) -> fmt::Result) -> fmt::Result {
    service.detail.downcast_ref().map_or(Ok(()), show)
}

fn instance(endpoint: Option<&Endpoint>) -> Option<&Instance> {
    endpoint?.instance.as_deref()
}

fn kind(service: &Service, out: Cell<'_>) -> fmt::Result {
    let detail = &service.detail;
    let name = if let Some(detail) = detail.downcast_ref::<K8sDetail>() {
        if detail.headless { "Headless" } else { detail.kind.as_str() }
    } else if let Some(pod) = detail.downcast_ref::<K8sPodDetail>() {
        &pod.kind
    } else if let Some(route) = detail.downcast_ref::<K8sRouteDetail>() {
        &route.kind
    } else {
        ""
    };
    out.write_str(name)
}

fn external(service: &Service, out: Cell<'_>) -> fmt::Result {
    of(service, |detail: &K8sDetail| list(detail.external.iter().chain(&detail.external_name), out))?;
    of(service, |route: &K8sRouteDetail| list(route.addresses.iter(), out))
}

/// `/cart->cart:8080` for the host of the row; if the row has no host, each rule starts with its own.
fn routes(detail: &K8sRouteDetail, endpoint: Option<&Endpoint>, out: Cell<'_>) -> fmt::Result {
    let host = endpoint.and_then(|endpoint| match &endpoint.address {
        Address::Name(name) if detail.hosts.contains(name) => Some(name),
        _ => None,
    });

    let rules = detail.rules.iter().filter(|rule| host.is_none() || rule.host.is_none() || rule.host.as_ref() == host);
    list(rules.map(|rule| rule_text(rule, host.is_none())), out)
}

fn rule_text(rule: &K8sRule, with_host: bool) -> String {
    let host = rule.host.as_ref().filter(|_| with_host).map(ToString::to_string).unwrap_or_default();
    let path = rule.path.as_ref().map_or_else(|| "/".to_owned(), ToString::to_string);
    let service = rule.service.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let port = rule.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{host}{path}->{service}{port}")
}

fn restarts(pod: &K8sPodDetail, out: Cell<'_>) -> fmt::Result {
    write!(out, "{}", pod.containers.iter().map(|container| u64::from(container.restarts)).sum::<u64>())
}

/// Whether the endpoint receives traffic, and why not.
fn ready(endpoint: Option<&Endpoint>, out: Cell<'_>) -> fmt::Result {
    let Some(endpoint) = endpoint else { return Ok(()) };
    out.write_str(match (endpoint.ready, instance(Some(endpoint))) {
        (true, Some(Instance { lifecycle: Lifecycle::Terminating, .. })) => "yes, terminating",
        (true, _) => "yes",
        (false, Some(Instance { lifecycle: Lifecycle::Terminating, serving: true, .. })) => "no, terminating, serving",
        (false, Some(Instance { lifecycle: Lifecycle::Terminating, .. })) => "no, terminating",
        (false, _) => "no",
    })
}

fn cluster_ips(detail: &K8sDetail, out: Cell<'_>) -> fmt::Result {
    if detail.headless { out.write_str("None") } else { list(detail.cluster_ips.iter(), out) }
}

/// `http:80->8080/tcp`, `443:30443->https/tcp`: ports as kubectl writes them, with their targets.
fn ports(detail: &K8sDetail, out: Cell<'_>) -> fmt::Result {
    list(detail.ports.iter().map(port_text), out)
}

fn port_text(port: &K8sPort) -> String {
    let name = port.name.as_ref().map(|name| format!("{name}:")).unwrap_or_default();
    let node_port = port.node_port.map(|number| format!(":{number}")).unwrap_or_default();
    let target = port.target.as_ref().map(|target| format!("->{target}")).unwrap_or_default();
    format!("{name}{}{node_port}{target}/{}", port.port, port.transport.as_str())
}

/// The application protocol of the row's port, as the service declares it.
fn app_protocol(detail: &K8sDetail, endpoint: Option<&Endpoint>, out: Cell<'_>) -> fmt::Result {
    let name = instance(endpoint).and_then(|at| at.port_name.as_ref());
    let port = detail.ports.iter().find(|port| port.name.as_ref() == name);
    option(port.and_then(|port| port.app_protocol.as_ref()), out)
}

fn option(value: Option<impl fmt::Display>, out: Cell<'_>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}

fn list(values: impl Iterator<Item = impl fmt::Display>, out: Cell<'_>) -> fmt::Result {
    for (i, value) in values.enumerate() {
        write!(out, "{}{value}", if i == 0 { "" } else { "," })?;
    }
    Ok(())
}
