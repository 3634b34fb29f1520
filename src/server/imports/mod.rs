//! Imports: the services of other registries, beside those that register here.
//!
//! Each import watches a source and keeps a read-only copy of its instances in the registry, so that every interface shows them.
//! A source that cannot be read changes nothing.

mod board;
mod feed;
mod follow;
mod plan;

use std::fmt;
use std::sync::Arc;

use tracing::info;

pub(super) use self::board::ImportBoard;
use self::follow::follow;
use super::shared::App;
use crate::engine::Shutdown;
use crate::registry::Command;
use crate::source::Source;

/// A registry whose services a server shows beside its own.
#[derive(Clone)]
pub struct Import {
    /// Its name in the metadata of its instances, `imported_from`. Unique among the imports of a server.
    pub name: String,
    /// Where it is, for people: `consul://10.0.0.5:8500`.
    pub place: String,
    /// Lists and watches its services.
    pub source: Arc<dyn Source>,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

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
