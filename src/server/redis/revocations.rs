//! Keys that were revoked: each server has a file of its own, and refuses what any of them has revoked.

use std::collections::BTreeSet;

use redis::Pipeline;

use super::KeyNames;
use super::stream::{self, REVOKED_FIELD};
use crate::server::shared::App;

/// The most ids that are read at once: as many as a file may have.
const MAX_IDS: usize = 10_000;

/// What was published of the revocations that this server knows.
#[derive(Debug, Default)]
pub(super) struct PublishedRevocations(BTreeSet<String>);

impl PublishedRevocations {
    /// Commands that publish what is new; `None` if nothing is.
    pub(super) fn news(&self, app: &App, names: &KeyNames) -> Option<(Pipeline, BTreeSet<String>)> {
        let known = app.access.revoked();
        let new: Vec<&String> = known.difference(&self.0).collect();
        if new.is_empty() {
            return None;
        }

        let mut commands = redis::pipe();
        commands.cmd("SADD").arg(&names.revoked).arg(&new).ignore();
        for id in new {
            commands.add_command(stream::add(&names.changes, REVOKED_FIELD, id)).ignore();
        }
        Some((commands, known))
    }

    /// Notes that these are published.
    pub(super) fn note(&mut self, known: BTreeSet<String>) {
        self.0 = known;
    }

    /// Redis may have lost them.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// A command that reads all ids.
pub(super) fn read(names: &KeyNames) -> redis::Cmd {
    let mut command = redis::cmd("SRANDMEMBER");
    command.arg(&names.revoked).arg(MAX_IDS);
    command
}

/// Refuses these keys from now on.
pub(super) fn take(app: &App, ids: impl IntoIterator<Item = String>) {
    for id in app.access.revoke(ids) {
        app.audit.note("revoke_key", &format!("key {id}"), "revoked at another server");
    }
}
