//! The columns of a connection in tabular formats.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use super::super::columns::{CUT, LABEL, columns, container_name, first, image, list, option};
use super::super::rows::principal;
use crate::model::{
    Column, ColumnVisibility, ConnectionDetail, ConnectionDirection, ConnectionEnd, Container, Process, Service,
};

columns! {
    COLUMNS, detail;
    "process", Always, CUT, |detail, out| process(Some(&detail.end), out);
    "pid", Always, 0, |detail, out| pid(Some(&detail.end), out), number option(main(Some(&detail.end)).map(|process| process.pid), out);
    "user", Always, LABEL, |detail, out| option(detail.end.user.as_ref(), out);
    "direction", Always, LABEL, |detail, out| option(detail.direction.map(ConnectionDirection::as_str), out);
    "peer", Always, 0, |detail, out| write!(out, "{}", SocketAddr::new(detail.peer.address, detail.peer.port));
    "peer_process", Always, CUT, |detail, out| process(detail.peer.holder.as_ref(), out);
    "peer_pid", Always, 0, |detail, out| pid(detail.peer.holder.as_ref(), out), number option(main(detail.peer.holder.as_ref()).map(|process| process.pid), out);
    "state", Always, LABEL, |detail, out| out.write_str(detail.state.as_str());
    "netns", WhereFilled, LABEL, |detail, out| option(detail.end.netns.as_ref(), out);
    "peer_netns", WhereFilled, LABEL, |detail, out| option(detail.peer.holder.as_ref().and_then(|end| end.netns.as_ref()), out);
    "peer_scope", Wide, LABEL, |detail, out| out.write_str(detail.peer.scope.as_str());
    "peer_user", Wide, LABEL, |detail, out| option(detail.peer.holder.as_ref().and_then(|end| end.user.as_ref()), out);
    "pids", Wide, 0, |detail, out| pids(Some(&detail.end), out);
    "peer_pids", Wide, 0, |detail, out| pids(detail.peer.holder.as_ref(), out);
    "unit", Wide, LABEL | CUT, |detail, out| unit(Some(&detail.end), out);
    "peer_unit", Wide, LABEL | CUT, |detail, out| unit(detail.peer.holder.as_ref(), out);
    "container", Wide, LABEL | CUT, |detail, out| option(detail.end.container.as_ref(), out);
    "peer_container", Wide, LABEL | CUT, |detail, out| option(peer_container(detail), out);
    "container_name", WhereFilled, LABEL | CUT, |detail, out| container_name(detail.end.container.as_ref(), out);
    "image", WhereFilled, LABEL | CUT, |detail, out| image(detail.end.container.as_ref(), out);
    "peer_container_name", WhereFilled, LABEL | CUT, |detail, out| container_name(peer_container(detail), out);
    "peer_image", WhereFilled, LABEL | CUT, |detail, out| image(peer_container(detail), out);
    "command", Wide, CUT, |detail, out| command(Some(&detail.end), out);
    "peer_command", Wide, CUT, |detail, out| command(detail.peer.holder.as_ref(), out);
}

fn detail(service: &Service) -> Option<&ConnectionDetail> {
    service.detail.downcast_ref()
}

fn peer_container(detail: &ConnectionDetail) -> Option<&Container> {
    detail.peer.holder.as_ref()?.container.as_ref()
}

fn main(end: Option<&ConnectionEnd>) -> Option<&Process> {
    principal(&end?.processes)
}

/// The name of the process, or why there is none; nothing for an end elsewhere.
fn process(end: Option<&ConnectionEnd>, out: &mut dyn Write) -> fmt::Result {
    match (end, main(end)) {
        (_, Some(process)) => write!(out, "{}", process.name),
        (Some(end), None) => out.write_str(end.owner.as_str()),
        (None, None) => Ok(()),
    }
}

/// Its id, and how many more hold the socket.
fn pid(end: Option<&ConnectionEnd>, out: &mut dyn Write) -> fmt::Result {
    match (main(end), end.map_or(0, |end| end.processes.len())) {
        (Some(process), 1) => write!(out, "{}", process.pid),
        (Some(process), all) => write!(out, "{} +{}", process.pid, all - 1),
        (None, _) => Ok(()),
    }
}

fn pids(end: Option<&ConnectionEnd>, out: &mut dyn Write) -> fmt::Result {
    let pids: Vec<u32> = end.into_iter().flat_map(|end| end.processes.iter()).map(|process| process.pid).collect();
    list(&pids, out)
}

fn unit(end: Option<&ConnectionEnd>, out: &mut dyn Write) -> fmt::Result {
    option(end.and_then(|end| end.unit.as_ref()), out)
}

fn command(end: Option<&ConnectionEnd>, out: &mut dyn Write) -> fmt::Result {
    match main(end) {
        Some(process) if !process.unread.is_empty() => out.write_str("unknown (the process is blocked)"),
        process => option(process.and_then(|process| process.command.as_ref()), out),
    }
}
