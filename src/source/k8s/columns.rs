//! What formats made of rows show of a Kubernetes service and its endpoints.

use std::fmt::{self, Write};

use crate::model::{Column, Endpoint, Instance, K8sDetail, Shown};

type Cell<'w> = &'w mut dyn Write;

/// As a label too.
const LABEL: u8 = 1;
/// Still says something when its end is cut off.
const CUT: u8 = 2;

macro_rules! columns {
    ($($name:literal, $shown:ident, $traits:expr, |$service:ident, $detail:ident, $endpoint:ident, $out:ident| $cell:expr;)*) => {
        pub(super) const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            shown: Shown::$shown,
            cut: $traits & CUT != 0,
            label: $traits & LABEL != 0,
            cell: |$service, $endpoint, $out| match $service.detail.downcast_ref::<K8sDetail>() {
                Some($detail) => $cell,
                None => Ok(()),
            },
        },)*];
    };
}

columns! {
    "type", Always, LABEL, |_service, detail, _endpoint, out| kind(detail, out);
    "port_name", WhereFilled, LABEL, |_service, _detail, endpoint, out| option(instance(endpoint).and_then(|at| at.port_name.as_ref()), out);
    "ready", Always, 0, |_service, _detail, endpoint, out| ready(endpoint, out);
    "pod", WhereFilled, LABEL | CUT, |_service, _detail, endpoint, out| option(instance(endpoint).and_then(|at| at.pod.as_ref()), out);
    "node", WhereFilled, LABEL | CUT, |_service, _detail, endpoint, out| option(instance(endpoint).and_then(|at| at.node.as_ref()), out);
    "findings", WhereFilled, CUT, |service, _detail, _endpoint, out| {
        list(service.findings.iter().map(|finding| finding.kind.code), out)
    };
    "zone", Wide, LABEL | CUT, |_service, _detail, endpoint, out| option(instance(endpoint).and_then(|at| at.zone.as_ref()), out);
    "cluster_ips", Wide, 0, |_service, detail, _endpoint, out| cluster_ips(detail, out);
    "external", Wide, CUT, |_service, detail, _endpoint, out| list(detail.external.iter().chain(&detail.external_name), out);
    "ports", Wide, CUT, |_service, detail, _endpoint, out| ports(detail, out);
    "app_protocol", Wide, LABEL, |_service, detail, endpoint, out| app_protocol(detail, endpoint, out);
    "selector", Wide, CUT, |_service, detail, _endpoint, out| {
        list(detail.selector.iter().map(|(key, value)| format!("{key}={value}")), out)
    };
}

fn instance(endpoint: Option<&Endpoint>) -> Option<&Instance> {
    endpoint?.instance.as_deref()
}

fn kind(detail: &K8sDetail, out: Cell<'_>) -> fmt::Result {
    out.write_str(if detail.headless { "Headless" } else { detail.kind.as_str() })
}

/// Whether it takes requests, and why not.
fn ready(endpoint: Option<&Endpoint>, out: Cell<'_>) -> fmt::Result {
    let Some(endpoint) = endpoint else { return Ok(()) };
    out.write_str(match (endpoint.ready, instance(Some(endpoint))) {
        (true, Some(Instance { terminating: true, .. })) => "yes, terminating",
        (true, _) => "yes",
        (false, Some(Instance { terminating: true, serving: true, .. })) => "no, terminating, serving",
        (false, Some(Instance { terminating: true, .. })) => "no, terminating",
        (false, _) => "no",
    })
}

fn cluster_ips(detail: &K8sDetail, out: Cell<'_>) -> fmt::Result {
    if detail.headless { out.write_str("None") } else { list(detail.cluster_ips.iter(), out) }
}

/// `http:80->8080/tcp`, `443:30443->https/tcp`, as kubectl writes ports, with where they lead.
fn ports(detail: &K8sDetail, out: Cell<'_>) -> fmt::Result {
    let text = |port: &crate::model::K8sPort| {
        let name = port.name.as_ref().map(|name| format!("{name}:")).unwrap_or_default();
        let node_port = port.node_port.map(|number| format!(":{number}")).unwrap_or_default();
        let target = port.target.as_ref().map(|target| format!("->{target}")).unwrap_or_default();
        format!("{name}{}{node_port}{target}/{}", port.port, port.transport.as_str())
    };
    list(detail.ports.iter().map(text), out)
}

/// What is spoken at the port of the row, as its owner says.
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
