//! Results on their way to the registry: at most one for each check, and one batch at a time.

use std::collections::{HashMap, HashSet};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::health::CheckNumber;
use crate::registry::Command;
use crate::server::shared::App;

/// The most results of one batch.
const MAX_BATCH: usize = 256;
/// The pause after a batch that could not be written: the queue is full, or the store fails.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// A batch that was carried out, or could not be.
pub(super) struct Batch {
    pub(super) checks: Vec<CheckNumber>,
    pub(super) is_written: bool,
}

/// Results on their way to the registry.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: HashMap<CheckNumber, Command>,
    writing: Option<Pin<Box<dyn Future<Output = Batch> + Send>>>,
    /// The checks of the batch that is on its way.
    in_flight: HashSet<CheckNumber>,
}

impl Outbox {
    /// Adds the result of a check. One that still waits is out of date.
    pub(super) fn add(&mut self, check: CheckNumber, command: Command) {
        self.waiting.insert(check, command);
    }

    /// Whether a result of a check is not written yet.
    pub(super) fn has(&self, check: CheckNumber) -> bool {
        self.waiting.contains_key(&check) || self.in_flight.contains(&check)
    }

    /// Forgets what waits of a check that is gone.
    pub(super) fn remove(&mut self, check: CheckNumber) {
        self.waiting.remove(&check);
    }

    /// Begins the next batch, unless one is on its way.
    pub(super) fn begin(&mut self, app: &App) {
        if self.writing.is_some() || self.waiting.is_empty() {
            return;
        }
        let checks: Vec<CheckNumber> = self.waiting.keys().take(MAX_BATCH).copied().collect();
        let commands: Vec<Command> = checks.iter().filter_map(|check| self.waiting.remove(check)).collect();

        self.in_flight = checks.iter().copied().collect();
        let app = Arc::clone(app);
        self.writing = Some(Box::pin(async move {
            // A rejected result is that of an instance that is gone or is another by now.
            let is_written = app.unscoped_writes.all(commands, None).await.is_ok();
            if !is_written {
                sleep(RETRY_PAUSE).await;
            }
            Batch { checks, is_written }
        }));
    }

    /// Waits for the batch that is on its way; forever without one.
    pub(super) async fn written(&mut self) -> Batch {
        match &mut self.writing {
            Some(writing) => {
                let batch = writing.await;
                self.writing = None;
                self.in_flight.clear();
                batch
            }
            None => pending().await,
        }
    }
}
