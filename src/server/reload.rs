//! What changes while the server runs: its settings, and the files of keys and certificates.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::access::KeyKind;
use super::live_overrides::{self, SERVER_CONFIG};
use super::ring::Filter;
use super::settings::LiveSettings;
use super::shared::App;
use super::tls::ServerTls;
use crate::clean::clean;
use crate::engine::Shutdown;

/// The interval at which the files are looked at: a revoked key works for so long.
const FILE_INTERVAL: Duration = Duration::from_secs(1);

/// Takes over changed settings until the server stops: those of the file, and those of the server's own configuration. Open
/// connections stay, also above a limit that is lower now.
pub(super) async fn follow_settings(app: App, mut changes: watch::Receiver<LiveSettings>, shutdown: Shutdown) {
    let mut configured = app.ring.subscribe(&Filter::of_config(SERVER_CONFIG));
    let mut is_file_followed = true;

    loop {
        let base = *changes.borrow_and_update();
        live_overrides::apply(&app, base);
        tokio::select! {
            () = shutdown.stopping() => return,
            changed = changes.changed(), if is_file_followed => {
                is_file_followed = changed.is_ok();
                if is_file_followed {
                    let differing = base.differing(&changes.borrow());
                    app.audit.note("reload_settings", "", differing.join(", "));
                }
            }
            changed = configured.changed() => if changed.is_err() { return },
        }
    }
}

/// Follows the files until the server stops. What cannot be used changes nothing, and is logged once for each change.
pub(super) async fn follow_files(app: App, tls: Option<Arc<ServerTls>>, shutdown: Shutdown) {
    let mut keys = app.access.watched();
    let mut certificates = tls.as_ref().map(|tls| tls.watched()).unwrap_or_default();
    if keys.is_empty() && certificates.is_empty() {
        return;
    }
    // They were read when the server started.
    for file in &mut certificates {
        file.is_changed();
    }

    let mut ticks = interval(FILE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.stopping() => return,
            _ = ticks.tick() => {}
        }
        for (file, kind) in &mut keys {
            if file.is_changed() {
                read_keys(&app, &file.path().to_string_lossy(), *kind);
            }
        }

        let changed = certificates.iter_mut().filter_map(|file| file.is_changed().then(|| file.path().to_owned()));
        let changed: Vec<_> = changed.collect();
        if let (Some(tls), Some(path)) = (&tls, changed.first()) {
            let path = clean(&path.to_string_lossy());
            match tls.read_again() {
                Ok(()) => {
                    info!(file = path, "new connections get the changed certificate");
                    app.audit.note("reload_certificate", &path, "");
                }
                Err(why) => error!(file = path, why, "the certificate stays: the changed file cannot be used"),
            }
        }
    }
}

fn read_keys(app: &App, path: &str, kind: KeyKind) {
    match app.access.read_again(kind) {
        Ok(changes) => {
            for change in changes {
                app.audit.note(change.action, &change.target, change.detail);
            }
        }
        Err(why) => {
            let file = clean(path);
            error!(file, why, "the keys that are known stay: the changed file cannot be used");
        }
    }
}
