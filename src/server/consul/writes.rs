//! Writes that several resources of the agent need.

use std::sync::Arc;

use super::error::ConsulResult;
use super::ids;
use crate::registry::Command;
use crate::server::authorized::Access;

/// Carries out commands, all or none. An instance that another client has removed in the meantime is no error.
pub(super) async fn remove(access: &Access, commands: Vec<Command>) -> ConsulResult<()> {
    if commands.is_empty() {
        return Ok(());
    }
    for written in access.write_together(commands).await? {
        if let Err(error) = written
            && error.code != "unknown_instance"
        {
            return Err(error.into());
        }
    }
    Ok(())
}

/// The id in the registry of the record of this server's node.
pub(super) fn own_node_id(access: &Access) -> Arc<str> {
    ids::node_id(&access.app().own_node.name).into()
}
