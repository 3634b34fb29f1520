//! Imports: the services of other registries, beside those that register here.
//!
//! Each import watches a source and keeps a read-only copy of its instances in the registry, so that every interface shows them.
//! A source that cannot be read changes nothing.

mod faults;
mod feed;
mod follow;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use self::follow::follow;
use super::import_board::Import;
use super::shared::App;
use crate::engine::Shutdown;
use crate::registry::Command;

/// How long an import may take to end its last write.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// An import that is followed.
struct RunningImport {
    import: Import,
    stop: Shutdown,
}

impl RunningImport {
    /// Whether it follows this import of the settings.
    fn is(&self, import: &Import) -> bool {
        self.import.name == import.name && self.import.text == import.text
    }
}

/// Follows the imports of the settings until the server stops.
pub(super) async fn follow_all(app: App, mut settings: watch::Receiver<Vec<Import>>, shutdown: Shutdown) {
    let mut running: Vec<RunningImport> = Vec::new();
    loop {
        let wanted = settings.borrow_and_update().clone();
        change(&app, &mut running, wanted, &shutdown).await;

        tokio::select! {
            () = shutdown.stopping() => return,
            changed = settings.changed() => match changed {
                Ok(()) => app.audit.note("reload_settings", "", "registry.imports"),
                // The settings do not change any more.
                Err(_) => return,
            },
        }
    }
}

/// Ends the imports that are no longer set, and begins those that are new. One that stays is not disturbed.
async fn change(app: &App, running: &mut Vec<RunningImport>, wanted: Vec<Import>, shutdown: &Shutdown) {
    let (kept, ended): (Vec<_>, Vec<_>) = running.drain(..).partition(|one| wanted.iter().any(|import| one.is(import)));
    *running = kept;
    for one in ended {
        // Its last write comes before the removal of what it wrote.
        if !one.stop.drain(STOP_TIMEOUT).await.is_clean() {
            warn!(import = one.import.name, "the import did not end in time");
        }
    }

    app.imports.set(&wanted);
    remove_former(app).await;
    for import in wanted {
        if running.iter().any(|one| one.is(&import)) {
            continue;
        }
        let stop = shutdown.child();
        stop.spawn(follow(Arc::clone(app), import.clone(), stop.clone()));
        running.push(RunningImport { import, stop });
    }
}

/// Removes the instances of imports that are no longer set: nothing would change them any more.
async fn remove_former(app: &App) {
    let snapshot = app.unscoped_view().snapshot.clone();
    let former = snapshot
        .records()
        .filter(|record| record.registration.imported_from().is_some_and(|from| !app.imports.has(from)));
    let commands: Vec<Command> = former
        .map(|record| Command::Deregister { id: record.id().into(), generation: Some(record.generation) })
        .collect();
    if commands.is_empty() {
        return;
    }

    info!(instances = commands.len(), "instances of imports that are no longer set are removed");
    // If the store fails, the next change of the settings or the next start removes them.
    let _ = app.unscoped_writes.all(commands, None).await;
}
