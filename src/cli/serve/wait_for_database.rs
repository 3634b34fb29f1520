//! A database that is away when the server starts: the server says so, and waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::plan::Plan;
use super::service_manager::ServiceManager;
use crate::clean::clean;
use crate::cli::stderr;
use crate::engine::Shutdown;
use crate::error::{Error, Result};
use crate::server::{Listeners, ServerTls, answer_unavailable};
use crate::store::{Contents, Postgres, PostgresUrl, StoreError};

/// The pause before another try.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a client may wait for a database that replies, before it gets 503.
const QUIET_TIME: Duration = Duration::from_millis(500);
/// What a database is that can only be read.
const STANDBY: &str = "it is a standby, which cannot be written to";

/// A server that starts.
pub(super) struct StartingServer<'s> {
    pub(super) plan: &'s Plan,
    pub(super) listeners: &'s Listeners,
    pub(super) tls: Option<&'s Arc<ServerTls>>,
    pub(super) manager: &'s ServiceManager,
    pub(super) shutdown: &'s Shutdown,
    pub(super) quiet: bool,
}

/// An open database with what it holds.
type OpenPostgres = (Postgres, Contents);

impl StartingServer<'_> {
    /// Opens a database. While it does not reply, every request gets 503. `None`: the server was stopped meanwhile.
    ///
    /// # Errors
    /// The database replies, and cannot be used.
    pub(super) async fn open(&self, url: &PostgresUrl, max_events: u64) -> Result<Option<OpenPostgres>> {
        let waiting = self.shutdown.child();
        let opening = async {
            let opened = self.connect(url, max_events).await;
            waiting.stop();
            opened
        };
        let (opened, ()) = tokio::join!(opening, self.answer(waiting.clone()));
        opened
    }

    /// Answers that the server waits for its database, unless that replies at once: clients that connected by then are
    /// answered by the registry.
    async fn answer(&self, waiting: Shutdown) {
        tokio::select! {
            () = waiting.stopping() => {}
            () = sleep(QUIET_TIME) => {
                answer_unavailable(self.listeners, &self.plan.server, self.tls.map(Arc::clone), waiting.clone()).await;
            }
        }
    }

    /// Tries until the database replies.
    async fn connect(&self, url: &PostgresUrl, max_events: u64) -> Result<Option<OpenPostgres>> {
        let mut said: Option<String> = None;
        loop {
            let error = match self.attempt(url, max_events).await {
                None => return Ok(None),
                Some(Ok(opened)) => {
                    if said.is_some() {
                        info!("the database replies");
                    }
                    return Ok(Some(opened));
                }
                Some(Err(error)) => error,
            };
            let Some(reason) = WaitReason::of(&error, said.is_some()) else { return Err(unusable(url, &error)) };

            if said.as_ref() != Some(&reason.cause) {
                self.say(url, &reason);
                said = Some(reason.cause);
            }
            self.manager.waiting("waiting for the database");
            tokio::select! {
                () = self.shutdown.stopping() => return Ok(None),
                () = sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Opens it once; `None` if the server was stopped meanwhile.
    async fn attempt(
        &self,
        url: &PostgresUrl,
        max_events: u64,
    ) -> Option<std::result::Result<OpenPostgres, StoreError>> {
        tokio::select! {
            () = self.shutdown.stopping() => None,
            opened = Postgres::open(url.clone(), &self.plan.server.cluster, max_events) => Some(opened),
        }
    }

    fn say(&self, url: &PostgresUrl, reason: &WaitReason) {
        let (database, cause) = (clean(&url.to_string()), clean(&reason.cause));
        if self.plan.log_json {
            warn!(database, cause, "waiting for the database; requests get 503");
        } else if !self.quiet {
            stderr::note(&format!("waiting for the database {database}: {cause}; requests get 503"));
            stderr::note(&format!("hint: {}", reason.hint));
        }
    }
}

/// Why a server waits for its database.
#[derive(Debug, PartialEq, Eq)]
struct WaitReason {
    cause: String,
    hint: &'static str,
}

impl WaitReason {
    /// `None` for what does not pass by itself. A standby alone is a mistake at the start; later it is one that is not promoted
    /// yet. `waits`: the server waits already.
    fn of(error: &StoreError, waits: bool) -> Option<Self> {
        match error {
            StoreError::NotReady { cause, hint, .. } => Some(Self { cause: cause.clone(), hint }),
            StoreError::Away { cause } => Some(Self { cause: cause.clone(), hint: "see the log of PostgreSQL" }),
            StoreError::ReadOnly { .. } if waits => Some(Self { cause: STANDBY.to_owned(), hint: error.hint() }),
            _ => None,
        }
    }
}

fn unusable(url: &PostgresUrl, error: &StoreError) -> Error {
    let why = match error {
        StoreError::Unusable { cause, .. } => cause.clone(),
        StoreError::ReadOnly { .. } => STANDBY.to_owned(),
        other => other.to_string(),
    };
    Error::usage(format!("the database {}", clean(&url.to_string())), clean(&why), error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> String {
        "postgresql://h/d".to_owned()
    }

    #[test]
    fn a_server_waits_for_what_may_pass_and_for_a_standby_only_if_it_waits_already() {
        let full =
            StoreError::NotReady { database: database(), cause: "too many clients".to_owned(), hint: "raise it" };
        let reason = WaitReason { cause: "too many clients".to_owned(), hint: "raise it" };
        assert_eq!(WaitReason::of(&full, false), Some(reason));

        let standby = StoreError::ReadOnly { database: database() };
        assert_eq!(WaitReason::of(&standby, false), None);
        assert!(WaitReason::of(&standby, true).unwrap().hint.contains("primary"));
        let wrong = StoreError::Unusable { database: database(), cause: "password".to_owned(), hint: "" };
        assert_eq!(WaitReason::of(&wrong, true), None);
    }
}
