//! Keeps a program registered: heartbeats in the background, registration anew after a loss, and a clean end.

mod heartbeat;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use self::task::RegistrationTask;
use super::provider::{ActiveLease, Provider};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::Registration;

/// The state of a registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// It has not been made yet.
    #[default]
    Pending,
    /// The registry has it.
    Active {
        /// How often it was made: more than once after it expired, was removed or was lost.
        registrations: u32,
    },
    /// The last request failed; more follow. Until its lease ends, the registry keeps it.
    Failing {
        /// Why.
        error: String,
        /// What to try.
        hint: String,
        /// How long until the next request.
        retry_in: Duration,
    },
    /// It ended, and the registry does not have it any more, unless the error of
    /// [`RegistrationHandle::deregister`] says otherwise.
    Ended,
}

/// A registration that is kept up until this is dropped: then it is removed from the registry in the background. To be sure
/// that it is gone, await [`deregister`](Self::deregister) or [`Registry::close`](super::Registry::close).
#[derive(Debug)]
#[must_use = "a dropped registration is removed from the registry"]
pub struct RegistrationHandle {
    registration: Arc<Registration>,
    stop: Cancel,
    state: watch::Receiver<RegistrationState>,
    /// `None` after `deregister`.
    task: Option<JoinHandle<Result<()>>>,
}

impl RegistrationHandle {
    /// What is registered, with its id.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The present state.
    pub fn state(&self) -> RegistrationState {
        self.state.borrow().clone()
    }

    /// The state and its changes: the last one is [`RegistrationState::Ended`].
    pub fn states(&self) -> watch::Receiver<RegistrationState> {
        self.state.clone()
    }

    /// Removes it from the registry, and waits until that is done.
    ///
    /// # Errors
    /// If the registry could not be asked. It removes the instance when its lease ends.
    pub async fn deregister(mut self) -> Result<()> {
        self.stop.cancel();
        let Some(task) = self.task.take() else { return Ok(()) };
        task.await.unwrap_or_else(|_| Err(ended_early(&self.registration)))
    }
}

impl Drop for RegistrationHandle {
    fn drop(&mut self) {
        // The task removes it, and ends.
        self.stop.cancel();
    }
}

fn ended_early(registration: &Registration) -> Error {
    Error::TimedOut {
        what: format!("deregister {}", crate::clean::clean(&registration.name)),
        why: "the runtime ended before the registry replied".to_owned(),
        hint: "await `deregister` or `close` before the runtime ends".to_owned(),
    }
}

/// Starts the task that keeps a registration. `lease`: what the registry gave already.
pub(super) fn keep(
    provider: Arc<dyn Provider>,
    registration: Arc<Registration>,
    lease: Option<Box<dyn ActiveLease>>,
    (stop, tracker): (Cancel, &TaskTracker),
) -> RegistrationHandle {
    let first =
        if lease.is_some() { RegistrationState::Active { registrations: 1 } } else { RegistrationState::Pending };
    let (states, state) = watch::channel(first);
    let task = RegistrationTask::new(provider, Arc::clone(&registration), lease, states);
    let task = tracker.spawn(task.run(stop.clone()));

    RegistrationHandle { registration, stop, state, task: Some(task) }
}
