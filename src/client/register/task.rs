//! The task that keeps one registration.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::RegistrationState;
use super::heartbeat::{Heartbeat, NextStep, StepOutcome};
use crate::client::provider::{ActiveLease, Provider, Renewal};
use crate::engine::{Cancel, Retry};
use crate::error::{Error, Result};
use crate::model::Registration;

/// How long a registry may take for one request, whatever its own client allows.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the removal may take at the end.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// One registration, and what is known of it.
pub(super) struct RegistrationTask {
    provider: Arc<dyn Provider>,
    registration: Arc<Registration>,
    lease: Option<Box<dyn ActiveLease>>,
    registrations: u32,
    /// Why the last request failed, until the wait after it is known.
    failure: Option<Error>,
    states: watch::Sender<RegistrationState>,
}

impl RegistrationTask {
    pub(super) fn new(
        provider: Arc<dyn Provider>,
        registration: Arc<Registration>,
        lease: Option<Box<dyn ActiveLease>>,
        states: watch::Sender<RegistrationState>,
    ) -> Self {
        let registrations = u32::from(lease.is_some());
        Self { provider, registration, lease, registrations, failure: None, states }
    }

    /// Keeps the registration until `stop` is set, then removes it.
    pub(super) async fn run(mut self, stop: Cancel) -> Result<()> {
        let mut heartbeat = Heartbeat::new(self.registration.ttl);
        let mut wait = Some(Duration::ZERO);
        if let Some(lease) = &self.lease {
            (heartbeat, wait) = heartbeat.after(StepOutcome::Registered(lease.ttl()), Retry::random_seed());
        }

        while stop.run_until_cancelled(pause(wait)).await.is_some() {
            let outcome = match heartbeat.step() {
                // Not to be interrupted: the registry may have it although its reply is lost.
                NextStep::Register => self.register().await,
                NextStep::Renew => match stop.run_until_cancelled(self.renew()).await {
                    Some(outcome) => outcome,
                    None => break,
                },
            };
            (heartbeat, wait) = heartbeat.after(outcome, Retry::random_seed());
            if let Some(error) = self.failure.take() {
                self.set_failing(&error, wait.unwrap_or_default());
            }
        }

        let released = self.release().await;
        self.states.send_replace(RegistrationState::Ended);
        released
    }

    async fn register(&mut self) -> StepOutcome {
        match within(STEP_TIMEOUT, "register", &self.registration, self.provider.register(&self.registration)).await {
            Ok(lease) => {
                let ttl = lease.ttl();
                self.lease = Some(lease);
                self.registrations = self.registrations.saturating_add(1);
                self.set_active();
                StepOutcome::Registered(ttl)
            }
            Err(error) => self.failed(error),
        }
    }

    async fn renew(&mut self) -> StepOutcome {
        let Some(lease) = &self.lease else { return StepOutcome::Gone };
        match within(STEP_TIMEOUT, "renew", &self.registration, lease.renew()).await {
            Ok(Renewal::Renewed) => {
                self.set_active();
                StepOutcome::Renewed
            }
            Ok(Renewal::Gone) => {
                self.lease = None;
                StepOutcome::Gone
            }
            Err(error) => self.failed(error),
        }
    }

    async fn release(&mut self) -> Result<()> {
        match self.lease.take() {
            Some(lease) => within(RELEASE_TIMEOUT, "deregister", &self.registration, lease.release()).await,
            None => Ok(()),
        }
    }

    /// Watches are woken only if something changed.
    fn set_active(&self) {
        self.set(RegistrationState::Active { registrations: self.registrations });
    }

    fn failed(&mut self, error: Error) -> StepOutcome {
        let is_refused = matches!(error, Error::Refused { .. });
        self.failure = Some(error);
        if is_refused { StepOutcome::Refused } else { StepOutcome::Failed }
    }

    fn set_failing(&self, error: &Error, retry_in: Duration) {
        self.set(RegistrationState::Failing { error: error.to_string(), hint: error.hint().to_owned(), retry_in });
    }

    fn set(&self, state: RegistrationState) {
        self.states.send_if_modified(|known| {
            let is_new = *known != state;
            if is_new {
                *known = state;
            }
            is_new
        });
    }
}

/// Waits; without a time, for ever.
async fn pause(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Limits the time of a request.
async fn within<T>(
    limit: Duration,
    operation: &str,
    registration: &Registration,
    request: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(limit, request).await.unwrap_or_else(|_| {
        Err(Error::TimedOut {
            what: format!("{operation} {} within {} s", crate::clean::clean(&registration.name), limit.as_secs()),
            why: "the registry did not reply".to_owned(),
            hint: "check that the registry runs, and its address".to_owned(),
        })
    })
}
