//! `status/…`: the server leads itself.

use super::ConsulRequest;
use super::error::ConsulResult;
use super::reply;
use crate::server::authorized::Access;
use crate::server::own_node::OwnNode;

/// The address of the leader.
pub(super) fn leader(access: &Access, request: &ConsulRequest) -> ConsulResult {
    request.options(access, None, "")?;
    Ok(reply::json(request, &place_of(&access.app().own_node)))
}

/// The addresses of all servers.
pub(super) fn peers(access: &Access, request: &ConsulRequest) -> ConsulResult {
    request.options(access, None, "")?;
    Ok(reply::json(request, &[place_of(&access.app().own_node)]))
}

/// `127.0.0.1:8500`
pub(super) fn place_of(own: &OwnNode) -> String {
    if own.address.contains(':') {
        format!("[{}]:{}", own.address, own.port)
    } else {
        format!("{}:{}", own.address, own.port)
    }
}
