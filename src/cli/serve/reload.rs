//! Reads the settings again, on SIGHUP and when their file changes: what can change while the server runs changes, and the
//! rest is named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::given::GivenValues;
use super::keys::KEYS;
use super::plan::Plan;
use super::service_manager::ServiceManager;
use crate::cli::file_stamps::{FileStamp, stamps};
use crate::engine::Shutdown;
use crate::error::{Error, Result};
use crate::server::{Import, LiveSettings, LogLevel};

/// Where the settings of a server come from.
pub(super) trait SettingsOrigin {
    /// Reads all of them, and checks them as a whole.
    ///
    /// # Errors
    /// The first one that cannot be used.
    fn read(&self) -> Result<(GivenValues, Plan)>;

    /// The files that they are read from. Some may not exist.
    fn files(&self) -> Vec<PathBuf>;
}

/// What changes the settings: SIGHUP and the files, each from the moment on that a server begins to start. A start may wait
/// for a database for hours.
pub(super) struct SettingsChanges {
    hangups: Signal,
    stamps: Vec<FileStamp>,
}

impl SettingsChanges {
    /// Catches SIGHUP, which would end the process otherwise, and looks at the files. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The operating system does not let SIGHUP be caught.
    pub(super) fn catch(origin: &dyn SettingsOrigin) -> Result<Self> {
        let hint = "look for a sandbox that forbids it";
        let hangups = signal(SignalKind::hangup()).map_err(|error| Error::io("catch SIGHUP", error, hint))?;
        Ok(Self { hangups, stamps: stamps(origin.files()) })
    }
}

/// Follows the settings while a server runs.
pub(super) struct Reloader<'s> {
    origin: &'s dyn SettingsOrigin,
    changes: SettingsChanges,
    log: Arc<LogLevel>,
    live: watch::Sender<LiveSettings>,
    imports: watch::Sender<Vec<Import>>,
    manager: &'s ServiceManager,
    /// The settings that the server was started with.
    started: &'s GivenValues,
    /// Those that were read last.
    known: Option<GivenValues>,
}

/// What changes while the server runs.
const LIVE_KEYS: [&str; 6] = [
    IMPORTS_KEY,
    "server.limits.connections",
    "server.limits.connections_per_address",
    "registry.registration.heartbeat_interval",
    "load_balancer.default_strategy",
    "monitoring.logging.level",
];
/// The list of imports.
const IMPORTS_KEY: &str = "registry.imports";
/// The interval at which the files are looked at.
const FILE_INTERVAL: Duration = Duration::from_secs(1);

impl<'s> Reloader<'s> {
    pub(super) fn new(
        (origin, changes): (&'s dyn SettingsOrigin, SettingsChanges),
        started: &'s GivenValues,
        log: Arc<LogLevel>,
        (live, imports): (watch::Sender<LiveSettings>, watch::Sender<Vec<Import>>),
        manager: &'s ServiceManager,
    ) -> Self {
        Self { origin, changes, log, live, imports, manager, started, known: None }
    }

    /// Follows the settings until the server stops.
    pub(super) async fn follow(mut self, shutdown: Shutdown) {
        let mut ticks = interval(FILE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

        loop {
            let cause = tokio::select! {
                () = shutdown.stopping() => return,
                _ = self.changes.hangups.recv() => "SIGHUP",
                _ = ticks.tick() => "file",
            };
            let now = stamps(self.origin.files());
            let is_changed = now != self.changes.stamps;
            self.changes.stamps = now;
            if is_changed || cause == "SIGHUP" {
                self.manager.reloading();
                self.reload(cause);
                self.manager.ready();
            }
        }
    }

    /// Reads the settings again. What cannot be used changes nothing.
    fn reload(&mut self, cause: &str) {
        let (given, plan) = match self.origin.read() {
            Ok(read) => read,
            Err(failure) => {
                error!(cause, hint = failure.hint(), "the settings stay as they are: {failure}");
                return;
            }
        };

        let changed = given.changed_keys(self.known.as_ref().unwrap_or(self.started));
        let live: Vec<&str> = changed.into_iter().filter(|key| LIVE_KEYS.contains(key)).collect();
        let differing = given.changed_keys(self.started);
        let waiting: Vec<&str> = differing.into_iter().filter(|key| !LIVE_KEYS.contains(key)).collect();
        if let Err(error) = self.log.set(&plan.log_filter) {
            warn!(%error, "the log level cannot be changed");
        }
        self.live.send_replace(plan.server.live());
        if live.contains(&IMPORTS_KEY) {
            self.imports.send_replace(plan.imports);
        }
        self.known = Some(given);

        info!(cause, changed = live.join(", "), "settings read again");
        if !waiting.is_empty() {
            warn!(settings = waiting.join(", "), "these settings change when the server is restarted");
        }
    }
}

impl GivenValues {
    /// The keys whose values differ from those of `other`.
    fn changed_keys(&self, other: &Self) -> Vec<&'static str> {
        let names = KEYS.iter().map(|key| key.name);
        names
            .filter(|name| self.get(name).map(|value| &value.texts) != other.get(name).map(|value| &value.texts))
            .collect()
    }
}
