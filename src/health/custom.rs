//! Runs the checks that a program added.

use tokio::time::timeout;

use super::Evidence;
use super::validator::{EndpointValidator, Subject};
use crate::engine::Shutdown;
use crate::model::{CheckStatus, Report};

impl EndpointValidator {
    /// Runs every check that the program added, each within the timeout, and keeps what they report.
    pub(super) async fn run_custom(&self, subject: &Subject, stopping: &Shutdown, evidence: &mut Evidence) {
        let limit = self.options.timeout;
        for check in &self.options.custom.0 {
            let outcome = tokio::select! {
                biased;
                () = stopping.stopping() => Err("the run was stopped".to_owned()),
                outcome = timeout(limit, check.check(&subject.endpoint)) => match outcome {
                    Ok(found) => found.map_err(|failure| failure.0),
                    Err(_) => Err(format!("it took longer than {limit:?}")),
                },
            };

            let (ran, findings) = match outcome {
                Ok(findings) => (CheckStatus::Yes, findings),
                Err(why) => (CheckStatus::Hindered(why), Vec::new()),
            };
            evidence.custom.push(Report { check: check.name(), ran, findings });
        }
    }
}
