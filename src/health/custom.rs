//! Runs the checks that a program added.

use tokio::time::timeout;

use super::Evidence;
use super::block_cause::BlockCause;
use super::validator::{EndpointValidator, Subject};
use crate::engine::Shutdown;
use crate::model::{CheckStatus, Report};

impl EndpointValidator {
    /// Runs every check that the program added, each within the timeout, and keeps the reports.
    pub(super) async fn run_custom(&self, subject: &Subject, stopping: &Shutdown, evidence: &mut Evidence) {
        let limit = self.options.timeout;
        for check in &self.options.custom.0 {
            let outcome = tokio::select! {
                biased;
                () = stopping.stopping() => Err(BlockCause::Stopped),
                outcome = timeout(limit, check.check(&subject.endpoint)) => match outcome {
                    Ok(result) => result.map_err(|failure| BlockCause::Local(failure.0)),
                    Err(_) => Err(BlockCause::Local(format!("no result within {limit:?}"))),
                },
            };

            evidence.custom_is_cut_short |= outcome.as_ref().is_err_and(BlockCause::is_end_of_run);
            let (ran, findings) = match outcome {
                Ok(findings) => (CheckStatus::Yes, findings),
                Err(cause) => (CheckStatus::Hindered(cause.to_string()), Vec::new()),
            };
            evidence.custom.push(Report { check: check.name(), ran, findings });
        }
    }
}
