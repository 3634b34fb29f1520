//! What the commands of one call have to do with each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::write_queue::WriteResult;
use crate::registry::{Command, CommandRejection};

/// Why nothing of a call is carried out: the first rejection, except of what is not there.
pub(super) fn reason_to_undo(written: &[Result<WriteResult, CommandRejection>]) -> Option<CommandRejection> {
    let mut rejected = written.iter().filter_map(|written| written.as_ref().err());
    rejected.find(|rejected| !matches!(rejected, CommandRejection::UnknownInstance { .. })).cloned()
}

/// The registrations of one call that were refused. What the call says of these instances beside that is not about the ones
/// that have their ids.
#[derive(Default)]
pub(super) struct RefusedRegistrations(HashMap<Arc<str>, CommandRejection>);

impl RefusedRegistrations {
    /// Refuses a command about an instance whose registration was refused, for the same reason.
    pub(super) fn check(&self, command: &Command) -> Result<(), CommandRejection> {
        if self.0.is_empty() || command.is_registration() {
            return Ok(());
        }
        let refused = command.subject().and_then(|id| self.0.get(&id).cloned());
        refused.map_or(Ok(()), Err)
    }

    /// Notes what became of the registration of an instance.
    pub(super) fn note(&mut self, id: Option<Arc<str>>, written: &Result<WriteResult, CommandRejection>) {
        let Some(id) = id else { return };
        match written {
            Ok(_) => drop(self.0.remove(&id)),
            Err(rejected) => drop(self.0.insert(id, rejected.clone())),
        }
    }
}
