//! Imports: the services of other registries, beside those that register here.
//!
//! Each import watches a source and keeps a read-only copy of its instances in the registry, so that every interface shows them.
//! A source that cannot be read changes nothing.

mod feed;
mod follow;
mod plan;

use std::sync::Arc;

use tracing::info;

use self::follow::follow;
use super::import_board::Import;
use super::shared::App;
use crate::engine::Shutdown;
use crate::registry::Command;

/// Follows all imports until the server stops.
pub(super) fn start(app: &App, imports: Vec<Import>, shutdown: &Shutdown) {
    shutdown.spawn(remove_former(Arc::clone(app)));
    for import in imports {
        shutdown.spawn(follow(Arc::clone(app), import, shutdown.clone()));
    }
}

/// Removes the instances of imports that are no longer set: nothing would change them any more.
async fn remove_former(app: App) {
    let snapshot = app.unscoped_view().snapshot.clone();
    let former = snapshot.records().filter(|record| {
        record.registration.imported_from().is_some_and(|from| !app.imports.names().any(|name| name == from))
    });
    let commands: Vec<Command> = former
        .map(|record| Command::Deregister { id: record.id().into(), generation: Some(record.generation) })
        .collect();
    if commands.is_empty() {
        return;
    }

    info!(instances = commands.len(), "instances of imports that are no longer set are removed");
    // If the store fails, the next start removes them.
    let _ = app.unscoped_writes.all(commands, None).await;
}
