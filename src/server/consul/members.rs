//! `agent/members`: the servers of the cluster, which is this one.

use serde_json::{Value, json};

use super::ConsulRequest;
use super::error::{ConsulError, ConsulResult};
use super::reply;
use super::services::API_VERSION;
use crate::server::authorized::Access;
use crate::server::own_node::OwnNode;

/// Serf's number for a member that lives.
const ALIVE: u8 = 1;

/// The members.
pub(super) fn list(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let is_wide = request.query.text("wan").is_some();
    let segment = request.query.text("segment").unwrap_or_default();
    if is_wide && !matches!(segment, "" | "_all") {
        return Err(ConsulError::bad_request("Cannot provide a segment with wan=true"));
    }
    Ok(reply::json(request, &[member(&access.app().own_node)]))
}

/// This server as a member.
pub(super) fn member(own: &OwnNode) -> Value {
    // Clients show what stands before the colon as the version.
    let build = format!("{API_VERSION}:portolan-{}", env!("CARGO_PKG_VERSION"));
    json!({
        "Name": own.name, "Addr": own.address, "Port": own.port,
        "Tags": { "acls": "0", "bootstrap": "1", "build": build, "dc": own.datacenter, "id": own.id,
            "port": own.port.to_string(), "role": "consul", "segment": "", "vsn": "2", "vsn_min": "2", "vsn_max": "3" },
        "Status": ALIVE,
        "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2, "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
    })
}
