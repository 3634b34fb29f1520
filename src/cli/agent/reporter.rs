//! Looks at an interval, and reports what two looks agree on.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::cli::stderr;
use crate::client::RegistryServer;
use crate::drift::{Confirmation, Drift, report_of};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Compares the host with the registry, and reports.
pub(super) struct Reporter {
    server: RegistryServer,
    drift: Drift,
    host: String,
    interval: Duration,
    quiet: bool,
    confirmation: Confirmation,
    looks: u64,
    state: ReportState,
}

/// What became of the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportState {
    None,
    Taken,
    Failed,
}

impl Reporter {
    pub(super) fn new(server: RegistryServer, drift: Drift, (host, interval): (String, Duration), quiet: bool) -> Self {
        let confirmation = Confirmation::default();
        Self { server, drift, host, interval, quiet, confirmation, looks: 0, state: ReportState::None }
    }

    /// Looks and reports until it is cancelled.
    pub(super) async fn run(&mut self, end: &Cancel) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looking = async {
            loop {
                ticks.tick().await;
                let reported = self.look().await;
                self.note(reported);
            }
        };
        // Nothing else ends it.
        let _: Option<()> = end.run_until_cancelled(looking).await;
    }

    /// Looks once, and reports what is confirmed. `Ok(false)`: there is nothing to report yet.
    async fn look(&mut self) -> Result<bool> {
        let (look, items) = self.drift.look().await?;
        let confirmed = self.confirmation.add(items, &look.unread(), Timestamp::now());
        self.looks += 1;
        // After the first look nothing is confirmed: a report would say that everything has ended.
        if self.looks < 2 {
            return Ok(false);
        }

        let report = report_of(&self.host, self.interval, &confirmed, &look);
        self.server.report_drift(&report).await.map(|()| true)
    }

    /// Reports on standard error when reports begin, fail, and are taken again.
    fn note(&mut self, reported: Result<bool, Error>) {
        let state = match &reported {
            Ok(false) => return,
            Ok(true) => ReportState::Taken,
            Err(_) => ReportState::Failed,
        };
        let before = std::mem::replace(&mut self.state, state);
        match reported {
            Err(error) if before != ReportState::Failed => {
                stderr::error(&error);
                if !self.quiet {
                    stderr::note(&format!("trying again every {} s, until it works", self.interval.as_secs_f64()));
                }
            }
            Ok(_) if before != ReportState::Taken && !self.quiet => {
                stderr::note(&format!("reports the drift of {} every {} s", self.host, self.interval.as_secs_f64()));
            }
            _ => {}
        }
    }
}
