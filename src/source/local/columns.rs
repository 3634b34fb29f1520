//! The columns of a listener in tabular formats.

use std::fmt::{self, Write};

use super::rows::principal;
use crate::model::{CellWriter, Column, ColumnVisibility, Container, FirewallVerdict, LocalDetail, Service};

type Cell<'w> = &'w mut dyn Write;

/// Also a label.
pub(super) const LABEL: u8 = 1;
/// Still useful when its end is cut off.
pub(super) const CUT: u8 = 2;

/// Columns whose cells are written from the facts that a function takes from a service.
macro_rules! columns {
    ($columns:ident, $facts:ident; $($name:literal, $shown:ident, $traits:expr, |$detail:ident, $out:ident| $cell:expr $(, number $number:expr)?;)*) => {
        pub(crate) const $columns: &[Column] = &[$(Column {
            name: $name,
            shown: ColumnVisibility::$shown,
            cut: $traits & CUT != 0,
            label: $traits & LABEL != 0,
            cell: |service, _, $out| match $facts(service) {
                Some($detail) => $cell,
                None => Ok(()),
            },
            number: first(&[$(Some(|service, _, $out| match $facts(service) {
                Some($detail) => $number,
                None => Ok(()),
            }))?]),
        },)*];
    };
}
pub(super) use columns;

/// The writer of plain numbers, if the column has one.
pub(super) const fn first(writers: &[Option<CellWriter>]) -> Option<CellWriter> {
    match writers {
        [writer, ..] => *writer,
        [] => None,
    }
}

columns! {
    COLUMNS, detail;
    "process", Always, CUT, |detail, out| process(detail, out);
    "pid", Always, 0, |detail, out| pid(detail, out), number option(principal(&detail.processes).map(|process| process.pid), out);
    "user", Always, LABEL, |detail, out| users(detail, out);
    "scope", Always, LABEL, |detail, out| out.write_str(detail.scope.as_str());
    "pids", Wide, 0, |detail, out| pids(detail, out);
    "unit", Wide, LABEL | CUT, |detail, out| unit(detail, out);
    "container", Wide, LABEL | CUT, |detail, out| option(detail.container.as_ref(), out);
    "container_name", WhereFilled, LABEL | CUT, |detail, out| container_name(detail.container.as_ref(), out);
    "image", WhereFilled, LABEL | CUT, |detail, out| image(detail.container.as_ref(), out);
    "protocol", WhereFilled, LABEL, |detail, out| option(detail.protocol.as_ref(), out);
    "netns", WhereFilled, LABEL, |detail, out| option(detail.netns.as_ref(), out);
    "state", Wide, 0, |detail, out| out.write_str(detail.state.as_str());
    "v6_only", Wide, 0, |detail, out| option(detail.v6_only.map(yes_no), out);
    "mptcp", Wide, 0, |detail, out| option(detail.mptcp.then_some("yes"), out);
    "exposed", Wide, 0, |detail, out| exposed(detail, out);
    "forwards_to", WhereFilled, 0, |detail, out| list(&detail.forwards_to, out);
    "interfaces", Wide, CUT, |detail, out| list(&detail.interfaces, out);
    "backlog", Wide, 0, |detail, out| match detail.backlog {
        Some(backlog) => write!(out, "{}/{}", backlog.used, backlog.limit),
        None => Ok(()),
    }, number option(detail.backlog.as_ref().map(|backlog| backlog.used), out);
    "connections", Wide, 0, |detail, out| option(detail.connections, out);
    "started", Wide, 0, |detail, out| option(principal(&detail.processes).and_then(|process| process.started), out);
    "memory", Wide, 0, |detail, out| match principal(&detail.processes).and_then(|process| process.memory_bytes) {
        Some(bytes) => write!(out, "{}.{}M", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20),
        None => Ok(()),
    }, number option(principal(&detail.processes).and_then(|process| process.memory_bytes), out);
    "cpu", Wide, 0, |detail, out| match principal(&detail.processes).and_then(|process| process.cpu_ms) {
        Some(ms) => write!(out, "{}.{:02}s", ms / 1000, ms % 1000 / 10),
        None => Ok(()),
    }, number match principal(&detail.processes).and_then(|process| process.cpu_ms) {
        Some(ms) => write!(out, "{}.{:03}", ms / 1000, ms % 1000),
        None => Ok(()),
    };
    "parents", Wide, CUT, |detail, out| parents(detail, out);
    "exe", Wide, CUT, |detail, out| option(principal(&detail.processes).and_then(|process| process.exe.as_ref()), out);
    "cwd", Wide, CUT, |detail, out| option(principal(&detail.processes).and_then(|process| process.cwd.as_ref()), out);
    "command", Wide, CUT, |detail, out| match principal(&detail.processes) {
        Some(process) if !process.unread.is_empty() => out.write_str("unknown (the process is blocked)"),
        process => option(process.and_then(|process| process.command.as_ref()), out),
    };
    "processes", Data, 0, |detail, out| write!(out, "{}", detail.processes.len());
    "backlog_limit", Data, 0, |detail, out| option(detail.backlog.as_ref().map(|backlog| backlog.limit), out);
}

fn detail(service: &Service) -> Option<&LocalDetail> {
    service.detail.downcast_ref()
}

/// The name of the process, or why there is none.
fn process(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    match principal(&detail.processes) {
        Some(process) if process.name.is_lossy() => write!(out, "{} (not UTF-8)", process.name),
        Some(process) => write!(out, "{}", process.name),
        None => out.write_str(detail.owner.as_str()),
    }
}

/// The name of a container, if it was requested.
pub(super) fn container_name(container: Option<&Container>, out: Cell<'_>) -> fmt::Result {
    match container {
        Some(container) if container.name_unknown => out.write_str(UNKNOWN),
        container => option(container.and_then(|container| container.name.as_ref()), out),
    }
}

/// The image of a container, if it was requested.
pub(super) fn image(container: Option<&Container>, out: Cell<'_>) -> fmt::Result {
    match container {
        Some(container) if container.name_unknown => out.write_str(UNKNOWN),
        container => option(container.and_then(|container| container.image.as_ref()), out),
    }
}

const UNKNOWN: &str = "unknown";

/// Whether another host could reach it; where the firewall decides, its word.
fn exposed(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    match (detail.firewall, detail.exposed) {
        (Some(FirewallVerdict::Filtered), _) => out.write_str("filtered"),
        (Some(FirewallVerdict::Partly), None) => out.write_str("partly"),
        (Some(FirewallVerdict::Unknown), None) => out.write_str("unknown"),
        (_, exposed) => option(exposed.map(yes_no), out),
    }
}

/// Its id, and how many more hold the socket.
fn pid(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    match (principal(&detail.processes), detail.processes.len()) {
        (Some(process), 1) => write!(out, "{}", process.pid),
        (Some(process), all) => write!(out, "{} +{}", process.pid, all - 1),
        (None, _) => Ok(()),
    }
}

/// All process ids, for use in other commands.
fn pids(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    let pids: Vec<u32> = detail.processes.iter().map(|process| process.pid).collect();
    list(&pids, out)
}

/// The unit, and whose it is where it is a user's own.
fn unit(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    option(detail.unit.as_ref(), out)?;
    match (&detail.unit, &detail.unit_user) {
        (Some(_), Some(user)) => write!(out, " ({user})"),
        _ => Ok(()),
    }
}

/// The user that made the socket, and the one that its process runs as, if it is another.
fn users(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    let runs_as = principal(&detail.processes).and_then(|process| process.user.as_ref());
    match (&detail.user, runs_as) {
        (Some(made_by), Some(runs_as)) if made_by.uid != runs_as.uid => write!(out, "{made_by},{runs_as}"),
        (user, _) => option(user.as_ref(), out),
    }
}

fn parents(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    let parents = principal(&detail.processes).map(|process| process.parents.as_slice()).unwrap_or_default();
    for (i, parent) in parents.iter().enumerate() {
        write!(out, "{}{}({})", if i == 0 { "" } else { " < " }, parent.name, parent.pid)?;
    }
    Ok(())
}

pub(super) fn option(value: Option<impl fmt::Display>, out: Cell<'_>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}

pub(super) fn list(values: &[impl fmt::Display], out: Cell<'_>) -> fmt::Result {
    for (i, value) in values.iter().enumerate() {
        write!(out, "{}{value}", if i == 0 { "" } else { "," })?;
    }
    Ok(())
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
