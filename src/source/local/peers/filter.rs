//! Which connections the filters of a listing keep.

use std::net::{IpAddr, SocketAddr};

use super::super::options::Local;
use super::super::rows::matches;
use crate::error::{Error, Result};
use crate::model::{ConnectionDetail, ConnectionEnd, Ports, Scope, Transport, User};

const ONLY: &str = "connections are listed of TCP and UDP";

/// # Errors
/// Filters that have no meaning for connections.
pub(super) fn check(query: &Local) -> Result<()> {
    let refused = [
        ("--unix", query.unix, ONLY),
        ("--udplite", query.udplite, ONLY),
        ("--raw", query.raw, ONLY),
        ("--packet", query.packet, ONLY),
        ("--vsock", query.vsock, ONLY),
        ("--state", !query.state.is_empty(), "it selects listeners"),
        ("--exposed", query.exposed, "it selects listeners"),
        ("--interface", query.interface.is_some(), "it selects listeners"),
    ];

    match refused.into_iter().find(|(_, is_given, _)| *is_given) {
        Some((option, _, why)) => Err(Error::usage(option, why, "leave it or --connections out")),
        None => Ok(()),
    }
}

/// Whether the filters by transport and address keep a connection between these ends.
pub(super) fn keeps_addresses(
    query: &Local,
    ports: Option<&Ports>,
    transport: Transport,
    own: SocketAddr,
    peer: SocketAddr,
) -> bool {
    let is_wanted = match transport {
        Transport::Tcp => query.tcp || !query.udp,
        _ => query.udp || !query.tcp,
    };
    let has_port = ports.is_none_or(|ports| ports.contains(own.port()) || ports.contains(peer.port()));
    let is_among = query.sockets.as_ref().is_none_or(|sockets| {
        [own, peer].iter().any(|end| sockets.matches(transport, end.ip().to_canonical(), end.port()))
    });
    let is_within = own.ip() == peer.ip() || peer.ip().is_loopback();
    let is_private = !is_within && Scope::of(peer.ip()) == Scope::Private;

    is_wanted && has_port && is_among && !(query.skip_loopback && is_within) && !(query.skip_private && is_private)
}

/// Whether the filters by owner keep a connection: one of its ends suffices.
pub(super) fn keeps_owners(query: &Local, is_user: &dyn Fn(&User) -> bool, detail: &ConnectionDetail) -> bool {
    let has_process = query
        .process
        .as_ref()
        .is_none_or(|glob| detail.ends().any(|end| end.processes.iter().any(|process| matches(glob, process))));

    has_process && (query.user.is_none() || detail.ends().any(|end| has_user(end, is_user)))
}

/// Whether a user made the socket of an end or runs a process that holds it.
fn has_user(end: &ConnectionEnd, is_user: &dyn Fn(&User) -> bool) -> bool {
    let holders = end.processes.iter().filter_map(|process| process.user.as_ref());
    end.user.iter().chain(holders).any(is_user)
}

/// Whether filters keep a connection of a document.
pub(in crate::source::local) fn keeps(
    query: &Local,
    transport: Transport,
    own: (IpAddr, u16),
    detail: &ConnectionDetail,
    is_user: &dyn Fn(&User) -> bool,
) -> bool {
    let peer = SocketAddr::new(detail.peer.address, detail.peer.port);
    keeps_addresses(query, query.wanted_ports().as_ref(), transport, own.into(), peer)
        && keeps_owners(query, is_user, detail)
        && (query.all_netns || detail.end.netns.is_none())
}
