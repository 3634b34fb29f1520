//! The table columns for the health of an endpoint.

use std::fmt::Write;

use crate::check::stability::is_flapping;
use crate::model::{Column, ColumnVisibility, Endpoint, Health, Service};

macro_rules! column {
    ($name:literal, $shown:ident, $cut:literal, |$service:ident, $health:ident, $out:ident| $cell:expr) => {
        Column {
            name: $name,
            shown: ColumnVisibility::$shown,
            cut: $cut,
            label: false,
            cell: |$service, endpoint, $out| match health(endpoint) {
                Some($health) => $cell,
                None => Ok(()),
            },
            number: None,
        }
    };
}

fn health(endpoint: Option<&Endpoint>) -> Option<&Health> {
    endpoint.and_then(|endpoint| endpoint.health.as_deref())
}

/// The finding of the highest cost, or why a check could not run.
fn reason(health: &Health, out: &mut dyn Write) -> std::fmt::Result {
    match (health.findings.first(), health.hindered.first()) {
        (Some(finding), _) => write!(out, "{finding}"),
        (None, Some(cause)) => write!(out, "{}", crate::clean::clean(cause)),
        (None, None) => Ok(()),
    }
}

fn service_score(service: &Service, out: &mut dyn Write) -> std::fmt::Result {
    // A single endpoint has the same score.
    match service.health.as_deref().and_then(|health| health.score) {
        Some(score) if service.endpoints.len() > 1 => write!(out, "{score}"),
        _ => Ok(()),
    }
}

const GRADE: Column = column!("grade", Always, false, |_service, health, out| match health.grade {
    Some(grade) => out.write_str(grade.as_str(health.complete)),
    None => Ok(()),
});
const SCORE: Column = column!("score", Always, false, |_service, health, out| match health.score {
    Some(score) => write!(out, "{score}"),
    None => Ok(()),
});
const STATE: Column = column!("state", Always, false, |_service, health, out| out.write_str(health.state.as_str()));
const SERVICE_SCORE: Column =
    column!("service_score", WhereFilled, false, |service, _health, out| service_score(service, out));
const FLAPPING: Column = column!("flapping", WhereFilled, true, |_service, health, out| {
    match health.findings.iter().find(|finding| is_flapping(finding)) {
        Some(finding) => write!(out, "{}", finding.text),
        None => Ok(()),
    }
});
const REASON: Column = column!("reason", Always, true, |_service, health, out| reason(health, out));
/// What was checked, where that is only the connection: such a grade says little.
const CHECKED: Column = column!("checked", WhereFilled, false, |_service, health, out| out
    .write_str(if health.is_of_connection_only() { "tcp only" } else { "" }));
const COVERAGE: Column = column!("coverage", Wide, true, |_service, health, out| out.write_str(&health.covered()));
const AGE: Column = column!("age_ms", WhereFilled, false, |_service, health, out| match health.age_ms {
    Some(age) => write!(out, "{age}"),
    None => Ok(()),
});

const HTTP_STATUS: Column =
    column!("http_status", Wide, false, |_service, health, out| match health.figures.http_status {
        Some(status) => write!(out, "{status}"),
        None => Ok(()),
    });
const CERTIFICATE_DAYS: Column =
    column!("cert_days", Wide, false, |_service, health, out| match health.figures.certificate_days {
        Some(days) => write!(out, "{days}"),
        None => Ok(()),
    });

/// A phase in milliseconds.
fn milliseconds(us: Option<u64>, out: &mut dyn Write) -> std::fmt::Result {
    match us {
        Some(us) => write!(out, "{}.{:03}", us / 1_000, us % 1_000),
        None => Ok(()),
    }
}

macro_rules! phase {
    ($name:literal, $phase:ident) => {
        column!($name, Wide, false, |_service, health, out| milliseconds(health.figures.latency_us.$phase, out))
    };
}

const NAME: Column = phase!("name_ms", name);
const CONNECT: Column = phase!("connect_ms", connect);
const TLS: Column = phase!("tls_ms", tls);
const FIRST_BYTE: Column = phase!("first_byte_ms", first_byte);
const TOTAL: Column = phase!("total_ms", total);

/// The columns that checks add to those of a source.
pub(crate) const COLUMNS: &[Column] = &[
    GRADE,
    SCORE,
    STATE,
    CHECKED,
    SERVICE_SCORE,
    FLAPPING,
    REASON,
    COVERAGE,
    AGE,
    HTTP_STATUS,
    CERTIFICATE_DAYS,
    NAME,
    CONNECT,
    TLS,
    FIRST_BYTE,
    TOTAL,
];

/// The source's own columns followed by these. They are leaked: a process lists once.
pub(crate) fn beside(columns: &'static [Column]) -> &'static [Column] {
    if columns.is_empty() {
        return COLUMNS;
    }

    // A source keeps its own column of the same name, such as the state of a port.
    let new = COLUMNS.iter().filter(|column| !columns.iter().any(|own| own.name == column.name));
    Vec::leak(columns.iter().chain(new).copied().collect())
}
