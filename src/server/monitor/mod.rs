//! The health monitor: runs the checks of registered instances, on a thread of its own.
//!
//! The load of the API does not affect the measurements then, and the scheduler lag of this thread is known exactly.

mod definition;
mod demands;
mod driver;
#[cfg(test)]
mod forbidden_targets;
mod outbox;
mod tracked;

use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tracing::error;

use self::driver::MonitorDriver;
use super::checks::Demand;
use super::shared::App;
use crate::engine::Shutdown;
use crate::model::CheckDefinition;
use crate::net::runtime;

/// Starts the monitor. It ends with `shutdown`, which tracks its thread.
pub(super) fn start(app: &App, demands: mpsc::Receiver<Demand>, shutdown: Shutdown) {
    if !app.settings.health_checks.enabled {
        app.checks.turn_off("registry.health_checks.enabled is false");
        return;
    }

    let (own, tracked) = (Arc::clone(app), shutdown.track());
    let started = thread::Builder::new().name("health-monitor".to_owned()).spawn(move || {
        // The tree counts the thread until it ends.
        let _tracked = tracked;
        match runtime(0) {
            Ok(runtime) => {
                let ran: Result<(), String> = runtime.block_on(async {
                    MonitorDriver::new(Arc::clone(&own), shutdown)?.run(demands).await;
                    Ok(())
                });
                if let Err(cause) = ran {
                    error!("no health check runs: registry.health_checks.ca cannot be used: {cause}");
                    own.checks.turn_off(cause);
                }
                // A resolver may block a thread for a long time: do not wait for it.
                runtime.shutdown_background();
            }
            Err(cause) => {
                error!("no health check runs: {cause}");
                own.checks.turn_off(cause.to_string());
            }
        }
    });
    if let Err(cause) = started {
        error!("no health check runs: the thread for them cannot start: {cause}");
        app.checks.turn_off(format!("the thread for them cannot start: {cause}"));
    }
}

/// The interval and the timeout of a check as they are in force, for answers.
pub(super) fn times(app: &App, check: &CheckDefinition) -> (std::time::Duration, std::time::Duration) {
    driver::defaults(app).times(check)
}
