//! What formats made of rows show of a listener.

use std::fmt::{self, Write};

use super::list::principal;
use crate::model::{Column, LocalDetail, Service};

type Cell<'w> = &'w mut dyn Write;

/// Where a column is shown.
enum Room {
    /// In every table.
    Brief,
    /// There, and as a label.
    Label,
    /// Where there is room.
    Wide,
    /// There, and as a label.
    WideLabel,
}

macro_rules! columns {
    ($($name:literal $room:ident |$detail:ident, $out:ident| $cell:expr;)*) => {
        pub(super) const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            wide: matches!(Room::$room, Room::Wide | Room::WideLabel),
            label: matches!(Room::$room, Room::Label | Room::WideLabel),
            cell: |service, $out| match detail(service) {
                Some($detail) => $cell,
                None => Ok(()),
            },
        },)*];
    };
}

columns! {
    "process" Label |detail, out| process(detail, out);
    "pid" Brief |detail, out| pid(detail, out);
    "user" Label |detail, out| option(detail.user.as_ref(), out);
    "scope" Label |detail, out| out.write_str(detail.scope.as_str());
    "unit" WideLabel |detail, out| option(detail.unit.as_ref(), out);
    "container" WideLabel |detail, out| option(detail.container.as_ref(), out);
    "netns" WideLabel |detail, out| option(detail.netns.as_ref(), out);
    "state" Wide |detail, out| out.write_str(detail.state.as_str());
    "v6_only" Wide |detail, out| option(detail.v6_only.map(yes_no), out);
    "exposed" Wide |detail, out| option(detail.exposed.map(yes_no), out);
    "interfaces" Wide |detail, out| list(&detail.interfaces, out);
    "device" WideLabel |detail, out| option(detail.device.as_ref(), out);
    "backlog" Wide |detail, out| match detail.backlog {
        Some(backlog) => write!(out, "{}/{}", backlog.used, backlog.limit),
        None => Ok(()),
    };
    "connections" Wide |detail, out| option(detail.connections, out);
    "started" Wide |detail, out| option(principal(&detail.processes).and_then(|process| process.started), out);
    "memory" Wide |detail, out| match principal(&detail.processes).and_then(|process| process.memory_bytes) {
        Some(bytes) => write!(out, "{}.{}M", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20),
        None => Ok(()),
    };
    "cpu" Wide |detail, out| match principal(&detail.processes).and_then(|process| process.cpu_ms) {
        Some(ms) => write!(out, "{}.{:02}s", ms / 1000, ms % 1000 / 10),
        None => Ok(()),
    };
    "parents" Wide |detail, out| parents(detail, out);
    "exe" Wide |detail, out| option(principal(&detail.processes).and_then(|process| process.exe.as_ref()), out);
    "command" Wide |detail, out| option(principal(&detail.processes).and_then(|process| process.command.as_ref()), out);
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

/// Its id, and how many more hold the socket.
fn pid(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    match (principal(&detail.processes), detail.processes.len()) {
        (Some(process), 1) => write!(out, "{}", process.pid),
        (Some(process), all) => write!(out, "{} +{}", process.pid, all - 1),
        (None, _) => Ok(()),
    }
}

fn parents(detail: &LocalDetail, out: Cell<'_>) -> fmt::Result {
    let parents = principal(&detail.processes).map(|process| process.parents.as_slice()).unwrap_or_default();
    for (i, parent) in parents.iter().enumerate() {
        write!(out, "{}{}({})", if i == 0 { "" } else { " < " }, parent.name, parent.pid)?;
    }
    Ok(())
}

fn option(value: Option<impl fmt::Display>, out: Cell<'_>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}

fn list(values: &[impl fmt::Display], out: Cell<'_>) -> fmt::Result {
    for (i, value) in values.iter().enumerate() {
        write!(out, "{}{value}", if i == 0 { "" } else { "," })?;
    }
    Ok(())
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
