//! The columns of registered services, the same for every registry.

use std::fmt::{self, Display, Write};

use crate::clean::Untrusted;
use crate::model::{
    Column, ColumnVisibility, DnsDetail, Endpoint, Finding, Instance, Lifecycle, RegistryCheck, RegistryDetail,
    RegistryState, Service,
};

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
    "ready", Always, 0, |_service, endpoint, out| ready(endpoint, out);
    "version", WhereFilled, LABEL, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.version.as_ref()), out);
    "tags", WhereFilled, CUT, |_service, endpoint, out| list(instance(endpoint).into_iter().flat_map(|at| &at.tags), out);
    "node", WhereFilled, LABEL | CUT, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.node.as_ref()), out);
    "zone", WhereFilled, LABEL | CUT, |_service, endpoint, out| option(instance(endpoint).and_then(|at| at.zone.as_ref()), out);
    "checks", WhereFilled, CUT, |service, endpoint, out| checks(service, endpoint, out);
    "weight", WhereFilled, 0, |_service, endpoint, out| option(endpoint.and_then(|at| at.weight), out);
    "findings", WhereFilled, CUT, |service, _endpoint, out| list(service.findings.iter().map(Finding::code), out);
    "lease", Wide, 0, |_service, endpoint, out| lease(endpoint, out);
    "instance", Wide, CUT, |_service, endpoint, out| option(instance(endpoint).map(|at| Untrusted::from(at.id.as_str())), out);
    "metadata", Wide, CUT, |_service, endpoint, out| {
        list(instance(endpoint).into_iter().flat_map(|at| &at.metadata).map(|(key, value)| format!("{key}={value}")), out)
    };
    "datacenter", Wide, LABEL, |service, _endpoint, out| {
        option(service.detail.downcast_ref().and_then(|detail: &RegistryDetail| detail.datacenter.as_ref()), out)
    };
    "ttl", Wide, 0, |service, _endpoint, out| {
        option(service.detail.downcast_ref().map(|detail: &DnsDetail| detail.ttl), out)
    };
}

fn instance(endpoint: Option<&Endpoint>) -> Option<&Instance> {
    endpoint?.instance.as_deref()
}

/// Whether the instance gets calls, and why not.
fn ready(endpoint: Option<&Endpoint>, out: &mut dyn Write) -> fmt::Result {
    let Some(at) = endpoint else { return Ok(()) };
    let lifecycle = instance(endpoint).map_or(Lifecycle::Up, |instance| instance.lifecycle);
    match (at.ready, lifecycle) {
        (true, Lifecycle::Up) => out.write_str("yes"),
        (false, Lifecycle::Up) => out.write_str("no"),
        (_, lifecycle) => write!(out, "no, {}", lifecycle.as_str()),
    }
}

/// The checks of the row's instance that do not pass, or how many pass.
fn checks(service: &Service, endpoint: Option<&Endpoint>, out: &mut dyn Write) -> fmt::Result {
    let Some(detail) = service.detail.downcast_ref::<RegistryDetail>() else { return Ok(()) };
    let own: Vec<&RegistryCheck> = detail.checks.iter().filter(|check| is_of(check, instance(endpoint))).collect();
    let failing: Vec<_> = own.iter().filter(|check| check.state != RegistryState::Passing).collect();

    if failing.is_empty() {
        return if own.is_empty() { Ok(()) } else { write!(out, "{} passing", own.len()) };
    }
    list(failing.iter().map(|check| format!("{} {}", check.id, check.state)), out)
}

/// Whether a check is of this instance, or of its node.
fn is_of(check: &RegistryCheck, instance: Option<&Instance>) -> bool {
    let Some(instance) = instance else { return false };
    match &check.instance {
        Some(id) => id.as_raw() == instance.id,
        None => check.node.is_some() && check.node == instance.node,
    }
}

/// How long the registration lasts from one renewal to the next.
fn lease(endpoint: Option<&Endpoint>, out: &mut dyn Write) -> fmt::Result {
    option(instance(endpoint).and_then(|at| at.lease).map(|lease| format!("{:?}", lease.ttl)), out)
}

fn option(value: Option<impl Display>, out: &mut dyn Write) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}

fn list(values: impl Iterator<Item = impl Display>, out: &mut dyn Write) -> fmt::Result {
    for (at, value) in values.enumerate() {
        write!(out, "{}{value}", if at == 0 { "" } else { "," })?;
    }
    Ok(())
}
