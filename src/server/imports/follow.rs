//! Follows one import: watches its source, and writes what differs to the registry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::feed::{ImportFeed, ImportView};
use super::plan::{ImportPlan, ImportPlanner, WantedInstances};
use crate::clean::clean;
use crate::engine::{Retry, Shutdown};
use crate::model::{PartialError, UpdateSink};
use crate::registry::{Command, InstanceRecord};
use crate::server::import_board::{BoardEntry, Import};
use crate::server::shared::App;
use crate::source::{RECONNECT, keep_watching};

/// Changes within this time are written together.
const SETTLE_TIME: Duration = Duration::from_millis(100);
/// The interval at which both sides are compared without a change: the registry may have lost changes, or another server of
/// the cluster may have left its imports to this one.
const COMPARE_INTERVAL: Duration = Duration::from_secs(15);
/// The pause before the source is tried again that never replied.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// The most commands of one commit.
const MAX_BATCH: usize = 256;
/// Divides imports among the servers of a cluster as checks are, as the services of a namespace that no service can have.
const IMPORTS: &str = "\u{1}imports";

/// Follows an import until the server stops.
pub(super) async fn follow(app: App, import: Import, shutdown: Shutdown) {
    let feed = ImportFeed::default();
    let Some(entry) = app.imports.entry(&import.name) else { return };
    let mut writer = ImportWriter {
        app,
        name: import.name.clone(),
        entry,
        planner: ImportPlanner::default(),
        begun: Instant::now(),
        said: None,
        reason: None,
        unchecked: None,
    };

    tokio::select! {
        () = watch(import, feed.clone()) => {}
        () = writer.run(&feed, &shutdown) => {}
    }
}

/// Feeds the updates of the source, for ever.
async fn watch(import: Import, mut feed: ImportFeed) {
    loop {
        let error = keep_watching(&*import.source, None, RECONNECT, Retry::random_seed(), &mut feed).await;
        feed.mark_stale(PartialError::from(&error));
        sleep(RETRY_INTERVAL).await;
    }
}

/// Writes what a source lists to the registry.
struct ImportWriter {
    app: App,
    name: String,
    entry: Arc<BoardEntry>,
    planner: ImportPlanner,
    begun: Instant,
    /// The error that the log has.
    said: Option<String>,
    /// The reason for skipping an instance that the log has.
    reason: Option<String>,
    /// The reason for leaving out a check that the log has.
    unchecked: Option<String>,
}

impl ImportWriter {
    /// Writes until it is stopped: a write that has begun is ended first.
    async fn run(&mut self, feed: &ImportFeed, shutdown: &Shutdown) {
        let mut pause = COMPARE_INTERVAL;
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                () = settled(feed, pause) => {}
            }
            let view = feed.view();
            self.note(&view);
            pause = self.write(&view).await;
        }
    }

    /// Writes what differs, unless the source cannot be read. Returns how long to wait without a change.
    async fn write(&mut self, view: &ImportView) -> Duration {
        let is_known = view.answered.is_some() && view.stale.is_none();
        if !is_known || !self.app.checks.division.is_own(IMPORTS, &self.name) {
            self.planner.interrupt();
            self.entry.update(|figures| figures.instances = present(&self.app, &self.name).len());
            return COMPARE_INTERVAL;
        }

        let wanted = WantedInstances::of(&self.name, view, self.app.unscoped_view().snapshot.rules());
        let WantedInstances { instances, mut skipped, mut reason, unchecked } = wanted;
        self.note_unchecked(unchecked);
        let present = present(&self.app, &self.name);
        let plan = self.planner.plan(&instances, &present, view.is_whole, self.begun.elapsed());
        let ImportPlan { commands, held, release } = plan;
        let is_written = self.carry_out(commands, &mut skipped, &mut reason).await;
        self.note_skipped(reason);

        let instances = self::present(&self.app, &self.name).len();
        self.entry.update(|figures| (figures.instances, figures.held, figures.skipped) = (instances, held, skipped));
        let until_release = release.map(|release| release.saturating_sub(self.begun.elapsed()));
        let pause = if is_written { COMPARE_INTERVAL } else { RETRY_INTERVAL };
        until_release.map_or(pause, |until| until.min(pause))
    }

    /// Returns whether the store kept everything.
    async fn carry_out(&self, commands: Vec<Command>, skipped: &mut usize, reason: &mut Option<String>) -> bool {
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let mut batch: Vec<Command> = commands.by_ref().take(MAX_BATCH).collect();
            // The report of an instance goes with its registration: it is refused with it.
            if batch.last().is_some_and(Command::is_registration) {
                batch.extend(commands.next_if(|next| matches!(next, Command::Renew { .. })));
            }
            let registrations: Vec<bool> = batch.iter().map(Command::is_registration).collect();
            let Ok(written) = self.app.unscoped_writes.all(batch, None).await else { return false };
            let written = written.into_iter().zip(registrations);
            for rejected in written.filter(|(_, is_registration)| *is_registration).filter_map(|(one, _)| one.err()) {
                *skipped += 1;
                reason.get_or_insert_with(|| rejected.to_string());
            }
        }

        true
    }

    /// Notes whether the source can be read, and logs when that changes.
    fn note(&mut self, view: &ImportView) {
        let fault = view.stale.as_ref().or_else(|| view.faults.iter().next());
        let error = fault.map(|fault| clean(&format!("cannot {}: {}", fault.operation, fault.cause)));
        self.entry.update(|figures| {
            figures.answered = view.answered;
            figures.is_stale = view.stale.is_some();
            figures.faults = view.faults.count();
            figures.error.clone_from(&error);
        });

        if self.said == error {
            return;
        }
        match &error {
            Some(error) if view.stale.is_some() => {
                warn!(import = self.name, error, "the import cannot be read; its instances stay");
            }
            Some(error) => warn!(import = self.name, error, "a part of the import cannot be read; its instances stay"),
            None => info!(import = self.name, "the import is read again"),
        }
        self.said = error;
    }

    fn note_unchecked(&mut self, reason: Option<String>) {
        if let Some(reason) = reason.as_deref().filter(|_| self.unchecked != reason) {
            warn!(import = self.name, reason = clean(reason), "a check cannot be imported; the health is unknown");
        }
        self.unchecked = reason;
    }

    fn note_skipped(&mut self, reason: Option<String>) {
        if let Some(reason) = reason.as_deref().filter(|_| self.reason != reason) {
            warn!(import = self.name, reason = clean(reason), "an instance cannot be imported");
        }
        self.reason = reason;
    }
}

/// Waits for a change and those that follow at once, or for the end of `pause`.
async fn settled(feed: &ImportFeed, pause: Duration) {
    if timeout(pause, feed.changed()).await.is_ok() {
        sleep(SETTLE_TIME).await;
    }
}

/// What the registry has of an import.
fn present(app: &App, name: &str) -> BTreeMap<Arc<str>, Arc<InstanceRecord>> {
    let view = app.unscoped_view();
    let own = view.snapshot.records().filter(|record| record.registration.imported_from() == Some(name));
    own.map(|record| (record.id().into(), Arc::clone(record))).collect()
}
